//! The results of `bpf_user_ringbuf_drain` on twelve kernels, 6.1.192 to 7.3.4, for
//! any content that user space can write. The facts named `user.*` come from
//! measurements; those named `selftest.*` are expected by the kernel's own tests
//! (prog_tests/user_ringbuf.c). The simulator and the live kernel run the same
//! table.

use std::sync::atomic::Ordering::{Acquire, Release};

use ringbuf_core::{Header, PageOffset, Position, ProducerMemory, RingMemory};

/// A user ring with writable memory, for any content.
pub(crate) trait UserRing {
    type Memory: ProducerMemory;

    /// Creates an empty ring of `bytes`.
    fn fresh(bytes: u64) -> Self;

    fn memory(&self) -> &Self::Memory;

    /// Drains once. The callback stops at this sample (0: never). Returns the
    /// result and the number of calls of the callback.
    fn drain(&mut self, flags: u64, stop_at: u64) -> (i64, u64);

    /// Returns true if an edge arrived since the last call.
    fn woken(&mut self) -> bool;

    /// Returns true if poll(2) reports `EPOLLOUT`.
    fn is_writable(&self) -> bool;
}

/// An action of user space before a drain.
enum Do {
    /// Writes records with these length words, at the producer position.
    Write(&'static [u32]),
    /// Changes the length word at the consumer position.
    Rewrite(u32),
    /// Stores a producer position this far ahead of the consumer position.
    Produce(i64),
    /// Calls poll(2), which must return this.
    Poll(&'static str),
}
use Do::{Poll, Produce, Rewrite, Write};

/// The name, the actions before the drain, the flags, the sample at which the
/// callback stops, and the result.
type Fact = (&'static str, &'static [Do], u64, u64, &'static str);

const BUSY: u32 = 1 << 31;
const DISCARD: u32 = 1 << 30;
const PAGE: u64 = 4096;

/// Runs of facts, each on a new ring of this many bytes.
#[rustfmt::skip]
const RUNS: [(u64, &[Fact]); 13] = [
    (PAGE, &[
        ("user.empty", &[Poll("0x104")], 0, 0, "ret 0 calls 0 consumed 0 left 0 wake 0 poll 0x104"),
        ("user.one", &[Write(&[8])], 0, 0, "ret 1 calls 1 consumed 16 left 0 wake 0x4 poll 0x104"),
        ("user.busy", &[Write(&[8 | BUSY])], 0, 0, "ret 0 calls 0 consumed 0 left 16 wake 0 poll 0x104"),
        ("user.busy_with_one_behind", &[Write(&[8])], 0, 0, "ret 0 calls 0 consumed 0 left 32 wake 0 poll 0x104"),
        ("user.busy_cleared", &[Rewrite(8)], 0, 0, "ret 2 calls 2 consumed 32 left 0 wake 0x4 poll 0x104"),
        ("user.two_discards", &[Write(&[8 | DISCARD, 8 | DISCARD])], 0, 0, "ret 0 calls 0 consumed 32 left 0 wake 0x4 poll 0x104"),
        ("user.discard_and_one", &[Write(&[8 | DISCARD, 8])], 0, 0, "ret 1 calls 1 consumed 32 left 0 wake 0x4 poll 0x104"),
        ("user.busy_and_discard_bits", &[Write(&[8 | BUSY | DISCARD])], 0, 0, "ret 0 calls 0 consumed 16 left 0 wake 0x4 poll 0x104"),
        ("user.three_stop_at_first", &[Write(&[8, 8, 8])], 0, 1, "ret 1 calls 1 consumed 16 left 32 wake 0x4 poll 0x104"),
        ("user.three_rest", &[], 0, 0, "ret 2 calls 2 consumed 32 left 0 wake 0x4 poll 0x104"),
        ("user.two_flags_4", &[Write(&[8, 8])], 4, 0, "ret -22 calls 0 consumed 0 left 32 wake 0 poll 0x104"),
        ("user.two_flags_8000000000000000", &[], 1 << 63, 0, "ret -22 calls 0 consumed 0 left 32 wake 0 poll 0x104"),
        ("user.two_no_wakeup", &[], 1, 0, "ret 2 calls 2 consumed 32 left 0 wake 0 poll 0x104"),
        ("user.empty_force", &[], 2, 0, "ret 0 calls 0 consumed 0 left 0 wake 0x4 poll 0x104"),
        ("user.empty_force_and_no", &[], 3, 0, "ret 0 calls 0 consumed 0 left 0 wake 0x4 poll 0x104"),
        ("user.one_force_and_no", &[Write(&[8])], 3, 0, "ret 1 calls 1 consumed 16 left 0 wake 0x4 poll 0x104"),
        ("user.len_0", &[Write(&[0])], 0, 0, "ret 1 calls 1 consumed 8 left 0 wake 0x4 poll 0x104"),
        ("user.full_one_sample", &[Write(&[4088]), Poll("0")], 0, 0, "ret 1 calls 1 consumed 4096 left 0 wake 0x4 poll 0x104"),
    ]),
    (PAGE, &[
        ("user.one_then_len_above_avail", &[Write(&[8, 100]), Produce(32)], 0, 0, "ret -22 calls 1 consumed 16 left 16 wake 0x4 poll 0x104"),
        ("user.wedged_again", &[], 0, 0, "ret -22 calls 0 consumed 0 left 16 wake 0 poll 0x104"),
    ]),
    (PAGE, &[
        ("user.len_above_avail", &[Write(&[100]), Produce(16)], 0, 0, "ret -22 calls 0 consumed 0 left 16 wake 0 poll 0x104"),
        ("user.len_above_avail_force", &[], 2, 0, "ret -22 calls 0 consumed 0 left 16 wake 0x4 poll 0x104"),
        ("user.busy_len_above_avail", &[Rewrite(100 | BUSY)], 0, 0, "ret -22 calls 0 consumed 0 left 16 wake 0 poll 0x104"),
        ("user.discard_len_above_avail", &[Rewrite(100 | DISCARD)], 0, 0, "ret -22 calls 0 consumed 0 left 16 wake 0 poll 0x104"),
        ("user.len_above_size_and_avail", &[Rewrite(5000)], 0, 0, "ret -22 calls 0 consumed 0 left 16 wake 0 poll 0x104"),
        ("user.len_3fffffff", &[Rewrite(0x3fff_ffff)], 0, 0, "ret -22 calls 0 consumed 0 left 16 wake 0 poll 0x104"),
    ]),
    (PAGE, &[
        ("user.p_misaligned", &[Produce(12)], 0, 0, "ret -22 calls 0 consumed 0 left 12 wake 0 poll 0x104"),
    ]),
    (PAGE, &[
        ("one before", &[Write(&[8])], 0, 0, "ret 1 calls 1 consumed 16 left 0 wake 0x4 poll 0x104"),
        ("user.p_misaligned_and_behind_c", &[Produce(-4)], 0, 0, "ret -22 calls 0 consumed 0 left -4 wake 0 poll 0"),
        ("user.p_behind_c", &[Produce(-8)], 0, 0, "ret 0 calls 0 consumed 0 left -8 wake 0 poll 0"),
    ]),
    (PAGE, &[
        ("user.len_above_size_within_avail", &[Write(&[5000]), Poll("0")], 0, 0, "ret -7 calls 0 consumed 0 left 5008 wake 0 poll 0"),
        ("user.busy_len_above_size", &[Rewrite(5000 | BUSY)], 0, 0, "ret -7 calls 0 consumed 0 left 5008 wake 0 poll 0"),
        ("user.discard_len_above_size", &[Rewrite(5000 | DISCARD)], 0, 0, "ret -7 calls 0 consumed 0 left 5008 wake 0 poll 0"),
    ]),
    (1 << 22, &[
        // Zeroed pages are records without a sample.
        ("user.cap_of_one_drain", &[Produce(1 << 22)], 0, 0, "ret 131072 calls 131072 consumed 1048576 left 3145728 wake 0x4 poll 0x104"),
    ]),
    (1 << 25, &[
        ("user.len_2_24_minus_1", &[Write(&[0xff_ffff])], 0, 0, "ret 1 calls 1 consumed 16777224 left 0 wake 0x4 poll 0x104"),
        ("user.len_2_24", &[Write(&[0x100_0000])], 0, 0, "ret -7 calls 0 consumed 0 left 16777224 wake 0 poll 0x104"),
        ("user.discard_len_2_24", &[Rewrite(0x100_0000 | DISCARD)], 0, 0, "ret -7 calls 0 consumed 0 left 16777224 wake 0 poll 0x104"),
        ("user.busy_len_2_24", &[Rewrite(0x100_0000 | BUSY)], 0, 0, "ret -7 calls 0 consumed 0 left 16777224 wake 0 poll 0x104"),
    ]),
    (PAGE, &[
        ("selftest.post_misaligned", &[Write(&[39]), Produce(47)], 0, 0, "ret -22 calls 0 consumed 0 left 47 wake 0 poll 0x104"),
    ]),
    (PAGE, &[
        ("selftest.post_producer_wrong_offset", &[Write(&[32]), Produce(32)], 0, 0, "ret -22 calls 0 consumed 0 left 32 wake 0 poll 0x104"),
    ]),
    (PAGE, &[
        ("selftest.post_larger_than_ringbuf_sz", &[Write(&[4096])], 0, 0, "ret -7 calls 0 consumed 0 left 4104 wake 0 poll 0"),
    ]),
    (PAGE, &[
        ("selftest.basic", &[Write(&[32, 32])], 0, 0, "ret 2 calls 2 consumed 80 left 0 wake 0x4 poll 0x104"),
        ("selftest.post_alignment_autoadjust", &[Write(&[33])], 0, 0, "ret 1 calls 1 consumed 48 left 0 wake 0x4 poll 0x104"),
    ]),
    (PAGE, &[
        ("discard, stop, and what is left", &[Write(&[8 | DISCARD, 8, 8 | DISCARD, 8])], 0, 1, "ret 1 calls 1 consumed 32 left 32 wake 0x4 poll 0x104"),
        ("stop at the last", &[], 0, 1, "ret 1 calls 1 consumed 32 left 0 wake 0x4 poll 0x104"),
    ]),
];

/// Checks every fact.
///
/// # Panics
/// Lists the facts that do not hold.
pub(crate) fn hold<R: UserRing>() {
    let mut wrong = Vec::new();
    let mut held = 0;
    for (bytes, facts) in RUNS {
        let mut run = Run::new(R::fresh(bytes));
        for (name, before, flags, stop_at, expected) in facts {
            for step in *before {
                run.prepare(step, name);
            }
            let seen = run.drain(*flags, *stop_at);
            if seen == *expected {
                held += 1;
            } else {
                wrong.push(format!("{name}: {seen}\n  expected: {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{held} facts hold");
}

struct Run<R> {
    ring: R,
    produced: Position,
}

impl<R: UserRing> Run<R> {
    fn new(mut ring: R) -> Self {
        // An edge-triggered epoll set reports a new file once.
        ring.woken();
        Self { ring, produced: Position::default() }
    }

    fn prepare(&mut self, step: &Do, name: &str) {
        let memory = self.ring.memory();
        let width = memory.width();
        let consumed = self.consumed();
        match *step {
            Write(words) => {
                for word in words {
                    self.write_header(self.produced, *word);
                    let footprint = Header::from_bits(*word).footprint();
                    self.produced = self.produced.advance(footprint, width);
                }
                // SAFETY: no sample is lent, and the consumer checks every value.
                unsafe { self.ring.memory().store_producer_pos(self.produced, Release) };
            }
            Rewrite(word) => self.write_header(consumed, word),
            Produce(ahead) => {
                self.produced = consumed.advance(ahead as u64, width);
                // SAFETY: no sample is lent, and the consumer checks every value.
                unsafe { self.ring.memory().store_producer_pos(self.produced, Release) };
            }
            Poll(expected) => assert_eq!(self.poll(), expected, "{name}: poll before the drain"),
        }
    }

    fn drain(&mut self, flags: u64, stop_at: u64) -> String {
        let before = self.consumed();
        let (ret, calls) = self.ring.drain(flags, stop_at);
        let (after, width) = (self.consumed(), self.ring.memory().width());
        let consumed = after.distance(before, width);
        let left = self.produced.distance(after, width) as i64;
        let wake = if self.ring.woken() { "0x4" } else { "0" };
        let poll = self.poll();
        format!("ret {ret} calls {calls} consumed {consumed} left {left} wake {wake} poll {poll}")
    }

    fn poll(&self) -> &'static str {
        if self.ring.is_writable() { "0x104" } else { "0" }
    }

    fn consumed(&self) -> Position {
        self.ring.memory().load_consumer_pos(Acquire)
    }

    fn write_header(&self, at: Position, word: u32) {
        let memory = self.ring.memory();
        let at = at.offset(memory.capacity());
        // SAFETY: nobody drains now, and no sample is lent. It breaks the protocol
        // on purpose: the facts are about this.
        unsafe { memory.write_header(at, Header::from_bits(word), PageOffset::NONE) };
    }
}
