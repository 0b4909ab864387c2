//! What other threads ask of the reader's waits.

use ringbuf_core::Wakes;

use super::Explore;

impl Explore {
    /// Stops the reader when the producers have ended: a waker ends its wait
    /// ([`Wakeup::Woken`](ringbuf_core::Wakeup::Woken)), and
    /// [`is_stopping`](super::ExploredRing::is_stopping) is true. It must then read what is
    /// left, and return.
    pub fn stops(mut self) -> Self {
        self.settings.stops = Some(Wakes::WAKE);
        self
    }

    /// As [`stops`](Self::stops), but by a close: all waits from then on return
    /// [`Wakeup::Closed`](ringbuf_core::Wakeup::Closed) at once.
    ///
    /// ```
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::explore::Explore;
    ///
    /// Explore::new().seeds(0..50).closes().run(|ring| {
    ///     let mut consumer = ring.consumer()?;
    ///     while consumer.wait(None)? != Wakeup::Closed {
    ///         consumer.drain(|record| ring.received(&record))?;
    ///     }
    ///     consumer.drain(|record| ring.received(&record))?;
    ///     Ok(())
    /// });
    /// ```
    pub fn closes(mut self) -> Self {
        self.settings.stops = Some(Wakes::CLOSE);
        self
    }

    /// Lets other threads ask for flushes and move the deadline, at any time. So `wait` also
    /// returns [`Wakeup::Flushed`](ringbuf_core::Wakeup::Flushed) and
    /// [`Wakeup::TimedOut`](ringbuf_core::Wakeup::TimedOut), and the reader must go on. That a
    /// flush has delivered all is not checked.
    ///
    /// For readers that call `wait`: nobody else takes the requests, so
    /// [`block`](super::ExploredRing::block) would return at once from the first one on.
    ///
    /// ```
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::explore::Explore;
    ///
    /// // This reader takes anything but a record for the end.
    /// let result = Explore::new().requests().find(|ring| {
    ///     let mut consumer = ring.consumer()?;
    ///     while consumer.wait(None)? == Wakeup::Ready {
    ///         consumer.drain(|record| ring.received(&record))?;
    ///     }
    ///     Ok(())
    /// });
    /// assert!(result.unwrap_err().what.starts_with("lost"));
    /// ```
    pub fn requests(mut self) -> Self {
        self.settings.requests = true;
        self
    }
}
