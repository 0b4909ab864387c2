//! Runs some commands at a time, each with its own log, and prints a line when one ends.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::stats::{self, Stats};

/// How often a run prints its progress. A run of a minute, as in the gate, ends before that.
const PROGRESS: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);
/// The number of bytes at the end of a log that contain its last status line.
const END: u64 = 8 << 10;

/// A run of one target.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) target: &'static str,
    pub(super) command: Command,
    /// Where everything that it prints goes.
    pub(super) log: PathBuf,
}

/// A job that was started.
#[derive(Debug)]
struct Running {
    target: &'static str,
    log: PathBuf,
    child: Child,
    since: Instant,
    /// The time of its last progress line.
    told: Instant,
}

/// Runs all jobs, `at_once` at a time, even if one fails. Prints progress and results, and returns
/// the targets that failed.
pub(super) fn run(
    jobs: Vec<Job>,
    at_once: usize,
    mut say: impl FnMut(&str),
) -> Result<Vec<&'static str>> {
    let mut waiting = jobs.into_iter();
    let mut running: Vec<Running> = Vec::new();
    let mut failed = Vec::new();
    loop {
        while running.len() < at_once.max(1) {
            let Some(job) = waiting.next() else { break };
            running.push(job.start()?);
        }
        if running.is_empty() {
            return Ok(failed);
        }
        thread::sleep(POLL);
        let mut still = Vec::new();
        for mut job in running {
            match job.child.try_wait()? {
                Some(status) => {
                    let (good, text) = job.end(status)?;
                    say(&text);
                    failed.extend((!good).then_some(job.target));
                }
                None => still.push(job),
            }
        }
        running = still;
        for job in running.iter_mut().filter(|job| job.told.elapsed() >= PROGRESS) {
            job.told = Instant::now();
            say(&job.progress());
        }
    }
}

impl Job {
    fn start(mut self) -> Result<Running> {
        let log = File::create(&self.log).with_context(|| self.log.display().to_string())?;
        self.command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = self.command.spawn();
        let child = child.with_context(|| format!("cannot start {}", self.target))?;
        let since = Instant::now();
        Ok(Running { target: self.target, log: self.log, child, since, told: since })
    }
}

impl Running {
    /// Returns true if the run succeeded and tried an input. Also returns its line, and after a
    /// failure the messages of the run.
    fn end(&self, status: ExitStatus) -> Result<(bool, String)> {
        let Self { target, log, since, .. } = self;
        let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
        let stats = Stats::parse(&text);
        let seconds = since.elapsed().as_secs();
        if status.success() && stats.runs.is_some_and(|runs| runs > 0) {
            return Ok((true, format!("{target:<12} ok      {seconds} s: {stats}\n")));
        }
        let (log, messages) = (log.display(), stats::messages(&text));
        let line = format!("{target:<12} FAILED  {seconds} s: {stats}; {status}; {log}:\n");
        Ok((false, line + &messages))
    }

    fn progress(&self) -> String {
        let seconds = self.since.elapsed().as_secs();
        let stats = Stats::parse(&end_of(&self.log).unwrap_or_default());
        format!("{:<12} ...     {seconds} s: {stats}\n", self.target)
    }
}

/// The end of a file, from the beginning of a line on.
fn end_of(path: &Path) -> Result<String> {
    let mut file = File::open(path)?;
    let begin = file.metadata()?.len().saturating_sub(END);
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let cut = if begin == 0 { 0 } else { text.find('\n').map_or(text.len(), |at| at + 1) };
    Ok(text[cut..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(folder: &Path, target: &'static str, script: &str) -> Job {
        let mut command = Command::new("sh");
        command.current_dir(folder).args(["-c", script]);
        Job { target, command, log: folder.join(target) }
    }

    const DONE: &str = "echo stat::number_of_executed_units: 9";

    #[test]
    fn all_are_run_and_the_failed_ones_named() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let jobs = vec![
            job(folder, "good", DONE),
            job(folder, "bad", "echo why >&2; echo stat::number_of_executed_units: 9; exit 77"),
            job(folder, "idle", "exit 0"),
            job(folder, "last", DONE),
        ];
        let mut said = String::new();
        let mut failed = run(jobs, 2, |text| said += text).unwrap();
        failed.sort_unstable();
        assert_eq!(failed, ["bad", "idle"]);
        assert!(said.contains("good         ok ") && said.contains(" s: 9 runs\n"), "{said}");
        assert!(said.contains("bad:\nwhy\nstat::"), "{said}");
        let log = fs::read_to_string(folder.join("bad")).unwrap();
        assert_eq!(log, "why\nstat::number_of_executed_units: 9\n");
    }

    /// Each waits for the other: one after the other they would wait for ever.
    #[test]
    fn two_run_at_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        let meet = |own: &str, other: &str| {
            format!("touch {own}; until test -e {other}; do sleep 0.05; done; {DONE}")
        };
        let jobs = vec![
            job(folder.path(), "one", &meet("a", "b")),
            job(folder.path(), "two", &meet("b", "a")),
        ];
        assert!(run(jobs, 2, |_| ()).unwrap().is_empty());
    }

    #[test]
    fn the_end_of_a_log_begins_with_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "one\ntwo\n").unwrap();
        assert_eq!(end_of(&path).unwrap(), "one\ntwo\n");
        fs::write(&path, "0123456\n".repeat(2000) + "last").unwrap();
        let end = end_of(&path).unwrap();
        assert!(end.starts_with("0123456\n") && end.ends_with("\nlast"), "{end}");
        assert!(u64::try_from(end.len()).unwrap() <= END);
    }
}
