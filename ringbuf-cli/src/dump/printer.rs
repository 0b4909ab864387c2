//! Prints records: as text, JSON, hexadecimal digits or bytes.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::ControlFlow::{self, Break, Continue};

use anyhow::Context;
use ringbuf_kernel::Observed;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::Failure;
use crate::cli::DumpFormat;
use crate::format::to_json;
use crate::typed::{How, Typed, Types};

/// Bytes in a line of hexadecimal digits.
const LINE: usize = 16;

/// What the user wants to see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) format: DumpFormat,
    pub(crate) pretty: bool,
    pub(crate) wide_as_text: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) records: u64,
    pub(crate) busy: u64,
    pub(crate) discarded: u64,
    pub(crate) missed: u64,
}

/// Prints records, and counts them.
pub(crate) struct Printer<W> {
    pub(crate) out: W,
    pub(crate) layout: Layout,
    pub(crate) id: u32,
    pub(crate) told: Told,
}

/// A line of `--format json`. Fields may be added; if one changes or goes, `schema` grows.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    id: u32,
    position: u64,
    state: &'a str,
    /// Of the sample; of ring space, if bytes were missed.
    len: u64,
    /// Hexadecimal. Null unless it is a record.
    bytes: Option<String>,
    /// The name of its type. Null, and so are the others, if it is not known.
    #[serde(rename = "type")]
    type_name: Option<&'a str>,
    how: Option<How>,
    value: Option<Box<RawValue>>,
    /// Bytes that the type has beyond the record.
    missing: Option<u64>,
    /// The bytes of the record beyond its type, hexadecimal.
    rest: Option<String>,
}

impl<W: Write> Printer<W> {
    /// Prints a step, by the type of its record. Returns `Break` if nobody reads the output any
    /// more.
    pub(crate) fn step(
        &mut self,
        position: u64,
        step: &Observed<'_>,
        types: Option<&Types<'_>>,
    ) -> Result<ControlFlow<()>, Failure> {
        let (state, len, sample) = match *step {
            Observed::Record { sample, .. } => ("record", sample.len() as u64, Some(sample)),
            Observed::Busy { len, .. } => ("busy", len.get().into(), None),
            Observed::Discarded { len, .. } => ("discarded", len.get().into(), None),
            Observed::Missed { bytes } => ("missed", bytes, None),
            _ => return Ok(Continue(())),
        };
        match state {
            "record" => self.told.records += 1,
            "busy" => self.told.busy += 1,
            "discarded" => self.told.discarded += 1,
            _ => self.told.missed += len,
        }
        let known = || types?.record(sample?);
        let text = match self.layout.format {
            DumpFormat::Raw => return written(self.out.write_all(sample.unwrap_or_default())),
            DumpFormat::Json => self.json(position, state, len, sample, known()) + "\n",
            DumpFormat::Text => match known() {
                Some(typed) => text(position, typed, self.layout.pretty),
                None => hex(position, state, len, sample.unwrap_or_default()),
            },
            DumpFormat::Hex => hex(position, state, len, sample.unwrap_or_default()),
        };
        written(self.out.write_all(text.as_bytes()))
    }

    pub(crate) fn flush(&mut self) -> Result<ControlFlow<()>, Failure> {
        written(self.out.flush())
    }

    fn json(
        &self,
        position: u64,
        state: &str,
        len: u64,
        sample: Option<&[u8]>,
        known: Option<Typed<'_>>,
    ) -> String {
        let value = known.map(|typed| {
            let json = typed.value.json().wide_as_text(self.layout.wide_as_text);
            RawValue::from_string(json.to_string())
        });
        to_json(&Line {
            schema: 1,
            id: self.id,
            position,
            state,
            len,
            bytes: sample.map(digits),
            type_name: known.map(|typed| typed.name),
            how: known.map(|typed| typed.how),
            value: value.and_then(Result::ok),
            missing: known.map(|typed| typed.value.missing()),
            rest: known.map(|typed| digits(typed.value.rest())),
        })
    }
}

pub(crate) fn written(result: io::Result<()>) -> Result<ControlFlow<()>, Failure> {
    match result {
        Ok(()) => Ok(Continue(())),
        // Its reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Break(())),
        Err(error) => Err(error).context("cannot write the records").map_err(Failure::Running),
    }
}

/// Two digits for each byte.
pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// The position, the type, and the members: on the line, or on lines of their own.
fn text(position: u64, typed: Typed<'_>, pretty: bool) -> String {
    let guessed = if typed.how == How::Guessed { " (guessed)" } else { "" };
    let mut text = format!("{position:#x} {}{guessed}:", typed.name);
    if pretty {
        text.push('\n');
        for line in typed.value.text().pretty(true).to_string().lines() {
            let _infallible = writeln!(text, "  {line}");
        }
    } else {
        let _infallible = writeln!(text, " {}", typed.value.text());
    }
    text
}

/// A title, then lines of sixteen bytes with what is printable in ASCII.
fn hex(position: u64, state: &str, len: u64, sample: &[u8]) -> String {
    let mut text = format!("{position:#x} {state}, {len} bytes\n");
    for (number, bytes) in sample.chunks(LINE).enumerate() {
        let spaced: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let printable = |byte: &u8| if (b' '..=b'~').contains(byte) { *byte as char } else { '.' };
        let ascii: String = bytes.iter().map(printable).collect();
        let (at, width) = (number * LINE, 3 * LINE - 1);
        let _infallible = writeln!(text, "  {at:04x}  {:<width$}  {ascii}", spaced.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_printed_in_lines_of_sixteen_bytes() {
        let sample: Vec<u8> = (0x38..0x4a).chain([0, 0x1b]).collect();
        let want = "0x1000 record, 20 bytes\n  \
                    0000  38 39 3a 3b 3c 3d 3e 3f 40 41 42 43 44 45 46 47  89:;<=>?@ABCDEFG\n  \
                    0010  48 49 00 1b                                      HI..\n";
        assert_eq!(hex(0x1000, "record", 20, &sample), want);
        assert_eq!(hex(8, "busy", 64, &[]), "0x8 busy, 64 bytes\n");
    }

    #[test]
    fn a_line_of_json_has_its_bytes() {
        let mut out = Vec::new();
        let layout = Layout { format: DumpFormat::Json, pretty: false, wide_as_text: false };
        let mut dump = Printer { out: &mut out, layout, id: 57, told: Told::default() };
        assert!(dump.step(16, &Observed::Missed { bytes: 48 }, None).unwrap().is_continue());
        assert_eq!(dump.told.missed, 48);
        let want = "{\"schema\":1,\"id\":57,\"position\":16,\"state\":\"missed\",\"len\":48,\
                    \"bytes\":null,\"type\":null,\"how\":null,\"value\":null,\"missing\":null,\
                    \"rest\":null}\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
        assert_eq!(digits(&[0, 0xff, 0x1b]), "00ff1b");
    }
}
