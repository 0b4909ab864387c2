//! The commands of bpf(2) that list programs, links and the entries of maps of maps.

use std::hint::black_box;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use crate::sys;

const MAP_LOOKUP_ELEM: libc::c_int = 1;
const MAP_GET_NEXT_KEY: libc::c_int = 4;
const MAP_GET_NEXT_ID: libc::c_int = 12;
const PROG_GET_NEXT_ID: libc::c_int = 11;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const MAP_GET_FD_BY_ID: libc::c_int = 14;
const BTF_GET_FD_BY_ID: libc::c_int = 19;
const LINK_GET_FD_BY_ID: libc::c_int = 30;
const LINK_GET_NEXT_ID: libc::c_int = 31;
const BTF_GET_NEXT_ID: libc::c_int = 23;

/// What has ids.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Object {
    Program,
    Link,
    Map,
    Btf,
}

/// What the kernel says of a program: the beginning of `struct bpf_prog_info`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct ProgramInfo {
    pub(crate) program_type: u32,
    pub(crate) id: u32,
    tag: [u8; 8],
    lengths: [u32; 2],
    instructions: [u64; 2],
    load_time: u64,
    created_by_uid: u32,
    map_count: u32,
    maps: u64,
    pub(crate) name: [u8; 16],
    /// Nothing of this is asked for: device, namespace, addresses.
    addresses: [u64; 6],
    /// 0: it has no type information.
    pub(crate) btf_id: u32,
    function_length: u32,
    /// Nothing of this is asked for: functions, lines, tags.
    lines: [u64; 7],
    run_time: u64,
    /// Since `kernel.bpf_stats_enabled` was set.
    pub(crate) runs: u64,
}

/// What the kernel says of a link: the beginning of `struct bpf_link_info`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct LinkInfo {
    link_type: u32,
    id: u32,
    program: u32,
}

#[derive(Default)]
#[repr(C)]
struct ById {
    id: u32,
    next_id: u32,
    open_flags: u32,
}

/// The next higher id, or `None` if there is none. Needs `CAP_SYS_ADMIN`.
pub(crate) fn next(object: Object, id: u32) -> io::Result<Option<u32>> {
    let command = match object {
        Object::Program => PROG_GET_NEXT_ID,
        Object::Link => LINK_GET_NEXT_ID,
        Object::Map => MAP_GET_NEXT_ID,
        Object::Btf => BTF_GET_NEXT_ID,
    };
    let mut attr = ById { id, ..ById::default() };
    match sys::bpf_updating(command, &mut attr) {
        Ok(_) => Ok(Some(attr.next_id)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The object with this id. Needs `CAP_SYS_ADMIN`.
pub(crate) fn get(object: Object, id: u32) -> io::Result<OwnedFd> {
    let command = match object {
        Object::Program => PROG_GET_FD_BY_ID,
        Object::Link => LINK_GET_FD_BY_ID,
        Object::Map => MAP_GET_FD_BY_ID,
        Object::Btf => BTF_GET_FD_BY_ID,
    };
    sys::bpf(command, &ById { id, ..ById::default() }).map(sys::owned)
}

/// A program, and the ids of all maps that it holds.
pub(crate) fn program(fd: &OwnedFd) -> io::Result<(ProgramInfo, Vec<u32>)> {
    let mut maps = vec![0_u32; 16];
    loop {
        let room = maps.len() as u32;
        let address = maps.as_mut_ptr().addr() as u64;
        let mut info = ProgramInfo { map_count: room, maps: address, ..ProgramInfo::default() };
        // The kernel writes through the address; the compiler must not know better.
        black_box(maps.as_mut_ptr());
        sys::info_into(fd, &mut info)?;
        black_box(&mut maps);
        let count = info.map_count as usize;
        if count <= maps.len() {
            maps.truncate(count);
            return Ok((info, maps));
        }
        maps.resize(count, 0);
    }
}

/// The id of the program of a link.
pub(crate) fn program_of_link(fd: &OwnedFd) -> io::Result<u32> {
    let mut info = LinkInfo::default();
    sys::info_into(fd, &mut info)?;
    Ok(info.program)
}

#[repr(C)]
struct Entry {
    map: u32,
    padding: u32,
    key: u64,
    /// Of the value, or of the next key.
    other: u64,
    flags: u64,
}

/// Moves `key` to the next one of a map, or to the first if `begin`. Returns false at the end.
pub(crate) fn next_key(map: &OwnedFd, key: &mut [u8], begin: bool) -> io::Result<bool> {
    let mut next = vec![0_u8; key.len()];
    let address = if begin { 0 } else { key.as_ptr().addr() as u64 };
    let other = next.as_mut_ptr().addr() as u64;
    black_box((key.as_mut_ptr(), next.as_mut_ptr()));
    let entry = Entry { map: map.as_raw_fd() as u32, padding: 0, key: address, other, flags: 0 };
    match sys::bpf(MAP_GET_NEXT_KEY, &entry) {
        Ok(_) => key.copy_from_slice(black_box(&next)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(false),
        Err(error) => return Err(error),
    }
    Ok(true)
}

/// Reads the value under `key` into `value`, which is as long as the kernel writes.
pub(crate) fn look_up(map: impl AsFd, key: &[u8], value: &mut [u8]) -> io::Result<()> {
    let (address, other) = (key.as_ptr().addr() as u64, value.as_mut_ptr().addr() as u64);
    black_box((key.as_ptr(), value.as_mut_ptr()));
    let map = map.as_fd().as_raw_fd() as u32;
    sys::bpf(MAP_LOOKUP_ELEM, &Entry { map, padding: 0, key: address, other, flags: 0 })?;
    black_box(value);
    Ok(())
}

/// The id of the map that a map of maps holds under `key`.
pub(crate) fn inner_map(map: &OwnedFd, key: &[u8]) -> io::Result<Option<u32>> {
    let mut id = [0; 4];
    match look_up(map, key, &mut id) {
        Ok(()) => Ok(Some(u32::from_ne_bytes(id))),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

const _: () = assert!(size_of::<ProgramInfo>() == 208 && size_of::<LinkInfo>() == 12);
