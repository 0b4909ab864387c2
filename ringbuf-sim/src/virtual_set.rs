//! A set of simulated rings in virtual time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use ringbuf_core::{
    Consumer, Lane, Merge, Node, Record, RingSet, SetHost, Slot, Token, WaitHost, WaitPolicy,
    WakeCause, Wakes,
};

use crate::virtual_time::whole_millis;
use crate::{SimMemory, SimRing, VirtualTime};

/// A set of simulated rings whose waits are in virtual time: core's
/// [`RingSet`], which also reads the kernel's rings.
pub type VirtualSet<'t, T> = RingSet<VirtualSetHost<'t>, T, Vec<Slot<Consumer<SimMemory>, T>>>;

/// A merge of simulated rings whose waits are in virtual time: core's [`Merge`], which also
/// reads the kernel's rings.
pub type VirtualMerge<'t, T, K, const W: usize> =
    Merge<VirtualSetHost<'t>, T, Vec<Slot<Consumer<SimMemory>, Lane<T, W>>>, Vec<Node>, K, W>;

/// The clock and the sleeps of a set in virtual time.
#[derive(Debug)]
pub struct VirtualSetHost<'t> {
    time: VirtualTime<'t>,
    watched: RefCell<Vec<Watched>>,
    notified: RefCell<VecDeque<Token>>,
}

#[derive(Debug)]
struct Watched {
    token: Token,
    ring: SimRing,
    /// The number of notifications that blocks have used up.
    seen: Cell<u64>,
}

impl<'t> VirtualTime<'t> {
    /// Creates an empty set of rings that waits in this time. Fill it with consumers of
    /// [`SimRing::consumer`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::{WaitPolicy, Wakeup};
    /// use ringbuf_sim::{Flags, SimRing, VirtualTime};
    ///
    /// let (exec, connect) = (SimRing::new(4096)?, SimRing::new(4096)?);
    /// let program = connect.producer();
    /// let time = VirtualTime::new();
    /// let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(exec.consumer()?, "exec")?;
    /// set.insert(connect.consumer()?, "connect")?;
    /// time.at(Duration::from_millis(5), |_| program.output(b"hi", Flags::ADAPTIVE).unwrap());
    /// assert_eq!(set.wait(Some(Duration::from_secs(1)))?, Wakeup::Ready);
    /// let mut names = Vec::new();
    /// set.drain(|name, _| names.push(*name))?;
    /// assert_eq!(names, ["connect"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn ring_set<T>(&self, policy: WaitPolicy) -> VirtualSet<'t, T> {
        let (watched, notified) = (RefCell::default(), RefCell::default());
        let host = VirtualSetHost { time: self.clone(), watched, notified };
        RingSet::new(host, Vec::new(), policy)
    }
}

impl<'t> VirtualTime<'t> {
    /// Creates an ordered merge without rings, which waits in this time. `key` and `lateness` are
    /// in nanoseconds, and `W` is the look-ahead.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::{WaitPolicy, Wakeup};
    /// use ringbuf_sim::{Flags, SimRing, VirtualTime};
    ///
    /// let rings = [SimRing::new(4096)?, SimRing::new(4096)?];
    /// let time = VirtualTime::new();
    /// let lateness = Duration::from_micros(200);
    /// let mut merge = time.merge::<_, _, 8>(WaitPolicy::balanced(), lateness, |record| {
    ///     record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
    /// });
    /// for (number, ring) in rings.iter().enumerate() {
    ///     merge.insert(ring.consumer()?, number)?;
    ///     let stamp = 100 - number as u64;
    ///     ring.producer().output(&stamp.to_ne_bytes(), Flags::ADAPTIVE)?;
    /// }
    /// let mut keys = Vec::new();
    /// while keys.len() < 2 {
    ///     assert_eq!(merge.wait(None)?, Wakeup::Ready);
    ///     let now = time.now().as_nanos() as u64;
    ///     merge.drain(now, |_, record| keys.push(record.key))?;
    /// }
    /// assert_eq!(keys, [99, 100]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merge<T, K, const W: usize>(
        &self,
        policy: WaitPolicy,
        lateness: Duration,
        key: K,
    ) -> VirtualMerge<'t, T, K, W>
    where
        K: Fn(&Record<'_, SimMemory>) -> Option<u64>,
    {
        let lateness = u64::try_from(lateness.as_nanos()).unwrap_or(u64::MAX);
        Merge::new(self.ring_set(policy), Vec::new(), key, lateness)
    }
}

impl WaitHost for VirtualSetHost<'_> {
    type Error = Infallible;

    fn now(&self) -> Duration {
        self.time.read()
    }

    fn pause(&self, time: Duration) {
        self.time.pause(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, Infallible> {
        self.time.count_nap();
        Ok(self.time.sleep(time, || false))
    }

    fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
        let watched = self.watched.borrow();
        let cause = if time.is_zero() {
            WakeCause::TimeUp
        } else {
            let cause =
                self.time.sleep(whole_millis(time), || watched.iter().any(Watched::is_notified));
            self.time.count_block(cause);
            cause
        };
        let mut notified = self.notified.borrow_mut();
        for ring in watched.iter().filter(|ring| ring.is_notified()) {
            ring.seen.set(ring.ring.notifications());
            notified.push_back(ring.token);
        }
        Ok(cause)
    }

    fn take_wakes(&self) -> Wakes {
        self.time.take_wakes()
    }

    fn deadline(&self) -> Duration {
        self.time.deadline()
    }
}

impl Watched {
    fn is_notified(&self) -> bool {
        self.ring.notifications() != self.seen.get()
    }
}

impl SetHost for VirtualSetHost<'_> {
    type Memory = SimMemory;
    type Ring = Consumer<SimMemory>;

    fn watch(&self, ring: &Self::Ring, token: Token) -> Result<(), Infallible> {
        let ring = SimRing::of(ring).clone();
        let seen = Cell::new(ring.notifications());
        self.watched.borrow_mut().push(Watched { token, ring, seen });
        Ok(())
    }

    fn unwatch(&self, _: &Self::Ring, token: Token) {
        self.watched.borrow_mut().retain(|watched| watched.token != token);
    }

    fn next_notified(&self) -> Option<Token> {
        self.notified.borrow_mut().pop_front()
    }
}
