//! The rule for giving consumed space back to the producers, as
//! `Consumer::hold_back` states it.

/// After this many empty looks in a row, nothing is held back.
const EMPTY_LOOKS: u64 = 64;

/// The rule and its state. Positions are those of the model.
#[derive(Clone, Debug)]
pub(super) struct Release {
    capacity: u64,
    /// `None`: nothing is held back.
    portion: Option<u64>,
    /// The start position of the consumer, or of the record that it put back last.
    born: u64,
    /// The starts of the last three records that it passed, the last one first.
    last: Vec<u64>,
    /// The smallest and the largest possible number of empty looks in a row. They
    /// differ if it is open whether a call counts: a batch without a call of
    /// `next`, or the end of a drain that found something before.
    empty: (u64, u64),
}

impl Release {
    /// Creates the rule for a consumer that starts at `born`.
    pub(super) fn new(capacity: u64, born: u64) -> Self {
        Self { capacity, portion: None, born, last: Vec::new(), empty: (0, 0) }
    }

    pub(super) fn hold_back(&mut self, portion: u64) {
        self.portion = Some(portion.min(self.capacity / 2));
    }

    pub(super) fn at_once(&mut self) {
        self.portion = None;
        self.empty = (0, 0);
    }

    /// Passes the records with these starts, delivered or skipped.
    pub(super) fn pass(&mut self, begins: &[u64]) {
        if !begins.is_empty() {
            self.last = begins.iter().rev().chain(&self.last).take(3).copied().collect();
            self.empty = (0, 0);
        }
    }

    /// Forgets the records before `start`, which the consumer did not put back.
    pub(super) fn forget(&mut self, start: u64) {
        self.born = start;
        self.last.clear();
        self.empty = (0, 0);
    }

    /// Adds an empty look, or one that may count as empty. Does nothing while
    /// nothing is held back.
    pub(super) fn look(&mut self, surely: bool) {
        if self.portion.is_some() {
            let (least, most) = self.empty;
            self.empty = (least + u64::from(surely), most + 1);
        }
    }

    /// Adds a look that found something, but passed nothing.
    pub(super) fn found(&mut self) {
        self.empty.0 = 0;
    }

    /// Returns two flags: after the looks so far, everything may be published, and
    /// everything must be published.
    pub(super) fn is_idle(&self) -> (bool, bool) {
        let (least, most) = self.empty;
        (most >= EMPTY_LOOKS, least >= EMPTY_LOOKS)
    }

    /// Returns the unpublished bytes after a batch that ends at `consumed`. These
    /// are the last two records, without their published part, or nothing if that
    /// is more than an eighth of the ring.
    pub(super) fn held(&self, consumed: u64, published: u64) -> u64 {
        self.rule(consumed, self.begin(1), published)
    }

    /// Returns the same for a drain that began at `from`, if one of its windows
    /// ended before the last record and had to publish everything.
    pub(super) fn held_in_windows(&self, consumed: u64, from: u64, published: u64) -> Option<u64> {
        let window = self.begin(0);
        let all = window > from && self.rule(window, self.begin(2), published) == 0;
        all.then(|| self.rule(consumed, self.begin(1), window))
    }

    /// Returns the most bytes that a drain may have delivered but not published
    /// when it reaches a record. No record is longer than `longest`, and the drain
    /// began with `unpublished`. The drain looks at the end of each window, and a
    /// window has half a portion after its first record.
    pub(super) fn most_within(&self, longest: u64, unpublished: u64) -> u64 {
        let window = |portion: u64| longest + (portion / 2).max(8);
        let most = |portion: u64| portion.max(2 * longest).max(unpublished) + window(portion);
        self.portion.map_or(self.capacity, most)
    }

    fn rule(&self, consumed: u64, last_but_one: u64, published: u64) -> u64 {
        let stays = consumed - published.max(last_but_one);
        if self.portion.is_none() || stays > self.capacity / 8 { 0 } else { stays }
    }

    /// Returns the start of the last record (0), of the second-to-last (1), and so
    /// on.
    fn begin(&self, back: usize) -> u64 {
        self.last.get(back).copied().unwrap_or(self.born)
    }
}
