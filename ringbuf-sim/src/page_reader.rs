//! [`SimRing::page_reader`]: readers of a simulated ring that take turns.

use ringbuf_core::PageReader;

use crate::SimRing;
use crate::mirror::{ConsumerSide, Mirror};

/// The memory of a reader that takes turns with others.
pub type SimPageMemory = ConsumerSide<SimRing>;

impl SimRing {
    /// Returns a reader that takes turns with others. It is refused nothing: any number of
    /// them may exist, also beside the [consumer](Self::consumer).
    ///
    /// ```
    /// use ringbuf_core::Visited;
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// // SAFETY: C3: the two take turns, and keep no sample.
    /// let [first, second] = [(); 2].map(|()| unsafe { ring.page_reader() });
    /// let mut visit = first.visit();
    /// assert!(matches!(visit.find()?, Visited::Record { .. }));
    /// visit.pass();
    /// visit.publish();
    /// assert_eq!(second.visit().find()?, Visited::Empty);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Safety
    /// C3 of [`PageReader::new`].
    #[must_use]
    pub unsafe fn page_reader(&self) -> PageReader<SimPageMemory> {
        // SAFETY: as the caller guarantees.
        unsafe { PageReader::new(Mirror::consumer_memory(self.clone())) }
    }
}
