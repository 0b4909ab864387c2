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

const PLANTED: Seen = explore("planted::each_planted_defect_is_found");
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
        edits: &[("        self.state().queue.take();\n", "")],
        seen: &[FORGETS],
    },
    Break {
        name: "explore: endless loops are not looked for",
        file: WORLD,
        edits: &[(
            "                return Err(format!(\n                    \"endless loop: in {IDLE} steps the reader has not read {record}\"\n                ));",
            "                drop(record);\n                return Ok(true);",
        )],
        seen: &[PLANTED],
    },
    Break {
        name: "explore: what is unread at the end does not count",
        file: WORLD,
        edits: &[("            self.must_have_read_all(reads)?;\n", "")],
        seen: &[PLANTED],
    },
    Break {
        name: "explore: the bytes of a sample are not compared",
        file: CHECK,
        edits: &[(
            "record.state == State::Submitted && record.sample == sample",
            "record.state == State::Submitted",
        )],
        seen: &[PLANTED],
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
        seen: &[PLANTED],
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
    Break {
        name: "explore: a reader may sleep after a corrupt ring",
        file: WORLD,
        edits: &[(
            "        if self.bench.has_seen_it.get() && self.sleeps(scheduler) {",
            "        if false {",
        )],
        seen: &[PLANTED],
    },
    Break {
        name: "explore: a reader that stops keeps its time",
        file: WORLD,
        edits: &[("            scheduler.rest(self.me, until);\n", "            let _ = until;\n")],
        seen: &[PLANTED],
    },
    Break {
        name: "explore: a lost notification counts against the reader",
        file: CHECK,
        edits: &[("            if lost {", "            if lost && self.records.is_empty() {")],
        seen: &[explore("faulty::right_readers_survive_the_faults")],
    },
    Break {
        name: "explore: needless faults stay in the smallest plan",
        file: EXPLORE,
        edits: &[("&faulty::with_fewer_faults(plan, fails)", "plan")],
        seen: &[explore("faulty::faults_that_do_not_matter_are_left_out_of_the_smallest_plan")],
    },
];
