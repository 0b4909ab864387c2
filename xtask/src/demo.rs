//! `cargo xtask demo`: shows execve events of the running kernel, and checks that none is lost.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::verdict::{self, Program, Verdict};
use crate::workspace::Workspace;
use crate::{mounts, packages, run};

/// The exit code of `ringbuf exec` if this machine does not support it.
const CANNOT: i32 = 3;
const INTERRUPTED: u8 = 130;
/// Loading and attaching the program takes well under a second; a loaded machine needs more.
const ATTACH: Duration = Duration::from_secs(30);
/// The extra time for `ringbuf exec` to drain and end.
const GRACE: Duration = Duration::from_secs(30);
/// The time to end after Ctrl-C, which the terminal sends to it, too.
const STOP: Duration = Duration::from_secs(3);
/// Small programs that need no input and end at once, on every distribution.
const CANDIDATES: [&str; 10] =
    ["true", "uname", "date", "echo", "ls", "id", "pwd", "cat", "env", "false"];
const PROGRAMS: usize = 8;

/// The result of watching the running kernel.
#[derive(Debug)]
enum End {
    Judged(Verdict),
    Cannot,
    Interrupted,
}

pub(crate) fn demo(workspace: &Workspace, no_install: bool, seconds: u32) -> Result<u8> {
    let needed: Vec<_> = packages::BPF.iter().collect();
    let missing = packages::ensure(&needed, no_install)?;
    let with_bpf = missing.is_empty();
    let ringbuf = build(workspace, with_bpf)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The first signal requests the end; the second one ends the command.
        flag::register_conditional_shutdown(signal, INTERRUPTED.into(), Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    if !with_bpf {
        let missing = missing.join(" ");
        eprintln!(
            "demo: built without BPF, because these packages are missing: {missing}. Showing simulated events."
        );
        return simulate(&ringbuf, seconds);
    }
    mounts::TRACEFS.ensure();
    match watch(&ringbuf, seconds, &stop)? {
        End::Judged(verdict) => {
            run::echo(format!("{verdict}\n").as_bytes());
            Ok(u8::from(!verdict.good()))
        }
        End::Interrupted => {
            eprintln!("demo: interrupted");
            Ok(INTERRUPTED)
        }
        End::Cannot => {
            eprintln!("demo: this machine cannot read the kernel's events; the reason is above.");
            eprintln!("demo: showing simulated events instead, with invented processes.");
            simulate(&ringbuf, seconds)
        }
    }
}

/// Builds the command and returns its path.
fn build(workspace: &Workspace, with_bpf: bool) -> Result<PathBuf> {
    let mut cargo = run::cargo();
    cargo.current_dir(&workspace.root).args(["build", "--release", "-p", "ringbuf-cli"]);
    cargo.args(["--locked", "--message-format=json-render-diagnostics"]);
    if !with_bpf {
        cargo.arg("--no-default-features");
    }
    eprintln!("demo: {}", run::describe(&cargo));
    let messages = run::output(&mut cargo)?;
    executable(&messages).context("cargo built no program called ringbuf")
}

/// Finds the path of the program `ringbuf` in cargo's messages.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "ringbuf")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

fn exec(ringbuf: &Path, seconds: u32) -> Command {
    let mut command = Command::new(ringbuf);
    command.args(["exec", "--duration", &format!("{seconds}s")]).stdin(Stdio::null());
    command
}

fn simulate(ringbuf: &Path, seconds: u32) -> Result<u8> {
    let mut command = exec(ringbuf, seconds);
    command.arg("--sim");
    eprintln!("demo: {}", run::describe(&command));
    let status = command.status().context("cannot start ringbuf")?;
    Ok(run::exit_code(status))
}

/// A running `ringbuf exec`. Its lines are printed as they arrive. Dropping ends it.
#[derive(Debug)]
struct Watched {
    child: Child,
    lines: Receiver<String>,
}

#[derive(Debug)]
enum Next {
    Line(String),
    Closed,
    Late,
    Stopped,
}

impl Watched {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start ringbuf")?;
        let out = child.stdout.take().context("ringbuf has no standard output")?;
        let (send, lines) = channel();
        thread::spawn(move || {
            run::lines(out, |line| {
                run::echo(line);
                // After an interruption nobody listens, and the lines are only printed.
                let _ = send.send(String::from_utf8_lossy(line).into_owned());
            });
        });
        Ok(Self { child, lines })
    }

    /// The next line, waiting until `deadline` or until `stop` is set.
    fn next(&self, deadline: Instant, stop: &AtomicBool) -> Next {
        loop {
            if stop.load(Ordering::Relaxed) {
                return Next::Stopped;
            }
            if Instant::now() >= deadline {
                return Next::Late;
            }
            match self.lines.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => return Next::Line(line),
                Err(RecvTimeoutError::Disconnected) => return Next::Closed,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// After Ctrl-C, lets the command print its summary and end.
    fn interrupted(self) -> End {
        let deadline = Instant::now() + STOP;
        let never = AtomicBool::new(false);
        while let Next::Line(_) = self.next(deadline, &never) {}
        End::Interrupted
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Both fail only if the command has ended, which is the goal.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Runs `ringbuf exec` on the running kernel, starts programs once it is attached, and judges.
fn watch(ringbuf: &Path, seconds: u32, stop: &AtomicBool) -> Result<End> {
    let mut command = exec(ringbuf, seconds);
    eprintln!("demo: {}", run::describe(&command));
    let mut watched = Watched::start(&mut command)?;
    let attached_by = Instant::now() + ATTACH;
    loop {
        match watched.next(attached_by, stop) {
            Next::Line(line) if verdict::is_header(&line) => break,
            Next::Line(_) => {}
            Next::Late => bail!("ringbuf exec did not attach within {} s", ATTACH.as_secs()),
            Next::Stopped => return Ok(watched.interrupted()),
            Next::Closed => {
                let status = watched.child.wait()?;
                if stop.load(Ordering::Relaxed) {
                    return Ok(End::Interrupted);
                }
                if status.code() == Some(CANNOT) {
                    return Ok(End::Cannot);
                }
                bail!("ringbuf exec ended before it was attached: {status}");
            }
        }
    }
    let started = start_programs(seconds, stop);
    let over_by = Instant::now() + Duration::from_secs(seconds.into()) + GRACE;
    let mut events = Vec::new();
    loop {
        match watched.next(over_by, stop) {
            Next::Line(line) => events.extend(verdict::parse(&line)),
            Next::Late => bail!("ringbuf exec did not end after {seconds} s"),
            Next::Stopped => return Ok(watched.interrupted()),
            Next::Closed => break,
        }
    }
    let status = watched.child.wait()?;
    if stop.load(Ordering::Relaxed) {
        return Ok(End::Interrupted);
    }
    if !status.success() {
        bail!("ringbuf exec failed: {status}");
    }
    Ok(End::Judged(verdict::judge(&started, &events)))
}

/// Starts small programs one after the other, spread over the first half of the time.
fn start_programs(seconds: u32, stop: &AtomicBool) -> Vec<Program> {
    let paths = programs(|path| path.is_file());
    let pause = Duration::from_millis(250).min(Duration::from_millis(60) * seconds);
    let mut started = Vec::new();
    for path in paths {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut command = Command::new(&path);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Ok(mut child) = command.spawn() {
            started.push((child.id(), path));
            // The exit status does not matter, only that the program has run.
            let _status = child.wait();
        }
        thread::sleep(pause);
    }
    started
}

/// Absolute paths of the candidates that exist: the usual folders, then the path.
fn programs(exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![PathBuf::from("/bin"), PathBuf::from("/usr/bin")];
    folders.extend(std::env::split_paths(&path).filter(|folder| folder.is_absolute()));
    let find = |name| folders.iter().map(|folder| folder.join(name)).find(|file| exists(file));
    let found = CANDIDATES.iter().filter_map(find);
    found.filter_map(|file| file.to_str().map(str::to_owned)).take(PROGRAMS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Watched {
        Watched::start(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn cargo_tells_where_the_program_is() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"ringbuf_core\"},\
                        \"executable\":null}\nnot json\n{\"reason\":\"compiler-artifact\",\
                        \"target\":{\"name\":\"ringbuf\"},\"executable\":\"/t/release/ringbuf\"}\n";
        assert_eq!(executable(messages), Some("/t/release/ringbuf".into()));
        assert_eq!(executable("{}"), None);
    }

    #[test]
    fn programs_are_absolute_and_not_too_many() {
        let all = programs(|_| true);
        assert_eq!(all.len(), PROGRAMS);
        assert_eq!(all[0], "/bin/true");
        let some = programs(|path| path.ends_with("usr/bin/date"));
        assert_eq!(some, ["/usr/bin/date"]);
    }

    #[test]
    fn lines_come_until_the_end() {
        let watched = shell("echo a; echo b");
        // watchdog: the shell needs no time worth mentioning.
        let soon = Instant::now() + Duration::from_secs(15 * 60);
        let go = AtomicBool::new(false);
        assert!(matches!(watched.next(soon, &go), Next::Line(line) if line == "a\n"));
        assert!(matches!(watched.next(soon, &go), Next::Line(line) if line == "b\n"));
        assert!(matches!(watched.next(soon, &go), Next::Closed));
    }

    #[test]
    fn waiting_is_bounded_and_can_be_stopped() {
        let watched = shell("exec sleep 60");
        let (now, go) = (Instant::now(), AtomicBool::new(false));
        assert!(matches!(watched.next(now, &go), Next::Late));
        go.store(true, Ordering::Relaxed);
        assert!(matches!(watched.next(now + ATTACH, &go), Next::Stopped));
    }
}
