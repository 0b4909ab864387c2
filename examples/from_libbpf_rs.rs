//! The same as `before_libbpf_rs.rs`, read by `RingSet`. The loader stays libbpf-rs.

use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use ringbuf_bpf::tasks::TasksSkelBuilder;
use ringbuf_kernel::{RingSet, WaitPolicy};

fn show(what: &str, bytes: &[u8]) -> ControlFlow<()> {
    let Ok(id) = bytes.try_into().map(u64::from_ne_bytes) else { return ControlFlow::Break(()) };
    println!("{what} {}", id >> 32);
    ControlFlow::Continue(())
}

fn main() -> Result<()> {
    let mut object = MaybeUninit::uninit();
    let mut skel = TasksSkelBuilder::default().open(&mut object)?.load()?;
    skel.attach()?;

    let mut rings = RingSet::new(WaitPolicy::balanced())?;
    rings.add(&skel.maps.execs, |bytes| show("exec", bytes))?;
    rings.add(&skel.maps.exits, |bytes| show("exit", bytes))?;
    loop {
        rings.poll(Some(Duration::from_millis(100)))?;
    }
}
