//! [`Pace`]: how long to sleep between two looks. Pure.

use std::time::Duration;

use super::args::Interval;

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(1);
/// After so many seconds of less traffic, half of a rate is forgotten.
const HALF_LIFE: f64 = 10.0;

/// Follows the traffic. It begins with the shortest time, and needs several looks to get to a
/// long one: traffic that it does not know yet may be fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    interval: Interval,
    /// The highest known rate of any ring, in its capacities per second.
    fills_per_second: f64,
    last: Duration,
}

impl Pace {
    pub(crate) fn new(interval: Interval) -> Self {
        Self { interval, fills_per_second: 0.0, last: Duration::ZERO }
    }

    /// The time until the next look. In `elapsed`, the fastest ring was filled to this part.
    pub(crate) fn next(&mut self, part: f64, elapsed: Duration) -> Duration {
        let Interval::Auto = self.interval else {
            return match self.interval {
                Interval::Fixed(time) => time,
                Interval::Auto => SHORTEST,
            };
        };
        let seconds = elapsed.as_secs_f64().max(1e-6);
        let forgotten = self.fills_per_second * (-seconds / HALF_LIFE).exp2();
        self.fills_per_second = forgotten.max(part / seconds);
        let half = 0.5 / self.fills_per_second.max(1e-6);
        let wanted = Duration::try_from_secs_f64(half).unwrap_or(LONGEST);
        // Not more than twice the last one.
        let most = (2 * self.last).clamp(SHORTEST, LONGEST);
        self.last = wanted.clamp(SHORTEST, most);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn a_silent_ring_is_looked_at_less_and_less() {
        let mut pace = Pace::new(Interval::Auto);
        let mut times = Vec::new();
        let mut elapsed = ms(1);
        for _ in 0..12 {
            elapsed = pace.next(0.0, elapsed);
            times.push(elapsed.as_millis());
        }
        assert_eq!(times, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000]);
    }

    #[test]
    fn half_of_the_time_to_fill() {
        let mut pace = Pace::new(Interval::Auto);
        let mut elapsed = ms(1);
        // A ring that fills in 100 ms.
        for _ in 0..10 {
            elapsed = pace.next(elapsed.as_secs_f64() / 0.1, elapsed);
        }
        assert_eq!(elapsed.as_millis(), 50);
        // Suddenly in 4 ms: the next look already is earlier.
        let part = elapsed.as_secs_f64() / 0.004;
        assert_eq!(pace.next(part, elapsed).as_millis(), 2);
        // It remembers a burst for some seconds.
        let mut elapsed = ms(2);
        for _ in 0..100 {
            elapsed = pace.next(0.0, elapsed);
        }
        assert!(elapsed < ms(3), "{elapsed:?}");
        for _ in 0..100_000 {
            elapsed = pace.next(0.0, elapsed);
        }
        assert_eq!(elapsed, LONGEST);
        // Faster than it can look.
        assert_eq!(pace.next(1e9, ms(1)), SHORTEST);
    }

    #[test]
    fn a_fixed_time_stays() {
        let mut pace = Pace::new(Interval::Fixed(ms(7)));
        for part in [0.0, 1e6, f64::NAN] {
            assert_eq!(pace.next(part, ms(7)), ms(7));
        }
    }
}
