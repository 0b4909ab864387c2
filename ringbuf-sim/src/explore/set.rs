//! A set of explored rings.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use ringbuf_core::{
    Consumer, Lane, Merge, Node, Record, RingSet, SetHost, Slot, Token, WaitHost, WaitPolicy,
    WakeCause, Wakes,
};

use super::ring::Bench;
use super::{ExploredMemory, ExploredRing};

/// A set of explored rings: core's [`RingSet`], which also reads the kernel's rings.
///
/// ```
/// use ringbuf_core::WaitPolicy;
/// use ringbuf_sim::explore::{Explore, ExploredRing, ExploredSet};
///
/// Explore::new().seeds(0..20).rings(3).run_set(|rings| {
///     let mut set: ExploredSet<ExploredRing> = rings[0].ring_set(WaitPolicy::immediate());
///     for ring in rings {
///         set.insert(ring.consumer()?, ring.clone())?;
///     }
///     loop {
///         set.drain(|ring, record| ring.received(&record))?;
///         set.wait(None)?;
///     }
/// });
/// ```
pub type ExploredSet<T> = RingSet<ExploredSetHost, T, Vec<Slot<Consumer<ExploredMemory>, T>>>;

/// An ordered merge of explored rings: core's [`Merge`], which also reads the kernel's rings.
pub type ExploredMerge<T, K, const W: usize> =
    Merge<ExploredSetHost, T, Vec<Slot<Consumer<ExploredMemory>, Lane<T, W>>>, Vec<Node>, K, W>;

/// The clock and the sleeps of a set of explored rings.
pub struct ExploredSetHost {
    bench: Rc<Bench>,
    watched: RefCell<Vec<(usize, Token)>>,
    notified: RefCell<VecDeque<Token>>,
    rings: Cell<u64>,
}

impl ExploredRing {
    /// Creates an empty set. Fill it with the consumers of the rings of this run.
    ///
    /// ```
    /// use ringbuf_core::WaitPolicy;
    /// use ringbuf_sim::explore::Explore;
    ///
    /// Explore::new().seeds(0..50).rings(2).run_set(|rings| {
    ///     let mut set = rings[0].ring_set(WaitPolicy::balanced());
    ///     for ring in rings {
    ///         set.insert(ring.consumer()?, ring.clone())?;
    ///     }
    ///     loop {
    ///         set.drain(|ring, record| ring.received(&record))?;
    ///         set.wait(None)?;
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn ring_set<T>(&self, policy: WaitPolicy) -> ExploredSet<T> {
        let host = ExploredSetHost {
            bench: self.bench.clone(),
            watched: RefCell::default(),
            notified: RefCell::default(),
            rings: Cell::default(),
        };
        RingSet::new(host, Vec::new(), policy)
    }

    /// Creates an ordered merge without rings. Fill it with the consumers of the rings of this
    /// run. `key` and `lateness` are in nanoseconds, and `W` is the look-ahead; take 1 if you
    /// call [`received`](Self::received), which wants the order of each ring.
    ///
    /// A loop of your own sleeps by `set().host()`: it blocks until a ring notifies, and naps
    /// until a record that is held is due.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::{MergeArmed, WaitHost, WaitPolicy};
    /// use ringbuf_sim::explore::Explore;
    ///
    /// // A record each 20 us, by its stamp.
    /// let stamps = |_: usize, n: u64| (20_000 * n).to_ne_bytes().to_vec();
    /// Explore::new().seeds(0..20).rings(2).samples(stamps).run_set(|rings| {
    ///     let lateness = Duration::from_micros(100);
    ///     let mut merge = rings[0].merge::<_, _, 1>(WaitPolicy::immediate(), lateness, |record| {
    ///         record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
    ///     });
    ///     for ring in rings {
    ///         merge.insert(ring.consumer()?, ring.clone())?;
    ///     }
    ///     loop {
    ///         merge.wait(Some(Duration::ZERO))?;
    ///         let now = merge.set().host().now().as_nanos() as u64;
    ///         merge.drain(now, |ring, record| ring.received(&record))?;
    ///         match merge.arm()? {
    ///             MergeArmed::Ready => {}
    ///             MergeArmed::Held(left) => drop(merge.set().host().nap(left)?),
    ///             MergeArmed::Sleep => drop(merge.set().host().block(Duration::MAX)?),
    ///         }
    ///     }
    /// });
    /// ```
    pub fn merge<T, K, const W: usize>(
        &self,
        policy: WaitPolicy,
        lateness: Duration,
        key: K,
    ) -> ExploredMerge<T, K, W>
    where
        K: Fn(&Record<'_, ExploredMemory>) -> Option<u64>,
    {
        let lateness = u64::try_from(lateness.as_nanos()).unwrap_or(u64::MAX);
        Merge::new(self.ring_set(policy), Vec::new(), key, lateness)
    }
}

impl WaitHost for ExploredSetHost {
    type Error = Infallible;

    fn now(&self) -> Duration {
        self.bench.now()
    }

    fn pause(&self, time: Duration) {
        self.bench.rest(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, Infallible> {
        Ok(self.bench.rest(time))
    }

    fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
        let cause = self.bench.sleep(self.rings.get(), time);
        let mut notified = self.notified.borrow_mut();
        for (ring, token) in self.watched.borrow().iter() {
            if self.bench.rings[*ring].queue.take() {
                notified.push_back(*token);
            }
        }
        Ok(cause)
    }

    fn take_wakes(&self) -> Wakes {
        self.bench.take_wakes()
    }

    fn deadline(&self) -> Duration {
        self.bench.deadline()
    }
}

impl ExploredSetHost {
    fn set_rings(&self) {
        let watched = self.watched.borrow();
        self.rings.set(watched.iter().fold(0, |rings, (ring, _)| rings | 1 << ring));
    }
}

impl SetHost for ExploredSetHost {
    type Memory = ExploredMemory;
    type Ring = Consumer<ExploredMemory>;

    fn watch(&self, ring: &Self::Ring, token: Token) -> Result<(), Infallible> {
        self.watched.borrow_mut().push((ring.memory().ring().number, token));
        self.set_rings();
        Ok(())
    }

    fn unwatch(&self, _: &Self::Ring, token: Token) {
        self.watched.borrow_mut().retain(|(_, watched)| *watched != token);
        self.set_rings();
    }

    fn next_notified(&self) -> Option<Token> {
        self.notified.borrow_mut().pop_front()
    }
}

impl fmt::Debug for ExploredSetHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExploredSetHost").field("watched", &self.watched).finish_non_exhaustive()
    }
}
