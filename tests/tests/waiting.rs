//! Which commits notify, and what poll(2) and epoll say afterwards. The name in a message is the
//! fact's name in the measurements on twelve kernels, where all of them are the same.

use std::time::Duration;

use libbpf_rs::{MapCore, MapHandle};
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_tests::{
    Epoll, FORCE_WAKEUP, NO_WAKEUP, Operations, RawRing, Trigger, live_since, page_size, poll_now,
    skip,
};

/// Nothing within this time counts as silence.
const SILENCE: Duration = Duration::from_millis(30);

/// What poll(2) says of a ring with data, EPOLLIN and EPOLLRDNORM, and what epoll says.
const READABLE: u32 = 0x41;
const IN: u32 = 0x1;

/// A ring that is watched by one epoll set of each kind from the start.
struct Watched {
    operations: Operations,
    level: Epoll,
    edge: Epoll,
}

#[test]
fn a_commit_at_the_consumer_position_notifies_once() {
    let Some(watched) = watched("waiting::a_commit_at_the_consumer_position") else { return };
    watched.assert("wait.empty", [0, 0, 0]);
    watched.submit(0);
    watched.assert("wait.adaptive_at_head", [READABLE, IN, IN]);
    watched.assert("wait.adaptive_at_head, again", [READABLE, 0, IN]);
    watched.ring().catch_up();
    watched.assert("wait.consumed", [0, 0, 0]);
    watched.discard(0);
    watched.assert("wait.discard_at_head", [READABLE, IN, IN]);
    watched.ring().catch_up();
    watched.assert("wait.discard_at_head, consumed", [0, 0, 0]);
    watched.operations.run(op_kind::OUTPUT, 8, 0);
    watched.assert("wait.output_at_head", [READABLE, IN, IN]);
}

#[test]
fn after_an_unread_record_without_notification_adaptive_commits_are_silent() {
    let Some(watched) = watched("waiting::after_no_wakeup") else { return };
    watched.submit(NO_WAKEUP);
    watched.assert("wait.no_wakeup_pending", [READABLE, 0, 0]);
    let fresh = watched.epoll(Trigger::Level);
    assert_eq!(wait(&fresh), IN, "wait.no_wakeup_fresh_lt");
    let fresh = watched.epoll(Trigger::Edge);
    assert_eq!([wait(&fresh), wait(&fresh)], [IN, 0], "wait.no_wakeup_fresh_et");
    for _ in 0..20 {
        watched.submit(0);
    }
    watched.assert("wait.adaptive_after_no_wakeup_20", [READABLE, 0, 0]);
    watched.level.modify(watched.operations.map(), Trigger::Level).expect("epoll_ctl");
    let twice = [wait(&watched.level), wait(&watched.level)];
    assert_eq!(twice, [IN, IN], "wait.ctl_mod_lt");
}

#[test]
fn after_an_unread_discard_without_notification_adaptive_commits_are_silent() {
    let Some(watched) = watched("waiting::after_no_wakeup_discard") else { return };
    watched.discard(NO_WAKEUP);
    watched.submit(0);
    assert_eq!(wait(&watched.edge), 0, "wait.no_wakeup_discard_then_adaptive");
}

#[test]
fn force_notifies_wherever_the_consumer_is() {
    let Some(watched) = watched("waiting::force_notifies") else { return };
    let edge = &watched.edge;
    watched.submit(NO_WAKEUP);
    watched.submit(FORCE_WAKEUP);
    assert_eq!([wait(edge), wait(edge)], [IN, 0], "wait.force_when_behind");
    watched.submit(FORCE_WAKEUP | NO_WAKEUP);
    assert_eq!(wait(edge), IN, "wait.force_and_no_when_behind");
    watched.operations.run(op_kind::OUTPUT, 8, FORCE_WAKEUP);
    assert_eq!(wait(edge), IN, "wait.output_force_behind");
    watched.ring().catch_up();
    watched.submit(FORCE_WAKEUP | NO_WAKEUP);
    assert_eq!(wait(edge), IN, "wait.force_and_no_at_head");
}

#[test]
fn submit_ignores_unknown_flags() {
    let Some(watched) = watched("waiting::submit_ignores_unknown_flags") else { return };
    let unknown = 1 << 2 | 1 << 40;
    watched.submit(unknown);
    assert_eq!(wait(&watched.edge), IN, "wait.submit_unknown_flags_at_head");
    watched.ring().catch_up();
    watched.submit(unknown | NO_WAKEUP);
    assert_eq!(wait(&watched.edge), 0, "wait.submit_unknown_flags_and_no_at_head");
}

#[test]
fn commits_before_a_wait_give_one_event() {
    let Some(watched) = watched("waiting::commits_before_a_wait") else { return };
    let edge = &watched.edge;
    for _ in 0..3 {
        watched.submit(0);
    }
    assert_eq!([wait(edge), wait(edge)], [IN, 0], "three commits before harvest");
    for _ in 0..3 {
        watched.submit(FORCE_WAKEUP);
    }
    assert_eq!([wait(edge), wait(edge)], [IN, 0], "wait.three_forced_before_harvest");
}

#[test]
fn a_notification_of_what_is_already_read_is_not_reported() {
    let Some(watched) = watched("waiting::notification_of_what_is_read") else { return };
    watched.submit(FORCE_WAKEUP);
    watched.ring().catch_up();
    watched.assert("wait.force_consumed_before_wait", [0, 0, 0]);
}

#[test]
fn after_a_partial_read_only_level_triggered_epoll_reports_the_rest() {
    let Some(watched) = watched("waiting::after_a_partial_read") else { return };
    watched.submit(0);
    watched.submit(0);
    watched.assert("wait.partial_consumption: before", [READABLE, IN, IN]);
    watched.ring().set_consumer_pos(16);
    watched.assert("wait.partial_consumption", [READABLE, 0, IN]);
    watched.submit(0);
    assert_eq!(wait(&watched.edge), 0, "wait.adaptive_after_partial");
}

#[test]
fn a_consumer_one_lap_behind_blocks_the_ring() {
    let Some(watched) = watched("waiting::one_lap_behind") else { return };
    let ring = watched.ring();
    ring.set_consumer_pos(ring.producer_pos().wrapping_sub(ring.size() as u64));
    let ret = watched.operations.run(op_kind::RESERVE_SUBMIT, 8, 0);
    assert_eq!(ret, 0, "wait.c_one_lap_behind");
}

#[test]
fn a_mapping_keeps_the_registration_of_a_closed_descriptor() {
    let Some(watched) = watched("waiting::closed_descriptor") else { return };
    let id = watched.operations.map().info().expect("map info").info.id;
    let second = MapHandle::from_map_id(id).expect("a second file of the same map");
    let ring = RawRing::of(&second).expect("mmap");
    let level = Epoll::new(&second, Trigger::Level).expect("epoll");
    drop(second);
    watched.submit(0);
    assert_eq!(wait(&level), IN, "wait.fd_closed_mapping_alive");
    drop(ring);
    assert_eq!(wait(&level), 0, "wait.fd_closed_mapping_gone");
}

impl Watched {
    fn ring(&self) -> &RawRing {
        self.operations.ring()
    }

    fn epoll(&self, trigger: Trigger) -> Epoll {
        Epoll::new(self.operations.map(), trigger).expect("epoll")
    }

    fn submit(&self, flags: u64) {
        let ret = self.operations.run(op_kind::RESERVE_SUBMIT, 8, flags);
        assert_eq!(ret, 1, "there is room");
    }

    fn discard(&self, flags: u64) {
        let ret = self.operations.run(op_kind::RESERVE_DISCARD, 8, flags);
        assert_eq!(ret, 1, "there is room");
    }

    /// Asserts what poll(2), the edge- and the level-triggered set say, in this order.
    fn assert(&self, fact: &str, [poll, edge, level]: [u32; 3]) {
        assert_eq!(poll_now(self.operations.map()).expect("poll"), poll, "{fact}: poll");
        assert_eq!(wait(&self.edge), edge, "{fact}: et");
        assert_eq!(wait(&self.level), level, "{fact}: lt");
    }
}

/// A fresh ring of one page, or nothing where this cannot be tested.
fn watched(test: &str) -> Option<Watched> {
    if !live_since(test, (5, 10)) {
        return None;
    }
    if page_size() != 4096 {
        skip(test, "written for pages of 4 KiB");
        return None;
    }
    let operations = Operations::load(4096).expect("load of vectors.bpf.c");
    let level = Epoll::new(operations.map(), Trigger::Level).expect("epoll");
    let edge = Epoll::new(operations.map(), Trigger::Edge).expect("epoll");
    Some(Watched { operations, level, edge })
}

fn wait(epoll: &Epoll) -> u32 {
    epoll.wait(SILENCE).expect("epoll_wait")
}
