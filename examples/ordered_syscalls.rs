//! System calls of all CPUs in one order: a ring for each CPU, merged by the times in the records.
//! The only argument is a name: then calls of threads with this name only. SIGTERM or Ctrl-C ends
//! it, and it says what became of all records.

use std::io::{BufWriter, Write, stdout};
use std::mem::MaybeUninit;
use std::time::Duration;
use std::{env, process, thread};

use anyhow::{Context, Result, ensure};
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use ringbuf_bpf::syscalls::{SyscallsLinks, SyscallsSkelBuilder};
use ringbuf_kernel::{
    Gap, LossCounters, Mapping, Merged, Record, ShardBy, ShardOptions, WaitPolicy, Wakeup,
};
use signal_hook::consts::TERM_SIGNALS;
use signal_hook::iterator::Signals;

/// The first word of a record.
fn time(record: &Record<'_, Mapping>) -> Option<u64> {
    record.first_chunk().map(|word| u64::from_ne_bytes(*word))
}

fn main() -> Result<()> {
    let mut signals = Signals::new(TERM_SIGNALS)?; // first, so that no signal ends the process
    let mut object = MaybeUninit::uninit();
    let mut open = SyscallsSkelBuilder::default().open(&mut object)?;
    let settings = open.maps.rodata_data.as_deref_mut().context("constants")?;
    settings.except = process::id();
    for (to, from) in settings.only.iter_mut().zip(env::args().nth(1).unwrap_or_default().bytes()) {
        *to = from.try_into().context("a name of ASCII")?;
    }
    let mut skel = open.load()?;

    let rings = ShardOptions::new(ShardBy::Cpu, 4 << 20).name("events").fill(&skel.maps.events)?;
    let mut rings = rings.into_merged(WaitPolicy::balanced(), Duration::from_millis(1), time)?;
    let losses = LossCounters::open(&skel.maps.events_counts)?;
    let waker = rings.waker();
    thread::spawn(move || signals.forever().for_each(|_| waker.wake()));
    skel.attach()?;

    let mut out = BufWriter::new(stdout());
    let mut show = |record: Merged<'_, Mapping>| {
        let word = |at| record[at..].first_chunk().map_or(0, |word| u32::from_ne_bytes(*word));
        let value = record[16..].first_chunk().map_or(0, |word| i64::from_ne_bytes(*word));
        let what = if word(12) == 1 { "enters" } else { "leaves" };
        let late = if record.late { " late" } else { "" };
        writeln!(out, "{} {} {what} {value}{late}", record.key, word(8)).ok();
    };
    while rings.wait(None)? != Wakeup::Woken {
        rings.drain(|_, record| show(record))?;
    }
    skel.links = SyscallsLinks::default(); // detaches the programs
    let finished = rings.finish(Duration::from_secs(1), |_, record| show(record))?;
    let accounting = losses.account(rings.iter().map(|(ring, ..)| ring))?;
    eprintln!("{accounting}; {} late", rings.counts().rings.late);
    ensure!(finished.is_complete() && accounting.gap() == Gap::None, "{finished}");
    Ok(())
}
