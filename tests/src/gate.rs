//! Whether a live test can run here; if not, it says so instead of passing in silence.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::ptr;

use libbpf_rs::btf::types::Struct;
use libbpf_rs::btf::{Btf, BtfType};
use libbpf_rs::{ErrorKind, MapHandle, MapType, libbpf_sys};

/// Where libbpf looks for tracepoints.
const TRACING_DIRECTORIES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// Whether ring buffers can be created here; if not, `test` is recorded as skipped.
///
/// # Panics
/// If the kernel refuses for a reason that is no lack of rights or support, or if
/// RINGBUF_REQUIRE_LIVE is 1 and the test would be skipped.
pub fn live(test: &str) -> bool {
    match refusal() {
        None => true,
        Some(reason) => {
            skip(test, &reason);
            false
        }
    }
}

/// [`live`], for a test whose programs need at least Linux `release`, as in `(5, 19)`.
///
/// # Panics
/// As [`live`].
pub fn live_since(test: &str, release: (u32, u32)) -> bool {
    if !live(test) {
        return false;
    }
    let here = kernel_release();
    if here < release {
        skip(
            test,
            &format!("needs Linux {}.{}, this is {}.{}", release.0, release.1, here.0, here.1),
        );
    }
    here >= release
}

/// Whether programs can be attached to the tracepoint `name`, as in `syscalls/sys_enter_execve`;
/// if not, `test` is recorded as skipped.
///
/// # Panics
/// As [`live`].
pub fn has_tracepoint(test: &str, name: &str) -> bool {
    let found =
        TRACING_DIRECTORIES.iter().any(|root| Path::new(root).join("events").join(name).exists());
    if !found {
        skip(test, "no tracepoints: `mount -t tracefs tracefs /sys/kernel/tracing`");
    }
    found
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

/// The running kernel's release: 6.18.44-foo is `(6, 18)`.
pub fn kernel_release() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The page size in bytes, which is also the smallest ring.
pub fn page_size() -> usize {
    // SAFETY: sysconf takes no pointer.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).expect("every Linux has a page size")
}

/// Whether the kernel keeps a pending position (6.10, and stable releases with the fix of
/// CVE-2024-41009), by its type information: stable releases have it under any number. Without
/// type information the answer is no.
pub fn has_pending_pos() -> bool {
    let Ok(btf) = Btf::from_vmlinux() else { return false };
    let Some(ring) = btf.type_by_name::<BtfType<'_>>("bpf_ringbuf") else { return false };
    Struct::try_from(ring).is_ok_and(|ring| {
        ring.iter().any(|member| member.name.is_some_and(|name| name == "pending_pos"))
    })
}

/// Whether BPF programs can reserve through a dynptr (5.19), as the kernel itself says.
///
/// # Panics
/// If the kernel answers neither yes nor no.
pub fn has_dynptr() -> bool {
    let (kind, helper) =
        (libbpf_sys::BPF_PROG_TYPE_RAW_TRACEPOINT, libbpf_sys::BPF_FUNC_ringbuf_reserve_dynptr);
    // SAFETY: two numbers, and no options.
    match unsafe { libbpf_sys::libbpf_probe_bpf_helper(kind, helper, ptr::null()) } {
        0 => false,
        1 => true,
        error => panic!("asking for bpf_ringbuf_reserve_dynptr failed: {error}"),
    }
}

/// Whether this kernel was started for the tests alone and may come to harm, which
/// RINGBUF_DISPOSABLE_KERNEL=1 says: `cargo xtask matrix` sets it in its virtual machines.
pub fn disposable_kernel() -> bool {
    env::var_os("RINGBUF_DISPOSABLE_KERNEL").is_some_and(|value| value == "1")
}

/// Says that `test` shows less, or something else, on this kernel than on the newest: a line
/// `NOTE test: text` on standard output.
pub fn note(test: &str, text: &str) {
    println!("NOTE {test}: {text}");
}

/// Why no ring buffer can be created here; `None` if it can.
///
/// # Panics
/// If the kernel refuses for a reason that is no lack of rights or support.
pub fn refusal() -> Option<String> {
    let size = u32::try_from(page_size()).expect("a page has less than 4 GiB");
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    let error = MapHandle::create(MapType::RingBuf, None::<&str>, 0, 0, size, &options).err()?;
    match error.kind() {
        ErrorKind::PermissionDenied => Some(
            "BPF is not permitted here: run as root, outside of a container that forbids bpf(2)"
                .into(),
        ),
        ErrorKind::Unsupported => Some("this kernel has no bpf(2) system call".into()),
        _ if kernel_release() < (5, 8) => Some("ring buffers need Linux 5.8".into()),
        _ => panic!("creating a ring buffer of one page failed: {error}"),
    }
}
