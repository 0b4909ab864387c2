//! Real threads: the processor and the compiler decide.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use ringbuf_core::NextCopy;
use ringbuf_sim::{Profile, SimRing};

use crate::lapped::produced;
use crate::records::{Kind, Place};

#[test]
fn a_writer_on_another_thread_tears_nothing() {
    const READS: u64 = 100_000;
    let profile = Profile::NEWEST;
    // The machine keeps stores in order, or the fence of the simulated kernel does it here.
    let ring = SimRing::overwriting(16 << 10, profile).unwrap();
    let start = Place::new(produced(&ring), profile.width);
    let stop = AtomicBool::new(false);
    let (mut reads, mut lost) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let program = ring.producer();
            for number in 0.. {
                if stop.load(Relaxed) {
                    return;
                }
                while !Kind::of(number).write(&program) {}
            }
        });
        let _stop = StopOnDrop(&stop);
        let mut reader = ring.overwrite_reader().unwrap();
        let (mut buffer, mut place) = ([0; 256], start);
        while reads < READS {
            match reader.next_copy(&mut buffer).unwrap() {
                NextCopy::Record(record) => {
                    place.go_to(record.position);
                    place.deliver(&record);
                    reads += 1;
                }
                NextCopy::Lost(gap) => {
                    place.go_to(gap.position);
                    lost += place.go_to(gap.position.advance(gap.bytes, profile.width)).all;
                }
                NextCopy::Busy | NextCopy::Empty => thread::yield_now(),
                next => panic!("{next:?}"),
            }
        }
    });
    println!("{reads} reads, {lost} records lost");
}

/// Ends the writer, also when the reader panics.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
