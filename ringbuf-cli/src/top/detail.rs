//! The details of one ring, with its history.

use ratatui::style::{Color, Modifier};
use ratatui::text::{Line, Span};

use super::app::{App, Values};
use super::columns::{amount, percent, process};
use super::draw::{look, state_look};
use crate::format::escape;
use crate::watch::{How, LossSource, Row};

/// As many lines as are there; the history comes last.
pub(super) fn lines(app: &App, width: usize, _height: usize) -> Vec<Line<'static>> {
    let Some(row) = app.chosen_row() else {
        return vec![Line::raw("this ring has gone: q shows the others")];
    };
    let states: Vec<_> = row.states.iter().map(|state| state.text()).collect();
    let title = format!("{} {}  ", row.id, escape(row.name.as_bytes()));
    let mut lines = vec![
        Line::from(vec![
            Span::styled(title, look(app, Color::Cyan, Modifier::BOLD)),
            Span::styled(states.join(", "), state_look(app, row.state)),
        ]),
        item("map", format!("{}, {}, {} bytes", row.kind, row.mode, row.capacity)),
        item("positions", positions(row)),
        item("fill", fill(row)),
        item("rates", rates(row)),
        item("losses", losses(row)),
        item("head", head(row)),
    ];
    let role = if row.producers.is_some() { "producers" } else { "readers" };
    let processes = row.readers.as_ref().or(row.producers.as_ref());
    lines.push(item(role, names(processes.map(|all| all.iter().map(process).collect()))));
    let programs = row.programs.as_ref();
    let program = |all: &Vec<crate::watch::ProgramName>| {
        all.iter().map(|one| format!("{} {}", escape(one.name.as_bytes()), one.id)).collect()
    };
    lines.push(item("programs", names(programs.map(program))));
    let pins = row.pins.as_ref();
    lines.push(item(
        "pins",
        names(pins.map(|all| all.iter().map(|pin| escape(pin.as_bytes())).collect())),
    ));
    lines.push(Line::default());
    lines.extend(history(app, row.id, width));
    lines
}

fn item(name: &str, text: String) -> Line<'static> {
    Line::raw(format!(" {name:<10} {text}"))
}

fn or_unknown<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "n/a".to_owned(), text)
}

fn names(all: Option<Vec<String>>) -> String {
    or_unknown(all, |all| if all.is_empty() { "none".to_owned() } else { all.join(", ") })
}

fn positions(row: &Row) -> String {
    let pending = row.pending_pos.map(|at| format!(", pending {at:#x}")).unwrap_or_default();
    format!("consumer {:#x}, producer {:#x}{pending}", row.consumer_pos, row.producer_pos)
}

fn fill(row: &Row) -> String {
    let share = |bytes: u64| format!("{bytes} bytes ({}%)", percent(bytes, row.capacity));
    let near = or_unknown(row.near_full_s, |time| format!("{time:.1}s"));
    format!(
        "{}, at most {}, above 80% for {near} of {:.1}s",
        or_unknown(row.fill_bytes, share),
        or_unknown(row.fill_max_bytes, share),
        row.watched_s
    )
}

fn rates(row: &Row) -> String {
    let bytes = |rate: Option<u64>| or_unknown(rate, |rate| format!("{}/s", amount(rate as f64)));
    let records = or_unknown(row.records.per_s, |rate| format!("{rate}/s"));
    let how = match row.records.how {
        Some(How::Exact) => " (exact)",
        Some(How::Sampled) => " (sampled)",
        None => "",
    };
    let discards = or_unknown(row.discard_ratio, |ratio| format!("{:.1}%", ratio * 100.0));
    format!(
        "in {}, out {}, records {records}{how}, discarded {discards}",
        bytes(row.in_bps),
        bytes(row.out_bps)
    )
}

fn losses(row: &Row) -> String {
    let source = match row.loss.source {
        LossSource::Attach => "counted at the kernel's reservation",
        LossSource::Program => "counted by the program",
        LossSource::Inferred => return "n/a: nobody counts them; see how full it gets".to_owned(),
        LossSource::None => return "n/a".to_owned(),
    };
    let rate = row.loss.per_s.map(|rate| format!(", {rate}/s")).unwrap_or_default();
    or_unknown(row.loss.records, |records| format!("{records} failed{rate} ({source})"))
}

fn head(row: &Row) -> String {
    let len = row.head.len.map(|len| format!(", {len} bytes")).unwrap_or_default();
    let behind = row.head.behind_bytes.map(|bytes| format!(", {bytes} bytes behind it"));
    let behind = behind.unwrap_or_default();
    match (row.head.busy, row.head.age_s, row.unread_s) {
        (None, ..) => "n/a".to_owned(),
        (Some(true), age, _) => format!("busy for {:.1}s{len}{behind}", age.unwrap_or(0.0)),
        (Some(false), _, Some(age)) => format!("committed, not read for {age:.1}s{len}{behind}"),
        (Some(false), ..) => "empty".to_owned(),
    }
}

/// A line for each value: the last looks, and the highest of them.
fn history(app: &App, id: u32, width: usize) -> Vec<Line<'static>> {
    let Some(history) = app.history.get(&id) else { return Vec::new() };
    let line = |name: &str, values: &Values, highest: Option<f32>, unit: &str| {
        let values: Vec<Option<f32>> = values.iter().copied().collect();
        let room = width.saturating_sub(24);
        let most = values.iter().rev().take(room).flatten().copied().fold(0.0, f32::max);
        let known = values.iter().any(Option::is_some);
        let highest = highest.unwrap_or(most);
        let text =
            if known { format!("{}{unit}", amount(highest.into())) } else { "n/a".to_owned() };
        let spark = app.style.spark(&values, highest, room);
        Line::from(vec![
            Span::raw(format!(" {name:<6} {text:>8} ")),
            Span::styled(spark, look(app, Color::Cyan, Modifier::empty())),
        ])
    };
    vec![
        line("fill", &history.fill, Some(100.0), "%"),
        line("in", &history.input, None, "/s"),
        line("out", &history.output, None, "/s"),
        line("lost", &history.lost, None, "/s"),
    ]
}
