//! A user ring as a dispatch queue: threads enqueue tasks, and a BPF program takes them.
//! Submitting notifies nobody. So each thread makes that program run, once for its batch.

use std::error::Error;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::user_drain::UserDrainSkelBuilder;
use ringbuf_bpf::user_drain::types::drain;
use ringbuf_kernel::{SharedUserRing, UserRingBuf};
use ringbuf_tests::test_run;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let mut object = MaybeUninit::uninit();
    let skeleton = UserDrainSkelBuilder::default().open(&mut object)?.load()?;
    let ring = UserRingBuf::open(&skeleton.maps.user_ring)?.share();
    let (program, globals) = (skeleton.progs.drain.as_fd(), &skeleton.maps.bss_data);
    // The lock, because the kernel refuses a drain while another one runs (EBUSY).
    let taken = Mutex::new(0);
    let dispatch = || {
        let mut taken = taken.lock().expect("no thread panics");
        test_run(program, &drain::default())?; // BPF_PROG_TEST_RUN
        *taken += globals.as_deref().expect("globals").calls;
        Result::Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let (ring, dispatch) = (&ring, &dispatch);
                scope.spawn(move || enqueue(ring, worker).and_then(|()| dispatch()))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no thread panics"))
    })?;
    println!("taken {}, left {} bytes", taken.lock().expect("no thread panics"), ring.lag());
    Ok(())
}

fn enqueue(ring: &SharedUserRing, worker: u32) -> Result<()> {
    // In place; waits while the ring is full.
    let mut task = ring.reserve_within(4, Some(Duration::from_secs(10)))?;
    task.copy_from_slice(&worker.to_ne_bytes());
    task.submit();
    // Several at once: one store of the position. It takes as many as fit.
    let tasks = [b"second".as_slice(), b"third"];
    match ring.submit_all(&tasks)? {
        2 => Ok(()),
        enqueued => Err(format!("the ring is full after {enqueued} tasks").into()),
    }
}
