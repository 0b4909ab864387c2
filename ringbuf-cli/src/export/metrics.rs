//! Which metrics a ring has. docs/exporting.md lists them; a test compares.

use super::encode::{Family, Kind, Sample, Value};
use crate::watch::{BOUNDS, LossSource, Row, Sizes, Tally};

/// What is known of a ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) row: &'a Row,
    pub(crate) tally: Option<&'a Tally>,
    pub(crate) sizes: Option<&'a Sizes>,
}

/// What is known of the exporter itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own {
    /// Rings that were left out, because there are more than `--max-rings`.
    pub(crate) skipped: u64,
    pub(crate) looks: u64,
    pub(crate) failed_looks: u64,
    /// Of the latest look.
    pub(crate) look_seconds: f64,
}

/// All metrics. What is not known has no sample.
pub(crate) fn families(rings: &[Known<'_>], own: Own) -> Vec<Family> {
    let mut families: Vec<_> = METRICS.iter().map(|metric| metric.of(rings)).collect();
    let whole = |name, help, kind, value| {
        let samples = vec![Sample { labels: Vec::new(), value }];
        Family { name, help, kind, samples }
    };
    families.extend([
        whole(
            "ringbuf_exporter_rings_skipped",
            "Rings left out, because there are more than --max-rings.",
            Kind::Gauge,
            Value::Whole(own.skipped),
        ),
        whole(
            "ringbuf_exporter_looks",
            "Looks at the rings.",
            Kind::Counter,
            Value::Whole(own.looks),
        ),
        whole(
            "ringbuf_exporter_failed_looks",
            "Looks that failed. After such a look, no ring has metrics.",
            Kind::Counter,
            Value::Whole(own.failed_looks),
        ),
        whole(
            "ringbuf_exporter_look_seconds",
            "Duration of the latest look.",
            Kind::Gauge,
            Value::Real(own.look_seconds),
        ),
    ]);
    families
}

/// A metric of a ring.
struct Metric {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    value: fn(&Known<'_>) -> Option<Value>,
}

const METRICS: &[Metric] = &[
    Metric {
        name: "ringbuf_map",
        help: "A ring buffer map: kind is ringbuf or user_ringbuf, mode is normal or overwrite.",
        kind: Kind::Info,
        value: |_| Some(Value::Whole(1)),
    },
    Metric {
        name: "ringbuf_capacity_bytes",
        help: "Size of the ring.",
        kind: Kind::Gauge,
        value: |ring| Some(Value::Whole(ring.row.capacity)),
    },
    Metric {
        name: "ringbuf_pending_bytes",
        help: "Bytes produced and not given back by the reader.",
        kind: Kind::Gauge,
        value: |ring| ring.row.fill_bytes.map(Value::Whole),
    },
    Metric {
        name: "ringbuf_pending_max_bytes",
        help: "The most bytes pending in any look since the exporter knows the ring.",
        kind: Kind::Gauge,
        value: |ring| ring.row.fill_max_bytes.map(Value::Whole),
    },
    Metric {
        name: "ringbuf_head_busy_seconds",
        help: "How long the first record is reserved and not committed; 0 if it is not.",
        kind: Kind::Gauge,
        value: |ring| match ring.row.head.busy? {
            true => ring.row.head.age_s.map(Value::Real),
            false => Some(Value::Real(0.0)),
        },
    },
    Metric {
        name: "ringbuf_head_unread_seconds",
        help: "How long the reader has left the first committed record alone; 0 if none waits.",
        kind: Kind::Gauge,
        value: |ring| ring.row.head.busy.map(|_| Value::Real(ring.row.unread_s.unwrap_or(0.0))),
    },
    Metric {
        name: "ringbuf_readers",
        help: "Processes that read the ring.",
        kind: Kind::Gauge,
        value: |ring| ring.row.readers.as_ref().map(|all| Value::Whole(all.len() as u64)),
    },
    Metric {
        name: "ringbuf_programs",
        help: "Loaded BPF programs that use the map.",
        kind: Kind::Gauge,
        value: |ring| ring.row.programs.as_ref().map(|all| Value::Whole(all.len() as u64)),
    },
    Metric {
        name: "ringbuf_produced_bytes",
        help: "Bytes produced since the map was made, headers included.",
        kind: Kind::Counter,
        value: |ring| ring.tally.map(|tally| Value::Whole(tally.produced)),
    },
    Metric {
        name: "ringbuf_consumed_bytes",
        help: "Bytes given back by the reader since the map was made. Not in overwrite mode.",
        kind: Kind::Counter,
        value: |ring| ring.tally.and_then(|tally| tally.consumed).map(Value::Whole),
    },
    Metric {
        name: "ringbuf_nearly_full_seconds",
        help: "Time above 80 % since the exporter knows the ring.",
        kind: Kind::Counter,
        value: |ring| ring.row.near_full_s.map(Value::Real),
    },
    Metric {
        name: "ringbuf_records_estimated",
        help: "Records since the exporter knows the ring, by the headers that it has seen.",
        kind: Kind::Counter,
        value: |ring| ring.tally.and_then(|tally| tally.records).map(Value::Real),
    },
    Metric {
        name: "ringbuf_reservations_failed",
        help: "Records that were lost, because the ring was full. The source counts them: attach \
               or program.",
        kind: Kind::Counter,
        value: |ring| source(ring.row).and(ring.row.loss.records).map(Value::Whole),
    },
    Metric {
        name: "ringbuf_record_size_bytes",
        help: "Sizes of the samples whose headers were seen.",
        kind: Kind::Histogram,
        value: |ring| {
            let sizes = ring.sizes.filter(|sizes| sizes.classes.iter().any(|class| *class > 0))?;
            let (classes, sum) = (sizes.classes.to_vec(), sizes.bytes);
            Some(Value::Histogram { bounds: &BOUNDS, classes, sum })
        },
    },
];

impl Metric {
    fn of(&self, rings: &[Known<'_>]) -> Family {
        let Self { name, help, kind, value } = *self;
        let sample = |ring: &Known<'_>| {
            let row = ring.row;
            let mut labels = vec![("map_id", row.id.to_string()), ("name", row.name.clone())];
            if kind == Kind::Info {
                labels.push(("kind", row.kind.to_owned()));
                labels.push(("mode", row.mode.to_owned()));
            }
            if name == "ringbuf_reservations_failed" {
                labels.extend(source(row).map(|source| ("source", source.to_owned())));
            }
            Some(Sample { labels, value: value(ring)? })
        };
        Family { name, help, kind, samples: rings.iter().filter_map(sample).collect() }
    }
}

/// Who counts the losses of a ring, if anybody does.
fn source(row: &Row) -> Option<&'static str> {
    match row.loss.source {
        LossSource::Attach => Some("attach"),
        LossSource::Program => Some("program"),
        LossSource::Inferred | LossSource::None => None,
    }
}
