//! The golden vectors: the results of live kernels (5.10.223 to 7.3.4, all alike),
//! repeated here. The names are those of the recorded facts. All pages have 4096
//! bytes.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use ringbuf_core::{Armed, Consumer, ConsumerMemory, Next, Position, RingMemory, SampleLen, Width};
use ringbuf_sim::{Flags, KernelProducer, SimError, SimMemory, SimRing};

const NO: u64 = 1;
const FORCE: u64 = 2;

/// A ring, a program that writes, and the reader's mapping.
struct Bench {
    ring: SimRing,
    program: KernelProducer,
    reader: Consumer<SimMemory>,
}

impl Bench {
    /// Returns `None`, with a message, if this machine cannot have such a ring.
    fn new(bytes: u64, start: u64) -> Option<Self> {
        let ring = match SimRing::started_at(bytes, Width::Bits64, start) {
            Ok(ring) => ring,
            Err(SimError::Capacity(error)) => {
                println!("SKIPPED: {error}");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let (program, reader) = (ring.producer(), ring.consumer().unwrap());
        Some(Self { ring, program, reader })
    }

    /// `bpf_ringbuf_reserve` and a commit at once. Returns true if granted.
    fn submit(&self, len: u64, flags: u64) -> bool {
        self.program.reserve(len).map(|record| record.submit(Flags(flags))).is_ok()
    }

    fn discard(&self, len: u64, flags: u64) -> bool {
        self.program.reserve(len).map(|record| record.discard(Flags(flags))).is_ok()
    }

    /// `bpf_ringbuf_output`.
    fn output(&self, len: usize, flags: u64) -> i64 {
        let result = self.program.output(&vec![0; len], Flags(flags));
        result.map_or_else(|error| error.errno(), |()| 0)
    }

    /// Writes the consumer page, as any process can that has mapped it.
    fn store_c(&self, position: u64) {
        // SAFETY: no sample is lent, and the consumer checks every value.
        unsafe {
            self.reader.memory().store_consumer_pos(Position::new(position, Width::Bits64), Relaxed)
        };
    }

    /// C and P.
    fn positions(&self) -> (u64, u64) {
        let produced = self.program.query(3);
        assert_eq!(self.reader.memory().load_producer_pos(Acquire).get(), produced);
        (self.program.query(2), produced)
    }

    /// Returns both words of the header at this place in the data.
    fn header(&self, at: u64) -> [u32; 2] {
        let memory = self.reader.memory();
        let (capacity, width) = (memory.capacity(), memory.width());
        // The sample of an imaginary record that starts eight bytes earlier.
        let before = Position::new(at.wrapping_sub(8), width).offset(capacity);
        // SAFETY: mapped, and nobody writes while this thread reads.
        let bytes = unsafe { memory.sample(memory.data(), before, SampleLen::new(8).unwrap()) };
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        // SAFETY: as above.
        let header = unsafe {
            memory.load_header(memory.data(), Position::new(at, width).offset(capacity), Acquire)
        };
        assert_eq!(header.to_bits(), word(0));
        [word(0), word(4)]
    }

    /// Returns the number of notifications that `act` causes.
    fn wakes<T>(&self, act: impl FnOnce(&Self) -> T) -> u64 {
        let before = self.ring.notifications();
        act(self);
        self.ring.notifications() - before
    }

    fn read_all(&mut self) -> u64 {
        let batch = self.reader.batch();
        while let Next::Record(_) = batch.next().unwrap() {}
        batch.delivered()
    }
}

#[test]
fn golden() {
    let Some(bench) = Bench::new(4096, 0) else { return };
    assert_eq!(bench.positions(), (0, 0), "00_fresh");
    assert!(bench.submit(8, 0));
    assert_eq!((bench.positions(), bench.header(0)), ((0, 16), [8, 3]), "01_submit_8");
    assert!(bench.discard(8, 0));
    let header = [0x4000_0008, 3];
    assert_eq!((bench.positions(), bench.header(16)), ((0, 32), header), "02_discard_8");
    assert!(bench.submit(0, 0));
    assert_eq!((bench.positions(), bench.header(32)), ((0, 40), [0, 3]), "03_submit_0");
    assert_eq!(bench.output(13, 0), 0);
    assert_eq!((bench.positions(), bench.header(40)), ((0, 64), [0xd, 3]), "04_output_13");
    assert_eq!((bench.output(13, 4), bench.positions()), (-22, (0, 64)), "05_output_flags_4");
    let (ret, positions) = (bench.output(13, 1 << 32), bench.positions());
    assert_eq!((ret, positions), (-22, (0, 64)), "06_output_flags_1_shl_32");
    assert_eq!((bench.output(13, 3), bench.positions()), (0, (0, 88)), "07_output_flags_3");
    assert_eq!(bench.header(64), [0xd, 3], "07_output_flags_3");
    assert_eq!((bench.output(0, 0), bench.positions()), (0, (0, 96)), "08_output_0");
    assert_eq!(bench.header(88), [0, 3], "08_output_0");
    let query = [0, 1, 2, 3, 4, 5].map(|kind| bench.program.query(kind));
    assert_eq!(query, [96, 4096, 0, 96, 0, 0], "09_query_0_to_5");

    bench.store_c(96);
    for len in [4088, 4089, 4081] {
        assert!(!bench.submit(len, 0), "11 to 13: {len}");
        assert_eq!(bench.positions(), (96, 96), "11 to 13: {len}");
    }
    assert!(bench.submit(4080, 0));
    assert_eq!((bench.positions(), bench.header(96)), ((96, 4184), [0xff0, 3]), "14_reserve_4080");
    assert!(!bench.submit(0, 0), "15_reserve_0_when_full");
    assert_eq!(bench.output(8, 0), -11, "16_output_8_when_full");
    assert_eq!(bench.output(4096, 0), -11, "17_output_4096");
    assert_eq!(bench.positions(), (96, 4184));
}

#[test]
fn golden_avail_and_page_offsets() {
    let Some(bench) = Bench::new(16384, 0) else { return };
    let record = bench.program.reserve(8).unwrap();
    assert_eq!(bench.program.query(0), 16, "18_avail_inside_pair");
    drop(record);

    let Some(mut bench) = Bench::new(16384, 0) else { return };
    let mut pages = Vec::new();
    for _ in 0..5 {
        let at = bench.program.query(3);
        assert!(bench.submit(4072, 0));
        pages.push((at, bench.header(at)[1]));
        bench.read_all();
    }
    let expected = [(0, 3), (4080, 3), (8160, 4), (12240, 5), (16320, 6)];
    assert_eq!(pages, expected, "19_pg_off_16k");
    // The record at 16320 crosses the end: its header is still in page 6.
    assert_eq!(bench.header(16320), [4072, 6]);
}

#[test]
fn forged_consumer_position() {
    // Ahead of P or behind it: the available bytes, and whether 8 bytes fit.
    let facts = [
        ("c_ahead_8", 8, true),
        ("c_ahead_16", 16, true),
        ("c_ahead_24", 24, false),
        ("c_ahead_4096", 4096, false),
        ("c_ahead_4112", 4112, false),
        ("c_ahead_1_shl_20", 1 << 20, false),
        ("c_behind_8192", -8192, false),
        ("c_odd_ahead_4", 4, true),
        ("wait.c_one_lap_behind", -4096, false),
    ];
    for (fact, ahead, granted) in facts {
        let produced: u64 = 8192;
        let Some(bench) = Bench::new(4096, produced) else { return };
        bench.store_c(produced.wrapping_add_signed(ahead));
        assert_eq!(bench.program.query(0) as i64, -ahead, "{fact}");
        let mut fits = false;
        assert_eq!(bench.wakes(|bench| fits = bench.submit(8, 0)), 0, "{fact}");
        assert_eq!(fits, granted, "{fact}");
        bench.store_c(bench.program.query(3));
        assert!(bench.submit(8, 0), "repaired_reserve_8 after {fact}");
    }
}

/// C forged past an open record never gives its space away (`pending_pos`).
#[test]
fn forged_past_an_open_record() {
    let Some(bench) = Bench::new(1 << 18, 0) else { return };
    bench.store_c(0x30000);
    let a = bench.program.reserve(0x30000);
    let b = bench.program.reserve(0x30000);
    assert_eq!((a.is_ok(), b.is_ok()), (true, false), "overlap_a_b");
    assert_eq!(bench.positions().1, 0x30008, "overlap_end");
    drop(a);

    let Some(bench) = Bench::new(4096, 0) else { return };
    let a = bench.program.reserve(8);
    bench.store_c(16);
    let b = bench.program.reserve(4072);
    let c = bench.program.reserve(4064);
    let granted = (a.is_ok(), b.is_ok(), c.is_ok());
    assert_eq!(granted, (true, false, true), "pending_a_4072_4064");
    assert_eq!(bench.positions().1, 4088, "pending_end");
    drop((a, c));

    let Some(bench) = Bench::new(4096, 0) else { return };
    let a = bench.program.reserve(8).unwrap();
    let mut behind = 0;
    while bench.submit(8, 0) {
        behind += 1;
        assert!(behind < 1000);
        bench.store_c(bench.program.query(3));
    }
    assert_eq!((behind, bench.positions().1), (254, 4080), "records_behind_busy_with_forged_c");
    // N was 0 until now: one commit frees everything.
    a.submit(Flags::NO_WAKEUP);
    assert!(bench.submit(4072, 0));
}

#[test]
fn busy() {
    let Some(mut bench) = Bench::new(4096, 0) else { return };
    let a = bench.program.reserve(8).unwrap();
    assert_eq!(bench.wakes(|bench| bench.submit(8, 0)), 0, "old_items");
    assert_eq!(bench.positions(), (0, 32), "a_held_b_committed");
    let headers = [0, 16].map(|at| bench.header(at)[0]);
    assert_eq!(headers, [0x8000_0008, 8], "a_held_b_committed");
    assert_eq!(bench.program.query(0), 32, "avail");
    assert_eq!(bench.wakes(|bench| bench.submit(8, 0)), 0, "adaptive_behind_busy");
    assert_eq!((bench.reader.lag(), bench.reader.arm()), (Ok(48), Armed::Sleep));
    assert!(matches!(bench.reader.batch().next(), Ok(Next::Busy)));
    assert_eq!(bench.wakes(|_| a.submit(Flags::ADAPTIVE)), 1, "a_committed");
    assert_eq!(bench.header(0), [8, 3], "a_committed");
    assert_eq!(bench.reader.arm(), Armed::Ready);
    assert_eq!(bench.read_all(), 3);
    assert_eq!(bench.wakes(|bench| bench.program.query(0)), 0, "consumed");

    let a = bench.program.reserve(8).unwrap();
    assert!(bench.submit(8, 0));
    assert_eq!(bench.wakes(|_| a.discard(Flags::ADAPTIVE)), 1, "a_discarded_with_b_behind");
    assert_eq!(bench.header(48), [0x4000_0008, 3], "a_discarded_with_b_behind");
    assert_eq!(bench.read_all(), 1);
}

#[test]
fn busy_with_a_forged_position() {
    let Some(bench) = Bench::new(4096, 0) else { return };
    let a = bench.program.reserve(8).unwrap();
    assert!(bench.submit(8, 0));
    bench.store_c(32);
    assert!(!bench.submit(4072, 0), "forged_past_a_reserve_4072");
    drop(a);
    assert!(bench.submit(4072, 0));
}

#[test]
fn wait() {
    let Some(mut bench) = Bench::new(4096, 0) else { return };
    let wakes = |bench: &Bench, flags| bench.wakes(|bench| bench.submit(8, flags));
    assert_eq!(bench.wakes(|bench| bench.program.query(0)), 0, "empty");
    assert_eq!(wakes(&bench, 0), 1, "adaptive_at_head");
    assert_eq!(bench.read_all(), 1, "consumed");
    assert_eq!(wakes(&bench, NO), 0, "no_wakeup_pending");
    for _ in 0..20 {
        assert_eq!(wakes(&bench, 0), 0, "adaptive_after_no_wakeup_20");
    }
    assert_eq!(wakes(&bench, FORCE), 1, "force_when_behind");
    assert_eq!(wakes(&bench, FORCE | NO), 1, "force_and_no_when_behind");
    assert_eq!(bench.wakes(|bench| bench.output(8, FORCE)), 1, "output_force_behind");
    assert_eq!(bench.read_all(), 24);
    assert_eq!(wakes(&bench, FORCE | NO), 1, "force_and_no_at_head");
    bench.read_all();
    assert_eq!(wakes(&bench, 4), 1, "submit_unknown_flags_at_head");
    bench.read_all();
    assert_eq!(wakes(&bench, 4 | NO), 0, "submit_unknown_flags_and_no_at_head");
    bench.read_all();
    assert_eq!(bench.wakes(|bench| bench.discard(8, 0)), 1, "discard_at_head");
    bench.read_all();
    let silent = bench.wakes(|bench| (bench.discard(8, NO), bench.submit(8, 0)));
    assert_eq!(silent, 0, "no_wakeup_discard_then_adaptive");
    bench.read_all();
    assert_eq!(bench.wakes(|bench| bench.output(8, 0)), 1, "output_at_head");
    // Behind a record that is read, and one that is not.
    assert_eq!(wakes(&bench, 0), 0);
    assert!(matches!(bench.reader.batch().next(), Ok(Next::Record(_))));
    assert_eq!(wakes(&bench, 0), 0, "adaptive_after_partial");
}
