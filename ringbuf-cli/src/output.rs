//! [`Output`]: standard output, whose reader may stop reading without stopping the command.
//!
//! A write to a full pipe blocks, and a signal does not end it. So a thread writes, and the command
//! gives up on it.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// After the end was asked for, a reader that takes nothing for so long is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes in one write. A pipe takes them as a whole.
const PIECE: usize = 4096;
/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// A file that a thread writes to. Nothing is buffered.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    /// Set when the command is to end.
    stop: &'a AtomicBool,
    texts: SyncSender<Vec<u8>>,
    results: Receiver<io::Result<()>>,
    /// Bytes that the file took.
    taken: Arc<AtomicU64>,
    /// A write was given up, and still blocks.
    given_up: bool,
}

impl<'a> Output<'a> {
    /// Writes to standard output until `stop` is set and its reader takes nothing.
    pub(crate) fn stdout(stop: &'a AtomicBool) -> io::Result<Self> {
        Self::to(io::stdout().as_fd(), stop)
    }

    fn to(file: BorrowedFd<'_>, stop: &'a AtomicBool) -> io::Result<Self> {
        let mut file = std::fs::File::from(file.try_clone_to_owned()?);
        let (texts, to_write) = sync_channel::<Vec<u8>>(1);
        let (done, results) = sync_channel(1);
        let taken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&taken);
        thread::Builder::new().name("output".to_owned()).spawn(move || {
            for text in to_write {
                if done.send(write(&mut file, &text, &counter)).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { stop, texts, results, taken, given_up: false })
    }

    /// The end of the write that the thread has begun.
    fn result(&mut self) -> io::Result<()> {
        let mut seen = (self.taken.load(Ordering::Relaxed), None::<Instant>);
        loop {
            match self.results.recv_timeout(LOOK) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the thread that writes has ended"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let taken = self.taken.load(Ordering::Relaxed);
            if taken != seen.0 || !self.stop.load(Ordering::Relaxed) {
                seen = (taken, None);
            } else if seen.1.get_or_insert_with(Instant::now).elapsed() >= PATIENCE {
                self.given_up = true;
                let why = "its reader has stopped reading";
                return Err(io::Error::new(io::ErrorKind::WouldBlock, why));
            }
        }
    }
}

/// Writes all. Others may have made the file non-blocking: then it waits, too.
fn write(file: &mut impl Write, text: &[u8], taken: &AtomicU64) -> io::Result<()> {
    let mut rest = text;
    while !rest.is_empty() {
        let piece = &rest[..rest.len().min(PIECE)];
        match file.write(piece) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(bytes) => {
                taken.fetch_add(bytes as u64, Ordering::Relaxed);
                rest = &rest[bytes..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(LOOK),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Write for Output<'_> {
    /// Blocks until all is written. Fails with `WouldBlock` if the command is to end, and the file
    /// takes nothing.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.given_up {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.texts.send(text.to_vec()).is_err() {
            return Err(io::Error::other("the thread that writes has ended"));
        }
        self.result()?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sleeps. Returns false, and at once, if nobody can read the file any more: nobody holds the other
/// end of a pipe, or a terminal has gone.
pub(crate) fn sleep_while_read(file: impl AsFd, time: Duration) -> bool {
    // Such an end is reported whether it is asked for or not.
    let mut polled = [PollFd::new(&file, PollFlags::empty())];
    let end = Timespec::try_from(time);
    match end.ok().and_then(|end| poll(&mut polled, Some(&end)).ok()) {
        Some(_) => polled.iter().all(|one| one.revents().is_empty()),
        None => {
            thread::sleep(time);
            true
        }
    }
}

/// Prints lines to standard error, and waits for its reader no longer than [`PATIENCE`]. If nobody
/// reads it, there is nobody to tell.
pub(crate) fn tell_in_time(text: String) {
    let (done, told) = sync_channel(1);
    let print = move || {
        crate::tell(&text);
        done.send(())
    };
    if thread::Builder::new().spawn(print).is_ok() {
        let _given_up = told.recv_timeout(PATIENCE);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A pipe that a child holds open, and does not read.
    fn pipe() -> Child {
        let mut sleeps = Command::new("sleep");
        sleeps.arg("1000").stdin(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn a_reader_that_does_not_read_is_given_up_after_the_end_was_asked_for() {
        let stop = AtomicBool::new(false);
        let mut child = pipe();
        let end = child.stdin.take().unwrap();
        let mut output = Output::to(end.as_fd(), &stop).unwrap();
        output.write_all(b"it fits").unwrap();
        let text = vec![b'x'; 1 << 20];
        let error = thread::scope(|scope| {
            let blocked = scope.spawn(|| output.write_all(&text).unwrap_err());
            stop.store(true, Ordering::Relaxed);
            blocked.join().unwrap()
        });
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(error.to_string(), "its reader has stopped reading");
        // At once.
        assert_eq!(output.write_all(b"x").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_slow_reader_gets_all() {
        let stop = AtomicBool::new(true);
        let mut child = Command::new("cat");
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let end = child.stdin.take().unwrap();
        let text = vec![b'x'; 1 << 20];
        let mut read = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut output = Output::to(end.as_fd(), &stop).unwrap();
                output.write_all(&text).unwrap();
                drop((output, end));
            });
            child.stdout.take().unwrap().read_to_end(&mut read).unwrap();
        });
        child.wait().unwrap();
        assert_eq!(read, text);
    }

    #[test]
    fn a_file_that_does_not_block_is_waited_for() {
        struct Refuses(usize, Vec<u8>);
        impl Write for Refuses {
            fn write(&mut self, text: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                match self.0 % 3 {
                    0 => Err(io::ErrorKind::WouldBlock.into()),
                    1 => Err(io::ErrorKind::Interrupted.into()),
                    _ => {
                        let some = text.len().min(5);
                        self.1.extend(&text[..some]);
                        Ok(some)
                    }
                }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (mut file, taken) = (Refuses(0, Vec::new()), AtomicU64::new(0));
        write(&mut file, b"twelve bytes", &taken).unwrap();
        assert_eq!((&file.1[..], taken.into_inner()), (&b"twelve bytes"[..], 12));
    }

    #[test]
    fn the_end_of_a_reader_ends_a_sleep() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(sleep_while_read(&writer, Duration::ZERO));
        assert!(sleep_while_read(File::open("/dev/null").unwrap(), Duration::ZERO));
        drop(reader);
        // watchdog: it would sleep for an hour.
        assert!(!sleep_while_read(&writer, Duration::from_secs(3600)));
    }

    #[test]
    fn other_errors_are_passed_on() {
        let stop = AtomicBool::new(false);
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut output = Output::to(full.as_fd(), &stop).unwrap();
        assert_eq!(output.write_all(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
