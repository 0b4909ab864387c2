//! Live events: loads the BPF program, attaches it, and reads its ring.

use std::fs;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt;
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
use crate::program::{ExecSkel, ExecSkelBuilder, OpenExecSkel};

/// The warnings of libbpf. They are printed if something fails.
static WARNINGS: Mutex<String> = Mutex::new(String::new());
/// The number of lines printed. The last lines are the useful ones.
const TOLD: usize = 12;
/// The inode of the initial PID namespace (`PROC_PID_INIT_INO`, include/linux/proc_ns.h).
const INITIAL_PID_NAMESPACE: u32 = 0xefff_fffc;

/// The attached program and its ring.
pub(crate) struct Live<'a> {
    ring: RingBuf,
    skeleton: ExecSkel<'a>,
    /// Linux 7.1 runs the program only on CPUs that have an event of their own. Only with the
    /// tracepoint of tracefs.
    _everywhere: Option<Everywhere>,
}

/// How the program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// It runs for execve(2) only. Needs tracefs.
    Tracepoint,
    /// It runs for each system call, and looks which one it is.
    Raw,
}

impl<'a> Live<'a> {
    /// Loads and attaches the program, with a ring of `bytes`. The numbers of processes are those
    /// of the host, or of the PID namespace of this process.
    ///
    /// The error says what is missing on this machine, or which step failed.
    pub(crate) fn attach(
        object: &'a mut MaybeUninit<OpenObject>,
        bytes: u32,
        host_pids: bool,
        verbose: bool,
    ) -> Result<Self> {
        if verbose {
            libbpf_rs::set_print(Some((PrintLevel::Debug, print)));
        } else {
            libbpf_rs::set_print(Some((PrintLevel::Warn, remember)));
        }
        let root = Path::new("/");
        if let Err(missing) = preflight::check(root) {
            anyhow::bail!("{missing}");
        }
        let how = if preflight::has_tracepoint(root) { How::Tracepoint } else { How::Raw };
        let mut opened = ExecSkelBuilder::default()
            .open(object)
            .map_err(|error| refused("cannot read the BPF program", &error))?;
        opened
            .maps
            .events
            .set_max_entries(bytes)
            .map_err(|error| refused("cannot set the size of the ring", &error))?;
        configure(&mut opened, how, host_pids)
            .map_err(|error| refused("cannot choose the BPF program", &error))?;
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
        let tracepoint = match how {
            How::Tracepoint => "cannot attach the BPF program to syscalls/sys_enter_execve",
            How::Raw => {
                "cannot attach the BPF program to the raw tracepoint sys_enter (tracefs cannot be \
                 read, and so not the number of the tracepoint syscalls/sys_enter_execve)"
            }
        };
        skeleton.attach().map_err(|error| refused(tracepoint, &error))?;
        let links = &skeleton.links;
        let link = if how == How::Raw { &links.on_sys_enter } else { &links.on_execve };
        ensure!(link.is_some(), "{tracepoint}: libbpf returned no link");
        let everywhere = (how == How::Tracepoint)
            .then(|| Everywhere::open("syscalls/sys_enter_execve"))
            .transpose()
            .context("cannot open the tracepoint on every CPU")?;
        if verbose {
            print(PrintLevel::Debug, format!("ringbuf: attached by {how:?}\n"));
        }
        Ok(Self { ring, skeleton, _everywhere: everywhere })
    }
}

/// Chooses the program, and tells it what it cannot know.
fn configure(opened: &mut OpenExecSkel<'_>, how: How, host_pids: bool) -> libbpf_rs::Result<()> {
    opened.progs.on_execve.set_autoload(how == How::Tracepoint);
    opened.progs.on_sys_enter.set_autoload(how == How::Raw);
    let Some(constants) = opened.maps.rodata_data.as_mut() else {
        return Err(io::Error::other("the program has no constants").into());
    };
    constants.pid_namespace = if host_pids { 0 } else { pid_namespace() };
    // A number that every 64-bit table has in 32 bits.
    constants.execve_number = libc::SYS_execve as u32;
    // TS_COMPAT (arch/x86/include/asm/thread_info.h), TIF_32BIT (arch/arm64/..).
    constants.compat_status = if cfg!(target_arch = "x86_64") { 2 } else { 0 };
    constants.compat_flags = if cfg!(target_arch = "aarch64") { 1 << 22 } else { 0 };
    Ok(())
}

/// The PID namespace of this process, or 0 for the initial one, and if procfs does not tell.
fn pid_namespace() -> u32 {
    let inode = fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino());
    let inode = u32::try_from(inode).unwrap_or(0);
    if inode == INITIAL_PID_NAMESPACE { 0 } else { inode }
}

impl Source for Live<'_> {
    type Memory = Mapping;

    fn ring(&mut self) -> &mut Consumer<Self::Memory> {
        &mut self.ring
    }

    fn detach(&mut self) {
        // The kernel waits for running programs before this returns.
        self.skeleton.links.on_execve = None;
        self.skeleton.links.on_sys_enter = None;
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
