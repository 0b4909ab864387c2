//! Two rings, read until SIGTERM or Ctrl-C; then the programs are detached, and the rest is read.

use std::mem::MaybeUninit;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use ringbuf_bpf::tasks::{TasksLinks, TasksSkelBuilder};
use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy, Wakeup};
use signal_hook::consts::TERM_SIGNALS;
use signal_hook::iterator::Signals;

fn show(what: &str, bytes: &[u8]) {
    let id = bytes.try_into().map_or(0, u64::from_ne_bytes);
    println!("{what} {}", id >> 32);
}

fn main() -> Result<()> {
    // Before anything else, so that no signal ends the process.
    let mut signals = Signals::new(TERM_SIGNALS)?;

    let mut object = MaybeUninit::uninit();
    let mut skel = TasksSkelBuilder::default().open(&mut object)?.load()?;
    let mut rings = RingSet::new(WaitPolicy::balanced())?;
    rings.insert(RingBuf::open(&skel.maps.execs)?, "exec")?;
    rings.insert(RingBuf::open(&skel.maps.exits)?, "exit")?;
    skel.attach()?;

    let waker = rings.waker();
    thread::spawn(move || signals.forever().for_each(|_| waker.wake()));

    while rings.wait(None)? != Wakeup::Woken {
        rings.drain(|what, record| show(what, &record))?;
    }
    skel.links = TasksLinks::default(); // detaches the programs
    let finished = rings.finish(Duration::from_secs(1), |what, record| show(what, &record))?;
    eprintln!("{finished}");
    ensure!(finished.is_complete(), "a record is still in flight");
    Ok(())
}
