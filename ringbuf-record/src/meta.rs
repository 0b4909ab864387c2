//! What a capture says of the machine and of its rings.

use std::fs;

use ringbuf_core::{Capacity, Position, Width};
use rustix::time::{ClockId, clock_gettime};

/// The order of the bytes in the words of a machine.
///
/// ```
/// use ringbuf_record::{ByteOrder, Session};
///
/// let here = Session::here(ringbuf_core::Width::Bits64).byte_order;
/// assert_eq!(here == ByteOrder::Big, cfg!(target_endian = "big"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The least significant byte first.
    Little,
    /// The most significant byte first.
    Big,
}

/// Three clocks at one moment, in nanoseconds. They turn the times of a capture, which are
/// monotonic, into dates, or into the times that programs take by `bpf_ktime_get_boot_ns`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clocks {
    /// `CLOCK_MONOTONIC`, also of `bpf_ktime_get_ns`.
    pub monotonic_ns: u64,
    /// `CLOCK_BOOTTIME`: with the time asleep.
    pub boottime_ns: u64,
    /// `CLOCK_REALTIME`: since 1970.
    pub realtime_ns: u64,
}

impl Clocks {
    /// Reads the clocks of this machine, one after the other.
    ///
    /// ```
    /// let clocks = ringbuf_record::Clocks::now();
    /// assert!(clocks.boottime_ns > 0);
    /// ```
    #[must_use]
    pub fn now() -> Self {
        Self {
            monotonic_ns: monotonic_ns(),
            boottime_ns: nanoseconds(ClockId::Boottime),
            realtime_ns: nanoseconds(ClockId::Realtime),
        }
    }
}

/// Returns the time of `CLOCK_MONOTONIC` in nanoseconds, which a [`Writer`](crate::Writer)
/// takes.
///
/// ```
/// let first = ringbuf_record::monotonic_ns();
/// assert!(ringbuf_record::monotonic_ns() >= first);
/// ```
#[must_use]
pub fn monotonic_ns() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let [seconds, rest] = [time.tv_sec as u64, time.tv_nsec as u64];
    seconds.wrapping_mul(1_000_000_000).wrapping_add(rest)
}

/// The machine that was recorded, and when.
///
/// ```
/// use ringbuf_core::Width;
///
/// let session = ringbuf_record::Session::here(Width::Bits64);
/// assert!(session.page_size >= 4096);
/// println!("Linux {}", session.release);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The order of the bytes in the records. The numbers of the file itself are always
    /// little-endian.
    pub byte_order: ByteOrder,
    /// The width of the positions, which is that of the kernel's `unsigned long`.
    pub width: Width,
    /// Bytes of a page.
    pub page_size: u32,
    /// The clocks at the beginning.
    pub clocks: Clocks,
    /// What `/proc/sys/kernel/random/boot_id` says. All zero if it is not known.
    pub boot_id: [u8; 16],
    /// The release of the kernel, as `uname -r` says. Empty if it is not known.
    pub release: String,
    /// What wrote the file, for people.
    pub tool: String,
}

impl Session {
    /// Describes this machine, now. `width` is that of the kernel's positions
    /// ([`Look::width`](ringbuf_core::Look)).
    #[must_use]
    pub fn here(width: Width) -> Self {
        let read = |name: &str| {
            let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
            text.trim_end().to_owned()
        };
        let little = cfg!(target_endian = "little");
        Self {
            byte_order: if little { ByteOrder::Little } else { ByteOrder::Big },
            width,
            page_size: u32::try_from(rustix::param::page_size()).unwrap_or(4096),
            clocks: Clocks::now(),
            boot_id: boot_id(&read("random/boot_id")),
            release: read("osrelease"),
            tool: concat!("ringbuf-record ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// The 16 bytes of a text such as `4d2f6b0e-...`.
fn boot_id(text: &str) -> [u8; 16] {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let mut id = [0; 16];
    if digits.len() == 32 {
        for (byte, pair) in id.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
        }
    }
    id
}

/// The type of a ring buffer map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `BPF_MAP_TYPE_RINGBUF`: BPF programs produce, user space consumes.
    Ring,
    /// `BPF_MAP_TYPE_USER_RINGBUF`: user space produces, a BPF program drains.
    UserRing,
}

/// What the producers of a ring do when it is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They fail, until the consumer gives space back.
    Normal,
    /// They write over the oldest records (`BPF_F_RB_OVERWRITE`, 6.19).
    Overwrite,
}

/// A ring to record: [`Writer::add_ring`](crate::Writer::add_ring).
///
/// ```
/// use ringbuf_core::{Capacity, Position, Width};
/// use ringbuf_record::{Kind, NewRing};
///
/// let start = Position::new(4096, Width::Bits64);
/// let mut ring = NewRing::new(57, "requests", Capacity::new(65536, 4096)?, start);
/// ring.kind = Kind::UserRing;
/// # Ok::<(), ringbuf_core::CapacityError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewRing {
    /// The id of the map.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The size of its data area.
    pub capacity: Capacity,
    /// The position of the first record that may be recorded.
    pub start: Position,
    /// Its type.
    pub kind: Kind,
    /// What its producers do when it is full.
    pub mode: Mode,
    /// The number of its types, from [`Writer::add_btf`](crate::Writer::add_btf).
    pub btf: Option<u32>,
}

impl NewRing {
    /// An ordinary ring without types. Set the other fields afterwards.
    #[must_use]
    pub fn new(id: u32, name: &str, capacity: Capacity, start: Position) -> Self {
        let (kind, mode) = (Kind::Ring, Mode::Normal);
        Self { id, name: name.to_owned(), capacity, start, kind, mode, btf: None }
    }
}

/// A ring of a capture: its number in the file, and what [`NewRing`] said.
///
/// ```
/// # use ringbuf_core::{Capacity, Observed, Position, Width};
/// # use ringbuf_record::{Block, GapReason, NewRing, Reader, Session, Writer};
/// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
/// # let start = Position::new(4096, Width::Bits64);
/// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
/// # writer.put(ring, &Observed::Record { position: start, sample: b"hello" })?;
/// # writer.gap(ring, 64, GapReason::Lapped, 7)?;
/// # let file = writer.finish()?;
/// let mut reader = Reader::new(&file[..])?;
/// while let Some(block) = reader.next()? {
///     if let Block::Ring(header) = block {
///         assert_eq!((header.number, &*header.ring.name), (0, "events"));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingHeader {
    /// The number of the ring in this file, from 0.
    pub number: u32,
    /// What was said of the ring.
    pub ring: NewRing,
}

/// Why bytes of a ring are not in the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapReason {
    /// The producers came round before the bytes were copied.
    Lapped,
    /// The recording ended while the first record of the gap was not committed. What came
    /// behind it could not be read either.
    Busy,
    /// The ring was impossible: a position moved back, or a record was too long.
    Corrupt,
    /// A reason that a newer version knows.
    Other(u32),
}

impl GapReason {
    pub(crate) fn to_bits(self) -> u32 {
        match self {
            Self::Lapped => 1,
            Self::Busy => 2,
            Self::Corrupt => 3,
            Self::Other(bits) => bits,
        }
    }

    pub(crate) fn from_bits(bits: u32) -> Self {
        match bits {
            1 => Self::Lapped,
            2 => Self::Busy,
            3 => Self::Corrupt,
            bits => Self::Other(bits),
        }
    }
}

/// Bytes of a ring that are not in the capture.
///
/// ```
/// # use ringbuf_core::{Capacity, Observed, Position, Width};
/// # use ringbuf_record::{Block, GapReason, NewRing, Reader, Session, Writer};
/// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
/// # let start = Position::new(4096, Width::Bits64);
/// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
/// # writer.put(ring, &Observed::Record { position: start, sample: b"hello" })?;
/// # writer.gap(ring, 64, GapReason::Lapped, 7)?;
/// # let file = writer.finish()?;
/// let mut reader = Reader::new(&file[..])?;
/// while let Some(block) = reader.next()? {
///     if let Block::Gap(gap) = block {
///         assert_eq!((gap.from.get(), gap.bytes, gap.reason), (4112, 64, GapReason::Lapped));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The number of the ring in this file.
    pub ring: u32,
    /// Where the gap begins. A record begins here.
    pub from: Position,
    /// Where it ends. The next record begins here.
    pub to: Position,
    /// Its bytes of ring space, with headers.
    pub bytes: u64,
    /// Why.
    pub reason: GapReason,
    /// Bounds of the time at which the bytes came, in monotonic nanoseconds, as
    /// [`Data::since`](crate::Data) and [`Data::until`](crate::Data).
    pub since: u64,
    /// See `since`.
    pub until: u64,
}

/// The positions of a ring at one moment.
///
/// ```
/// use ringbuf_core::{Position, Width};
/// use ringbuf_record::{PositionSample, monotonic_ns};
///
/// let position = Position::new(4096, Width::Bits64);
/// let sample = PositionSample {
///     time_ns: monotonic_ns(),
///     consumer: position,
///     producer: position,
///     pending_word: position,
/// };
/// # let _ = sample;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionSample {
    /// When, in monotonic nanoseconds.
    pub time_ns: u64,
    /// The consumer position.
    pub consumer: Position,
    /// The producer position.
    pub producer: Position,
    /// The second word of the producer page ([`Look::pending_word`](ringbuf_core::Look)).
    pub pending_word: Position,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_id_is_sixteen_bytes_or_nothing() {
        let id = boot_id("00010203-0405-0607-0809-0a0b0c0d0e0f");
        assert_eq!(id, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(boot_id("00010203"), [0; 16]);
        assert_eq!(boot_id(""), [0; 16]);
    }

    #[test]
    fn every_reason_is_its_own_number() {
        for bits in 0..10 {
            assert_eq!(GapReason::from_bits(bits).to_bits(), bits);
        }
    }
}
