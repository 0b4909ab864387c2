//! bpf(2), as far as the tests need it.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::{Assembler, btf};

const MAP_CREATE: libc::c_int = 0;
const PROG_LOAD: libc::c_int = 5;
const PROG_TEST_RUN: libc::c_int = 10;
const BTF_LOAD: libc::c_int = 18;
const SOCKET_FILTER: u32 = 1;
/// The bytes before the argument in a packet.
const ETHERNET: usize = 14;

/// A number of `enum bpf_map_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapType(pub u32);

impl MapType {
    /// An array.
    pub const ARRAY: Self = Self(2);
    /// An array with a value for each CPU.
    pub const PERCPU_ARRAY: Self = Self(6);
    /// A ring buffer.
    pub const RING: Self = Self(27);
    /// A user ring buffer.
    pub const USER_RING: Self = Self(31);
}

/// A new map of any size: nothing is checked here.
///
/// # Errors
/// As bpf(2) with BPF_MAP_CREATE.
pub fn create_map(kind: MapType, key: u32, value: u32, entries: usize) -> io::Result<OwnedFd> {
    let entries = u32::try_from(entries).map_err(io::Error::other)?;
    bpf(MAP_CREATE, &[kind.0, key, value, entries]).map(owned)
}

/// A loaded socket filter.
#[derive(Debug)]
pub struct Program {
    fd: OwnedFd,
}

impl Program {
    /// Loads a program; with `callback`, its type information and where that function begins.
    pub(crate) fn load(
        program: &Assembler,
        callback: Option<(BorrowedFd<'_>, usize)>,
    ) -> Result<Self, LoadError> {
        #[repr(C)]
        #[derive(Default)]
        struct Attr {
            kind: u32,
            count: u32,
            code: u64,
            license: u64,
            log_level: u32,
            log_size: u32,
            log: u64,
            version: u32,
            flags: u32,
            name: [u8; 16],
            interface: u32,
            attach_type: u32,
            btf: u32,
            function_size: u32,
            functions: u64,
            function_count: u32,
            line_size: u32,
        }
        let code = program.code();
        let functions = callback.map(|(_, start)| [[0, btf::MAIN], [start as u32, btf::CALLBACK]]);
        let mut attr = Attr {
            kind: SOCKET_FILTER,
            count: code.len() as u32,
            code: address(code.as_ptr()),
            license: address(c"GPL".as_ptr()),
            ..Attr::default()
        };
        if let (Some((btf, _)), Some(functions)) = (callback, &functions) {
            attr.btf = btf.as_raw_fd() as u32;
            attr.function_size = 8;
            attr.functions = address(functions.as_ptr());
            attr.function_count = 2;
        }
        match bpf(PROG_LOAD, &attr) {
            Ok(fd) => Ok(Self { fd: owned(fd) }),
            // Once more, with a log that has the reason. A log of every program would cost time,
            // and may be too long.
            Err(error) => {
                let mut log = vec![0_u8; 1 << 20];
                attr.log_level = 1;
                attr.log_size = log.len() as u32;
                attr.log = address(log.as_mut_ptr());
                let _same = bpf(PROG_LOAD, &attr);
                let text = std::hint::black_box(log).into_iter().take_while(|byte| *byte != 0);
                let log = String::from_utf8_lossy(&text.collect::<Vec<_>>()).into_owned();
                Err(LoadError { error, log })
            }
        }
    }

    /// Runs it once with `argument`, and returns its result.
    ///
    /// # Panics
    /// If the kernel cannot run it.
    pub fn run(&self, argument: u64) -> i32 {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&argument.to_ne_bytes());
        self.run_with(&bytes)
    }

    /// Runs it once with an argument of 64 bytes.
    ///
    /// # Panics
    /// If the kernel cannot run it.
    pub fn run_with(&self, argument: &[u8; 64]) -> i32 {
        #[repr(C)]
        #[derive(Default)]
        struct Attr {
            program: u32,
            result: u32,
            size_in: u32,
            size_out: u32,
            data_in: u64,
            data_out: u64,
            repeat: u32,
            duration: u32,
        }
        let mut packet = [0; ETHERNET + 64];
        packet[ETHERNET..].copy_from_slice(argument);
        let mut attr = Attr {
            program: self.fd.as_raw_fd() as u32,
            size_in: packet.len() as u32,
            data_in: address(packet.as_ptr()),
            repeat: 1,
            ..Attr::default()
        };
        let result = bpf_mut(PROG_TEST_RUN, &mut attr);
        result.expect("BPF_PROG_TEST_RUN");
        attr.result as i32
    }
}

/// Why the kernel refused a program.
#[derive(Debug)]
pub struct LoadError {
    /// The error of bpf(2).
    pub error: io::Error,
    /// The verifier's log.
    pub log: String,
}

impl LoadError {
    pub(crate) fn of(error: io::Error) -> Self {
        Self { error, log: String::new() }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the kernel refuses the program: {}: {}", self.error, self.log.trim())
    }
}

impl Error for LoadError {}

/// `BPF_BTF_LOAD`.
pub(crate) fn load_btf(bytes: &[u8]) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attr {
        btf: u64,
        log: u64,
        size: u32,
        log_size: u32,
    }
    let (btf, size) = (address(bytes.as_ptr()), bytes.len() as u32);
    bpf(BTF_LOAD, &Attr { btf, log: 0, size, log_size: 0 }).map(owned)
}

/// An address in the kernel's form: 64 bits, even in a 32-bit process.
fn address<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64
}

fn bpf<A>(command: libc::c_int, attr: &A) -> io::Result<libc::c_long> {
    // SAFETY: a readable struct of the size given, laid out as the command wants it; the addresses
    // in it are of live memory, large enough.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw const *attr, size_of::<A>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// As [`bpf`], for commands that answer in the structure.
fn bpf_mut<A>(command: libc::c_int, attr: &mut A) -> io::Result<libc::c_long> {
    // SAFETY: as above, and writable.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attr, size_of::<A>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn owned(fd: libc::c_long) -> OwnedFd {
    // SAFETY: returned by bpf(2) as a new descriptor, owned by nobody else.
    unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
