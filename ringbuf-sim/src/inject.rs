//! Faults of a [`SimRing`].

use std::mem;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringbuf_core::{Consumer, ConsumerMemory, Position, ProducerMemory};

use crate::mirror::Mirror;
use crate::{
    Context, FaultCounts, Faults, HeldLock, KernelProducer, LockError, SimMemory, SimRing,
};

/// What no kernel writes into its pages. A reader must report it and end.
///
/// ```
/// use ringbuf_sim::{Forged, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// let mut consumer = ring.consumer()?;
/// ring.forge(Forged::ProducerMisaligned);
/// assert!(consumer.drain(|_| ()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forged {
    /// A producer position that is not a multiple of 8.
    ProducerMisaligned,
    /// A producer position that is further ahead than the ring is large.
    ProducerTooFar,
    /// A second reader of another process: it has moved the stored consumer position.
    SecondReader,
    /// A record that is longer than the ring. In an exploration only: the simulated kernel
    /// trusts the headers, as the kernel does.
    LongRecord,
}

impl Forged {
    /// All of them.
    ///
    /// ```
    /// use ringbuf_sim::{Forged, SimRing};
    ///
    /// for forged in Forged::ALL {
    ///     let ring = SimRing::new(4096)?;
    ///     let written = ring.forge(forged);
    ///     assert_eq!(written, forged != Forged::LongRecord);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const ALL: [Self; 4] =
        [Self::ProducerMisaligned, Self::ProducerTooFar, Self::SecondReader, Self::LongRecord];
}

impl SimRing {
    /// Injects these faults from now on, instead of those before. With several threads, it
    /// depends on their order who meets a fault.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::{Fault, Faults, Flags, SimRing, VirtualTime};
    ///
    /// // All notifications are late. The reader that has no limit sleeps until then.
    /// let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// ring.inject(Faults::new(1).one_in(Fault::LateNotification, 1));
    /// let mut consumer = ring.consumer_in(&time)?;
    /// consumer.drain(|_| ())?;
    /// let [writes, delivers] = [ring.clone(), ring.clone()];
    /// time.at(Duration::from_micros(1), move |_| {
    ///     writes.producer().output(b"event", Flags::ADAPTIVE).unwrap();
    /// });
    /// time.at(Duration::from_millis(40), move |_| assert!(delivers.deliver()));
    /// assert_eq!(consumer.wait(None)?, Wakeup::Ready);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inject(&self, faults: Faults) {
        self.threads().faults.set(faults);
    }

    /// Returns how often each fault has happened.
    ///
    /// ```
    /// use ringbuf_sim::{Fault, Faults, Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.inject(Faults::new(1).one_in(Fault::Full, 1));
    /// assert!(ring.producer().output(b"one", Flags::ADAPTIVE).is_err());
    /// println!("{}", ring.faulted());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn faulted(&self) -> FaultCounts {
        self.threads().faults.counts()
    }

    /// Lets all programs continue that [stall](crate::Fault::Stalls) before their commit, in
    /// the order in which they came there. Returns their number.
    ///
    /// ```
    /// use ringbuf_sim::{Fault, Faults, Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.inject(Faults::new(1).one_in(Fault::Stalls, 1));
    /// ring.producer().output(b"slow", Flags::ADAPTIVE)?;
    /// let mut consumer = ring.consumer()?;
    /// assert!(consumer.next_record()?.is_none()); // it is busy
    /// assert_eq!(ring.go_on(), 1);
    /// assert_eq!(&consumer.next_record()?.unwrap()[..], b"slow");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::must_use_candidate, reason = "a test knows what stalls")]
    pub fn go_on(&self) -> usize {
        self.kernel().go_on()
    }

    /// Delivers a notification that is [late](crate::Fault::LateNotification). Returns false
    /// if there is none.
    ///
    /// ```
    /// use ringbuf_sim::SimRing;
    ///
    /// let ring = SimRing::new(4096)?;
    /// assert!(!ring.deliver()); // none is late
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::must_use_candidate, reason = "a test may not care whether one was late")]
    pub fn deliver(&self) -> bool {
        self.threads().deliver()
    }

    /// Writes into the pages what no kernel writes there, until the next store of that word.
    /// Returns false if a ring on threads cannot have it.
    ///
    /// ```
    /// use ringbuf_sim::{Forged, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// let mut consumer = ring.consumer()?;
    /// assert!(ring.forge(Forged::ProducerMisaligned));
    /// assert!(consumer.drain(|_| ()).is_err()); // corrupt
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::must_use_candidate, reason = "all but one can be written")]
    pub fn forge(&self, forged: Forged) -> bool {
        let (memory, capacity) = (self.producer_memory(), self.capacity().bytes());
        let pages = self.pages();
        let (width, far) = (self.mirror().width(), pages.producer.wrapping_add(2 * capacity));
        let producer = match forged {
            Forged::ProducerMisaligned => pages.producer.wrapping_add(4),
            Forged::ProducerTooFar | Forged::SecondReader => far,
            Forged::LongRecord => return false,
        };
        if forged == Forged::SecondReader {
            // A lap back: producers find the ring full, so they write over nothing that is lent.
            let moved = Position::new(pages.consumer.wrapping_sub(capacity), width);
            let reader = Mirror::consumer_memory(self.mirror().clone());
            // SAFETY: C1: it gives no space to the producers; the reader itself never loads it
            // to find its records.
            unsafe { reader.store_consumer_pos(moved, Ordering::Release) };
        }
        // SAFETY: P1: the producers keep their own copy, and never load this one. A reader
        // checks it before it believes it (T1).
        unsafe { memory.store_producer_pos(Position::new(producer, width), Ordering::Release) };
        true
    }

    /// Kills a reader: it does not give back what it has read, as if its process had been
    /// killed. The next [`consumer`](Self::consumer) begins at the stored position. The memory
    /// of the ring is not freed any more.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"again", Flags::ADAPTIVE)?;
    /// let mut consumer = ring.consumer()?;
    /// assert!(consumer.next_record()?.is_some());
    /// SimRing::kill(consumer);
    /// let mut next = ring.consumer()?;
    /// assert_eq!(&next.next_record()?.unwrap()[..], b"again");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kill(consumer: Consumer<SimMemory>) {
        let ring = Self::of(&consumer).clone();
        mem::forget(consumer);
        ring.unclaim();
    }

    /// Moves the clock of the waits forward, as when a virtual machine was paused. In virtual
    /// time use [`VirtualTime::pass`](crate::VirtualTime::pass).
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::WaitHost;
    /// use ringbuf_sim::SimRing;
    ///
    /// let ring = SimRing::new(4096)?;
    /// let consumer = ring.consumer()?;
    /// ring.jump_clock(Duration::from_secs(3600));
    /// assert!(consumer.memory().now() >= Duration::from_secs(3600));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn jump_clock(&self, time: Duration) {
        self.threads().event.jump(time);
    }
}

impl KernelProducer {
    /// Returns the same program in this context.
    #[must_use]
    pub fn in_context(self, context: Context) -> Self {
        Self { context, ..self }
    }

    /// Takes the lock and stands still under it, until the value is dropped. Other programs
    /// then wait or fail, as the kernel's [`Lock`](crate::Lock) does.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn hold_lock(&self) -> Result<HeldLock, LockError> {
        let profile = self.ring.kernel().profile();
        self.ring.threads().hold(profile.lock, self.context)?;
        Ok(HeldLock { ring: self.ring.clone() })
    }
}
