//! How wide the kernel's positions are.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;

use memmap2::MmapOptions;
use ringbuf_core::{Capacity, Width};

use crate::door::{self, Kind};
use crate::sys::Creation;
use crate::{OpenError, sys};

/// The width of the kernel's `unsigned long`, and so of its positions.
///
/// A 64-bit process runs on a 64-bit kernel. A 32-bit process can run on either kernel,
/// and `uname` can lie (`personality(2)`). So a 32-bit process creates a temporary ring
/// and sets the high word of its consumer position. Only a kernel with 64-bit positions
/// then reports the ring as readable. It does this once.
///
/// ```no_run
/// # use ringbuf_kernel::kernel_width;
/// println!("{:?}", kernel_width()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// In a 32-bit process: those of [`RingBuf::create`](crate::RingBuf::create).
pub fn kernel_width() -> Result<Width, OpenError> {
    static FOUND: OnceLock<Width> = OnceLock::new();
    if usize::BITS == 64 {
        return Ok(Width::Bits64);
    }
    if let Some(width) = FOUND.get() {
        return Ok(*width);
    }
    probe().map(|width| *FOUND.get_or_init(|| width))
}

/// Finds the width with a throw-away ring.
fn probe() -> Result<Width, OpenError> {
    let operation = || "find the kernel's word width with a throw-away ring".to_owned();
    let error = |error| OpenError::system(operation(), error);
    let page = sys::page_size();
    let capacity = Capacity::new(page as u64, page as u64).map_err(OpenError::Capacity)?;
    let ring = door::create(Kind::Ring, capacity, &Creation::plain(Kind::Ring, capacity)).map_err(
        |refused| match refused {
            OpenError::Privilege { advice, .. } => {
                OpenError::Privilege { operation: operation(), advice }
            }
            other => other,
        },
    )?;
    let map = MmapOptions::new().len(page).map_raw(ring.as_raw_fd()).map_err(error)?;
    let high = map.as_mut_ptr().wrapping_add(4).cast::<u32>();
    // SAFETY: inside the mapped page, aligned; the map is ours alone.
    unsafe { high.write_volatile(1) };
    Ok(if is_readable(&ring).map_err(error)? { Width::Bits64 } else { Width::Bits32 })
}

fn is_readable(ring: &OwnedFd) -> std::io::Result<bool> {
    let mut poll = libc::pollfd { fd: ring.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd, alive for the call.
    match unsafe { libc::poll(&raw mut poll, 1, 0) } {
        count if count < 0 => Err(std::io::Error::last_os_error()),
        _ => Ok(poll.revents & libc::POLLIN != 0),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn the_probe_agrees_with_a_64_bit_process() {
        match probe() {
            Ok(width) => assert_eq!(width, kernel_width().unwrap()),
            Err(error) => skip("width::the_probe_agrees_with_a_64_bit_process", &error),
        }
    }

    /// A skip is said, and counted by `cargo xtask test`.
    pub(crate) fn skip(test: &str, reason: &dyn std::fmt::Display) {
        use std::io::Write;
        eprintln!("SKIP {test}: {reason}");
        if let Some(path) = std::env::var_os("RINGBUF_SKIP_LOG") {
            let log = std::fs::OpenOptions::new().create(true).append(true).open(path);
            writeln!(log.unwrap(), "{test}\t{reason}").unwrap();
        }
    }
}
