//! The breaks of what is around the ordered merge: batches that are entered again, what rounds
//! count, event loops of one's own; and of counts whose words another ring takes.

use super::list::{Break, Seen};

const BATCH: &str = "ringbuf-core/src/merge/batch.rs";
const ARM: &str = "ringbuf-core/src/merge/arm.rs";
const MERGING: &str = "ringbuf-core/src/set/merging.rs";
const GIVE_BACK: &str = "ringbuf-core/src/merge/window/give_back.rs";

const SAVED: &str = "ringbuf-core/src/saved.rs";

const fn saved(test: &'static str) -> Seen {
    Seen::Test("saved", test)
}

const fn merge(test: &'static str) -> Seen {
    Seen::Test("merge", test)
}

const HELD: Seen = merge("arm::a_held_record_is_delivered_when_it_is_due");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "merge: a batch may be entered again",
        file: BATCH,
        edits: &[("(!busy.replace(true)).then_some(Self(busy))", "Some(Self(busy))")],
        seen: &[merge("reentered::a_key_that_reads_its_own_batch_gets_nothing")],
    },
    Break {
        name: "merge: each round counts all that is behind a held record",
        file: GIVE_BACK,
        edits: &[(
            "distance(consumed, width) == 0 && within {",
            "distance(consumed, width) == 1 {",
        )],
        seen: &[merge("looks::a_round_counts_again_only_what_is_new_behind_a_held_record")],
    },
    Break {
        name: "merge: a loop that holds looks without end",
        file: ARM,
        edits: &[("match self.set.held_for()? {", "match None::<Duration> {")],
        seen: &[
            HELD,
            merge("arm::while_a_head_is_busy_the_loop_neither_spins_nor_sleeps_for_ever"),
        ],
    },
    Break {
        name: "merge: a loop that holds sleeps past the next record",
        file: MERGING,
        edits: &[("let left = until.saturating_sub(self.host.now());", "let left = until;")],
        seen: &[HELD],
    },
    Break {
        name: "merge: a loop that holds misses wakes",
        file: MERGING,
        edits: &[(
            "self.asked.woken || wakes != Wakes::NONE || self.is_flush_over();",
            "self.is_flush_over();\n        let _ = wakes;",
        )],
        seen: &[merge("arm::wakes_end_the_sleep_of_a_loop_that_holds")],
    },
    Break {
        name: "merge: a flush waits for younger records",
        file: MERGING,
        edits: &[(" || self.is_flush_over();", ";")],
        seen: &[merge("arm::a_flush_is_reported_while_younger_records_are_held")],
    },
    Break {
        name: "saved: the words of another ring are taken",
        file: SAVED,
        edits: &[("if known && owner != ring {", "if false {")],
        seen: &[saved("the_words_of_another_ring_are_refused_until_they_are_cleared")],
    },
    Break {
        name: "saved: a reader goes on after its words were taken",
        file: SAVED,
        edits: &[("if self.taken_by().is_some() {", "if false {")],
        seen: &[saved("a_reader_whose_words_were_taken_leaves_them_alone")],
    },
    Break {
        name: "saved: a slot of another ring counts",
        file: SAVED,
        edits: &[("if own { Self::load", "if own || true { Self::load")],
        seen: &[saved("a_slot_of_another_ring_does_not_count")],
    },
    Break {
        name: "merge: a loop in its own epoll set is not woken for what is held",
        file: "ringbuf-kernel/src/set/merged/waiting.rs",
        edits: &[(
            "        self.merge.set().host().set_timer(held)?;\n",
            "        let _ = held;\n",
        )],
        seen: &[Seen::Test(
            "live/merged_loops",
            "a_loop_of_ones_own_sleeps_in_its_epoll_set_and_misses_nothing",
        )],
    },
    Break {
        name: "merge: a loop is not told that records are held",
        file: ARM,
        edits: &[("Some(left) => MergeArmed::Held(left),", "Some(_) => MergeArmed::Sleep,")],
        seen: &[HELD, Seen::Test("explore", "merge::a_loop_with_a_timer_for_what_is_held_passes")],
    },
];
