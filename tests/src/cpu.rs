//! Which CPUs there are, and running on a chosen one.

use std::fs;
use std::io;
use std::mem;

/// The numbers of the CPUs that are online, ascending.
pub fn online_cpus() -> Vec<usize> {
    let list = fs::read_to_string("/sys/devices/system/cpu/online").expect("/sys is mounted");
    parse_list(list.trim())
}

/// Keeps the calling thread on CPU `cpu` until the result is dropped, which must happen on the
/// same thread: the test harness may run one test after another on it.
///
/// # Errors
/// If the CPU is offline or outside of what this process may use.
pub fn pin_to_cpu(cpu: usize) -> io::Result<Pinned> {
    let before = affinity()?;
    let mut only = no_cpus();
    // SAFETY: CPU_SET checks the number against the size of the set.
    unsafe { libc::CPU_SET(cpu, &mut only) };
    set_affinity(&only)?;
    Ok(Pinned { before })
}

/// A thread stays on its CPU while this lives.
#[must_use = "the thread is free again as soon as this is dropped"]
pub struct Pinned {
    before: libc::cpu_set_t,
}

impl std::fmt::Debug for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pinned").finish_non_exhaustive()
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // A set that was allowed before may be refused only if its CPUs have gone offline since:
        // then the kernel has already chosen others.
        drop(set_affinity(&self.before));
    }
}

/// The calling thread runs before all ordinary ones from now on, for one that a program waits for:
/// short turns, with sleep in between. Where that is not permitted it stays as it is, only slower.
pub fn urgent() {
    let priority = libc::sched_param { sched_priority: 1 };
    // SAFETY: the kernel reads `priority`; 0 is the calling thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) };
}

/// Parses the kernel's list format, as in `0-3,8`.
fn parse_list(list: &str) -> Vec<usize> {
    list.split(',')
        .filter(|range| !range.is_empty())
        .flat_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| text.parse::<usize>().expect("a CPU number");
            number(first)..=number(last)
        })
        .collect()
}

fn no_cpus() -> libc::cpu_set_t {
    // SAFETY: a cpu_set_t is an array of words; all bits clear is the empty set.
    unsafe { mem::zeroed() }
}

fn affinity() -> io::Result<libc::cpu_set_t> {
    let mut cpus = no_cpus();
    // SAFETY: the kernel writes at most the given size into `cpus`; 0 is the calling thread.
    let ret = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut cpus) };
    if ret == 0 { Ok(cpus) } else { Err(io::Error::last_os_error()) }
}

fn set_affinity(cpus: &libc::cpu_set_t) -> io::Result<()> {
    // SAFETY: the kernel reads the given size from `cpus`; 0 is the calling thread.
    let ret = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), cpus) };
    if ret == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_as_the_kernel_writes_them() {
        assert_eq!(parse_list("0"), [0]);
        assert_eq!(parse_list("0-3"), [0, 1, 2, 3]);
        assert_eq!(parse_list("0,2-3,8"), [0, 2, 3, 8]);
        assert!(parse_list("").is_empty());
    }

    #[test]
    fn a_pinned_thread_is_free_again_afterwards() {
        let last = *online_cpus().last().expect("we run on one");
        let before = affinity().expect("affinity");
        let pinned = pin_to_cpu(last).expect("pin");
        // SAFETY: sched_getcpu takes no argument.
        assert_eq!(unsafe { libc::sched_getcpu() }, i32::try_from(last).expect("a small number"));
        drop(pinned);
        let after = affinity().expect("affinity");
        // SAFETY: both sets are initialised.
        assert!(unsafe { libc::CPU_EQUAL(&before, &after) });
    }
}
