//! The elements that the iterators write, as in `src/bpf`. Native byte order.

use ringbuf_core::{Capacity, Header, Look, Position, Width};
use ringbuf_kernel::{RingInfo, RingKind, page_size};

use crate::HostRing;

/// `BPF_MAP_TYPE_RINGBUF`, `BPF_MAP_TYPE_USER_RINGBUF`, `BPF_F_RB_OVERWRITE`.
const RING: u32 = 27;
const USER_RING: u32 = 31;
const OVERWRITE: u32 = 1 << 19;

/// What an iterator writes.
pub(crate) trait Element: Sized {
    /// Its size in bytes.
    const BYTES: usize;

    /// Returns `None` if it is not an element of this type.
    fn parse(fields: Fields<'_>) -> Option<Self>;

    /// All elements in what an iterator wrote.
    fn all(bytes: &[u8]) -> Vec<Self> {
        bytes.chunks_exact(Self::BYTES).filter_map(|one| Self::parse(Fields(one))).collect()
    }
}

/// The rest of an element.
#[derive(Debug)]
pub(crate) struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_ne_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_ne_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let bytes: [u8; 16] = self.take()?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
    }
}

/// `struct ring`.
impl Element for HostRing {
    const BYTES: usize = 88;

    fn parse(mut fields: Fields<'_>) -> Option<Self> {
        let [consumer, producer, pending, references, user_references] =
            [fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?];
        let [id, map_type, flags, max_entries] =
            [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?];
        let [header, steady, watched, waiting] =
            [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?];
        let name = fields.text()?;
        let kind = match map_type {
            RING => RingKind::Ring,
            USER_RING => RingKind::UserRing,
            _ => return None,
        };
        let [consumer, producer, pending] =
            [consumer, producer, pending].map(|bytes| Position::new(bytes, Width::Bits64));
        let capacity = Capacity::new(max_entries.into(), page_size() as u64).ok()?;
        let look = Look::new(consumer, producer, pending, capacity, Width::Bits64);
        let header = (steady == 1).then_some(Header::from_bits(header));
        let info = RingInfo::from_look(id, name, kind, flags & OVERWRITE != 0, look, header);
        Some(Self {
            info,
            watched: Some(watched == 1),
            waiting: match waiting {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            },
            references: Some(references),
            user_references: Some(user_references),
        })
    }
}

/// `struct held`: a map of maps and a ring in it. The ring is `None` if there may be others
/// (`OTHERS`). Empty places are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) outer: u32,
    pub(crate) ring: Option<u32>,
}

impl Element for Held {
    const BYTES: usize = 8;

    fn parse(mut fields: Fields<'_>) -> Option<Self> {
        let (outer, ring) = (fields.u32()?, fields.u32()?);
        (ring != 0).then_some(Self { outer, ring: (ring != u32::MAX).then_some(ring) })
    }
}

/// `struct use`: a program uses a ring, or a map of maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) program: u32,
    pub(crate) program_type: u32,
    pub(crate) map: u32,
    pub(crate) is_outer: bool,
    pub(crate) name: String,
}

impl Element for Use {
    const BYTES: usize = 32;

    fn parse(mut fields: Fields<'_>) -> Option<Self> {
        let [program, program_type, map, is_outer] =
            [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?];
        Some(Self { program, program_type, map, is_outer: is_outer == 1, name: fields.text()? })
    }
}

/// `struct process`: it holds a ring, or maps it from `offset` on, in pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InProcess {
    pub(crate) offset: u64,
    pub(crate) map: u32,
    pub(crate) pid: u32,
    pub(crate) writable: bool,
    pub(crate) comm: String,
}

impl Element for InProcess {
    const BYTES: usize = 40;

    fn parse(mut fields: Fields<'_>) -> Option<Self> {
        let offset = fields.u64()?;
        let [map, pid, writable, _zero] =
            [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?];
        Some(Self { offset, map, pid, writable: writable == 1, comm: fields.text()? })
    }
}

#[cfg(test)]
mod tests {
    use ringbuf_core::Head;

    use super::*;

    fn ring(words: [u32; 8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        [16_u64, 40, 32, 3, 2].iter().for_each(|word| bytes.extend(word.to_ne_bytes()));
        words.iter().for_each(|word| bytes.extend(word.to_ne_bytes()));
        bytes.extend(b"events\0\0garbage\0");
        bytes
    }

    #[test]
    fn a_ring_is_parsed() {
        let size = u32::try_from(page_size()).expect("a page");
        let both = [
            ring([57, RING, 0, size, 8 | 1 << 31, 1, 1, 2]),
            ring([58, USER_RING, OVERWRITE, size, 0, 0, 0, 1]),
        ];
        let rings = HostRing::all(&both.concat());
        let [first, second] = &rings[..] else { panic!("two: {rings:?}") };
        assert_eq!((first.info.id, first.info.name.as_str()), (57, "events"));
        assert_eq!((first.info.kind, first.info.overwrite), (RingKind::Ring, false));
        assert_eq!((first.info.fill(), first.info.look.pending_word.get()), (Some(24), 32));
        let Some(Head::Busy(head)) = first.info.head else { panic!("{first:?}") };
        assert_eq!((head.position.get(), head.len.get(), head.behind), (16, 8, 8));
        assert_eq!((first.watched, first.waiting), (Some(true), None));
        assert_eq!((first.references, first.user_references), (Some(3), Some(2)));
        assert_eq!((second.info.kind, second.info.overwrite), (RingKind::UserRing, true));
        assert_eq!(
            (second.watched, second.waiting, second.info.head),
            (Some(false), Some(true), None)
        );
    }

    #[test]
    fn a_consumer_that_moves_has_no_stuck_head() {
        let size = u32::try_from(page_size()).expect("a page");
        let rings = HostRing::all(&ring([57, RING, 0, size, 1 << 31, 0, 1, 2]));
        assert_eq!(rings[0].info.head, Some(Head::Moving));
    }

    /// A kernel of the future, or a torn read.
    #[test]
    fn what_is_not_an_element_is_left_out() {
        let size = u32::try_from(page_size()).expect("a page");
        let whole = ring([57, RING, 0, size, 0, 1, 1, 0]);
        assert_eq!(HostRing::all(&whole).len(), 1);
        assert!(HostRing::all(&whole[1..]).is_empty());
        assert!(HostRing::all(&ring([57, 2, 0, size, 0, 1, 1, 0])).is_empty(), "an array");
        assert!(HostRing::all(&ring([57, RING, 0, 3, 0, 1, 1, 0])).is_empty(), "no size");
    }

    #[test]
    fn users_are_parsed() {
        let words = |words: &[u32]| words.iter().flat_map(|one| one.to_ne_bytes()).collect();
        let held: Vec<u8> = words(&[5, 57, 5, u32::MAX, 5, 0]);
        assert_eq!(
            Held::all(&held),
            [Held { outer: 5, ring: Some(57) }, Held { outer: 5, ring: None }]
        );
        let mut used: Vec<u8> = words(&[12, 26, 57, 1]);
        used.extend(b"on_exec\0\0\0\0\0\0\0\0\0");
        let name = "on_exec".to_owned();
        let want = Use { program: 12, program_type: 26, map: 57, is_outer: true, name };
        assert_eq!(Use::all(&used), [want]);
        let mut process = 1_u64.to_ne_bytes().to_vec();
        process.extend::<Vec<u8>>(words(&[57, 812, 1, 0]));
        process.extend(b"agent\0\0\0\0\0\0\0\0\0\0\0");
        let comm = "agent".to_owned();
        let want = InProcess { offset: 1, map: 57, pid: 812, writable: true, comm };
        assert_eq!(InProcess::all(&process), [want]);
    }
}
