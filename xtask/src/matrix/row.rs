//! One row of the table: the result of one kernel.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::console::{Console, Suite};
use super::kernels::Offer;
use crate::results::Skip;

/// The result of one kernel.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) machine: &'static str,
    /// `None` if there is none for this machine.
    pub(crate) kernel: Option<Offer>,
    pub(crate) end: End,
    pub(crate) time: Duration,
}

#[derive(Debug)]
pub(crate) enum End {
    /// It ran until it switched off or was switched off.
    Ran { console: Box<Console>, log: PathBuf },
    /// It could not be fetched or started: the reason, and whether that is allowed.
    Absent { why: String, allowed: bool },
}

impl Row {
    /// Its name in the table.
    pub(crate) fn name(&self) -> String {
        let Self { machine, kernel, .. } = self;
        kernel
            .as_ref()
            .map_or_else(|| (*machine).to_owned(), |k| format!("{machine} {}", k.version))
    }

    pub(crate) fn failed(&self) -> bool {
        match &self.end {
            End::Ran { console, .. } => {
                let suites = console.suites.iter().any(Suite::failed);
                suites || !console.complaints.is_empty() || self.another().is_some()
            }
            End::Absent { allowed, .. } => !allowed,
        }
    }

    /// The message if another kernel was booted than expected.
    fn another(&self) -> Option<String> {
        let End::Ran { console, .. } = &self.end else { return None };
        let (build, revision) = (console.build.as_ref()?, &self.kernel.as_ref()?.revision);
        let known = build.split_whitespace().any(|word| word == revision);
        (!known).then(|| format!("this is not {revision}, but {build}"))
    }

    /// Returns true if the kernel printed nothing at all. Then `--allow-missing` may excuse it.
    pub(crate) fn is_dead(&self) -> bool {
        matches!(&self.end, End::Ran { console, .. } if console.release.is_none())
    }

    pub(crate) fn suites(&self) -> &[Suite] {
        match &self.end {
            End::Ran { console, .. } => &console.suites,
            End::Absent { .. } => &[],
        }
    }

    /// Why it failed, line by line.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let mut all = Vec::new();
        match &self.end {
            End::Ran { console, log } => {
                for suite in console.suites.iter().filter(|suite| suite.failed()) {
                    let failed = suite.counts.failed;
                    if failed > 0 {
                        all.push(format!("{}: {failed} failed", suite.name));
                    }
                    let short = suite.problems.iter().map(|why| shorten(why));
                    all.extend(short.map(|why| format!("{}: {why}", suite.name)));
                }
                all.extend(
                    console.complaints.iter().map(|what| format!("the kernel says: {what}")),
                );
                all.extend(self.another());
                if !all.is_empty() {
                    all.push(format!("log: {}", log.display()));
                }
            }
            End::Absent { why, .. } => all.push(why.clone()),
        }
        all
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let (release, notes, log) = match &self.end {
            End::Ran { console, log } => {
                (console.release.as_deref(), &console.notes[..], Some(log))
            }
            End::Absent { .. } => (None, &[][..], None),
        };
        let found = match &self.end {
            End::Ran { console, .. } => &console.found[..],
            End::Absent { .. } => &[],
        };
        let pairs = |all: &[Skip]| -> Vec<Value> {
            all.iter().map(|skip| json!({ "test": skip.what, "text": skip.why })).collect()
        };
        let suites = self.suites().iter().map(|suite| {
            json!({
                "name": suite.name, "ok": !suite.failed(), "passed": suite.passed(),
                "failed": suite.counts.failed, "skipped": pairs(&suite.skips), "seconds": suite.seconds,
                "problems": suite.problems,
            })
        });
        let kernel = self.kernel.as_ref();
        json!({
            "machine": self.machine, "kernel": kernel.map(|kernel| kernel.version.to_string()),
            "release": release, "found": found, "package": kernel.map(|kernel| &kernel.package),
            "revision": kernel.map(|kernel| &kernel.revision), "ok": !self.failed(),
            "ran": matches!(self.end, End::Ran { .. }), "seconds": self.time.as_secs_f64(),
            "suites": suites.collect::<Vec<_>>(), "less_here": pairs(notes),
            "troubles": self.troubles(), "log": log,
        })
    }
}

/// The beginning of a long value, perhaps a whole structure. The log has all of it.
fn shorten(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_reasons_are_cut() {
        assert_eq!(shorten("short"), "short");
        assert_eq!(shorten(&"ö".repeat(301)), format!("{}...", "ö".repeat(300)));
    }
}
