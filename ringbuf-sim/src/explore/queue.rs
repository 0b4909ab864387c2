//! [`WaitQueue`]: the notifications of one ring.

use std::cell::Cell;

/// The wait queue of a ring under a [`Scheduler`](super::Scheduler). A notification arrives at
/// once, or when the scheduler [delivers](super::World::deliver) it. Those that arrive before
/// the reader looks are one.
///
/// ```
/// use ringbuf_sim::explore::WaitQueue;
///
/// let queue = WaitQueue::new(true); // late
/// queue.notify();
/// assert!(queue.is_announced() && !queue.is_notified());
/// queue.deliver();
/// assert!(queue.take() && !queue.take());
/// ```
#[derive(Debug, Default)]
pub struct WaitQueue {
    late: bool,
    announced: Cell<bool>,
    edge: Cell<bool>,
}

impl WaitQueue {
    /// Creates a queue without notifications.
    #[must_use]
    pub fn new(late: bool) -> Self {
        Self { late, ..Self::default() }
    }

    /// `irq_work_queue`: notifies at once, or when the scheduler decides.
    pub fn notify(&self) {
        self.announce();
        if !self.late {
            self.deliver();
        }
    }

    /// Notifies when the scheduler decides.
    ///
    /// ```
    /// use ringbuf_sim::explore::WaitQueue;
    ///
    /// let queue = WaitQueue::default();
    /// queue.announce();
    /// assert!(!queue.is_notified());
    /// queue.notify(); // both arrive now
    /// assert!(queue.is_notified() && !queue.is_announced());
    /// ```
    pub fn announce(&self) {
        self.announced.set(true);
    }

    /// The notification arrives.
    pub fn deliver(&self) {
        self.announced.set(false);
        self.edge.set(true);
    }

    /// Returns true if a notification is on its way.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        self.announced.get()
    }

    /// Returns true if a notification has arrived since the last [`take`](Self::take).
    #[must_use]
    pub fn is_notified(&self) -> bool {
        self.edge.get()
    }

    /// Uses up the notifications that have arrived. Returns true if there were any.
    pub fn take(&self) -> bool {
        self.edge.take()
    }
}
