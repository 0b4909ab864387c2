//! A seed gives the same run on each machine. The numbers come from one; every other one must give
//! the same. `ringbuf-portable` has this file, too: `cargo xtask matrix --arch all` runs it on
//! machines with 32 bits, other pages and other processors.

use std::time::Duration;

use ringbuf_model::{Arrivals, Machine, Report, Setup, Sizes};

fn setup(machine: &str, producers: usize) -> Setup {
    let mut setup = Setup::new(Machine::named(machine).unwrap());
    setup.producers = producers;
    setup.arrivals = Arrivals::Poisson { rate: 400_000 };
    setup.sizes = Sizes { least: 8, most: 300 };
    setup.ring = 16 << 10;
    setup.duration = Duration::from_millis(5);
    setup.faults.add("stall:20us@0.1%").unwrap();
    setup.faults.add("discard@1%").unwrap();
    setup
}

fn counts(report: &Report) -> [u64; 8] {
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap();
    [
        report.accepted,
        report.refused,
        report.discarded,
        report.delivered,
        report.notifications,
        report.naps,
        nanos(report.worked),
        nanos(report.latency.p99),
    ]
}

#[test]
fn a_seed_gives_the_same_run_on_each_machine() {
    let mut setup = setup("xeon-e5-2680v4", 6);
    setup.rings = 2;
    let report = setup.run().unwrap();
    assert_eq!(setup.run().unwrap(), report);
    assert_eq!(counts(&report), [1992, 0, 21, 1948, 0, 60, 627_499, 99_327]);
    setup.seed = 2;
    assert_ne!(setup.run().unwrap(), report);
}

/// Each machine file with each way to read and several arrivals, as one number.
#[test]
fn all_machines_readers_and_arrivals_give_the_same_digest_everywhere() {
    // FNV-1a.
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |number: u64| {
        for byte in number.to_le_bytes() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    };
    for (machine, producers) in [("xeon-e5-2680v4", 3), ("epyc-9654", 20), ("vm-2cpu", 1)] {
        for reader in ["balanced", "low-latency", "low-cost", "immediate", "libbpf", "spin:1us"] {
            for arrivals in ["poisson", "burst:2M/s:1ms:2ms", "closed:50:200ns"] {
                let mut setup = setup(machine, producers);
                setup.arrivals = Arrivals::parse(arrivals, 300_000).unwrap();
                setup.reader = reader.parse().unwrap();
                setup.duration = Duration::from_millis(2);
                let report = setup.run().unwrap();
                counts(&report).into_iter().for_each(&mut add);
                add(u64::try_from(report.call.mean.as_nanos()).unwrap());
            }
        }
    }
    assert_eq!(digest, DIGEST, "{digest:#x}");
}

const DIGEST: u64 = 0xf5ee_c383_2f5d_7294;
