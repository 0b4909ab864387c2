//! The agent of docs/use.md: typed records, a policy, alarms, a clean end, and a sum that holds.

use std::io::{Write, stdout};
use std::mem::{MaybeUninit, take};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use ringbuf_bpf::agent::{AgentLinks, AgentSkelBuilder};
use ringbuf_kernel::typed::Cast;
use ringbuf_kernel::{AlignedBytes, Gap, LossCounters, RingBuf, WaitPolicy, Wakeup};
use signal_hook::consts::TERM_SIGNALS;
use signal_hook::iterator::Signals;
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// `struct event` of agent.bpf.c.
#[derive(FromBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Event {
    time: u64,
    pid: u32,
    uid: u32,
    filename: [u8; 64],
}

fn main() -> Result<()> {
    let mut signals = Signals::new(TERM_SIGNALS)?; // first, so that no signal ends the process
    let mut object = MaybeUninit::uninit();
    let mut skel = AgentSkelBuilder::default().open(&mut object)?.load()?;
    let mut ring = RingBuf::open(&skel.maps.events)?;
    ring.set_policy(WaitPolicy::balanced());
    let losses = LossCounters::open(&skel.maps.events_counts)?;
    let waker = ring.waker()?;
    thread::spawn(move || signals.forever().for_each(|_| waker.wake()));
    skel.attach()?;
    let show = |lines: &mut String, sample: AlignedBytes<'_>| match sample.cast::<Event>() {
        Ok(Event { time, pid, uid, filename }) => {
            let name = filename.split(|byte| *byte == 0).next().unwrap_or_default();
            *lines += &format!("{time} {pid} {uid} {}\n", String::from_utf8_lossy(name));
        }
        Err(misfit) => eprintln!("skipped: {misfit}"),
    };
    let mut lines = String::new();
    while ring.wait(Some(Duration::from_secs(1)))? != Wakeup::Woken {
        ring.drain(|record| show(&mut lines, *record))?;
        stdout().write_all(take(&mut lines).as_bytes())?; // it ends if nobody takes them
        if let Some(stuck) = ring.busy_head()? {
            eprintln!("a program is slow: {stuck}");
        }
    }
    skel.links = AgentLinks::default(); // detaches the program
    let finished = ring.finish(Duration::from_secs(1), |record| show(&mut lines, *record))?;
    stdout().write_all(lines.as_bytes())?;
    let accounting = losses.account([&ring])?;
    eprintln!("{finished}; {accounting}");
    ensure!(finished.is_complete() && accounting.gap() == Gap::None, "records are missing");
    Ok(())
}
