//! [`btf_of_program`]: the type information of a loaded BPF program.

use std::error::Error;
use std::fmt;
use std::hint::black_box;
use std::io;

use crate::ids::{self, Object};
use crate::sys;

/// Returns the raw type information (BTF) of the loaded program with this id, as its loader
/// gave it to the kernel. `ringbuf-btf` reads it.
///
/// It stays the same while the program is loaded. A program is loaded with type information
/// by libbpf, aya and cilium/ebpf, if its object has any (`clang -g`). Needs `CAP_SYS_ADMIN`,
/// and Linux 4.20.
///
/// ```no_run
/// let inspector = ringbuf_kernel::Inspector::from_id(57)?;
/// for program in inspector.programs()? {
///     let btf = ringbuf_kernel::btf_of_program(program.id)?;
///     println!("{}: {} bytes of type information", program.name, btf.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ProgramBtfError`]: no such program, it has none, or not permitted.
pub fn btf_of_program(program: u32) -> Result<Vec<u8>, ProgramBtfError> {
    let failed = |operation| move |error| ProgramBtfError::new(program, operation, error);
    let open = "open a BPF program by its id (BPF_PROG_GET_FD_BY_ID)";
    let fd = ids::get(Object::Program, program).map_err(failed(open))?;
    let mut info = ids::ProgramInfo::default();
    let ask = "ask the kernel about a BPF program (BPF_OBJ_GET_INFO_BY_FD)";
    sys::info_into(&fd, &mut info).map_err(failed(ask))?;
    if info.btf_id == 0 {
        let name = info.name.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        return Err(ProgramBtfError::NoBtf { program, name });
    }
    // It stays while the program's descriptor is open.
    let open = "open type information by its id (BPF_BTF_GET_FD_BY_ID)";
    let btf = ids::get(Object::Btf, info.btf_id).map_err(failed(open))?;
    let ask = "copy type information (BPF_OBJ_GET_INFO_BY_FD)";
    let mut info = BtfInfo::default();
    sys::info_into(&btf, &mut info).map_err(failed(ask))?;
    let mut bytes = vec![0_u8; info.size as usize];
    let mut copy =
        BtfInfo { btf: bytes.as_mut_ptr().addr() as u64, size: info.size, ..BtfInfo::default() };
    // The kernel writes through the address; the compiler must not know better.
    black_box(bytes.as_mut_ptr());
    sys::info_into(&btf, &mut copy).map_err(failed(ask))?;
    black_box(&mut bytes);
    Ok(bytes)
}

/// `struct bpf_btf_info`, without its name.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct BtfInfo {
    /// The address that it is copied to, and the bytes that there are.
    btf: u64,
    size: u32,
    id: u32,
}

/// Why there is no type information of a program.
///
/// ```no_run
/// use ringbuf_kernel::ProgramBtfError;
/// match ringbuf_kernel::btf_of_program(12) {
///     Ok(btf) => println!("{} bytes", btf.len()),
///     Err(ProgramBtfError::NoBtf { name, .. }) => println!("{name} was built without `-g`"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub enum ProgramBtfError {
    /// No loaded program has this id.
    #[non_exhaustive]
    NoSuchProgram {
        /// The id.
        program: u32,
    },
    /// The program was loaded without type information.
    #[non_exhaustive]
    NoBtf {
        /// Its id.
        program: u32,
        /// Its name, as far as the kernel keeps it (15 bytes).
        name: String,
    },
    /// Not permitted.
    #[non_exhaustive]
    Privilege {
        /// The program.
        program: u32,
        /// What was tried.
        operation: &'static str,
    },
    /// The system refused something for another reason.
    #[non_exhaustive]
    System {
        /// The program.
        program: u32,
        /// What was tried.
        operation: &'static str,
        /// What the system reported.
        source: io::Error,
    },
}

impl ProgramBtfError {
    fn new(program: u32, operation: &'static str, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::ENOENT) => Self::NoSuchProgram { program },
            Some(libc::EPERM | libc::EACCES) => Self::Privilege { program, operation },
            _ => Self::System { program, operation, source },
        }
    }
}

impl fmt::Display for ProgramBtfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchProgram { program } => write!(
                f,
                "no loaded BPF program has the id {program}: `ringbuf list --json` names those of \
                 each ring, and `bpftool prog list` all"
            ),
            Self::NoBtf { program, name } => write!(
                f,
                "the BPF program {program} ({name}) was loaded without type information (BTF): \
                 build it with `clang -g`, and load it with a library that passes it on"
            ),
            Self::Privilege { program, operation } => write!(
                f,
                "cannot read the type information of the BPF program {program}, because this \
                 process is not permitted to {operation}: run as root or with CAP_SYS_ADMIN; in a \
                 container, let the seccomp filter permit bpf()"
            ),
            Self::System { program, operation, source } => write!(
                f,
                "cannot read the type information of the BPF program {program}: could not \
                 {operation}: {source}"
            ),
        }
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints the advice.
impl fmt::Debug for ProgramBtfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl Error for ProgramBtfError {}
