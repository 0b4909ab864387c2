//! The command as a child, and what its file says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use libbpf_rs::MapCore;
use ringbuf_kernel::Observed;
use ringbuf_record::{Block, End, Gap, Reader};
use ringbuf_tests::ringbuf;
use tempfile::TempDir;

pub(crate) fn id_of(map: &impl MapCore) -> u32 {
    map.info().expect("info").info.id
}

/// `ringbuf record` that runs. Dropping it kills it.
pub(crate) struct Recorder {
    child: Option<Child>,
    pub(crate) path: PathBuf,
    _folder: TempDir,
}

impl Recorder {
    /// Records the ring, and returns when the file has begun: all that comes is recorded. Returns
    /// `None` if the command is not built here.
    pub(crate) fn start(test: &str, id: u32, options: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("ring.rbcap");
        let mut command = command(test, id, &path, options)?;
        let child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut this = Self { child: Some(child), path, _folder: folder };
        // The session and the ring are one write each.
        while !has_ring(&this.path) {
            this.goes_on();
            thread::sleep(Duration::from_millis(1));
        }
        Some(this)
    }

    /// A test that waits for what it records would wait for ever when it has ended.
    pub(crate) fn goes_on(&mut self) {
        let child = self.child.as_mut().expect("it is not awaited yet");
        if child.try_wait().expect("ours").is_some() {
            panic!("it ended: {}", String::from_utf8_lossy(&self.wait().stderr));
        }
    }

    pub(crate) fn pid(&self) -> libc::pid_t {
        let child = self.child.as_ref().expect("it is not awaited yet");
        libc::pid_t::try_from(child.id()).expect("a process id")
    }

    /// How many records the file has by now, with discarded ones.
    pub(crate) fn records(&mut self) -> u32 {
        self.goes_on();
        let file = fs::read(&self.path).expect("the file");
        let mut reader = Reader::new(&file[..]).expect("a capture");
        let mut records = 0;
        while let Ok(Some(block)) = reader.next() {
            if let Block::Data(data) = block {
                records += data.records;
            }
        }
        records
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        // SAFETY: sends a signal to a child that is not awaited yet.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0);
    }

    pub(crate) fn wait(&mut self) -> Output {
        self.child.take().expect("once").wait_with_output().expect("ours")
    }

    /// Ends it, and reads its file.
    pub(crate) fn end(&mut self, signal: libc::c_int) -> (Captured, String) {
        self.signal(signal);
        let output = self.wait();
        let summary = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(0), "{summary}");
        (captured(&self.path), summary)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Both fail only if it has ended, which is the goal.
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }
}

/// The command, not started.
pub(crate) fn command(test: &str, id: u32, path: &Path, options: &[&str]) -> Option<Command> {
    let (id, path) = (id.to_string(), path.to_str().expect("UTF-8"));
    ringbuf(test, &[&["record", &*id, "-o", path], options].concat())
}

fn has_ring(path: &Path) -> bool {
    let file = fs::read(path).unwrap_or_default();
    let Ok(mut reader) = Reader::new(&file[..]) else { return false };
    let mut next = || reader.next().ok().flatten().is_some();
    next() && next()
}

/// What a capture of one ring has.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    /// Submitted records, by position.
    pub(crate) records: BTreeMap<u64, Vec<u8>>,
    pub(crate) discarded: u64,
    pub(crate) gaps: Vec<Gap>,
    /// Positions over time.
    pub(crate) samples: usize,
    pub(crate) start: u64,
    pub(crate) end: Option<End>,
}

/// Reads a whole capture: each block follows the one before.
pub(crate) fn captured(path: &Path) -> Captured {
    let file = fs::read(path).expect("the capture");
    let mut reader = Reader::new(&file[..]).expect("a capture");
    let mut captured = Captured::default();
    while let Some(block) = reader.next().expect("whole blocks") {
        match block {
            Block::Ring(header) => captured.start = header.ring.start.get(),
            Block::Data(data) => {
                assert!(data.since <= data.until);
                for (position, entry) in data.entries() {
                    match entry {
                        Observed::Record { sample, .. } => {
                            captured.records.insert(position.get(), sample.to_vec());
                        }
                        _ => captured.discarded += 1,
                    }
                }
            }
            Block::Gap(gap) => captured.gaps.push(gap),
            Block::Samples(samples) => captured.samples += samples.count(),
            Block::End(end) => captured.end = Some(end),
            _ => {}
        }
    }
    captured
}

impl Captured {
    pub(crate) fn missed(&self) -> u64 {
        self.gaps.iter().map(|gap| gap.bytes).sum()
    }
}
