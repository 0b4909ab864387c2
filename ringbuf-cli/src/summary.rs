//! [`Summary`]: the counts of a run, printed at its end.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::event::Malformed;
use crate::format::{milliseconds, to_json};

/// The counts of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    pub(crate) tally: Tally,
    /// Records that their producer discarded.
    pub(crate) discarded: u64,
    /// Failed reservations, which are lost events.
    pub(crate) failed_reservations: u64,
    /// Bytes still in the ring; `None` if the ring is corrupt.
    pub(crate) lag_bytes: Option<u64>,
    /// Events that were read, and not printed, because the reader of the output did not read.
    pub(crate) unprinted: u64,
    #[serde(serialize_with = "milliseconds")]
    pub(crate) seconds: Duration,
}

/// The counts of records read and written.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Tally {
    /// Events written, one line each.
    pub(crate) delivered: u64,
    /// Bytes in their records, without headers.
    pub(crate) bytes: u64,
    /// Records that are not an event.
    pub(crate) malformed: u64,
    /// The problem of the first malformed record.
    #[serde(skip)]
    pub(crate) first_malformed: Option<Malformed>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.bytes += other.bytes;
        self.malformed += other.malformed;
        self.first_malformed = self.first_malformed.or(other.first_malformed);
    }
}

impl Summary {
    /// One JSON object on one line.
    pub(crate) fn to_json(&self) -> String {
        to_json(self)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { delivered, bytes, malformed, first_malformed } = self.tally;
        write!(
            f,
            "ringbuf: {} delivered ({}) in {:.1} s; {} discarded, {} failed, ",
            count(delivered, "event"),
            count(bytes, "byte"),
            self.seconds.as_secs_f64(),
            count(self.discarded, "record"),
            count(self.failed_reservations, "reservation"),
        )?;
        match self.lag_bytes {
            Some(lag) => write!(f, "{} of lag at the end", count(lag, "byte"))?,
            None => f.write_str("lag at the end unknown")?,
        }
        if self.unprinted > 0 {
            let events = count(self.unprinted, "event");
            write!(f, "\nringbuf: {events} not printed: the reader of the output did not read")?;
        }
        if let Some(first) = first_malformed {
            let records = count(malformed, "malformed record");
            write!(f, "\nringbuf: skipped {records}; the first one: {first}")?;
        }
        if self.failed_reservations > 0 {
            let (lost, were) = (
                count(self.failed_reservations, "event"),
                if self.failed_reservations == 1 { "was" } else { "were" },
            );
            write!(f, "\nringbuf: {lost} {were} lost because the ring was full: ")?;
            f.write_str("try a larger --ring-size")?;
        }
        Ok(())
    }
}

/// `1 event`, `2 events`.
fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(n: u64, first_malformed: Option<Malformed>) -> Summary {
        let malformed = u64::from(first_malformed.is_some());
        Summary {
            tally: Tally { delivered: n, bytes: n, malformed, first_malformed },
            discarded: n,
            failed_reservations: n,
            lag_bytes: Some(n),
            unprinted: 0,
            seconds: Duration::from_micros(1_234_567),
        }
    }

    #[test]
    fn the_text_counts_none_one_and_many() {
        let none = "ringbuf: 0 events delivered (0 bytes) in 1.2 s; 0 records discarded, \
                    0 reservations failed, 0 bytes of lag at the end";
        assert_eq!(summary(0, None).to_string(), none);
        let one = "ringbuf: 1 event delivered (1 byte) in 1.2 s; 1 record discarded, \
                   1 reservation failed, 1 byte of lag at the end\n\
                   ringbuf: skipped 1 malformed record; the first one: \
                   a record has 3 bytes, but needs at least 40\n\
                   ringbuf: 1 event was lost because the ring was full: try a larger --ring-size";
        assert_eq!(summary(1, Some(Malformed::Short { len: 3 })).to_string(), one);
        let two = "ringbuf: 2 events delivered (2 bytes) in 1.2 s; 2 records discarded, \
                   2 reservations failed, 2 bytes of lag at the end\n\
                   ringbuf: 2 events were lost because the ring was full: try a larger --ring-size";
        assert_eq!(summary(2, None).to_string(), two);
    }

    #[test]
    fn the_json_object_has_all_fields() {
        let mut summary = summary(2, Some(Malformed::Short { len: 3 }));
        let want = r#"{"delivered":2,"bytes":2,"malformed":1,"discarded":2,"failed_reservations":2,"lag_bytes":2,"unprinted":0,"seconds":1.235}"#;
        assert_eq!(summary.to_json(), want);
        summary.unprinted = 7;
        assert!(summary.to_json().contains(r#""unprinted":7"#));
        let text = summary.to_string();
        assert!(text.contains("\nringbuf: 7 events not printed: the reader of"), "{text}");
        summary.lag_bytes = None;
        assert!(summary.to_json().contains(r#""lag_bytes":null"#));
    }
}
