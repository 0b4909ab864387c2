//! [`SetHost`]: what a set of rings needs from the system.

use super::Token;
use crate::{Consumer, ConsumerMemory, WaitHost};

/// The system below a set: its clock and its sleeps, and notifications by ring.
///
/// [`block`](WaitHost::block) ends when any watched ring notifies. With a time of zero,
/// it only collects. The kernel's set has one epoll set. Virtual time counts
/// notifications: `VirtualSetHost` of ringbuf-sim is a short host to begin with. Code
/// that reads a set need not know its host:
/// ```
/// use ringbuf_core::{RingFailed, RingSet, SetHost, Slots};
///
/// fn count<H, S>(set: &mut RingSet<H, u64, S>) -> Result<(), RingFailed>
/// where
///     H: SetHost,
///     S: Slots<H::Ring, u64>,
/// {
///     set.drain(|count, _| *count += 1)?;
///     Ok(())
/// }
///
/// # use ringbuf_core::WaitPolicy;
/// # count(&mut ringbuf_sim::VirtualTime::new().ring_set(WaitPolicy::balanced()))?;
/// # Ok::<(), RingFailed>(())
/// ```
pub trait SetHost: WaitHost {
    /// The memory of the rings.
    type Memory: ConsumerMemory;

    /// What is added to the set: a consumer, or something that contains one. Both
    /// methods must always return the same consumer.
    type Ring: AsRef<Consumer<Self::Memory>> + AsMut<Consumer<Self::Memory>>;

    /// From now on, [`next_notified`](Self::next_notified) reports notifications of this
    /// ring as `token`.
    ///
    /// # Errors
    /// The system refused.
    fn watch(&self, ring: &Self::Ring, token: Token) -> Result<(), Self::Error>;

    /// Undoes [`watch`](Self::watch).
    fn unwatch(&self, ring: &Self::Ring, token: Token);

    /// Returns one of the rings that notified before the last
    /// [`block`](WaitHost::block) ended, each once. It may name a ring that was removed
    /// since.
    fn next_notified(&self) -> Option<Token>;
}
