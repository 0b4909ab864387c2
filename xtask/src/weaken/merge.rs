//! The breaks of the ordered merge.

use super::list::{Break, Seen};

const CLOCK: &str = "ringbuf-core/src/merge/clock.rs";
const ROUND: &str = "ringbuf-core/src/merge/round.rs";
const WINDOW: &str = "ringbuf-core/src/merge/window.rs";
const WALK: &str = "ringbuf-core/src/merge/window/walk.rs";
const GIVE_BACK: &str = "ringbuf-core/src/merge/window/give_back.rs";
const STEPS: &str = "ringbuf-core/src/set/steps.rs";
const MERGING: &str = "ringbuf-core/src/set/merging.rs";

const fn merge(test: &'static str) -> Seen {
    Seen::Test("merge", test)
}

const SCHEDULES: Seen = merge("property::schedules_by_seed_are_punctual_or_late");
const EMPTY: Seen = merge("order::an_empty_ring_holds_the_others_until_their_keys_are_old_enough");
const BUSY: Seen = merge("order::a_busy_head_holds_the_others_for_twice_the_lateness");
const AHEAD: Seen = merge("order::a_look_ahead_repairs_the_order_within_a_ring");
const DUE: Seen = merge("wait::what_is_held_is_delivered_as_soon_as_it_is_due");
const FLUSH: Seen = merge("wait::a_flush_is_over_when_what_was_held_is_delivered");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "merge: a wait that holds spins",
        file: "ringbuf-core/src/set/steps.rs",
        edits: &[("if time > LATE && !self.policy().spins() =>", "if time == Duration::MAX =>")],
        seen: &[merge("wait::a_wait_that_holds_sleeps_even_if_the_rings_fill_fast")],
    },
    Break {
        name: "merge: an empty ring holds nothing",
        file: CLOCK,
        edits: &[(
            "(End::Empty, Mode::Live) => now.saturating_sub(lateness)",
            "(End::Empty, Mode::Live) => now",
        )],
        seen: &[EMPTY, SCHEDULES],
    },
    Break {
        name: "merge: a busy head holds nothing",
        file: CLOCK,
        edits: &[(
            "                since.max(now.saturating_sub(lateness.saturating_mul(2)))",
            "                since.max(now)",
        )],
        seen: &[
            BUSY,
            SCHEDULES,
            merge("order::a_busy_head_that_is_committed_is_delivered_in_its_place"),
        ],
    },
    Break {
        name: "merge: a busy head holds for ever",
        file: CLOCK,
        edits: &[("since.max(now.saturating_sub(lateness.saturating_mul(2)))", "since")],
        seen: &[
            BUSY,
            merge("wait::a_head_that_is_busy_for_ever_delays_the_others_by_twice_the_lateness"),
        ],
    },
    Break {
        name: "merge: when a ring was clear is forgotten",
        file: WALK,
        edits: &[("        self.clear.set(clock.clear().unwrap_or(self.clear.get()));\n", "")],
        seen: &[BUSY],
    },
    Break {
        name: "merge: a time that is none counts as clear",
        file: CLOCK,
        edits: &[("(self.mode == Mode::Live).then_some(self.now)", "Some(self.now)")],
        seen: &[merge("order::a_flushed_ring_is_not_clear_for_ever")],
    },
    Break {
        name: "merge: a ring is not sorted",
        file: WALK,
        edits: &[("if other.key <= key {", "if other.key <= u64::MAX {")],
        seen: &[AHEAD, SCHEDULES],
    },
    Break {
        name: "merge: equal keys of a ring change places",
        file: WALK,
        edits: &[("if other.key <= key {", "if other.key < key {")],
        seen: &[merge("order::records_of_equal_keys_keep_the_order_of_their_ring")],
    },
    Break {
        name: "merge: what may come after the known records of a ring is not waited for",
        file: ROUND,
        edits: &[(
            "progress.lower(bound.unwrap_or_else(|| window.walk(consumer, &self.key, clock)));",
            "let floor = bound.unwrap_or_else(|| window.walk(consumer, &self.key, clock));\n\
             if window.filled() == 0 { progress.lower(floor); }",
        )],
        seen: &[merge("order::a_ring_whose_records_are_all_known_holds_them")],
    },
    Break {
        name: "merge: a ring that runs out in a round is not waited for",
        file: ROUND,
        edits: &[(
            "                progress.lower(window.turn(ring.as_mut(), &self.key, clock));",
            "                let _ = window.turn(ring.as_mut(), &self.key, clock);",
        )],
        seen: &[
            SCHEDULES,
            merge(
                "order::rings_that_all_have_records_hold_nothing_that_another_one_cannot_precede",
            ),
        ],
    },
    Break {
        name: "merge: nothing is late",
        file: ROUND,
        edits: &[("let late = key < self.newest.get();", "let late = false;")],
        seen: &[SCHEDULES, merge("order::a_late_record_is_delivered_and_marked")],
    },
    Break {
        name: "merge: a wrong key counts as it is",
        file: WINDOW,
        edits: &[(
            "        if self.newest.get() > now {\n            self.clamp(now, consumer.memory.width());\n        }\n",
            "",
        )],
        seen: &[merge("order::a_key_ahead_of_the_clock_neither_stays_nor_makes_others_late")],
    },
    Break {
        name: "merge: a round never ends",
        file: WALK,
        edits: &[(">= area.capacity.bytes() {", ">= u64::MAX {")],
        seen: &[merge("order::a_round_reads_at_most_one_ring")],
    },
    Break {
        name: "merge: what is held is given back",
        file: GIVE_BACK,
        edits: &[(
            "self.places().map(ahead).max().unwrap_or(0)",
            "self.places().map(ahead).min().unwrap_or(0)",
        )],
        seen: &[SCHEDULES],
    },
    Break {
        name: "merge: records of a ring that somebody else has read are lent",
        file: WINDOW,
        edits: &[
            ("self.filled() > 0 && self.base == consumer.consumed", "self.filled() > 0"),
            (
                "        if self.base != consumer.consumed {\n            // Somebody",
                "        if false {\n            // Somebody",
            ),
        ],
        seen: &[merge("ends::a_list_of_places_that_lies_repeats_nothing")],
    },
    Break {
        name: "merge: behind a record that is held, two are held back",
        file: GIVE_BACK,
        edits: &[("            consumer.walk.passed.set(Passed::nothing(position));\n", "")],
        seen: &[merge("order::what_was_delivered_is_given_back")],
    },
    Break {
        name: "merge: a corrupt ring ends each wait",
        file: MERGING,
        edits: &[("        self.circle.leave(self.slots.as_mut(), index, State::Failed);\n", "")],
        seen: &[merge("ends::a_corrupt_ring_fails_alone")],
    },
    Break {
        name: "merge: a wait looks for what is held",
        file: STEPS,
        edits: &[(
            "            return Ok((now >= until).then(|| self.ready_now()));",
            "            return Ok((now <= until).then(|| self.ready_now()));",
        )],
        seen: &[DUE, FLUSH],
    },
    Break {
        name: "merge: what is held is waited for by a block",
        file: STEPS,
        edits: &[(
            "WaitAction::Block(_) => WaitAction::Nap(time),",
            "WaitAction::Block(_) => WaitAction::Block(time),",
        )],
        seen: &[DUE],
    },
    Break {
        name: "merge: naps gather nothing",
        file: STEPS,
        edits: &[(
            "WaitAction::Nap(nap) => WaitAction::Nap(nap.max(time)),",
            "WaitAction::Nap(_) => WaitAction::Nap(time),",
        )],
        seen: &[merge("wait::dense_streams_are_in_order_and_gathered")],
    },
    Break {
        name: "merge: a flush does not wait for what is held",
        file: STEPS,
        edits: &[(
            "return (!held).then(|| self.ready_now());",
            "let _ = held;\n            return Some(self.ready_now());",
        )],
        seen: &[FLUSH],
    },
    Break {
        name: "merge: the last reading does not wait for a busy record",
        file: CLOCK,
        edits: &[(
            "(End::Busy, Mode::Ending) => newest,",
            "(End::Busy, Mode::Ending) => u64::MAX,",
        )],
        seen: &[merge("ends::at_the_end_a_busy_record_is_waited_for_up_to_the_limit")],
    },
    Break {
        name: "merge: the last reading goes on with the programs",
        file: GIVE_BACK,
        edits: &[(
            "consumer.walk.max_bytes.get().saturating_sub(bytes)",
            "consumer.walk.max_bytes.get()",
        )],
        seen: &[merge("ends::the_last_reading_ends_where_it_must")],
    },
    Break {
        name: "merge: a late key is far ahead",
        file: "ringbuf-core/src/merge/tree.rs",
        edits: &[("if key < self.base { 0 } else { FAR }", "FAR")],
        seen: &[Seen::Test("core", "merge::tree::tests::keys_outside_the_scale_keep_their_side")],
    },
    Break {
        name: "merge: what is delivered ahead of a held record counts at once",
        file: GIVE_BACK,
        edits: &[(
            "delivered.wrapping_add(self.early).saturating_sub(behind.delivered)",
            "delivered",
        )],
        seen: &[merge("counts::a_record_delivered_out_of_turn_counts_once")],
    },
    Break {
        name: "merge: discarded records behind a held one count at once",
        file: GIVE_BACK,
        edits: &[("skipped.saturating_sub(behind.discarded)", "skipped")],
        seen: &[merge("counts::a_discarded_record_behind_a_held_one_counts_once")],
    },
    Break {
        name: "merge: after a panic of the key, discarded records count again",
        file: WALK,
        edits: &[("                self.skip_to(record.0);\n", "")],
        seen: &[merge("counts::after_a_panic_of_the_key_the_sum_holds")],
    },
];
