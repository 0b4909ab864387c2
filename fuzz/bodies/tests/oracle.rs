//! Any list of operations, compared with the model.

use std::sync::atomic::Ordering::Relaxed;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use ringbuf_core::{
    Header, Offset, PageOffset, Position, ProducerMemory, RingMemory, SampleLen, Width,
};
use ringbuf_fuzz::oracle::{Op, Oracle, run};
use ringbuf_sim::{Flags, SimRing};

/// Capacities of rings: one page, two, and sixteen.
fn capacities() -> [u64; 3] {
    // SAFETY: asks for a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    [page, 2 * page, 16 * page]
}

/// A new ring, and rings with positions that soon wrap at the kernel's word width.
/// Also at 2^32 where the width is 64 bits.
const STARTS: [(Width, u64); 5] = [
    (Width::Bits64, 0),
    (Width::Bits32, 0),
    (Width::Bits64, (1 << 32) - 2048),
    (Width::Bits32, (1 << 32) - 2048),
    (Width::Bits64, u64::MAX - 2047),
];

fn lens(capacity: u64) -> impl Strategy<Value = u64> {
    prop_oneof![
        16 => 0_u64..=512,
        // Runs of one length.
        12 => Just(8),
        2 => 0..=capacity + 16,
        1 => capacity - 32..=capacity + 16,
    ]
}

fn flags() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => Just(Flags::ADAPTIVE.0),
        2 => Just(Flags::NO_WAKEUP.0),
        2 => Just(Flags::FORCE_WAKEUP.0),
        1 => Just(3),
        1 => prop_oneof![Just(4), Just(6), Just(1 << 32), any::<u64>()],
    ]
}

fn op(capacity: u64) -> impl Strategy<Value = Op> {
    let records = || prop_oneof![3 => 0_u64..6, 1 => Just(u64::MAX)];
    let bytes = move || prop_oneof![4 => 0..=capacity / 2, 1 => Just(u64::MAX)];
    let small = || (0_u64..64).prop_map(|words| 8 * words);
    prop_oneof![
        6 => lens(capacity).prop_map(|len| Op::Reserve { len }),
        5 => (any::<usize>(), flags()).prop_map(|(which, flags)| Op::Submit { which, flags }),
        3 => (any::<usize>(), flags()).prop_map(|(which, flags)| Op::Discard { which, flags }),
        8 => (lens(capacity), flags()).prop_map(|(len, flags)| Op::Output { len, flags }),
        6 => records().prop_map(|records| Op::Read { records }),
        2 => records().prop_map(|records| Op::AtMost { records }),
        2 => (records(), bytes()).prop_map(|(records, bytes)| Op::Within { records, bytes }),
        2 => bytes().prop_map(|bytes| Op::ReadBytes { bytes }),
        6 => records().prop_map(|records| Op::ForEach { records }),
        2 => records().prop_map(|records| Op::Keep { records }),
        2 => records().prop_map(|records| Op::Finish { records }),
        2 => records().prop_map(|records| Op::NextRecord { records }),
        3 => (records(), prop_oneof![records(), Just(u64::MAX)])
            .prop_map(|(records, limit)| Op::PutBack { records, limit }),
        2 => (bytes(), records()).prop_map(|(len, records)| Op::ReadInto { len, records }),
        1 => prop_oneof![bytes(), small()].prop_map(|portion| Op::HoldBack { portion }),
        1 => Just(Op::ReleaseAtOnce),
        1 => prop_oneof![0_u64..3, Just(63), Just(64)].prop_map(|looks| Op::IsReady { looks }),
        1 => Just(Op::Publish),
        3 => Just(Op::Arm),
        1 => Just(Op::Lag),
        1 => Just(Op::Query),
        1 => Just(Op::Restart),
    ]
}

fn runs() -> impl Strategy<Value = ((Width, u64), u64, Vec<Op>)> {
    let ops = |capacity| (Just(capacity), vec(op(capacity), 1..200));
    let rings = prop::sample::select(capacities().to_vec()).prop_flat_map(ops);
    (prop::sample::select(&STARTS[..]), rings)
        .prop_map(|(start, (capacity, ops))| (start, capacity, ops))
}

proptest! {
    #[test]
    fn the_ring_does_what_the_model_says(((width, start), capacity, ops) in runs()) {
        run(width, start, capacity, &ops).map_err(TestCaseError::fail)?;
    }
}

/// Random lists rarely fill a ring lap after lap. This test does only that.
#[test]
fn a_full_ring_lap_after_lap() {
    for (width, start) in STARTS {
        let [capacity, ..] = capacities();
        for len in [0, 1, 7, 8, 100, capacity / 2 - 8, capacity - 24, capacity - 16] {
            let outputs = 1 + capacity / (len + 8);
            let lap = (0..outputs).map(|_| Op::Output { len, flags: 0 });
            let lap = lap.chain([Op::Reserve { len }, Op::Read { records: 3 }, Op::Arm]);
            let lap =
                lap.chain([Op::Submit { which: 0, flags: 0 }, Op::Read { records: u64::MAX }]);
            let ops: Vec<_> = lap.collect::<Vec<_>>().repeat(5);
            let summary = run(width, start, capacity, &ops).unwrap();
            assert!(summary.granted > 0 && summary.refused > 0, "{len}: {summary:?}");
        }
    }
}

#[test]
fn a_run_returns_its_counts() {
    let ops = [
        Op::Output { len: 8, flags: 0 },
        Op::Reserve { len: 8 },
        Op::Output { len: 8, flags: 4 },
        Op::Output { len: 1 << 16, flags: 0 },
        Op::Discard { which: 0, flags: 2 },
    ];
    let summary = run(Width::Bits64, 0, 65536, &ops).unwrap();
    assert_eq!((summary.granted, summary.refused), (2, 2));
    assert_eq!((summary.delivered, summary.discarded, summary.notifications), (1, 1, 2));
}

/// An oracle that cannot fail proves nothing. This test changes the ring after one
/// record was written, and reading it must fail.
#[test]
fn the_oracle_notices_changes_of_the_ring() {
    let sample = SampleLen::new(8).unwrap();
    let notices = |says: &str, meddle: &dyn Fn(&SimRing, Offset)| {
        let ring = SimRing::new(65536).unwrap();
        let producer = ring.producer();
        let mut oracle = Oracle::new(&ring, &producer, Width::Bits64, 0).unwrap();
        oracle.apply(Op::Output { len: 8, flags: 0 }).unwrap();
        meddle(&ring, Position::default().offset(ring.producer_memory().capacity()));
        let wrong = oracle.apply(Op::Read { records: 1 }).unwrap_err();
        assert!(wrong.contains(says), "{says}: {wrong}");
    };
    let header = |ring: &SimRing, at, header| {
        // SAFETY: nobody reads while this stray producer writes.
        unsafe { ring.producer_memory().write_header(at, header, PageOffset::NONE) }
    };
    notices("bytes of record 0", &|ring, at| {
        // SAFETY: as above.
        unsafe { ring.producer_memory().sample_mut(at, sample)[7] ^= 1 };
    });
    notices("length", &|ring, at| header(ring, at, Header::from_bits(7)));
    notices("Busy instead of", &|ring, at| header(ring, at, Header::busy(sample)));
    notices("Empty instead of", &|ring, at| header(ring, at, Header::busy(sample).discarded()));
    notices("corrupt", &|ring, at| header(ring, at, Header::from_bits(9)));
    notices("query", &|ring, _| ring.producer().output(b"", Flags::NO_WAKEUP).unwrap());
    notices("shared producer position", &|ring, _| {
        let memory = ring.producer_memory();
        // SAFETY: no sample is lent, and the consumer checks everything.
        unsafe { memory.store_producer_pos(Position::new(24, Width::Bits64), Relaxed) };
    });
}
