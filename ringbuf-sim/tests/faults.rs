//! Faults of a ring on threads.

use std::env;
use std::process::Command;
use std::time::Duration;

use ringbuf_core::{CorruptReason, WaitHost, Wakeup};
use ringbuf_sim::{
    Context, Fault, Faults, Flags, Forged, LockError, OutputError, Profile, Refused, SimError,
    SimRing, VirtualTime, each_seed,
};

fn ring(faults: Faults) -> SimRing {
    let ring = SimRing::new(64 << 10).unwrap();
    ring.inject(faults);
    ring
}

fn always(fault: Fault) -> SimRing {
    ring(Faults::new(1).one_in(fault, 1))
}

fn output(ring: &SimRing) -> Result<(), OutputError> {
    ring.producer().output(b"event", Flags::ADAPTIVE)
}

fn read(ring: &SimRing) -> usize {
    let (mut consumer, mut records) = (ring.consumer().unwrap(), 0);
    consumer.drain(|_| records += 1).unwrap();
    records
}

#[test]
fn a_full_ring() {
    let ring = always(Fault::Full);
    assert_eq!(output(&ring), Err(OutputError::Refused(Refused::Full)));
    ring.inject(Faults::default());
    assert_eq!(output(&ring), Ok(()));
    assert_eq!(ring.faulted().of(Fault::Full), 1);
}

#[test]
fn a_lock_fails_where_the_kernels_can() {
    let fails = Faults::new(1).one_in(Fault::LockFails, 1);
    let newest = ring(fails);
    let refused = |error| Err(OutputError::Refused(Refused::Lock(error)));
    assert_eq!(output(&newest), refused(LockError::TimedOut));
    let old = SimRing::with_profile(64 << 10, Profile::of_release(6, 14, 0)).unwrap();
    old.inject(fails);
    assert_eq!(output(&old), Ok(()));
    let nmi = old.producer().in_context(Context::Nmi);
    assert_eq!(nmi.output(b"event", Flags::ADAPTIVE), refused(LockError::Contended));
}

#[test]
fn a_stall_inside_a_reservation() {
    let ring = always(Fault::Stalls);
    output(&ring).unwrap();
    ring.producer().reserve(8).unwrap().discard(Flags::ADAPTIVE);
    ring.inject(Faults::default());
    output(&ring).unwrap();
    assert_eq!(read(&ring), 0);
    assert_eq!((ring.go_on(), ring.go_on()), (2, 0));
    assert_eq!(read(&ring), 2);
}

#[test]
fn a_stall_for_ever() {
    let ring = always(Fault::StallsForEver);
    output(&ring).unwrap();
    assert_eq!((ring.go_on(), read(&ring)), (0, 0));
    assert_eq!(ring.inspector().look().fill().unwrap(), 16);
}

#[test]
fn producers_that_always_or_never_notify() {
    let ring = always(Fault::Notifies);
    (0..3).for_each(|_| output(&ring).unwrap());
    assert_eq!(ring.notifications(), 3);
    ring.inject(Faults::new(1).one_in(Fault::KeepsSilent, 1));
    assert_eq!(read(&ring), 3);
    output(&ring).unwrap();
    assert_eq!(ring.notifications(), 3);
}

#[test]
fn late_and_merged_and_lost_notifications() {
    let ring = always(Fault::LateNotification);
    output(&ring).unwrap();
    assert_eq!(ring.notifications(), 0);
    assert!(ring.deliver() && !ring.deliver());
    assert_eq!((ring.notifications(), read(&ring)), (1, 1));
    // Two that are late arrive with the third, as one.
    for _ in 0..2 {
        ring.producer().output(b"event", Flags::FORCE_WAKEUP).unwrap();
    }
    ring.inject(Faults::default());
    ring.producer().output(b"event", Flags::FORCE_WAKEUP).unwrap();
    assert_eq!((ring.notifications(), ring.deliver()), (2, false));
    ring.inject(Faults::new(1).one_in(Fault::LostNotification, 1));
    ring.producer().output(b"event", Flags::FORCE_WAKEUP).unwrap();
    assert_eq!((ring.notifications(), ring.deliver()), (2, false));
}

/// In virtual time: the bound of the policy ends the sleep, though nothing notifies.
#[test]
fn a_wait_survives_a_lost_notification() {
    let (ring, time) = (always(Fault::LostNotification), VirtualTime::new());
    let mut consumer = ring.consumer_in(&time).unwrap();
    let late = ring.clone();
    time.at(Duration::from_millis(1), move |_| output(&late).unwrap());
    assert_eq!(consumer.wait(None).unwrap(), Wakeup::Ready);
    assert_eq!((ring.notifications(), ring.faulted().of(Fault::LostNotification)), (0, 1));
}

#[test]
fn a_clock_that_jumps() {
    let ring = always(Fault::ClockJumps);
    let mut consumer = ring.consumer().unwrap();
    // Each reading is an hour after the one before it.
    assert_eq!(consumer.wait(Some(Duration::from_secs(10))).unwrap(), Wakeup::TimedOut);
    assert!(consumer.memory().now() >= Duration::from_secs(7200));
    ring.inject(Faults::default());
    let before = consumer.memory().now();
    ring.jump_clock(Duration::from_secs(7200));
    assert!(consumer.memory().now() - before >= Duration::from_secs(7200));
}

#[test]
fn a_forged_ring_is_reported() {
    let found = |forged| {
        let ring = SimRing::new(64 << 10).unwrap();
        let mut consumer = ring.consumer().unwrap();
        output(&ring).unwrap();
        assert!(ring.forge(forged));
        let error = consumer.drain(|_| ()).unwrap_err();
        assert_eq!(consumer.drain(|_| ()).unwrap_err(), error);
        error.reason
    };
    assert!(matches!(found(Forged::ProducerMisaligned), CorruptReason::ProducerMisaligned { .. }));
    assert!(matches!(found(Forged::ProducerTooFar), CorruptReason::ProducerOutOfRange { .. }));
    assert!(matches!(found(Forged::SecondReader), CorruptReason::ConsumerMoved { .. }));
    let ring = SimRing::new(64 << 10).unwrap();
    ring.forge(Forged::SecondReader);
    assert!(output(&ring).is_err()); // no space that a reader may still read
}

#[test]
fn a_reader_that_is_killed_begins_again() {
    let ring = SimRing::new(64 << 10).unwrap();
    (0..3).for_each(|_| output(&ring).unwrap());
    let mut consumer = ring.consumer().unwrap();
    assert!(consumer.next_record().unwrap().is_some());
    assert!(matches!(ring.consumer(), Err(SimError::SecondConsumer)));
    SimRing::kill(consumer);
    assert_eq!(read(&ring), 3);
}

#[test]
fn a_seed_gives_the_same_faults() {
    let happened = |seed| {
        let ring = ring(Faults::new(seed).one_in(Fault::Full, 3).one_in(Fault::KeepsSilent, 2));
        (0..50).map(|_| output(&ring).is_ok()).collect::<Vec<_>>()
    };
    assert_eq!(happened(7), happened(7));
    assert_ne!(happened(7), happened(8));
}

/// Fails with the seed 5 and later ones, if a test below asks for it.
#[test]
fn fails_when_asked() {
    if env::var_os(ASKED).is_some() {
        each_seed(0..100, |seed| assert!(seed < 5, "planted"));
    }
}

const ASKED: &str = "RINGBUF_SIM_FAILS_WHEN_ASKED";

/// Runs one test of this program, and returns whether it passed, with its output.
fn run(test: &str, seed: Option<&str>) -> (bool, String) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=2"]).env(ASKED, "1");
    command.env_remove("RINGBUF_SEED");
    command.envs(seed.map(|seed| ("RINGBUF_SEED", seed)));
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_failing_seed_is_printed_with_the_command_that_replays_it() {
    let (passed, text) = run("fails_when_asked", None);
    assert!(!passed);
    let command = "RINGBUF_SEED=5 cargo test -p ringbuf-sim --test faults fails_when_asked \
                   -- --exact --nocapture\n";
    for words in [command, "seed 5 fails (ringbuf-sim ", "planted"] {
        assert!(text.contains(words), "no `{words}` in:\n{text}");
    }
    assert!(!run("fails_when_asked", Some("5")).0);
    assert!(!run("fails_when_asked", Some("77")).0);
    assert!(run("fails_when_asked", Some("4")).0);
    assert!(!run("fails_when_asked", Some("18446744073709551615")).0, "the last one runs, too");
}

#[test]
fn a_seed_that_is_no_number_is_refused() {
    for wrong in ["abc", "", "18446744073709551616", "-1"] {
        let (passed, text) = run("fails_when_asked", Some(wrong));
        let says = "RINGBUF_SEED must be a number from 0 to 18446744073709551615, not";
        assert!(!passed && text.contains(&format!("{says} `{wrong}`")), "{text}");
    }
}
