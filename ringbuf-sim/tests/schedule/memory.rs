//! The view of each role of the ring, which core and the simulator's kernel use as
//! memory. Planted defects misbehave here.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::atomic::Ordering;
use std::thread::panicking;
use std::time::Duration;

use ringbuf_core::{
    Capacity, ConsumerMemory, Header, Offset, PageOffset, Position, ProducerMemory, RingMemory,
    SampleLen, WaitHost, WakeCause, Wakes, Width,
};
use ringbuf_sim::KernelMemory;
use ringbuf_sim::explore::{Access, Plan};

use crate::defect::Defect;
use crate::ring::Seat;

/// The memory that the consumer may access.
pub(crate) struct ConsumerView<'s>(pub(crate) &'s Seat);

// SAFETY: M1 to M5 by construction: each method is one access to the words of
// `Shared`, with bounds checks, on one thread, unless a defect is planted.
unsafe impl RingMemory for ConsumerView<'_> {
    fn capacity(&self) -> Capacity {
        self.0.shared.capacity
    }

    fn width(&self) -> Width {
        self.0.shared.width
    }
}

// SAFETY: as above.
unsafe impl ConsumerMemory for ConsumerView<'_> {
    type Sample<'a>
        = Words<'a>
    where
        Self: 'a;

    type Data = ();

    fn data(&self) {}

    fn initial_consumer_pos(&self) -> Position {
        let shared = &self.0.shared;
        let stored = match shared.defect {
            Some(Defect::RestartAtTheEnd) => shared.producer_pos.get(),
            Some(Defect::RestartAtTheStart) => shared.check.borrow().start(),
            _ => shared.consumer_pos.get(),
        };
        self.0.check(|check| check.started(stored));
        stored
    }

    fn stored_consumer_pos(&self) -> Position {
        let shared = &self.0.shared;
        let moved = shared.has(Defect::SecondConsumer);
        if moved { shared.producer_pos.get() } else { shared.consumer_pos.get() }
    }

    fn load_producer_pos(&self, _: Ordering) -> Position {
        self.0.step(Access::LoadProducerPos);
        self.0.load();
        self.0.after.set(None);
        let found = self.0.shared.position(&self.0.shared.producer_pos);
        let stale = self.0.stale.take().then(|| self.0.seen_position.get());
        let found = stale.flatten().unwrap_or(found);
        self.0.seen_position.set(Some(found));
        found
    }

    unsafe fn store_consumer_pos(&self, position: Position, _: Ordering) {
        if !self.0.step(Access::StoreConsumerPos(position)) {
            return;
        }
        self.0.after.set(None);
        let shared = &self.0.shared;
        if self.0.check(|check| check.by_callback) {
            shared.tally.released_meanwhile.more::<()>();
        }
        let unread = position != shared.producer_pos.get();
        self.0.release(if unread && shared.has(Defect::ReleaseTheNext) {
            let next = shared.header(position.offset(shared.capacity));
            position.advance(next.footprint(), shared.width)
        } else {
            position
        });
    }

    unsafe fn load_header(&self, (): (), at: Offset, _: Ordering) -> Header {
        self.0.step(Access::LoadHeader(at));
        self.0.load();
        let shared = &self.0.shared;
        let found = shared.forge_header(shared.header(at));
        let stale = self.0.stale.take().then(|| self.0.seen_header.get()).flatten();
        let found = stale.filter(|(seen, _)| *seen == at).map_or(found, |(_, header)| header);
        self.0.seen_header.set(Some((at, found)));
        let after = self.0.after.take();
        match shared.defect {
            Some(Defect::AlikeIgnoresDiscard) if after == Some(found.len()) => {
                Header::from_bits(found.to_bits() & !Header::DISCARD_BIT)
            }
            Some(Defect::IgnoreBusy) => found.submitted(),
            Some(Defect::IgnoreDiscard) => {
                Header::from_bits(found.to_bits() & !Header::DISCARD_BIT)
            }
            _ => found,
        }
    }

    unsafe fn sample(&self, (): (), at: Offset, len: SampleLen) -> Words<'_> {
        let shared = &self.0.shared;
        let fits = len.footprint() <= shared.capacity.bytes();
        if !fits {
            self.0.check(|check| check.fail(|| format!("a sample of {len:?} in a ring")));
        }
        let in_callback = self.0.check(|check| check.by_callback);
        if shared.has(Defect::PublishBeforeReading)
            || in_callback && shared.has(Defect::PublishBeforeCallback)
        {
            self.0.release(shared.consumer_pos.get().advance(len.footprint(), shared.width));
        }
        Words(Cells { seat: self.0, at, len: len.index() })
    }

    fn fence(&self, _: Ordering) {
        self.0.step(Access::Fence);
        self.0.stale.set(self.0.shared.has(Defect::NoSecondLook));
    }
}

/// The scheduler defines the time: each step takes a microsecond.
impl WaitHost for ConsumerView<'_> {
    type Error = Infallible;

    fn now(&self) -> Duration {
        // There are a few looks between two readings.
        self.0.may_look(LOOKS);
        Duration::from_micros(self.0.shared.clock.get())
    }

    fn pause(&self, time: Duration) {
        self.0.step(Access::Stall(1 + micros(time)));
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, Infallible> {
        self.0.shared.tally.naps.more::<()>();
        self.0.step(Access::Stall(1 + micros(time)));
        self.0.napped.set(true);
        Ok(if self.signal_came() { WakeCause::Interrupted } else { WakeCause::TimeUp })
    }

    fn take_wakes(&self) -> Wakes {
        Wakes::NONE
    }

    fn deadline(&self) -> Duration {
        Duration::MAX
    }

    /// Like edge-triggered epoll, which uses up all notifications since the last
    /// call.
    fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
        let shared = &self.0.shared;
        self.0.napped.set(false);
        if self.signal_came() {
            return Ok(WakeCause::Interrupted);
        }
        if shared.has(Defect::BlockForgets) {
            shared.queue.take();
        }
        if !shared.queue.is_notified() {
            shared.tally.sleeps.more::<()>();
            let endless = self.0.endless.get();
            let end = shared.clock.get().saturating_add(micros(time));
            self.0.step(Access::Sleep(if endless { u64::MAX } else { end }));
        }
        let timed_out = shared.timed_out.take();
        if shared.queue.take() {
            return Ok(WakeCause::Notified);
        }
        if timed_out {
            shared.clock.set(shared.clock.get().saturating_add(micros(time)));
        }
        Ok(WakeCause::TimeUp)
    }
}

impl ConsumerView<'_> {
    /// Now and then.
    fn signal_came(&self) -> bool {
        self.0.shared.clock.get() % 61 == 0
    }
}

/// Of one spin, and some more.
const LOOKS: u64 = 64 + 4;

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The memory that the kernel may access.
pub(crate) struct KernelView<'s>(pub(crate) &'s Seat);

// SAFETY: as for the consumer.
unsafe impl RingMemory for KernelView<'_> {
    fn capacity(&self) -> Capacity {
        self.0.shared.capacity
    }

    fn width(&self) -> Width {
        self.0.shared.width
    }
}

// SAFETY: as above.
unsafe impl ProducerMemory for KernelView<'_> {
    type SampleMut<'a>
        = Words<'a>
    where
        Self: 'a;

    fn initial_producer_pos(&self) -> Position {
        self.0.shared.producer_pos.get()
    }

    fn load_consumer_pos(&self, _: Ordering) -> Position {
        self.0.step(Access::LoadConsumerPos);
        let shared = &self.0.shared;
        let found = shared.position(&shared.consumer_pos);
        if let Some((at, header)) = self.0.late_swap.take() {
            if self.0.step(Access::SwapHeader(at, header)) {
                self.0.commit(at, header);
            }
        }
        let ignored = shared.has(Defect::IgnoreConsumer) && self.0.committing.get().is_none();
        if ignored { shared.producer_pos.get() } else { found }
    }

    unsafe fn store_producer_pos(&self, position: Position, _: Ordering) {
        if !self.0.step(Access::StoreProducerPos(position)) {
            return;
        }
        let shared = &self.0.shared;
        let at = shared.producer_pos.replace(position).offset(shared.capacity);
        let header = shared.header(at).to_bits();
        let (party, len) = (self.0.party, self.0.asking.get());
        self.0.check(|check| check.produced(party, len, position, header));
        if let Some((at, header)) = self.0.late_header.take() {
            shared.set_header(at, header);
        }
    }

    unsafe fn write_header(&self, at: Offset, header: Header, _: PageOffset) {
        if !self.0.step(Access::WriteHeader(at, header)) {
            return;
        }
        self.0.check(|check| check.header_written(at.get(), header));
        if self.0.shared.has(Defect::PositionBeforeHeader) {
            self.0.late_header.set(Some((at, header)));
        } else {
            self.0.shared.set_header(at, header);
        }
    }

    unsafe fn load_header(&self, at: Offset, _: Ordering) -> Header {
        self.0.step(Access::LoadHeader(at));
        let header = self.0.shared.header(at);
        if self.0.shared.has(Defect::IgnorePending) { header.submitted() } else { header }
    }

    unsafe fn store_header(&self, at: Offset, header: Header, _: Ordering) {
        if self.0.step(Access::SwapHeader(at, header)) {
            self.0.commit(at, header);
        }
    }

    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> Words<'_> {
        Words(Cells { seat: self.0, at, len: len.index() })
    }
}

// SAFETY: as for the consumer.
unsafe impl KernelMemory for KernelView<'_> {
    fn page_size(&self) -> u64 {
        Plan::PAGE
    }

    fn store_pending_pos(&self, position: Position, _: Ordering) {
        if self.0.step(Access::StorePendingPos(position)) {
            self.0.check(|check| check.pending(position));
        }
    }

    /// These rings are not in overwrite mode.
    fn store_overwrite_pos(&self, _: Position, _: Ordering) {}

    unsafe fn swap_header(&self, at: Offset, header: Header, _: Ordering) {
        if self.0.shared.has(Defect::CommitLoadsFirst) && !panicking() {
            return self.0.late_swap.set(Some((at, header)));
        }
        if !self.0.step(Access::SwapHeader(at, header)) {
            return;
        }
        self.0.commit(at, header);
        if let Some((at, word, value)) = self.0.late_word.take() {
            let late = Cells { seat: self.0, at, len: usize::MAX };
            if self.0.step(Access::WriteWord(late.offset(word))) {
                self.0.shared.slot(at, 1 + word).set(value);
            }
        }
    }

    fn fence(&self, _: Ordering) {
        self.0.step(Access::Fence);
    }
}

/// A sample.
pub(crate) struct Words<'a>(Cells<'a>);

/// The words of a sample, one by one. They are lent only by reference, so a caller
/// cannot take them out of a reservation (M7).
pub(crate) struct Cells<'a> {
    seat: &'a Seat,
    at: Offset,
    len: usize,
}

impl<'a> Deref for Words<'a> {
    type Target = Cells<'a>;

    fn deref(&self) -> &Cells<'a> {
        &self.0
    }
}

impl Cells<'_> {
    /// Length in bytes. The last word may be partial.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, word: usize) -> u64 {
        let slot = self.seat.shared.slot(self.at, 1 + word);
        self.seat.step(Access::ReadWord(self.offset(word)));
        slot.get()
    }

    pub(crate) fn set(&self, word: usize, value: u64) {
        let last = word + 1 == self.len.div_ceil(8);
        if last && self.seat.shared.has(Defect::CommitBeforeSample) {
            return self.seat.late_word.set(Some((self.at, word, value)));
        }
        self.write(word, value);
    }

    fn write(&self, word: usize, value: u64) {
        let offset = self.offset(word);
        if self.seat.step(Access::WriteWord(offset)) {
            self.seat.check(|check| check.word_written(self.seat.party, offset));
            self.seat.shared.slot(self.at, 1 + word).set(value);
        }
    }

    fn offset(&self, word: usize) -> u64 {
        (self.at.get() + 8 * (1 + word as u64)) % self.seat.shared.capacity.bytes()
    }
}
