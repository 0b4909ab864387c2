//! [`Captures`]: the file that is written, and those before it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use ringbuf_record::{Compression, RingTotals, Session, WriteError, Writer};

use super::args::{Compress, Record};
use super::tapped::Tapped;
use crate::Failure;
use crate::new_file::{create, exists};

/// Where a capture goes.
#[derive(Debug)]
pub(crate) enum Sink {
    File(File),
    Stdout(io::Stdout),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(out) => out.flush(),
        }
    }
}

/// The file that is written now, and what all files have of each ring.
pub(crate) struct Captures {
    pub(crate) writer: Writer<Sink>,
    path: PathBuf,
    max_size: u64,
    /// How many files are kept.
    files: Option<u32>,
    compression: Compression,
    /// Of the files before this one.
    bytes: u64,
    before: Vec<RingTotals>,
}

/// Whether the recording goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Left,
    /// The file is as large as it may be.
    Full,
}

impl Captures {
    /// Begins the first file.
    pub(crate) fn create(arguments: &Record, rings: &mut [Tapped]) -> Result<Self, Failure> {
        let path = arguments.output.clone();
        let is_stdout = path == Path::new("-");
        if is_stdout && arguments.rotate.is_some() {
            return Err(Failure::Running(anyhow!(
                "standard output cannot be rotated: give a file with --output, or leave --rotate \
                 away"
            )));
        }
        if let Some(files) = arguments.rotate.filter(|_| !arguments.force) {
            check_older(&path, files).map_err(Failure::Running)?;
        }
        let sink = if is_stdout {
            Sink::Stdout(io::stdout())
        } else {
            Sink::File(create(&path, arguments.force, None).map_err(Failure::Running)?)
        };
        let compression = match arguments.compress {
            Compress::None => Compression::None,
            #[cfg(feature = "zstd")]
            Compress::Zstd => Compression::Zstd,
        };
        let writer = begin(sink, rings, compression);
        let writer = writer.map_err(|error| not_begun(&path, rings, error))?;
        let max_size = arguments.max_size.unwrap_or(u64::MAX);
        let (files, before) = (arguments.rotate, vec![RingTotals::default(); rings.len()]);
        Ok(Self { writer, path, max_size, files, compression, bytes: 0, before })
    }

    /// If the file is as large as it may be, begins the next one, or says so.
    pub(crate) fn look(&mut self, rings: &mut [Tapped]) -> Result<Room, Failure> {
        if self.writer.written() < self.max_size {
            return Ok(Room::Left);
        }
        let Some(files) = self.files else { return Ok(Room::Full) };
        self.add_totals();
        let end = self.writer.end();
        end.map_err(|error| failed(&self.path, error))?;
        self.bytes += self.writer.written();
        rename(&self.path, files).map_err(Failure::Running)?;
        let sink = Sink::File(create(&self.path, false, None).map_err(Failure::Running)?);
        let begun = begin(sink, rings, self.compression);
        self.writer = begun.map_err(|error| not_begun(&self.path, rings, error))?;
        Ok(Room::Left)
    }

    /// Ends the last file. Returns the bytes of all files, and what they have of each ring.
    pub(crate) fn finish(mut self) -> Result<(u64, Vec<RingTotals>), Failure> {
        if let Err(error) = self.writer.end() {
            return Err(self.cut(error));
        }
        self.add_totals();
        Ok((self.bytes + self.writer.written(), self.before))
    }

    /// After an error of writing: cuts off what is not whole.
    pub(crate) fn cut(self, error: WriteError) -> Failure {
        let path = self.path.clone();
        if let (Some(kept), Sink::File(file)) = (error.kept(), self.writer.into_inner()) {
            // A reader finds the end without that, too.
            let _torn = file.set_len(kept);
        }
        failed(&path, error)
    }

    /// What all files have of the rings so far.
    pub(crate) fn totals(&self) -> Vec<RingTotals> {
        let mut all = self.before.clone();
        for (sum, totals) in all.iter_mut().zip(self.writer.totals()) {
            sum.records += totals.records;
            sum.discarded += totals.discarded;
            sum.sample_bytes += totals.sample_bytes;
            sum.missed += totals.missed;
            sum.left += totals.left;
            sum.end = totals.end;
        }
        all
    }

    /// Bytes of all files so far.
    pub(crate) fn written(&self) -> u64 {
        self.bytes + self.writer.written()
    }

    fn add_totals(&mut self) {
        self.before = self.totals();
    }
}

fn failed(path: &Path, error: WriteError) -> Failure {
    let place = match path.to_str() {
        Some("-") => "standard output".to_owned(),
        _ => path.display().to_string(),
    };
    Failure::Running(anyhow!(error).context(place))
}

/// A ring whose owner stores an impossible position is not the fault of the file.
fn not_begun(path: &Path, rings: &[Tapped], error: WriteError) -> Failure {
    let WriteError::Misaligned { ring, value } = error else { return failed(path, error) };
    let ring = rings.get(ring as usize);
    let (name, id) = ring.map_or(("", 0), |ring| (ring.name(), ring.id()));
    Failure::Running(anyhow!(
        "the ring {name} ({id}) cannot be recorded: its reader has stored the consumer position \
         {value}, which is not a multiple of 8"
    ))
}

fn begin(
    sink: Sink,
    rings: &mut [Tapped],
    compression: Compression,
) -> Result<Writer<Sink>, WriteError> {
    let width = rings.first().map_or(ringbuf_kernel::Width::Bits64, Tapped::width);
    let mut session = Session::here(width);
    session.tool = concat!("ringbuf ", env!("CARGO_PKG_VERSION")).to_owned();
    let mut writer = Writer::with_compression(sink, &session, compression)?;
    let mut added = HashMap::new();
    for ring in rings {
        ring.begin(&mut writer, &mut added)?;
    }
    Ok(writer)
}

/// The file, or the one that is so many places before it: FILE, FILE.1.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if number > 0 {
        name.push(format!(".{number}"));
    }
    PathBuf::from(name)
}

/// Refuses to rotate over files that are there.
fn check_older(path: &Path, files: u32) -> anyhow::Result<()> {
    let older = (1..files).map(|number| numbered(path, number));
    let mut taken = older.filter(|older| older.symlink_metadata().is_ok());
    taken.next().map_or(Ok(()), |older| {
        Err(exists(&older).context("--rotate would write over an older file"))
    })
}

/// Moves each file one place on: FILE becomes FILE.1. Keeps so many files, with the next one.
fn rename(path: &Path, files: u32) -> anyhow::Result<()> {
    let last = files - 1;
    if last == 0 {
        return fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()));
    }
    for number in (0..last).rev() {
        let (from, to) = (numbered(path, number), numbered(path, number + 1));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other
                .with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rbcap");
        for number in 0..5 {
            fs::write(&path, [number]).unwrap();
            rename(&path, 3).unwrap();
        }
        fs::write(&path, [5]).unwrap();
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        assert_eq!([read("a.rbcap"), read("a.rbcap.1"), read("a.rbcap.2")], [[5], [4], [3]]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        rename(&path, 1).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn older_files_are_not_rotated_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rbcap");
        check_older(&path, 3).unwrap();
        fs::write(numbered(&path, 2), "precious").unwrap();
        check_older(&path, 2).unwrap();
        let error = format!("{:#}", check_older(&path, 3).unwrap_err());
        assert!(error.contains("a.rbcap.2 exists") && error.contains("--force"), "{error}");
    }
}
