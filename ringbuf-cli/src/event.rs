//! [`Event`]: one record of `exec.bpf.c`, as bytes and as fields.
//!
//! The layout of a record, in native byte order: 40 bytes, then the name.
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 0 | 8 | `time_ns` | since boot, without time asleep |
//! | 8 | 4 | `pid` | calling process; 0 if it has no number in the PID namespace |
//! | 12 | 4 | `ppid` | its real parent, in the same way |
//! | 16 | 4 | `uid` | its real user id |
//! | 20 | 4 | `filename_len` | bytes in `filename`, or the negative errno of reading it |
//! | 24 | 16 | `comm` | name of the calling thread before the exec, NUL-padded |
//! | 40 | n | `filename` | as passed, without NUL; n = `filename_len`, 0 on error |

use std::fmt;

/// Length of a record without its name.
const FIXED: usize = 40;
/// Length of the `comm` field.
const COMM: usize = 16;

/// One call of execve(2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    pub(crate) time_ns: u64,
    pub(crate) pid: u32,
    pub(crate) ppid: u32,
    pub(crate) uid: u32,
    /// Any bytes, up to the first NUL.
    pub(crate) comm: &'a [u8],
    /// Any bytes, or the negative errno of reading them.
    pub(crate) filename: Result<&'a [u8], i32>,
}

impl<'a> Event<'a> {
    /// Decodes the event in `record`.
    pub(crate) fn decode(record: &'a [u8]) -> Result<Self, Malformed> {
        let short = Malformed::Short { len: record.len() };
        let mut rest = record;
        let time_ns = u64::from_ne_bytes(take(&mut rest).ok_or(short)?);
        let pid = u32::from_ne_bytes(take(&mut rest).ok_or(short)?);
        let ppid = u32::from_ne_bytes(take(&mut rest).ok_or(short)?);
        let uid = u32::from_ne_bytes(take(&mut rest).ok_or(short)?);
        let claimed = i32::from_ne_bytes(take(&mut rest).ok_or(short)?);
        let (comm, name) = rest.split_at_checked(COMM).ok_or(short)?;
        let comm = comm.split(|byte| *byte == 0).next().unwrap_or_default();
        // A negative length is an errno, without a name after it.
        let expected = usize::try_from(claimed).unwrap_or(0);
        if name.len() != expected {
            return Err(Malformed::Name { claimed, found: name.len() });
        }
        let filename = if claimed < 0 { Err(claimed) } else { Ok(name) };
        Ok(Self { time_ns, pid, ppid, uid, comm, filename })
    }

    /// Encodes this event as the BPF program does.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (name, claimed) = match self.filename {
            Ok(name) => (name, i32::try_from(name.len()).unwrap_or(i32::MAX)),
            Err(errno) => (&[][..], errno),
        };
        let mut comm = [0; COMM];
        // The last byte stays NUL, as in the kernel.
        for (to, from) in comm.iter_mut().take(COMM - 1).zip(self.comm) {
            *to = *from;
        }
        let mut record = Vec::with_capacity(FIXED + name.len());
        record.extend(self.time_ns.to_ne_bytes());
        for word in [self.pid, self.ppid, self.uid] {
            record.extend(word.to_ne_bytes());
        }
        record.extend(claimed.to_ne_bytes());
        record.extend(comm);
        record.extend(name);
        record
    }
}

/// Splits off the first `N` bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}

/// Why a record is not an event of `exec.bpf.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Too short for the fixed fields.
    Short { len: usize },
    /// The length of the name differs from the length in the record.
    Name { claimed: i32, found: usize },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { len } => {
                write!(f, "a record has {len} bytes, but needs at least {FIXED}")
            }
            Self::Name { claimed, found } => {
                write!(f, "a file name has {found} bytes, but the record says {claimed}")
            }
        }
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(filename: Result<&[u8], i32>) -> Event<'_> {
        Event { time_ns: 1 << 40, pid: 42, ppid: 7, uid: 1000, comm: b"bash", filename }
    }

    /// Returns the record of an unreadable name, with this `filename_len` and this
    /// `name`.
    fn record(filename_len: i32, name: &[u8]) -> Vec<u8> {
        let mut record = event(Err(-14)).encode();
        record[20..24].copy_from_slice(&filename_len.to_ne_bytes());
        record.extend(name);
        record
    }

    #[test]
    fn the_layout_matches_the_bpf_program() {
        let bytes = event(Ok(b"/bin/ls")).encode();
        assert_eq!(bytes.len(), 47);
        assert_eq!(bytes[..8], (1_u64 << 40).to_ne_bytes());
        assert_eq!(bytes[8..12], 42_u32.to_ne_bytes());
        assert_eq!(bytes[12..16], 7_u32.to_ne_bytes());
        assert_eq!(bytes[16..20], 1000_u32.to_ne_bytes());
        assert_eq!(bytes[20..24], 7_i32.to_ne_bytes());
        assert_eq!(&bytes[24..40], b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(&bytes[40..], b"/bin/ls");
    }

    #[test]
    fn a_decoded_event_equals_the_encoded_one() {
        let long = vec![b'x'; 4096];
        let names: [Result<&[u8], i32>; 5] =
            [Ok(b"/bin/ls"), Ok(b""), Ok(&long), Ok(b"/tmp/\xff\xfe\n"), Err(-14)];
        for filename in names {
            let event = event(filename);
            assert_eq!(Event::decode(&event.encode()), Ok(event));
        }
    }

    #[test]
    fn a_full_comm_and_an_empty_comm() {
        let mut bytes = record(-14, b"");
        bytes[24..40].copy_from_slice(b"0123456789abcdef");
        assert_eq!(Event::decode(&bytes).unwrap().comm, b"0123456789abcdef");
        bytes[24] = 0;
        assert_eq!(Event::decode(&bytes).unwrap().comm, b"");
    }

    #[test]
    fn short_records_are_refused() {
        let whole = record(0, b"");
        for len in 0..whole.len() {
            assert_eq!(Event::decode(&whole[..len]), Err(Malformed::Short { len }));
        }
        assert_eq!(Event::decode(&whole).unwrap().filename, Ok(&b""[..]));
    }

    #[test]
    fn a_wrong_name_length_is_refused() {
        let cases: [(i32, &[u8]); 5] =
            [(8, b"/bin/ls"), (6, b"/bin/ls"), (i32::MAX, b""), (-14, b"x"), (i32::MIN, b"x")];
        for (claimed, name) in cases {
            let malformed = Malformed::Name { claimed, found: name.len() };
            assert_eq!(Event::decode(&record(claimed, name)), Err(malformed));
        }
        assert_eq!(Event::decode(&record(i32::MIN, b"")).unwrap().filename, Err(i32::MIN));
    }
}
