//! Boots one kernel in QEMU, and listens until it switches off.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::console::Console;
use super::silence::{Heard, Hearing, Limits};
use crate::run;

/// A machine that boots kernels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Emulator {
    pub(crate) program: &'static str,
    pub(crate) args: &'static [&'static str],
    /// The machine's own options on the kernel's command line.
    pub(crate) append: &'static str,
}

/// On a busy machine the emulated timer is late, and the kernel would take it for broken.
pub(crate) const X86_64: Emulator = Emulator {
    program: "qemu-system-x86_64",
    args: &["-m", "1024"],
    append: "console=ttyS0 mitigations=off no_timer_check",
};

/// A system to boot: a kernel and a file system in an emulator, and the variables of its programs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System<'a> {
    pub(crate) emulator: Emulator,
    pub(crate) accelerator: Accelerator,
    pub(crate) kernel: &'a Path,
    pub(crate) initramfs: &'a Path,
    /// The kernel passes options that it does not know to the first process.
    pub(crate) environment: &'a str,
}

/// How long a kernel may take until the script in it begins, where virtualisation works.
const PROBE: Duration = Duration::from_secs(20);
/// How long it may take to switch off after its last line.
const OFF: Duration = Duration::from_secs(20);

/// How the guest's instructions are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// By the processor.
    Kvm,
    /// By translation: works everywhere.
    Tcg,
}

impl Accelerator {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    /// KVM where an x86-64 kernel comes up with it; having the device is not enough.
    pub(crate) fn choose(kernel: &Path, initramfs: &Path) -> Self {
        if File::options().read(true).write(true).open("/dev/kvm").is_err() {
            return Self::Tcg;
        }
        let begins = || -> Result<bool> {
            let (emulator, accelerator) = (X86_64, Self::Kvm);
            let system = System { emulator, accelerator, kernel, initramfs, environment: "" };
            let mut machine = Machine::start(system, None)?;
            let (deadline, mut console) = (Instant::now() + PROBE, Console::default());
            while console.release.is_none() {
                match machine.line(deadline) {
                    Ok(line) => console.line(&line),
                    Err(_) => break,
                }
            }
            Ok(console.release.is_some())
        };
        if begins().is_ok_and(|good| good) {
            return Self::Kvm;
        }
        eprintln!("matrix: no kernel comes up under KVM here; emulating in software");
        Self::Tcg
    }
}

/// A running virtual machine; ended when dropped.
#[derive(Debug)]
struct Machine {
    qemu: Child,
    lines: Receiver<String>,
    heard: Arc<Mutex<Heard>>,
}

impl Machine {
    /// Starts it, and also writes its output to `log`.
    fn start(system: System<'_>, mut log: Option<File>) -> Result<Self> {
        let System { emulator, accelerator, kernel, initramfs, environment } = system;
        // The emulator ends with xtask, even if xtask is killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", emulator.program]);
        command.args(["-accel", accelerator.name(), "-smp", "2"]).args(emulator.args);
        if emulator.program == X86_64.program {
            command.args(["-cpu", if accelerator == Accelerator::Kvm { "host" } else { "max" }]);
        }
        command.args(["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"]);
        command.arg("-kernel").arg(kernel).arg("-initrd").arg(initramfs);
        command.arg("-append").arg(format!("{} quiet panic=-1 {environment}", emulator.append));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(match &log {
            Some(log) => Stdio::from(log.try_clone()?),
            None => Stdio::null(),
        });
        let mut qemu =
            command.spawn().with_context(|| format!("cannot start {}", emulator.program))?;
        let out = qemu.stdout.take().context("QEMU has no standard output")?;
        let (send, lines) = channel();
        let heard = Arc::new(Mutex::new(Heard::nothing(Instant::now())));
        let out = Hearing::new(out, &heard);
        thread::spawn(move || {
            run::lines(out, |line| {
                // A full disk costs the log, not the result.
                let _written = log.as_mut().map(|log| log.write_all(line));
                // Once the machine is dropped, nobody receives this.
                let _heard = send.send(String::from_utf8_lossy(line).into_owned());
            });
        });
        Ok(Self { qemu, lines, heard })
    }

    fn line(&mut self, deadline: Instant) -> Result<String, RecvTimeoutError> {
        self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))
    }

    fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(|broken| broken.into_inner()).clone()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only if it has ended, which is the goal.
        let _ended = self.qemu.kill().and_then(|()| self.qemu.wait());
    }
}

/// Boots the kernel, calls `each` with the console so far after every line, and returns the whole
/// console.
pub(crate) fn boot(
    system: System<'_>,
    log: &Path,
    limits: Limits,
    expected: &[String],
    mut each: impl FnMut(&Console),
) -> Result<Console> {
    let kernel = system.kernel;
    let log = File::create(log).with_context(|| log.display().to_string())?;
    let mut machine = Machine::start(system, Some(log))?;
    let mut deadline = Instant::now() + limits.whole;
    let mut console = Console::default();
    let reason = loop {
        let silent = limits.silence(&console);
        match machine.line(deadline.min(machine.heard().at + silent)) {
            Ok(line) => {
                console.line(&line);
                each(&console);
                if console.done {
                    deadline = deadline.min(Instant::now() + OFF);
                }
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                if console.done {
                    break "it did not switch off".into();
                }
                console.timed_out = true;
                break format!("not finished within {} s", limits.whole.as_secs());
            }
            Err(RecvTimeoutError::Timeout) => {
                // Part of a line may have arrived.
                let heard = machine.heard();
                if heard.is_over(silent, Instant::now()) {
                    let what = heard.to_string();
                    console.silent = Some(format!("no output for {} s: {what}", silent.as_secs()));
                    break console.silent.clone().unwrap_or_default();
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = machine.qemu.wait()?;
                break match &console.release {
                    None => format!("the kernel did not come up, QEMU: {status}"),
                    Some(_) => format!("the machine went off, QEMU: {status}"),
                };
            }
        }
    };
    let image = || format!("; if {} is broken, delete it: it is fetched again", kernel.display());
    let reason = if console.release.is_none() { reason + &image() } else { reason };
    console.close(expected, &reason);
    Ok(console)
}
