//! A ring that goes round many times while `ringbuf top` looks at it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ringbuf_tests::{AtEnd, Bursts, RawRing, live_since, page_size, watchdog};

use crate::{Looks, host};

/// Records of a burst: less than a page of them.
const BURST: u32 = 100;
/// Bytes of a record of 8 bytes.
const FOOTPRINT: f64 = 16.0;
/// Looks that know the rate, after the first one that does.
const LOOKS: usize = 20;

#[test]
fn records_of_a_small_ring_that_goes_round_at_once_are_estimated() {
    let test = "top::lapped";
    if !live_since(test, (5, 17)) {
        return;
    }
    let _hangs = watchdog(test);
    let mut bursts = Bursts::load(page_size() as u32).expect("load of bench.bpf.c");
    let id = u64::from(host::id_of(bursts.map()));
    let ring = RawRing::of(bursts.map()).expect("mapped");
    let arguments = ["-i", "20ms", &id.to_string()];
    let Some(mut looks) = Looks::start(test, &arguments) else { return };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                bursts.run(BURST, 8);
                ring.catch_up();
            }
        });
        let _ends = AtEnd(|| stop.store(true, Ordering::Relaxed));
        let mut known = 0;
        while known < LOOKS {
            let ring = looks.next().1.remove(&id).expect("listed");
            let (rate, bytes) = (ring["records"]["per_s"].as_f64(), ring["in_bps"].as_f64());
            match (rate, bytes) {
                (Some(rate), Some(bytes)) if rate > 0.0 => {
                    let size = bytes / rate;
                    assert!((size - FOOTPRINT).abs() < 0.05 * FOOTPRINT, "{size}: {ring}");
                    known += 1;
                }
                // A machine so busy that the producer had no time at all.
                (Some(_), _) => {}
                _ => assert_eq!(known, 0, "it was known before: {ring}"),
            }
        }
    });
}
