//! A record that is reserved and not committed: what it hides, what poll(2) and epoll say of it,
//! and that the kernel never reuses its space, wherever the consumer says that it is. The name in
//! a message is the fact's name in the measurements on twelve kernels.

use std::time::Duration;

use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_tests::{
    BUSY, DISCARD, Epoll, Operations, Trigger, disposable_kernel, has_pending_pos, live_since,
    note, online_cpus, page_size, poll_now, skip, until_seen,
};

/// Nothing within this time counts as silence.
const SILENCE: Duration = Duration::from_millis(30);

const READABLE: u32 = 0x41;
const IN: u32 = 0x1;

#[test]
fn a_busy_record_hides_what_is_behind_it_until_it_is_submitted() {
    let test = "busy::a_busy_record_hides";
    until_seen(test, || {
        let Some(operations) = fresh(test) else { return };
        let ring = operations.ring();
        let [level, edge] = both(&operations);
        let [fresh_level, fresh_edge] = operations.while_held(false, 0, || {
            let (p, n) = (ring.producer_pos(), ring.pending_pos());
            let headers = [ring.header(0).len, ring.header(16).len];
            assert_eq!((p, n, headers), (32, 0, [8 | BUSY, 8]), "busy.a_held_b_committed");
            assert_eq!(poll_now(operations.map()).expect("poll"), READABLE, "busy.poll");
            assert_eq!([wait(&level), wait(&edge)], [0, 0], "busy.old_items");
            let [fresh_level, fresh_edge] = both(&operations);
            assert_eq!(events_of_100(&fresh_level), 100, "busy.fresh_lt_spins_of_100");
            assert_eq!(events_of_100(&fresh_edge), 1, "busy.fresh_et_of_100");
            assert_eq!(operations.run(op_kind::QUERY, 0, 0), 32, "busy.avail");
            assert_eq!(submit_8(&operations), 1, "busy.adaptive_behind_busy: ret");
            assert_eq!(wait(&edge), 0, "busy.adaptive_behind_busy: et");
            [fresh_level, fresh_edge]
        });
        assert_eq!(ring.header(0).len, 8, "busy.a_committed: hdr_a");
        assert_eq!(wait(&level), IN, "busy.a_committed: lt");
        assert_eq!([wait(&edge), wait(&edge)], [IN, 0], "busy.a_committed: et, et_again");
        assert_eq!(wait(&fresh_edge), IN, "busy.a_committed: fresh_et");
        ring.catch_up();
        assert_eq!([wait(&level), wait(&edge), wait(&fresh_level)], [0, 0, 0], "busy.consumed");
    });
}

#[test]
fn a_busy_record_that_is_discarded_notifies_too() {
    let test = "busy::a_busy_record_that_is_discarded";
    until_seen(test, || {
        let Some(operations) = fresh(test) else { return };
        let [_, edge] = both(&operations);
        operations.while_held(true, 0, || {
            assert_eq!(wait(&edge), 0, "busy.still_held_2");
        });
        assert_eq!(wait(&edge), IN, "busy.a_discarded_with_b_behind: et");
        let header = operations.ring().header(0).len;
        assert_eq!(header, 8 | DISCARD, "busy.a_discarded_with_b_behind: hdr_a");
    });
}

#[test]
fn a_forged_consumer_position_does_not_free_a_busy_record() {
    let test = "busy::forged_position";
    until_seen(test, || {
        let Some(operations) = fresh(test) else { return };
        if !may_forge(test) {
            return;
        }
        let granted = operations.while_held_forged(|| {
            operations.ring().catch_up();
        });
        let (p, n) = (operations.ring().producer_pos(), operations.ring().pending_pos());
        // Without a pending position the kernel believes that A is read.
        let guarded = has_pending_pos();
        let wanted = if guarded { (false, true) } else { (true, false) };
        assert_eq!(granted, wanted, "forge.pending_a_4072_4064");
        assert_eq!((p, n), (if guarded { 4088 } else { 4096 }, 0), "forge.pending_end");
    });
}

#[test]
fn with_a_forged_consumer_position_one_lap_fits_behind_a_busy_record() {
    let test = "busy::one_lap_behind_busy";
    until_seen(test, || {
        let Some(operations) = fresh(test) else { return };
        if !may_forge(test) {
            return;
        }
        let ring = operations.ring();
        operations.while_held(false, 0, || {
            ring.catch_up();
            let guarded = has_pending_pos();
            let ret = operations.run(op_kind::RESERVE_SUBMIT, 4072, 0);
            let granted = i64::from(!guarded);
            assert_eq!((ret, ring.pending_pos()), (granted, 0), "busy.forged_past_a_reserve_4072");
            ring.catch_up();
            // Record B is the first behind A.
            let mut behind = 1;
            while behind < 600 && submit_8(&operations) == 1 {
                behind += 1;
                ring.catch_up();
            }
            let end = (behind, ring.pending_pos());
            let most = if guarded { 254 } else { 600 };
            assert_eq!(end, (most, 0), "busy.records_behind_busy_with_forged_c");
            if guarded {
                assert_eq!(ring.producer_pos(), 4080, "busy.records_behind_busy_with_forged_c: P");
            }
        });
    });
}

/// A fresh ring of one page, or nothing where this cannot be tested.
fn fresh(test: &str) -> Option<Operations> {
    if !live_since(test, (5, 10)) {
        return None;
    }
    if page_size() != 4096 {
        skip(test, "written for pages of 4 KiB");
        return None;
    }
    if online_cpus().len() < 2 {
        skip(test, "needs two CPUs: one holds a record busy, the other looks");
        return None;
    }
    Some(Operations::load(4096).expect("load of vectors.bpf.c"))
}

/// Whether forging can be tried: the kernel guards busy records, or may come to harm. Without the
/// guard, records overlap.
fn may_forge(test: &str) -> bool {
    if has_pending_pos() {
        return true;
    }
    if !disposable_kernel() {
        skip(test, "this kernel has no pending position: it would let records overlap");
        return false;
    }
    note(test, "this kernel has no pending position: it lets records overlap");
    true
}

fn both(operations: &Operations) -> [Epoll; 2] {
    [Trigger::Level, Trigger::Edge].map(|t| Epoll::new(operations.map(), t).expect("epoll"))
}

fn submit_8(operations: &Operations) -> i64 {
    operations.run(op_kind::RESERVE_SUBMIT, 8, 0)
}

fn events_of_100(epoll: &Epoll) -> usize {
    (0..100).filter(|_| epoll.wait(Duration::ZERO).expect("epoll_wait") != 0).count()
}

fn wait(epoll: &Epoll) -> u32 {
    epoll.wait(SILENCE).expect("epoll_wait")
}
