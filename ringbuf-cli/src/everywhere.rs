//! Linux 7.1 runs a BPF program on a system call's tracepoint only on the CPUs where a perf event
//! of that tracepoint is open, and libbpf opens one: on CPU 0. (Seen with 7.1.13; 7.0 and 7.2 run
//! it everywhere, as all others do.) So this opens one on each.

use std::fs;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// Where the kernel tells the number of a tracepoint.
const TRACING_DIRECTORIES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
const PERF_TYPE_TRACEPOINT: u32 = 2;
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;

/// Events that nobody reads, open as long as this lives. The program ends each itself by returning
/// 0, so that nothing is sampled.
#[derive(Debug)]
#[must_use = "the program runs on CPU 0 only, on Linux 7.1, as soon as this is dropped"]
pub struct Everywhere(#[expect(dead_code, reason = "held open")] Vec<OwnedFd>);

impl Everywhere {
    /// Opens an event of the tracepoint `name`, as in `syscalls/sys_enter_execve`, on each CPU that
    /// is online.
    ///
    /// # Errors
    /// If the tracepoint is not there, or as perf_event_open(2): it takes what attaching takes.
    pub fn open(name: &str) -> io::Result<Self> {
        let path = |root: &&str| format!("{root}/events/{name}/id");
        let id = TRACING_DIRECTORIES.iter().find_map(|root| fs::read_to_string(path(root)).ok());
        let id = id.and_then(|text| text.trim().parse().ok());
        let id = id.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such tracepoint"))?;
        let cpus = online(&fs::read_to_string("/sys/devices/system/cpu/online")?);
        cpus.into_iter().map(|cpu| event(id, cpu)).collect::<io::Result<_>>().map(Self)
    }
}

/// The numbers in the kernel's list format, as in `0-3,8`.
fn online(list: &str) -> Vec<libc::c_int> {
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

fn event(id: u64, cpu: libc::c_int) -> io::Result<OwnedFd> {
    /// `struct perf_event_attr` in its first version.
    #[repr(C)]
    struct Attributes {
        kind: u32,
        size: u32,
        config: u64,
        rest: [u64; 6],
    }
    let size = size_of::<Attributes>() as u32;
    let attributes = Attributes { kind: PERF_TYPE_TRACEPOINT, size, config: id, rest: [0; 6] };
    let (every_process, no_group): (libc::pid_t, libc::c_int) = (-1, -1);
    // SAFETY: the kernel reads the attributes, whose size they state; the rest are numbers.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            every_process,
            cpu,
            no_group,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

#[cfg(test)]
mod tests {
    use super::online;

    #[test]
    fn lists_of_cpus() {
        assert_eq!(online("0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(online("0"), [0]);
        assert!(online("").is_empty());
    }
}
