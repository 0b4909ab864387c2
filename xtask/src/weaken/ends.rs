//! The breaks of the last reading.

use super::list::{Break, Seen};

const FINISH: &str = "ringbuf-core/src/finish.rs";
const UNREAD: &str = "ringbuf-core/src/unread.rs";
const SET_FINISH: &str = "ringbuf-core/src/set/finish.rs";
const EACH: &str = "ringbuf-core/src/each.rs";

const fn one(test: &'static str) -> Seen {
    Seen::Test("virtual_time", test)
}

const fn set(test: &'static str) -> Seen {
    Seen::Test("set", test)
}

const NOTHING_LATER: Seen = one("finish::all_that_was_there_is_read_and_nothing_later");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "finish: it reads what came later",
        file: FINISH,
        edits: &[("batch.cut(self.left);", "let _ = batch;")],
        seen: &[NOTHING_LATER],
    },
    Break {
        name: "finish: the goal moves with the producer",
        file: FINISH,
        edits: &[(
            "        loop {\n            match self.read(&mut goal.limit(), &mut each)? {",
            "        loop {\n            let goal = Goal::capture(self)?;\n            match self.read(&mut goal.limit(), &mut each)? {",
        )],
        seen: &[one("finish::a_commit_in_time_is_waited_for")],
    },
    Break {
        name: "finish: it gives up at the first busy record",
        file: FINISH,
        edits: &[(
            "if left.is_zero() {\n                break;",
            "if true {\n                break;",
        )],
        seen: &[one("finish::a_commit_in_time_is_waited_for")],
    },
    Break {
        name: "finish: it sleeps without arming",
        file: FINISH,
        edits: &[("if self.arm() == Armed::Sleep {", "if self.memory.is_owned() {")],
        seen: &[one("finish::a_commit_in_time_is_waited_for")],
    },
    Break {
        name: "finish: only a notification ends its sleep",
        file: FINISH,
        edits: &[("self.memory.block(left.min(REST))", "self.memory.block(left)")],
        seen: &[one("finish::a_commit_in_time_is_waited_for")],
    },
    Break {
        name: "finish: what was read is not given back",
        file: FINISH,
        edits: &[(
            "        self.publish();\n        Ok(ControlFlow::Continue(goal.report(self)?))",
            "        Ok(ControlFlow::Continue(goal.report(self)?))",
        )],
        seen: &[one("finish::what_is_read_is_given_back")],
    },
    Break {
        name: "finish: a callback that breaks leaves its record to the next reader",
        file: FINISH,
        edits: &[(
            "                    self.publish();\n                    return",
            "                    return",
        )],
        seen: &[one("finish::a_callback_stops_it")],
    },
    Break {
        name: "finish: records behind the busy one count as in flight",
        file: UNREAD,
        edits: &[("if header.is_busy() {", "if footprint > 0 {")],
        seen: &[one("finish::a_record_that_nobody_commits_is_left_after_the_limit")],
    },
    Break {
        name: "finish: lengths of records in flight are trusted",
        file: UNREAD,
        edits: &[
            ("if footprint > available {", "if false {"),
            ("available - footprint)", "available.saturating_sub(footprint))"),
        ],
        seen: &[one("finish::a_corrupt_ring_is_an_error")],
    },
    Break {
        name: "finish: a set ends with its first ring that is done",
        file: SET_FINISH,
        edits: &[("*busy = true,", "*busy = false,")],
        seen: &[
            set("finish::one_limit_holds_for_all_and_a_busy_ring_keeps_no_other"),
            set("finish::a_commit_in_time_ends_the_wait"),
        ],
    },
    Break {
        name: "finish: rings of a set stay idle, and nothing notifies",
        file: SET_FINISH,
        edits: &[(
            "            self.circle.activate(self.slots.as_mut(), index, now);\n",
            "            let _ = now;\n",
        )],
        seen: &[set("finish::a_ring_that_was_idle_is_looked_at")],
    },
    Break {
        name: "finish: a set does not give back after a break",
        file: SET_FINISH,
        edits: &[("                consumer.publish();\n", "                let _ = consumer;\n")],
        seen: &[set("finish::a_break_stops_all")],
    },
    Break {
        name: "restart: a record is given back while it is lent",
        file: EACH,
        edits: &[(
            "Step::Record(len) => break (position, len),",
            "Step::Record(len) => {\n                    self.give_back();\n                    break (position, len);\n                }",
        )],
        seen: &[Seen::Test(
            "live/restarts",
            "a_killed_reader_loses_nothing_and_repeats_a_batch_at_most",
        )],
    },
];
