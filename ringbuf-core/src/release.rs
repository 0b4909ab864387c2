//! The rule that decides when consumed space goes back to the producers, and its
//! state, [`Hold`].

use crate::walk::{Cursor, MAX_WINDOW};
use crate::{Consumer, ConsumerMemory};

/// After this many empty looks in a row, everything is published.
const EMPTY_LOOKS: u32 = 64;

/// What a consumer holds back.
#[derive(Debug)]
pub(crate) struct Hold {
    /// The bytes that a drain may leave unpublished between two windows. `None`
    /// means that nothing is held back.
    pub(crate) portion: Option<u64>,
    /// The widest window of a batch.
    pub(crate) max_window: u64,
    /// The number of empty looks in a row.
    pub(crate) empty_looks: u32,
}

impl Default for Hold {
    fn default() -> Self {
        Self { portion: None, max_window: MAX_WINDOW, empty_looks: 0 }
    }
}

impl<M: ConsumerMemory> Consumer<M> {
    /// Holds back the last two records. A commit then rarely finds the consumer
    /// caught up, so it rarely notifies an awake reader.
    ///
    /// A commit notifies if the published position is exactly at its record, even
    /// if nobody sleeps. The traced program pays for this. Holding back one record
    /// is not enough: the commit of that record may not have compared the positions
    /// yet.
    ///
    /// # The rule
    /// When a batch or a drain ends, the consumer publishes the start of the
    /// second-to-last record that it passed. It publishes everything if more than
    /// an eighth of the ring would stay unpublished. During a drain it publishes
    /// each time `portion` bytes are unpublished. So a busy producer sees one store
    /// of the shared position for each portion.
    ///
    /// Everything is published:
    /// - by [`publish`](Self::publish), by [`arm`](Self::arm), and when the
    ///   consumer is dropped;
    /// - when the ring is [`Corrupt`](crate::Corrupt);
    /// - after 64 empty looks in a row. A batch, [`is_ready`](Self::is_ready) and
    ///   the last look of a drain all count as looks.
    ///
    /// So producers can use two records less of the ring while the reader keeps up.
    /// While a drain runs they can use about one and a half portions less. The
    /// largest `portion` is half the capacity; a larger value counts as that.
    ///
    /// Drains no longer arm by themselves. So a consumer that holds back must call
    /// [`wait`](Self::wait), or call [`arm`](Self::arm) before it blocks.
    /// [`release_at_once`](Self::release_at_once) restores the default.
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

    /// Gives back everything now, and from now on all space at the end of each
    /// batch. This is the default.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// consumer.hold_back(1024);
    /// consumer.release_at_once();
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// consumer.drain(|_| ())?;
    /// assert_eq!(consumer.unpublished(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release_at_once(&mut self) {
        self.hold = Hold::default();
        self.publish();
    }

    /// Ends a batch that read up to `cursor`: consumes, and publishes by the rule.
    /// This is a call with all arguments by value. If it were inlined next to a
    /// callback that may unwind, the state of the loop would stay in memory.
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
        // If the ring is known to be corrupt, do not walk or read it.
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

    /// Does the same between two windows of a drain. It need not be exact there, so
    /// it keeps the last window.
    fn give_back_within(&mut self) {
        let keep = self.consumed.distance(self.window_start(), self.memory.width());
        if keep <= self.memory.capacity().bytes() / 8 && keep < self.unpublished() {
            self.store_published(self.window_start());
        } else {
            self.give_back();
        }
    }

    /// Counts an empty look. After many in a row, gives everything back to the
    /// producers: their next record may not fit beside the bytes held back.
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
