//! Readers under injected faults and on other kernels, and the replay of a failure.

use std::env;
use std::process::Command;

use ringbuf_sim::{Fault, Faults};

use super::*;

/// All faults that a right reader survives, without the one that leaves it nothing to read.
fn all() -> Faults {
    Faults::default()
        .one_in(Fault::Full, 20)
        .one_in(Fault::LockFails, 20)
        .one_in(Fault::Stalls, 20)
        .one_in(Fault::Notifies, 20)
        .one_in(Fault::KeepsSilent, 20)
        .one_in(Fault::LateNotification, 5)
        .one_in(Fault::LostNotification, 5)
        .one_in(Fault::ClockJumps, 1000)
        .one_in(Fault::ReaderStops, 1000)
}

/// Each of these has happened.
fn happened(seen: Explored, faults: Faults) {
    eprintln!("{seen}");
    for fault in faults.kinds() {
        assert!(seen.faults.of(fault) > 0, "{fault} never happened: {seen}");
        assert!(seen.to_string().contains(&fault.to_string()), "{seen}");
    }
}

#[test]
fn right_readers_survive_the_faults() {
    let explore = Explore::new().seeds(0..SEEDS).faults(all());
    for policy in [WaitPolicy::balanced(), WaitPolicy::immediate()] {
        let seen = explore.run(waiting(policy));
        happened(seen, all());
        full(seen);
    }
    happened(explore.run(batches(|armed| armed == Armed::Sleep)), all());
}

#[test]
fn a_set_survives_the_faults() {
    happened(
        Explore::new().seeds(0..SEEDS).rings(3).faults(all()).run_set(|rings| {
            let mut set = rings[0].ring_set(WaitPolicy::balanced());
            for ring in rings {
                set.insert(ring.consumer()?, ring.clone())?;
            }
            loop {
                set.drain(|ring, record| ring.received(&record))?;
                set.wait(None)?;
            }
        }),
        all(),
    );
}

/// Nothing behind such a record is ever read.
#[test]
fn a_program_that_never_commits_leaves_the_rest_unread() {
    let faults = Faults::default().one_in(Fault::StallsForEver, 10);
    let explore = Explore::new().seeds(0..SEEDS);
    let [all, some] = [explore.clone(), explore.faults(faults)]
        .map(|explore| explore.run(waiting(WaitPolicy::balanced())));
    happened(some, faults);
    assert!(some.records < all.records / 2, "{} of {}", some.records, all.records);
}

#[test]
fn readers_that_report_a_forged_ring_pass() {
    let faults = Faults::default().one_in(Fault::Forgery, 300);
    let explore = Explore::new().seeds(0..SEEDS).faults(faults);
    happened(explore.run(waiting(WaitPolicy::balanced())), faults);
    happened(explore.run(batches(|armed| armed == Armed::Sleep)), faults);
}

#[test]
fn faults_that_do_not_matter_are_left_out_of_the_smallest_plan() {
    let failure = found(Explore::new().faults(all()), "lost wakeup", |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            read_batch(&mut consumer, ring)?;
            ring.block(None);
        }
    });
    assert_eq!(failure.smallest.faults.kinds().count(), 0, "{failure}");
    let failure = found(Explore::new().faults(all()), "a jump", |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            consumer.drain(|record| ring.received(&record))?;
            if consumer.memory().now() > Duration::from_secs(3000) {
                return Err("a jump".into());
            }
            consumer.memory().nap(Duration::from_micros(1))?;
        }
    });
    let kinds: Vec<_> = failure.smallest.faults.kinds().collect();
    assert_eq!(kinds, [Fault::ClockJumps], "{failure}");
    assert!(failure.to_string().contains("faults: the clock jumps, once in 1000"), "{failure}");
}

#[test]
fn each_release_passes() {
    let releases = [(5, 8), (5, 19), (6, 1), (6, 12), (6, 15), (6, 19), (7, 0), (7, 3)];
    for (major, minor) in releases {
        let explore = Explore::new().seeds(0..40).release(major, minor, 0).faults(all());
        let seen = explore.run(waiting(WaitPolicy::balanced()));
        let lock_fails = seen.faults.of(Fault::LockFails) > 0;
        assert_eq!(lock_fails, (major, minor) >= (6, 15), "{major}.{minor}: {seen}");
    }
    let failure = Explore::new().release(5, 10, 223).find(|_| Ok(())).unwrap_err();
    assert!(failure.to_string().contains(", Linux 5.10.223; "), "{failure}");
}

/// Forgets to arm, if a test below asks for it.
#[test]
fn forgets_to_arm_when_asked() {
    if env::var_os(ASKED).is_some() {
        explore(0..1000, batches(|_| true));
    }
}

const ASKED: &str = "RINGBUF_SIM_FORGETS_WHEN_ASKED";

/// Runs that test, and returns its output if it fails.
fn failure_of(seed: Option<&str>) -> Option<String> {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["faulty::forgets_to_arm_when_asked", "--exact", "--test-threads=2"]);
    command.env(ASKED, "1").env_remove("RINGBUF_SEED");
    command.envs(seed.map(|seed| ("RINGBUF_SEED", seed)));
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_failure_is_printed_with_the_command_that_replays_it() {
    let text = failure_of(None).expect("a lost wakeup");
    let (_, from) = text.split_once("to replay it: RINGBUF_SEED=").expect("a command");
    let (seed, command) = from.split_once(' ').unwrap();
    let test = "cargo test -p ringbuf-sim --test explore faulty::forgets_to_arm_when_asked";
    assert!(command.starts_with(&format!("{test} -- --exact --nocapture\n")), "{text}");
    assert!(text.contains(&format!("(ringbuf-sim {}, Linux 7.3; ", env!("CARGO_PKG_VERSION"))));
    let again = failure_of(Some(seed)).expect("the same");
    let report = |text: &str| {
        text.split_once("\nseed ").unwrap().1.split_once("\nfailures").unwrap().0.to_owned()
    };
    assert_eq!(report(&again), report(&text));
    let seed: u64 = seed.parse().unwrap();
    let passes = (0..seed).find(|seed| failure_of(Some(&seed.to_string())).is_none());
    assert_eq!(passes, (seed > 0).then_some(0), "the seeds before it pass");
}

#[test]
fn a_seed_that_is_no_number_is_refused() {
    let text = failure_of(Some("abc")).expect("no number");
    let says = "RINGBUF_SEED must be a number from 0 to 18446744073709551615, not `abc`";
    assert!(text.contains(says), "{text}");
}
