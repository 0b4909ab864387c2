//! The breaks of the fast path of the ordered merge.

use super::list::{Break, Seen};

const fn merge(test: &'static str) -> Seen {
    Seen::Test("merge", test)
}

const AHEAD: Seen = merge("order::a_look_ahead_repairs_the_order_within_a_ring");
const LATE: Seen =
    merge("property::nothing_is_lost_or_repeated_and_exactly_the_late_ones_are_marked");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "merge: a record that takes the place of another one is not sorted",
        file: "ringbuf-core/src/merge/window/walk.rs",
        edits: &[("        if next >= newest {", "        if next >= newest || W > 1 {")],
        seen: &[AHEAD],
    },
    Break {
        name: "merge: a busy record takes the place of another one",
        file: "ringbuf-core/src/walk.rs",
        edits: &[("        (footprint <= cursor.window)\n", "        (footprint <= u64::MAX)\n")],
        seen: &[LATE],
    },
    Break {
        name: "merge: a record goes before its next one is read",
        file: "ringbuf-core/src/merge/window/walk.rs",
        edits: &[(
            "        let next = self.key(consumer, area, key, (at, len), newest);\n",
            "        self.first.set(first.wrapping_add(1));\n        \
             let next = self.key(consumer, area, key, (at, len), newest);\n",
        )],
        seen: &[merge("counts::after_a_panic_of_the_key_of_a_later_record_the_sum_holds")],
    },
    Break {
        name: "merge: a round looks again for what it knows",
        file: "ringbuf-core/src/merge/window/walk.rs",
        edits: &[("if self.known.get() != position || consumer", "if consumer")],
        seen: &[merge("looks::a_round_looks_once_at_an_idle_ring_and_not_behind_a_busy_record")],
    },
    Break {
        name: "merge: an idle ring is no longer corrupt",
        file: "ringbuf-core/src/merge/window/walk.rs",
        edits: &[(" || consumer.walk.corrupt.get().is_some() {", " {")],
        seen: &[merge("ends::what_was_corrupt_once_is_reported_though_it_looks_sound_again")],
    },
];
