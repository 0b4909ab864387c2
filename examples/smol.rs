//! Two rings in an executor of your own choice, here async-io: one step of a wait at a time.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::Result;
use async_io::{Async, Timer};
use futures_lite::future::{block_on, or, yield_now};
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use ringbuf_bpf::tasks::TasksSkelBuilder;
use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy, WaitStep, WaitSteps, WakeCause, Wakeup};

/// Waits as `set.wait(None)` does, but lets other tasks run. Dropping it loses nothing.
async fn ready(set: &mut RingSet<&str>, events: &Async<OwnedFd>) -> io::Result<Wakeup> {
    let (mut wait, mut cause) = (WaitSteps::new(None), WakeCause::TimeUp);
    loop {
        cause = match set.wait_step(&mut wait, cause).map_err(io::Error::other)? {
            WaitStep::Over(wakeup) => return Ok(wakeup),
            WaitStep::Nap(time) => {
                Timer::after(time).await;
                WakeCause::TimeUp
            }
            WaitStep::Block(time) => {
                let over = async { Ok(Timer::after(time).await).map(|_| WakeCause::TimeUp) };
                or(async { events.readable().await.map(|()| WakeCause::Notified) }, over).await?
            }
            _ => {
                yield_now().await; // a policy that spins
                WakeCause::TimeUp
            }
        };
    }
}

fn main() -> Result<()> {
    let mut object = MaybeUninit::uninit();
    let mut skel = TasksSkelBuilder::default().open(&mut object)?.load()?;
    skel.attach()?;
    let mut set = RingSet::new(WaitPolicy::balanced())?;
    set.insert(RingBuf::open(&skel.maps.execs)?, "exec")?;
    set.insert(RingBuf::open(&skel.maps.exits)?, "exit")?;
    let events = Async::new_nonblocking(set.as_fd().try_clone_to_owned()?)?;
    block_on(async {
        while ready(&mut set, &events).await? == Wakeup::Ready {
            set.drain(|what, record| {
                let id = record[..].try_into().map_or(0, u64::from_ne_bytes);
                println!("{what} {}", id >> 32);
            })?;
        }
        Ok(())
    })
}
