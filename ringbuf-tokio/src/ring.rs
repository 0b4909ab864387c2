//! [`AsyncRing`]: a ring, or a set of rings, that a task reads.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::task::{Context, Poll};

#[cfg(doc)]
use ringbuf_core::Consumer;
use ringbuf_core::{
    Batch, Budget, Corrupt, Drained, Record, WaitStep, WaitSteps, WakeCause, Wakeup,
};
use ringbuf_kernel::{Mapping, RingBuf, RingError, RingSet};

use crate::fd::{Fd, Timer};
use crate::{Ring, Source};

/// A ring of the kernel, read by a task.
///
/// ```
/// use ringbuf_kernel::Corrupt;
/// use ringbuf_tokio::AsyncRingBuf;
///
/// /// Counts the bytes of the records that are there.
/// fn count(events: &mut AsyncRingBuf) -> Result<usize, Corrupt> {
///     let mut bytes = 0;
///     events.drain(|record| bytes += record.len())?;
///     Ok(bytes)
/// }
/// ```
pub type AsyncRingBuf = AsyncRing<RingBuf>;

/// A set of rings of the kernel, read by one task.
///
/// ```
/// use ringbuf_kernel::{RingSet, WaitPolicy, Wakeup};
/// use ringbuf_tokio::{AsyncRing, AsyncRingSet};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let set = RingSet::new(WaitPolicy::balanced())?;
/// let waker = set.waker();
/// let mut rings: AsyncRingSet<&str> = AsyncRing::new(set)?; // each ring has a name
/// waker.wake();
/// assert_eq!(rings.ready().await?, Wakeup::Woken);
/// # Ok(())
/// # }
/// ```
pub type AsyncRingSet<T> = AsyncRing<RingSet<T>>;

/// A ring, or a set of rings, that a task reads. See [the crate](crate).
///
/// A set is read by one task, with one wait for all its rings:
/// ```no_run
/// use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy, Wakeup};
/// use ringbuf_tokio::AsyncRing;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut set = RingSet::new(WaitPolicy::balanced())?;
/// set.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
/// set.insert(RingBuf::from_pin("/sys/fs/bpf/exit")?, "exit")?;
/// let waker = set.waker();
/// let mut rings = AsyncRing::new(set)?;
/// let reader = tokio::spawn(async move {
///     while rings.ready().await? == Wakeup::Ready {
///         rings.drain(|name, record| println!("{name}: {} bytes", record.len())).unwrap();
///     }
///     std::io::Result::Ok(())
/// });
/// waker.close();
/// reader.await??;
/// # Ok(())
/// # }
/// ```
///
/// # A record across an await
/// A record is lent by a [batch](Self::batch), which may live across an await. Meanwhile
/// its bytes and all that follow it are not given back: when the ring is full, programs
/// lose records. Copy what you need for longer.
pub struct AsyncRing<S> {
    source: S,
    notifications: Fd,
    wakes: Option<Fd>,
    timer: Timer,
}

impl<S: Source> AsyncRing<S> {
    /// Registers a ring or a set with the runtime of this thread.
    ///
    /// ```
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_tokio::AsyncRing;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = SimRing::new(4096)?;
    /// let mut events = AsyncRing::new(ring.consumer()?)?;
    /// let program = ring.producer();
    /// let sender = tokio::spawn(async move { program.output(b"hello", Flags::ADAPTIVE) });
    /// assert_eq!(events.ready().await?, Wakeup::Ready);
    /// sender.await??;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no runtime here, or no file descriptor is left: a ring takes four, a set
    /// two.
    ///
    /// # Panics
    /// If the I/O driver of the runtime is disabled.
    pub fn new(source: S) -> io::Result<Self> {
        Ok(Self {
            notifications: Fd::new(source.notifications()?)?,
            wakes: source.wakes()?.map(Fd::new).transpose()?,
            timer: Timer::new()?,
            source,
        })
    }

    /// Waits until there is something to read ([`Wakeup::Ready`]), or a waker has asked for
    /// something. Drain before you call it. It has no timeout: use `tokio::time::timeout`,
    /// or a deadline of the [waker](RingBuf::waker).
    ///
    /// It waits by the policy of the ring. A policy that spins lets other tasks run between
    /// looks, and keeps one processor busy.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_tokio::AsyncRing;
    /// use tokio::time::timeout;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = SimRing::new(4096)?;
    /// let mut events = AsyncRing::new(ring.consumer()?)?;
    /// let soon = Duration::from_millis(1);
    /// assert!(timeout(soon, events.ready()).await.is_err()); // dropped: nothing is lost
    ///
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// assert_eq!(events.ready().await?, Wakeup::Ready);
    /// ring.waker().wake();
    /// events.drain(|record| assert_eq!(&record[..], b"hello"))?;
    /// assert_eq!(events.ready().await?, Wakeup::Woken);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// You may drop the future at any time, for example in `select!`. It reads no record, so
    /// none is lost. What a waker has asked for is reported by the next call.
    ///
    /// # Fairness
    /// If the ring is never empty, a loop of this and a drain still lets other tasks run: it
    /// takes part in tokio's cooperative scheduling.
    ///
    /// # Errors
    /// The system does not let the task wait, or this is a child of `fork`.
    pub async fn ready(&mut self) -> io::Result<Wakeup> {
        tokio::task::consume_budget().await;
        let mut waiting = Waiting::new();
        poll_fn(|cx| self.poll_ready(cx, &mut waiting)).await
    }

    /// Returns what is read.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.source
    }

    /// Returns what is read, for all that this type does not offer. Its own `wait` would
    /// block the thread, with all its tasks.
    ///
    /// ```
    /// use ringbuf_core::WaitPolicy;
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_tokio::AsyncRing;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = SimRing::new(4096)?;
    /// let mut events = AsyncRing::new(ring.consumer()?)?;
    /// events.get_mut().set_policy(WaitPolicy::immediate());
    /// assert_eq!(events.get_ref().policy(), Some(&WaitPolicy::immediate()));
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// while let Some(record) = events.get_mut().next_record()? {
    ///     assert_eq!(&record[..], b"hello");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Returns what is read, and leaves the runtime.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_tokio::AsyncRing;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = SimRing::new(4096)?;
    /// let events = AsyncRing::new(ring.consumer()?)?;
    /// ring.producer().output(b"last", Flags::ADAPTIVE)?;
    /// let mut consumer = events.into_inner();
    /// let finished = consumer.finish(Duration::ZERO, |record| assert_eq!(&record[..], b"last"))?;
    /// assert!(finished.is_complete());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_inner(self) -> S {
        self.source
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>, wait: &mut Waiting) -> Poll<io::Result<Wakeup>> {
        loop {
            let ended = match wait.step {
                None => Poll::Ready(Ok(WakeCause::TimeUp)),
                Some(Rest::Nap) => self.poll_rest(cx, false),
                Some(Rest::Block) => self.poll_rest(cx, true),
            };
            let cause = match ended {
                Poll::Ready(cause) => cause?,
                Poll::Pending => return Poll::Pending,
            };
            let (rest, time) = match self.source.wait_step(&mut wait.steps, cause)? {
                WaitStep::Over(wakeup) => return Poll::Ready(Ok(wakeup)),
                WaitStep::Nap(time) => (Rest::Nap, time),
                WaitStep::Block(time) => (Rest::Block, time),
                // Spinning: other tasks run in between.
                _ => {
                    wait.step = None;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            };
            wait.step = Some(rest);
            self.timer.set(time)?;
        }
    }

    /// Whether a rest is over. A nap ends early for wakers only, if they can be told from
    /// notifications.
    fn poll_rest(&mut self, cx: &mut Context<'_>, notified: bool) -> Poll<io::Result<WakeCause>> {
        if let Some(wakes) = &self.wakes {
            if wakes.poll(cx)?.is_ready() {
                return Poll::Ready(Ok(WakeCause::Woken));
            }
        }
        if (notified || self.wakes.is_none()) && self.notifications.poll(cx)?.is_ready() {
            return Poll::Ready(Ok(WakeCause::Notified));
        }
        self.timer.poll(cx).map_ok(|()| WakeCause::TimeUp)
    }
}

/// A wait under way.
#[derive(Debug)]
struct Waiting {
    steps: WaitSteps,
    step: Option<Rest>,
}

#[derive(Clone, Copy, Debug)]
enum Rest {
    Nap,
    Block,
}

impl Waiting {
    fn new() -> Self {
        Self { steps: WaitSteps::new(None), step: None }
    }
}

impl<S: Ring> AsyncRing<S> {
    /// Reads all that is there: see [`Consumer::drain`]. It does not wait.
    ///
    /// ```
    /// use ringbuf_core::Drained;
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_tokio::AsyncRing;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = SimRing::new(4096)?;
    /// let mut events = AsyncRing::new(ring.consumer()?)?;
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// let mut bytes = 0;
    /// let end = events.drain(|record| bytes += record.len())?;
    /// assert_eq!((end, bytes), (Drained::Empty, 5));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The ring is corrupt.
    #[inline(always)]
    pub fn drain(&mut self, each: impl FnMut(Record<'_, S::Memory>)) -> Result<Drained, Corrupt> {
        self.source.consumer().drain(each)
    }

    /// As [`drain`](Self::drain), until the callback breaks: see [`Consumer::for_each`].
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_tokio::AsyncRing;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = SimRing::new(4096)?;
    /// let mut events = AsyncRing::new(ring.consumer()?)?;
    /// ring.producer().output(b"stop", Flags::ADAPTIVE)?;
    /// let end = events.for_each(|record| match &record[..] {
    ///     b"stop" => ControlFlow::Break("stopped"),
    ///     _ => ControlFlow::Continue(()),
    /// })?;
    /// assert_eq!(end, ControlFlow::Break("stopped"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The ring is corrupt.
    #[inline(always)]
    pub fn for_each<B>(
        &mut self,
        each: impl FnMut(Record<'_, S::Memory>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Drained>, Corrupt> {
        self.source.consumer().for_each(each)
    }

    /// As [`drain`](Self::drain), until the budget is spent. [`Drained::Limit`]: call
    /// [`ready`](Self::ready), which returns at once, and lets other tasks run.
    ///
    /// ```
    /// use ringbuf_core::{Budget, Drained};
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_tokio::AsyncRing;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = SimRing::new(4096)?;
    /// let mut events = AsyncRing::new(ring.consumer()?)?;
    /// for name in [b"one", b"two"] {
    ///     ring.producer().output(name, Flags::ADAPTIVE)?;
    /// }
    /// let one = Budget::unlimited().records(1);
    /// let end = events.drain_within(&one, |record| assert_eq!(&record[..], b"one"))?;
    /// assert_eq!(end, Drained::Limit);
    /// events.ready().await?; // other tasks run
    /// events.drain_within(&one, |record| assert_eq!(&record[..], b"two"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The ring is corrupt.
    #[inline(always)]
    pub fn drain_within(
        &mut self,
        budget: &Budget,
        each: impl FnMut(Record<'_, S::Memory>),
    ) -> Result<Drained, Corrupt> {
        self.source.consumer().drain_within(budget, each)
    }

    /// Begins a batch: see [`Consumer::batch`].
    ///
    /// ```
    /// use ringbuf_core::Next;
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_tokio::AsyncRing;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = SimRing::new(4096)?;
    /// let mut events = AsyncRing::new(ring.consumer()?)?;
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// let batch = events.batch();
    /// let Next::Record(record) = batch.next()? else { panic!("one record was sent") };
    /// tokio::task::yield_now().await; // the record stays lent
    /// assert_eq!(&record[..], b"hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch(&mut self) -> Batch<'_, S::Memory> {
        self.source.consumer().batch()
    }
}

impl<T> AsyncRing<RingSet<T>> {
    /// Reads each ring that has records once, in turns: see [`RingSet::drain`]. It does not
    /// wait.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// # use ringbuf_tokio::AsyncRing;
    /// # async fn read() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut rings = AsyncRing::new(RingSet::<&str>::new(WaitPolicy::balanced())?)?;
    /// rings.ready().await?;
    /// rings.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// One ring is corrupt. It gets no more turns; call this again for the others.
    #[inline(always)]
    pub fn drain(
        &mut self,
        each: impl FnMut(&mut T, Record<'_, Mapping>),
    ) -> Result<Drained, RingError> {
        self.source.drain(each)
    }

    /// As [`drain`](Self::drain), until the callback breaks: see [`RingSet::for_each`].
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    #[inline(always)]
    pub fn for_each<B>(
        &mut self,
        each: impl FnMut(&mut T, Record<'_, Mapping>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Drained>, RingError> {
        self.source.for_each(each)
    }
}

impl<S: fmt::Debug> fmt::Debug for AsyncRing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncRing").field(&self.source).finish()
    }
}
