//! Whether a live test can run here; if not, it says so instead of passing in silence.

use std::path::Path;
use std::ptr;

use libbpf_rs::btf::types::Struct;
use libbpf_rs::btf::{Btf, BtfType};
use libbpf_rs::{ErrorKind, MapHandle, MapType, libbpf_sys};
use ringbuf_portable::{kernel_release, page_size, skip};

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
