//! The simulator and this kernel do the same, step by step: on every width, page size and byte
//! order, and past 2^32.
//!
//! Each step is one run of a program, so no two reservations are open at once. `ringbuf-tests`
//! compares the other scripts, on x86-64.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use ringbuf_core::{AlignedBytes, Consumer, ConsumerMemory};
use ringbuf_kernel::{Next, RingBuf};
use ringbuf_portable::{End, Program, RawRing, live, note, output, page_size, query, reserve};
use ringbuf_sim::{Flags, KernelProducer, PendingPos, Profile, SimMemory, SimRing};

use crate::{bits, profile, raw, ring};

/// The number of scripts, or a tenth of RINGBUF_SCRIPTS if it is set. Each step is one system call
/// or more, and each look at all the data takes some ten thousand instructions.
const SCRIPTS: u32 = 100;
/// The size of the ring that passes 2^32. Its larger records take half of it.
const BYTES: u32 = 1 << 21;
/// Longer than any kernel takes to announce a record.
const PATIENCE: i32 = 2000;

#[test]
fn scripts_do_the_same_in_the_simulator() {
    if !live("conformance::scripts") {
        return;
    }
    let steps = Cell::new(0);
    let bytes = page_size();
    runner()
        .run(&vec(step(bytes as u32), 1..60), |script| {
            steps.set(steps.get() + script.len());
            let (mut here, mut there) = (Live::new(bytes), Simulated::new(bytes, &observed()));
            for (number, step) in script.iter().enumerate() {
                compare(&mut here, &mut there, *step, number as u64, true).map_err(|what| {
                    TestCaseError::fail(format!("step {number}, {step:?}: {what}"))
                })?;
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    println!("conformance: {} steps, simulated and live: none differs", steps.get());
}

/// On 32-bit kernels with the defect the ring dies. The simulated ring dies at the same record.
#[test]
fn past_2_32_they_do_the_same() {
    if !live("conformance::past_2_32") {
        return;
    }
    let kernel = observed();
    let (mut here, mut there) =
        (Live::new(BYTES as usize), Simulated::new(BYTES as usize, &kernel));
    let half = Step::Reserve { len: BYTES / 2 - 8, end: End::Submit, flags: 0 };
    let mut number = 0;
    let mut go = |step, whole| {
        number += 1;
        let same = compare(&mut here, &mut there, step, number, whole);
        same.unwrap_or_else(|what| panic!("step {number}, {step:?}: {what}"))
    };
    for _ in 0..(1 << 32) / u64::from(BYTES / 2) - 1 {
        assert_eq!(go(half, false), 1);
        go(Step::Read { records: 1 }, false);
    }
    let tree = vec(step(BYTES / 32), 100).new_tree(&mut runner()).expect("a script").current();
    let (mut steps, mut refused) = (0, 0);
    for step in tree.into_iter().chain([half, Step::Read { records: 99 }].repeat(4)) {
        // All of the two megabytes are compared now and then.
        steps += 1;
        let answer = go(step, steps % 10 == 0);
        refused += u32::from(matches!(step, Step::Reserve { .. }) && answer == 0);
    }
    // The rest of the last lap, and then nothing.
    let small = Step::Reserve { len: BYTES / 256 - 8, end: End::Submit, flags: 0 };
    let last = (0..2 * 256).map(|_| {
        let answer = go(small, false);
        go(Step::Read { records: 9 }, false);
        answer
    });
    let dead = last.last() == Some(0);
    assert_eq!(dead, bits() == 32 && kernel.pending_pos == PendingPos::Compared);
    if dead {
        let text = format!("past 2^32 both refuse for good ({refused} refusals in the script)");
        note("conformance::past_2_32", &text);
    }
}

/// One run of a program, or one action of the reader.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Reserve { len: u32, end: End, flags: u32 },
    Output { len: u32, flags: u32 },
    Query { kind: u32 },
    Read { records: u64 },
    Reopen,
}

fn step(bytes: u32) -> impl Strategy<Value = Step> {
    let len = prop_oneof![
        8 => 0..=64_u32,
        4 => 0..=bytes / 4,
        1 => bytes - 32..=bytes + 16,
        1 => prop::sample::select(vec![bytes / 2 - 8, 0x3fff_ffff, 0x4000_0000]),
    ];
    let end = prop_oneof![3 => Just(End::Submit), 1 => Just(End::Discard)];
    let flags = || prop_oneof![6 => Just(0_u32), 2 => Just(1), 2 => Just(2), 1 => 3..9_u32];
    prop_oneof![
        8 => (len, end, flags()).prop_map(|(len, end, flags)| Step::Reserve { len, end, flags }),
        4 => (0..=64_u32, flags()).prop_map(|(len, flags)| Step::Output { len, flags }),
        1 => (0..8_u32).prop_map(|kind| Step::Query { kind }),
        5 => (0..8_u64).prop_map(|records| Step::Read { records }),
        1 => Just(Step::Reopen),
    ]
}

/// Takes the step in both worlds, and compares the results: answers, notifications, positions, and,
/// if `whole`, all of the pages.
fn compare(
    here: &mut Live,
    there: &mut Simulated,
    step: Step,
    number: u64,
    whole: bool,
) -> Result<i32, String> {
    let argument = argument(number);
    let (answer, records) = here.step(step, &argument);
    equal("answers", (answer, records), there.step(step, &argument))?;
    let edge = there.edge();
    equal("edge of epoll", here.edge(if edge { PATIENCE } else { 0 }), edge)?;
    let [consumer, producer, pending] = here.positions();
    let simulated = [2, 3].map(|kind| there.program.query(kind));
    equal("C, P", [consumer, producer], simulated)?;
    if whole {
        let pages = there.ring.pages();
        equal("N", pending, pages.pending)?;
        equal_data(&here.pages.all_data(), &pages.data)?;
    }
    Ok(answer)
}

fn equal_data(live: &[u8], simulated: &[u8]) -> Result<(), String> {
    if live == simulated {
        return Ok(());
    }
    let mut pairs = live.chunks(8).zip(simulated.chunks(8)).enumerate();
    match pairs.find(|(_, (live, simulated))| live != simulated) {
        Some((at, (live, simulated))) => equal(&format!("data at {:#x}", 8 * at), live, simulated),
        None => equal("bytes of data", live.len(), simulated.len()),
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, live: T, simulated: T) -> Result<(), String> {
    if live == simulated {
        return Ok(());
    }
    Err(format!("{what}: live {live:x?}, simulated {simulated:x?}"))
}

/// The argument of a program: no byte is zero, unlike fresh memory.
fn argument(number: u64) -> [u8; 64] {
    let mut bytes = std::array::from_fn(|index| 0x80 | index as u8);
    bytes[..8].copy_from_slice(&(number << 8 | 0x77).to_ne_bytes());
    bytes
}

/// Records: position, length, and their first bytes. All of the data is compared in the ring
/// itself.
type Records = Vec<(u64, usize, Vec<u8>)>;

/// The number of first bytes. With more, there would be gigabytes of them by 2^32.
const BEGINNING: usize = 64;

/// A ring of this kernel.
struct Live {
    programs: Vec<(Step, Program)>,
    reader: Option<RingBuf>,
    pages: RawRing,
    epoll: OwnedFd,
    map: OwnedFd,
}

impl Live {
    fn new(bytes: usize) -> Self {
        let map = ring(bytes);
        let epoll = edge_triggered(&map).expect("epoll");
        let reader = RingBuf::open(&map).expect("a ring");
        Self { programs: Vec::new(), reader: Some(reader), pages: raw(&map, bytes), epoll, map }
    }

    fn step(&mut self, step: Step, argument: &[u8; 64]) -> (i32, Records) {
        match step {
            Step::Read { records } => {
                let reader = self.reader.as_mut().expect("a reader");
                (0, take(reader.consumer_mut(), records))
            }
            Step::Reopen => {
                drop(self.reader.take());
                self.reader = Some(RingBuf::open(&self.map).expect("a ring"));
                (0, Vec::new())
            }
            _ => (self.program(step).run_with(argument), Vec::new()),
        }
    }

    /// Sizes, flags and kinds are constants of the program.
    fn program(&mut self, step: Step) -> &Program {
        let known = self.programs.iter().position(|(known, _)| *known == step);
        let at = known.unwrap_or_else(|| {
            let program = match step {
                Step::Reserve { len, end, flags } => reserve(&self.map, len, end, flags),
                Step::Output { len, flags } => output(&self.map, len, flags),
                Step::Query { kind } => query(&self.map, kind),
                Step::Read { .. } | Step::Reopen => panic!("no program"),
            };
            self.programs.push((step, program.expect("a program")));
            self.programs.len() - 1
        });
        &self.programs[at].1
    }

    fn positions(&self) -> [u64; 3] {
        [self.pages.consumer_pos(), self.pages.producer_pos(), self.pages.pending_pos()]
    }

    /// Returns true if an edge is reported within this many milliseconds.
    fn edge(&self, patience: i32) -> bool {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: one event, alive for the call.
        let count =
            unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), &raw mut event, 1, patience) };
        assert!(count >= 0, "epoll_wait: {}", io::Error::last_os_error());
        count == 1
    }
}

fn edge_triggered(map: &OwnedFd) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, owned by nobody else.
    let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: 0 };
    let (of, add) = (epoll.as_raw_fd(), libc::EPOLL_CTL_ADD);
    // SAFETY: one event, alive for the call.
    match unsafe { libc::epoll_ctl(of, add, map.as_raw_fd(), &raw mut event) } {
        0 => Ok(epoll),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The same ring in the simulator.
struct Simulated {
    ring: SimRing,
    program: KernelProducer,
    reader: Option<Consumer<SimMemory>>,
    /// Notifications up to the latest look.
    notified: u64,
}

impl Simulated {
    fn new(bytes: usize, kernel: &Profile) -> Self {
        let ring = SimRing::with_profile(bytes as u64, *kernel).expect("a ring");
        let reader = Some(ring.consumer().expect("a reader"));
        Self { program: ring.producer(), ring, reader, notified: 0 }
    }

    fn step(&mut self, step: Step, argument: &[u8; 64]) -> (i32, Records) {
        let answer = match step {
            Step::Read { records } => {
                let reader = self.reader.as_mut().expect("a reader");
                return (0, take(reader, records));
            }
            Step::Reopen => {
                drop(self.reader.take());
                self.reader = Some(self.ring.consumer().expect("a reader"));
                0
            }
            Step::Reserve { len, end, flags } => match self.program.reserve(len.into()) {
                Err(_) => 0,
                Ok(mut reservation) => {
                    written(&mut reservation, argument);
                    match end {
                        End::Submit => reservation.submit(Flags(flags.into())),
                        End::Discard => reservation.discard(Flags(flags.into())),
                    }
                    1
                }
            },
            Step::Output { len, flags } => {
                let result = self.program.output(&argument[..len as usize], Flags(flags.into()));
                result.map_or_else(|error| error.errno() as i32, |()| 0)
            }
            Step::Query { kind } => self.program.query(kind.into()) as i32,
        };
        (answer, Vec::new())
    }

    /// Returns true if epoll would report an edge: after a notification it asks the ring itself.
    fn edge(&mut self) -> bool {
        let before = std::mem::replace(&mut self.notified, self.ring.notifications());
        self.notified != before && self.program.query(2) != self.program.query(3)
    }
}

/// The bytes that [`reserve`]'s program writes.
fn written(sample: &mut [u8], argument: &[u8; 64]) {
    let len = sample.len();
    if len >= 8 {
        sample[..8].copy_from_slice(&argument[..8]);
        if len % 8 == 0 && i16::try_from(len - 8).is_ok() {
            sample[len - 8..].copy_from_slice(&argument[..8]);
        }
    }
}

/// Up to this many records, of either world.
fn take<M>(consumer: &mut Consumer<M>, records: u64) -> Records
where
    M: for<'a> ConsumerMemory<Sample<'a> = AlignedBytes<'a>>,
{
    let batch = consumer.batch();
    let mut taken = Vec::new();
    while (taken.len() as u64) < records {
        let Next::Record(record) = batch.next().expect("a sound ring") else { break };
        let beginning = record[..record.len().min(BEGINNING)].to_vec();
        taken.push((record.position().get(), record.len(), beginning));
    }
    taken
}

/// This kernel as it behaves: distributions carry fixes under any version number, so we look if
/// there is a pending position. Only the version tells how it wraps.
fn observed() -> Profile {
    let map = ring(page_size());
    let program = reserve(&map, 8, End::Submit, 0).expect("a program");
    assert_eq!((program.run(0), program.run(0)), (1, 1));
    match (raw(&map, page_size()).pending_pos(), profile().pending_pos) {
        (0, _) => profile().pending_pos(PendingPos::Absent),
        (_, PendingPos::Absent) => profile().pending_pos(PendingPos::Compared),
        (_, known) => profile().pending_pos(known),
    }
}

/// The seed comes from the clock, for the same reason as in `wrap`, or from RINGBUF_SEED for a
/// replay.
fn runner() -> TestRunner {
    let number = |name| Some(std::env::var(name).ok()?.parse::<u32>().expect(name));
    let clock = || std::time::UNIX_EPOCH.elapsed().expect("a clock").subsec_nanos();
    let seed = number("RINGBUF_SEED").unwrap_or_else(clock);
    println!("conformance: RINGBUF_SEED={seed}");
    let cases = number("RINGBUF_SCRIPTS").map_or(SCRIPTS, |scripts| scripts.div_ceil(10));
    TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed.into()),
        ..ProptestConfig::default()
    })
}
