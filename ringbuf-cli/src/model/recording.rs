//! Arrivals from a capture of `ringbuf record`.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ringbuf_core::Observed;
use ringbuf_model::Arrivals;
use ringbuf_record::{Block, Reader};

/// The most records of a workload. The simulation repeats it.
const MOST: usize = 10_000_000;

/// Returns the times and sizes of all records of a capture, of all its rings together. Records
/// between two looks of the recorder are spread evenly.
pub(crate) fn load(file: &Path) -> Result<Arrivals> {
    let what = || format!("cannot read the capture {}", file.display());
    let input = File::open(file).with_context(what)?;
    let mut reader = Reader::new(BufReader::with_capacity(1 << 20, input)).with_context(what)?;
    let mut records = Vec::new();
    loop {
        let block = match reader.next() {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(error) if !records.is_empty() => {
                eprintln!("ringbuf: {}: {error:#}", file.display());
                break;
            }
            Err(error) => return Err(error).with_context(what),
        };
        let Block::Data(data) = block else { continue };
        if data.since == 0 || data.until == u64::MAX {
            continue;
        }
        // The capture knows when they came to within a look of its recorder.
        let each = data.until.saturating_sub(data.since) / u64::from(data.records.max(1));
        for ((_, entry), number) in data.entries().zip(1..) {
            let len = match entry {
                Observed::Record { sample, .. } => u32::try_from(sample.len()).unwrap_or(u32::MAX),
                Observed::Discarded { len, .. } => len.get(),
                _ => continue,
            };
            if records.len() < MOST {
                records.push((data.since + each * number, len));
            }
        }
    }
    let begin = records.iter().map(|record| record.0).min().unwrap_or(0);
    records.sort_unstable();
    ensure!(
        records.len() > 1,
        "the capture {} has no two records whose times are known",
        file.display()
    );
    let since = |(time, size): (u64, u32)| (Duration::from_nanos(time - begin), size);
    Ok(Arrivals::Recorded(records.into_iter().map(since).collect()))
}
