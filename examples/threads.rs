//! One thread reads two rings, and four work: what takes long must not hold the ring.

use std::mem::MaybeUninit;
use std::sync::{Mutex, mpsc};
use std::thread;

use anyhow::Result;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use ringbuf_bpf::tasks::TasksSkelBuilder;
use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy, Wakeup};

fn work(what: &str, bytes: &[u8]) {
    println!("{what} {}", bytes.try_into().map_or(0, u64::from_ne_bytes) >> 32);
}

fn main() -> Result<()> {
    let mut object = MaybeUninit::uninit();
    let mut skel = TasksSkelBuilder::default().open(&mut object)?.load()?;
    skel.attach()?;
    let mut set = RingSet::new(WaitPolicy::balanced())?;
    set.insert(RingBuf::open(&skel.maps.execs)?, "exec")?;
    set.insert(RingBuf::open(&skel.maps.exits)?, "exit")?;

    // Bounded, so that workers that are too slow cost records in the ring, which the BPF
    // program counts, and not memory without end here.
    let (sender, receiver) = mpsc::sync_channel::<(&str, Vec<u8>)>(10_000);
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = receiver.lock().expect("no panic").recv();
                    let Ok((what, bytes)) = next else { break };
                    work(what, &bytes);
                }
            });
        }
        while set.wait(None)? != Wakeup::Closed {
            set.drain(|what, record| _ = sender.send((*what, record.to_vec())))?;
        }
        drop(sender); // the workers end
        Ok(())
    })
}
