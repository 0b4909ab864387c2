//! [`Pcapng`]: packets of link type USER0 (draft-ietf-opsawg-pcapng). An interface for each ring,
//! a packet for each record; its id is the position. A gap is a comment of the next packet.

use std::collections::HashMap;
use std::io::Write;
use std::ops::ControlFlow::{self, Break, Continue};

use ringbuf_kernel::Observed;
use ringbuf_record::{Clocks, Data, Gap, RingHeader, Session};

use super::jsonl::date;
use super::{Out, Target, written};
use crate::Failure;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
/// `LINKTYPE_USER0`: what the bytes are is known to the user.
const USER0: u16 = 147;

const END: u16 = 0;
const COMMENT: u16 = 1;
/// Of a section: the program that wrote it.
const USER_APPLICATION: u16 = 4;
/// Of an interface.
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
/// Of a packet.
const PACKET_ID: u16 = 5;

/// Writes the file.
pub(crate) struct Pcapng {
    out: Out,
    clocks: Clocks,
    begun: bool,
    /// Bytes that are missing before the next packet, by ring.
    missed: HashMap<u32, u64>,
}

impl Pcapng {
    pub(crate) fn new(out: Out) -> Self {
        Self { out, clocks: Clocks::default(), begun: false, missed: HashMap::new() }
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> Result<ControlFlow<()>, Failure> {
        let len = u32::try_from(body.len() + 12).unwrap_or(u32::MAX).to_le_bytes();
        let block = [&kind.to_le_bytes(), &len[..], body, &len].concat();
        written(self.out.write_all(&block))
    }

    /// The header of the file, once.
    fn begin(&mut self, session: &Session) -> Result<ControlFlow<()>, Failure> {
        self.clocks = session.clocks;
        if std::mem::replace(&mut self.begun, true) {
            return Ok(Continue(()));
        }
        // Its byte order, version 1.0, and a length that is not known.
        let mut body = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
        body.extend([1, 0, 0, 0]);
        body.extend(u64::MAX.to_le_bytes());
        option(&mut body, USER_APPLICATION, session.tool.as_bytes());
        option(&mut body, END, &[]);
        self.block(SECTION, &body)
    }
}

/// Appends an option, padded to four bytes.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

impl Target for Pcapng {
    fn ring(&mut self, session: &Session, ring: &RingHeader) -> Result<(), Failure> {
        if self.begin(session)?.is_break() {
            return Ok(());
        }
        let mut body = USER0.to_le_bytes().to_vec();
        body.extend([0; 6]); // reserved, and no limit of the length
        option(&mut body, NAME, format!("{} ({})", ring.ring.name, ring.ring.id).as_bytes());
        option(&mut body, RESOLUTION, &[9]); // nanoseconds
        option(&mut body, END, &[]);
        self.block(INTERFACE, &body).map(drop)
    }

    fn data(&mut self, ring: &RingHeader, data: &Data<'_>) -> Result<ControlFlow<()>, Failure> {
        let time = date(self.clocks, data.until).unwrap_or(0);
        for (position, entry) in data.entries() {
            let Observed::Record { sample, .. } = entry else { continue };
            let len = u32::try_from(sample.len()).unwrap_or(u32::MAX);
            let mut body = Vec::with_capacity(sample.len() + 64);
            for word in [ring.number, (time >> 32) as u32, time as u32, len, len] {
                body.extend(word.to_le_bytes());
            }
            body.extend(sample);
            body.resize(body.len().next_multiple_of(4), 0);
            option(&mut body, PACKET_ID, &position.get().to_le_bytes());
            if let Some(bytes) = self.missed.remove(&ring.number) {
                option(&mut body, COMMENT, format!("{bytes} bytes missed before it").as_bytes());
            }
            option(&mut body, END, &[]);
            if self.block(PACKET, &body)?.is_break() {
                return Ok(Break(()));
            }
        }
        Ok(Continue(()))
    }

    fn gap(&mut self, ring: &RingHeader, gap: &Gap) -> Result<ControlFlow<()>, Failure> {
        *self.missed.entry(ring.number).or_default() += gap.bytes;
        Ok(Continue(()))
    }

    fn end(&mut self) -> Result<(), Failure> {
        written(self.out.flush()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_padded() {
        let mut body = Vec::new();
        option(&mut body, NAME, b"lo0");
        option(&mut body, END, &[]);
        assert_eq!(body, [2, 0, 3, 0, b'l', b'o', b'0', 0, 0, 0, 0, 0]);
    }
}
