//! The simulator runs a script.

use std::mem::replace;
use std::sync::atomic::Ordering::Release;

use ringbuf_bpf::conformance::types::step;
use ringbuf_core::{
    Consumer, ConsumerMemory, Next, OverwriteMemory, OverwriteReader, Position, RingMemory, Tso,
    Width,
};
use ringbuf_sim::{
    Flags, KernelProducer, KernelReservation, PendingPos, Profile, SimKernelMemory, SimMemory,
    SimOverwriteMemory, SimRing, Threads,
};

use crate::look::{Look, Seen, copies};
use crate::script::{NONSENSE, Ring, SLOTS, Script, Step};

const NO_WAKEUP: Flags = Flags::NO_WAKEUP;

type Reservation<'r> = KernelReservation<'r, SimKernelMemory, Threads>;

/// A simulated ring on which scripts run one after the other.
pub(crate) struct Simulated {
    ring: SimRing,
    program: KernelProducer,
    reader: Option<Reader>,
    kind: Ring,
    profile: Profile,
    payload: Vec<u8>,
}

impl Simulated {
    pub(crate) fn new(kind: Ring, profile: Profile, payload: Vec<u8>) -> Self {
        let (width, start) = match kind.narrow {
            Some(start) => (Width::Bits32, start.into()),
            None => (Width::Bits64, 0),
        };
        let (bytes, profile_here) = (kind.bytes.into(), profile.width(width));
        let ring = if kind.overwriting {
            SimRing::overwriting_at(bytes, profile_here, start)
        } else {
            SimRing::started_at(bytes, profile_here, start)
        };
        let ring = ring.expect("a ring");
        let reader = Some(Reader::of(&ring, kind));
        Self { program: ring.producer(), ring, reader, kind, profile, payload }
    }

    /// Runs the script.
    pub(crate) fn run(&mut self, script: &Script) -> Ran {
        let program = self.program.clone();
        let mut run = Run {
            simulated: self,
            program: &program,
            open: [const { None }; SLOTS],
            forged: false,
            notified: 0,
        };
        run.notified = run.simulated.ring.notifications();
        let (mut looks, mut steps) = (Vec::new(), Vec::new());
        for step in &script.steps {
            let mut plain = step.plain();
            let ret = run.step(*step, &mut plain);
            steps.push(plain);
            looks.push(run.look(ret));
        }
        for reservation in run.open.iter_mut().filter_map(Option::take) {
            reservation.discard(NO_WAKEUP);
        }
        let last = run.look(0);
        let (readable, forged) = (last.queries[0] != 0, run.forged);
        drop(run);
        looks.push(last);
        if forged {
            self.store(0);
        }
        let (records, consumer) = self.read(script.read);
        Ran { seen: Seen { looks, readable, records: Ok(records), consumer }, steps, forged }
    }

    /// A new reader takes up to so many records; what they are, and where it came to.
    fn read(&mut self, records: u64) -> (Vec<(u64, Vec<u8>)>, u64) {
        drop(self.reader.take());
        let mut reader = Reader::of(&self.ring, self.kind);
        let mut taken = reader.take(records);
        for (position, _) in &mut taken {
            *position = self.kind.since_start(*position);
        }
        self.reader = Some(reader);
        (taken, self.kind.since_start(self.ring.pages().consumer))
    }

    /// Writes the consumer page, as anybody may who has mapped it: the producer position and so
    /// much more. Returns what that is in the live ring.
    fn store(&self, ahead: i64) -> u64 {
        let produced = self.ring.pages().producer;
        let moved = produced.wrapping_add_signed(ahead);
        self.reader.as_ref().expect("a reader").store(moved);
        self.kind.since_start(produced).wrapping_add_signed(ahead)
    }
}

/// The reader of a ring in its mode.
enum Reader {
    Consumer(Box<Consumer<SimMemory>>),
    Copies(Box<OverwriteReader<SimOverwriteMemory, Tso>>),
}

impl Reader {
    fn of(ring: &SimRing, kind: Ring) -> Self {
        if kind.overwriting {
            Self::Copies(Box::new(ring.overwrite_reader().expect("its reader")))
        } else {
            Self::Consumer(Box::new(ring.consumer().expect("its reader")))
        }
    }

    /// Takes up to so many records.
    fn take(&mut self, records: u64) -> Vec<(u64, Vec<u8>)> {
        let reader = match self {
            Self::Consumer(reader) => reader,
            Self::Copies(reader) => return copies(&mut **reader, records).expect("a sound ring"),
        };
        let batch = reader.batch();
        let mut taken = Vec::new();
        while (taken.len() as u64) < records {
            let Next::Record(record) = batch.next().expect("a sound ring") else { break };
            taken.push((record.position().get(), record.to_vec()));
        }
        taken
    }

    fn store(&self, position: u64) {
        match self {
            Self::Consumer(reader) => {
                let position = Position::new(position, reader.memory().width());
                // SAFETY: no sample is lent out, and no reader looks before the position is a
                // true one.
                unsafe { reader.memory().store_consumer_pos(position, Release) };
            }
            Self::Copies(reader) => {
                let position = Position::new(position, reader.memory().width());
                reader.memory().store_consumer_pos(position, Release);
            }
        }
    }
}

/// A script that the simulator has run.
pub(crate) struct Ran {
    pub(crate) seen: Seen,
    /// The steps as the program has to take them: where a reader comes to is known only now.
    pub(crate) steps: Vec<step>,
    /// In the end the consumer position was one that no reader came to; it was then set to that of
    /// the producer.
    pub(crate) forged: bool,
}

/// One script on its way.
struct Run<'r> {
    simulated: &'r mut Simulated,
    program: &'r KernelProducer,
    open: [Option<Reservation<'r>>; SLOTS],
    /// The consumer position says what is not so.
    forged: bool,
    /// Notifications up to the latest look.
    notified: u64,
}

impl<'r> Run<'r> {
    /// Takes a step; a consumer position that it leads to is written into `plain`.
    fn step(&mut self, step: Step, plain: &mut step) -> i64 {
        match step {
            Step::Reserve { slot, size, flags, fill } => self.reserve(slot, size, flags, fill),
            Step::Submit { slot, flags } => self.commit(slot, |held| held.submit(Flags(flags))),
            Step::Discard { slot, flags } => self.commit(slot, |held| held.discard(Flags(flags))),
            Step::Output { size, flags, from } => {
                let bytes = &self.simulated.payload[from as usize..][..size as usize];
                let result = self.program.output(bytes, Flags(flags));
                result.map_or_else(|error| error.errno(), |()| 0)
            }
            Step::Query { kind } => self.query(kind) as i64,
            Step::Read { .. } if self.forged => NONSENSE,
            Step::Read { records } => {
                let (_, consumer) = self.simulated.read(records);
                release(plain, consumer)
            }
            // Without a pending position the kernel would believe it, and records overlap.
            Step::Store { .. } if self.simulated.profile.pending_pos == PendingPos::Absent => {
                NONSENSE
            }
            Step::Store { ahead } => {
                self.forged = true;
                // No 32-bit kernel can be told more.
                let narrow = self.simulated.kind.narrow.is_some();
                let ahead = if narrow { (ahead as i32).into() } else { ahead };
                release(plain, self.simulated.store(ahead))
            }
        }
    }

    fn reserve(&mut self, slot: u32, size: u32, flags: u64, fill: Option<u32>) -> i64 {
        let at = slot as usize;
        if slot >= self.simulated.kind.limits.slots || self.open[at].is_some() {
            return NONSENSE;
        }
        let by_dynptr = self.simulated.kind.dynptr && slot > 0;
        let result = if by_dynptr {
            self.program.reserve_dynptr(size, flags).map_err(|error| error.errno())
        } else if flags == 0 {
            self.program.reserve(self.simulated.kind.sizes[at].into()).map_err(|_| 0)
        } else {
            Err(0)
        };
        match result {
            Err(ret) => ret,
            Ok(mut reservation) => {
                if let Some(from) = fill {
                    let len = reservation.len();
                    let bytes = &self.simulated.payload[from as usize..][..len];
                    reservation.copy_from_slice(bytes);
                }
                self.open[at] = Some(reservation);
                i64::from(!by_dynptr)
            }
        }
    }

    fn commit(&mut self, slot: u32, how: impl FnOnce(Reservation<'r>)) -> i64 {
        let Some(reservation) = self.open[slot as usize].take() else { return NONSENSE };
        how(reservation);
        1
    }

    /// `bpf_ringbuf_query`, whose kinds 2 and 3 are positions, in overwrite mode also 4.
    fn query(&self, kind: u64) -> u64 {
        let answer = self.program.query(kind);
        let position = [2, 3].contains(&kind) || (kind == 4 && self.simulated.kind.overwriting);
        if position { self.simulated.kind.since_start(answer) } else { answer }
    }

    fn look(&mut self, ret: i64) -> Look {
        let pages = self.simulated.ring.pages();
        let since_start = |position| self.simulated.kind.since_start(position);
        // Without a pending position the word stays 0.
        let pending = match self.simulated.profile.pending_pos {
            PendingPos::Absent => pages.pending,
            _ => since_start(pages.pending),
        };
        let before = replace(&mut self.notified, self.simulated.ring.notifications());
        // Epoll asks the ring itself once it was notified: whether bytes are available.
        let edge = self.notified != before && self.query(0) != 0;
        let overwrite = match self.simulated.kind.overwriting {
            true => since_start(pages.overwrite),
            false => pages.overwrite,
        };
        Look {
            ret,
            edge,
            positions: [
                since_start(pages.consumer),
                since_start(pages.producer),
                pending,
                overwrite,
            ],
            queries: [0, 1, 2, 3, 4, 5].map(|kind| self.query(kind)),
            data: pages.data,
        }
    }
}

/// Makes the step one that stores the consumer position.
fn release(plain: &mut step, consumer: u64) -> i64 {
    plain.what = ringbuf_bpf::conformance::types::what::RELEASE;
    plain.flags = consumer;
    0
}
