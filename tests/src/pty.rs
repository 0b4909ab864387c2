//! A program on a terminal.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::ptr;

/// A program whose input and output are a terminal of our own, which it controls.
#[derive(Debug)]
pub struct Pty {
    child: Child,
    /// Our side.
    ours: File,
    /// Its side: kept, so that its settings can be asked for when the program has ended.
    theirs: OwnedFd,
}

impl Pty {
    /// Starts `command` on a terminal of this size.
    ///
    /// # Panics
    /// If there is no terminal, or if the command does not start.
    #[must_use]
    pub fn start(mut command: Command, rows: u16, columns: u16) -> Self {
        let (mut ours, mut theirs) = (-1, -1);
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: two numbers to write to and a size to read, alive for the call.
        let opened = unsafe {
            libc::openpty(
                &raw mut ours,
                &raw mut theirs,
                ptr::null_mut(),
                ptr::null(),
                &raw const size,
            )
        };
        assert_eq!(opened, 0, "openpty: {}", io::Error::last_os_error());
        // SAFETY: open, and ours alone.
        let ours = unsafe { File::from_raw_fd(ours) };
        // SAFETY: as above.
        let theirs = unsafe { OwnedFd::from_raw_fd(theirs) };
        let side = || theirs.try_clone().expect("a descriptor");
        command.stdin(side()).stdout(side()).stderr(side());
        // SAFETY: two system calls, which take no lock.
        unsafe { command.pre_exec(control) };
        let child = command.spawn().expect("it starts");
        Self { child, ours, theirs }
    }

    /// What the program prints, for a thread that reads it. Reading ends with an error when both
    /// the program and this value are gone.
    ///
    /// # Panics
    /// If there are no more descriptors.
    #[must_use]
    pub fn output(&self) -> impl Read + Send + use<> {
        self.ours.try_clone().expect("a descriptor")
    }

    /// Types these keys.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn press(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).expect("the terminal");
    }

    /// The process id of the program.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// True if the terminal takes lines and echoes them, as a shell expects it.
    ///
    /// # Panics
    /// If its settings cannot be asked for.
    #[must_use]
    pub fn is_cooked(&self) -> bool {
        let mut settings = std::mem::MaybeUninit::<libc::termios>::uninit();
        // SAFETY: room for the settings, alive for the call.
        let got = unsafe { libc::tcgetattr(self.theirs.as_raw_fd(), settings.as_mut_ptr()) };
        assert_eq!(got, 0, "tcgetattr: {}", io::Error::last_os_error());
        // SAFETY: written by the call above.
        let settings = unsafe { settings.assume_init() };
        let both = libc::ICANON | libc::ECHO;
        settings.c_lflag & both == both
    }

    /// Sends a signal to the program.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, signal: libc::c_int) {
        // SAFETY: a signal to our own child.
        let sent = unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
        assert_eq!(sent, 0, "kill: {}", io::Error::last_os_error());
    }

    /// Waits until the program has ended.
    ///
    /// # Panics
    /// If that cannot be waited for.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child")
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Makes standard input the terminal that controls a new session.
fn control() -> io::Result<()> {
    // SAFETY: no arguments.
    if unsafe { libc::setsid() } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a number instead of a pointer, as this request wants it.
    if unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
