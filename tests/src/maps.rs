//! Maps and descriptors as a test wants them.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use libbpf_rs::{MapHandle, MapType, libbpf_sys};

/// A new map, with `flags` (`BPF_F_*`).
///
/// # Errors
/// As bpf(2) with BPF_MAP_CREATE.
pub fn create_map(
    kind: MapType,
    key: u32,
    value: u32,
    entries: u32,
    flags: u32,
) -> libbpf_rs::Result<MapHandle> {
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
        map_flags: flags,
        ..Default::default()
    };
    MapHandle::create(kind, Some("ringbuf_tests"), key, value, entries, &options)
}

/// A descriptor of the map with this id, with `open_flags`.
///
/// # Errors
/// As bpf(2) with BPF_MAP_GET_FD_BY_ID.
pub fn map_by_id(id: u32, open_flags: u32) -> io::Result<OwnedFd> {
    let options = libbpf_sys::bpf_get_fd_by_id_opts {
        sz: size_of::<libbpf_sys::bpf_get_fd_by_id_opts>() as libbpf_sys::size_t,
        open_flags,
        ..Default::default()
    };
    // SAFETY: the options are a valid struct of the size that they state.
    let fd = unsafe { libbpf_sys::bpf_map_get_fd_by_id_opts(id, &raw const options) };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: just made, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
