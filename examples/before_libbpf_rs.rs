//! Two rings, read by libbpf-rs: prints the processes that begin and end.

use std::mem::MaybeUninit;
use std::time::Duration;

use anyhow::Result;
use libbpf_rs::RingBufferBuilder;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use ringbuf_bpf::tasks::TasksSkelBuilder;

fn show(what: &str, bytes: &[u8]) -> i32 {
    let Ok(id) = bytes.try_into().map(u64::from_ne_bytes) else { return -1 };
    println!("{what} {}", id >> 32);
    0
}

fn main() -> Result<()> {
    let mut object = MaybeUninit::uninit();
    let mut skel = TasksSkelBuilder::default().open(&mut object)?.load()?;
    skel.attach()?;

    let mut builder = RingBufferBuilder::new();
    builder.add(&skel.maps.execs, |bytes| show("exec", bytes))?;
    builder.add(&skel.maps.exits, |bytes| show("exit", bytes))?;
    let rings = builder.build()?;
    loop {
        rings.poll(Duration::from_millis(100))?;
    }
}
