//! Live events: loads the BPF program, attaches it, and reads its ring.

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{ErrorKind, OpenObject, PrintLevel};
use ringbuf_core::Consumer;
use ringbuf_kernel::{Mapping, RingBuf};

use crate::everywhere::Everywhere;
use crate::exec::Source;
use crate::preflight;
use crate::program::{ExecSkel, ExecSkelBuilder};

/// The warnings of libbpf. They are printed if something fails.
static WARNINGS: Mutex<String> = Mutex::new(String::new());
/// The number of lines printed. The last lines are the useful ones.
const TOLD: usize = 12;

/// The attached program and its ring.
pub(crate) struct Live<'a> {
    ring: RingBuf,
    skeleton: ExecSkel<'a>,
    /// Linux 7.1 runs the program only on CPUs that have an event of their own.
    _everywhere: Everywhere,
}

impl<'a> Live<'a> {
    /// Loads and attaches the program, with a ring of `bytes`.
    ///
    /// The error says what is missing on this machine, or which step failed.
    pub(crate) fn attach(
        object: &'a mut MaybeUninit<OpenObject>,
        bytes: u32,
        verbose: bool,
    ) -> Result<Self> {
        if verbose {
            libbpf_rs::set_print(Some((PrintLevel::Debug, print)));
        } else {
            libbpf_rs::set_print(Some((PrintLevel::Warn, remember)));
        }
        if let Err(missing) = preflight::check(Path::new("/")) {
            anyhow::bail!("{missing}");
        }
        let mut opened = ExecSkelBuilder::default()
            .open(object)
            .map_err(|error| refused("cannot read the BPF program", &error))?;
        opened
            .maps
            .events
            .set_max_entries(bytes)
            .map_err(|error| refused("cannot set the size of the ring", &error))?;
        let mut skeleton =
            opened.load().map_err(|error| refused("the kernel refused the BPF program", &error))?;
        let ring = RingBuf::open(&skeleton.maps.events)?;
        // libbpf rounds up a size below one page.
        let found = ring.capacity().bytes();
        ensure!(
            found == u64::from(bytes),
            "a ring of {bytes} bytes is not possible on this machine: the smallest has {found} \
             bytes; use a larger --ring-size"
        );
        let tracepoint = "cannot attach the BPF program to syscalls/sys_enter_execve";
        skeleton.attach().map_err(|error| refused(tracepoint, &error))?;
        ensure!(skeleton.links.on_execve.is_some(), "{tracepoint}: libbpf returned no link");
        let everywhere = Everywhere::open("syscalls/sys_enter_execve")
            .context("cannot open the tracepoint on every CPU")?;
        Ok(Self { ring, skeleton, _everywhere: everywhere })
    }
}

impl Source for Live<'_> {
    type Memory = Mapping;

    fn ring(&mut self) -> &mut Consumer<Self::Memory> {
        &mut self.ring
    }

    fn detach(&mut self) {
        // The kernel waits for running programs before this returns.
        self.skeleton.links.on_execve = None;
    }

    fn failed(&self) -> u64 {
        self.skeleton.maps.bss_data.as_ref().map_or(0, |bss| bss.failed)
    }
}

/// Returns the error `what`, with the last warnings of libbpf.
fn refused(what: &str, error: &libbpf_rs::Error) -> anyhow::Error {
    let mut text = format!("{what}: {error:#}");
    let warnings = WARNINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let lines: Vec<_> = warnings.lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(TOLD)) {
        text.push_str("\n    ");
        text.push_str(line);
    }
    if error.kind() == ErrorKind::PermissionDenied {
        text.push_str(
            "\nthe process has the capabilities, so something else forbids it: a container or user \
             namespace (run it on the host), a seccomp filter, or kernel lockdown",
        );
    }
    anyhow::Error::msg(text)
}

fn remember(_: PrintLevel, text: String) {
    WARNINGS.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
}

fn print(_: PrintLevel, text: String) {
    // If standard error is closed, nobody can read the text.
    let _closed = io::stderr().write_all(text.as_bytes());
}
