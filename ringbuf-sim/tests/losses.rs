//! The sum of losses: each attempt has one end, and what has none is named.

use proptest::prelude::*;
use ringbuf_core::{
    Accounting, Attempts, CountSaver, Counts, Gap, ProgramCounts, SavedWords, Unread,
};
use ringbuf_sim::{Flags, OutputError, Refused, SimRing};

/// What a program counts: attempted, full, too big, no ring, other.
#[derive(Clone, Copy, Debug, Default)]
struct Counting([u64; 8]);

impl Counting {
    fn add(&mut self, word: usize) {
        self.0[word] += 1;
    }

    fn get(self) -> ProgramCounts {
        ProgramCounts::from_value(&self.0.map(u64::to_ne_bytes).concat()).unwrap()
    }
}

fn counted(attempted: u64, full: u64) -> ProgramCounts {
    Counting([attempted, full, 0, 0, 0, 0, 0, 0]).get()
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Output(u16),
    Discard(u16),
    Hold(u8),
    Read,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0_u16..600).prop_map(Act::Output),
        1 => (4000_u16..5000).prop_map(Act::Output),
        2 => (0_u16..600).prop_map(Act::Discard),
        1 => any::<u8>().prop_map(Act::Hold),
        1 => Just(Act::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_attempt_has_one_end(acts in prop::collection::vec(act(), 0..80)) {
        let ring = SimRing::new(4096).unwrap();
        let program = ring.producer();
        let mut consumer = ring.consumer().unwrap();
        let (mut counts, mut held) = (Counting::default(), Vec::new());
        for act in acts {
            if !matches!(act, Act::Read) {
                counts.add(0);
            }
            let refused = match act {
                Act::Output(bytes) => match program.output(&vec![0; bytes.into()], Flags::ADAPTIVE) {
                    Ok(()) => None,
                    Err(OutputError::Refused(refused)) => Some(refused),
                    Err(error) => panic!("{error}"),
                },
                Act::Discard(bytes) => match program.reserve(bytes.into()) {
                    Ok(record) => {
                        record.discard(Flags::ADAPTIVE);
                        None
                    }
                    Err(refused) => Some(refused),
                },
                Act::Hold(bytes) => match program.reserve(bytes.into()) {
                    Ok(record) => {
                        held.push(record);
                        None
                    }
                    Err(refused) => Some(refused),
                },
                Act::Read => {
                    consumer.drain(|_| ()).unwrap();
                    None
                }
            };
            match refused {
                None => {}
                Some(Refused::Full) => counts.add(1),
                Some(_) => counts.add(2),
            }
            let unread = consumer.unread().unwrap();
            let accounting = Accounting::new(consumer.counts(), unread).programs(counts.get());
            prop_assert_eq!(accounting.gap(), Gap::None, "{}", accounting);
            prop_assert_eq!(unread.in_flight, held.len() as u64);
            prop_assert_eq!(unread.bytes, consumer.lag().unwrap());
        }
    }
}

#[test]
fn a_gap_has_a_sign_and_a_name() {
    let passed = |delivered| {
        let ring = SimRing::new(4096).unwrap();
        for _ in 0..delivered {
            ring.producer().output(b"", Flags::ADAPTIVE).unwrap();
        }
        let mut consumer = ring.consumer().unwrap();
        consumer.drain(|_| ()).unwrap();
        Accounting::new(consumer.counts(), consumer.unread().unwrap())
    };
    let gap = |attempted, full| passed(10).programs(counted(attempted, full)).gap();
    assert_eq!(gap(13, 3), Gap::None);
    assert_eq!(gap(15, 3), Gap::Attempts(2));
    assert_eq!(gap(12, 3), Gap::Records(1));
    // Attempts are not counted, although there were some.
    assert_eq!((gap(0, 3), gap(0, 0)), (Gap::Unknown, Gap::Unknown));
    assert_eq!(passed(0).programs(counted(0, 0)).gap(), Gap::None);
    assert_eq!(passed(10).gap(), Gap::Unknown);

    let text = |accounting: Accounting| accounting.to_string();
    assert_eq!(
        text(passed(10).programs(counted(15, 3))),
        "15 attempted = 10 delivered + 0 discarded + 0 unread + 3 failed (3 full); \
         unexplained: +2 attempts"
    );
    assert_eq!(
        text(passed(10).programs(counted(12, 3))),
        "12 attempted = 10 delivered + 0 discarded + 0 unread + 3 failed (3 full); \
         unexplained: +1 records and failures"
    );
    assert_eq!(
        text(passed(10)),
        "unknown attempts = 10 delivered + 0 discarded + 0 unread + unknown failures; \
         attempts are not known"
    );
    assert_eq!(
        text(passed(10).programs(Counting([0, 1, 2, 3, 4, 0, 0, 0]).get())),
        "unknown attempts = 10 delivered + 0 discarded + 0 unread + 10 failed (1 full, 2 too big, \
         3 without a ring, 4 other); attempts are not known"
    );
}

/// Estimates do not look like counts.
#[test]
fn an_estimate_is_labelled() {
    let nothing = Accounting::new(Counts::default(), Unread::default());
    let estimated = nothing.estimated(6, 2);
    assert_eq!(estimated.gap(), Gap::Estimated(12));
    assert_eq!(
        estimated.to_string(),
        "about 12 attempted = 0 delivered + 0 discarded + 0 unread + unknown failures; \
         estimate: 12 more lost"
    );
    assert_eq!(estimated.programs(counted(0, 5)).gap(), Gap::Estimated(7));
    // A count is better.
    assert_eq!(nothing.programs(counted(5, 5)).estimated(6, 2).gap(), Gap::None);
    assert_eq!(estimated.programs(counted(5, 5)).gap(), Gap::None);
}

/// The sum over rings is as good as the worst of them.
#[test]
fn rings_are_added() {
    let nothing = Accounting::new(Counts::default(), Unread::default());
    let (one, two) = (nothing.programs(counted(5, 5)), nothing.programs(counted(7, 6)));
    let both = one.plus(two);
    assert_eq!((both.attempts, both.gap()), (Attempts::Counted(12), Gap::Attempts(1)));
    assert_eq!(both.failed.map(|counts| counts.failed()), Some(11));
    assert_eq!(one.plus(nothing).attempts, Attempts::Unknown);
    assert_eq!(one.plus(nothing).failed, None);
    assert_eq!(nothing.plus(nothing.estimated(1, 1)).attempts, Attempts::Unknown);
    assert_eq!(one.plus(nothing.estimated(1, 1)).attempts, Attempts::Estimated(6));
}

/// What earlier readers passed is a part of the sum.
#[test]
fn resumed_counts_are_added() {
    #[derive(Default)]
    struct Words([std::cell::Cell<u64>; 16]);
    impl SavedWords for &Words {
        fn load(&self, word: usize) -> u64 {
            self.0[word].get()
        }

        fn store(&self, word: usize, value: u64) {
            self.0[word].set(value);
        }
    }
    let words = Words::default();
    let ring = SimRing::new(4096).unwrap();
    ring.producer().output(b"", Flags::ADAPTIVE).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let saver = CountSaver::resume(&words, 1, &consumer).unwrap();
    consumer.drain(|_| ()).unwrap();
    saver.save(consumer.position(), consumer.counts());
    drop(consumer);
    ring.producer().output(b"", Flags::ADAPTIVE).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let saver = CountSaver::resume(&words, 1, &consumer).unwrap();
    consumer.drain(|_| ()).unwrap();
    let accounting = Accounting::new(consumer.counts(), consumer.unread().unwrap());
    let accounting = accounting.programs(counted(2, 0)).resumed(saver.resumed());
    assert_eq!(accounting.gap(), Gap::None);
    assert_eq!(
        accounting.to_string(),
        "2 attempted = 2 delivered + 0 discarded + 0 unread + 0 failed"
    );
}
