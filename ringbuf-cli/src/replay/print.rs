//! [`Print`]: as `ringbuf dump` prints.

use std::io::Write;
use std::ops::ControlFlow::{self, Continue};

use anyhow::anyhow;
use ringbuf_btf::Btf;
use ringbuf_kernel::Observed;
use ringbuf_record::{Data, Gap, RingHeader, Session};

use super::{Out, Target, written};
use crate::Failure;
use crate::cli::DumpFormat;
use crate::dump::printer::{Layout, Printer, Told};
use crate::typed::{Asked, CAPTURE, Parsed, Types};

/// Prints text or JSON.
pub(crate) struct Print {
    printer: Printer<Out>,
    /// The types that the user names.
    asked: Vec<Asked>,
    /// The types in the capture, by number from 1 on.
    types: Vec<Vec<u8>>,
    text: bool,
    rings: usize,
    /// The ring of the last line.
    last: Option<u32>,
}

impl Print {
    pub(crate) fn new(out: Out, format: DumpFormat, asked: Vec<Asked>) -> Self {
        let layout = Layout { format, pretty: false, wide_as_text: false };
        let printer = Printer { out, layout, id: 0, told: Told::default() };
        let text = format == DumpFormat::Text;
        Self { printer, asked, types: Vec::new(), text, rings: 0, last: None }
    }

    /// The lines that follow are of this ring. JSON has its id; text says it if there are several.
    fn of(&mut self, ring: &RingHeader) -> Result<ControlFlow<()>, Failure> {
        self.printer.id = ring.ring.id;
        if self.last == Some(ring.number) {
            return Ok(Continue(()));
        }
        self.last = Some(ring.number);
        if !self.text || self.rings < 2 {
            return Ok(Continue(()));
        }
        let name = crate::format::escape(ring.ring.name.as_bytes());
        written(writeln!(self.printer.out, "ring {name} ({})", ring.ring.id))
    }
}

/// What the capture has of the types of a ring, read again for each portion of its records:
/// that of a program is small. What cannot be read is not there.
fn parsed<'a>(types: &'a [Vec<u8>], ring: &RingHeader) -> Option<Parsed<'a>> {
    let number = ring.ring.btf?.checked_sub(1)?;
    let btf = Btf::parse(types.get(number as usize)?).ok()?;
    Some(Parsed { from: CAPTURE.to_owned(), btf, of_kernel: false })
}

impl Target for Print {
    fn types(&mut self, _: u32, bytes: &[u8]) {
        self.types.push(bytes.to_owned());
    }

    fn ring(&mut self, _: &Session, _: &RingHeader) -> Result<(), Failure> {
        self.rings += 1;
        Ok(())
    }

    fn data(&mut self, ring: &RingHeader, data: &Data<'_>) -> Result<ControlFlow<()>, Failure> {
        let mut printed = self.of(ring)?;
        let all: Vec<_> = parsed(&self.types, ring).into_iter().collect();
        let types = match self.asked.first() {
            Some(asked) if all.is_empty() => Err(anyhow!(
                "the capture has no types of the ring {} to find {:?} in",
                crate::format::escape(ring.ring.name.as_bytes()),
                asked.name()
            )),
            _ => Types::resolve(&all, &[&ring.ring.name], &self.asked),
        };
        let types = types.map_err(Failure::Running)?;
        for (position, entry) in data.entries() {
            if printed.is_break() {
                break;
            }
            printed = self.printer.step(position.get(), &entry, types.as_ref())?;
        }
        Ok(printed)
    }

    fn gap(&mut self, ring: &RingHeader, gap: &Gap) -> Result<ControlFlow<()>, Failure> {
        if self.of(ring)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        self.printer.step(gap.from.get(), &Observed::Missed { bytes: gap.bytes }, None)
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.printer.flush().map(drop)
    }
}
