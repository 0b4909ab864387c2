//! The producer in a program of one's own: lines from standard input become
//! samples in a pinned user ring, for a BPF program that drains it.

use std::io;
use std::time::Duration;

use ringbuf_kernel::{UserRingBuf, Wakeup};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: produce /sys/fs/bpf/PIN < LINES")?;
    let ring = UserRingBuf::from_pin(path)?; // or open(fd), from_id(id), create(bytes)
    for line in io::stdin().lines() {
        let line = line?;
        let len = u32::try_from(line.len())?;
        if ring.wait_for_room(len, Some(Duration::from_secs(10)))? == Wakeup::TimedOut {
            return Err("no BPF program has drained this ring for 10 s".into());
        }
        let mut reservation = ring.reserve(len)?;
        reservation.copy_from_slice(line.as_bytes());
        reservation.submit(); // the next drain hands it over
    }
    Ok(())
}
