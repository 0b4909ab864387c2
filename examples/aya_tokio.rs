//! aya loads and attaches, one tokio task reads two rings, and SIGTERM loses nothing.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use aya::Ebpf;
use aya::maps::Map;
use aya::programs::RawTracePoint;
use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
use ringbuf_tokio::AsyncRing;
use tokio::signal::unix::{SignalKind, signal};

fn show(what: &str, bytes: &[u8]) {
    println!("{what} {}", u64::from_ne_bytes(bytes.try_into().expect("8 bytes")) >> 32);
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut bpf = Ebpf::load(ringbuf_bpf::tasks::OBJECT)?;
    let mut set = RingSet::new(WaitPolicy::balanced())?;
    for (map, what) in [("execs", "exec"), ("exits", "exit")] {
        let Some(Map::RingBuf(map)) = bpf.map(map) else { bail!("no ring {map}") };
        set.insert(RingBuf::open(map.fd())?, what)?;
    }
    for (name, point) in [("on_exec", "sched_process_exec"), ("on_exit", "sched_process_exit")] {
        let program: &mut RawTracePoint = bpf.program_mut(name).context(name)?.try_into()?;
        program.load()?;
        program.attach(point)?;
    }
    let mut rings = AsyncRing::new(set)?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            wakeup = rings.ready() => wakeup?,
            _ = terminate.recv() => break,
        };
        rings.drain(|what, record| show(what, &record))?;
    }
    drop(bpf); // detaches the programs, which may run on for a moment
    let limit = Duration::from_millis(100);
    let finished = rings.into_inner().finish(limit, |what, record| show(what, &record))?;
    eprintln!("{finished}");
    Ok(())
}
