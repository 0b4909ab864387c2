//! What live kernels do in overwrite mode (6.19.14, 7.0.13, 7.2.13 and 7.3.4), repeated
//! here. The names are those of the recorded facts.

use std::sync::atomic::Ordering::Relaxed;

use ringbuf_core::{OverwriteMemory, Position, Width};
use ringbuf_sim::{
    Flags, KernelProducer, Overwrite, Profile, Query, SimError, SimOverwriteMemory, SimRing,
};

const RELEASES: [(u32, u32, u32); 4] = [(6, 19, 14), (7, 0, 13), (7, 2, 13), (7, 3, 4)];

/// A ring of one page, a program that writes, and the mapping of a reader.
struct Bench {
    ring: SimRing,
    program: KernelProducer,
    memory: SimOverwriteMemory,
    profile: Profile,
}

fn benches() -> impl Iterator<Item = Bench> {
    RELEASES.into_iter().map(|(major, minor, patch)| {
        let profile = Profile::of_release(major, minor, patch).page_size(4096);
        let ring = SimRing::overwriting(4096, profile).unwrap();
        let (program, memory) = (ring.producer(), ring.overwrite_memory().unwrap());
        Bench { ring, program, memory, profile }
    })
}

impl Bench {
    fn submit(&self, len: u64) -> bool {
        self.program.reserve(len).map(|record| record.submit(Flags::ADAPTIVE)).is_ok()
    }

    /// C, P, N and O.
    fn words(&self) -> [u64; 4] {
        let pages = self.ring.pages();
        [pages.consumer, pages.producer, pages.pending, pages.overwrite]
    }

    fn queries(&self) -> [u64; 6] {
        [0, 1, 2, 3, 4, 5].map(|kind| self.program.query(kind))
    }

    fn store_c(&self, position: u64) {
        self.memory.store_consumer_pos(Position::new(position, Width::Bits64), Relaxed);
    }

    fn wakes<T>(&self, act: impl FnOnce() -> T) -> u64 {
        let before = self.ring.notifications();
        act();
        self.ring.notifications() - before
    }
}

/// The selftest `ringbuf_overwrite_mode` of the kernel.
#[test]
fn vector() {
    for bench in benches() {
        let reserve = |len| bench.program.reserve(len);
        let (first, second) = (reserve(2048), reserve(1024));
        let (third, fourth) = (reserve(1000), reserve(992));
        let reserved = [&first, &second, &third, &fourth].map(|record| record.is_ok());
        assert_eq!(reserved, [true, true, false, true], "vector_reserved");
        for record in [first, second, fourth] {
            record.unwrap().submit(Flags::ADAPTIVE);
        }
        let fifth = reserve(1000);
        assert!(fifth.is_ok(), "vector_reserved");
        assert_eq!(bench.queries(), [3040, 4096, 0, 5096, 2056, 0], "vector_query_0_to_5");
        assert_eq!(bench.words(), [0, 5096, 4088, 2056], "vector_words");
        let at = 2056; // below one lap
        assert_eq!(bench.ring.pages().data[at..at + 4], 0x400_u32.to_ne_bytes(), "hdr_at_o");
    }
}

#[test]
fn largest_records() {
    for bench in benches() {
        assert!(!bench.submit(4088) && !bench.submit(4081), "reserve_4088, reserve_4081");
        let mut words = [0; 4];
        let steps = [
            ("reserve_4080", 4080, [0, 4088, 0, 0]),
            ("reserve_4080_again", 4080, [0, 8176, 4088, 4088]),
            ("then_reserve_0", 0, [0, 8184, 8176, 8176]),
            ("then_reserve_8", 8, [0, 8200, 8184, 8176]),
        ];
        for (fact, len, want) in steps {
            assert!(bench.submit(len), "{fact}");
            words = bench.words();
            assert_eq!(words, want, "{fact}");
        }
        assert_eq!([bench.queries()[0], words[1] - words[3]], [24, 24], "then_query");
    }
}

#[test]
fn a_lapped_waiter_is_woken_by_chance() {
    for bench in benches() {
        let mut woken_at = Vec::new();
        for _ in 0..1024 {
            let at = bench.words()[1];
            if bench.wakes(|| bench.submit(8)) > 0 {
                woken_at.push(at);
            }
        }
        assert_eq!(woken_at, [0, 4096, 8192, 12288], "lapped_adaptive_wakes_of_1024");
        assert_eq!(bench.words(), [0, 16384, 16368, 12304], "lapped_state");
        assert_eq!(bench.queries()[0], 4080, "lapped_state");
        assert_eq!(bench.wakes(|| bench.submit(8)), 1, "lapped_coincidence_two_laps");
        assert_eq!(bench.wakes(|| bench.submit(8)), 0, "lapped_next_adaptive");
        for flags in [Flags::FORCE_WAKEUP, Flags(3)] {
            let forced = bench.wakes(|| bench.program.output(&[0; 8], flags));
            assert_eq!(forced, 1, "lapped_force, lapped_force_and_no");
        }
        let record = bench.program.reserve(8).unwrap();
        assert_eq!(bench.wakes(|| record.discard(Flags::FORCE_WAKEUP)), 1, "lapped_discard_force");
        bench.store_c(bench.words()[3]);
        assert_eq!(bench.wakes(|| bench.submit(8)), 0, "c_set_to_o_then_adaptive");
        assert_eq!(bench.words()[3] - bench.words()[0], 16, "c_set_to_o_then_adaptive");
        bench.store_c(bench.words()[1]);
        assert_eq!(bench.queries()[0], 0, "caught_up");
        assert_eq!(bench.wakes(|| bench.submit(8)), 1, "caught_up_then_adaptive");
    }
}

#[test]
fn available_bytes_and_a_forged_consumer_position() {
    for bench in benches() {
        for _ in 0..4096 {
            bench.submit(8);
        }
        let bounded = bench.profile.overwrite == Overwrite::Bounded;
        // Ahead of P; available bytes before 7.3, and from 7.3 on.
        let facts = [
            ("c_ahead_8", 8, -8, 4080),
            ("c_ahead_4096", 4096, -4096, 4080),
            ("c_equal", 0, 0, 0),
            ("c_behind_16", -16, 16, 16),
            ("c_behind_4080", -4080, 4080, 4080),
            ("c_behind_4096", -4096, 4080, 4080),
        ];
        for (fact, ahead, before, since) in facts {
            let [_, produced, _, overwrite] = bench.words();
            assert_eq!(produced - overwrite, 4080, "{fact}");
            bench.store_c(produced.wrapping_add_signed(ahead));
            let available = bench.queries()[0] as i64;
            assert_eq!(available, if bounded { since } else { before }, "{fact}");
            assert!(bench.submit(8), "{fact}: reserve_8");
        }
        // The consumer position is before zero.
        let ring = SimRing::overwriting(4096, bench.profile).unwrap();
        while ring.pages().producer < 16384 {
            ring.producer().output(&[0; 8], Flags::ADAPTIVE).unwrap();
        }
        let memory = ring.overwrite_memory().unwrap();
        let position = Position::new(16384_u64.wrapping_sub(65536), Width::Bits64);
        memory.store_consumer_pos(position, Relaxed);
        let available = ring.producer().query(Query::AVAIL_DATA);
        assert_eq!(available, if bounded { 4080 } else { 65536 }, "c_behind_65536");
    }
}

#[test]
fn a_busy_record_is_in_the_way() {
    for bench in benches() {
        let busy = bench.program.reserve(8).unwrap();
        let mut behind = 0;
        while bench.submit(8) {
            behind += 1;
            assert!(behind < 1000, "the busy record is not in the way");
        }
        assert_eq!((behind, bench.words()), (254, [0, 4080, 0, 0]), "records_behind_busy");
        assert!(!bench.submit(8), "still_held");
        assert_eq!(bench.wakes(|| busy.submit(Flags::ADAPTIVE)), 1, "busy_committed");
        assert!(bench.submit(8), "busy_committed");
        assert_eq!(bench.words()[3], 16, "busy_committed");
    }
}

#[test]
fn discarded_records_are_overwritten_in_their_order() {
    for bench in benches() {
        for _ in 0..300 {
            bench.program.reserve(8).unwrap().discard(Flags::ADAPTIVE);
        }
        let [_, p, n, o] = bench.words();
        assert_eq!([p - o, n - o], [4080, 4064], "after_300_discards");
        let at = o as usize % 4096;
        let header = 0x4000_0008_u32.to_ne_bytes();
        assert_eq!(bench.ring.pages().data[at..at + 4], header, "after_300_discards");
    }
}

/// Before 6.19 the kernel refuses the flag; and each mode has its own reader.
#[test]
fn modes_are_not_mixed_up() {
    for (major, minor, patch) in [(5, 10, 223), (6, 12, 117), (6, 18, 44)] {
        let refused = SimRing::overwriting(4096, Profile::of_release(major, minor, patch));
        let error = refused.unwrap_err();
        assert!(matches!(error, SimError::NoOverwriteMode), "{error}");
        assert!(error.to_string().contains("EINVAL") && error.to_string().contains("6.19"));
    }
    let ring = SimRing::overwriting(1 << 16, Profile::NEWEST).unwrap();
    let error = ring.consumer().unwrap_err();
    assert!(error.to_string().contains("read it with overwrite_reader()"), "{error}");
    let ring = SimRing::new(1 << 16).unwrap();
    let error = ring.overwrite_reader().unwrap_err();
    assert!(error.to_string().contains("create it with SimRing::overwriting()"), "{error}");
}
