//! A row runs in a child, which writes down what it sees: a crash is an answer, too.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, IntoRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::api::Api;
use crate::row::{Row, Seen};

/// Which library a row is run against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Library<'a> {
    Libbpf,
    /// Ours, with this policy, and with this defect if it is not 0.
    Ours {
        path: &'a Path,
        policy: &'a str,
        planted: u32,
    },
}

/// Seconds until a row that hangs is ended: SIGALRM is then its answer. A planted defect may hang;
/// otherwise only a host that stands still takes so long.
const HANGS: [u32; 2] = [20, 180];

/// Runs the row in a child, and returns what it wrote.
pub(crate) fn run(row: &Row, library: Library<'_>) -> String {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0, "pipe");
    // SAFETY: both were just made.
    let [mut reader, writer] = ends.map(|end| unsafe { File::from_raw_fd(end) });
    // SAFETY: the child runs the row, and ends without returning.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork");
    if child == 0 {
        drop(reader);
        in_child(row, library, writer);
    }
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("the child writes text");
    text + &ended(child)
}

/// How a child ended, if not by 0.
pub(crate) fn ended(child: libc::pid_t) -> String {
    let mut status = 0;
    // SAFETY: one number to write to, alive for the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child, "waitpid");
    if libc::WIFSIGNALED(status) {
        format!("ended by signal {}\n", libc::WTERMSIG(status))
    } else if libc::WEXITSTATUS(status) != 0 {
        format!("ended with {}\n", libc::WEXITSTATUS(status))
    } else {
        String::new()
    }
}

fn in_child(row: &Row, library: Library<'_>, writer: File) -> ! {
    let planted = matches!(library, Library::Ours { planted: 1.., .. });
    // SAFETY: takes plain numbers.
    unsafe { libc::alarm(HANGS[usize::from(!planted)]) };
    // SAFETY: no callback.
    unsafe { libbpf_rs::libbpf_sys::libbpf_set_print(None) };
    let api = match library {
        Library::Libbpf => Api::linked(),
        Library::Ours { path, policy, planted } => {
            set(c"RINGBUF_POLICY", policy);
            set(c"RINGBUF_PLANTED", &planted.to_string());
            Api::ours(path)
        }
    };
    // A row may set the limit of descriptors: keep the pipe.
    let fd = writer.into_raw_fd();
    // SAFETY: just taken out.
    let seen = Seen::new(unsafe { File::from_raw_fd(fd) });
    let run = catch_unwind(AssertUnwindSafe(|| (row.run)(&api, &seen)));
    if let Err(panic) = run {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        seen.say(format!("panic: {}", text.unwrap_or_default()));
    }
    // SAFETY: ends the child at once.
    unsafe { libc::_exit(0) }
}

fn set(name: &std::ffi::CStr, value: &str) {
    let value = CString::new(value).expect("no NUL");
    // SAFETY: two C strings; no other thread runs in this child.
    unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 1) };
}

/// Writes to a pipe without a buffer, so that a crash loses nothing.
pub(crate) fn write(mut file: &File, line: &str) {
    file.write_all(line.as_bytes()).expect("the pipe takes it");
}
