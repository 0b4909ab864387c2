//! [`Parquet`]: a table for programs that search many captures (DuckDB, Spark, ClickHouse), with a
//! row for each record, discarded record and gap.

use std::io::{self, Write};
use std::ops::ControlFlow::{self, Continue};
use std::sync::Arc;

use anyhow::anyhow;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use ringbuf_kernel::Observed;
use ringbuf_record::{Clocks, Data, Gap, RingHeader, Session};

use super::jsonl::{date, reason};
use super::{Out, Target, written};
use crate::Failure;

/// docs/recording.md has the columns.
const SCHEMA: &str = "message capture {
    REQUIRED INT32 id (INTEGER(32, false));
    REQUIRED BYTE_ARRAY name (UTF8);
    REQUIRED INT64 position (INTEGER(64, false));
    REQUIRED BYTE_ARRAY state (UTF8);
    REQUIRED INT64 len (INTEGER(64, false));
    OPTIONAL INT64 since (TIMESTAMP(NANOS, true));
    OPTIONAL INT64 until (TIMESTAMP(NANOS, true));
    OPTIONAL BYTE_ARRAY reason (UTF8);
    OPTIONAL BYTE_ARRAY bytes;
}";
/// A group of rows is kept in memory until it has so many rows, or so many bytes of samples.
const ROWS: usize = 256 << 10;
const BYTES: usize = 32 << 20;

/// Writes the file.
pub(crate) struct Parquet {
    /// Until the end.
    writer: Option<SerializedFileWriter<Out>>,
    clocks: Clocks,
    rows: Rows,
}

/// A row.
struct Row<'a> {
    ring: &'a RingHeader,
    position: u64,
    state: &'static str,
    len: u64,
    /// Bounds of its time, by the monotonic clock.
    times: [u64; 2],
    reason: Option<&'static str>,
    sample: Option<&'a [u8]>,
}

/// Rows, column by column.
#[derive(Default)]
struct Rows {
    id: Vec<i32>,
    name: Vec<ByteArray>,
    position: Vec<i64>,
    state: Vec<ByteArray>,
    len: Vec<i64>,
    times: [Optional<i64>; 2],
    reason: Optional<ByteArray>,
    sample: Optional<ByteArray>,
    bytes: usize,
}

/// A column whose values may be unknown.
#[derive(Default)]
struct Optional<T> {
    known: Vec<T>,
    /// 1 for each value that is known, 0 for each other.
    levels: Vec<i16>,
}

impl<T> Optional<T> {
    fn push(&mut self, value: Option<T>) {
        self.levels.push(value.is_some().into());
        self.known.extend(value);
    }
}

impl Parquet {
    pub(crate) fn new(out: Out) -> Result<Self, Failure> {
        let cannot = |error| Failure::Running(anyhow!(io_error(error)));
        let schema = parse_message_type(SCHEMA).map_err(cannot)?;
        let compression = if cfg!(feature = "zstd") {
            Compression::ZSTD(Default::default())
        } else {
            Compression::UNCOMPRESSED
        };
        let properties = WriterProperties::builder().set_compression(compression).build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties));
        let writer = Some(writer.map_err(cannot)?);
        Ok(Self { writer, clocks: Clocks::default(), rows: Rows::default() })
    }

    fn row(&mut self, row: &Row<'_>) -> Result<ControlFlow<()>, Failure> {
        self.rows.push(row, self.clocks);
        if self.rows.id.len() < ROWS && self.rows.bytes < BYTES {
            return Ok(Continue(()));
        }
        written(self.group().map_err(io_error))
    }

    /// Writes the rows.
    fn group(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.rows);
        match &mut self.writer {
            Some(writer) if !rows.id.is_empty() => rows.write(writer),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), ParquetError> {
        self.group()?;
        let Some(writer) = self.writer.take() else { return Ok(()) };
        // It writes the description of the file, which is at its end.
        Ok(writer.into_inner()?.flush()?)
    }
}

impl Rows {
    fn push(&mut self, row: &Row<'_>, clocks: Clocks) {
        let RingHeader { ring, .. } = row.ring;
        // The columns are without a sign, and their values are kept as if they had one.
        self.id.push(ring.id.cast_signed());
        self.name.push(ring.name.as_str().into());
        self.position.push(row.position.cast_signed());
        self.state.push(row.state.into());
        self.len.push(row.len.cast_signed());
        for (column, time) in self.times.iter_mut().zip(row.times) {
            column.push(date(clocks, time).map(u64::cast_signed));
        }
        self.reason.push(row.reason.map(ByteArray::from));
        self.bytes += row.sample.map_or(0, <[u8]>::len);
        self.sample.push(row.sample.map(|sample| sample.to_vec().into()));
    }

    fn write(&self, writer: &mut SerializedFileWriter<Out>) -> Result<(), ParquetError> {
        fn column<T: DataType>(
            group: &mut SerializedRowGroupWriter<'_, Out>,
            values: &[T::T],
            levels: Option<&[i16]>,
        ) -> Result<(), ParquetError> {
            // The schema has as many.
            let Some(mut column) = group.next_column()? else { return Ok(()) };
            column.typed::<T>().write_batch(values, levels, None)?;
            column.close()
        }
        let mut group = writer.next_row_group()?;
        column::<Int32Type>(&mut group, &self.id, None)?;
        column::<ByteArrayType>(&mut group, &self.name, None)?;
        column::<Int64Type>(&mut group, &self.position, None)?;
        column::<ByteArrayType>(&mut group, &self.state, None)?;
        column::<Int64Type>(&mut group, &self.len, None)?;
        for time in &self.times {
            column::<Int64Type>(&mut group, &time.known, Some(&time.levels))?;
        }
        for bytes in [&self.reason, &self.sample] {
            column::<ByteArrayType>(&mut group, &bytes.known, Some(&bytes.levels))?;
        }
        group.close()?;
        Ok(())
    }
}

/// What the file system said, if it is that.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

impl Target for Parquet {
    fn ring(&mut self, session: &Session, _: &RingHeader) -> Result<(), Failure> {
        self.clocks = session.clocks;
        Ok(())
    }

    fn data(&mut self, ring: &RingHeader, data: &Data<'_>) -> Result<ControlFlow<()>, Failure> {
        let times = [data.since, data.until];
        for (position, entry) in data.entries() {
            let (state, len, sample) = match entry {
                Observed::Record { sample, .. } => ("record", sample.len() as u64, Some(sample)),
                Observed::Discarded { len, .. } => ("discarded", len.get().into(), None),
                _ => continue,
            };
            let position = position.get();
            let row = Row { ring, position, state, len, times, reason: None, sample };
            if self.row(&row)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(Continue(()))
    }

    fn gap(&mut self, ring: &RingHeader, gap: &Gap) -> Result<ControlFlow<()>, Failure> {
        self.row(&Row {
            ring,
            position: gap.from.get(),
            state: "missed",
            len: gap.bytes,
            times: [gap.since, gap.until],
            reason: Some(reason(gap)),
            sample: None,
        })
    }

    fn end(&mut self) -> Result<(), Failure> {
        written(self.finish().map_err(io_error)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use clap::Parser;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use ringbuf_core::{Capacity, Position, SampleLen, Width};
    use ringbuf_record::{GapReason, NewRing, Writer};

    use super::*;
    use crate::cli::{Cli, Command};

    /// A capture of two records, a discarded one and a gap.
    fn capture() -> Vec<u8> {
        let mut session = Session::here(Width::Bits64);
        session.clocks.realtime_ns = 1_700_000_000_000_000_000;
        let monotonic = session.clocks.monotonic_ns;
        let mut writer = Writer::new(Vec::new(), &session).unwrap();
        let at = |position| Position::new(position, Width::Bits64);
        let start = u64::MAX - 23;
        let capacity = Capacity::new(4096, 4096).unwrap();
        let ring = writer.add_ring(&NewRing::new(57, "events", capacity, at(start))).unwrap();
        let record = |position, sample| Observed::Record { position: at(position), sample };
        writer.put(ring, &record(start, b"one")).unwrap();
        let len = SampleLen::new(8).unwrap();
        writer.put(ring, &Observed::Discarded { position: at(start + 16), len }).unwrap();
        writer.caught_up(ring, monotonic + 5).unwrap();
        writer.gap(ring, 64, GapReason::Lapped, monotonic + 7).unwrap();
        writer.put(ring, &record(72, b"")).unwrap();
        writer.caught_up(ring, monotonic + 9).unwrap();
        writer.finish().unwrap()
    }

    fn replay(from: &Path, to: &Path) -> Result<(), Failure> {
        let from = from.to_str().unwrap();
        let all = ["ringbuf", "replay", from, "--export", "parquet", "-o", to.to_str().unwrap()];
        let Command::Replay(arguments) = Cli::parse_from(all).command else { panic!("replay") };
        crate::replay::run(&arguments)
    }

    fn rows(path: &Path) -> Vec<String> {
        let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
        reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect()
    }

    #[test]
    fn a_capture_becomes_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["a.rbcap", "a.parquet"].map(|name| folder.path().join(name));
        let whole = capture();
        fs::write(&from, &whole).unwrap();
        replay(&from, &to).unwrap();
        let all = rows(&to);
        let has = |row: usize, parts: &[&str]| {
            for part in parts {
                assert!(all[row].contains(part), "{part:?} in {all:#?}");
            }
        };
        assert_eq!(all.len(), 4, "{all:#?}");
        let start = u64::MAX - 23;
        has(0, &["id: 57,", "name: \"events\"", &format!("position: {start}"), "len: 3,"]);
        has(0, &["state: \"record\"", "reason: null", "bytes: [111, 110, 101]"]);
        has(1, &["state: \"discarded\"", "len: 8,", "bytes: null", "until: 1700000000000000005"]);
        has(2, &["state: \"missed\"", "len: 64,", "reason: \"lapped\"", "position: 8,"]);
        has(3, &["position: 72,", "len: 0,", "bytes: []"]);

        // What is torn off is told, and the rest is a whole file.
        fs::write(&from, &whole[..whole.len() - 20]).unwrap();
        assert!(replay(&from, &to).is_err());
        assert_eq!(rows(&to), all);
        fs::write(&from, "hello").unwrap();
        assert!(replay(&from, &to).is_err());
    }

    #[test]
    fn what_does_not_fit_into_a_group_goes_into_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("many.parquet");
        let mut parquet = Parquet::new(Box::new(fs::File::create(&path).unwrap())).unwrap();
        let file = capture();
        let mut reader = ringbuf_record::Reader::new(&file[..]).unwrap();
        let mut header = None;
        while let Some(block) = reader.next().unwrap() {
            if let ringbuf_record::Block::Ring(ring) = block {
                header = Some(ring);
            }
        }
        let (ring, sample) = (header.unwrap(), vec![7; BYTES / 3]);
        for position in 0..7 {
            let (state, len, times) = ("record", sample.len() as u64, [0; 2]);
            let (sample, ring) = (Some(&sample[..]), &ring);
            let row = Row { ring, position, state, len, times, reason: None, sample };
            assert!(parquet.row(&row).unwrap().is_continue());
        }
        parquet.end().unwrap();
        let reader = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
        let groups = reader.metadata().row_groups().iter().map(|group| group.num_rows());
        assert_eq!(groups.collect::<Vec<_>>(), [4, 3]);
    }

    #[test]
    fn a_full_disk_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("a.rbcap");
        fs::write(&from, capture()).unwrap();
        let failure = replay(&from, Path::new("/dev/full")).unwrap_err();
        assert!(format!("{failure:?}").contains("No space left"), "{failure:?}");
    }
}
