//! The cost of a stream of records, and the lateness of each read.

use super::*;

/// The pattern of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gaps {
    Periodic,
    Exponential,
}

/// The cost of a run of records.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    /// Sorted.
    ages: Vec<Duration>,
    rests: Rests,
    notifications: u64,
    /// The clock at the end.
    end: Duration,
}

impl Cost {
    /// Returns the age that this many of a thousand records do not exceed.
    fn age(&self, per_mille: usize) -> Duration {
        self.ages[(self.ages.len() - 1) * per_mille / 1000]
    }

    fn per_record(&self, count: u64) -> f64 {
        count as f64 / self.ages.len() as f64
    }
}

/// A stream of records, and its conditions.
#[derive(Clone, Debug)]
struct Stream {
    policy: WaitPolicy,
    gaps: Gaps,
    gap: Duration,
    count: u64,
    /// The lateness of timers.
    lateness: Duration,
    /// The time from a notification until the reader runs.
    wakeup: Duration,
    flags: Flags,
    /// The time of a reading of the clock. For a spinning reader this includes its
    /// looks between two readings.
    tick: Duration,
}

impl Stream {
    fn new(policy: WaitPolicy, gap: Duration) -> Self {
        let (gaps, flags, zero) = (Gaps::Periodic, Flags::ADAPTIVE, Duration::ZERO);
        let (count, lateness, wakeup, tick) = (10_000, zero, zero, zero);
        Self { policy, gaps, gap, count, lateness, wakeup, flags, tick }
    }

    /// Produces all records and reads them. Between two reads, at most two records
    /// may be held back.
    fn run(&self) -> Cost {
        const LEN: usize = 64;
        let mut random = Random::new(7);
        ring!(ring, program, time, consumer, 1024 * KIB);
        time.tick(self.tick);
        time.lateness(self.lateness);
        time.wakeup(self.wakeup);
        let mut at = ms(1);
        for _ in 0..self.count {
            write_at(&time, at, &program, LEN, self.flags);
            at += match self.gaps {
                Gaps::Periodic => self.gap,
                Gaps::Exponential => random.exponential(self.gap),
            };
        }
        consumer.set_policy(self.policy.clone());
        let mut ages = Vec::new();
        while consumer.counts().delivered < self.count {
            assert_eq!(consumer.wait(Some(Duration::from_secs(1))), Ok(Wakeup::Ready));
            ages.extend(read(&mut consumer, &time));
            // The bytes that a BPF program sees as unread.
            let believed = program.query(0) - consumer.lag().unwrap();
            assert!(believed <= 2 * (LEN as u64 + 8), "{believed} bytes too many");
        }
        ages.sort_unstable();
        let (rests, notifications, end) = (time.rests(), ring.notifications(), time.now());
        Cost { ages, rests, notifications, end }
    }
}

#[test]
fn dense_records_rarely_notify() {
    for gap in [us(2), us(10), us(50)] {
        let cost = Stream::new(WaitPolicy::balanced(), gap).run();
        let notified = cost.notifications;
        println!("{gap:?} apart: {notified} notifications for 10000 records");
        assert!(notified <= 12, "{gap:?}: {notified}");
        assert!(cost.age(1000) <= us(63), "{gap:?}: {:?}", cost.age(1000));
    }
}

/// A late nap costs more, so naps grow by a share of the lateness: the gap divided
/// by the hold-off, here a fifth.
#[test]
fn late_timers_lengthen_the_naps() {
    let naps = [0, 30].map(|late| {
        let stream = Stream::new(WaitPolicy::balanced(), us(10));
        Stream { lateness: us(late), ..stream }.run().rests.naps
    });
    // 10,000 records of 10 us: naps of 18 us, and naps of 18 and 6 that take 30 more.
    let expected = [18, 18 + 6 + 30].map(|nap| 100_000 / nap);
    for (naps, expected) in naps.into_iter().zip(expected) {
        assert!(naps.abs_diff(expected) * 20 <= expected, "{naps}, and not about {expected}");
    }
}

#[test]
fn single_records_notify_and_are_read_at_once() {
    let cost = Stream::new(WaitPolicy::balanced(), us(300)).run();
    assert_eq!((cost.notifications, cost.age(1000)), (10_000, Duration::ZERO));
    assert_eq!((cost.rests.naps, cost.rests.notified), (0, 10_000));
    // One look and one reading of the clock more than without a policy.
    assert!(cost.rests.readings <= 2 * 10_000 + 10, "{:?}", cost.rests);
}

#[test]
fn immediate_blocks_for_each_record() {
    let cost = Stream::new(WaitPolicy::immediate(), us(10)).run();
    assert_eq!((cost.notifications, cost.age(1000)), (10_000, Duration::ZERO));
    assert_eq!((cost.rests.naps, cost.rests.notified), (0, 10_000));
}

#[test]
fn low_latency_finds_a_record_within_one_pause() {
    let stream =
        Stream { count: 2_000, tick: us(1), ..Stream::new(WaitPolicy::low_latency(), us(20)) };
    let cost = stream.run();
    assert!(cost.notifications <= 2 && cost.age(1000) <= us(2), "{:?}", cost.age(1000));
    assert_eq!((cost.rests.naps, cost.rests.pauses), (0, 1999));
}

#[test]
fn low_cost_looks_about_once_in_a_hold_off() {
    let cost = Stream::new(WaitPolicy::low_cost(), us(10)).run();
    assert!(cost.rests.naps <= 120 && cost.notifications <= 20, "{:?}", cost.rests);
    assert!(cost.age(1000) <= us(1001));
}

/// Without notifications, each record is read within a millisecond after the first.
#[test]
fn silent_records_are_read_within_the_latency_bound() {
    for (name, policy) in presets() {
        let policy = policy.latency_bound(ms(2));
        let (count, flags, tick) = (300, Flags::NO_WAKEUP, us(20));
        let stream = Stream { count, flags, tick, ..Stream::new(policy, ms(7)) };
        let cost = stream.run();
        assert_eq!((cost.notifications, cost.rests.notified), (0, 0), "{name}");
        // The limit of every sleep finds the first record.
        assert!(cost.age(1000) <= ms(101), "{name}: {:?}", cost.age(1000));
        assert!(cost.age(900) <= us(2100), "{name}: {:?}", cost.age(900));
    }
}

/// After producers notify again, there are no more short sleeps.
#[test]
fn a_notification_ends_the_short_sleeps() {
    for (name, policy) in presets().into_iter().filter(|(name, _)| *name != "low_latency") {
        ring!(_ring, program, time, consumer, 64 * KIB);
        consumer.set_policy(policy.latency_bound(ms(1)));
        for number in 1..=5 {
            write_at(&time, ms(150) * number, &program, 64, Flags::NO_WAKEUP);
        }
        read_until(5, &mut consumer, &time);
        let idle = Some(ms(500));
        let (_, _, rests) = spent(&time, || consumer.wait(idle).unwrap());
        assert!(rests.blocks >= 490, "{name}: {rests:?}");
        write_at(&time, time.now() + ms(100), &program, 64, Flags::ADAPTIVE);
        read_until(6, &mut consumer, &time);
        let (_, _, rests) = spent(&time, || consumer.wait(idle).unwrap());
        assert!(rests.blocks <= 6, "{name}: {rests:?}");
    }
}

#[test]
fn two_runs_are_equal() {
    let stream = Stream {
        gaps: Gaps::Exponential,
        count: 3_000,
        lateness: us(5),
        wakeup: us(5),
        ..Stream::new(WaitPolicy::balanced(), us(40))
    };
    assert_eq!(stream.run(), stream.run());
}

/// The costs of `balanced`. The printed numbers are exact; the assertions leave
/// space for other values of the policy.
#[test]
fn the_table() {
    println!("balanced, 10000 records of 64 bytes; timers fire late, a woken reader runs late");
    println!(
        "{:>12} {:>8} {:>6} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "gaps", "gap", "late", "wakeup", "p50", "p90", "p99", "max", "naps/rec", "notif/rec"
    );
    for (lateness, wakeup) in [(5, 0), (5, 10), (55, 10)] {
        for gaps in [Gaps::Periodic, Gaps::Exponential] {
            for gap in [10, 20, 50, 100, 300] {
                let stream = Stream {
                    gaps,
                    lateness: us(lateness),
                    wakeup: us(wakeup),
                    ..Stream::new(WaitPolicy::balanced(), us(gap))
                };
                let cost = stream.run();
                let naps = cost.per_record(cost.rests.naps);
                let notified = cost.per_record(cost.notifications);
                let [p50, p90, p99, max] =
                    [500, 900, 990, 1000].map(|age| cost.age(age).as_nanos() as f64 / 1000.0);
                println!(
                    "{:>12} {gap:>5} us {lateness:>3} us {wakeup:>4} us {p50:>6.1} us {p90:>6.1} us \
                     {p99:>6.1} us {max:>6.1} us {naps:>9.4} {notified:>9.4}",
                    format!("{gaps:?}")
                );
                if lateness == 5 {
                    let (most_p50, most_naps, most_notified) = match gap {
                        10 => (15.0, 0.7, 0.01),
                        20 => (20.0, 0.7, 0.02),
                        50 => (30.0, 1.1, 0.12),
                        _ => (60.0, 1.5, 1.0),
                    };
                    assert!(p50 <= most_p50, "{stream:?}: p50 of {p50} us");
                    assert!(naps <= most_naps, "{stream:?}: {naps} naps for each record");
                    assert!(notified <= most_notified, "{stream:?}: {notified} for each record");
                }
            }
        }
    }
}
