//! What an ordered merge costs, beside reading the same rings one after the other.
//!
//! The rings are in plain memory, filled before the clock starts, so the kernel has no part in
//! the figures. All is read in one round.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use ringbuf_bench::{FilledRing, StampedRings, read_merged, sum_rust};

use crate::statistics::median;

/// One line of the table.
struct Scene {
    rings: usize,
    /// How many of them have records.
    active: usize,
    /// Bytes of all records, with headers.
    bytes: usize,
}

const CACHED: usize = 1 << 20;
const COLD: usize = 32 << 20;
const LEN: u64 = 24;

const SCENES: [Scene; 8] = [
    Scene { rings: 2, active: 2, bytes: CACHED },
    Scene { rings: 8, active: 8, bytes: CACHED },
    Scene { rings: 64, active: 64, bytes: CACHED },
    Scene { rings: 512, active: 512, bytes: CACHED },
    Scene { rings: 512, active: 2, bytes: CACHED },
    Scene { rings: 2, active: 2, bytes: COLD },
    Scene { rings: 64, active: 64, bytes: COLD },
    Scene { rings: 512, active: 512, bytes: COLD },
];

/// Nanoseconds a record: by `for_each` ring by ring, and merged with a look-ahead of 1 and of 8.
fn once(scene: &Scene) -> [f64; 3] {
    let Scene { rings, active, bytes } = *scene;
    let records = (bytes / (LEN as usize + 8)) as u64;
    // Room for the fullest of them.
    let capacity = (bytes / active * 5 / 4 + (32 << 10)).next_power_of_two();
    let fill = || {
        let rings = StampedRings::new(rings, active, capacity, records, LEN);
        assert_eq!(rings.records(), records);
        rings
    };
    let time = |read: &mut dyn FnMut() -> u64| {
        let begun = Instant::now();
        let sum = black_box(read());
        let nanos = begun.elapsed().as_nanos() as f64;
        assert_eq!(sum, records * LEN);
        nanos / records as f64
    };
    let filled = fill();
    let mut consumers: Vec<_> = filled.rings().iter().map(FilledRing::consumer).collect();
    let plain = time(&mut || consumers.iter_mut().map(|consumer| sum_rust(consumer)).sum());
    let filled = fill();
    let mut merge = filled.merge::<1>();
    let one = time(&mut || read_merged(&mut merge));
    let filled = fill();
    let mut merge = filled.merge::<8>();
    let eight = time(&mut || read_merged(&mut merge));
    [plain, one, eight]
}

/// Measures all scenes, and returns the table.
#[must_use]
pub fn run(repetitions: usize) -> String {
    let mut text = "ordered merge of filled rings, samples of 24 bytes, ns a record (and how many \
                    times the unmerged reading)\n   rings  active    MiB  unmerged  look-ahead 1  \
                    look-ahead 8\n"
        .to_owned();
    for scene in &SCENES {
        let mut times = [const { Vec::new() }; 3];
        let mut ratios = [const { Vec::new() }; 2];
        for _ in 0..repetitions.max(1) {
            let found = once(scene);
            times.iter_mut().zip(found).for_each(|(list, time)| list.push(time));
            ratios.iter_mut().zip(&found[1..]).for_each(|(list, time)| list.push(time / found[0]));
        }
        let [plain, one, eight] = times.map(|list| median(&list).unwrap_or(f64::NAN));
        let [of_one, of_eight] = ratios.map(|list| median(&list).unwrap_or(f64::NAN));
        let Scene { rings, active, bytes } = scene;
        let mib = *bytes as f64 / f64::from(1 << 20);
        let _ = writeln!(
            text,
            "{rings:>8} {active:>7} {mib:>6.2} {plain:>9.2} {one:>6.1} ({of_one:>4.1}) {eight:>6.1} \
             ({of_eight:>4.1})"
        );
    }
    text
}
