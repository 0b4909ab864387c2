//! Random setups: what holds for each of them. `cargo xtask simulations --hours 8` runs it all night,
//! and says how much virtual time it covered.

use std::time::{Duration, Instant};

use ringbuf_model::{Arrivals, Machine, Report, Setup, Sharing, Sizes, Wakeups};

/// The setups of a run of `cargo test`.
const FEW: u64 = 24;

#[test]
fn random_setups_keep_what_holds_for_all() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (seconds, first) = (number("RINGBUF_SECONDS"), number("RINGBUF_SEED").unwrap_or(1));
    let began = Instant::now();
    let (mut virtual_time, mut records, mut lost) = (Duration::ZERO, 0u64, 0u64);
    let mut done = 0;
    let goes_on = |done| match seconds {
        Some(seconds) => began.elapsed().as_secs() < seconds, // budget: of a nightly run
        None => done < FEW,
    };
    while goes_on(done) {
        let seed = first + done;
        let setup = setup(seed);
        let report = setup.run().unwrap_or_else(|error| panic!("RINGBUF_SEED={seed}: {error}"));
        holds(seed, &setup, &report);
        if seed % 8 == 0 {
            assert_eq!(setup.run().unwrap(), report, "RINGBUF_SEED={seed}: another result");
        }
        virtual_time += setup.duration;
        records += report.accepted + report.refused;
        lost += report.refused;
        done += 1;
    }
    let took = began.elapsed(); // printed only:
    println!(
        "{done} setups from seed {first}: {virtual_time:?} of virtual time, {records} records, {lost} \
         of them lost, as the setups want; {took:?} on this host"
    );
    assert!(records > 10_000 && lost > 0, "{records} records, {lost} lost");
}

fn holds(seed: u64, setup: &Setup, report: &Report) {
    let says = format!("RINGBUF_SEED={seed}: {report:?}\n{setup:?}");
    let read = report.delivered + report.discarded;
    assert!(read <= report.accepted, "more is read than was written: {says}");
    // The rest is in the rings, or on its way.
    let least = u64::from(setup.sizes.least).div_ceil(8) * 8 + 8;
    let held = setup.ring / least * setup.rings as u64 + setup.producers as u64;
    // Discarded records count at once, and are skipped later.
    assert!(report.accepted - read <= held, "records are missing: {says}");
    assert_eq!(report.latency.count, report.delivered, "{says}");
    assert_eq!(report.call.count, report.accepted + report.refused, "{says}");
    let busy = setup.duration * u32::try_from(setup.readers).unwrap();
    // One drain more than the time, because it is counted at its end.
    assert!(report.worked <= busy + Duration::from_millis(50), "a reader worked too long: {says}");
    if setup.faults.wakeups == Wakeups::Never {
        assert_eq!(report.notifications, 0, "{says}");
    }
    let quiet = setup.faults.stall.is_none() && setup.faults.pause.is_none();
    let fits = setup.faults.lose_notifications == 0 && setup.faults.wakeups != Wakeups::Never;
    let slow = setup.arrivals.peak_rate().is_some_and(|rate| rate <= 20_000);
    if quiet && fits && slow && setup.ring >= 256 << 10 {
        assert_eq!(report.refused, 0, "nothing is full, and records are lost: {says}");
        assert!(report.latency.most < Duration::from_millis(120), "a record is forgotten: {says}");
    }
}

/// The setup of a seed.
fn setup(seed: u64) -> Setup {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let machine = random.of(&["xeon-e5-2680v4", "epyc-9654", "vm-2cpu"]);
    let mut setup = Setup::new(Machine::named(machine).unwrap());
    let most = setup.machine.topology.cpus.min(24) as u64;
    setup.seed = seed;
    setup.producers = random.from(1, most) as usize;
    setup.rings = random.from(1, setup.producers as u64) as usize;
    setup.readers = random.from(1, setup.rings as u64) as usize;
    setup.sharing = random.of(&[Sharing::Neighbours, Sharing::Striped]);
    setup.ring = 4096 << random.from(0, 8);
    let least = random.from(0, 200) as u32;
    setup.sizes = Sizes { least, most: least + random.from(0, 400) as u32 };
    let arrivals = random.of(&[
        "constant",
        "poisson",
        "burst:500k/s:2ms:7ms",
        "on-off:3ms:2ms",
        "closed:50:2us",
    ]);
    setup.arrivals = Arrivals::parse(arrivals, random.of(&[2_000, 20_000, 400_000])).unwrap();
    let readers =
        ["balanced", "low-latency", "low-cost", "immediate", "libbpf", "spin:1us", "nap:1ms"];
    setup.reader = random.of(&readers).parse().unwrap();
    setup.handler = Duration::from_nanos(random.of(&[0, 0, 200, 2000]));
    let faults =
        ["stall:50us@1%", "pause:1ms@4ms", "discard@5%", "lose-notifications@20%", "no-wakeup"];
    for fault in faults {
        if random.from(0, 3) == 0 {
            setup.faults.add(fault).unwrap();
        }
    }
    let releases = ["5.8", "5.10", "6.1", "6.12", "7.3"];
    setup.release = ringbuf_model::release(random.of(&releases)).unwrap();
    setup.warm_up = Duration::ZERO;
    setup.duration = Duration::from_millis(random.from(5, 40));
    setup
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn from(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.from(0, all.len() as u64 - 1) as usize]
    }
}
