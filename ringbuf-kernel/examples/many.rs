//! Reads all rings that are named on the command line, on one thread.

use std::error::Error;

use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};

fn main() -> Result<(), Box<dyn Error>> {
    let mut set = RingSet::new(WaitPolicy::balanced())?;
    for path in std::env::args().skip(1) {
        set.insert(RingBuf::from_pin(&path)?, path)?;
    }
    if set.is_empty() {
        return Err("usage: many /sys/fs/bpf/PIN...".into());
    }
    loop {
        set.wait(None)?;
        set.drain(|path, record| println!("{path}: {} bytes", record.len()))?;
    }
}
