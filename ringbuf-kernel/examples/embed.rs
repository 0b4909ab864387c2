//! The reader in a program of one's own: prints the samples of a pinned ring.

use ringbuf_kernel::{Next, Poller, RingBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: embed /sys/fs/bpf/PIN")?;
    let mut ring = RingBuf::from_pin(path)?; // or open(fd), from_id(id), create(bytes)
    let mut poller = Poller::new(&ring)?;
    loop {
        let batch = ring.batch();
        while let Next::Record(record) = batch.next()? {
            println!("{} bytes: {:02x?}", record.len(), &record[..]); // read in place
        }
        drop(batch); // gives the space back
        poller.wait(&mut ring, None)?; // blocks only if that is safe
    }
}
