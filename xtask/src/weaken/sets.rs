//! The breaks of sets: turns, budgets, and the wait for many rings.

use super::list::{Break, Seen};

const TURNS: &str = "ringbuf-core/src/set/turns.rs";
const WAIT: &str = "ringbuf-core/src/set/wait.rs";
const STEPS: &str = "ringbuf-core/src/set/steps.rs";
const STATE: &str = "ringbuf-core/src/wait/state.rs";
const BUDGET: &str = "ringbuf-core/src/budget.rs";
const EACH: &str = "ringbuf-core/src/each.rs";
const HANDLE: &str = "ringbuf-kernel/src/set/handle.rs";
const SET: &str = "ringbuf-kernel/src/set/waiting.rs";

const fn set(test: &'static str) -> Seen {
    Seen::Test("set", test)
}

const EACH_ONCE: Seen = set("delivery::every_record_is_delivered_once_in_order");
const RARELY: Seen = set("traffic::rings_that_are_sparse_alone_and_dense_together_rarely_notify");
const SILENT: Seen = set("traffic::silent_rings_are_read_within_the_bounds");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "set: it blocks without arming",
        file: STEPS,
        edits: &[(
            "WaitAction::Block(_) => self.arm_all(),",
            "WaitAction::Block(_) => Armed::Sleep,",
        )],
        seen: &[set("traffic::rings_that_are_sparse_together_notify_and_are_read_at_once")],
    },
    Break {
        name: "set: a ring becomes idle without being armed",
        file: TURNS,
        edits: &[(
            "return self.arm_one(index) == Armed::Ready;",
            "self.circle.leave(self.slots.as_mut(), index, State::Idle);\n            return false;",
        )],
        seen: &[set("traffic::a_ring_that_becomes_idle_notifies")],
    },
    Break {
        name: "set: a ring becomes idle after one look",
        file: TURNS,
        edits: &[("const LOOKS: u32 = 256;", "const LOOKS: u32 = 1;")],
        seen: &[RARELY],
    },
    Break {
        name: "set: two empty naps are enough for many rings",
        file: STATE,
        edits: &[("const MOST_PATIENCE: u32 = 64;", "const MOST_PATIENCE: u32 = 0;")],
        seen: &[RARELY],
    },
    Break {
        name: "set: the first ring keeps its turn",
        file: TURNS,
        edits: &[(
            "                self.circle.rotate(self.slots.as_ref());\n                return Some(index);",
            "                return Some(index);",
        )],
        seen: &[set("delivery::a_break_keeps_the_turns")],
    },
    Break {
        name: "set: rings that notify get no turn while one is flooded",
        file: STEPS,
        edits: &[(
            "            // The others get their turns, too.\n            self.collect(Duration::ZERO)?;\n",
            "",
        )],
        seen: &[set("fairness::a_flooded_ring_does_not_hide_an_idle_one")],
    },
    Break {
        name: "set: no sweep",
        file: WAIT,
        edits: &[("if now.saturating_sub(self.swept) < between {", "if true {")],
        seen: &[SILENT, EACH_ONCE],
    },
    Break {
        name: "set: a wait that times out has not looked at silent rings",
        file: STEPS,
        edits: &[(
            "self.sweep(now, self.state.max_sleep().min(QUIET))",
            "self.sweep(now, self.state.max_sleep())",
        )],
        seen: &[set("delivery::a_timeout_is_not_reported_while_a_silent_record_is_there")],
    },
    Break {
        name: "set: a silent ring is forgotten",
        file: WAIT,
        edits: &[("                self.set_silent(index, true);\n", "")],
        seen: &[SILENT],
    },
    Break {
        name: "set: a corrupt ring keeps its turns",
        file: TURNS,
        edits: &[("            self.turn.failed = true;\n", "")],
        seen: &[set("delivery::a_corrupt_ring_fails_alone")],
    },
    Break {
        name: "set: a wake is not reported",
        file: STEPS,
        edits: &[(
            "        if let Some(wakeup) = self.asked()? {\n            return Ok(Some(wakeup));\n        }\n        Ok(self.flushed(now))",
            "        Ok(self.flushed(now))",
        )],
        seen: &[set("delivery::a_wake_ends_every_rest")],
    },
    Break {
        name: "set: a flush misses idle rings",
        file: STEPS,
        edits: &[("                self.circle.activate(self.slots.as_mut(), index, now);\n", "")],
        seen: &[set("requests::a_flush_of_a_set_is_reported_after_all_that_was_there")],
    },
    Break {
        name: "set: a flush waits for what comes later",
        file: STEPS,
        edits: &[(
            "consumer.is_before(end) && consumer.look()",
            "{ let _ = end; consumer.look() }",
        )],
        seen: &[set("requests::a_flush_of_a_set_is_reported_after_all_that_was_there")],
    },
    Break {
        name: "set: a flooded ring hides silent ones",
        file: STEPS,
        edits: &[(
            "            self.sweep(now, self.state.max_sleep());\n            return",
            "            return",
        )],
        seen: &[set("fairness::a_flooded_ring_does_not_hide_a_silent_one")],
    },
    Break {
        name: "set: a silent ring is looked at for ever",
        file: TURNS,
        edits: &[("turn.silent && now.saturating_sub(turn.found) < SILENT", "turn.silent")],
        seen: &[set("traffic::a_silent_ring_is_forgotten_after_a_second")],
    },
    Break {
        name: "set: a drain after a wake misses idle rings",
        file: STEPS,
        edits: &[("        self.look()?;\n        Ok(Some(wakeup))", "        Ok(Some(wakeup))")],
        seen: &[set("delivery::a_drain_after_a_wake_reads_everything")],
    },
    Break {
        name: "set: arming uses up a wake",
        file: WAIT,
        edits: &[("        Ok(if asked { Armed::Ready } else { armed })", "        Ok(armed)")],
        seen: &[
            set("delivery::arming_finds_wakes_and_silent_records"),
            Seen::Test("live/set", "a_wake_is_left_to_the_next_wait"),
        ],
    },
    Break {
        name: "set: a child of fork removes the watch of its parent",
        file: "ringbuf-kernel/src/set/host.rs",
        edits: &[("        if !self.process.is_current() {\n            return;\n        }\n", "")],
        seen: &[Seen::Test("live/set", "a_child_of_fork_cannot_wait")],
    },
    Break {
        name: "set: a callback that breaks loses a wake",
        file: "ringbuf-kernel/src/set/callback.rs",
        edits: &[("                self.waker().wake();\n", "")],
        seen: &[Seen::Test("live/set", "a_wake_is_left_to_the_next_wait")],
    },
    Break {
        name: "budget: the clock is not read",
        file: BUDGET,
        edits: &[("if self.pace.bytes >= self.pace.stride {", "if false {")],
        seen: &[set("fairness::a_budget_of_time_holds_for_any_speed")],
    },
    Break {
        name: "budget: a window is not cut by the time",
        file: BUDGET,
        edits: &[(
            "{ stride - bytes } else { u64::MAX }",
            "{ stride - bytes + (1 << 40) } else { u64::MAX }",
        )],
        seen: &[
            set("fairness::a_budget_of_time_holds_for_any_speed"),
            set("fairness::a_callback_that_becomes_slow_costs_one_window"),
        ],
    },
    Break {
        name: "budget: two windows between two looks at the clock",
        file: BUDGET,
        edits: &[("{ stride - bytes } else { u64::MAX }", "{ stride } else { u64::MAX }")],
        seen: &[set("fairness::a_budget_of_time_holds_for_any_speed")],
    },
    Break {
        name: "budget: records are not counted",
        file: EACH,
        edits: &[(
            "if L::COUNTS && batch.may_exceed(most)",
            "if L::COUNTS && batch.may_exceed(most) && false",
        )],
        seen: &[set("fairness::a_budget_of_records_or_bytes_is_exact")],
    },
    Break {
        name: "budget: discarded records end a drain as an empty ring does",
        file: EACH,
        edits: &[(
            "Ok(Next::Limit) => continue,",
            "Ok(Next::Limit) => Ok(ControlFlow::Continue(Drained::Empty)),",
        )],
        seen: &[set("fairness::discarded_records_use_up_a_budget_of_bytes")],
    },
    Break {
        name: "set: a ring that another thread adds does not end the wait",
        file: HANDLE,
        edits: &[("        self.changes.wake();\n", "")],
        seen: &[Seen::Test("live/set_changes", "rings_come_and_go_while_the_set_waits")],
    },
    Break {
        name: "set: a child of fork waits",
        file: SET,
        edits: &[("    set.host().check_owner()?;\n    let begin", "    let begin")],
        seen: &[Seen::Test("live/set", "a_child_of_fork_cannot_wait")],
    },
    Break {
        name: "set: a removed ring is still watched",
        file: "ringbuf-core/src/set/mod.rs",
        edits: &[("        self.host.unwatch(&ring, token);\n", "")],
        seen: &[set("delivery::a_removed_ring_is_not_watched")],
    },
];
