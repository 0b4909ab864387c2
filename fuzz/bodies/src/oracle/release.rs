//! When consumed space must go back to the producers, as `Consumer::hold_back`
//! states it.

/// Looks in a row that find nothing, after which nothing is held back.
const EMPTY_LOOKS: u64 = 64;

/// The rule, and what it goes by. Positions are the model's.
#[derive(Clone, Debug)]
pub(super) struct Release {
    capacity: u64,
    /// `None`: nothing is held back.
    portion: Option<u64>,
    /// Where the consumer started.
    born: u64,
    /// Where the last three records begin that it passed, the last one first.
    last: Vec<u64>,
    /// Looks in a row that found nothing: at least, and at most. They differ
    /// where a call may count or not: a batch that was not asked, the end of a
    /// drain that found something before.
    empty: (u64, u64),
}

impl Release {
    /// Of a consumer that starts at `born`.
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

    /// Records that begin there were passed, delivered or skipped.
    pub(super) fn pass(&mut self, begins: &[u64]) {
        if !begins.is_empty() {
            self.last = begins.iter().rev().chain(&self.last).take(3).copied().collect();
            self.empty = (0, 0);
        }
    }

    /// A look that found nothing, or may count as one; while nothing is held
    /// back none counts.
    pub(super) fn look(&mut self, surely: bool) {
        if self.portion.is_some() {
            let (least, most) = self.empty;
            self.empty = (least + u64::from(surely), most + 1);
        }
    }

    /// A look that found something, and passed nothing.
    pub(super) fn found(&mut self) {
        self.empty.0 = 0;
    }

    /// Whether everything may, and must, have been published after the looks
    /// so far.
    pub(super) fn is_idle(&self) -> (bool, bool) {
        let (least, most) = self.empty;
        (most >= EMPTY_LOOKS, least >= EMPTY_LOOKS)
    }

    /// Bytes unpublished where a batch ends at `consumed`: the last two records,
    /// as far as they are not published already; nothing if that is more
    /// than an eighth of the ring.
    pub(super) fn held(&self, consumed: u64, published: u64) -> u64 {
        self.rule(consumed, self.begin(1), published)
    }

    /// The same where a drain ends that began at `from`, if a window of it ended
    /// before the last record, and had to publish everything.
    pub(super) fn held_in_windows(&self, consumed: u64, from: u64, published: u64) -> Option<u64> {
        let window = self.begin(0);
        let all = window > from && self.rule(window, self.begin(2), published) == 0;
        all.then(|| self.rule(consumed, self.begin(1), window))
    }

    /// Bytes that a drain may have delivered and not published when it comes to a
    /// record, if none is longer than `longest` and it began with `unpublished`.
    /// It looks at the end of each window, and a window has half a portion after
    /// its first record.
    pub(super) fn most_within(&self, longest: u64, unpublished: u64) -> u64 {
        let window = |portion: u64| longest + (portion / 2).max(8);
        let most = |portion: u64| portion.max(2 * longest).max(unpublished) + window(portion);
        self.portion.map_or(self.capacity, most)
    }

    fn rule(&self, consumed: u64, last_but_one: u64, published: u64) -> u64 {
        let stays = consumed - published.max(last_but_one);
        if self.portion.is_none() || stays > self.capacity / 8 { 0 } else { stays }
    }

    /// Where the last record begins, the last but one, and so on.
    fn begin(&self, back: usize) -> u64 {
        self.last.get(back).copied().unwrap_or(self.born)
    }
}
