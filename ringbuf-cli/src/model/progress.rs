//! How far a run is, on standard error: on a terminal, or with `--progress`.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use ringbuf_model::Progress;

use super::print;

/// A terminal shows nothing for a shorter run.
const PATIENCE: Duration = Duration::from_millis(700);
/// The time between two states of the line on a terminal.
const OFTEN: Duration = Duration::from_millis(200);
/// The time between two lines elsewhere.
const RARELY: Duration = Duration::from_secs(5);

/// Shows how far each of several runs is.
#[derive(Debug)]
pub(crate) struct Meter {
    is_terminal: bool,
    /// Shows lines also where no terminal is, one at least for each run.
    is_wanted: bool,
    /// How many runs there will be, if that is known.
    runs: Option<usize>,
    run: usize,
    began: Instant,
    shown: Option<Instant>,
}

impl Meter {
    pub(crate) fn new(is_wanted: bool, runs: Option<usize>) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { is_terminal, is_wanted, runs, run: 0, began: Instant::now(), shown: None }
    }

    /// Shows a progress, if it is time to.
    pub(crate) fn show(&mut self, progress: Progress) {
        if progress.done.is_zero() {
            (self.run, self.began, self.shown) = (self.run + 1, Instant::now(), None);
            return;
        }
        let (since, is_end) = (self.began.elapsed(), progress.done == progress.all);
        let wait = match (self.is_terminal, self.shown) {
            (true, None) => PATIENCE,
            (true, Some(_)) => OFTEN,
            (false, _) => RARELY,
        };
        let is_due = self.shown.unwrap_or(self.began).elapsed() >= wait;
        let is_line = self.is_wanted && (is_end || (!self.is_terminal && is_due));
        if !is_line && !(self.is_terminal && (is_due || (is_end && self.shown.is_some()))) {
            return;
        }
        self.shown = Some(Instant::now());
        let text = text(self.run, self.runs, progress, since);
        // A terminal keeps one line, which goes at the end.
        let all = match (self.is_terminal, is_line) {
            (true, true) => format!("\r\x1b[K{text}\n"),
            (true, false) if is_end => "\r\x1b[K".to_owned(),
            (true, false) => format!("\r\x1b[K{text}"),
            (false, _) => format!("{text}\n"),
        };
        let _closed = io::stderr().write_all(all.as_bytes());
    }
}

fn text(run: usize, runs: Option<usize>, progress: Progress, since: Duration) -> String {
    let (done, all) = (progress.done.as_secs_f64(), progress.all.as_secs_f64());
    let (host, share) = (since.as_secs_f64().max(1e-9), done / all.max(1e-12));
    let which = match runs {
        Some(1) => String::new(),
        Some(runs) => format!("run {run} of {runs}: "),
        None => format!("run {run}: "),
    };
    let left = Duration::from_secs_f64((host * (1.0 - share) / share.max(1e-9)).min(1e9));
    format!(
        "{which}simulated {} of {} ({:.0} %) in {}: {:.3} virtual seconds a second, {} left",
        print::time(progress.done),
        print::time(progress.all),
        share * 100.0,
        print::time(since),
        done / host,
        print::time(left),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_time_the_speed_and_what_is_left() {
        let mut shown = None;
        let machine = ringbuf_model::Machine::named("vm-2cpu").unwrap();
        let mut setup = ringbuf_model::Setup::new(machine);
        (setup.warm_up, setup.duration) = (Duration::ZERO, Duration::from_millis(2));
        setup.run_watched(&mut |progress| shown = Some(progress)).unwrap();
        let mut progress = shown.expect("the end is shown");
        assert_eq!(
            text(1, Some(1), progress, Duration::from_secs(1)),
            "simulated 2.00 ms of 2.00 ms (100 %) in 1.00 s: 0.002 virtual seconds a second, 0 ns left"
        );
        progress.done /= 4;
        assert_eq!(
            text(2, Some(9), progress, Duration::from_secs(1)),
            "run 2 of 9: simulated 500 us of 2.00 ms (25 %) in 1.00 s: 0.001 virtual seconds a second, 3.00 s left"
        );
        assert!(text(2, None, progress, Duration::ZERO).starts_with("run 2: simulated"));
    }
}
