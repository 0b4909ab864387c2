//! `ringbuf record`, run as a user would run it, beside the readers of live rings.
//! RINGBUF_RECORDS says how many records the test of the rate produces (30,000 without it).
//! For ten seconds of 300,000 records a second: `RINGBUF_RECORDS=3000000 cargo test --release -p
//! ringbuf-tests --test record -- --nocapture saw`.

mod ends;
mod recorder;
mod replays;
mod user_rings;

use std::collections::BTreeMap;
use std::env;
use std::thread;
use std::time::{Duration, Instant};

use ringbuf_kernel::RingBuf;
use ringbuf_tests::{Bursts, live_since, watchdog};

use crate::recorder::{Captured, Recorder, id_of};

/// What the reader of a ring has seen: each record, by position.
type Seen = BTreeMap<u64, Vec<u8>>;

fn read(ring: &mut RingBuf, seen: &mut Seen) {
    let drained = ring.drain(|record| {
        seen.insert(record.position().get(), record.to_vec());
    });
    drained.expect("a sound ring");
    ring.publish();
}

/// Each record that the reader saw is in the file, the same in each byte, or in a gap, and
/// nothing else is there. Returns the missed bytes.
fn compare(seen: &Seen, captured: &Captured, produced: u64) -> u64 {
    for (position, sample) in &captured.records {
        assert_eq!(Some(sample), seen.get(position), "the record at {position}");
    }
    for position in seen.keys().filter(|position| !captured.records.contains_key(position)) {
        let inside = |from: u64, to: u64| (from..to).contains(position);
        let gaps = captured.gaps.iter();
        let in_gap = gaps.filter(|gap| inside(gap.from.get(), gap.to.get())).count();
        assert_eq!(in_gap, 1, "the record at {position} is neither there nor missed");
    }
    let end = captured.end.as_ref().expect("a whole file").rings[0];
    assert_eq!(end.end.get(), produced, "recorded to the end");
    assert_eq!((end.records, end.missed), (captured.records.len() as u64, captured.missed()));
    captured.missed()
}

#[test]
fn what_the_reader_saw_is_in_the_file() {
    let test = "record::what_the_reader_saw";
    if !live_since(test, (5, 17)) {
        return;
    }
    let records = env::var("RINGBUF_RECORDS").map_or(30_000, |n| n.parse::<u64>().expect("number"));
    let _hangs = (records <= 30_000).then(|| watchdog(test));
    // The records of the short test fit into the ring: nothing can be missed, however slow the
    // recorder is.
    let mut bursts = Bursts::load(4 << 20).expect("load of bench.bpf.c");
    let mut ring = RingBuf::open(bursts.map()).expect("ring");
    let Some(mut recorder) = Recorder::start(test, ring.id(), &[]) else { return };
    let (mut seen, mut done) = (Seen::new(), 0);
    // lower bound: 300,000 records a second, or fewer if this machine is slower.
    let begin = Instant::now();
    while done < records {
        // 300 each millisecond.
        done = bursts.run(300, 64).0;
        read(&mut ring, &mut seen);
        let due = begin + Duration::from_micros(done * 1000 / 300);
        // lower bound: as above.
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    // printed only:
    let took = begin.elapsed();
    let refused = bursts.run(0, 64).1;
    read(&mut ring, &mut seen);
    let (captured, summary) = recorder.end(libc::SIGTERM);
    let produced = ring.position().get();
    let missed = compare(&seen, &captured, produced);
    println!(
        "{done} records of 64 bytes in {took:?}, {refused} refused, {} read, {} in the file, \
         {missed} bytes missed\n{summary}",
        seen.len(),
        captured.records.len()
    );
    assert_eq!(seen.len() as u64, done);
    if done * 72 < 4 << 20 {
        assert_eq!((missed, captured.records.len() as u64), (0, done));
    }
    assert!(summary.contains(&format!("{} records of ", captured.records.len())), "{summary}");
}

#[test]
fn mixed_sizes_and_discarded_records_are_recorded_compressed() {
    let test = "record::mixed_sizes";
    if !live_since(test, (5, 17)) {
        return;
    }
    let _hangs = watchdog(test);
    let mut bursts = Bursts::load(8 << 20).expect("load of bench.bpf.c");
    let mut ring = RingBuf::open(bursts.map()).expect("ring");
    let options = ["--compress", "zstd", "--interval", "1ms"];
    let Some(mut recorder) = Recorder::start(test, ring.id(), &options) else { return };
    let mut seen = Seen::new();
    for _ in 0..100 {
        bursts.run(100, 0);
        read(&mut ring, &mut seen);
    }
    let (captured, _) = recorder.end(libc::SIGINT);
    assert_eq!(compare(&seen, &captured, ring.position().get()), 0);
    assert_eq!(captured.discarded, ring.counts().discarded);
    assert!(captured.discarded > 100 && captured.samples > 0);
}

/// The recorder stands still while producers come round several times.
#[test]
fn bytes_that_were_written_over_are_counted_exactly() {
    let test = "record::lapped";
    if !live_since(test, (5, 17)) {
        return;
    }
    let _hangs = watchdog(test);
    let mut bursts = Bursts::load(64 << 10).expect("load of bench.bpf.c");
    let mut ring = RingBuf::open(bursts.map()).expect("ring");
    let Some(mut recorder) = Recorder::start(test, ring.id(), &["--interval", "1ms"]) else {
        return;
    };
    let mut seen = Seen::new();
    let mut at_least = 0;
    for lap in 0..3 {
        bursts.run(100, 64);
        read(&mut ring, &mut seen);
        recorder.signal(libc::SIGSTOP);
        until_stopped(recorder.pid());
        // Four capacities.
        for _ in 0..8 {
            bursts.run(455, 64);
            read(&mut ring, &mut seen);
        }
        // At most one capacity of these is still there when it goes on.
        at_least += 8 * 455 * 72 - (64 << 10);
        recorder.signal(libc::SIGCONT);
        println!("lap {lap}: {} records", seen.len());
    }
    let (captured, summary) = recorder.end(libc::SIGHUP);
    let missed = compare(&seen, &captured, ring.position().get());
    assert!(missed >= at_least, "{missed}, not {at_least}");
    // To the byte: everything between the start and the end is a record or missed.
    let records: u64 = captured.records.values().map(|sample| sample.len() as u64 + 8).sum();
    assert_eq!(captured.start + records + missed, ring.position().get());
    assert!(summary.contains(&format!(", {missed} bytes missed")), "{summary}");
}

/// Returns when a process has stopped.
fn until_stopped(pid: libc::pid_t) {
    let path = format!("/proc/{pid}/stat");
    loop {
        let stat = std::fs::read_to_string(&path).expect("procfs");
        if stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T')) {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn two_rings_are_in_one_file() {
    let test = "record::two_rings";
    if !live_since(test, (5, 17)) {
        return;
    }
    let _hangs = watchdog(test);
    let mut both = [(); 2].map(|()| Bursts::load(64 << 10).expect("load of bench.bpf.c"));
    let ids = [0, 1].map(|number: usize| id_of(both[number].map()));
    // What is pending when it begins is recorded, too.
    both[0].run(10, 8);
    let second = ids[1].to_string();
    let Some(mut recorder) = Recorder::start(test, ids[0], &[&*second, "--count", "25"]) else {
        return;
    };
    both[1].run(15, 64);
    let output = recorder.wait();
    assert!(output.status.success());
    let captured = recorder::captured(&recorder.path);
    let rings = captured.end.expect("a whole file").rings;
    assert_eq!(rings.iter().map(|ring| ring.records).collect::<Vec<_>>(), [10, 15]);
}
