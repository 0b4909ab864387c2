//! [`OneConsumer`]: a ring of a merge.

use crate::{Consumer, ConsumerMemory};

/// Something that contains one consumer, always the same.
///
/// ```
/// use ringbuf_core::{Consumer, ConsumerMemory, OneConsumer};
///
/// /// A ring of a system of yours: a consumer, and what else belongs to it.
/// struct Ring<M: ConsumerMemory> {
///     consumer: Consumer<M>,
///     name: String,
/// }
///
/// impl<M: ConsumerMemory> AsRef<Consumer<M>> for Ring<M> {
///     fn as_ref(&self) -> &Consumer<M> {
///         &self.consumer
///     }
/// }
///
/// impl<M: ConsumerMemory> AsMut<Consumer<M>> for Ring<M> {
///     fn as_mut(&mut self) -> &mut Consumer<M> {
///         &mut self.consumer
///     }
/// }
///
/// // SAFETY: C2: both return the one field, which nobody else touches.
/// unsafe impl<M: ConsumerMemory> OneConsumer<M> for Ring<M> {}
/// ```
///
/// # Safety
/// **C2** `AsRef` and `AsMut` return the same consumer in every call, and nothing replaces
/// that consumer or reads with it while a [`Merge`](super::Merge) has it.
pub unsafe trait OneConsumer<M: ConsumerMemory>:
    AsRef<Consumer<M>> + AsMut<Consumer<M>>
{
}

// SAFETY: C2: it returns itself. A merge lends it only shared, and every read needs it mutably.
unsafe impl<M: ConsumerMemory> OneConsumer<M> for Consumer<M> {}
