//! Cases by the number: each has a seed of its own, and a case that fails is made smaller.

use std::env;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use ringbuf_tests::until_seen;

/// The longest that a failure is made smaller.
const SHRINK_LIMIT: Duration = Duration::from_secs(60);
const PROGRESS: Duration = Duration::from_secs(10);
/// Scripts of a case. A fresh ring and its program take a while to load.
const SCRIPTS: usize = 100;

/// What cases are made of: a fresh ring each, and scripts that run on it one after the other.
pub(crate) trait Kind {
    type Ring: Debug;
    type Script: Debug;

    fn ring(&self) -> BoxedStrategy<Self::Ring>;

    fn script(&self, ring: &Self::Ring, last: bool) -> BoxedStrategy<Self::Script>;

    /// Runs the scripts in both worlds, up to the first difference.
    fn compare(&mut self, ring: &Self::Ring, scripts: &[Self::Script]) -> Result<(), Difference>;
}

/// Where the worlds differ.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) script: usize,
    pub(crate) what: String,
}

/// Runs cases until they had so many scripts as RINGBUF_SCRIPTS says, or `scripts`; only the case
/// RINGBUF_SEED, if that is set.
///
/// # Panics
/// If a case fails: with the smallest one that was found to fail too.
pub(crate) fn run_all(test: &'static str, scripts: u64, kind: &mut impl Kind) {
    let wanted = number("RINGBUF_SCRIPTS").unwrap_or(scripts);
    let only = number("RINGBUF_SEED");
    let (mut seed, mut done) = (only.unwrap_or(1), 0);
    let (started, mut said) = (Instant::now(), Instant::now());
    loop {
        let mut case = Case::new(kind, seed);
        if let Err(first) = until_seen(test, || case.compare(kind)) {
            println!("{test}: script {} of case {seed} differs: {}", first.script, first.what);
            let what = case.shrink(test, kind, first);
            let (ring, scripts) = (&case.ring, case.scripts());
            panic!(
                "{what}\nin the last of {scripts:#?}\non {ring:?}\nRINGBUF_SEED={seed} runs the \
                 case that this was made from"
            );
        }
        done += SCRIPTS as u64;
        if only.is_some() || done >= wanted {
            // printed only:
            let seconds = started.elapsed().as_secs_f64();
            println!(
                "{test}: {done} scripts on {} rings, none differs; {seconds:.1} s",
                done / SCRIPTS as u64
            );
            return;
        }
        // printed only:
        if said.elapsed() > PROGRESS {
            said = Instant::now();
            println!("{test}: {done} of {wanted} scripts");
        }
        seed += 1;
    }
}

/// A ring, and scripts that can be made simpler.
struct Case<R, S> {
    ring: R,
    trees: Vec<Box<dyn ValueTree<Value = S>>>,
}

impl<R: Debug, S: Debug> Case<R, S> {
    fn new<K: Kind<Ring = R, Script = S>>(kind: &K, seed: u64) -> Self {
        let mut runner = runner(seed);
        let accept = "a strategy that rejects nothing";
        let ring = kind.ring().new_tree(&mut runner).expect(accept).current();
        let script = |number| kind.script(&ring, number + 1 == SCRIPTS);
        let trees = (0..SCRIPTS).map(|n| script(n).new_tree(&mut runner).expect(accept)).collect();
        Self { ring, trees }
    }

    fn scripts(&self) -> Vec<S> {
        self.trees.iter().map(|tree| tree.current()).collect()
    }

    fn compare<K: Kind<Ring = R, Script = S>>(&self, kind: &mut K) -> Result<(), Difference> {
        kind.compare(&self.ring, &self.scripts())
    }

    /// Makes the failing case smaller as long as it fails, and as there is time: fewer scripts,
    /// simpler ones. Returns what then differs.
    fn shrink<K: Kind<Ring = R, Script = S>>(
        &mut self,
        test: &'static str,
        kind: &mut K,
        first: Difference,
    ) -> String {
        let started = Instant::now();
        let mut found = first;
        self.trees.truncate(found.script + 1);
        // What went before the failing script: in halves, quarters, and so on.
        let mut part = self.trees.len() - 1;
        while part > 0 {
            let mut from = 0;
            // budget: what is not made smaller by then is shown as it is.
            while from + part < self.trees.len() && started.elapsed() < SHRINK_LIMIT {
                let removed: Vec<_> = self.trees.drain(from..from + part).collect();
                match until_seen(test, || self.compare(kind)) {
                    Err(difference) => {
                        found = difference;
                        self.trees.truncate(found.script + 1);
                    }
                    Ok(()) => {
                        self.trees.splice(from..from, removed);
                        from += part;
                    }
                }
            }
            part /= 2;
        }
        for index in (0..self.trees.len()).rev() {
            let mut more = self.trees[index].simplify();
            // budget: the same.
            while more && started.elapsed() < SHRINK_LIMIT {
                more = match until_seen(test, || self.compare(kind)) {
                    Err(difference) => {
                        found = difference;
                        self.trees[index].simplify()
                    }
                    Ok(()) => self.trees[index].complicate(),
                };
            }
            // What was tried last may have passed: back to what fails.
            while until_seen(test, || self.compare(kind)).is_ok() && self.trees[index].complicate()
            {
            }
        }
        found.what
    }
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(Config::default(), rng)
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
