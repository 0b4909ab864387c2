//! Prints each program that the machine starts: the first reader of docs/use.md.

use std::mem::MaybeUninit;

use anyhow::Result;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use ringbuf_bpf::first::FirstSkelBuilder;
use ringbuf_kernel::RingBuf;

fn main() -> Result<()> {
    let mut object = MaybeUninit::uninit();
    let mut skel = FirstSkelBuilder::default().open(&mut object)?.load()?;
    let mut ring = RingBuf::open(&skel.maps.events)?;
    skel.attach()?;

    println!("{:<8} FILENAME", "PID");
    loop {
        ring.drain(|record| {
            // struct event: a pid, then the name with a NUL at its end
            let Some((pid, name)) = record.split_first_chunk() else { return };
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            println!("{:<8} {}", u32::from_ne_bytes(*pid), String::from_utf8_lossy(name));
        })?;
        ring.wait(None)?; // naps while records are dense, sleeps in the kernel if they are not
    }
}
