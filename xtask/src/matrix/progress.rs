//! What the person who waits sees meanwhile.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use super::console::Console;
use super::report::Row;

/// One line on standard error that says where we are: rewritten on a terminal, once per kernel
/// elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    started: Instant,
    shown: Option<String>,
}

impl Progress {
    pub(crate) fn new(what: String) -> Self {
        Self { what, started: Instant::now(), shown: None }
    }

    pub(crate) fn show(&mut self, console: &Console) {
        let suite = console.suites.last().map(|suite| suite.name.clone());
        if suite == self.shown || !std::io::stderr().is_terminal() {
            return;
        }
        let (what, seconds) = (&self.what, self.started.elapsed().as_secs());
        let name = suite.as_deref().unwrap_or("booting");
        eprint!("\rmatrix: {what}: {name}, {seconds} s\x1b[K");
        let _shown = std::io::stderr().flush();
        self.shown = suite;
    }

    pub(crate) fn end(self, row: &Row) {
        let clear = if self.shown.is_some() { "\r\x1b[K" } else { "" };
        let word = if row.failed() { "FAILED" } else { "ok" };
        let seconds = row.time.as_secs_f64();
        eprintln!("{clear}matrix: {}: {word}, {seconds:.1} s", self.what);
        // The table has the rest.
        if let Some(trouble) = row.troubles().first() {
            eprintln!("matrix:   {trouble}");
        }
    }
}
