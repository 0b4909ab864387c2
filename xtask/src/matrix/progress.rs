//! The progress that a waiting user sees.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Instant;

use super::row::{End, Row};

/// Shows everything that runs: one line on standard error, rewritten on a terminal; and a line for
/// each kernel that has ended.
#[derive(Debug)]
pub(crate) struct Board {
    state: Mutex<State>,
    terminal: bool,
}

#[derive(Debug, Default)]
struct State {
    kernels: usize,
    ended: usize,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    name: String,
    what: String,
    since: Instant,
}

/// Longer lines could not be rewritten.
const COLUMNS: usize = 79;

impl Board {
    pub(crate) fn new(kernels: usize) -> Self {
        let state = State { kernels, ..State::default() };
        Self { state: Mutex::new(state), terminal: std::io::stderr().is_terminal() }
    }

    /// `name` is at `what`.
    pub(crate) fn show(&self, name: &str, what: &str) {
        let Ok(mut state) = self.state.lock() else { return };
        match state.running.iter_mut().find(|running| running.name == name) {
            Some(running) if running.what == what => return,
            Some(running) => what.clone_into(&mut running.what),
            None => {
                let (name, what) = (name.to_owned(), what.to_owned());
                state.running.push(Running { name, what, since: Instant::now() });
            }
        }
        self.draw(&state, "");
    }

    /// `name` has ended, with this message.
    pub(crate) fn over(&self, name: &str, text: &str) {
        let Ok(mut state) = self.state.lock() else { return };
        state.running.retain(|running| running.name != name);
        self.draw(&state, text);
    }

    /// A kernel has ended.
    pub(crate) fn end(&self, row: &Row) {
        let Ok(mut state) = self.state.lock() else { return };
        let name = row.name();
        state.running.retain(|running| running.name != name);
        state.ended += 1;
        let word = match &row.end {
            _ if row.failed() => "FAILED",
            End::Ran { .. } => "ok",
            End::Absent { .. } => "absent",
        };
        let (ended, kernels, seconds) = (state.ended, state.kernels, row.time.as_secs_f64());
        let mut text = format!("matrix: {ended}/{kernels} {name}: {word}, {seconds:.1} s\n");
        // The table has the rest.
        if let Some(trouble) = row.troubles().first() {
            text.push_str(&format!("matrix:   {trouble}\n"));
        }
        self.draw(&state, &text);
    }

    /// Writes whole lines, and the progress line below them.
    fn draw(&self, state: &State, text: &str) {
        let mut out = std::io::stderr().lock();
        let line =
            if self.terminal { format!("\r\x1b[K{text}{}", state.line()) } else { text.into() };
        // If standard error is closed, nobody wants to see anything.
        let _shown = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }
}

impl State {
    fn line(&self) -> String {
        let running = self.running.iter().map(|running| {
            let Running { name, what, since } = running;
            format!("{name}: {what}, {} s", since.elapsed().as_secs())
        });
        let all = running.collect::<Vec<_>>().join(" | ");
        format!("{}/{} {all}", self.ended, self.kernels).chars().take(COLUMNS).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_all_that_goes_on() {
        let board = Board { terminal: false, ..Board::new(7) };
        board.show("arm64 6.1.1", "booting");
        board.show("arm64 6.1.1", "portable");
        board.show("programs for i686", "building");
        let line = || board.state.lock().unwrap().line();
        assert_eq!(line(), "0/7 arm64 6.1.1: portable, 0 s | programs for i686: building, 0 s");
        board.over("arm64 6.1.1", "");
        assert_eq!(line(), "0/7 programs for i686: building, 0 s");
        board.show(&"x".repeat(100), "");
        assert_eq!(line().len(), COLUMNS);
    }
}
