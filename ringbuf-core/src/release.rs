//! When consumed space goes back to the producers: the rule, and [`Hold`], its
//! state.

use crate::walk::{Cursor, MAX_WINDOW};
use crate::{Consumer, ConsumerMemory};

/// Looks in a row that find nothing, after which all is published.
const EMPTY_LOOKS: u32 = 64;

/// What a consumer holds back.
#[derive(Debug)]
pub(crate) struct Hold {
    /// The portion that a drain may leave unpublished between two windows.
    /// `None`: nothing is held back.
    pub(crate) portion: Option<u64>,
    /// The widest window of a batch.
    pub(crate) max_window: u64,
    /// Looks in a row that found nothing.
    pub(crate) empty_looks: u32,
}

impl Default for Hold {
    fn default() -> Self {
        Self { portion: None, max_window: MAX_WINDOW, empty_looks: 0 }
    }
}

impl<M: ConsumerMemory> Consumer<M> {
    /// Holds back the last two records: a commit then finds the consumer caught
    /// up only if nothing else was read for long, so an awake reader is hardly
    /// ever notified.
    ///
    /// A commit notifies whenever the published position stands exactly at its
    /// record, whether or not anybody sleeps, and the traced program pays for
    /// it. One record short is not enough: the commit of that record may not
    /// have looked yet.
    ///
    /// # The rule
    /// Wherever a batch or a drain ends, the consumer publishes the beginning of
    /// the last record but one that it passed, or everything if more than an
    /// eighth of the ring would stay unpublished. Within one drain it does so
    /// whenever `portion` bytes are unpublished: under saturation the shared
    /// word is stored once a portion. Everything is published by
    /// [`publish`](Self::publish), by [`arm`](Self::arm), by dropping the
    /// consumer, once the ring is [`Corrupt`](crate::Corrupt), and after 64 looks
    /// in a row that found nothing (a batch, [`is_ready`](Self::is_ready), or a
    /// drain, whose last look counts).
    ///
    /// So producers see a ring that is smaller by two records while the reader
    /// keeps up, and by about one and a half portions while a drain runs. `portion`
    /// counts as half the capacity at most.
    ///
    /// A consumer that holds back must [`arm`](Self::arm) before it blocks, or
    /// [`wait`](Self::wait), which does: drains no longer do it by themselves.
    /// [`release_at_once`](Self::release_at_once) is the default again.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// let mut consumer = ring.consumer()?;
    /// consumer.hold_back(1024);
    /// for _ in 0..9 {
    ///     ring.producer().output(&[0; 8], Flags::ADAPTIVE)?; // 16 bytes each
    /// }
    /// consumer.drain(|_| ())?;
    /// assert_eq!(consumer.unpublished(), 32);
    /// consumer.release_at_once();
    /// assert_eq!(consumer.unpublished(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hold_back(&mut self, portion: u64) {
        let portion = portion.min(self.memory.capacity().bytes() / 2);
        self.hold.portion = Some(portion);
        self.hold.max_window = (portion / 2).clamp(8, MAX_WINDOW);
    }

    /// Gives space back with every batch, which is the default, and what is
    /// held back now.
    pub fn release_at_once(&mut self) {
        self.hold = Hold::default();
        self.publish();
    }

    /// The end of a batch that read up to `cursor`: consumes, and publishes by
    /// the rule. A call, with all that it needs by value: inlined where a
    /// callback may unwind it would hold the loop's state in memory.
    #[inline(never)]
    pub(crate) fn end_batch(&mut self, cursor: Cursor, delivered: u64) {
        self.consume(cursor, delivered);
        match self.walk.portion.get() {
            0 => self.give_back(),
            portion if self.unpublished() >= portion => self.give_back_within(),
            _ => {}
        }
    }

    /// Moves the consumed position, which is private.
    pub(crate) fn consume(&mut self, cursor: Cursor, delivered: u64) {
        if cursor.position == self.consumed {
            self.count_empty_look();
        } else {
            self.hold.empty_looks = 0;
        }
        self.consumed = cursor.position;
        self.available = cursor.window + self.walk.beyond.get();
        self.counts.delivered += delivered;
        self.counts.discarded += self.walk.discarded.take();
    }

    /// Publishes by the rule of [`hold_back`](Self::hold_back).
    #[inline(never)]
    pub(crate) fn give_back(&mut self) {
        if self.hold.portion.is_none() {
            return self.publish();
        }
        if self.unpublished() == 0 {
            return;
        }
        // A ring that is known to be corrupt is not walked any more, nor read.
        if self.walk.corrupt.get().is_some() {
            return self.publish();
        }
        let last_but_one = self.last_but_one();
        let keep = self.consumed.distance(last_but_one, self.memory.width());
        if keep > self.memory.capacity().bytes() / 8 {
            self.publish();
        } else if keep < self.unpublished() {
            self.store_published(last_but_one);
        }
    }

    /// The same between two windows of a drain, where it need not be exact: short
    /// of the last window.
    fn give_back_within(&mut self) {
        let keep = self.consumed.distance(self.window_start(), self.memory.width());
        if keep <= self.memory.capacity().bytes() / 8 && keep < self.unpublished() {
            self.store_published(self.window_start());
        } else {
            self.give_back();
        }
    }

    /// A look found nothing. After many in a row the producers get everything:
    /// what they want to write may not fit beside what is held back.
    #[inline]
    pub(crate) fn count_empty_look(&mut self) {
        if self.hold.portion.is_some() {
            self.hold.empty_looks += 1;
            if self.hold.empty_looks >= EMPTY_LOOKS {
                self.publish();
            }
        }
    }
}
