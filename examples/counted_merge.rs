//! A ring for each CPU, merged, by a reader that goes on counting after a restart, also after a
//! `kill -9`. The argument is the pin of the array of maps. SIGTERM or Ctrl-C ends it.

use std::error::Error;
use std::time::Duration;
use std::{env, thread};

use ringbuf_kernel::{Mapping, MergedRings, Record, SavedCounts, ShardedRings, WaitPolicy, Wakeup};
use signal_hook::consts::TERM_SIGNALS;
use signal_hook::iterator::Signals;

/// The first word of a record.
fn time(record: &Record<'_, Mapping>) -> Option<u64> {
    record.first_chunk().map(|word| u64::from_ne_bytes(*word))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::new(TERM_SIGNALS)?;
    let events = env::args().nth(1).ok_or("give the pin of the array of maps")?;
    let lateness = Duration::from_millis(1);
    let mut rings = MergedRings::<_, _>::new(WaitPolicy::balanced(), lateness, time)?;
    for (mut ring, shard) in ShardedRings::from_pin(&events)?.into_rings() {
        // One map for each ring, pinned beside the array.
        let saved = SavedCounts::at_pin(format!("{events}_saved{}", shard.index))?;
        let resumed = ring.save_counts(&saved)?;
        println!("{shard}: {}; {} come again", resumed.counts, resumed.again.delivered);
        rings.insert(ring, shard)?;
    }
    let waker = rings.waker();
    thread::spawn(move || signals.forever().for_each(|_| waker.wake()));
    while rings.wait(None)? != Wakeup::Woken {
        rings.drain(|shard, record| println!("{}: {shard}", record.key))?;
    }
    for (ring, shard, _) in rings.iter() {
        println!("{shard}: {}", ring.accounting()?); // of this reader and those before it
    }
    Ok(())
}
