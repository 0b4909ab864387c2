//! [`AsyncUserRing`]: a user ring that a task fills.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use ringbuf_core::Reservation;
use ringbuf_kernel::{Producer, ReserveError, UserMapping, UserRingBuf};

use crate::fd::{Fd, Timer};

/// A user ring that a task fills: BPF programs drain it.
///
/// ```no_run
/// use ringbuf_kernel::UserRingBuf;
/// use ringbuf_tokio::AsyncUserRing;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut ring = AsyncUserRing::new(UserRingBuf::from_pin("/sys/fs/bpf/commands")?)?;
/// ring.reserve(8).await??.copy_from_slice(b"commands");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncUserRing {
    ring: UserRingBuf,
    space: Fd,
    timer: Timer,
}

impl AsyncUserRing {
    /// Registers a user ring with the runtime of this thread.
    ///
    /// ```no_run
    /// use ringbuf_kernel::UserRingBuf;
    /// use ringbuf_tokio::AsyncUserRing;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = AsyncUserRing::new(UserRingBuf::create(64 * 1024)?)?; // a new map
    /// println!("{} bytes", ring.get_ref().capacity().bytes());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no runtime here, or no file descriptor is left: it takes two.
    ///
    /// # Panics
    /// If the I/O driver of the runtime is disabled.
    pub fn new(ring: UserRingBuf) -> io::Result<Self> {
        let space = Fd::for_space(ring.as_fd().try_clone_to_owned()?)?;
        Ok(Self { ring, space, timer: Timer::new()? })
    }

    /// Reserves `len` bytes, and waits while they do not fit. Fill them, then
    /// [`submit`](Reservation::submit); dropping the reservation discards it. First commit
    /// all open reservations: no drain gets past them.
    ///
    /// A drain with `BPF_RB_NO_WAKEUP` does not notify, so it looks again each
    /// [`MAX_SLEEP`](Producer::MAX_SLEEP).
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use ringbuf_kernel::UserRingBuf;
    /// use ringbuf_tokio::AsyncUserRing;
    /// use tokio::time::timeout;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut ring = AsyncUserRing::new(UserRingBuf::from_pin("/sys/fs/bpf/commands")?)?;
    /// match timeout(Duration::from_secs(1), ring.reserve(8)).await {
    ///     Ok(reserved) => {
    ///         let mut reservation = reserved??;
    ///         reservation.copy_from_slice(b"commands");
    ///         reservation.submit();
    ///     }
    ///     Err(_) => println!("no drain has made space for a second"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped has reserved nothing.
    ///
    /// # Errors
    /// The outer one: the system does not let the task wait. The inner one
    /// ([`ReserveError`]): waiting does not help, because the sample never fits, or the ring
    /// cannot be used. It is never [`ReserveError::Full`].
    pub async fn reserve(
        &mut self,
        len: u32,
    ) -> io::Result<Result<Reservation<'_, UserMapping>, ReserveError>> {
        tokio::task::consume_budget().await;
        poll_fn(|cx| self.poll_space(cx, len)).await?;
        Ok(self.ring.reserve(len))
    }

    /// Returns the ring, for all that this type does not offer. Its own waits would block
    /// the thread, with all its tasks.
    ///
    /// ```no_run
    /// use ringbuf_kernel::UserRingBuf;
    /// use ringbuf_tokio::AsyncUserRing;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut ring = AsyncUserRing::new(UserRingBuf::from_pin("/sys/fs/bpf/commands")?)?;
    /// let sent = ring.get_mut().submit_all(&[b"one", b"two"])?; // those that fit
    /// println!("{sent} of 2");
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_mut(&mut self) -> &mut UserRingBuf {
        &mut self.ring
    }

    /// Returns the ring.
    ///
    /// ```no_run
    /// use ringbuf_kernel::UserRingBuf;
    /// use ringbuf_tokio::AsyncUserRing;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = AsyncUserRing::new(UserRingBuf::from_pin("/sys/fs/bpf/commands")?)?;
    /// println!("map {}, {}", ring.get_ref().id(), ring.get_ref().name());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn get_ref(&self) -> &UserRingBuf {
        &self.ring
    }

    /// Returns the ring, and leaves the runtime.
    ///
    /// ```no_run
    /// use ringbuf_kernel::UserRingBuf;
    /// use ringbuf_tokio::AsyncUserRing;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = AsyncUserRing::new(UserRingBuf::from_pin("/sys/fs/bpf/commands")?)?;
    /// let shared = ring.into_inner().share(); // from now on, for many threads
    /// shared.reserve_within(8, None)?.copy_from_slice(b"commands");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_inner(self) -> UserRingBuf {
        self.ring
    }

    /// A drain notifies after it has released the space. So the edge is used up first, and
    /// a look follows.
    fn poll_space(&mut self, cx: &mut Context<'_>, len: u32) -> Poll<io::Result<()>> {
        while !self.ring.has_room(len) {
            if self.space.poll(cx)?.is_ready() {
                continue;
            }
            if !self.timer.is_set() {
                self.timer.set(Producer::<UserMapping>::MAX_SLEEP)?;
            }
            if self.timer.poll(cx)?.is_pending() {
                return Poll::Pending;
            }
            self.timer.clear();
        }
        Poll::Ready(Ok(()))
    }
}
