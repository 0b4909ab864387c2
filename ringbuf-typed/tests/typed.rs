//! Any bytes, as structs and enums, compared with plain arithmetic on the bytes.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use ringbuf_core::{AlignedBytes, Next};
use ringbuf_sim::{Flags, SimRing};
use ringbuf_typed::{Cast, Fit, Lengths, Misfit, Reader, records};
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// 24 bytes, with four of padding at the end.
#[derive(Clone, Copy, Debug, PartialEq, FromBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Sized {
    tag: u16,
    small: [u8; 6],
    large: u64,
    last: u32,
}

#[derive(Debug, PartialEq, FromBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Short {
    tag: u16,
    value: u16,
}

const SIZED: u16 = 0x0101;

records! {
    #[derive(Debug)]
    enum Event: u16 {
        SIZED => Sized(Sized),
        0x0202 => Short(Short),
        0x0303 => Tag(u16),
    }
}

/// The bytes of a sample at a place, or 0 where it has none.
fn bytes<const N: usize>(sample: &[u8], place: Range<usize>) -> [u8; N] {
    let at = |index| sample.get(index).copied().unwrap_or(0);
    place.map(at).collect::<Vec<_>>().try_into().unwrap()
}

/// What [`Sized`] must be.
fn sized(sample: &[u8]) -> Sized {
    Sized {
        tag: u16::from_ne_bytes(bytes(sample, 0..2)),
        small: bytes(sample, 2..8),
        large: u64::from_ne_bytes(bytes(sample, 8..16)),
        last: u32::from_ne_bytes(bytes(sample, 16..20)),
    }
}

/// How a sample of this length must fit a type of `size` bytes.
fn expected(has: usize, size: usize, lengths: Lengths) -> Result<Fit, &'static str> {
    match lengths {
        Lengths::ZeroExtend { least } if has < size => {
            if has < least {
                Err("short")
            } else {
                Ok(Fit::Extended)
            }
        }
        _ if has < size => Err("short"),
        Lengths::Exact if has > size => Err("long"),
        _ => Ok(if has == size { Fit::Exact } else { Fit::Longer }),
    }
}

fn kind(misfit: Misfit) -> &'static str {
    match misfit {
        Misfit::TooShort { has, needs, .. } if has < needs => "short",
        Misfit::TooLong { has, needs, .. } if has > needs => "long",
        Misfit::UnknownTag { .. } => "unknown",
        other => panic!("{other}"),
    }
}

fn lengths() -> impl Strategy<Value = Lengths> {
    prop_oneof![
        Just(Lengths::Exact),
        Just(Lengths::AtLeast),
        (0_usize..30).prop_map(|least| Lengths::ZeroExtend { least }),
    ]
}

/// A sample of any length. Its first two bytes are often a tag.
fn samples() -> impl Strategy<Value = Vec<u8>> {
    let lens = prop_oneof![4 => 0_usize..40, 1 => Just(24), 1 => Just(4), 1 => Just(2)];
    lens.prop_flat_map(|len| (vec(any::<u8>(), len), 0_u8..5)).prop_map(|(mut sample, tag)| {
        if tag != 0 {
            sample.iter_mut().take(2).for_each(|byte| *byte = tag);
        }
        sample
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_right_or_refused(all in vec(samples(), 1..20), lengths in lengths()) {
        let ring = SimRing::new(64 * 1024).unwrap();
        for sample in &all {
            ring.producer().output(sample, Flags::ADAPTIVE).unwrap();
        }
        let mut structs = Reader::<Sized>::new().with_lengths(lengths);
        let mut events = Reader::<Event>::new().with_lengths(lengths);
        let mut unaligned = Reader::<Sized>::new().with_lengths(lengths);
        let mut consumer = ring.consumer().unwrap();
        let batch = consumer.batch();
        for sample in &all {
            let Ok(Next::Record(record)) = batch.next() else { panic!("{sample:?} is missing") };
            let fits = expected(sample.len(), 24, lengths);
            let rest = sample.get(24..).unwrap_or(&[]);

            let typed = structs.take(&record);
            prop_assert_eq!(typed.map(|typed| typed.fit()).map_err(kind), fits);
            if let Ok(typed) = typed {
                prop_assert_eq!((*typed, typed.rest()), (sized(sample), rest));
                prop_assert_eq!(typed.in_place().is_none(), fits == Ok(Fit::Extended));
            }

            // The bytes of no record, at any address.
            let shifted = [&[0], &sample[..]].concat();
            let copied = unaligned.take(&shifted[1..]);
            prop_assert_eq!(copied.as_deref().ok(), typed.as_deref().ok());

            // The views of one record.
            let long = fits_at_least(sample, 24);
            prop_assert_eq!(record.cast::<Sized>().ok().copied(), long.then(|| sized(sample)));
            prop_assert_eq!(record.read::<Sized>().ok(), long.then(|| sized(sample)));
            let parts = record.split::<Sized>().ok();
            let parts = parts.map(|(value, rest)| (*value, rest));
            prop_assert_eq!(parts, long.then(|| (sized(sample), rest)));
            let exact = expected(sample.len(), 24, Lengths::Exact);
            prop_assert_eq!(record.cast_exact::<Sized>().map(|_| Fit::Exact).map_err(kind), exact);

            // The enum.
            let size = match sample.get(..2) {
                None => Err("short"),
                Some([1, 1]) => Ok(24),
                Some([2, 2]) => Ok(4),
                Some([3, 3]) => Ok(2),
                Some(_) => Err("unknown"),
            };
            let fits = size.and_then(|size| expected(sample.len(), size, lengths));
            let event = events.take(&record);
            prop_assert_eq!(event.as_ref().map(fit).map_err(|misfit| kind(*misfit)), fits);
            match event {
                Ok(Event::Sized(event)) => prop_assert_eq!(*event, sized(sample)),
                Ok(Event::Short(event)) => {
                    let value = u16::from_ne_bytes(bytes(sample, 2..4));
                    prop_assert_eq!(&*event, &Short { tag: 0x0202, value });
                }
                Ok(Event::Tag(event)) => prop_assert_eq!(*event, 0x0303),
                Err(_) => {}
            }
        }
        for tally in [structs.tally(), events.tally(), unaligned.tally()] {
            let sum = tally.good + tally.short + tally.long + tally.unknown;
            prop_assert_eq!(sum, all.len() as u64);
            prop_assert!(tally.longer + tally.extended <= tally.good);
        }
    }
}

fn fits_at_least(sample: &[u8], size: usize) -> bool {
    sample.len() >= size
}

fn fit(event: &Event) -> Fit {
    match event {
        Event::Sized(event) => event.fit(),
        Event::Short(event) => event.fit(),
        Event::Tag(event) => event.fit(),
    }
}

#[test]
fn each_record_is_counted_once() {
    let ring = SimRing::new(4096).unwrap();
    let samples: [&[u8]; 6] = [&[1; 24], &[1; 30], &[1; 20], &[1; 3], &[9; 24], &[]];
    for sample in samples {
        ring.producer().output(sample, Flags::ADAPTIVE).unwrap();
    }
    let mut consumer = ring.consumer().unwrap();
    let policies = [Lengths::Exact, Lengths::AtLeast, Lengths::ZeroExtend { least: 8 }];
    for (lengths, counts) in policies.into_iter().zip([
        // good, longer, extended, short, long, unknown
        [1, 0, 0, 3, 1, 1],
        [2, 1, 0, 3, 0, 1],
        [3, 1, 1, 2, 0, 1],
    ]) {
        let mut events = Reader::<Event>::new().with_lengths(lengths);
        assert_eq!(events.lengths(), lengths);
        let batch = consumer.batch();
        assert_eq!(events.records(&batch).filter(|event| event.is_ok()).count(), 6);
        batch.rewind();
        let tally = events.tally();
        let found = [tally.good, tally.longer, tally.extended];
        let refused = [tally.short, tally.long, tally.unknown];
        assert_eq!([found, refused].concat(), counts, "{events:?}");
    }
}

#[test]
fn events_of_a_batch_are_held_together() {
    let ring = SimRing::new(4096).unwrap();
    for number in 0..9_u64 {
        ring.producer().output(&number.to_ne_bytes(), Flags::ADAPTIVE).unwrap();
    }
    let mut consumer = ring.consumer().unwrap();
    let batch = consumer.batch();
    let mut numbers = Reader::<u64>::new();
    let held: Vec<_> = numbers.records(&batch).map(|number| number.unwrap().unwrap()).collect();
    assert!(held.iter().map(|number| **number).eq(0..9));
    assert!(held.iter().all(|number| number.in_place().is_some()), "nothing was copied");
}

#[test]
fn a_corrupt_ring_ends_the_records() {
    use ringbuf_core::{Header, PageOffset, ProducerMemory, RingMemory};
    let ring = SimRing::new(4096).unwrap();
    for _ in 0..2 {
        ring.producer().output(&[1; 24], Flags::ADAPTIVE).unwrap();
    }
    let mut consumer = ring.consumer().unwrap();
    let (memory, second) = (ring.producer_memory(), consumer.position().advance(32, WIDTH));
    let second = second.offset(memory.capacity());
    // SAFETY: nobody reads while this stray producer writes.
    unsafe { memory.write_header(second, Header::from_bits(1 << 20), PageOffset::NONE) };
    let mut events = Reader::<Event>::new();
    let batch = consumer.batch();
    let found: Vec<_> =
        events.records(&batch).map(|event| event.map(|event| event.is_ok())).collect();
    assert_eq!((found.len(), found[0], found[1].is_err()), (2, Ok(true), true));
    assert_eq!(events.tally().good, 1);
}

const WIDTH: ringbuf_core::Width = ringbuf_core::Width::Bits64;

#[test]
fn a_tag_is_a_number_of_the_machine() {
    records! {
        enum Numbers: u32 { 0x0102_0304 => One(u32), 5 => Other([u8; 4]) }
    }
    let mut events = Reader::<Numbers>::new();
    let [one, other] = [0x0102_0304_u32, 5].map(u32::to_ne_bytes);
    let Ok(Numbers::One(number)) = events.take(&one) else { panic!("{events:?}") };
    assert_eq!(*number, 0x0102_0304);
    let Ok(Numbers::Other(bytes)) = events.take(&other) else { panic!("{events:?}") };
    assert_eq!(*bytes, other);
    let unknown = events.take(&0x0403_0201_u32.to_ne_bytes()).map(drop);
    assert!(matches!(unknown, Err(Misfit::UnknownTag { tag: 0x0403_0201, .. })), "{unknown:?}");
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let mut events = Reader::<Event>::new().with_lengths(Lengths::Exact);
    let mut text = |sample: &[u8]| format!("{:?}", events.take(sample).unwrap_err());
    for (sample, parts) in [
        (&[1; 3][..], ["has 3 bytes, but its type needs 24", "ZeroExtend"]),
        (&[1; 1], ["has 1 bytes, but its type needs 2", "check"]),
        (&[2; 5], ["has 5 bytes, but its type has 4", "AtLeast"]),
        (&[9; 9], ["unknown tag 2313", "records!"]),
    ] {
        let text = text(sample);
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    assert!(AlignedBytes::from_slice(&[]).is_none_or(|empty| empty.cast::<u8>().is_err()));
}
