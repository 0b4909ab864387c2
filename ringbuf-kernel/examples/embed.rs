//! A small reader: prints the samples of a pinned ring.

use std::error::Error;

use ringbuf_kernel::RingBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: embed /sys/fs/bpf/PIN")?;
    let mut ring = RingBuf::from_pin(path)?; // or open(fd), from_id(id), create(bytes)
    loop {
        ring.drain(|record| println!("{} bytes: {:02x?}", record.len(), &record[..]))?;
        ring.wait(None)?; // naps, or blocks if that is safe
    }
}
