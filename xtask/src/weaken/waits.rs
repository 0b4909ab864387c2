//! The breaks of waiting: the loop in core, and the clocks and sleeps under it.

use super::list::{Break, Seen};

const STEPS: &str = "ringbuf-core/src/wait/steps.rs";
const HOST: &str = "ringbuf-core/src/wait/host.rs";
const STATE: &str = "ringbuf-core/src/wait/state.rs";
const CONSUMER: &str = "ringbuf-core/src/consumer.rs";
const ROOM: &str = "ringbuf-core/src/producer/room.rs";
const EVENT: &str = "ringbuf-sim/src/event.rs";
const SLEEP: &str = "ringbuf-kernel/src/sleep.rs";
const MAPPING: &str = "ringbuf-kernel/src/mapping.rs";
const MAPS: &str = "ringbuf-kernel/src/maps.rs";
const EXHAUSTED: &str = "ringbuf-kernel/src/exhausted.rs";

const fn virtual_time(test: &'static str) -> Seen {
    Seen::Test("virtual_time", test)
}

const fn live(target: &'static str, test: &'static str) -> Seen {
    Seen::Test(target, test)
}

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "wait: no look when no time is left",
        file: STEPS,
        edits: &[(
            "let found = self.look();\n        self.looked(state, now, found)",
            "let found = false;\n        self.looked(state, now, found)",
        )],
        seen: &[virtual_time("timeouts::a_timeout_of_zero_looks_and_never_sleeps")],
    },
    Break {
        name: "wait: a nap overshoots the timeout",
        file: STEPS,
        edits: &[("WaitStep::Nap(time.min(left))", "WaitStep::Nap(time)")],
        seen: &[virtual_time("timeouts::no_timeout_is_missed_and_none_is_cut_short")],
    },
    Break {
        name: "wait: a block overshoots the timeout",
        file: STEPS,
        edits: &[("WaitStep::Block(time.min(left))", "WaitStep::Block(time)")],
        seen: &[virtual_time("timeouts::no_timeout_is_missed_and_none_is_cut_short")],
    },
    Break {
        name: "wait: a notification counts as a record",
        file: STEPS,
        edits: &[(
            "let found = self.look();\n        state.observe",
            "let found = self.look() || cause == WakeCause::Notified;\n        state.observe",
        )],
        seen: &[virtual_time("ends::a_busy_head_alone_is_not_ready")],
    },
    Break {
        name: "wait: a signal does not end it",
        file: STEPS,
        edits: &[("if cause == WakeCause::Interrupted {", "if false {")],
        seen: &[
            virtual_time("ends::a_signal_ends_a_nap_at_once"),
            virtual_time("ends::a_signal_ends_a_block_at_once"),
        ],
    },
    Break {
        name: "wait: a signal ends blocks only",
        file: STEPS,
        edits: &[(
            "if cause == WakeCause::Interrupted {",
            "if cause == WakeCause::Interrupted && matches!(action, WaitAction::Block(_)) {",
        )],
        seen: &[virtual_time("ends::a_signal_ends_a_nap_at_once")],
    },
    Break {
        name: "wait: no space is given back when it is quiet",
        file: STEPS,
        edits: &[(
            "if state.is_quiet(now) {\n            self.publish();",
            "if false {\n            self.publish();",
        )],
        seen: &[virtual_time("space::polling_gives_space_back_after_a_millisecond")],
    },
    Break {
        name: "wait: space is given back only if the wait goes on",
        file: STEPS,
        edits: &[(
            "self.looked(state, now, found).unwrap_or(Wakeup::TimedOut)",
            "if found { Wakeup::Ready } else { self.asked().unwrap_or(Wakeup::TimedOut) }",
        )],
        seen: &[virtual_time("space::polling_gives_space_back_after_a_millisecond")],
    },
    Break {
        name: "wait: it blocks without arming",
        file: STEPS,
        edits: &[("WaitAction::Block(_) => self.arm(),", "WaitAction::Block(_) => Armed::Sleep,")],
        seen: &[virtual_time("ends::no_sleep_misses_a_record")],
    },
    Break {
        name: "wait: a record that arming found is ignored",
        file: STEPS,
        edits: &[(
            "Armed::Sleep => return wait.rest(action, left),",
            "Armed::Sleep => return wait.rest(action, left),\n                Armed::Ready if !left.is_zero() => return wait.rest(action, left),",
        )],
        seen: &[virtual_time("ends::no_sleep_misses_a_record")],
    },
    Break {
        name: "wait: the counts of a policy that is set late begin at 0",
        file: HOST,
        edits: &[("        state.mark(self.counts, self.consumed);\n", "")],
        seen: &[virtual_time("policy::a_policy_set_late_starts_from_the_current_counts")],
    },
    Break {
        name: "wait: the lateness of naps is not measured",
        file: STEPS,
        edits: &[("state.napped(time.min(left), took);", "let _ = (time, left, took);")],
        seen: &[virtual_time("traffic::late_timers_lengthen_the_naps")],
    },
    Break {
        name: "account: discarded records do not count",
        file: STATE,
        edits: &[
            (
                "let records = (counts.delivered + counts.discarded).wrapping_sub(self.passed);",
                "let records = counts.delivered.wrapping_sub(self.passed);",
            ),
            (
                "self.passed = counts.delivered + counts.discarded;",
                "self.passed = counts.delivered;",
            ),
        ],
        seen: &[virtual_time("policy::discarded_records_count_for_the_rate")],
    },
    Break {
        name: "action: the latency bound is above the longest sleep",
        file: STATE,
        edits: &[("latency_bound.min(max_sleep)", "latency_bound")],
        seen: &[virtual_time("policy::no_sleep_is_longer_than_the_policy_allows")],
    },
    Break {
        name: "action: naps are not bounded by the longest sleep",
        file: STATE,
        edits: &[(
            "WaitAction::Nap(self.nap.min(max_sleep.max(SHORTEST_SLEEP)))",
            "WaitAction::Nap(self.nap)",
        )],
        seen: &[Seen::Test("core", "wait::state::tests::sleeps_are_bounded_above_and_below")],
    },
    Break {
        name: "drained: naps ignore how fast the ring fills",
        file: STATE,
        edits: &[(".min(longest).min(self.fill)", ".min(longest)")],
        seen: &[virtual_time("policy::no_nap_lets_more_than_an_eighth_of_the_ring_fill")],
    },
    Break {
        name: "action: it never stops to nap",
        file: STATE,
        edits: &[(
            "let over = self.empty >= self.patience",
            "let over = false && self.empty >= self.patience",
        )],
        seen: &[virtual_time("policy::an_idle_reader_blocks")],
    },
    Break {
        name: "observe: silence is not noticed",
        file: STATE,
        edits: &[("self.silent = cause == WakeCause::TimeUp;", "self.silent = false;")],
        seen: &[virtual_time("traffic::silent_records_are_read_within_the_latency_bound")],
    },
    Break {
        name: "observe: silence is never over",
        file: STATE,
        edits: &[(
            "self.silent = cause == WakeCause::TimeUp;",
            "self.silent |= cause == WakeCause::TimeUp;",
        )],
        seen: &[virtual_time("traffic::a_notification_ends_the_short_sleeps")],
    },
    Break {
        name: "look: nothing is held back",
        file: CONSUMER,
        edits: &[(
            "let held = self.unpublished();\n        match walk::look(",
            "let held = 0;\n        match walk::look(",
        )],
        seen: &[virtual_time("ends::a_corrupt_ring_is_ready")],
    },
    Break {
        name: "wait_for_room: a signal counts as room",
        file: ROOM,
        edits: &[("unwrap_or(Wakeup::Interrupted)", "unwrap_or(Wakeup::Ready)")],
        seen: &[virtual_time("room::a_signal_is_reported_and_is_not_space")],
    },
    Break {
        name: "wait_for_room: a sleep without a notification has no bound",
        file: ROOM,
        edits: &[("self.memory.block(left.min(Self::MAX_SLEEP))", "self.memory.block(left)")],
        seen: &[virtual_time("room::space_without_notification_is_found")],
    },
    Break {
        name: "simulator: a notification before the block is lost",
        file: EVENT,
        edits: &[(
            "        interrupted(poll([&self.fd,",
            "        make_unreadable(&self.fd);\n        interrupted(poll([&self.fd,",
        )],
        seen: &[virtual_time("host::the_simulator_keeps_the_contract")],
    },
    Break {
        name: "simulator: notifications are never used up",
        file: EVENT,
        edits: &[(
            "            make_unreadable(&self.fd);\n            if woken",
            "            if woken",
        )],
        seen: &[virtual_time("host::the_simulator_keeps_the_contract")],
    },
    Break {
        name: "simulator: a signal counts as time that is up",
        file: EVENT,
        edits: &[("Ok(WakeCause::Interrupted)", "Ok(WakeCause::TimeUp)")],
        seen: &[virtual_time("host::a_real_signal_interrupts")],
    },
    Break {
        name: "sleep: level-triggered",
        file: SLEEP,
        edits: &[("self.events | libc::EPOLLET, MAP)", "self.events, MAP)")],
        seen: &[live("live/waits", "a_busy_head_is_slept_on")],
    },
    Break {
        name: "sleep: a signal counts as time that is up",
        file: SLEEP,
        edits: &[("Ok(WakeCause::Interrupted)", "Ok(WakeCause::TimeUp)")],
        seen: &[live("live/waits", "a_signal_ends_a_wait")],
    },
    Break {
        name: "sleep: less than a millisecond is not slept",
        file: SLEEP,
        edits: &[("time.as_nanos().div_ceil(1_000_000)", "(time.as_nanos() / 1_000_000)")],
        seen: &[Seen::Test("kernel", "sleep::tests::a_block_is_no_shorter_than_asked")],
    },
    Break {
        name: "sleep: naps keep the slack of the thread",
        file: SLEEP,
        edits: &[(
            "    let _slack = SlackOfOne::begin();\n",
            "        let _slack = None::<SlackOfOne>;\n",
        )],
        seen: &[Seen::Test("kernel", "sleep::tests::a_nap_has_a_slack_of_one_nanosecond")],
    },
    Break {
        name: "sleep: the slack is not put back",
        file: SLEEP,
        edits: &[("        set_slack(self.before);\n", "        let _ = self.before;\n")],
        seen: &[Seen::Test("kernel", "sleep::tests::a_nap_leaves_the_timer_slack_as_it_was")],
    },
    Break {
        name: "maps: a user ring waits for the events of a ring",
        file: MAPS,
        edits: &[("(consumer, rest, libc::EPOLLOUT)", "(consumer, rest, libc::EPOLLIN)")],
        seen: &[live("live/user_ring", "a_wait_for_space_is_ended_by_the_drain_that_makes_it")],
    },
    Break {
        name: "take_over: a failed one takes the claim",
        file: "ringbuf-kernel/src/ringbuf.rs",
        edits: &[(
            "        let mut ring = Self::over(self.consumer.memory().take_over()?)?;\n        ring.consumer.memory().succeed(self.consumer.memory());\n",
            "        let memory = self.consumer.memory().take_over()?;\n        memory.succeed(self.consumer.memory());\n        let mut ring = Self::over(memory)?;\n",
        )],
        seen: &[live("live/fork", "a_failed_take_over_changes_nothing")],
    },
    Break {
        name: "take_over: the parent keeps what its child took over",
        file: MAPS,
        edits: &[("        others.owner.resign();\n", "")],
        seen: &[live(
            "live/fork",
            "a_parent_that_drops_a_ring_after_its_child_took_it_over_changes_nothing",
        )],
    },
    Break {
        name: "take_over: the claim stays behind",
        file: MAPS,
        edits: &[(
            "        let taken = others.claim.lock().unwrap_or_else(PoisonError::into_inner).take();\n        *self.claim.lock().unwrap_or_else(PoisonError::into_inner) = taken;\n",
            "        let _ = (others, PoisonError::<()>::into_inner);\n",
        )],
        seen: &[live("live/fork", "a_daemon_takes_its_rings_over")],
    },
    Break {
        name: "mapping: a child of fork owns the ring",
        file: MAPPING,
        edits: &[("self.view.keep().owner.is_current()", "true")],
        seen: &[
            live("live/fork", "a_child_that_drops_a_ring_changes_nothing"),
            live("live/fork", "a_child_that_unwinds_out_of_a_batch_changes_nothing"),
            live("live/fork", "a_child_that_uses_a_ring_is_told"),
            live("live/fork", "a_daemon_takes_its_rings_over"),
            live("live/fork", "a_child_commits_no_sample_of_a_user_ring"),
        ],
    },
    Break {
        name: "mapping: no fence",
        file: MAPPING,
        edits: &[("        self.view.fence(order);\n", "        let _ = order;\n")],
        seen: &[Seen::Test("loom", "table::every_ordering_has_its_row")],
    },
    Break {
        name: "wait: the policy is lost when the host panics",
        file: STEPS,
        edits: &[("        self.consumer.waiting = self.state.take();\n", "")],
        seen: &[virtual_time("policy::a_panic_of_the_host_keeps_the_policy")],
    },
    Break {
        name: "exhausted: a first suspicion is never withdrawn",
        file: EXHAUSTED,
        edits: &[("            *self = Self::default();\n", "")],
        seen: &[Seen::Test(
            "kernel",
            "exhausted::tests::a_repaired_kernel_is_alive_after_its_next_reservation",
        )],
    },
];
