//! The few commands of bpf(2) that a reader or a producer needs.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use ringbuf_core::Capacity;

use crate::door::Kind;

/// Map types, with the kernel's numbers (include/uapi/linux/bpf.h).
pub(crate) const MAP_TYPE_RINGBUF: u32 = 27;
pub(crate) const MAP_TYPE_USER_RINGBUF: u32 = 31;
pub(crate) const MAP_TYPE_ARRAY: u32 = 2;
pub(crate) const MAP_TYPE_PERCPU_ARRAY: u32 = 6;
pub(crate) const MAP_TYPE_ARRAY_OF_MAPS: u32 = 12;
pub(crate) const MAP_TYPE_HASH_OF_MAPS: u32 = 13;
/// `BPF_F_RB_OVERWRITE` (6.19): producers write over unread records.
pub(crate) const F_RB_OVERWRITE: u32 = 1 << 19;

const MAP_CREATE: libc::c_int = 0;
const MAP_GET_NEXT_KEY: libc::c_int = 4;
const OBJ_PIN: libc::c_int = 6;
const OBJ_GET: libc::c_int = 7;
const MAP_GET_FD_BY_ID: libc::c_int = 14;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;

/// What the kernel says of a map: the beginning of `struct bpf_map_info`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct MapInfo {
    pub(crate) map_type: u32,
    pub(crate) id: u32,
    pub(crate) key_size: u32,
    pub(crate) value_size: u32,
    pub(crate) max_entries: u32,
    pub(crate) map_flags: u32,
    pub(crate) name: [u8; 16],
}

impl MapInfo {
    /// The name, as far as it is text.
    pub(crate) fn name(&self) -> &str {
        let bytes = self.name.split(|byte| *byte == 0).next().unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// What `BPF_MAP_CREATE` is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Creation {
    pub(crate) map_type: u32,
    /// Bytes; 0 for rings.
    pub(crate) key_size: u32,
    pub(crate) value_size: u32,
    pub(crate) max_entries: u32,
    pub(crate) map_flags: u32,
    /// For an array of maps: a map of the kind that it takes.
    pub(crate) inner_map: Option<RawFd>,
    pub(crate) numa_node: Option<u32>,
    pub(crate) token: Option<RawFd>,
    pub(crate) name: CString,
}

impl Creation {
    /// Without options, named `ringbuf`.
    pub(crate) fn plain(kind: Kind, capacity: Capacity) -> Self {
        Self {
            map_type: kind.map_type(),
            max_entries: u32::try_from(capacity.bytes()).unwrap_or(u32::MAX),
            map_flags: kind.flags(),
            name: c"ringbuf".to_owned(),
            ..Self::default()
        }
    }

    /// The options that were set, apart from these flags, for an error text: ` on NUMA node
    /// 3, with a token`.
    pub(crate) fn options(&self, besides: u32) -> String {
        let node = self.numa_node.map(|node| format!(" on NUMA node {node}"));
        let flags = self.map_flags & !besides;
        let flags = (flags != 0).then(|| format!(", with flags {flags:#x}"));
        let token = self.token.map(|_| ", with a BPF token".to_owned());
        [node, flags, token].into_iter().flatten().collect()
    }
}

/// `BPF_MAP_CREATE`.
pub(crate) fn create(creation: &Creation) -> io::Result<OwnedFd> {
    const F_NUMA_NODE: u32 = 1 << 2;
    const F_TOKEN_FD: u32 = 1 << 16;
    /// The kernel takes what it does not know as long as it is zero.
    #[repr(C)]
    #[derive(Default)]
    struct Attr {
        map_type: u32,
        key_size: u32,
        value_size: u32,
        max_entries: u32,
        map_flags: u32,
        inner_map_fd: u32,
        numa_node: u32,
        map_name: [u8; 16],
        map_ifindex: u32,
        btf_fd: u32,
        btf_key_type_id: u32,
        btf_value_type_id: u32,
        btf_vmlinux_value_type_id: u32,
        map_extra: [u32; 2],
        value_type_btf_obj_fd: i32,
        map_token_fd: i32,
    }
    let mut attr = Attr {
        map_type: creation.map_type,
        key_size: creation.key_size,
        value_size: creation.value_size,
        max_entries: creation.max_entries,
        map_flags: creation.map_flags,
        inner_map_fd: creation.inner_map.map_or(0, |fd| fd as u32),
        ..Attr::default()
    };
    if let Some(node) = creation.numa_node {
        attr.numa_node = node;
        attr.map_flags |= F_NUMA_NODE;
    }
    if let Some(token) = creation.token {
        attr.map_token_fd = token;
        attr.map_flags |= F_TOKEN_FD;
    }
    for (to, from) in attr.map_name.iter_mut().take(15).zip(creation.name.to_bytes()) {
        *to = *from;
    }
    bpf(MAP_CREATE, &attr).map(owned)
}

/// `BPF_OBJ_GET`: a descriptor of what is pinned at `path`.
pub(crate) fn get_pinned(path: &CStr) -> io::Result<OwnedFd> {
    let pathname = path.as_ptr().addr() as u64;
    bpf(OBJ_GET, &Pin { pathname, bpf_fd: 0, file_flags: 0 }).map(owned)
}

/// `BPF_OBJ_PIN`.
pub(crate) fn pin(fd: impl AsFd, path: &CStr) -> io::Result<()> {
    let pathname = path.as_ptr().addr() as u64;
    let bpf_fd = fd.as_fd().as_raw_fd() as u32;
    bpf(OBJ_PIN, &Pin { pathname, bpf_fd, file_flags: 0 }).map(drop)
}

#[repr(C)]
struct Pin {
    pathname: u64,
    bpf_fd: u32,
    file_flags: u32,
}

/// `BPF_MAP_GET_FD_BY_ID`.
pub(crate) fn get_by_id(id: u32) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attr {
        id: u32,
        next_id: u32,
        open_flags: u32,
    }
    bpf(MAP_GET_FD_BY_ID, &Attr { id, next_id: 0, open_flags: 0 }).map(owned)
}

/// `BPF_OBJ_GET_INFO_BY_FD`. Of a program, link or BTF it gives the beginning
/// of another struct: ask [`is_map`] as well.
pub(crate) fn info(fd: impl AsFd) -> io::Result<MapInfo> {
    let mut info = MapInfo::default();
    info_into(fd, &mut info)?;
    Ok(info)
}

/// `BPF_OBJ_GET_INFO_BY_FD`: `info` is the beginning of the struct of its kind. All of its
/// bits may change; the kernel takes some of them as a question.
pub(crate) fn info_into<I>(fd: impl AsFd, info: &mut I) -> io::Result<()> {
    #[repr(C)]
    struct Attr {
        bpf_fd: u32,
        info_len: u32,
        info: u64,
    }
    let attr = Attr {
        bpf_fd: fd.as_fd().as_raw_fd() as u32,
        info_len: size_of::<I>() as u32,
        info: (&raw mut *info).addr() as u64,
    };
    // The kernel writes through the address; the compiler must not know better.
    std::hint::black_box(&raw mut *info);
    bpf(OBJ_GET_INFO_BY_FD, &attr)?;
    std::hint::black_box(info);
    Ok(())
}

/// What a file descriptor is good for, found with a command that only maps
/// take and that changes nothing: the first key, into nowhere.
pub(crate) fn is_map(fd: impl AsFd) -> Result<(), NotReadable> {
    #[repr(C)]
    struct Attr {
        map_fd: u32,
        padding: u32,
        key: u64,
        next_key: u64,
    }
    let map_fd = fd.as_fd().as_raw_fd() as u32;
    let attr = Attr { map_fd, padding: 0, key: 0, next_key: 0 };
    match bpf(MAP_GET_NEXT_KEY, &attr).map_err(|error| error.raw_os_error()) {
        Err(Some(libc::EINVAL | libc::EBADF)) => Err(NotReadable::NotAMap),
        Err(Some(libc::EPERM)) => Err(NotReadable::WriteOnly),
        // ENOTSUPP of a ring, EFAULT or ENOENT of maps that have keys.
        _ => Ok(()),
    }
}

/// Whether the map is frozen (`BPF_MAP_FREEZE`), as far as procfs tells.
pub(crate) fn is_frozen(fd: impl AsFd) -> bool {
    let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
    let info = std::fs::read_to_string(path);
    info.map_or(true, |info| info.lines().any(|line| line == "frozen:\t1"))
}

/// Whether the descriptor lets its owner store into the map.
pub(crate) fn is_writable(fd: impl AsFd) -> bool {
    // SAFETY: asks for the flags of a descriptor.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
    flags & libc::O_ACCMODE != libc::O_RDONLY
}

/// Whether `path`, which exists, is in a bpffs.
pub(crate) fn is_in_bpffs(path: &CStr) -> io::Result<bool> {
    const BPF_FS_MAGIC: u64 = 0xcafe_4a11;
    let mut stat = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: a C string, and room for one statfs.
    if unsafe { libc::statfs(path.as_ptr(), stat.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zeroed, then filled: plain numbers either way.
    let kind = unsafe { stat.assume_init() }.f_type;
    Ok(kind as u64 & 0xffff_ffff == BPF_FS_MAGIC)
}

/// Why [`is_map`] says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotReadable {
    NotAMap,
    WriteOnly,
}

/// Bytes of a page on this machine, found at run time: 4, 16 and 64 KiB all
/// exist. It is the size of the smallest ring, and every ring is a multiple.
///
/// ```no_run
/// # use ringbuf_kernel::page_size;
/// assert!(page_size().is_power_of_two());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn page_size() -> usize {
    // SAFETY: asks for a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(page).unwrap_or(4096)
}

/// bpf(2) with `attr` as the beginning of its `union bpf_attr`; the kernel
/// takes the rest as zero.
pub(crate) fn bpf<A>(command: libc::c_int, attr: &A) -> io::Result<libc::c_long> {
    // SAFETY: `attr` is a readable struct of the size given, laid out as the
    // command wants it; the addresses in it are of live memory, large enough.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw const *attr, size_of::<A>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// As [`bpf`], for a command that answers in `attr`, which is plain numbers.
pub(crate) fn bpf_updating<A>(command: libc::c_int, attr: &mut A) -> io::Result<libc::c_long> {
    // SAFETY: as in `bpf`, and the kernel may write the struct.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attr, size_of::<A>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A descriptor that the kernel has just given to us.
pub(crate) fn owned(fd: libc::c_long) -> OwnedFd {
    // SAFETY: returned by bpf(2) as a new descriptor, owned by nobody else.
    unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) }
}
