//! A set in which each ring has a callback: the shape that libbpf-rs has.

use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::time::Duration;

use super::{RingSet, SetError};
use crate::{Drained, RingBuf, Wakeup};

/// What is called with each record of a ring. `Break` stops the set:
/// [`poll`](RingSet::poll) returns [`SetError::Stopped`].
///
/// ```no_run
/// # use std::ops::ControlFlow;
/// # use ringbuf_kernel::{Callback, RingBuf, RingSet, WaitPolicy};
/// let print = |bytes: &[u8]| ControlFlow::Continue(println!("{} bytes", bytes.len()));
/// let mut set = RingSet::<Callback>::new(WaitPolicy::balanced())?;
/// set.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, Box::new(print))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Callback<'cb> = Box<dyn FnMut(&[u8]) -> ControlFlow<()> + 'cb>;

/// A [`Callback`] that may go to another thread, with its set or through a
/// [`SetHandle`](super::SetHandle). Box it yourself: `handle.insert(ring, Box::new(..))`.
///
/// ```no_run
/// # use std::{ops::ControlFlow, thread};
/// # use ringbuf_kernel::{RingBuf, RingSet, SendCallback, WaitPolicy};
/// let mut set = RingSet::<SendCallback>::new(WaitPolicy::balanced())?;
/// let handle = set.handle();
/// thread::spawn(move || {
///     let ring = RingBuf::from_pin("/sys/fs/bpf/late").unwrap();
///     handle.insert(ring, Box::new(|_| ControlFlow::Continue(()))).unwrap();
/// });
/// set.poll(None)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type SendCallback<'cb> = Box<dyn FnMut(&[u8]) -> ControlFlow<()> + Send + 'cb>;

/// A set of callbacks, as `RingBufferBuilder` of libbpf-rs makes one. Builder and built ring
/// buffer are one type, callbacks return [`ControlFlow`] instead of a number, and a signal
/// ends [`poll`](Self::poll) with [`Wakeup::Interrupted`] instead of an error.
///
/// ```no_run
/// use std::ops::ControlFlow::Continue;
/// use std::time::Duration;
/// use ringbuf_kernel::{RingSet, WaitPolicy};
///
/// # fn f(exec_map: std::os::fd::BorrowedFd, connect_map: std::os::fd::BorrowedFd) -> Result<(), Box<dyn std::error::Error>> {
/// let mut count = 0;
/// let mut rings = RingSet::new(WaitPolicy::balanced())?;
/// rings.add(&exec_map, |bytes| Continue(println!("exec: {} bytes", bytes.len())))?;
/// rings.add(&connect_map, |_| Continue(count += 1))?;
/// loop {
///     rings.poll(Some(Duration::from_millis(100)))?;
/// }
/// # }
/// ```
impl<'cb> RingSet<Callback<'cb>> {
    /// Opens the ring behind a map's file descriptor, and adds it with its callback.
    /// Returns the id of the map.
    ///
    /// ```no_run
    /// # use std::ops::ControlFlow::{Break, Continue};
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// # fn f(map: std::os::fd::BorrowedFd) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut set = RingSet::new(WaitPolicy::balanced())?;
    /// let id = set.add(&map, |bytes| if bytes == b"end" { Break(()) } else { Continue(()) })?;
    /// println!("added map {id}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SetError::Open`] says what is wrong with the map; [`SetError::Wait`] why the
    /// system refuses to watch it.
    pub fn add(
        &mut self,
        map: impl AsFd,
        callback: impl FnMut(&[u8]) -> ControlFlow<()> + 'cb,
    ) -> Result<u32, SetError> {
        let ring = RingBuf::open(map)?;
        Ok(self.insert(ring, Box::new(callback))?)
    }
}

/// Any tag that can be called with the bytes of a record: a [`Callback`], a
/// [`SendCallback`], or a type of your own.
impl<C: FnMut(&[u8]) -> ControlFlow<()>> RingSet<C> {
    /// Waits until a ring has records, but no longer than `timeout`, and calls the
    /// callbacks with them. `None` means no limit.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{Callback, RingSet, SetError, WaitPolicy, Wakeup};
    /// # let mut set = RingSet::<Callback>::new(WaitPolicy::balanced())?;
    /// loop {
    ///     match set.poll(None) {
    ///         Ok(Wakeup::Woken | Wakeup::Closed) | Err(SetError::Stopped) => break,
    ///         Ok(_) => {}
    ///         Err(SetError::Ring(error)) => eprintln!("{error}"), // the others go on
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait) and [`consume`](Self::consume). A wake that came with such
    /// an error is reported by the next call.
    pub fn poll(&mut self, timeout: Option<Duration>) -> Result<Wakeup, SetError> {
        let wakeup = self.wait(timeout)?;
        if let Err(error) = self.call() {
            if wakeup == Wakeup::Woken {
                self.waker().wake();
            }
            return Err(error);
        }
        Ok(wakeup)
    }

    /// Calls the callbacks with the records that are there now, without waiting. Each
    /// ring has one turn, within the budget of the set: after [`Drained::Limit`], call it
    /// again for the rest. A wake is left to the next wait.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{Callback, Drained, RingSet, WaitPolicy};
    /// # let mut set = RingSet::<Callback>::new(WaitPolicy::balanced())?;
    /// while set.consume()? == Drained::Limit {} // until nothing is left
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SetError::Stopped`] if a callback broke: its record is consumed, later ones are
    /// not. [`SetError::Ring`] if one ring is corrupt: call this again for the others.
    pub fn consume(&mut self) -> Result<Drained, SetError> {
        self.look()?;
        self.call()
    }

    fn call(&mut self) -> Result<Drained, SetError> {
        match self.for_each(|callback, record| callback(&record))? {
            ControlFlow::Continue(drained) => Ok(drained),
            ControlFlow::Break(()) => Err(SetError::Stopped),
        }
    }
}
