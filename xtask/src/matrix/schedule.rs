//! Runs several things at once, since none fills the processors: the programs of one machine are
//! built while the kernels of another run, and kernels run beside each other.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::boot::{self, System};
use super::builder::{Builder, Prepared};
use super::console::Console;
use super::fetch::{Fetched, Group};
use super::progress::Board;
use super::row::{End, Row};
use super::silence::{Limits, twice_if_silent};
use super::{Folders, Options};
use crate::results::Skip;
use crate::workspace::Workspace;

/// A machine with its kernels.
pub(crate) type Task = (Group, Vec<Fetched>);

/// The results of all kernels.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) rows: Vec<Row>,
    pub(crate) suites: Vec<String>,
    /// How the guests' instructions were run.
    pub(crate) accelerators: Vec<&'static str>,
}

/// A kernel to boot, and its place in the table.
#[derive(Debug)]
struct Job {
    place: (usize, usize),
    prepared: Arc<Prepared>,
    fetched: Fetched,
}

/// The state that the workers and the builder share.
struct Shared<'a> {
    options: &'a Options,
    folders: &'a Folders,
    board: Board,
    rows: Mutex<Vec<((usize, usize), Row)>>,
}

/// Builds, boots, and returns the rows in the order of the tasks.
pub(crate) fn run(
    tasks: Vec<Task>,
    options: &Options,
    folders: &Folders,
    workspace: &Workspace,
) -> Outcome {
    let kernels = tasks.iter().map(|(_, kernels)| kernels.len()).sum();
    let board = Board::new(kernels);
    let shared = Shared { options, folders, board, rows: Mutex::default() };
    let mut builder = Builder::new(workspace, folders, &shared.board);
    // x86-64 is the last to run: it takes the longest, and by then nothing is left to be built.
    let mut tasks: Vec<_> = tasks.into_iter().enumerate().collect();
    tasks.sort_by_key(|(_, (group, _))| group.machine.is_native());
    let mut prepared = Vec::new();
    let (send, receive) = channel();
    let queue = Mutex::new(receive);
    thread::scope(|scope| {
        for _ in 0..options.jobs() {
            scope.spawn(|| shared.work(&queue));
        }
        for (number, (group, kernels)) in tasks {
            let ready = builder.prepare(&group, &kernels).map(Arc::new);
            prepared.extend(ready.as_ref().ok().map(|ready| (number, Arc::clone(ready))));
            shared.queue(number, &group, kernels, ready, &send);
        }
        drop(send);
    });
    prepared.sort_by_key(|(number, _)| *number);
    let mut rows = shared.rows.into_inner().unwrap_or_else(|broken| broken.into_inner());
    rows.sort_by_key(|(place, _)| *place);
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    let mut outcome = Outcome { rows, ..Outcome::default() };
    for (_, ready) in prepared {
        note_new(&mut outcome.suites, ready.suites.iter().cloned());
        note_new(&mut outcome.accelerators, [ready.accelerator.name()]);
    }
    outcome
}

impl Shared<'_> {
    /// Hands out the kernels of a machine, or reports why there is nothing to run.
    fn queue(
        &self,
        number: usize,
        group: &Group,
        kernels: Vec<Fetched>,
        ready: Result<Arc<Prepared>>,
        send: &Sender<Job>,
    ) {
        let machine = group.machine.name;
        let absent = |kernel, why: String, allowed| Row {
            machine,
            kernel,
            end: End::Absent { why, allowed },
            time: Duration::ZERO,
        };
        if let Some(why) = &group.without {
            let row = absent(None, why.clone(), self.options.allow_missing);
            self.put((number, 0), row);
        }
        for (index, fetched) in kernels.into_iter().enumerate() {
            let place = (number, index);
            match (&ready, &fetched.image) {
                // A program that cannot be built does not count as a missing kernel.
                (Err(error), _) => {
                    self.end(place, absent(Some(fetched.kernel), format!("{error:#}"), false));
                }
                (_, Err(error)) => {
                    let why = format!("cannot be fetched: {error:#}");
                    self.end(place, absent(Some(fetched.kernel), why, self.options.allow_missing));
                }
                (Ok(ready), Ok(_)) => {
                    let prepared = Arc::clone(ready);
                    // Workers end after the queue does.
                    let _sent = send.send(Job { place, prepared, fetched });
                }
            }
        }
    }

    /// Boots kernels from the queue until it ends.
    fn work(&self, queue: &Mutex<Receiver<Job>>) {
        loop {
            let job = queue.lock().ok().and_then(|queue| queue.recv().ok());
            let Some(job) = job else { return };
            let place = job.place;
            let row = self.boot(job);
            self.end(place, row);
        }
    }

    fn boot(&self, job: Job) -> Row {
        let Job { prepared, fetched: Fetched { kernel, image, instead_of }, .. } = job;
        let Prepared { machine, accelerator, initramfs, suites } = &*prepared;
        let Options { timeout, allow_missing, .. } = *self.options;
        let started = Instant::now();
        let absent = |why: String| End::Absent { why, allowed: allow_missing };
        let mut row = Row {
            machine: machine.name,
            kernel: Some(kernel),
            end: absent(String::new()),
            time: Duration::ZERO,
        };
        let name = row.name();
        let log = self.folders.logs.join(format!("{}.log", name.replace(' ', "-")));
        let environment = machine.expectations();
        let show = |console: &Console| {
            let suite = console.suites.last().map_or("booting", |suite| &suite.name);
            self.board.show(&name, suite);
        };
        show(&Console::default());
        let boot = || {
            let system = System {
                emulator: machine.emulator,
                accelerator: *accelerator,
                kernel: image.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?,
                initramfs,
                environment: &environment,
            };
            boot::boot(system, &log, Limits::of_kernels(timeout), suites, show)
        };
        let boot = || boot().and_then(|console| twice_if_silent(console, boot));
        row.end = match boot().and_then(|console| twice_if_dead(console, boot)) {
            Ok(mut console) => {
                console.notes.extend(instead_of.map(|(wanted, why)| Skip {
                    what: "kernel".to_owned(),
                    why: format!(
                        "{} is not available, so an older kernel runs: {why}",
                        wanted.version
                    ),
                }));
                End::Ran { console: Box::new(console), log: log.clone() }
            }
            Err(error) => absent(format!("cannot be started: {error:#}")),
        };
        row.time = started.elapsed();
        if row.is_dead() && allow_missing {
            row.end = absent(format!("does not boot: {}", row.troubles().join("; ")));
        }
        row
    }

    fn end(&self, place: (usize, usize), row: Row) {
        self.board.end(&row);
        self.put(place, row);
    }

    fn put(&self, place: (usize, usize), row: Row) {
        let mut rows = self.rows.lock().unwrap_or_else(|broken| broken.into_inner());
        rows.push((place, row));
    }
}

/// Adds the items that are not there yet.
fn note_new<T: PartialEq>(all: &mut Vec<T>, more: impl IntoIterator<Item = T>) {
    for what in more {
        if !all.contains(&what) {
            all.push(what);
        }
    }
}

/// Boots once more if the kernel died before it ran anything of ours. In an emulator on a busy
/// machine that happens now and then. The report mentions it.
fn twice_if_dead(first: Console, boot: impl FnOnce() -> Result<Console>) -> Result<Console> {
    if first.release.is_some() || first.timed_out || first.silent.is_some() {
        return Ok(first);
    }
    let mut second = boot()?;
    let said = first.complaints.first().map_or("it said nothing", String::as_str);
    let why = format!("the kernel died before our programs ran, so it was booted again: {said}");
    second.notes.push(Skip { what: "boot".to_owned(), why });
    Ok(second)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn only_a_kernel_that_died_early_is_booted_again() {
        let console = |lines: &[&str]| {
            let mut console = Console::default();
            lines.iter().for_each(|line| console.line(line));
            console
        };
        let good = || console(&["@@ begin 7.3.4", "@@ suite a 1"]);
        let once = twice_if_dead(good(), || bail!("not again")).unwrap();
        assert!(once.notes.is_empty());
        let dead = console(&["[ 0.1] Kernel panic - not syncing: timer"]);
        let twice = twice_if_dead(dead, || Ok(good())).unwrap();
        assert_eq!(twice.release.as_deref(), Some("7.3.4"));
        assert!(twice.notes[0].why.ends_with("Kernel panic - not syncing: timer"));
        assert!(twice.complaints.is_empty());
        let mut slow = console(&[]);
        slow.timed_out = true;
        assert!(twice_if_dead(slow, || bail!("not again")).unwrap().notes.is_empty());
    }
}
