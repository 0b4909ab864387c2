//! Waiting for the records of an overwriting ring.

use core::time::Duration;

use super::{OverwriteMemory, OverwriteReader, Validator};
use crate::wait::Asked;
use crate::{Armed, Position, WaitHost, WaitSteps, WakeCause, Wakeup};

/// What wakers have asked for, and no wait has reported yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asking {
    asked: Asked,
    /// Everything before this position is to be delivered before the flush is reported.
    flush: Option<Position>,
}

impl<M: OverwriteMemory + WaitHost, V: Validator> OverwriteReader<M, V> {
    /// Waits until [`next_copy`](Self::next_copy) has something to say. `None` means no
    /// limit.
    ///
    /// It publishes, arms, and blocks in edge-triggered epoll: there is no policy here,
    /// because no program waits for space. The result is that of
    /// [`Consumer::wait`](crate::Consumer::wait). Programs that submit with
    /// `BPF_RB_NO_WAKEUP` do not end the wait, so set a timeout.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::{OverwriteReader, Tso, Wakeup};
    /// use ringbuf_sim::{Flags, Profile, SimRing};
    ///
    /// let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// let memory = ring.overwrite_memory()?;
    /// let tso = Tso::of(&memory).ok_or("give a validator")?;
    /// let mut reader = OverwriteReader::new(memory, tso)?;
    /// assert_eq!(reader.wait(Some(Duration::ZERO))?, Wakeup::TimedOut);
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// assert_eq!(reader.wait(None)?, Wakeup::Ready);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The sleep failed.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakeup, M::Error> {
        let mut wait = WaitSteps::new(timeout);
        wait.begin(self.memory.now());
        loop {
            let armed = self.arm();
            if let Some(wakeup) = self.ends(armed) {
                return Ok(wakeup);
            }
            if armed == Armed::Ready {
                return Ok(Wakeup::Ready);
            }
            let left = wait.left(self.memory.deadline());
            if left.is_zero() {
                return Ok(Wakeup::TimedOut);
            }
            if self.memory.block(left)? == WakeCause::Interrupted {
                return Ok(Wakeup::Interrupted);
            }
            wait.set_now(self.memory.now());
        }
    }

    /// What wakers have asked for, as far as it ends the wait.
    fn ends(&mut self, armed: Armed) -> Option<Wakeup> {
        let wakes = self.memory.take_wakes();
        let mut asked = self.asking.asked;
        let flush = asked.add(wakes);
        let wakeup = asked.ends(wakes);
        self.asking.asked = asked;
        if flush {
            let mut walk = self.walk;
            // An error ends the wait as well: the next read reports it.
            let _ = walk.look_again(&self.memory);
            self.asking.flush = Some(walk.end);
        }
        if wakeup.is_some() {
            return wakeup;
        }
        let end = self.asking.flush?;
        let left = end.distance(self.walk.position, self.memory.width());
        let before = left != 0 && left <= self.memory.capacity().bytes();
        if before && armed == Armed::Ready {
            return None;
        }
        self.asking.flush = None;
        Some(Wakeup::Flushed)
    }
}
