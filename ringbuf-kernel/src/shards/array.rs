//! The array of maps in which programs find their ring.

use std::ffi::CString;
use std::hint::black_box;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use super::ShardError;
use crate::sys::{self, Creation, MapInfo, NotReadable};
use crate::{OpenError, ids};

const MAP_UPDATE_ELEM: libc::c_int = 2;
const MAP_UPDATE_BATCH: libc::c_int = 26;

/// A map of type `BPF_MAP_TYPE_ARRAY_OF_MAPS`.
#[derive(Debug)]
pub(super) struct Array {
    fd: OwnedFd,
    info: MapInfo,
}

impl Array {
    /// Creates an array of `slots` slots. `name` is one that a ring may have. The array takes
    /// only maps with the type and the flags of `template`, of any size.
    pub(super) fn create(name: &str, slots: u32, template: impl AsFd) -> Result<Self, OpenError> {
        let creation = Creation {
            map_type: sys::MAP_TYPE_ARRAY_OF_MAPS,
            key_size: 4,
            value_size: 4,
            max_entries: slots,
            inner_map: Some(template.as_fd().as_raw_fd()),
            name: CString::new(name).unwrap_or_default(),
            ..Creation::default()
        };
        let operation = || format!("create an array of maps with {slots} slots");
        let fd = sys::create(&creation);
        let fd = fd.map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
                operation: operation(),
                advice: "run as root or with CAP_BPF; in a container, let the seccomp filter \
                         permit bpf()",
            },
            Some(libc::EINVAL) => OpenError::refused(
                operation(),
                error,
                "an array of rings needs Linux 5.8 and CONFIG_BPF_SYSCALL",
            ),
            _ => OpenError::system(operation(), error),
        })?;
        let info = info(&fd)?;
        Ok(Self { fd, info })
    }

    /// The array behind a descriptor, which is ours.
    pub(super) fn open(fd: OwnedFd) -> Result<Self, ShardError> {
        let info = info(&fd)?;
        match info.map_type {
            sys::MAP_TYPE_ARRAY_OF_MAPS => Ok(Self { fd, info }),
            map_type => Err(ShardError::NotAnArrayOfMaps { map_type, id: info.id }),
        }
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    pub(super) fn id(&self) -> u32 {
        self.info.id
    }

    pub(super) fn name(&self) -> &str {
        self.info.name()
    }

    pub(super) fn slots(&self) -> u32 {
        self.info.max_entries
    }

    /// The id of the map in a slot, if it has one.
    pub(super) fn get(&self, slot: u32) -> Result<Option<u32>, OpenError> {
        let operation = || "ask the kernel which map is in it".to_owned();
        ids::inner_map(&self.fd, &slot.to_ne_bytes()).map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
                operation: operation(),
                advice: "run as root or with CAP_BPF; in a container, let the seccomp filter \
                         permit bpf()",
            },
            _ => OpenError::system(operation(), error),
        })
    }

    /// Puts a map into a slot. Programs see it at once. The kernel waits until no program
    /// uses what was there (`maybe_wait_bpf_programs`, kernel/bpf/syscall.c).
    pub(super) fn set(&self, slot: u32, map: impl AsFd) -> io::Result<()> {
        #[repr(C)]
        struct Entry {
            map: u32,
            padding: u32,
            key: u64,
            value: u64,
            flags: u64,
        }
        // The kernel reads through the addresses; the compiler must not know better.
        let value = map.as_fd().as_raw_fd() as u32;
        let (key, value) = (black_box(&slot), black_box(&value));
        let address = |word: &u32| (&raw const *word).addr() as u64;
        let (map, padding) = (self.fd.as_raw_fd() as u32, 0);
        let entry = Entry { map, padding, key: address(key), value: address(value), flags: 0 };
        sys::bpf(MAP_UPDATE_ELEM, &entry).map(drop)
    }

    /// As [`set`](Self::set) for many slots: newer kernels wait once, and not for each slot.
    /// Before Linux 5.14 the kernel refuses it. After an error, some slots may be filled.
    pub(super) fn set_all(&self, slots: &[(u32, impl AsFd)]) -> io::Result<()> {
        /// `in_batch` and `out_batch` are for reading.
        #[repr(C)]
        struct Batch {
            in_batch: u64,
            out_batch: u64,
            keys: u64,
            values: u64,
            count: u32,
            map: u32,
            element_flags: u64,
            flags: u64,
        }
        let keys: Vec<u32> = slots.iter().map(|(slot, _)| *slot).collect();
        let map = |(_, map): &(u32, _)| AsFd::as_fd(map).as_raw_fd() as u32;
        let values: Vec<u32> = slots.iter().map(map).collect();
        // The kernel reads through the addresses; the compiler must not know better.
        let (keys, values) = (black_box(&keys), black_box(&values));
        let batch = Batch {
            in_batch: 0,
            out_batch: 0,
            keys: keys.as_ptr().addr() as u64,
            values: values.as_ptr().addr() as u64,
            count: keys.len() as u32,
            map: self.fd.as_raw_fd() as u32,
            element_flags: 0,
            flags: 0,
        };
        sys::bpf(MAP_UPDATE_BATCH, &batch).map(drop)
    }
}

/// What the kernel says of the map behind `fd`.
fn info(fd: &OwnedFd) -> Result<MapInfo, OpenError> {
    let operation = || "ask the kernel about this map".to_owned();
    let info = sys::info(fd).map_err(|error| match error.raw_os_error() {
        Some(libc::EINVAL) => OpenError::NotAMap,
        Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
            operation: operation(),
            advice: "before Linux 5.19 this needs CAP_BPF; in a container, let the seccomp filter \
                     permit bpf()",
        },
        _ => OpenError::system(operation(), error),
    })?;
    match sys::is_map(fd) {
        Ok(()) => Ok(info),
        Err(NotReadable::NotAMap) => Err(OpenError::NotAMap),
        Err(NotReadable::WriteOnly) => Err(OpenError::WriteOnlyFd { id: info.id }),
    }
}
