//! Prints what a look at all rings costs, by iterators and by ids, with 0, 50 and 1000 more rings
//! on this host. As root: `cargo run --release -p ringbuf-host --example costs`.

use std::time::{Duration, Instant};

use ringbuf_host::{Host, HostError};
use ringbuf_kernel::{RingBuf, page_size};

const LOOKS: usize = 101;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let host = Host::iterators()?;
    println!("load and attach: {:?}", begin.elapsed());
    println!("medians of {LOOKS} looks");
    println!("more rings | by iterators | owners | by ids | owners");
    let mut rings = Vec::new();
    for more in [0, 50, 1000] {
        while rings.len() < more {
            rings.push(RingBuf::create(page_size() as u64)?);
        }
        let mut cells = vec![format!("{more:10}")];
        for host in [&host, &Host::by_id()] {
            let found = host.rings()?;
            cells.push(median(LOOKS, || host.rings().map(drop))?);
            // Procfs by ids is slow.
            cells.push(median(5, || host.owners(&found).map(drop))?);
        }
        println!("{}", cells.join(" | "));
    }
    Ok(())
}

fn median(
    times: usize,
    mut body: impl FnMut() -> Result<(), HostError>,
) -> Result<String, HostError> {
    let mut all: Vec<Duration> = Vec::new();
    for _ in 0..times {
        let begin = Instant::now();
        body()?;
        all.push(begin.elapsed());
    }
    all.sort_unstable();
    Ok(format!("{:?}", all[times / 2]))
}
