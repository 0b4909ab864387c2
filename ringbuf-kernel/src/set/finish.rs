//! [`RingSet::finish`]: the last reading of all rings.

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use ringbuf_core::Token;

use super::{RingError, RingSet, Rings};
use crate::{Corrupt, Finished, Mapping, Record, WaitError};

impl<T> RingSet<T> {
    /// Reads what is in all rings when the call begins, and says what became of it. Call it
    /// last, after the programs are detached.
    ///
    /// It first notes the producer positions of all rings, so a program that goes on cannot keep
    /// it. It sleeps while a record before them is busy (reserved, not committed), but not after
    /// `limit`, which is one time for all rings. One busy or corrupt ring does not keep the
    /// others. See [`Consumer::finish`](crate::Consumer::finish) for all else: it holds here, too.
    ///
    /// Rings that a handle has added before the call take part; later ones do not.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// # struct Links;
    /// # let links = Links;
    /// drop(links); // detaches the programs
    /// let limit = Duration::from_millis(100);
    /// let finished = set.finish(limit, |name, record| println!("{name}: {} bytes", record.len()))?;
    /// if !finished.is_complete() {
    ///     eprintln!("{finished}"); // one line for each ring
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait): the system refused to sleep, or this is a child of `fork`. A
    /// corrupt ring is not an error of the call: [`SetFinished`] has it.
    pub fn finish(
        &mut self,
        limit: Duration,
        mut each: impl FnMut(&mut T, Record<'_, Mapping>),
    ) -> Result<SetFinished, WaitError> {
        let end = self.finish_each(limit, |tag, record| {
            each(tag, record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        match end {
            ControlFlow::Continue(finished) => Ok(finished),
            ControlFlow::Break(never) => match never {},
        }
    }

    /// As [`finish`](Self::finish), but ends as soon as `each` breaks. The record of that call is
    /// consumed; the other rings may not be read yet.
    ///
    /// ```no_run
    /// # use std::ops::ControlFlow;
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// let limit = Duration::from_millis(100);
    /// let end = set.finish_each(limit, |name, record| match &record[..] {
    ///     b"end" => ControlFlow::Break(*name),
    ///     _ => ControlFlow::Continue(()),
    /// })?;
    /// if let ControlFlow::Continue(finished) = end {
    ///     println!("no ring had the end:\n{finished}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_each<B>(
        &mut self,
        limit: Duration,
        each: impl FnMut(&mut T, Record<'_, Mapping>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, SetFinished>, WaitError> {
        self.rings.host().check_owner()?;
        self.admit();
        let mut reports = Vec::new();
        let end =
            self.rings.finish(limit, each, |token, _, finished| reports.push((token, finished)))?;
        if let ControlFlow::Break(value) = end {
            return Ok(ControlFlow::Break(value));
        }
        Ok(ControlFlow::Continue(collect(&self.rings, reports)))
    }
}

/// Adds the names to the reports of a set.
pub(super) fn collect<T>(
    set: &Rings<T>,
    reports: Vec<(Token, Result<Finished, Corrupt>)>,
) -> SetFinished {
    let mut rings = Vec::with_capacity(reports.len());
    for (token, finished) in reports {
        if let Some((ring, _)) = set.get(token) {
            rings.push(RingFinished {
                id: ring.id(),
                name: ring.name().to_owned(),
                finished: finished.map_err(|corrupt| RingError::new(ring, corrupt)),
            });
        }
    }
    SetFinished { rings }
}

/// What [`RingSet::finish`] read of each ring, and what it left. Its text has one line for each
/// ring.
///
/// ```no_run
/// # use std::time::Duration;
/// # use ringbuf_kernel::{RingSet, WaitPolicy};
/// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
/// let finished = set.finish(Duration::from_millis(100), |_, _| ())?;
/// println!("{} records in all", finished.total().delivered);
/// for ring in &finished.rings {
///     match &ring.finished {
///         Ok(read) => println!("{}: {read}", ring.name),
///         Err(error) => println!("{error}"),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "records may be left in the rings"]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetFinished {
    /// The rings, in no order that means anything.
    pub rings: Vec<RingFinished>,
}

/// What [`RingSet::finish`] did with one ring.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingFinished {
    /// The id of the map.
    pub id: u32,
    /// The name of the map.
    pub name: String,
    /// What was read and what was left, or what is wrong with the ring.
    pub finished: Result<Finished, RingError>,
}

impl SetFinished {
    /// Returns true if everything was read that had been produced when the call began, and no
    /// ring is corrupt.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// use std::time::Duration;
    ///
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// let finished = set.finish(Duration::from_millis(100), |_, _| ())?;
    /// if !finished.is_complete() {
    ///     eprintln!("{finished}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let complete = |finished: &Finished| finished.is_complete();
        self.rings.iter().all(|ring| ring.finished.as_ref().is_ok_and(complete))
    }

    /// Returns the sum of all rings, without corrupt ones.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// use std::time::Duration;
    ///
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// let finished = set.finish(Duration::from_millis(100), |_, _| ())?;
    /// println!("{}", finished.total());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn total(&self) -> Finished {
        let sound = self.rings.iter().filter_map(|ring| ring.finished.as_ref().ok());
        sound.fold(Finished::default(), |sum, ring| sum.plus(*ring))
    }
}

impl fmt::Display for SetFinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, ring) in self.rings.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            match &ring.finished {
                Ok(finished) => write!(f, "map {} ({}): {finished}", ring.id, ring.name)?,
                Err(error) => error.fmt(f)?,
            }
        }
        Ok(())
    }
}
