//! A place for pins.

use std::ffi::CString;
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// A bpffs of our own, gone with the test.
#[derive(Debug)]
pub struct BpfFs(TempDir);

impl BpfFs {
    /// Mounts one in a new directory.
    ///
    /// # Panics
    /// If that is not permitted.
    #[must_use]
    pub fn mount() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, name) = (in_c(dir.path()), c"bpf".as_ptr());
        // SAFETY: three C strings, alive for the call.
        let mounted = unsafe { libc::mount(name, path.as_ptr(), name, 0, std::ptr::null()) };
        assert_eq!(mounted, 0, "mount: {}", io::Error::last_os_error());
        Self(dir)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for BpfFs {
    fn drop(&mut self) {
        let path = in_c(self.path());
        // SAFETY: a C string.
        unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
    }
}

fn in_c(path: &Path) -> CString {
    CString::new(path.to_str().expect("UTF-8")).expect("no NUL")
}
