//! Each access reaches the right word, over plain memory.

use super::pages::{low_word, near};
use super::*;

const CAPACITY: usize = 64;

/// Both pages, and the data twice, in words that only one thread uses. The second
/// copy is not a mirror.
type Memory = [u64; 4 + 2 * CAPACITY / 8];

/// Consumer page, producer page and data. The compiler must not know their
/// addresses, as with mapped memory. If it sees that half a word is not aligned for
/// the whole, it calls a library that nobody links for the store of the other
/// width, which never runs.
fn places(memory: &mut Memory) -> [NonNull<u8>; 3] {
    let start = core::hint::black_box(NonNull::from(memory)).cast::<u8>();
    // SAFETY: inside the memory, which has space for both pages and the data.
    [0, 16, 32].map(|at| unsafe { start.byte_add(at) })
}

fn producer(memory: &mut Memory, width: Width) -> MappedProducer<()> {
    let [consumer, producer, data] = places(memory);
    let capacity = Capacity::new(64, 32).unwrap();
    // SAFETY: M1 and M2, except for the mirror; the memory outlives the view.
    unsafe { MappedProducer::new(consumer, producer, data, capacity, width, ()) }
}

fn consumer(memory: &mut Memory, width: Width) -> MappedConsumer<()> {
    let [consumer, producer, data] = places(memory);
    let capacity = Capacity::new(64, 32).unwrap();
    // SAFETY: as above.
    unsafe { MappedConsumer::new(consumer, producer, data, capacity, width, ()) }
}

/// Returns both halves of a word in memory order.
fn halves(word: u64) -> [u32; 2] {
    let bytes = word.to_ne_bytes();
    [&bytes[..4], &bytes[4..]].map(|half| u32::from_ne_bytes(half.try_into().unwrap()))
}

#[test]
fn each_store_goes_to_its_own_word() {
    for width in [Width::Bits64, Width::Bits32] {
        let mut memory: Memory = [0; 20];
        let view = producer(&mut memory, width);
        let position = |value| Position::new(value, width);
        // SAFETY: P1: nothing else uses this memory.
        unsafe { view.store_producer_pos(position(7), Ordering::Release) };
        view.store_pending_pos(position(9), Ordering::Release);
        assert_eq!(view.initial_producer_pos(), position(7));
        assert_eq!(view.load_consumer_pos(Ordering::Acquire), position(0));
        let at = position(24).offset(view.capacity());
        // SAFETY: P1 as above.
        unsafe { view.write_header(at, Header::from_bits(1), PageOffset::of(at, 32)) };
        // SAFETY: no other sample is lent.
        unsafe { view.sample_mut(at, SampleLen::new(8).unwrap()) }.fill(0xff);
        // SAFETY: no sample covers the header.
        let word = unsafe { view.header_word(at) }.load(Ordering::Relaxed);
        assert_eq!((word, view.capacity().bytes(), view.width()), (1, 64, width));
        match width {
            Width::Bits64 => assert_eq!(memory[2..4], [7, 9]),
            Width::Bits32 => assert_eq!((halves(memory[2]), memory[3]), ([7, 9], 0)),
        }
        assert_eq!((halves(memory[7]), memory[8]), ([1, 3], u64::MAX));
        for rest in [&memory[..2], &memory[4..7], &memory[9..]] {
            assert!(rest.iter().all(|word| *word == 0));
        }
    }
}

#[test]
fn the_pending_position_is_the_second_word_at_both_widths() {
    for width in [Width::Bits64, Width::Bits32] {
        let mut memory: Memory = [u64::MAX; 20];
        let pending = Position::new(0x1_2345_6789 << 3, width);
        producer(&mut memory, width).store_pending_pos(pending, Ordering::Relaxed);
        let view = consumer(&mut memory, width);
        assert_eq!(view.pending_pos_low(), 0x1a2b_3c48, "{width:?}");
        assert_eq!((view.capacity().bytes(), view.width()), (64, width));
    }
}

#[test]
fn the_low_word_is_the_low_word() {
    let mut value = 0x0123_4567_89ab_cdef_u64;
    let word = low_word(NonNull::from(&mut value));
    assert_eq!(word.load(Ordering::Relaxed), 0x89ab_cdef);
}

#[test]
fn a_low_word_is_completed_from_a_position_nearby() {
    const RING: u64 = 1 << 30;
    for own in [0, 8, RING, (1 << 32) - 8, 1 << 32, (7 << 32) + RING, u64::MAX - 7] {
        for ahead in [0, 8, RING - 8, RING] {
            let other = own.wrapping_add(ahead);
            assert_eq!(near(own, other as u32), other, "{ahead} ahead of {own:#x}");
            assert_eq!(near(other, own as u32), own, "{ahead} behind {other:#x}");
        }
    }
}

#[test]
fn a_consumer_reads_its_own_word() {
    for width in [Width::Bits64, Width::Bits32] {
        let mut memory: Memory = [0; 20];
        let view = consumer(&mut memory, width);
        let position = |value| Position::new(value, width);
        assert_eq!(view.initial_consumer_pos(), position(0));
        // SAFETY: C1: nothing else uses this memory, and no sample is lent.
        unsafe { view.store_consumer_pos(position(0x1_0000_0018), Ordering::Release) };
        assert_eq!(view.stored_consumer_pos(), position(0x1_0000_0018));
        assert_eq!(view.load_producer_pos(Ordering::Acquire), position(0));
        assert!(view.is_owned());
        let want = if width == Width::Bits64 { 0x1_0000_0018 } else { 0x18 };
        let stored = match width {
            Width::Bits64 => memory[0],
            Width::Bits32 => u64::from(halves(memory[0])[0]),
        };
        assert_eq!(stored, want);
        assert!(memory[1..].iter().all(|word| *word == 0));
    }
}
