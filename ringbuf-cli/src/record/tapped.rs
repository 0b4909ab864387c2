//! [`Tapped`]: one ring that is recorded.

use std::collections::HashMap;
use std::io::Write;

use anyhow::anyhow;
use ringbuf_kernel::{
    Corrupt, InspectMapping, Inspector, Next, Observed, ReadError, RingBuf, RingKind, Tap,
};
use ringbuf_record::{GapReason, Kind, NewRing, PositionSample, WriteError, Writer, monotonic_ns};

use crate::Failure;
use crate::format::escape;
use crate::list::{failure, failure_of_look, watcher};
use crate::typed::Sources;

/// The time is taken after so many records.
const PORTION: u64 = 1024;
/// Between two positions for `top --replay`, in nanoseconds.
const SAMPLE_EVERY: u64 = 100_000_000;

/// A ring, and how far it is recorded.
pub(crate) struct Tapped {
    /// Its number in the file.
    pub(crate) number: u32,
    inspector: Inspector,
    ring: ringbuf_core::Inspector<InspectMapping>,
    tap: Tap,
    /// With `--consume`.
    reader: Option<RingBuf>,
    buffer: Vec<u8>,
    /// Raw type information (BTF) of a program that uses the ring, for `replay`.
    types: Option<Vec<u8>>,
    sampled: u64,
    /// It is not recorded any further.
    pub(crate) corrupt: Option<Corrupt>,
}

/// What one look has brought.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Brought {
    pub(crate) records: u64,
    /// Of ring space, copied or missed.
    pub(crate) bytes: u64,
    /// There may be more: the look has ended because it took long enough.
    pub(crate) more: bool,
}

impl Tapped {
    /// Begins at the consumer position.
    pub(crate) fn open(inspector: Inspector, consume: bool) -> Result<Self, Failure> {
        let reader = if consume { Some(claim(&inspector)?) } else { None };
        let ring = inspector.map_all().map_err(failure)?;
        // Elsewhere the newest bytes may be seen before the position: no record is that long.
        let x86 = cfg!(any(target_arch = "x86_64", target_arch = "x86"));
        let margin = if x86 { 0 } else { inspector.capacity().bytes() / 4 };
        let tap = Tap::at_consumer(&ring).margin(margin);
        let (buffer, number) = (vec![0; 4096], 0);
        let types = Sources::of_map(&inspector).into_recorded(inspector.name());
        let (sampled, corrupt) = (0, None);
        Ok(Self { number, inspector, ring, tap, reader, buffer, types, sampled, corrupt })
    }

    pub(crate) fn id(&self) -> u32 {
        self.inspector.id()
    }

    pub(crate) fn name(&self) -> &str {
        self.inspector.name()
    }

    pub(crate) fn width(&self) -> ringbuf_kernel::Width {
        self.inspector.look().width
    }

    /// The part of the ring that these bytes fill.
    pub(crate) fn part(&self, bytes: u64) -> f64 {
        bytes as f64 / self.inspector.capacity().bytes() as f64
    }

    /// Adds the ring to a file that begins here, and its types, unless they are among those that
    /// were `added`, with their numbers.
    pub(crate) fn begin(
        &mut self,
        writer: &mut Writer<impl Write>,
        added: &mut HashMap<Vec<u8>, u32>,
    ) -> Result<(), WriteError> {
        let (id, name) = (self.id(), self.name());
        let mut ring = NewRing::new(id, name, self.inspector.capacity(), self.tap.position());
        ring.kind = match self.inspector.kind() {
            RingKind::Ring => Kind::Ring,
            RingKind::UserRing => Kind::UserRing,
        };
        if let Some(types) = &self.types {
            ring.btf = match added.get(types) {
                Some(number) => Some(*number),
                None => Some(*added.entry(types.clone()).or_insert(writer.add_btf(types)?)),
            };
        }
        self.number = writer.add_ring(&ring)?;
        self.sampled = 0;
        Ok(())
    }

    /// Copies what there is, `most` records at most.
    pub(crate) fn look(
        &mut self,
        writer: &mut Writer<impl Write>,
        most: u64,
    ) -> Result<Brought, WriteError> {
        let mut brought = Brought::default();
        if self.corrupt.is_some() {
            return Ok(brought);
        }
        let capacity = self.inspector.capacity().bytes();
        let mut steps = 0;
        let end = loop {
            if brought.bytes >= capacity || brought.records >= most {
                brought.more = brought.records < most;
                break None;
            }
            let before = self.tap.position();
            let step = match self.tap.next(&self.ring, &mut self.buffer) {
                Ok(Observed::End | Observed::Busy { .. }) => break None,
                Ok(step) => step,
                Err(ReadError::TooSmall { needs, .. }) => {
                    self.buffer.resize(needs, 0);
                    continue;
                }
                Err(ReadError::Corrupt(corrupt)) => break Some(corrupt),
                Err(_) => break None,
            };
            match step {
                Observed::Missed { bytes } => {
                    writer.gap(self.number, bytes, GapReason::Lapped, monotonic_ns())?;
                }
                Observed::Record { .. } => {
                    brought.records += 1;
                    writer.put(self.number, &step)?;
                }
                step => writer.put(self.number, &step)?,
            }
            brought.bytes += self.tap.position().distance(before, self.width());
            steps += 1;
            if steps % PORTION == 0 {
                writer.copied(self.number, monotonic_ns())?;
                self.give_back();
            }
        };
        self.give_back();
        let now = monotonic_ns();
        if brought.more || brought.records >= most {
            writer.copied(self.number, now)?;
        } else {
            writer.caught_up(self.number, now)?;
        }
        if let Some(corrupt) = end {
            self.corrupt = Some(corrupt);
            self.rest(writer, GapReason::Corrupt)?;
        }
        if now.saturating_sub(self.sampled) >= SAMPLE_EVERY {
            self.sampled = now;
            let look = self.inspector.look();
            let (consumer, producer) = (look.consumer, look.producer);
            let pending_word = look.pending_word;
            let sample = PositionSample { time_ns: now, consumer, producer, pending_word };
            writer.sample(self.number, sample)?;
        }
        Ok(brought)
    }

    /// At the end: a record that is not committed, and all behind it, are a gap.
    pub(crate) fn end(&mut self, writer: &mut Writer<impl Write>) -> Result<(), WriteError> {
        if self.corrupt.is_some() {
            return Ok(());
        }
        match self.tap.next(&self.ring, &mut self.buffer) {
            Ok(Observed::Busy { .. }) => self.rest(writer, GapReason::Busy),
            _ => Ok(()),
        }
    }

    /// What is produced and cannot be copied, as a gap. The positions of a corrupt ring may say
    /// anything: then the gap is empty.
    fn rest(&self, writer: &mut Writer<impl Write>, reason: GapReason) -> Result<(), WriteError> {
        let look = self.inspector.look();
        let bytes = look.producer.distance(self.tap.position(), look.width);
        let sound = bytes <= self.inspector.capacity().bytes() && bytes.is_multiple_of(8);
        let bytes = if sound { bytes } else { 0 };
        writer.gap(self.number, bytes, reason, monotonic_ns())
    }

    /// Consumes what is copied, and no more.
    fn give_back(&mut self) {
        let (Some(reader), width) = (&mut self.reader, self.ring.look().width) else { return };
        let left = self.tap.position().distance(reader.position(), width);
        if left == 0 || left > self.inspector.capacity().bytes() {
            return;
        }
        // It ends with the record that reaches the limit: the last one that was copied.
        let batch = reader.batch().max_bytes(left);
        while let Ok(Next::Record(_)) = batch.next() {}
        drop(batch);
        reader.publish();
    }
}

/// The reader of a ring that nobody reads.
fn claim(inspector: &Inspector) -> Result<RingBuf, Failure> {
    let id = inspector.id();
    let what = format!("cannot consume the ring {} ({id})", inspector.name());
    if inspector.kind() == RingKind::UserRing {
        return Err(Failure::Running(anyhow!(
            "{what}: it is a user ring, which a BPF program drains; record it without --consume"
        )));
    }
    let rows = watcher(&[id.to_string()], true)?.look().map_err(failure_of_look)?;
    match rows.first().and_then(|row| row.readers.as_deref()) {
        Some([]) => RingBuf::from_id(id).map_err(failure),
        Some([reader, ..]) => Err(Failure::Running(anyhow!(
            "{what}: process {} ({}) reads it, and would miss what is consumed here; record it \
             without --consume",
            reader.pid,
            escape(reader.comm.as_bytes())
        ))),
        None => Err(Failure::Running(anyhow!(
            "{what}: it is not known whether somebody reads it, because not all processes may be \
             searched; run as root in the PID namespace of the host, or record it without \
             --consume"
        ))),
    }
}
