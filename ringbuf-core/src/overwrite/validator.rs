//! How a reader knows that a copy is whole: [`Validator`].

use core::fmt;

use crate::OverwriteMemory;

/// Says whether a copied sample is whole.
///
/// The reader checks after each copy that no producer has given the record up meanwhile.
/// The kernel moves the overwrite position first, and writes the new record after that. But
/// only some processors show these stores to others in this order: then [`Tso`] is enough.
/// On all others a torn copy may pass the check. There, give a closure that checks the
/// bytes, by a checksum or by a sequence number at both ends of the sample. Or stop the
/// producers before you read, and say so with [`ProducersStopped`].
///
/// ```
/// use ringbuf_core::Validator;
///
/// /// The first and the last byte of each sample are its number.
/// fn is_whole(sample: &[u8]) -> bool {
///     matches!((sample.first(), sample.last()), (Some(a), Some(b)) if a == b)
/// }
/// assert!(Validator::is_whole(&is_whole, &[7, 1, 2, 7]));
/// ```
pub trait Validator {
    /// True if the check of positions is enough. Then a header that makes no sense is
    /// reported as [`Corrupt`](crate::Corrupt). Otherwise it counts as overwritten.
    const ORDERED: bool = false;

    /// Returns true if these bytes are one whole sample, as a program submitted it.
    fn is_whole(&self, sample: &[u8]) -> bool;
}

impl<F: Fn(&[u8]) -> bool> Validator for F {
    fn is_whole(&self, sample: &[u8]) -> bool {
        self(sample)
    }
}

/// Proof that this machine shows the stores of a processor to others in program order
/// ("total store order"). There the check of positions finds each torn copy.
///
/// This holds on x86 and s390x. herd7 finds no torn copy under x86-TSO, and some under the
/// kernel's and AArch64's memory models (the tests `overwrite-torn` in `litmus/`).
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, Profile, SimRing};
/// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
/// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// # let mut reader = ring.overwrite_reader()?;
/// # let mut buffer = [0; 64];
/// # drop(reader);
/// match Tso::of(&ring.overwrite_memory()?) {
///     Some(tso) => println!("positions are enough here: {tso:?}"),
///     None => println!("give a validator"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Tso(());

impl Tso {
    /// The proof, or `None` on a machine that needs another [`Validator`].
    ///
    /// ```
    /// use ringbuf_core::{OverwriteReader, Tso};
    /// use ringbuf_sim::{Profile, SimRing};
    ///
    /// let memory = SimRing::overwriting(4096, Profile::NEWEST)?.overwrite_memory()?;
    /// let tso = Tso::of(&memory).ok_or("give a validator")?;
    /// let reader = OverwriteReader::new(memory, tso)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of<M: OverwriteMemory>(memory: &M) -> Option<Self> {
        memory.is_tso().then_some(Self(()))
    }
}

impl Validator for Tso {
    const ORDERED: bool = true;

    fn is_whole(&self, _: &[u8]) -> bool {
        true
    }
}

impl fmt::Debug for Tso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tso")
    }
}

/// Your promise that no program writes the ring while you read it: they are detached, or a
/// flag of yours stops them, and you have waited for those that ran. Then each copy is whole
/// on any machine. If the promise is broken, records are torn; nothing worse happens.
///
/// ```
/// use ringbuf_core::{OverwriteReader, ProducersStopped};
/// use ringbuf_sim::{Profile, SimRing};
///
/// let memory = SimRing::overwriting(4096, Profile::NEWEST)?.overwrite_memory()?;
/// // Detach the programs here.
/// let reader = OverwriteReader::new(memory, ProducersStopped)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ProducersStopped;

impl Validator for ProducersStopped {
    const ORDERED: bool = true;

    fn is_whole(&self, _: &[u8]) -> bool {
        true
    }
}
