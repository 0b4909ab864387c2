//! Breaks of what wakers ask of a wait: to end, to flush, to close, a deadline.

use super::list::{Break, Seen};

const STEPS: &str = "ringbuf-core/src/wait/steps.rs";
const WAKE: &str = "ringbuf-core/src/wait/wake.rs";
const SLEEP: &str = "ringbuf-kernel/src/sleep.rs";

const fn virtual_time(test: &'static str) -> Seen {
    Seen::Test("virtual_time", test)
}

const fn live(target: &'static str, test: &'static str) -> Seen {
    Seen::Test(target, test)
}

const TASK: &str = "ringbuf-tokio/src/ring.rs";

const fn task(test: &'static str) -> Seen {
    Seen::Test("tokio/sim", test)
}

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "wait: a wake that ends a sleep is not reported",
        file: STEPS,
        edits: &[(
            "        if let Some(wakeup) = self.asked().or_else(|| self.flushed()) {\n            return Some(wakeup);\n        }\n        // Producers",
            "        // Producers",
        )],
        seen: &[
            virtual_time("wakes::a_wake_ends_a_block_at_once"),
            virtual_time("wakes::a_wake_ends_a_nap_at_once"),
        ],
    },
    Break {
        name: "wait: a wake by a signal handler is not reported",
        file: STEPS,
        edits: &[("self.asked().unwrap_or(Wakeup::Interrupted)", "Wakeup::Interrupted")],
        seen: &[live("live/wakes", "a_signal_handler_may_wake")],
    },
    Break {
        name: "wait: records that are always there hide a wake",
        file: STEPS,
        edits: &[(
            "        if let Some(wakeup) = self.asked().or_else(|| self.flushed()) {\n            return Some(wakeup);\n        }\n        if self.known_ready()",
            "        if self.known_ready()",
        )],
        seen: &[virtual_time("wakes::a_wake_stays_until_a_wait_reports_it")],
    },
    Break {
        name: "wake: the sleep ends before the flag is raised",
        file: WAKE,
        edits: &[(
            "if self.fetch_or(requests.0, Release) == 0 {\n            self.end_sleep();\n        }",
            "self.end_sleep();\n        self.fetch_or(requests.0, Release);",
        )],
        seen: &[Seen::Test("loom", "holds::wake")],
    },
    Break {
        name: "wake: a second request is not noticed",
        file: WAKE,
        edits: &[(
            "Wakes(self.fetch_and(Wakes::CLOSE.0, Acquire))",
            "Wakes(self.fetch_and(!1, Acquire))",
        )],
        seen: &[Seen::Test("loom", "holds::wake_flush")],
    },
    Break {
        name: "wait: a deadline that moves is not read again",
        file: STEPS,
        edits: &[(
            "let left = wait.left(self.memory.deadline());",
            "let left = wait.left(if wait.now.is_zero() { self.memory.deadline() } else { Duration::MAX });",
        )],
        seen: &[virtual_time("requests::a_deadline_ends_every_rest_and_may_be_moved_meanwhile")],
    },
    Break {
        name: "wait: a flush waits for what comes later",
        file: STEPS,
        edits: &[("if self.is_before(end) && self.look()", "if self.look()")],
        seen: &[virtual_time("requests::a_flush_is_reported_after_all_that_was_there")],
    },
    Break {
        name: "wait: a flush is reported before what was there",
        file: STEPS,
        edits: &[("if self.is_before(end) && self.look()", "if false && self.look()")],
        seen: &[virtual_time("requests::a_flush_is_reported_after_all_that_was_there")],
    },
    Break {
        name: "wait: a wake hides a flush",
        file: STEPS,
        edits: &[(
            "wakes.contains(Wakes::FLUSH)\n",
            "!self.woken && wakes.contains(Wakes::FLUSH)\n",
        )],
        seen: &[virtual_time("requests::no_request_hides_another")],
    },
    Break {
        name: "wake: a close is forgotten",
        file: WAKE,
        edits: &[("self.fetch_and(Wakes::CLOSE.0, Acquire)", "self.fetch_and(0, Acquire)")],
        seen: &[live("live/wakes", "a_close_ends_all_waits")],
    },
    Break {
        name: "sleep: a wake is not cleared",
        file: SLEEP,
        edits: &[(
            "            waker.clear();\n        }\n        WakeCause::Woken",
            "            let _ = waker;\n        }\n        WakeCause::Woken",
        )],
        seen: &[Seen::Test("kernel", "sleep::tests::a_wake_ends_one_sleep")],
    },
    Break {
        name: "task: a notification does not end a block",
        file: TASK,
        edits: &[("(notified || self.wakes.is_none())", "(!notified && self.wakes.is_none())")],
        seen: &[task("a_record_wakes_the_task")],
    },
    Break {
        name: "task: a waker does not end a block",
        file: TASK,
        edits: &[("if wakes.poll(cx)?.is_ready() {", "if false && wakes.poll(cx)?.is_ready() {")],
        seen: &[task("a_waker_ends_a_sleep_that_has_no_end")],
    },
    Break {
        name: "task: a flooded ring keeps the thread",
        file: TASK,
        edits: &[("        tokio::task::consume_budget().await;\n", "")],
        seen: &[task("other_tasks_run_while_the_ring_is_never_empty")],
    },
];
