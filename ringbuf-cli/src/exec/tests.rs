//! Tests of the run loop, over rings that the test fills.

use ringbuf_core::{Consumer, Position, ProducerMemory, Width};
use ringbuf_sim::{Flags, KernelProducer, SimMemory, SimRing};

use super::*;

/// A ring that the test fills. Detaching produces one more record.
struct Filled {
    ring: SimRing,
    consumer: Consumer<SimMemory>,
    at_detach: Vec<u8>,
}

impl Source for Filled {
    type Memory = SimMemory;

    fn ring(&mut self) -> &mut Consumer<Self::Memory> {
        &mut self.consumer
    }
    fn detach(&mut self) {
        // Another thread may have filled the ring.
        let _full = self.ring.producer().output(&self.at_detach, Flags::ADAPTIVE);
    }
    fn failed(&self) -> u64 {
        0
    }
}

fn output(producer: &KernelProducer, record: &[u8]) {
    producer.output(record, Flags::ADAPTIVE).unwrap();
}

fn record(pid: u32) -> Vec<u8> {
    let (time_ns, filename) = (0, Ok(&b"/bin/x"[..]));
    Event { time_ns, pid, ppid: 1, uid: 0, comm: b"sh", filename }.encode()
}

fn filled(pids: std::ops::Range<u32>) -> Filled {
    let ring = SimRing::new(1 << 20).unwrap();
    pids.for_each(|pid| output(&ring.producer(), &record(pid)));
    Filled { consumer: ring.consumer().unwrap(), ring, at_detach: record(999_999) }
}

fn options(count: Option<u64>) -> Options {
    Options { format: Format::Columns, count, duration: None }
}

fn go(source: Filled, options: Options, stop: bool) -> (Summary, anyhow::Result<()>, String) {
    let mut out = Vec::new();
    let (summary, result) = run(source, options, &AtomicBool::new(stop), &mut out);
    (summary, result, String::from_utf8(out).unwrap())
}

#[test]
fn a_count_is_exact_and_leaves_the_rest_in_the_ring() {
    let (summary, result, out) = go(filled(0..5000), options(Some(4321)), false);
    result.unwrap();
    assert_eq!(out.lines().count(), 1 + 4321);
    assert_eq!(out.lines().last(), Some("4320     /bin/x"));
    assert_eq!((summary.tally.delivered, summary.tally.bytes), (4321, 4321 * 46));
    assert_eq!(summary.lag_bytes, Some((5000 - 4321 + 1) * 56));
}

#[test]
fn the_end_drains_the_ring() {
    let (summary, result, out) = go(filled(0..5000), options(None), true);
    result.unwrap();
    assert_eq!(out.lines().count(), 1 + 5001);
    assert_eq!(out.lines().last(), Some("999999   /bin/x"));
    assert_eq!(summary.lag_bytes, Some(0));
}

#[test]
fn a_duration_ends_the_run_while_records_arrive() {
    let soon = Options { duration: Some(Duration::from_millis(20)), ..options(None) };
    let source = filled(0..10);
    let (producer, done) = (source.ring.producer(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // A full ring is fine: the reader finds records.
                let _full = producer.output(&record(10), Flags::ADAPTIVE);
            }
        });
        let (summary, result, _) = go(source, soon, false);
        done.store(true, Ordering::Relaxed);
        result.unwrap();
        assert!(summary.tally.delivered > 10);
        assert!(summary.seconds >= Duration::from_millis(20));
    });
}

#[test]
fn a_corrupt_ring_is_an_error_after_the_good_records() {
    let source = filled(0..2);
    let nowhere = Position::new(2 * 56 + 4, Width::Bits64);
    // SAFETY: no sample is lent, and the consumer checks the position.
    unsafe { source.ring.producer_memory().store_producer_pos(nowhere, Ordering::Relaxed) };
    let (summary, result, out) = go(source, options(None), false);
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("corrupt ring buffer at consumer position 0x70"), "{error}");
    assert_eq!(out.lines().count(), 1 + 2);
    assert_eq!((summary.tally.delivered, summary.lag_bytes), (2, None));
}

#[test]
fn malformed_records_are_reported_but_are_not_lines() {
    let source = filled(0..2);
    output(&source.ring.producer(), b"abc");
    output(&source.ring.producer(), &record(2));
    output(&source.ring.producer(), &record(3));
    let (summary, result, out) = go(source, options(Some(3)), false);
    result.unwrap();
    assert_eq!(out.lines().last(), Some("2        /bin/x"));
    assert_eq!((summary.tally.delivered, summary.tally.malformed), (3, 1));
}

#[test]
fn the_end_does_not_wait_for_a_record_without_commit() {
    let source = filled(0..2);
    let producer = source.ring.producer();
    let held = producer.reserve(40).unwrap();
    let (summary, result, _) = go(source, options(None), true);
    result.unwrap();
    drop(held);
    assert_eq!((summary.tally.delivered, summary.lag_bytes), (2, Some(48 + 56)));
}

#[test]
fn a_closed_output_is_not_an_error_but_a_full_disk_is() {
    struct Refuses(io::ErrorKind);
    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let stop = AtomicBool::new(false);
    let run = |kind| run(filled(0..2), options(None), &stop, Refuses(kind));
    let (summary, result) = run(io::ErrorKind::BrokenPipe);
    result.unwrap();
    assert_eq!(summary.tally.delivered, 0);
    let (_, result) = run(io::ErrorKind::StorageFull);
    assert!(format!("{:#}", result.unwrap_err()).starts_with("cannot write the events: "));
}
