//! The golden vectors: positions, header words and results of single operations on a fresh ring
//! of one page. The name in a message is the fact's name in the measurements on twelve kernels.

use std::time::Duration;

use libbpf_rs::ErrorKind;
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_tests::{
    DISCARD, Epoll, Header, Operations, RawRing, Trigger, has_dynptr, has_pending_pos,
    kernel_release, live_since, note, page_size, poll_now, skip,
};

const EINVAL: i64 = -22;
const EAGAIN: i64 = -11;
const E2BIG: i64 = -7;

/// What one operation must return and leave behind.
struct Step {
    fact: &'static str,
    kind: op_kind,
    size: u32,
    flags: u64,
    ret: i64,
    /// Producer position.
    p: u64,
    /// Pending position, where the kernel has one; 0 elsewhere.
    n: u64,
    /// The header at this position has this length word.
    header: Option<(u64, u32)>,
}

#[test]
fn each_operation_moves_positions_and_writes_headers_as_documented() {
    let Some(operations) = fresh("vectors::each_operation", 4096) else { return };
    let ring = operations.ring();
    assert_positions(ring, "golden.00_fresh", [0, 0, 0]);

    let submit = op_kind::RESERVE_SUBMIT;
    let discard = op_kind::RESERVE_DISCARD;
    let output = op_kind::OUTPUT;
    #[rustfmt::skip]
    run(&operations, 0, &[
        Step { fact: "golden.01_submit_8", kind: submit, size: 8, flags: 0, ret: 1, p: 16, n: 0, header: Some((0, 8)) },
        Step { fact: "golden.02_discard_8", kind: discard, size: 8, flags: 0, ret: 1, p: 32, n: 16, header: Some((16, 8 | DISCARD)) },
        Step { fact: "golden.03_submit_0", kind: submit, size: 0, flags: 0, ret: 1, p: 40, n: 32, header: Some((32, 0)) },
        Step { fact: "golden.04_output_13", kind: output, size: 13, flags: 0, ret: 0, p: 64, n: 40, header: Some((40, 13)) },
        Step { fact: "golden.05_output_flags_4", kind: output, size: 13, flags: 4, ret: EINVAL, p: 64, n: 40, header: None },
        Step { fact: "golden.06_output_flags_1_shl_32", kind: output, size: 13, flags: 1 << 32, ret: EINVAL, p: 64, n: 40, header: None },
        Step { fact: "golden.07_output_flags_3", kind: output, size: 13, flags: 3, ret: 0, p: 88, n: 64, header: Some((64, 13)) },
        Step { fact: "golden.08_output_0", kind: output, size: 0, flags: 0, ret: 0, p: 96, n: 88, header: Some((88, 0)) },
    ]);
    let query = |which| operations.run(op_kind::QUERY, 0, which);
    assert_eq!([0, 1, 2, 3, 4, 5].map(query), [96, 4096, 0, 96, 0, 0], "golden.09_query_0_to_5");
    let payload: Vec<u8> = (0..13).collect();
    assert_eq!(ring.sample(40), payload, "golden.04_output_13: sample");
    assert_eq!(ring.sample(64), payload, "golden.07_output_flags_3: sample");
    let with_flags = Step {
        fact: "golden.10_reserve_flags_1",
        kind: op_kind::RESERVE_WITH_FLAGS,
        size: 8,
        flags: 1,
        ret: 0,
        p: 96,
        n: 88,
        header: None,
    };
    run(&operations, 0, &[with_flags]);

    ring.set_consumer_pos(96);
    #[rustfmt::skip]
    run(&operations, 96, &[
        Step { fact: "golden.11_reserve_4088", kind: submit, size: 4088, flags: 0, ret: 0, p: 96, n: 96, header: None },
        Step { fact: "golden.12_reserve_4089", kind: submit, size: 4089, flags: 0, ret: 0, p: 96, n: 96, header: None },
        Step { fact: "golden.13_reserve_4081", kind: submit, size: 4081, flags: 0, ret: 0, p: 96, n: 96, header: None },
        Step { fact: "golden.14_reserve_4080", kind: submit, size: 4080, flags: 0, ret: 1, p: 4184, n: 96, header: Some((96, 4080)) },
        Step { fact: "golden.15_reserve_0_when_full", kind: submit, size: 0, flags: 0, ret: 0, p: 4184, n: 4184, header: None },
        Step { fact: "golden.16_output_8_when_full", kind: output, size: 8, flags: 0, ret: EAGAIN, p: 4184, n: 4184, header: None },
        Step { fact: "golden.17_output_4096", kind: output, size: 4096, flags: 0, ret: EAGAIN, p: 4184, n: 4184, header: None },
    ]);
}

#[test]
fn a_query_between_reserve_and_submit_counts_the_caller_s_own_record() {
    let Some(operations) = fresh("vectors::a_query_inside_pair", 4096) else { return };
    let available = operations.run(op_kind::QUERY_INSIDE_PAIR, 0, 0);
    assert_eq!(available, 16, "golden.18_avail_inside_pair");
}

#[test]
fn the_page_offset_counts_from_the_kernel_s_structure() {
    let Some(operations) = fresh("vectors::the_page_offset", 16384) else { return };
    let ring = operations.ring();
    for (position, pages) in [(0, 3), (4080, 3), (8160, 4), (12240, 5), (16320, 6)] {
        let ret = operations.run(op_kind::RESERVE_SUBMIT, 4072, 0);
        assert_eq!(ret, 1, "golden.19_pg_off_16k: reservation at {position}");
        let header = Header { len: 4072, page_offset: pages };
        assert_eq!(ring.header(position), header, "golden.19_pg_off_16k: at {position}");
        ring.catch_up();
    }
}

#[test]
fn a_record_that_runs_over_the_end_is_contiguous_in_the_second_copy() {
    let Some(operations) = fresh("vectors::a_record_over_the_end", 4096) else { return };
    let ring = operations.ring();
    operations.run(op_kind::RESERVE_SUBMIT, 4064, 0);
    let at = ring.catch_up();
    assert_eq!(operations.run(op_kind::OUTPUT, 200, 0), 0, "output over the end");
    let payload: Vec<u8> = (0..200).collect();
    assert_eq!(ring.sample(at), payload, "sample at {at}");
}

#[test]
fn bytes_that_the_program_does_not_write_are_older_contents() {
    let Some(operations) = fresh("vectors::bytes_not_written", 4096) else { return };
    let ring = operations.ring();
    operations.run(op_kind::OUTPUT, 4080, 0);
    let at = ring.catch_up();
    // The first byte of this record's sample is byte 0 of the data: there was a header.
    assert_eq!(at, 4088, "position after 4080 bytes");
    assert_eq!(operations.run(op_kind::RESERVE_SUBMIT, 16, 0), 1, "reservation at {at}");
    let sample = ring.sample(at);
    assert_eq!(sample[..8], [0xf0, 0x0f, 0, 0, 3, 0, 0, 0], "the old header, 4080 bytes, page 3");
    assert_eq!(sample[8..], [0, 1, 2, 3, 4, 5, 6, 7], "the old sample");
}

#[test]
fn dynptr_reservations_return_errors_and_leave_no_record() {
    let test = "vectors::dynptr";
    let Some(operations) = fresh(test, 4096) else { return };
    if !has_dynptr() {
        let refused = Operations::load_with(4096, true).expect_err("the verifier refuses them");
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused:?}");
        assert!(kernel_release() < (5, 19), "dynptrs came with Linux 5.19");
        note(test, "no dynptr before Linux 5.19: the verifier refuses them, as it must");
        return;
    }
    let ring = operations.ring();
    for (fact, size, flags, ret, moved) in [
        ("dynptr.8", 8, 0, 0, 16),
        ("dynptr.0", 0, 0, 0, 8),
        ("dynptr.flags_1", 8, 1, EINVAL, 0),
        ("dynptr.4080_no_room", 4080, 0, EINVAL, 0),
        ("dynptr.2_24_minus_1", (1 << 24) - 1, 0, EINVAL, 0),
        ("dynptr.2_24", 1 << 24, 0, E2BIG, 0),
        ("dynptr.2_24_flags_1", 1 << 24, 1, EINVAL, 0),
        ("dynptr.8_again", 8, 0, 0, 16),
    ] {
        let before = ring.producer_pos();
        assert_eq!(operations.run(op_kind::DYNPTR_SUBMIT, size, flags), ret, "{fact}: ret");
        assert_eq!(ring.producer_pos() - before, moved, "{fact}: P");
    }
}

#[test]
fn a_forged_consumer_position_is_believed() {
    let Some(operations) = fresh("vectors::forged_position", 4096) else { return };
    let ring = operations.ring();
    let edge = Epoll::new(operations.map(), Trigger::Edge).expect("epoll");
    for (fact, ahead, granted) in [
        ("forge.c_ahead_8", 8, 1),
        ("forge.c_ahead_16", 16, 1),
        ("forge.c_ahead_24", 24, 0),
        ("forge.c_ahead_4096", 4096, 0),
        ("forge.c_ahead_4112", 4112, 0),
        ("forge.c_ahead_1_shl_20", 1 << 20, 0),
        ("forge.c_behind_8192", -8192, 0),
        ("forge.c_odd_ahead_4", 4, 1),
    ] {
        ring.set_consumer_pos(ring.producer_pos().wrapping_add_signed(ahead));
        assert_eq!(operations.run(op_kind::QUERY, 0, 0), -ahead, "{fact}: avail");
        assert_eq!(poll_now(operations.map()).expect("poll"), 0x41, "{fact}: poll");
        let ret = operations.run(op_kind::RESERVE_SUBMIT, 8, 0);
        assert_eq!(ret, granted, "{fact}: reserve_8");
        let woken = edge.wait(Duration::from_millis(30)).expect("epoll_wait");
        assert_eq!(woken, 0, "{fact}: wake");
    }
    ring.catch_up();
    let ret = operations.run(op_kind::RESERVE_SUBMIT, 8, 0);
    assert_eq!(ret, 1, "forge.repaired_reserve_8");
}

/// A fresh ring, or nothing where this cannot be tested.
fn fresh(test: &str, size: u32) -> Option<Operations> {
    if !live_since(test, (5, 10)) {
        return None;
    }
    if page_size() != 4096 {
        skip(test, "the vectors are those of pages of 4 KiB");
        return None;
    }
    Some(Operations::load(size).expect("load of vectors.bpf.c"))
}

/// Runs the steps, with the consumer at `consumer`.
fn run(operations: &Operations, consumer: u64, steps: &[Step]) {
    let ring = operations.ring();
    for step in steps {
        let fact = step.fact;
        assert_eq!(operations.run(step.kind, step.size, step.flags), step.ret, "{fact}: ret");
        assert_positions(ring, fact, [consumer, step.p, step.n]);
        if let Some((position, len)) = step.header {
            let header = Header { len, page_offset: 3 };
            assert_eq!(ring.header(position), header, "{fact}: header at {position}");
        }
    }
}

/// Consumer, producer and pending position; the last is 0 on a kernel that has none, which its
/// type information says.
fn assert_positions(ring: &RawRing, fact: &str, [c, p, n]: [u64; 3]) {
    let n = if has_pending_pos() { n } else { 0 };
    assert_eq!(ring.consumer_pos(), c, "{fact}: C");
    assert_eq!(ring.producer_pos(), p, "{fact}: P");
    assert_eq!(ring.pending_pos(), n, "{fact}: N");
    assert_eq!(ring.overwrite_pos(), 0, "{fact}: O");
}
