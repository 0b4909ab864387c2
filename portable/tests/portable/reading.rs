//! Every record once, in order, unharmed; a ring that is busy or full; a reader that comes back.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use ringbuf_kernel::{Armed, Next, RingBuf};
use ringbuf_portable::{End, hold, live, output, page_size, reserve, watchdog};

use crate::{numbers, position, ring};

const LAPS: usize = 40;
/// The number of attempts to find a busy record: the reader may have no processor meanwhile.
const TURNS: u64 = 200_000;

#[test]
fn forty_laps_arrive_once_and_in_order() {
    if !live("reading::laps") {
        return;
    }
    let page = page_size();
    let map = ring(page);
    let mut reader = RingBuf::open(&map).unwrap();
    // The footprint is not a power of two, so records begin, and wrap, at every place.
    let len = page as u32 / 16;
    let footprint = len as usize + 8;
    let [submit, discard] =
        [End::Submit, End::Discard].map(|end| reserve(&map, len, end, 0).unwrap());
    let (mut next, mut written) = (0, 0);
    for number in 0..(LAPS * page / footprint) as u64 {
        let program = if number % 5 == 4 { &discard } else { &submit };
        assert_eq!(program.run(number << 32 | number), 1, "record {number}");
        written += u64::from(number % 5 != 4);
        if number % 7 != 0 {
            continue;
        }
        let batch = reader.batch();
        while let Next::Record(record) = batch.next().unwrap() {
            next += u64::from(next % 5 == 4);
            let want = (next << 32 | next).to_ne_bytes();
            assert_eq!(record.len(), len as usize);
            assert_eq!((&record[..8], &record[len as usize - 8..]), (&want[..], &want[..]));
            next += 1;
        }
        drop(batch);
        assert_eq!(reader.counts().delivered, written, "after record {number}");
    }
    assert!(reader.position().get() > ((LAPS - 1) * page) as u64);
}

#[test]
fn two_producers_and_a_reader_at_once() {
    const EACH: u64 = 4000;
    if !live("reading::two_producers") {
        return;
    }
    let map = ring(page_size());
    let mut reader = RingBuf::open(&map).unwrap();
    let programs = [24, 40].map(|len| reserve(&map, len, End::Submit, 0).unwrap());
    let mut seen = [0, 0];
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Without a reader they would wait for space for ever.
        let _over = SetOnDrop(&over);
        for (who, program) in (0_u64..).zip(&programs) {
            let over = &over;
            scope.spawn(move || {
                for number in 0..EACH {
                    while program.run(who << 32 | number) == 0 && !over.load(Relaxed) {
                        thread::yield_now();
                    }
                }
            });
        }
        let _hangs = watchdog("reading::two_producers");
        while seen != [EACH, EACH] {
            for number in numbers(&mut reader) {
                let who = (number >> 32) as usize;
                assert_eq!(number & 0xffff_ffff, seen[who], "of producer {who}");
                seen[who] += 1;
            }
        }
    });
    assert_eq!(numbers(&mut reader), []);
    assert_eq!(reader.counts().delivered, 2 * EACH);
    assert_eq!(reader.position().get(), position(EACH * (32 + 48)));
}

/// The end of the scope is reported, also after a panic.
struct SetOnDrop<'f>(&'f AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn a_busy_record_holds_back_what_is_behind_it() {
    if !live("reading::busy") {
        return;
    }
    let map = ring(page_size());
    let mut reader = RingBuf::open(&map).unwrap();
    let programs = [End::Submit, End::Discard].map(|end| hold(&map, end).unwrap());
    let (mut seen_busy, mut number) = (0, 0);
    while seen_busy < 2 {
        assert!(number < TURNS, "never seen busy in {TURNS} turns");
        number += 1;
        let program = &programs[(number % 2) as usize];
        thread::scope(|scope| {
            let holder = scope.spawn(move || program.run(number));
            let mut busy = false;
            while !holder.is_finished() {
                let batch = reader.batch();
                match batch.next().unwrap() {
                    Next::Busy => busy = true,
                    Next::Empty => {}
                    Next::Record(record) => {
                        assert_eq!(record[..], number.to_ne_bytes());
                        batch.rewind();
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(holder.join().unwrap(), 1);
            seen_busy += i32::from(busy);
        });
        let want: &[u64] = if number % 2 == 0 { &[number] } else { &[] };
        assert_eq!(numbers(&mut reader), want);
        assert_eq!(reader.arm(), Armed::Sleep);
    }
}

#[test]
fn a_full_ring_refuses_until_it_is_read() {
    const EAGAIN: i32 = -11;
    if !live("reading::full") {
        return;
    }
    let page = page_size();
    let map = ring(page);
    let mut reader = RingBuf::open(&map).unwrap();
    let program = reserve(&map, 120, End::Submit, 0).unwrap();
    let small = output(&map, 8, 0).unwrap();
    for round in 0..3 {
        let mut accepted = 0;
        while program.run(accepted) == 1 {
            accepted += 1;
        }
        // One byte always stays free, so the last of the records of 128 does not fit.
        assert_eq!(accepted, page as u64 / 128 - 1, "round {round}");
        while small.run(accepted) == 0 {
            accepted += 1;
        }
        assert_eq!(small.run(0), EAGAIN);
        assert_eq!(reader.lag().unwrap(), page as u64 - 16);
        assert_eq!(reader.arm(), Armed::Ready);
        assert_eq!(numbers(&mut reader), (0..accepted).collect::<Vec<_>>());
        assert_eq!(reader.lag().unwrap(), 0);
    }
}

#[test]
fn a_reader_goes_on_where_the_last_one_stopped() {
    if !live("reading::restart") {
        return;
    }
    let map = ring(page_size());
    let program = reserve(&map, 24, End::Submit, 0).unwrap();
    let mut reader = RingBuf::open(&map).unwrap();
    (0..4).for_each(|number| assert_eq!(program.run(number), 1));
    let batch = reader.batch();
    for _ in 0..2 {
        assert!(matches!(batch.next(), Ok(Next::Record(_))));
    }
    drop(batch);
    let batch = reader.batch();
    assert!(matches!(batch.next(), Ok(Next::Record(_))));
    batch.rewind();
    drop(reader);
    let mut reader = RingBuf::open(&map).unwrap();
    assert_eq!(program.run(4), 1);
    assert_eq!(reader.position().get(), 64);
    assert_eq!(numbers(&mut reader), [2, 3, 4], "what was kept comes again");
    let id = reader.id();
    drop(reader);
    assert_eq!(RingBuf::from_id(id).unwrap().lag().unwrap(), 0);
}
