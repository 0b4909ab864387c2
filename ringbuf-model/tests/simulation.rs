//! What the simulation promises beside its tables.

use std::time::Duration;

use ringbuf_model::{
    Arrivals, Machine, Reader, Setup, SetupError, Sharing, Sizes, Wakeups, Wanted,
};
use ringbuf_sim::Profile;

const US: fn(u64) -> Duration = Duration::from_micros;
const MS: fn(u64) -> Duration = Duration::from_millis;

fn setup(machine: &str, producers: usize, rate: u64) -> Setup {
    let mut setup = Setup::new(Machine::named(machine).unwrap());
    setup.producers = producers;
    setup.arrivals = Arrivals::Poisson { rate };
    setup.duration = MS(50);
    setup
}

/// systing 210: 192 CPUs; with 8 rings about 85 % of the events were dropped, 64 rings cured it.
/// Each ring has its reader. Not published: the rate, and the reader's work for an event. Only their
/// product matters: 92,000 events a second on each CPU, 3 us each.
#[test]
fn on_192_cpus_8_rings_lose_most_and_64_lose_almost_nothing() {
    let loss = |rings| {
        let mut setup = setup("epyc-9654", 192, 192 * 92_000);
        (setup.rings, setup.readers) = (rings, rings);
        setup.sharing = Sharing::Striped;
        setup.handler = US(3);
        setup.ring = 256 << 10;
        setup.warm_up = MS(10);
        setup.duration = MS(20);
        setup.run().unwrap().loss()
    };
    let (eight, many) = (loss(8), loss(64));
    assert!((0.80..0.90).contains(&eight), "{eight}");
    assert!(many < 0.001, "{many}");
}

#[test]
fn nothing_is_lost_and_nothing_is_invented() {
    for reader in ["balanced", "low-latency", "low-cost", "immediate", "libbpf", "busy", "spin:1us"]
    {
        for rings in [1, 3] {
            let mut setup = setup("epyc-9654", 6, 600_000);
            setup.reader = reader.parse().unwrap();
            setup.rings = rings;
            setup.warm_up = Duration::ZERO;
            let report = setup.run().unwrap();
            assert_eq!(report.refused, 0, "{reader}, {rings} rings");
            // All but those on their way at the end.
            let missing = report.accepted - report.delivered;
            assert!(missing < 1500, "{reader}, {rings} rings: {missing} of {}", report.accepted);
            assert_eq!(report.latency.count, report.delivered);
        }
    }
}

#[test]
fn a_ring_without_a_reader_fills_and_then_refuses() {
    let mut setup = setup("vm-2cpu", 1, 100_000);
    setup.reader = Reader::None;
    setup.ring = 4096;
    setup.warm_up = Duration::ZERO;
    let report = setup.run().unwrap();
    assert_eq!(report.accepted, 4096 / 72);
    assert!(report.refused > 4000, "{}", report.refused);
}

#[test]
fn a_policy_that_holds_back_spares_notifications() {
    let notified = |reader: &str| {
        let mut setup = setup("vm-2cpu", 1, 200_000);
        setup.reader = reader.parse().unwrap();
        setup.run().unwrap().notifications_per_record()
    };
    let (balanced, immediate) = (notified("balanced"), notified("immediate"));
    assert!(balanced < 0.01 && immediate > 0.2, "{balanced} {immediate}");
}

#[test]
fn records_that_do_not_notify_are_found_by_the_latency_bound() {
    let mut setup = setup("vm-2cpu", 1, 100);
    setup.faults.wakeups = Wakeups::Never;
    setup.duration = Duration::from_secs(2);
    let report = setup.run().unwrap();
    assert_eq!(report.notifications, 0);
    assert!(report.delivered > 150, "{}", report.delivered);
    assert!(report.latency.most <= MS(102), "{:?}", report.latency.most);
}

#[test]
fn a_stalled_producer_holds_up_the_reader_and_a_stopped_reader_fills_the_ring() {
    let mut stalled = setup("vm-2cpu", 1, 50_000);
    stalled.faults.add("stall:1ms@1%").unwrap();
    let report = stalled.run().unwrap();
    assert!(report.call.most >= MS(1), "{:?}", report.call.most);

    let mut stopped = setup("vm-2cpu", 1, 500_000);
    stopped.ring = 64 << 10;
    stopped.duration = MS(200);
    assert_eq!(stopped.run().unwrap().refused, 0);
    stopped.faults.add("pause:20ms@50ms").unwrap();
    let report = stopped.run().unwrap();
    assert!((0.2..0.5).contains(&report.loss()), "{}", report.loss());
}

#[test]
fn kernels_without_the_pending_position_do_not_walk() {
    let accepted = |release| {
        let mut setup = setup("xeon-e5-2680v4", 2, 1);
        setup.arrivals = Arrivals::Closed { batch: 50, gap: Duration::ZERO };
        setup.release = release;
        setup.duration = MS(2);
        setup.run().unwrap().accepted
    };
    assert!(accepted(Profile::of_release(5, 10, 0)) > accepted(Profile::NEWEST));
}

/// Four readers with 40 % of a CPU's work each fit on two CPUs, and not on one.
#[test]
fn readers_that_share_a_cpu_take_turns_and_lose_what_does_not_fit() {
    let run = |cpus| {
        let mut setup = setup("xeon-e5-2680v4", 4, 800_000);
        (setup.rings, setup.readers, setup.reader_cpus) = (4, 4, cpus);
        (setup.handler, setup.ring) = (US(2), 64 << 10);
        setup.run().unwrap()
    };
    let (alone, two, one) = (run(0), run(2), run(1));
    assert_eq!((alone.refused, run(4)), (0, alone));
    assert!(two.loss() < 0.01, "{}", two.loss());
    assert!((0.3..0.45).contains(&one.loss()), "{}", one.loss());
    // One CPU has not more than one CPU's time, and all of it is used.
    let share = one.worked.as_secs_f64() / one.time.as_secs_f64();
    assert!((0.97..1.01).contains(&share), "{share}");
    assert!(one.latency.p99 > two.latency.p99, "{one:?}");
}

/// 20 naps a millisecond: each costs the reader its price.
#[test]
fn a_nap_has_a_price() {
    let share = |nap: f64| {
        let mut setup = setup("vm-2cpu", 1, 1000);
        setup.reader = Reader::Nap(US(50));
        setup.machine.prices.nap = nap;
        setup.arrivals = Arrivals::Constant { rate: 100_000 };
        let report = setup.run().unwrap();
        (report.worked.as_nanos() as f64 / report.naps as f64, report.naps)
    };
    let ((free, naps), (priced, _)) = (share(0.0), share(2500.0));
    assert!(naps > 500, "{naps}");
    assert!((2300.0..2700.0).contains(&(priced - free)), "{free} {priced}");
}

#[test]
fn setups_that_cannot_be_run_are_refused() {
    let refused = |change: fn(&mut Setup)| {
        let mut setup = setup("vm-2cpu", 1, 1000);
        change(&mut setup);
        setup.run().unwrap_err()
    };
    let is = |error: SetupError, text: &str| {
        assert!(error.to_string().contains(text), "{error}");
    };
    is(refused(|setup| setup.producers = 0), "0 producers");
    is(refused(|setup| setup.producers = 3), "use 1 to 2, the CPUs of this machine");
    is(refused(|setup| setup.rings = 2), "one for each producing CPU");
    is(refused(|setup| setup.readers = 2), "one for each ring");
    is(refused(|setup| setup.reader_cpus = 3), "3 reader CPUs");
    is(refused(|setup| setup.ring = 5000), "not a power of two");
    is(refused(|setup| setup.ring = 0), "cannot have 0 bytes");
    is(refused(|setup| setup.duration = Duration::ZERO), "above zero");
    is(refused(|setup| setup.duration = Duration::MAX), "a day at most");
    is(refused(|setup| setup.overwrite = true), "none");
    is(refused(|setup| setup.sizes = Sizes { least: 2, most: 1 }), "must not be larger");
    is(refused(|setup| setup.machine.prices.hit = -1.0), "hit is out of range");
}

#[test]
fn an_answer_is_confirmed_and_a_smaller_ring_is_not_enough() {
    let mut wanted = Wanted::new(Machine::named("vm-2cpu").unwrap());
    wanted.arrivals = Arrivals::parse("burst:1M/s:100ms:1s", 100_000).unwrap();
    wanted.stall = MS(10);
    wanted.loss = 100;
    let answer = wanted.answer().unwrap();
    assert_eq!((answer.rings, answer.readers), (1, 1));
    // A million records of 72 bytes in a second, for 10 ms.
    assert_eq!(answer.ring, 1 << 20);
    assert!(answer.confirmed.loss() <= 1e-4 && answer.doubts.is_empty(), "{answer:?}");
}

#[test]
fn what_no_reader_bears_has_no_answer() {
    let mut wanted = Wanted::new(Machine::named("vm-2cpu").unwrap());
    wanted.arrivals = Arrivals::Poisson { rate: 1_000_000 };
    wanted.handler = US(2);
    let error = wanted.answer().unwrap_err().to_string();
    assert!(error.contains("no number of rings"), "{error}");
    wanted.arrivals = Arrivals::Closed { batch: 1, gap: US(1) };
    assert!(wanted.answer().unwrap_err().to_string().contains("has no rate"));
}
