//! [`JsonLines`]: a JSON object for each record, with bounds of its time.

use std::io::Write;
use std::ops::ControlFlow::{self, Break, Continue};

use ringbuf_kernel::Observed;
use ringbuf_record::{Clocks, Data, Gap, GapReason, RingHeader, Session};
use serde::Serialize;

use super::{Out, Target, written};
use crate::Failure;
use crate::dump::printer::digits;
use crate::format::to_json;

/// Writes the lines. docs/recording.md has the fields.
pub(crate) struct JsonLines {
    out: Out,
    clocks: Clocks,
}

/// Fields may be added; if one changes or goes, `schema` grows.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    id: u32,
    name: &'a str,
    position: u64,
    state: &'a str,
    len: u64,
    since_ns: Option<u64>,
    until_ns: Option<u64>,
    reason: Option<&'a str>,
    bytes: Option<String>,
}

impl JsonLines {
    pub(crate) fn new(out: Out) -> Self {
        Self { out, clocks: Clocks::default() }
    }

    fn line(&mut self, line: &Line<'_>) -> Result<ControlFlow<()>, Failure> {
        written(writeln!(self.out, "{}", to_json(line)))
    }
}

/// Nanoseconds since 1970 of a monotonic time, if that is known.
pub(super) fn date(clocks: Clocks, monotonic: u64) -> Option<u64> {
    if monotonic == 0 || monotonic == u64::MAX {
        return None;
    }
    let since = i128::from(monotonic) - i128::from(clocks.monotonic_ns);
    u64::try_from(i128::from(clocks.realtime_ns) + since).ok()
}

/// Why bytes are missing.
pub(super) fn reason(gap: &Gap) -> &'static str {
    match gap.reason {
        GapReason::Lapped => "lapped",
        GapReason::Busy => "busy",
        GapReason::Corrupt => "corrupt",
        _ => "other",
    }
}

impl Target for JsonLines {
    fn ring(&mut self, session: &Session, _: &RingHeader) -> Result<(), Failure> {
        self.clocks = session.clocks;
        Ok(())
    }

    fn data(&mut self, ring: &RingHeader, data: &Data<'_>) -> Result<ControlFlow<()>, Failure> {
        let (since_ns, until_ns) = (date(self.clocks, data.since), date(self.clocks, data.until));
        for (position, entry) in data.entries() {
            let (state, len, bytes) = match entry {
                Observed::Record { sample, .. } => {
                    ("record", sample.len() as u64, Some(digits(sample)))
                }
                Observed::Discarded { len, .. } => ("discarded", len.get().into(), None),
                _ => continue,
            };
            let (id, name, position) = (ring.ring.id, &*ring.ring.name, position.get());
            let (schema, reason) = (1, None);
            let line =
                Line { schema, id, name, position, state, len, since_ns, until_ns, reason, bytes };
            if self.line(&line)?.is_break() {
                return Ok(Break(()));
            }
        }
        Ok(Continue(()))
    }

    fn gap(&mut self, ring: &RingHeader, gap: &Gap) -> Result<ControlFlow<()>, Failure> {
        self.line(&Line {
            schema: 1,
            id: ring.ring.id,
            name: &ring.ring.name,
            position: gap.from.get(),
            state: "missed",
            len: gap.bytes,
            since_ns: date(self.clocks, gap.since),
            until_ns: date(self.clocks, gap.until),
            reason: Some(reason(gap)),
            bytes: None,
        })
    }

    fn end(&mut self) -> Result<(), Failure> {
        written(self.out.flush()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monotonic_time_becomes_a_date() {
        let clocks = Clocks { monotonic_ns: 1000, boottime_ns: 0, realtime_ns: 5_000_000 };
        assert_eq!(date(clocks, 1500), Some(5_000_500));
        assert_eq!(date(clocks, 500), Some(4_999_500));
        assert_eq!(date(clocks, 0), None, "not known");
        assert_eq!(date(clocks, u64::MAX), None, "not known");
        assert_eq!(date(Clocks { realtime_ns: 0, ..clocks }, 1), None, "before 1970");
    }
}
