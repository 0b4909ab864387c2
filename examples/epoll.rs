//! Two rings in an event loop of your own: plain epoll, edge-triggered, without a policy.

use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use anyhow::Result;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use ringbuf_bpf::tasks::TasksSkelBuilder;
use ringbuf_kernel::RingBuf;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

fn main() -> Result<()> {
    let mut object = MaybeUninit::uninit();
    let mut skel = TasksSkelBuilder::default().open(&mut object)?.load()?;
    skel.attach()?;
    let execs = RingBuf::open(&skel.maps.execs)?;
    let mut rings = [(execs, "exec"), (RingBuf::open(&skel.maps.exits)?, "exit")];

    let loop_fd = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (index, (ring, _)) in rings.iter().enumerate() {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&loop_fd, ring.as_fd(), data, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
    }
    // Records of programs that do not notify are read after this time.
    let second = Timespec { tv_sec: 1, tv_nsec: 0 };
    let mut events = Vec::with_capacity(8);
    loop {
        // Read to the end: without a policy, that arms the ring, and blocking is safe.
        for (ring, what) in &mut rings {
            ring.drain(|record| {
                let id = record[..].try_into().map_or(0, u64::from_ne_bytes);
                println!("{what} {}", id >> 32);
            })?;
        }
        events.clear();
        match epoll::wait(&loop_fd, spare_capacity(&mut events), Some(&second)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
