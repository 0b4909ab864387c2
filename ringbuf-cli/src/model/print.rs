//! Results as people and programs read them.

use std::fmt::Write;
use std::time::Duration;

use ringbuf_model::{Answer, Distribution, Report, Setup, units};
use serde_json::{Value, json};

/// Returns the result in lines.
pub(crate) fn text(setup: &Setup, report: &Report) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _infallible = writeln!(text, "{name:<14} {value}");
    };
    let busy = share(report, setup);
    let offered = (report.accepted + report.refused) as f64 / report.time.as_secs_f64();
    line("machine", format!("{}, {} producing CPUs", setup.machine.name, setup.producers));
    line(
        "rings",
        format!(
            "{} of {}, {} readers, {}",
            setup.rings,
            units::bytes_text(setup.ring),
            setup.readers,
            setup.reader
        ),
    );
    line("throughput", format!("{} records/s accepted", number(report.throughput())));
    line(
        "loss",
        format!(
            "{:.4} % ({} of {})",
            report.loss() * 100.0,
            report.refused,
            report.refused + report.accepted
        ),
    );
    if let Some(rate) = setup.arrivals.mean_rate().filter(|rate| offered < 0.9 * *rate as f64) {
        let (offered, rate) = (number(offered), number(rate as f64));
        line("offered", format!("{offered} records/s: these CPUs do not produce {rate}"));
    }
    line("delivered", format!("{}, {} unread at the end", report.delivered, report.unread()));
    line("latency", distribution(&report.latency));
    line("program", distribution(&report.call));
    line("notifications", format!("{:.4} a record", report.notifications_per_record()));
    line("reader", format!("{:.1} % of its time", busy * 100.0));
    for warning in &report.out_of_bounds {
        line("out of bounds", warning.clone());
    }
    text
}

/// Returns the result as one line of JSON.
pub(crate) fn json(setup: &Setup, report: &Report) -> String {
    format!("{}\n", value(setup, report))
}

pub(crate) fn value(setup: &Setup, report: &Report) -> Value {
    json!({
        "machine": setup.machine.name,
        "cpus": setup.producers,
        "ring_bytes": setup.ring,
        "rings": setup.rings,
        "readers": setup.readers,
        "policy": setup.reader.to_string(),
        "seed": setup.seed,
        "seconds": report.time.as_secs_f64(),
        "accepted": report.accepted,
        "refused": report.refused,
        "discarded": report.discarded,
        "delivered": report.delivered,
        "unread": report.unread(),
        "notifications": report.notifications,
        "blocks": report.blocks,
        "naps": report.naps,
        "reader_busy": share(report, setup),
        "latency_ns": nanos(&report.latency),
        "program_ns": nanos(&report.call),
        "out_of_bounds": report.out_of_bounds,
    })
}

/// Returns the answer of `ringbuf size`.
pub(crate) fn answer(answer: &Answer) -> String {
    let mut text = String::new();
    for (number, step) in answer.steps.iter().enumerate() {
        let _infallible = writeln!(text, "{}. {step}", number + 1);
    }
    let confirmed = &answer.confirmed;
    let _infallible = writeln!(
        text,
        "{} ring{} of {}, {} reader{}, {}",
        answer.rings,
        plural(answer.rings),
        units::bytes_text(answer.ring),
        answer.readers,
        plural(answer.readers),
        answer.reader,
    );
    let _infallible = writeln!(
        text,
        "Confirmed with another seed: {:.4} % of {} records lost in {} s, latency {}",
        confirmed.loss() * 100.0,
        confirmed.accepted + confirmed.refused,
        confirmed.time.as_secs_f64(),
        distribution(&confirmed.latency),
    );
    for doubt in &answer.doubts {
        let _infallible = writeln!(text, "Not sure: {doubt}");
    }
    text
}

/// Returns the answer of `ringbuf size` as one line of JSON.
pub(crate) fn answer_json(answer: &Answer) -> String {
    let value = json!({
        "rings": answer.rings,
        "readers": answer.readers,
        "ring_bytes": answer.ring,
        "policy": answer.reader.to_string(),
        "steps": answer.steps,
        "doubts": answer.doubts,
        "confirmed": {
            "seconds": answer.confirmed.time.as_secs_f64(),
            "accepted": answer.confirmed.accepted,
            "refused": answer.confirmed.refused,
            "latency_ns": nanos(&answer.confirmed.latency),
        },
    });
    format!("{value}\n")
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}

/// Returns the share of its time that a reader works.
pub(crate) fn share(report: &Report, setup: &Setup) -> f64 {
    let share = report.worked.as_secs_f64() / report.time.as_secs_f64();
    // A record that is handled when the run ends counts as a whole.
    (share / setup.readers.max(1) as f64).min(1.0)
}

fn distribution(values: &Distribution) -> String {
    if values.count == 0 {
        return "-".to_owned();
    }
    let Distribution { p50, p99, p999, most, .. } = *values;
    let [p50, p99, p999, most] = [p50, p99, p999, most].map(time);
    format!("p50 {p50}, p99 {p99}, p99.9 {p999}, most {most}; mean {}", time(values.mean))
}

fn nanos(values: &Distribution) -> Value {
    let [mean, p50, p90, p99, p999, most] =
        [values.mean, values.p50, values.p90, values.p99, values.p999, values.most]
            .map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    json!({ "count": values.count, "mean": mean, "p50": p50, "p90": p90, "p99": p99, "p99.9": p999, "most": most })
}

/// Returns a time with three digits.
pub(crate) fn time(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    let (value, unit) = match nanos {
        _ if nanos < 1e3 => (nanos, "ns"),
        _ if nanos < 1e6 => (nanos / 1e3, "us"),
        _ if nanos < 1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    let digits =
        if value < 10.0 && unit != "ns" { 2 } else { usize::from(value < 100.0 && unit != "ns") };
    format!("{value:.digits$} {unit}")
}

/// Returns a number with few digits: `1.53 M`.
pub(crate) fn number(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{:.2} M", value / 1e6),
        _ if value >= 1e3 => format!("{:.1} k", value / 1e3),
        _ => format!("{value:.0}"),
    }
}
