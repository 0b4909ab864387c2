//! Random numbers from integers alone, so that a seed gives the same run on any machine.

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = Self(seed ^ stream.wrapping_mul(0xbf58_476d_1ce4_e5b9));
        Self(mixed.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// Returns a number below `bound`, or 0 if that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        scaled(bound, self.next())
    }

    /// Returns true in `millionths` of a million cases.
    pub(crate) fn happens(&mut self, millionths: u32) -> bool {
        millionths != 0 && self.below(1_000_000) < u64::from(millionths)
    }

    /// Returns `mean` changed by at most `1 / part` of it, evenly.
    pub(crate) fn around(&mut self, mean: u64, part: u64) -> u64 {
        let most = mean / part;
        mean - most + self.below(2 * most + 1)
    }

    /// Returns an exponentially distributed number, by the method of von Neumann. It only
    /// compares numbers, so no logarithm of the host decides.
    pub(crate) fn exponential(&mut self, mean: u64) -> u64 {
        let mut whole = 0;
        loop {
            let first = self.next();
            let (mut last, mut falling) = (first, 1u32);
            loop {
                let next = self.next();
                if next > last {
                    break;
                }
                (last, falling) = (next, falling + 1);
            }
            if falling % 2 == 1 {
                return whole + scaled(mean, first);
            }
            whole += mean;
        }
    }
}

/// Returns `value * fraction`, where `fraction` counts 2^-64.
fn scaled(value: u64, fraction: u64) -> u64 {
    ((u128::from(value) * u128::from(fraction)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_numbers_have_their_mean_and_their_spread() {
        let mut random = Random::new(1, 0);
        let (mut sum, mut above_mean, n) = (0u64, 0u64, 200_000);
        for _ in 0..n {
            let number = random.exponential(1_000_000);
            sum += number;
            above_mean += u64::from(number > 1_000_000);
        }
        assert!((990_000..1_010_000).contains(&(sum / n)), "{}", sum / n);
        // e^-1 of them.
        let share = above_mean * 1000 / n;
        assert!((363..373).contains(&share), "{share}");
    }

    #[test]
    fn even_numbers_stay_within_their_part() {
        let mut random = Random::new(2, 7);
        let numbers: Vec<_> = (0..10_000).map(|_| random.around(1000, 10)).collect();
        assert_eq!(numbers.iter().min(), Some(&900));
        assert_eq!(numbers.iter().max(), Some(&1100));
        assert!((0..1000).all(|_| random.happens(1_000_000) && !random.happens(0)));
        assert_eq!(random.below(0), 0);
    }
}
