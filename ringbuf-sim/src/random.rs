//! [`Random`]: the source of all decisions.

/// Numbers that look random, but are the same in each run.
///
/// ```
/// use ringbuf_sim::Random;
///
/// let mut dice = Random::new(1);
/// assert!((0..100).all(|_| dice.below(6) < 6));
/// assert_eq!(Random::new(1).next_number(), Random::new(1).next_number());
/// ```
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Creates the source of the numbers of this seed.
    ///
    /// ```
    /// use ringbuf_sim::Random;
    ///
    /// let mut random = Random::new(17);
    /// assert_ne!(random.next_number(), random.next_number());
    /// ```
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number (splitmix64: even two close seeds give different numbers).
    ///
    /// ```
    /// use ringbuf_sim::Random;
    ///
    /// println!("{:#x}", Random::new(17).next_number());
    /// ```
    #[inline]
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, which is at most 2^32.
    ///
    /// ```
    /// use ringbuf_sim::Random;
    ///
    /// assert!(Random::new(17).below(6) < 6); // a die
    /// ```
    #[inline]
    pub fn below(&mut self, end: u64) -> u64 {
        ((self.next_number() >> 32) * end) >> 32
    }

    /// Returns one of these.
    ///
    /// ```
    /// use ringbuf_sim::Random;
    ///
    /// let mut random = Random::new(1);
    /// assert!([8, 24].contains(&random.pick(&[8, 24])));
    /// ```
    ///
    /// # Panics
    /// If there are none.
    #[inline]
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}
