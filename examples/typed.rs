//! Two structs in one ring, as an enum. It runs over a simulated ring, without root. A live
//! program passes `&mut RingBuf::open(map.fd())?` instead of the simulated consumer.

use std::error::Error;

use ringbuf_kernel::typed::{Reader, records};
use ringbuf_kernel::{Backend, Consumer};
use ringbuf_sim::{Flags, SimRing};
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// `struct exec` of the BPF program; the path follows.
#[derive(FromBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Exec {
    tag: u32,
    pid: u32,
}

/// `struct exit` of the BPF program.
#[derive(FromBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Exit {
    tag: u32,
    pid: u32,
    code: i32,
}

records! {
    enum Event: u32 {
        1 => Exec(Exec),
        2 => Exit(Exit),
    }
}

fn show(ring: &mut Consumer<impl Backend>) -> Result<(), Box<dyn Error>> {
    let mut events = Reader::<Event>::new();
    ring.drain(|record| match events.take(&record) {
        Ok(Event::Exec(exec)) => {
            println!("exec {} {}", exec.pid, String::from_utf8_lossy(exec.rest()));
        }
        Ok(Event::Exit(exit)) => println!("exit {} {}", exit.pid, exit.code),
        Err(misfit) => println!("skipped: {misfit}"),
    })?;
    println!("{}", events.tally());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let ring = SimRing::new(4096)?;
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let exec: Vec<u8> = [words(&[1, 4711]), b"/bin/true".to_vec()].concat();
    for sample in [exec, words(&[2, 4711, 0]), words(&[3, 4711])] {
        ring.producer().output(&sample, Flags::ADAPTIVE)?;
    }
    show(&mut ring.consumer()?)
}
