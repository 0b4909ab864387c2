//! A page that is supplied when the test wants it: whoever accesses it before, sleeps.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use memmap2::{MmapOptions, MmapRaw};

use crate::page_size;

/// A page of memory without content (userfaultfd(2)). The kernel sleeps, too, when it copies from
/// there for a program.
#[derive(Debug)]
pub struct LatePage {
    faults: OwnedFd,
    page: MmapRaw,
    content: Vec<u8>,
}

/// Somebody sleeps until this is dropped, and then finds the content.
#[derive(Debug)]
pub struct Accessed<'p> {
    page: &'p LatePage,
}

/// The requests of ioctl(2), where a request has its size in bits 16 to 29 and 3 for
/// read and write above: not on PowerPC, MIPS and SPARC.
const fn request<T>(number: u64) -> u64 {
    3 << 30 | (size_of::<T>() as u64) << 16 | 0xaa << 8 | number
}

/// `struct uffdio_api`: version, features, requests.
type Api = [u64; 3];
/// `struct uffdio_register`: start, length, mode, requests.
type Register = [u64; 4];
/// `struct uffdio_copy`: to, from, length, mode, bytes copied.
type Copy = [u64; 5];

impl LatePage {
    /// A page that will begin with `content`.
    ///
    /// # Errors
    /// As userfaultfd(2): above all EPERM, where faults of the kernel need CAP_SYS_PTRACE.
    pub fn new(content: &[u8]) -> io::Result<Self> {
        // Without O_NONBLOCK, poll reports an error.
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK;
        // SAFETY: takes flags.
        let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just created, owned by nobody else.
        let faults = unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) };
        let mut bytes = vec![0; page_size()];
        bytes[..content.len()].copy_from_slice(content);
        let page = MmapRaw::from(MmapOptions::new().len(page_size()).map_anon()?);
        let new = Self { faults, page, content: bytes };
        let mut api: Api = [0xaa, 0, 0];
        new.ask(0x3f, &mut api)?;
        const MISSING: u64 = 1;
        let mut register: Register = [new.address(), page_size() as u64, MISSING, 0];
        new.ask(0, &mut register)?;
        Ok(new)
    }

    /// Where it is, for a program.
    pub fn address(&self) -> u64 {
        self.page.as_ptr().addr() as u64
    }

    /// Waits until somebody accesses the page, and sleeps there; `None` if `is_over`, asked each
    /// few milliseconds, says that nobody will.
    ///
    /// # Panics
    /// If the kernel does not tell.
    pub fn until_accessed(&self, is_over: impl Fn() -> bool) -> Option<Accessed<'_>> {
        let mut fault =
            libc::pollfd { fd: self.faults.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        while !is_over() {
            // SAFETY: one entry, alive for the call.
            if unsafe { libc::poll(&raw mut fault, 1, 5) } == 1 {
                assert_eq!(fault.revents, libc::POLLIN);
                return Some(Accessed { page: self });
            }
        }
        None
    }

    fn ask<T>(&self, number: u64, argument: &mut T) -> io::Result<()> {
        let (fd, request) = (self.faults.as_raw_fd(), request::<T>(number));
        // SAFETY: the argument has the size that the request states; addresses in it are of the
        // page and of the content, which both live.
        let done = unsafe { libc::ioctl(fd, request as _, &raw mut *argument) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Drop for Accessed<'_> {
    fn drop(&mut self) {
        let LatePage { content, .. } = self.page;
        let from = content.as_ptr().addr() as u64;
        let mut copy: Copy = [self.page.address(), from, content.len() as u64, 0, 0];
        self.page.ask(3, &mut copy).expect("the page is supplied");
    }
}
