//! [`HostError`].

use std::error::Error;
use std::path::Path;
use std::{fmt, io};

use libbpf_rs::ErrorKind;
use ringbuf_kernel::OpenError;

/// The kernel's type information, which CO-RE needs.
pub(crate) const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Why the rings of this host cannot be looked at, or not by iterators.
///
/// ```no_run
/// use ringbuf_host::{Host, HostError};
///
/// match Host::iterators() {
///     Ok(host) => println!("{} rings", host.rings()?.len()),
///     Err(error @ HostError::Privilege { .. }) => eprintln!("{error}"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub enum HostError {
    /// Not permitted.
    #[non_exhaustive]
    Privilege {
        /// What was tried.
        operation: &'static str,
    },
    /// The kernel has no type information (`CONFIG_DEBUG_INFO_BTF`), or sysfs is not mounted.
    NoTypes,
    /// The iterators read kernels with 64-bit positions only.
    Narrow,
    /// The kernel or libbpf refused something for another reason.
    #[non_exhaustive]
    Bpf {
        /// What was tried.
        operation: &'static str,
        /// What they reported.
        source: libbpf_rs::Error,
        /// The last lines that libbpf had to say about it. May be empty.
        log: String,
    },
    /// Reading an iterator failed.
    #[non_exhaustive]
    Read {
        /// What the system reported.
        source: io::Error,
    },
    /// The maps cannot be listed or opened by their ids.
    ById(OpenError),
}

impl HostError {
    pub(crate) fn bpf(operation: &'static str, source: libbpf_rs::Error) -> Self {
        match source.kind() {
            ErrorKind::PermissionDenied => Self::Privilege { operation },
            _ if no_types() => Self::NoTypes,
            _ => Self::Bpf { operation, source, log: String::new() },
        }
    }
}

/// Whether the kernel has no type information. It has some if we may not know.
pub(crate) fn no_types() -> bool {
    matches!(Path::new(BTF).try_exists(), Ok(false))
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Privilege { operation } => write!(
                f,
                "this process is not permitted to {operation}: run it as root (`sudo`), or give it \
                 CAP_BPF and CAP_PERFMON (`sudo setcap cap_bpf,cap_perfmon+ep PROGRAM`); in a \
                 container, let the seccomp filter permit bpf()"
            ),
            Self::NoTypes => write!(
                f,
                "the type information of the kernel ({BTF}) is missing: mount sysfs, or use a \
                 kernel that was built with CONFIG_DEBUG_INFO_BTF=y; without it, rings are listed \
                 by their ids, which needs CAP_SYS_ADMIN"
            ),
            Self::Narrow => f.write_str(
                "the iterators read kernels with 64-bit positions only: list the rings by their ids",
            ),
            Self::Bpf { operation, source, log } => {
                write!(f, "could not {operation}: {source:#}")?;
                log.lines().try_for_each(|line| write!(f, "\n    {line}"))
            }
            Self::Read { source } => write!(f, "could not read a BPF iterator: {source}"),
            Self::ById(error) => error.fmt(f),
        }
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints the advice.
impl fmt::Debug for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl Error for HostError {}
