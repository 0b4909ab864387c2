//! What is delivered in which round, by hand-written cases.

use super::*;

#[test]
fn an_empty_ring_holds_the_others_until_their_keys_are_old_enough() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<1>(&time, 2, 4096, 100);
    write(&rings[0], 1000);
    write(&rings[0], 1001);
    assert_eq!(keys(&mut merge, 1099), (vec![], Round::Held { until: 1100 }));
    assert_eq!(keys(&mut merge, 1100), (vec![1000], Round::Held { until: 1101 }));
    write(&rings[1], 1000);
    assert_eq!(keys(&mut merge, 1101), (vec![1000, 1001], Round::Empty));
    assert_eq!(merge.counts().rings.late, 0);
}

#[test]
fn rings_that_all_have_records_hold_nothing_that_another_one_cannot_precede() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<1>(&time, 3, 4096, 1_000_000);
    for (ring, keys) in rings.iter().zip([[10, 40, 70], [20, 50, 80], [30, 60, 90]]) {
        keys.into_iter().for_each(|key| write(ring, key));
    }
    // After 70 the first ring is empty, and may bring anything.
    let (records, round) = keys(&mut merge, 2_000);
    assert_eq!(records, [10, 20, 30, 40, 50, 60, 70]);
    assert_eq!(round, Round::Held { until: 1_000_080 });
}

#[test]
fn with_the_largest_time_nothing_is_held() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<8>(&time, 3, 4096, u64::MAX);
    [7, 3, 5].into_iter().for_each(|key| write(&rings[0], key));
    [4, u64::MAX].into_iter().for_each(|key| write(&rings[2], key));
    // Keys that are far apart (2^48) take a round each.
    assert_eq!(keys(&mut merge, u64::MAX), (vec![3, 4, 5, 7], Round::Limit));
    assert_eq!(keys(&mut merge, u64::MAX), (vec![u64::MAX], Round::Empty));
    assert_eq!(merge.counts().rings.delivered, 5);
}

#[test]
fn a_busy_head_holds_the_others_for_twice_the_lateness() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<1>(&time, 2, 4096, 100);
    assert_eq!(keys(&mut merge, 1000), (vec![], Round::Empty)); // both are clear now
    let program = rings[0].producer();
    let held = program.reserve(8).unwrap();
    write(&rings[1], 900);
    write(&rings[1], 950);
    // Behind the busy record, everything is newer than 1000 - 100.
    let (records, round) = keys(&mut merge, 1050);
    assert_eq!((records, round), (vec![900], Round::Held { until: 1062 }));
    assert_eq!(keys(&mut merge, 1149).0, []);
    // It stands still. Now only what is younger than twice the lateness is held.
    assert_eq!(keys(&mut merge, 1150), (vec![950], Round::Empty));
    drop(held);
}

#[test]
fn a_busy_head_that_is_committed_is_delivered_in_its_place() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<1>(&time, 2, 4096, 100);
    keys(&mut merge, 1000);
    let program = rings[0].producer();
    let mut held = program.reserve(8).unwrap();
    held.copy_from_slice(&1010_u64.to_ne_bytes());
    write(&rings[1], 1020);
    write(&rings[0], 1030);
    assert_eq!(keys(&mut merge, 1119).0, []);
    held.submit(Flags::ADAPTIVE);
    assert_eq!(keys(&mut merge, 1130).0, [1010, 1020, 1030]);
    assert_eq!(merge.counts().rings.late, 0);
}

#[test]
fn a_discarded_record_holds_nothing() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<1>(&time, 2, 4096, 100);
    let program = rings[0].producer();
    program.reserve(8).unwrap().discard(Flags::ADAPTIVE);
    write(&rings[0], 20);
    write(&rings[1], 10);
    assert_eq!(keys(&mut merge, 120), (vec![10, 20], Round::Empty));
    let consumer = merge.set().tokens().map(|token| merge.set().get(token).unwrap().0);
    let counts: Vec<_> =
        consumer.map(|ring| (ring.counts().delivered, ring.counts().discarded)).collect();
    assert_eq!(counts, [(1, 1), (1, 0)]);
}

#[test]
fn a_late_record_is_delivered_and_marked() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<1>(&time, 2, 4096, 100);
    write(&rings[0], 1000);
    assert_eq!(round(&mut merge, 1100).0, [(0, 1000, false)]);
    write(&rings[1], 999);
    write(&rings[1], 1000); // the same key is not late
    assert_eq!(round(&mut merge, 1200).0, [(1, 999, true), (1, 1000, false)]);
    let late: Vec<_> =
        merge.set().tokens().map(|t| merge.set().get(t).unwrap().1.counts().late).collect();
    assert_eq!(late, [0, 1]);
}

/// What follows in the ring may belong before the records that are known.
#[test]
fn a_ring_whose_records_are_all_known_holds_them() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<8>(&time, 1, 4096, 100);
    write(&rings[0], 1_000);
    assert_eq!(keys(&mut merge, 1_050), (vec![], Round::Held { until: 1_100 }));
    write(&rings[0], 999);
    assert_eq!(keys(&mut merge, 1_100), (vec![999, 1_000], Round::Empty));
}

/// A program that interrupts another one between its clock and its reservation.
#[test]
fn a_look_ahead_repairs_the_order_within_a_ring() {
    fn order<const W: usize>(keys: &[u64]) -> (Vec<u64>, u64) {
        let time = VirtualTime::new();
        let (rings, mut merge) = merged::<W>(&time, 2, 4096, 0);
        keys.iter().for_each(|&key| write(&rings[0], key));
        write(&rings[1], u64::MAX - 9);
        let (records, _) = self::keys(&mut merge, u64::MAX - 9);
        (records[..keys.len()].to_vec(), merge.counts().rings.late)
    }
    let nested = [12, 13, 11, 10, 24, 23, 22, 21, 20, 30];
    assert_eq!(order::<1>(&nested).1, 2 + 4);
    let mut sorted = nested.to_vec();
    sorted.sort_unstable();
    assert_eq!(order::<8>(&nested), (sorted, 0));
    // 20 stands behind four with larger keys: five have to be known.
    assert_eq!(order::<4>(&nested).1, 1);
}

#[test]
fn records_of_equal_keys_keep_the_order_of_their_ring() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<8>(&time, 2, 4096, 0);
    for (number, key) in [5_u64, 7, 5, 7, 5].into_iter().enumerate() {
        let sample = [key, number as u64].map(u64::to_ne_bytes).concat();
        rings[0].producer().output(&sample, Flags::ADAPTIVE).unwrap();
    }
    let mut numbers = Vec::new();
    merge.drain(100, |_, record| numbers.push(record[8])).unwrap();
    assert_eq!(numbers, [0, 2, 4, 1, 3]);
}

#[test]
fn a_record_without_a_key_follows_the_one_before_it() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<8>(&time, 2, 4096, 0);
    let keyless = |ring: &SimRing| ring.producer().output(b"?", Flags::ADAPTIVE).unwrap();
    keyless(&rings[0]);
    write(&rings[0], 10);
    keyless(&rings[0]);
    write(&rings[0], 30);
    write(&rings[1], 20);
    keyless(&rings[1]);
    let (records, _) = round(&mut merge, 100);
    let wanted = [(0, 0), (0, 10), (0, 10), (1, 20), (1, 20), (0, 30)];
    assert_eq!(records, wanted.map(|(ring, key)| (ring, key, false)));
    // In a ring that is added later, it is not late either.
    let ring = SimRing::new(4096).unwrap();
    keyless(&ring);
    merge.insert(ring.consumer().unwrap(), 2).unwrap();
    assert_eq!(round(&mut merge, 200).0, [(2, 30, false)]);
}

/// A wrong key, far ahead of the clock.
#[test]
fn a_key_ahead_of_the_clock_neither_stays_nor_makes_others_late() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<4>(&time, 2, 4096, 100);
    write(&rings[0], u64::MAX - 5);
    write(&rings[0], 1000);
    write(&rings[1], 1001);
    assert_eq!(keys(&mut merge, 1200).0, [1000, 1001]);
    assert_eq!(keys(&mut merge, 1300), (vec![], Round::Held { until: 1400 }));
    write(&rings[1], 1301);
    assert_eq!(keys(&mut merge, 1400), (vec![1300], Round::Held { until: 1401 }));
    assert_eq!(round(&mut merge, 1401).0, [(1, 1301, false)]);
    assert_eq!(merge.counts().rings.ahead, 1);
}

/// They count as equal, however wrong they are.
#[test]
fn keys_ahead_of_the_clock_keep_the_order_of_their_ring() {
    fn order<const W: usize>(keys: &[u64]) -> Vec<u8> {
        let time = VirtualTime::new();
        let (rings, mut merge) = merged::<W>(&time, 2, 4096, 100);
        for (number, key) in keys.iter().enumerate() {
            let sample = [*key, number as u64].map(u64::to_ne_bytes).concat();
            rings[0].producer().output(&sample, Flags::ADAPTIVE).unwrap();
        }
        let mut numbers = Vec::new();
        for now in [1_000, 1_001, 1_500] {
            merge.drain(now, |_, record| numbers.push(record[8])).unwrap();
        }
        assert_eq!(merge.counts().rings.late, 0);
        numbers
    }
    let wrong = [u64::MAX, 900, 5_000, u64::MAX - 5, 800, 4_000, 1_001];
    assert_eq!(order::<8>(&wrong), [4, 1, 0, 2, 3, 5, 6]);
    assert_eq!(order::<64>(&wrong), [4, 1, 0, 2, 3, 5, 6]);
}

/// The producer never stops: the round ends nevertheless.
#[test]
fn a_round_reads_at_most_one_ring() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<1>(&time, 1, 4096, 0);
    let program = rings[0].producer();
    let mut read = 0;
    write(&rings[0], 1);
    let end = merge.drain(100, |_, _| {
        read += 1;
        assert!(read < 10_000, "it never ends");
        program.output(&1_u64.to_ne_bytes(), Flags::ADAPTIVE).unwrap();
    });
    assert_eq!(end, Ok(Round::Limit));
    assert_eq!(read, 4096 / 16);
}

/// A round without a clock says nothing about when its rings were clear.
#[test]
fn a_flushed_ring_is_not_clear_for_ever() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<1>(&time, 2, 4096, 100);
    assert_eq!(keys(&mut merge, u64::MAX), (vec![], Round::Empty));
    let program = rings[0].producer();
    let held = program.reserve(8).unwrap();
    write(&rings[1], 990);
    assert_eq!(keys(&mut merge, 1_095).0, []);
    drop(held);
}

#[test]
fn what_was_delivered_is_given_back() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<4>(&time, 2, 4096, 0);
    for lap in 0..100 {
        for _ in 0..100 {
            write(&rings[0], lap);
        }
        keys(&mut merge, 1000);
        let (ring, _) = merge.set().get(merge.set().tokens().next().unwrap()).unwrap();
        assert_eq!(ring.lag(), Ok(0));
        assert!(ring.unpublished() <= 32, "{}", ring.unpublished()); // two records are held back
    }
    // A record that is held stays unread, so none before it has to be held back.
    for key in [2_000, 2_001, 2_002, 2_003, 3_000] {
        write(&rings[0], key);
    }
    assert_eq!(keys(&mut merge, 2_500).0, [2_000, 2_001, 2_002, 2_003]);
    let pages = rings[0].pages();
    assert_eq!(pages.producer - pages.consumer, 16);
}
