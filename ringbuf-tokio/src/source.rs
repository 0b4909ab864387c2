//! [`Source`]: what a task can read.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use ringbuf_core::{Backend, Consumer, Record, WaitStep, WaitSteps, WakeCause};
use ringbuf_kernel::{Mapping, MergedRings, RingBuf, RingSet};

/// A ring or a set of rings that a task can read: a [`RingBuf`], a [`RingSet`],
/// [`MergedRings`], or, with the feature `sim`, the consumer of a simulated ring. Nobody else can implement it.
///
/// ```
/// use std::time::Duration;
/// use ringbuf_core::Wakeup;
/// use ringbuf_sim::{Flags, SimRing};
/// use ringbuf_tokio::{AsyncRing, Source};
/// use tokio::time::timeout;
///
/// /// Whether there is something to read within a second, from a ring or a set.
/// async fn soon(events: &mut AsyncRing<impl Source>) -> bool {
///     let ready = timeout(Duration::from_secs(1), events.ready()).await;
///     matches!(ready, Ok(Ok(Wakeup::Ready)))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ring = SimRing::new(4096)?;
/// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// assert!(soon(&mut AsyncRing::new(ring.consumer()?)?).await);
/// # Ok(())
/// # }
/// ```
pub trait Source: sealed::Source {}

impl<S: sealed::Source> Source for S {}

/// One ring that a task can read: a [`RingBuf`], or, with the feature `sim`, the consumer
/// of a simulated ring. For functions that read either.
///
/// ```no_run
/// use ringbuf_kernel::Wakeup;
/// use ringbuf_tokio::{AsyncRing, Ring};
///
/// /// The length of the first record.
/// async fn first(events: &mut AsyncRing<impl Ring>) -> std::io::Result<Option<usize>> {
///     let mut first = None;
///     while first.is_none() && events.ready().await? == Wakeup::Ready {
///         events.drain(|record| _ = first.get_or_insert(record.len())).unwrap();
///     }
///     Ok(first)
/// }
/// ```
pub trait Ring: Source {
    /// The memory of the ring.
    type Memory: Backend;

    /// Returns the consumer.
    fn consumer(&mut self) -> &mut Consumer<Self::Memory>;
}

impl Ring for RingBuf {
    type Memory = Mapping;

    #[inline]
    fn consumer(&mut self) -> &mut Consumer<Mapping> {
        self.consumer_mut()
    }
}

pub(crate) mod sealed {
    use std::io;
    use std::os::fd::OwnedFd;

    use super::{WaitStep, WaitSteps, WakeCause};

    /// How a task waits for it.
    pub trait Source {
        fn wait_step(&mut self, wait: &mut WaitSteps, cause: WakeCause) -> io::Result<WaitStep>;

        /// Readable with a notification.
        fn notifications(&self) -> io::Result<OwnedFd>;

        /// Readable if a waker asks for something. `None`: the other one is, too.
        fn wakes(&self) -> io::Result<Option<OwnedFd>>;
    }
}

impl sealed::Source for RingBuf {
    fn wait_step(&mut self, wait: &mut WaitSteps, cause: WakeCause) -> io::Result<WaitStep> {
        Ok(self.consumer_mut().wait_step(wait, cause))
    }

    fn notifications(&self) -> io::Result<OwnedFd> {
        self.as_fd().try_clone_to_owned()
    }

    fn wakes(&self) -> io::Result<Option<OwnedFd>> {
        let waker = self.waker().map_err(io::Error::other)?;
        waker.as_fd().try_clone_to_owned().map(Some)
    }
}

impl<T> sealed::Source for RingSet<T> {
    fn wait_step(&mut self, wait: &mut WaitSteps, cause: WakeCause) -> io::Result<WaitStep> {
        RingSet::wait_step(self, wait, cause).map_err(io::Error::other)
    }

    fn notifications(&self) -> io::Result<OwnedFd> {
        self.as_fd().try_clone_to_owned()
    }

    fn wakes(&self) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }
}

impl<T, K, const W: usize> sealed::Source for MergedRings<T, K, W>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    fn wait_step(&mut self, wait: &mut WaitSteps, cause: WakeCause) -> io::Result<WaitStep> {
        MergedRings::wait_step(self, wait, cause).map_err(io::Error::other)
    }

    fn notifications(&self) -> io::Result<OwnedFd> {
        self.as_fd().try_clone_to_owned()
    }

    fn wakes(&self) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }
}
