//! Simulated machines: each width, page size and byte order gives the results of the live
//! kernels (docs/architectures.md), on any machine.

use std::ops::ControlFlow;

use ringbuf_core::{CapacityError, Next, Wakeup, Width};
use ringbuf_sim::{
    ByteOrder, Flags, OutputError, PendingPos, Profile, Refused, SimError, SimRing, SimUserRing,
};

const MIB: u64 = 1 << 20;
const SIZES: [u64; 3] = [4 << 10, 16 << 10, 64 << 10];
const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

/// Returns every machine that this process can simulate.
fn machines() -> impl Iterator<Item = Profile> {
    let widths = [Width::Bits32, Width::Bits64];
    let all = widths.into_iter().flat_map(|width| ORDERS.map(|order| (width, order)));
    let all = all.filter(|&(width, order)| {
        usize::BITS == 64 || width == Width::Bits32 || order == ByteOrder::NATIVE
    });
    all.flat_map(|(width, order)| {
        let machine = Profile::NEWEST.width(width).byte_order(order);
        SIZES.map(|size| machine.page_size(size))
    })
}

/// Returns the 32-bit words of the data at these places, in the byte order of the machine.
fn words<const N: usize>(data: &[u8], order: ByteOrder, at: [usize; N]) -> [u32; N] {
    at.map(|at| {
        let bytes = data[at..at + 4].try_into().unwrap();
        match order {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        }
    })
}

/// The operations of `portable`'s vectors, which run live on each machine of `cargo xtask
/// matrix --arch all`.
#[test]
fn operations_write_the_documented_words() {
    for machine in machines() {
        let ring = SimRing::with_profile(64 << 10, machine).unwrap();
        let program = ring.producer();
        program.reserve(24).unwrap().submit(Flags::ADAPTIVE);
        program.output(b"hello", Flags::ADAPTIVE).unwrap();
        program.reserve(9).unwrap().discard(Flags::ADAPTIVE);
        let pages = ring.pages();
        let positions = (pages.consumer, pages.producer, pages.pending);
        assert_eq!(positions, (0, 0x48, 0x30), "{machine:?}");
        let headers = words(&pages.data, machine.byte_order, [0, 0x20, 0x30, 4, 0x24, 0x34]);
        assert_eq!(headers, [24, 5, 0x4000_0009, 3, 3, 3], "{machine:?}");
        assert_eq!(&pages.data[0x28..0x2d], b"hello");

        let mut reader = ring.consumer().unwrap();
        assert_eq!(reader.lag(), Ok(0x48));
        let batch = reader.batch();
        let Ok(Next::Record(first)) = batch.next() else { panic!("the first record") };
        assert_eq!(first.len(), 24);
        let Ok(Next::Record(second)) = batch.next() else { panic!("the second record") };
        assert_eq!(&second[..], b"hello");
        assert!(matches!(batch.next(), Ok(Next::Empty)));
        drop(batch);
        assert_eq!(ring.pages().consumer, 0x48, "{machine:?}");
        assert_eq!([0, 1, 2, 3].map(|kind| program.query(kind)), [0, 64 << 10, 0x48, 0x48]);
    }
}

/// Each header holds its distance from the kernel's structure, in pages of that machine.
#[test]
fn headers_count_pages_of_the_machine() {
    for machine in machines() {
        let ring = SimRing::with_profile(64 << 10, machine).unwrap();
        let program = ring.producer();
        (0..3).for_each(|_| program.reserve((16 << 10) - 8).unwrap().submit(Flags::ADAPTIVE));
        let data = ring.pages().data;
        let found = words(&data, machine.byte_order, [4, (16 << 10) + 4, (32 << 10) + 4]);
        let want = match machine.page_size {
            Some(0x1000) => [3, 7, 11],
            Some(0x4000) => [3, 4, 5],
            _ => [3, 3, 3],
        };
        assert_eq!(found, want, "{machine:?}");
    }
}

#[test]
fn the_smallest_ring_is_a_page_of_the_machine() {
    let profile = Profile::NEWEST.page_size(64 << 10);
    for bytes in [4 << 10, 32 << 10] {
        let error = SimRing::with_profile(bytes, profile).unwrap_err();
        let below = CapacityError::BelowPage { bytes, page_size: 64 << 10 };
        assert!(matches!(error, SimError::Capacity(is) if is == below), "{error}");
        let error = SimUserRing::with_profile(bytes, profile).unwrap_err();
        assert!(matches!(error, SimError::Capacity(is) if is == below), "{error}");
    }
    let odd = SimRing::with_profile(64 << 10, Profile::NEWEST.page_size(5000)).unwrap_err();
    assert!(odd.to_string().contains("5000 is not a page size"), "{odd}");
    let ring = SimRing::with_profile(64 << 10, Profile::NEWEST.page_size(4096)).unwrap();
    assert_eq!(ring.pages().data.len(), 64 << 10);
}

#[test]
fn halves_of_positions_in_the_other_order_are_refused() {
    let [other] = ORDERS.into_iter().filter(|o| *o != ByteOrder::NATIVE).collect::<Vec<_>>()[..]
    else {
        panic!("two orders")
    };
    let foreign = Profile::NEWEST.byte_order(other);
    match SimRing::with_profile(64 << 10, foreign) {
        Ok(_) => assert_eq!(usize::BITS, 64),
        Err(error) => {
            assert!(usize::BITS == 32 && matches!(error, SimError::ByteOrder), "{error}");
            assert!(error.to_string().contains("simulate a 32-bit kernel"), "{error}");
        }
    }
    SimRing::with_profile(64 << 10, foreign.width(Width::Bits32)).unwrap();
}

/// Returns a ring of 4 MiB after records of 1 MiB up to this position, all of them read.
fn near_the_end(pending_pos: PendingPos, width: Width, order: ByteOrder) -> SimRing {
    let profile = Profile::NEWEST.width(width).byte_order(order).pending_pos(pending_pos);
    let ring = SimRing::started_at(4 * MIB, profile, (1 << 32) - 2 * MIB).unwrap();
    for number in 0..3 {
        assert_eq!(send(&ring, MIB - 8), Ok(()), "record {number}");
        assert_eq!(read(&ring), 1);
    }
    ring
}

fn send(ring: &SimRing, len: u64) -> Result<(), Refused> {
    ring.producer().reserve(len).map(|record| record.submit(Flags::ADAPTIVE))
}

fn read(ring: &SimRing) -> u64 {
    let mut reader = ring.consumer().unwrap();
    let batch = reader.batch();
    while let Next::Record(_) = batch.next().unwrap() {}
    batch.delivered()
}

/// As seen live on i386 (6.1.176) and armhf (6.12.107): after 2^32 bytes the pending position
/// stays at 0xfff00000. A ring of 4 MiB that is empty at 0x200000 then accepts 65535 records of
/// 16 bytes, and no more.
#[test]
fn a_kernel_that_compares_positions_refuses_permanently_after_2_32() {
    for order in ORDERS {
        let ring = near_the_end(PendingPos::Compared, Width::Bits32, order);
        assert_eq!((ring.pages().producer, ring.pages().pending), (MIB, 0xfff0_0000));
        assert_eq!(send(&ring, MIB - 8), Ok(()));
        assert_eq!(read(&ring), 1);
        let pages = ring.pages();
        assert_eq!((pages.consumer, pages.producer), (2 * MIB, 2 * MIB));
        assert_eq!(send(&ring, MIB - 8), Err(Refused::PendingInTheWay));
        for number in 0..65535 {
            assert_eq!(send(&ring, 8), Ok(()), "record {number}");
            assert_eq!(read(&ring), 1);
        }
        for _ in 0..100 {
            assert_eq!(send(&ring, 8), Err(Refused::PendingInTheWay));
        }
        let output = ring.producer().output(&[0; 8], Flags::ADAPTIVE);
        assert_eq!(output, Err(OutputError::Refused(Refused::PendingInTheWay)));
        assert_eq!(ring.pages().pending, 0xfff0_0000);
        assert_eq!(ring.consumer().unwrap().lag(), Ok(0), "it is empty");
    }
}

#[test]
fn others_live_on() {
    let others = [
        (PendingPos::Modular, Width::Bits32, 0x70_0000),
        (PendingPos::Absent, Width::Bits32, 0),
        (PendingPos::Compared, Width::Bits64, 0x1_0070_0000),
    ];
    for (pending_pos, width, pending) in others {
        let ring = near_the_end(pending_pos, width, ByteOrder::NATIVE);
        for _ in 0..7 {
            assert_eq!(send(&ring, MIB - 8), Ok(()));
            assert_eq!(read(&ring), 1);
        }
        let produced = if width == Width::Bits32 { 8 * MIB } else { (1 << 32) + 8 * MIB };
        assert_eq!((ring.pages().producer, ring.pages().pending), (produced, pending));
    }
}

/// Golden vectors 01 and 02: the pending position moves with the second reservation.
#[test]
fn kernels_without_a_pending_position_store_none() {
    for (pending_pos, pending) in
        [(PendingPos::Absent, 0), (PendingPos::Compared, 16), (PendingPos::Modular, 16)]
    {
        let profile = Profile::NEWEST.pending_pos(pending_pos);
        let ring = SimRing::with_profile(64 << 10, profile).unwrap();
        for end in [16, 32] {
            ring.producer().output(&[0; 8], Flags::ADAPTIVE).unwrap();
            assert_eq!(ring.pages().producer, end);
        }
        assert_eq!(ring.pages().pending, pending);
    }
}

/// Every 32-bit kernel treats samples beyond 2^32 in a user ring as drained.
#[test]
fn a_user_ring_of_a_32_bit_kernel_ends_at_2_32() {
    for machine in machines().filter(|machine| machine.page_size == Some(0x1000)) {
        let start = (1 << 32) - 48;
        let ring = SimUserRing::started_at(64 << 10, machine, start).unwrap();
        let producer = ring.producer().unwrap();
        let mut drained = 0;
        let mut step = || {
            producer.reserve(8).unwrap().submit();
            let count = ring.drain(Flags::ADAPTIVE, |sample| {
                assert_eq!(sample.len(), 8);
                ControlFlow::Continue(())
            });
            drained += count.unwrap();
            drained
        };
        let want = if machine.width == Width::Bits32 { [1, 2, 2, 2] } else { [1, 2, 3, 4] };
        assert_eq!([step(), step(), step(), step()], want, "{machine:?}");
        let pages = ring.pages();
        let header = words(&pages.data, machine.byte_order, [(64 << 10) - 48]);
        assert_eq!(header, [8], "{machine:?}");
    }
}

/// A position too wide for the kernel is reduced, and one between words is rounded down.
#[test]
fn a_start_is_reduced_to_the_width_of_the_machine() {
    for (width, start) in [(Width::Bits32, 0x89ab_cde8), (Width::Bits64, 0x5_89ab_cde8)] {
        let machine = Profile::from(width);
        let ring = SimRing::started_at(64 << 10, machine, 0x5_89ab_cdef).unwrap();
        let pages = ring.pages();
        assert_eq!([pages.consumer, pages.producer, pages.pending], [start; 3]);
        let without = machine.pending_pos(PendingPos::Absent);
        let pages = SimRing::started_at(64 << 10, without, start).unwrap().pages();
        assert_eq!([pages.consumer, pages.producer, pages.pending], [start, start, 0]);
        let user = SimUserRing::started_at(64 << 10, machine, 0x5_89ab_cdef).unwrap();
        let pages = user.pages();
        assert_eq!([pages.consumer, pages.producer], [start; 2]);
        assert_eq!(user.consumer_pos().get(), start);
    }
}

/// One position past 2^32, the other before it.
#[test]
fn unread_bytes_are_counted_across_the_wrap() {
    for machine in machines().filter(|machine| machine.page_size == Some(0x1000)) {
        let ring = SimRing::started_at(64 << 10, machine, (1 << 32) - 8).unwrap();
        send(&ring, 16).unwrap();
        assert_eq!(ring.producer().query(0), 24, "{machine:?}");
        assert_eq!(ring.consumer().unwrap().lag(), Ok(24));
        let ring = SimUserRing::started_at(64 << 10, machine, (1 << 32) - 8).unwrap();
        let producer = ring.producer().unwrap();
        producer.reserve(16).unwrap().submit();
        assert!(ring.is_writable(), "{machine:?}");
        producer.reserve((64 << 10) - 24 - 8).unwrap().submit();
        assert!(!ring.is_writable(), "full to the last byte: {machine:?}");
    }
}

/// A page of the simulated machine may be smaller than a page of this machine, but a ring may
/// not.
#[test]
fn no_ring_is_smaller_than_a_page_of_this_machine() {
    let error = SimRing::with_profile(2048, Profile::NEWEST.page_size(2048)).unwrap_err();
    assert!(matches!(error, SimError::Capacity(CapacityError::BelowPage { .. })), "{error}");
}

#[test]
fn a_wait_for_space_without_timeout_ends_with_space() {
    let ring = SimUserRing::new(64 << 10).unwrap();
    let producer = ring.producer().unwrap();
    let ended = producer.wait_for_room(8, None).unwrap();
    assert_eq!(ended, Wakeup::Ready);
}

/// Bytes lent for writing are not read through the same addresses: the compiler may delay a
/// store to them, and this test must see it.
#[test]
fn pages_show_the_bytes_of_an_open_reservation() {
    let ring = SimRing::new(64 << 10).unwrap();
    let program = ring.producer();
    let mut open = program.reserve(8).unwrap();
    open.copy_from_slice(b"abcdefgh");
    let pages = ring.pages();
    assert_eq!((&pages.data[8..16], pages.pending), (&b"abcdefgh"[..], 0));
    open.submit(Flags::ADAPTIVE);
}
