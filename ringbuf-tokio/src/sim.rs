//! Simulated rings.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use ringbuf_core::{Consumer, WaitStep, WaitSteps, WakeCause};
use ringbuf_sim::{SimMemory, SimRing};

use crate::Ring;
use crate::source::sealed;

impl Ring for Consumer<SimMemory> {
    type Memory = SimMemory;

    fn consumer(&mut self) -> &mut Self {
        self
    }
}

impl sealed::Source for Consumer<SimMemory> {
    fn wait_step(&mut self, wait: &mut WaitSteps, cause: WakeCause) -> io::Result<WaitStep> {
        Ok(Consumer::wait_step(self, wait, cause))
    }

    fn notifications(&self) -> io::Result<OwnedFd> {
        SimRing::of(self).as_fd().try_clone_to_owned()
    }

    fn wakes(&self) -> io::Result<Option<OwnedFd>> {
        SimRing::of(self).waker().as_fd().try_clone_to_owned().map(Some)
    }
}
