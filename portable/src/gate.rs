//! What a live test checks before it begins: may BPF be used, and which kernel this is.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;

use crate::{MapType, create_map};

/// Whether ring buffers can be created here; if not, `test` is recorded as skipped.
///
/// # Panics If the kernel refuses for another reason than a lack of rights, or if
/// RINGBUF_REQUIRE_LIVE is 1 and the test would be skipped.
pub fn live(test: &str) -> bool {
    unlimited_memory();
    let Err(error) = create_map(MapType::RING, 0, 0, page_size()) else { return true };
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => skip(
            test,
            "BPF is not permitted here: run as root, outside of a container that forbids bpf(2)",
        ),
        Some(libc::ENOSYS) => skip(test, "this kernel has no bpf(2) system call"),
        _ if kernel_release() < (5, 8) => skip(test, "ring buffers need Linux 5.8"),
        _ => panic!("creating a ring buffer of one page failed: {error}"),
    }
    false
}

/// Before Linux 5.11 maps count as locked memory.
fn unlimited_memory() {
    let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: one rlimit, alive for the call. Where it is refused, so are the maps.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const all) };
}

/// Records that `test` does not run, and why: on standard error, and as a line
/// `test<TAB>reason` in the file that RINGBUF_SKIP_LOG names.
///
/// # Panics
/// If RINGBUF_REQUIRE_LIVE is 1, or if the file cannot be written: a skip is never lost.
pub fn skip(test: &str, reason: &str) {
    eprintln!("SKIP {test}: {reason}");
    if let Some(path) = env::var_os("RINGBUF_SKIP_LOG") {
        let mut log =
            OpenOptions::new().create(true).append(true).open(path).expect("RINGBUF_SKIP_LOG");
        log.write_all(format!("{test}\t{reason}\n").as_bytes()).expect("RINGBUF_SKIP_LOG");
    }
    if env::var_os("RINGBUF_REQUIRE_LIVE").is_some_and(|value| value == "1") {
        panic!("RINGBUF_REQUIRE_LIVE=1, but {test} cannot run: {reason}");
    }
}

/// Reports that `test` shows less, or something else, on this kernel than on the newest: prints a
/// line `NOTE test: text` on standard output.
pub fn note(test: &str, text: &str) {
    println!("NOTE {test}: {text}");
}

/// Returns true if this kernel was started for the tests alone, and may be harmed.
/// RINGBUF_DISPOSABLE_KERNEL=1 tells that: `cargo xtask matrix` sets it in its virtual machines.
pub fn disposable_kernel() -> bool {
    env::var_os("RINGBUF_DISPOSABLE_KERNEL").is_some_and(|value| value == "1")
}

/// The page size in bytes, which is also the smallest ring.
pub fn page_size() -> usize {
    // SAFETY: sysconf takes no pointer.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).expect("every Linux has a page size")
}

/// The value that the tests must find on this machine: RINGBUF_EXPECT_PAGE in bytes,
/// RINGBUF_EXPECT_BITS of the kernel's `unsigned long`. `None` if the variable is not set.
///
/// # Panics If it is not a number.
pub fn expected(what: &str) -> Option<usize> {
    let value = env::var(format!("RINGBUF_EXPECT_{what}")).ok()?;
    Some(value.parse().expect("a number"))
}

/// The running kernel's release: 6.18.44-foo is `(6, 18)`.
pub fn kernel_release() -> (u32, u32) {
    let [major, minor, _] = kernel_version();
    (major, minor)
}

/// The running kernel's version with the patch level. Debian's 6.1.0-50 has it in another place.
pub fn kernel_version() -> [u32; 3] {
    let read = |name| fs::read_to_string(format!("/proc/sys/kernel/{name}")).expect("/proc");
    let build = read("version");
    match build.split_once("Debian ") {
        Some((_, version)) => numbers(version),
        None => numbers(&read("osrelease")),
    }
}

fn numbers(text: &str) -> [u32; 3] {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut numbers = text[..end].split('.').map(|number| number.parse().unwrap_or(0));
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}

/// Returns true if the kernel compiles BPF programs. Otherwise it interprets them.
pub fn has_jit() -> bool {
    let setting = fs::read_to_string("/proc/sys/net/core/bpf_jit_enable");
    setting.is_ok_and(|text| text.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(numbers("6.1.176-1 (2026-07-01)"), [6, 1, 176]);
        assert_eq!(numbers("6.18.44-fc-v669\n"), [6, 18, 44]);
        assert_eq!(numbers("7.3+deb"), [7, 3, 0]);
    }
}
