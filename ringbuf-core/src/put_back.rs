//! [`Batch::put_back`]: the last record of a batch stays in the ring.

use crate::tail::Passed;
use crate::walk::{Cursor, header};
use crate::{Batch, ConsumerMemory, Position};

impl<M: ConsumerMemory> Batch<'_, M> {
    /// Puts the last record back: the next call of [`next`](Self::next) returns it
    /// again, in this batch or in the next one. The batch then holds and counts only
    /// the records before it.
    ///
    /// Returns false if there is no record to put back. Either the batch delivered
    /// nothing yet, or its last record was put back already: the record before that
    /// one stays consumed. To put back the whole batch, use [`rewind`](Self::rewind).
    ///
    /// Use it if you find out too late that a record is one too many: it does not
    /// fit into your output any more, or it belongs to the next second. Records of
    /// this batch that you still hold stay valid, also the one that was put back.
    /// Discarded records after it are skipped again.
    ///
    /// A consumer that [holds back](crate::Consumer::hold_back) does not hold back the
    /// records before it. It does not have to: the record itself stays unread.
    ///
    /// ```
    /// use ringbuf_core::Next;
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// for word in ["one", "two", "three"] {
    ///     ring.producer().output(word.as_bytes(), Flags::ADAPTIVE)?;
    /// }
    /// let mut consumer = ring.consumer()?;
    /// let mut line = String::new();
    /// let batch = consumer.batch();
    /// while let Next::Record(record) = batch.next()? {
    ///     if line.len() + record.len() > 6 {
    ///         batch.put_back(); // it goes into the next line
    ///         break;
    ///     }
    ///     line.push_str(std::str::from_utf8(&record)?);
    /// }
    /// assert_eq!((line.as_str(), batch.delivered()), ("onetwo", 2));
    /// drop(batch);
    /// assert_eq!(consumer.next_record()?.map(|record| record.to_vec()), Some(b"three".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn put_back(&self) -> bool {
        let Some(start) = self.last.take() else { return false };
        let end = self.cursor.get().position;
        let (walk, width) = (&self.consumer.walk, self.consumer.memory.width());
        // All known bytes go through the slow path, which checks the limits again.
        self.cut_window(0);
        walk.beyond.set(walk.beyond.get() + end.distance(start, width));
        let discarded = walk.discarded.get();
        let skipped = self.headers(start, end, discarded).saturating_sub(1);
        walk.discarded.set(discarded.saturating_sub(skipped));
        // The record before is no longer known. A batch that has become empty holds back
        // what the last one did; otherwise everything before the record goes back.
        let empty = start == self.consumer.consumed;
        walk.passed.set(Passed::nothing(if empty { self.consumer.published } else { start }));
        self.cursor.set(Cursor { position: start, window: 0 });
        self.delivered.set(self.delivered.get() - 1);
        true
    }

    /// Counts the records from `start` to `end`: one that was delivered, and the
    /// discarded ones after it, of which there are `most` at most. Hostile memory may
    /// show more now; they are not looked at.
    fn headers(&self, start: Position, end: Position, most: u64) -> u64 {
        let (mut at, mut count) = (start, 0);
        let mut left = end.distance(start, self.consumer.memory.width());
        while left != 0 && count <= most {
            // SAFETY: a record begins at `at`. It is not before the consumed position,
            // and before the one that this batch has reached, so it is produced and not
            // given back (T2).
            let header = unsafe { header(&self.consumer.memory, self.area, at) };
            count += 1;
            // The last record ends exactly at `end`. Only hostile memory differs.
            left = left.saturating_sub(header.footprint());
            at = at.advance_unwrapped(header.footprint());
        }
        count
    }
}
