//! The producer in a program of your own: each line of standard input becomes a
//! sample in a pinned user ring, and a BPF program drains it.

use std::io;
use std::time::Duration;

use ringbuf_kernel::UserRingBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: produce /sys/fs/bpf/PIN < LINES")?;
    let ring = UserRingBuf::from_pin(path)?; // or open(fd), from_id(id), create(bytes)
    for line in io::stdin().lines() {
        let line = line?;
        let len = u32::try_from(line.len())?;
        // Waits while the ring is full; an error if no program drains it for 10 s.
        let mut reservation = ring.reserve_within(len, Some(Duration::from_secs(10)))?;
        reservation.copy_from_slice(line.as_bytes());
        reservation.submit(); // the next drain hands it over
    }
    Ok(())
}
