//! The breaks of the public scheduler: each check of a user's reader.

use super::list::{Break, Seen};

const CHECK: &str = "ringbuf-sim/src/explore/check.rs";
const ENGINE: &str = "ringbuf-sim/src/explore/engine.rs";
const EXPLORE: &str = "ringbuf-sim/src/explore/mod.rs";
const RING: &str = "ringbuf-sim/src/explore/ring.rs";
const WORLD: &str = "ringbuf-sim/src/explore/world.rs";

const fn explore(test: &'static str) -> Seen {
    Seen::Test("explore", test)
}

const FORGETS: Seen = explore("a_reader_that_forgets_to_arm_is_found");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "explore: lost wakeups are not looked for",
        file: WORLD,
        edits: &[("        self.find_lost_wakeup(scheduler)?;\n", "")],
        seen: &[FORGETS, explore("a_set_that_forgets_to_arm_is_found")],
    },
    Break {
        name: "explore: a notification is never used up",
        file: RING,
        edits: &[("        self.state().edge.set(false);\n", "")],
        seen: &[FORGETS],
    },
    Break {
        name: "explore: endless loops are not looked for",
        file: WORLD,
        edits: &[(
            "                return Err(format!(\n                    \"endless loop: in {IDLE} steps the reader has not read {record}\"\n                ));",
            "                drop(record);\n                return Ok(true);",
        )],
        seen: &[explore("a_reader_that_loops_or_ends_is_found")],
    },
    Break {
        name: "explore: what is unread at the end does not count",
        file: WORLD,
        edits: &[("            self.must_have_read_all(reads)?;\n", "")],
        seen: &[explore("a_reader_that_loops_or_ends_is_found")],
    },
    Break {
        name: "explore: the bytes of a sample are not compared",
        file: CHECK,
        edits: &[(
            "record.state == State::Submitted && record.sample == sample",
            "record.state == State::Submitted",
        )],
        seen: &[explore("a_reader_that_counts_wrongly_is_found")],
    },
    Break {
        name: "explore: what a dead reader gave back unhandled does not count",
        file: CHECK,
        edits: &[
            ("            self.fail(self.lost_by_a_death(missed));\n", ""),
            (
                "                if next < self.began {",
                "                if self.records.is_empty() {",
            ),
        ],
        seen: &[explore("a_reader_that_loses_records_when_it_dies_is_found")],
    },
    Break {
        name: "explore: records that come again are not counted",
        file: CHECK,
        edits: &[(
            "if again > again_at_most {",
            "if again_at_most == u64::MAX && again > again_at_most {",
        )],
        seen: &[explore("more_records_again_than_stated_are_found")],
    },
    Break {
        name: "explore: a dying reader still gives back",
        file: ENGINE,
        edits: &[("        return !DYING.get();", "        return true;")],
        seen: &[explore("own_loops_that_arm_pass")],
    },
    Break {
        name: "explore: two runs of a seed are not compared",
        file: EXPLORE,
        edits: &[(
            "        if second == *first {",
            "        if second == *first || first.is_ok() {",
        )],
        seen: &[explore("a_reader_that_is_not_deterministic_is_reported")],
    },
];
