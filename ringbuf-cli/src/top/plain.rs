//! Without a screen: tables or JSON, one after the other.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::args::Top;
use super::grid::{Grid, totals};
use super::host;
use super::replay::Feed;
use super::style::Style;
use crate::Failure;
use crate::format::to_json;
use crate::list::failure_of_look;
use crate::output::sleep_while_read;
use crate::watch::Row;

/// How long a signal may have to wait.
const NAP: Duration = Duration::from_millis(250);

/// Prints what each look finds: of this machine from the second one on.
pub(super) fn run(arguments: &Top, mut feed: Feed) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .context("cannot watch for signals")
            .map_err(Failure::Running)?;
    }
    let most = if arguments.once { Some(1) } else { arguments.count };
    let style = Style { colour: false, ..Style::of_environment(false) };
    // What is recorded is there already.
    let live = matches!(feed, Feed::Live(_));
    if live {
        feed.look(arguments.interval).map_err(failure_of_look)?;
    }
    let mut begin = Instant::now();
    let mut printed = 0;
    while most.is_none_or(|most| printed < most) {
        if stop.load(Ordering::Relaxed) || live && !sleep_until(begin + arguments.interval, &stop) {
            return Ok(());
        }
        begin = Instant::now();
        let Some(rows) = feed.look(arguments.interval).map_err(failure_of_look)? else {
            return Ok(());
        };
        let text = if arguments.json {
            json(&rows, arguments)
        } else {
            table(&rows, arguments, style, printed > 0)
        };
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => {}
            // Its reader has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => {
                return Err(Failure::Running(
                    anyhow::Error::new(error).context("cannot write the rings"),
                ));
            }
        }
        printed += 1;
    }
    Ok(())
}

/// Returns false if it is to end: a signal says so, or nobody reads the output.
fn sleep_until(end: Instant, stop: &AtomicBool) -> bool {
    while !stop.load(Ordering::Relaxed) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        if !sleep_while_read(io::stdout(), left.min(NAP)) {
            return false;
        }
    }
    false
}

/// The rings that are shown, in order.
fn shown<'r>(rows: &'r [Row], arguments: &Top) -> Vec<&'r Row> {
    let shown = |row: &&Row| arguments.filter.as_ref().is_none_or(|filter| filter.matches(row));
    let mut shown: Vec<_> = rows.iter().filter(shown).collect();
    shown.sort_by(|one, other| {
        let order = arguments.sort.compare(one, other);
        if arguments.reverse { order.reverse() } else { order }
    });
    shown
}

fn json(rows: &[Row], arguments: &Top) -> String {
    shown(rows, arguments).into_iter().map(|row| to_json(row) + "\n").collect()
}

fn table(rows: &[Row], arguments: &Top, style: Style, again: bool) -> String {
    let width = terminal_size::terminal_size_of(io::stdout());
    let shown = shown(rows, arguments);
    let grid = Grid::new(&shown, style, width.map(|(width, _)| usize::from(width.0)));
    let (left, right) = totals(rows, style);
    let mut text = if again { "\n".to_owned() } else { String::new() };
    let _infallible =
        writeln!(text, "{}", format!("ringbuf top  {}  {left}  {right}", host()).trim_end());
    text += grid.titles(arguments.sort, arguments.reverse, style).trim_end();
    text.push('\n');
    for number in 0..shown.len() {
        let (line, state) = grid.line(number);
        let _infallible = writeln!(text, "{line}{state}");
    }
    text
}
