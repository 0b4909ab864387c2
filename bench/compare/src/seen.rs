//! The records that a reader has seen, and the use of a sample: the same code for every reader.

use std::sync::Arc;

/// The number of latencies that are kept, the latest ones. All fit, unless a run is long and its
/// gaps short.
pub const ROOM: usize = 1 << 18;

/// Bytes of a cache line.
const LINE: usize = 64;

/// The counts of a reader. `struct seen` of reader.c.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Seen {
    /// Records.
    pub count: u64,
    /// Bytes of their samples.
    pub bytes: u64,
    /// Sum of the first word of each 64 bytes of the samples, if they are touched.
    pub sum: u64,
    /// The sequence that the next record should have.
    pub next: u64,
    /// Records with another sequence.
    pub disorder: u64,
    /// Latencies taken.
    pub stamped: u64,
    latencies: Option<Box<[u32; ROOM]>>,
}

impl Seen {
    /// Nothing yet; the first record will have the sequence `first`.
    pub fn new(first: u64) -> Self {
        let latencies = vec![0; ROOM].into_boxed_slice();
        let latencies = latencies.try_into().expect("of this length");
        Self { next: first, latencies: Some(latencies), ..Self::default() }
    }

    /// From submit to callback, in nanoseconds, ascending.
    pub fn latencies(&self) -> Arc<[u32]> {
        let taken = usize::try_from(self.stamped).map_or(ROOM, |taken| taken.min(ROOM));
        let all = self.latencies.as_deref().map_or(&[][..], |all| &all[..taken]);
        let mut sorted = all.to_vec();
        sorted.sort_unstable();
        sorted.into()
    }

    #[inline(always)]
    fn order(&mut self, sequence: u64) {
        self.disorder += u64::from(sequence != self.next);
        self.next = sequence.wrapping_add(1);
    }
}

/// The use of each sample.
pub trait Look: 'static {
    /// The function of reader.c that does the same.
    const KIND: Kind;

    /// One sample.
    fn look(seen: &mut Seen, sample: &[u8]);
}

/// The ways to look at a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Untouched`].
    Untouched,
    /// [`Touched`].
    Touched,
    /// [`Stamped`].
    Stamped,
}

/// Counts the sample, and reads nothing of it.
#[derive(Debug)]
pub struct Untouched;

/// Touches all of it: the first word of each cache line is summed, the sequence is checked. With
/// more, the figures would show how well a compiler sums.
#[derive(Debug)]
pub struct Touched;

/// Checks the sequence, and takes the time since the submit.
#[derive(Debug)]
pub struct Stamped;

impl Look for Untouched {
    const KIND: Kind = Kind::Untouched;

    #[inline(always)]
    fn look(seen: &mut Seen, sample: &[u8]) {
        seen.count += 1;
        seen.bytes += sample.len() as u64;
    }
}

impl Look for Touched {
    const KIND: Kind = Kind::Touched;

    #[inline(always)]
    fn look(seen: &mut Seen, sample: &[u8]) {
        Untouched::look(seen, sample);
        seen.order(word(sample, 0));
        let (mut sum, mut at) = (0_u64, 0);
        while let Some(bytes) = sample.get(at..).and_then(|rest| rest.first_chunk()) {
            sum = sum.wrapping_add(u64::from_ne_bytes(*bytes));
            at += LINE;
        }
        seen.sum = seen.sum.wrapping_add(sum);
    }
}

impl Look for Stamped {
    const KIND: Kind = Kind::Stamped;

    #[inline(always)]
    fn look(seen: &mut Seen, sample: &[u8]) {
        let latency = now().saturating_sub(word(sample, 1));
        Untouched::look(seen, sample);
        seen.order(word(sample, 0));
        if let Some(latencies) = &mut seen.latencies {
            latencies[seen.stamped as usize % ROOM] = latency.try_into().unwrap_or(u32::MAX);
            seen.stamped += 1;
        }
    }
}

/// The clock of `bpf_ktime_get_ns`, in nanoseconds.
#[inline(always)]
pub fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec into `time`.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The word at `index`, 0 beyond the end.
#[inline(always)]
fn word(sample: &[u8], index: usize) -> u64 {
    let bytes = sample.get(index * 8..).and_then(|rest| rest.first_chunk());
    u64::from_ne_bytes(bytes.copied().unwrap_or_default())
}
