//! The reader in a program of one's own: prints the samples of a pinned ring.

use ringbuf_kernel::{Next, Poller, RingBuf};

fn read(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut ring = RingBuf::from_pin(path)?; // or open(fd), from_id(id), create(bytes)
    let mut poller = Poller::new(&mut ring)?;
    loop {
        let batch = ring.batch();
        while let Next::Record(record) = batch.next()? {
            println!("{} bytes: {:02x?}", record.len(), &record[..]); // read in place
        }
        drop(batch); // gives the space back
        poller.wait(&mut ring, None)?; // naps, or blocks if that is safe
    }
}

fn main() {
    let path = std::env::args().nth(1).expect("usage: embed /sys/fs/bpf/PIN");
    if let Err(error) = read(&path) {
        eprintln!("{path}: {error}"); // says what to do
        std::process::exit(1);
    }
}
