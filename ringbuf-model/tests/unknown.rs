//! `Wanted::answer` refuses what it cannot know, and says why.

use std::time::Duration;

use ringbuf_model::{
    Arrivals, Faults, Machine, Reader, Setup, SetupError, SizeError, Sizes, Wanted,
};

fn wanted(rate: u64, stall: Duration, size: u32) -> Wanted {
    let mut wanted = Wanted::new(Machine::named("vm-2cpu").unwrap());
    wanted.arrivals = Arrivals::Poisson { rate };
    (wanted.stall, wanted.sizes) = (stall, Sizes::fixed(size));
    wanted
}

#[test]
fn a_stall_that_no_ring_bears() {
    let refused = wanted(1_000_000, Duration::from_secs(4), 64).answer().unwrap_err();
    assert!(matches!(refused, SizeError::TooLarge { .. }), "{refused}");
    assert!(refused.to_string().starts_with("no ring of 256MiB or less"), "{refused}");
}

#[test]
fn a_stall_that_no_run_can_show() {
    let refused = wanted(1_000_000, Duration::from_secs(12), 8).answer().unwrap_err();
    assert!(matches!(refused, SizeError::TooLong { records: 72_000_000 }), "{refused}");
}

#[test]
fn a_rate_that_the_cpus_do_not_produce() {
    let refused = wanted(100_000_000, Duration::from_millis(1), 64).answer().unwrap_err();
    let SizeError::TooFast { rate: 100_000_000, offered } = refused else { panic!("{refused}") };
    assert!((1_000_000..50_000_000).contains(&offered), "{offered}");
}

#[test]
fn a_recording_brings_its_own_sizes_and_its_peak() {
    let mut wanted = wanted(1, Duration::from_millis(50), 8);
    // 100 records of 1000 bytes within 10 ms, then nothing for a second.
    let burst = (0..100).map(|number| (Duration::from_micros(100 * number), 1000));
    wanted.arrivals = Arrivals::Recorded(burst.chain([(Duration::from_secs(1), 1000)]).collect());
    assert_eq!(wanted.arrivals.peak_rate(), Some(10_000));
    let answer = wanted.answer().unwrap();
    assert!(answer.steps.iter().any(|step| step.contains("records of 1008 bytes")), "{answer:?}");
}

#[test]
fn a_pause_that_never_comes() {
    let mut setup = Setup::new(Machine::named("vm-2cpu").unwrap());
    setup.faults.add("pause:500ms@5s").unwrap();
    setup.duration = Duration::from_secs(1);
    let refused = setup.run().unwrap_err();
    assert!(matches!(refused, SetupError::NoStop { .. }), "{refused}");
    assert!(Faults::default().add("pause:2s@1s").is_err());
}

/// The reader is in the handler of its first record when the run ends.
#[test]
fn records_that_nobody_reads_are_told() {
    let mut setup = Setup::new(Machine::named("vm-2cpu").unwrap());
    setup.arrivals = Arrivals::Poisson { rate: 1000 };
    (setup.duration, setup.handler) = (Duration::from_secs(1), Duration::from_secs(3600));
    let report = setup.run().unwrap();
    assert!(report.delivered <= 1 && report.unread() >= report.accepted - 1, "{report:?}");
}

#[test]
fn naps_end_after_a_tenth_of_a_second() {
    assert!("nap:1h".parse::<Reader>().unwrap_err().to_string().contains("100ms at most"));
    assert!("nap:100ms".parse::<Reader>().is_ok());
}
