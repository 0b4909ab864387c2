//! The reader, one case at a time.

use std::time::Duration;

use ringbuf_core::{
    Armed, Corrupt, CorruptReason, NextCopy, OverwriteMemory, OverwriteReader, Position,
    ProducersStopped, Tso, Wakeup, Width,
};
use ringbuf_sim::{
    ByteOrder, Flags, Profile, SimError, SimOverwriteMemory, SimRing, StoreOrder, VirtualTime,
};

type Reader = OverwriteReader<SimOverwriteMemory, Tso>;

fn ring() -> SimRing {
    SimRing::overwriting(4096, Profile::NEWEST.page_size(4096)).unwrap()
}

fn write(ring: &SimRing, numbers: std::ops::Range<u64>) {
    for number in numbers {
        ring.producer().output(&number.to_ne_bytes(), Flags::ADAPTIVE).unwrap();
    }
}

fn number(next: NextCopy<'_>) -> u64 {
    let NextCopy::Record(record) = next else { panic!("a record, not {next:?}") };
    u64::from_ne_bytes(record.sample.try_into().unwrap())
}

fn read_all(reader: &mut Reader) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut buffer = [0; 8];
    loop {
        match reader.next_copy(&mut buffer).unwrap() {
            NextCopy::Empty => return numbers,
            next => numbers.push(number(next)),
        }
    }
}

/// The ring holds 255 records of 16 bytes.
#[test]
fn a_reader_that_was_overtaken_goes_on_at_the_oldest_record() {
    for (profile, start) in [
        (Profile::NEWEST, 0),
        (Profile::from(Width::Bits32), 0xffff_f000),
        (Profile::NEWEST.byte_order(ByteOrder::Big), u64::MAX - 2047),
    ] {
        let ring = SimRing::overwriting_at(4096, profile.page_size(4096), start).unwrap();
        let mut reader = ring.overwrite_reader().unwrap();
        write(&ring, 0..10);
        assert_eq!(read_all(&mut reader), (0..10).collect::<Vec<_>>());
        write(&ring, 10..1000);
        let NextCopy::Lost(lost) = reader.next_copy(&mut [0; 8]).unwrap() else { panic!() };
        assert_eq!(lost.bytes, (1000 - 255 - 10) * 16);
        assert_eq!(lost.position, Position::new(start + 160, profile.width));
        assert_eq!(read_all(&mut reader), (745..1000).collect::<Vec<_>>());
        let counts = reader.counts();
        assert_eq!((counts.delivered, counts.overtaken, counts.lost_bytes), (265, 1, lost.bytes));
        assert!(counts.to_string().contains("265 delivered"), "{counts}");
    }
}

#[test]
fn a_snapshot_leaves_everything_where_it_is_and_ends() {
    let ring = ring();
    write(&ring, 0..300);
    let mut reader = ring.overwrite_reader().unwrap();
    let mut buffer = [0; 8];
    for _ in 0..2 {
        let mut snapshot = reader.snapshot().unwrap();
        assert_eq!((snapshot.left(), snapshot.counts().lost_bytes), (4080, 45 * 16));
        let mut numbers = Vec::new();
        for _ in 0..255 {
            numbers.push(number(snapshot.next_copy(&mut buffer).unwrap()));
        }
        assert_eq!(numbers, (45..300).collect::<Vec<_>>());
        assert_eq!(snapshot.next_copy(&mut buffer), Ok(NextCopy::Empty));
    }
    // What is written later is not part of it, and what is lost has its place.
    let mut snapshot = reader.snapshot().unwrap();
    assert_eq!(number(snapshot.next_copy(&mut buffer).unwrap()), 45);
    write(&ring, 300..310);
    let NextCopy::Lost(lost) = snapshot.next_copy(&mut buffer).unwrap() else { panic!() };
    assert_eq!(lost.bytes, 9 * 16);
    for want in 55..300 {
        assert_eq!(number(snapshot.next_copy(&mut buffer).unwrap()), want);
    }
    assert_eq!(snapshot.next_copy(&mut buffer), Ok(NextCopy::Empty));
    // All of it is gone.
    let mut snapshot = reader.snapshot().unwrap();
    write(&ring, 310..1000);
    let NextCopy::Lost(lost) = snapshot.next_copy(&mut buffer).unwrap() else { panic!() };
    assert_eq!(lost.bytes, 4080);
    assert_eq!(snapshot.next_copy(&mut buffer), Ok(NextCopy::Empty));
    // The reader has not moved.
    assert_eq!(reader.position().get(), 0);
    reader.rewind().unwrap();
    assert_eq!(read_all(&mut reader), (745..1000).collect::<Vec<_>>());
    reader.rewind().unwrap();
    assert_eq!(read_all(&mut reader).len(), 255);
    write(&ring, 1000..1010);
    reader.skip_all().unwrap();
    assert_eq!((read_all(&mut reader), reader.counts().lost_bytes), (vec![], 160));
}

#[test]
fn a_busy_record_stops_the_reader_and_not_a_snapshot() {
    let ring = ring();
    let program = ring.producer();
    write(&ring, 0..2);
    let mut held = program.reserve(8).unwrap();
    write(&ring, 3..5);
    program.reserve(100).unwrap().discard(Flags::ADAPTIVE);
    write(&ring, 5..6);
    let mut reader = ring.overwrite_reader().unwrap();
    let mut buffer = [0; 8];
    for want in 0..2 {
        assert_eq!(number(reader.next_copy(&mut buffer).unwrap()), want);
    }
    assert_eq!(reader.next_copy(&mut buffer), Ok(NextCopy::Busy));
    assert_eq!((reader.is_ready(), reader.arm()), (false, Armed::Sleep));
    let mut snapshot = reader.snapshot().unwrap();
    for want in 3..6 {
        assert_eq!(number(snapshot.next_copy(&mut buffer).unwrap()), want);
    }
    assert_eq!(snapshot.next_copy(&mut buffer), Ok(NextCopy::Empty));
    let counts = snapshot.counts();
    assert_eq!((counts.delivered, counts.busy, counts.discarded), (3, 1, 1));
    assert_eq!((counts.busy_bytes, counts.discarded_bytes), (16, 112));
    held.copy_from_slice(&2_u64.to_ne_bytes());
    // The consumer position is at the busy record, so its commit notifies.
    let before = ring.notifications();
    held.submit(Flags::ADAPTIVE);
    assert_eq!((ring.notifications() - before, reader.arm()), (1, Armed::Ready));
    assert_eq!(read_all(&mut reader), [2, 3, 4, 5]);
}

#[test]
fn a_buffer_that_is_too_small_is_told_the_size() {
    let ring = ring();
    ring.producer().output(&[7; 100], Flags::ADAPTIVE).unwrap();
    ring.producer().output(&[], Flags::ADAPTIVE).unwrap();
    let mut reader = ring.overwrite_reader().unwrap();
    let mut buffer = vec![0; 99];
    assert!(matches!(reader.next_copy(&mut buffer), Ok(NextCopy::TooSmall { needs: 100, .. })));
    assert!(matches!(reader.next_copy(&mut []), Ok(NextCopy::TooSmall { needs: 100, .. })));
    assert!(reader.is_ready());
    buffer.resize(100, 0);
    let NextCopy::Record(record) = reader.next_copy(&mut buffer).unwrap() else { panic!() };
    assert_eq!(record[..], [7; 100]);
    let NextCopy::Record(record) = reader.next_copy(&mut []).unwrap() else { panic!() };
    assert_eq!((record.len(), record.position.get()), (0, 112));
    assert_eq!(reader.next_copy(&mut []), Ok(NextCopy::Empty));
}

#[test]
fn publishing_moves_the_consumer_position_and_the_next_reader_goes_on_there() {
    let ring = ring();
    write(&ring, 0..1000);
    let mut reader = ring.overwrite_reader().unwrap();
    assert!(matches!(reader.next_copy(&mut [0; 8]), Ok(NextCopy::Lost(_))));
    assert_eq!(number(reader.next_copy(&mut [0; 8]).unwrap()), 745);
    assert_eq!(ring.producer().query(0), 4080);
    reader.publish();
    assert_eq!(ring.producer().query(0), 4080 - 16);
    drop(reader);
    let mut reader = ring.overwrite_reader().unwrap();
    assert_eq!(number(reader.next_copy(&mut [0; 8]).unwrap()), 746);
    drop(reader);
    // A position that no reader came to: it starts at the oldest record.
    for forged in [16_008, 20_000, 4, 16_001] {
        let memory = ring.overwrite_memory().unwrap();
        let position = Position::new(forged, Width::Bits64);
        memory.store_consumer_pos(position, std::sync::atomic::Ordering::Relaxed);
        drop(memory);
        let mut reader = ring.overwrite_reader().unwrap();
        assert_eq!(number(reader.next_copy(&mut [0; 8]).unwrap()), 745, "from {forged}");
    }
}

#[test]
fn waits_end_with_a_notification_or_the_time() {
    let ring = ring();
    let time = VirtualTime::new();
    let memory = ring.overwrite_memory_in(&time).unwrap();
    let tso = Tso::of(&memory).unwrap();
    let mut reader = OverwriteReader::new(memory, tso).unwrap();
    let second = Duration::from_secs(1);
    assert_eq!(reader.wait(Some(second)).unwrap(), Wakeup::TimedOut);
    let soon = Duration::from_millis(1); // reading the clock takes some virtual time
    assert!(time.now() >= second && time.now() < second + soon);
    // One record, which notifies a reader that has caught up; then many laps.
    for laps in [1, 300, 3000] {
        let program = ring.producer();
        time.at(time.now() + second, move |_| {
            for _ in 0..laps {
                program.output(&[1; 8], Flags::ADAPTIVE).unwrap();
            }
        });
        let begun = time.now();
        assert_eq!(reader.wait(None).unwrap(), Wakeup::Ready);
        assert!(time.now() - begun >= second - soon && time.now() - begun < second + soon);
        while !matches!(reader.next_copy(&mut [0; 8]), Ok(NextCopy::Empty)) {}
    }
}

/// What wakers ask for ends a wait, as for a consumer.
#[test]
fn wakers_end_waits() {
    let ring = ring();
    let waker = ring.waker();
    let mut reader = ring.overwrite_reader().unwrap();
    waker.wake();
    assert_eq!(reader.wait(None).unwrap(), Wakeup::Woken);
    // All that is there is delivered first; what comes later is not part of it.
    write(&ring, 0..2);
    waker.flush();
    assert_eq!(reader.wait(None).unwrap(), Wakeup::Ready);
    assert_eq!(number(reader.next_copy(&mut [0; 8]).unwrap()), 0);
    assert_eq!(reader.wait(None).unwrap(), Wakeup::Ready);
    write(&ring, 2..3);
    assert_eq!(number(reader.next_copy(&mut [0; 8]).unwrap()), 1);
    assert_eq!(reader.wait(None).unwrap(), Wakeup::Flushed);
    // Also if it was lost instead.
    waker.flush();
    assert_eq!(reader.wait(None).unwrap(), Wakeup::Ready);
    write(&ring, 3..1000);
    assert!(matches!(reader.next_copy(&mut [0; 8]), Ok(NextCopy::Lost(_))));
    assert_eq!(reader.wait(None).unwrap(), Wakeup::Flushed);
    reader.skip_all().unwrap();
    waker.set_deadline(Some(std::time::Instant::now()));
    assert_eq!(reader.wait(None).unwrap(), Wakeup::TimedOut);
    waker.set_deadline(None);
    waker.close();
    for _ in 0..2 {
        assert_eq!(reader.wait(None).unwrap(), Wakeup::Closed);
    }
}

/// A reader whose process has forked: the child is told, and stores nothing.
#[test]
fn a_child_of_fork_is_told() {
    let ring = ring();
    write(&ring, 0..2);
    let mut reader = ring.overwrite_reader().unwrap();
    assert_eq!(number(reader.next_copy(&mut [0; 8]).unwrap()), 0);
    // SAFETY: the child allocates nothing, and ends without the parent's exit handlers.
    let child = unsafe { libc::fork() };
    if child == 0 {
        reader.publish();
        let told =
            matches!(reader.next_copy(&mut []), Err(Corrupt { reason: CorruptReason::Forked, .. }));
        let told = told && reader.snapshot().is_err() && reader.is_ready();
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!told)) };
    }
    let mut status = -1;
    // SAFETY: one number to write to, alive for the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!((status, ring.pages().consumer), (0, 0));
    assert_eq!(number(reader.next_copy(&mut [0; 8]).unwrap()), 1);
}

/// On a machine that does not keep stores in order, safe code needs more than `Tso`.
#[test]
fn a_weak_machine_needs_a_validator() {
    let ring = SimRing::overwriting(4096, Profile::NEWEST.store_order(StoreOrder::Any)).unwrap();
    write(&ring, 0..4);
    let error = ring.overwrite_reader().unwrap_err();
    assert!(matches!(error, SimError::NeedsValidator), "{error}");
    let memory = ring.overwrite_memory().unwrap();
    assert!(Tso::of(&memory).is_none());
    let even = |sample: &[u8]| sample[0] % 2 == 0;
    let mut reader = OverwriteReader::new(memory, even).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(number(reader.next_copy(&mut buffer).unwrap()), 0);
    let NextCopy::Lost(lost) = reader.next_copy(&mut buffer).unwrap() else { panic!() };
    assert_eq!((lost.bytes, lost.position.get()), (16, 16));
    assert_eq!(number(reader.next_copy(&mut buffer).unwrap()), 2);
    assert!(matches!(reader.next_copy(&mut buffer), Ok(NextCopy::Lost(_))));
    assert_eq!(reader.next_copy(&mut buffer), Ok(NextCopy::Empty));
    assert_eq!((reader.counts().rejected, reader.counts().lost_bytes), (2, 32));
    drop(reader);
    let mut reader =
        OverwriteReader::new(ring.overwrite_memory().unwrap(), ProducersStopped).unwrap();
    for want in 0..4 {
        assert_eq!(number(reader.next_copy(&mut buffer).unwrap()), want);
    }
}
