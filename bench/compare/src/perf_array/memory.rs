//! How much memory loses nothing: found by doubling.

use anyhow::{Context, Result, ensure};
use ringbuf_tests::{online_cpus, page_size, pin_to_cpu};

use super::readers::{READERS, Reader, Round};
use super::rig::{Rig, Target};
use super::seen::Seen;
use crate::report::aligned;
use crate::trial::Setup;

/// Records of each active CPU between two looks: 500 a millisecond, and a look each 5 ms. They
/// are counted, not timed: so a late reader does not blur the sizes.
const BETWEEN: u32 = 2500;
/// Looks. All loads are regular, so more would find nothing else.
const LOOKS: u32 = 20;
/// The readers of the table, by the names of the others.
const NAMES: [&str; 4] =
    ["perf array, naps of 50 us", "one ring", "a ring for each CPU", "a ring for each CPU, merged"];
const MOST: u32 = 64 << 20;

/// Memory in all, in KiB, if one CPU is active, and if two are.
pub(super) fn run(setup: &Setup) -> Result<String> {
    let cpus = online_cpus().last().map_or(1, |last| last + 1) as u32;
    let titles = ["reader", "one CPU active, KiB", "both, KiB"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for name in NAMES {
        let reader = READERS.iter().find(|reader| reader.name == name).context(name)?;
        let mut row = vec![name.to_owned()];
        for active in [1, 2] {
            row.push((needed(reader, cpus, &setup.cpus[..active])? >> 10).to_string());
        }
        rows.push(row);
    }
    Ok(format!(
        "\nmemory without a loss on {cpus} CPUs: {BETWEEN} records of 64 B on each active CPU \
         between two looks\n{}",
        aligned(&rows, 1)
    ))
}

/// The bytes of all buffers of `reader` together.
fn needed(reader: &Reader, cpus: u32, active: &[usize]) -> Result<u32> {
    let mut size = u32::try_from(page_size())?;
    while loses(reader, size, cpus, active).context(reader.name)? {
        size *= 2;
        ensure!(size <= MOST, "{}: records are lost with {size} bytes", reader.name);
    }
    let buffers = match reader.target {
        Target::PerfArray | Target::CpuRing => cpus,
        Target::RingOutput | Target::Ring => 1,
    };
    Ok(size * buffers)
}

/// Returns true if records are lost with buffers of `size`.
fn loses(reader: &Reader, size: u32, cpus: u32, active: &[usize]) -> Result<bool> {
    let rig = Rig::load(size, size, cpus)?;
    let before = rig.counts();
    let mut seen = Seen::new(&before, false);
    reader.run(&rig, &mut seen, |round| {
        for _ in 0..LOOKS {
            for (number, &cpu) in (0..).zip(active) {
                let _pinned = pin_to_cpu(cpu)?;
                rig.produce(number, reader.target, BETWEEN)?;
            }
            round(Round::Drain)?;
        }
        Ok(())
    })?;
    let after = rig.counts();
    seen.check(&before, &after)?;
    Ok(after.iter().any(|counts| counts.refused > 0))
}
