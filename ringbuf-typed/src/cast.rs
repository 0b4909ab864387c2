//! [`Cast`]: one record as a struct.

use ringbuf_core::AlignedBytes;
use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::view::view;
use crate::{Lengths, Misfit};

/// Views of one record as a struct. `Record` dereferences to [`AlignedBytes`], so the
/// methods are there for records, too. A callback that gets a plain `&[u8]` calls
/// [`AlignedBytes::from_slice`] first, or uses a [`Reader`](crate::Reader).
///
/// References live as long as the sample: until the batch ends, or the callback
/// returns. They keep a batch alive:
/// ```compile_fail,E0505
/// # use ringbuf_core::Next;
/// # use ringbuf_typed::Cast;
/// # let ring = ringbuf_sim::SimRing::new(4096).unwrap();
/// # let mut consumer = ring.consumer().unwrap();
/// let batch = consumer.batch();
/// let Ok(Next::Record(record)) = batch.next() else { return };
/// let number = record.cast::<u64>().unwrap();
/// drop(batch);
/// println!("{number}");
/// ```
pub trait Cast<'a>: sealed::Sealed {
    /// Returns the start of the sample as a `T`, in place. The sample may be longer.
    ///
    /// ```
    /// use ringbuf_core::Next;
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_typed::Cast;
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(&7_u64.to_ne_bytes(), Flags::ADAPTIVE)?;
    /// let mut consumer = ring.consumer()?;
    /// let batch = consumer.batch();
    /// let Next::Record(record) = batch.next()? else { panic!("one record was sent") };
    /// assert_eq!(record.cast::<u64>(), Ok(&7));
    /// assert!(record.cast::<[u64; 2]>().is_err()); // too short
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Misfit::TooShort`].
    fn cast<T: FromBytes + KnownLayout + Immutable>(self) -> Result<&'a T, Misfit>;

    /// Returns the sample as a `T`, in place. The length must be exact.
    ///
    /// ```
    /// # use ringbuf_core::AlignedBytes;
    /// # use ringbuf_typed::Cast;
    /// # let number = 7_u64;
    /// # let bytes = zerocopy::IntoBytes::as_bytes(&number);
    /// let sample = AlignedBytes::from_slice(bytes).unwrap(); // eight bytes
    /// assert!(sample.cast_exact::<u64>().is_ok());
    /// assert!(sample.cast_exact::<u32>().is_err()); // too long
    /// assert!(sample.cast::<u32>().is_ok());
    /// ```
    ///
    /// # Errors
    /// [`Misfit::TooShort`], [`Misfit::TooLong`].
    fn cast_exact<T: FromBytes + KnownLayout + Immutable>(self) -> Result<&'a T, Misfit>;

    /// Returns the start of the sample as a `T`, and the bytes after it: for a struct
    /// that a string or an array of any length follows.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_typed::Cast;
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"\0\0\0\0/bin/true", Flags::ADAPTIVE)?;
    /// ring.consumer()?.drain(|record| {
    ///     let (id, path) = record.split::<u32>().unwrap();
    ///     assert_eq!((*id, path), (0, &b"/bin/true"[..]));
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Misfit::TooShort`].
    fn split<T: FromBytes + KnownLayout + Immutable>(self) -> Result<(&'a T, &'a [u8]), Misfit>;

    /// Returns a copy of the start of the sample as a `T`, which may outlive the record.
    /// `T` may have any alignment.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_typed::Cast;
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(&7_u64.to_ne_bytes(), Flags::ADAPTIVE)?;
    /// let mut kept = Vec::new();
    /// ring.consumer()?.drain(|record| kept.extend(record.read::<u64>()))?;
    /// assert_eq!(kept, [7]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Misfit::TooShort`].
    fn read<T: FromBytes>(self) -> Result<T, Misfit>;
}

impl<'a> Cast<'a> for AlignedBytes<'a> {
    #[inline]
    fn cast<T: FromBytes + KnownLayout + Immutable>(self) -> Result<&'a T, Misfit> {
        in_place(self, Lengths::AtLeast).map(|(value, _)| value)
    }

    #[inline]
    fn cast_exact<T: FromBytes + KnownLayout + Immutable>(self) -> Result<&'a T, Misfit> {
        in_place(self, Lengths::Exact).map(|(value, _)| value)
    }

    #[inline]
    fn split<T: FromBytes + KnownLayout + Immutable>(self) -> Result<(&'a T, &'a [u8]), Misfit> {
        in_place(self, Lengths::AtLeast)
    }

    #[inline]
    fn read<T: FromBytes>(self) -> Result<T, Misfit> {
        let (has, needs) = (self.len(), size_of::<T>());
        match T::read_from_prefix(self.bytes()) {
            Ok((value, _)) => Ok(value),
            Err(_) => Err(Misfit::TooShort { has, needs }),
        }
    }
}

#[inline]
fn in_place<T: FromBytes + KnownLayout + Immutable>(
    sample: AlignedBytes<'_>,
    lengths: Lengths,
) -> Result<(&T, &[u8]), Misfit> {
    let typed = view::<T>(sample.bytes(), lengths)?;
    // It is aligned, and no length here is extended.
    let missing = Misfit::TooShort { has: sample.len(), needs: size_of::<T>() };
    typed.in_place().map(|value| (value, typed.rest())).ok_or(missing)
}

mod sealed {
    pub trait Sealed: Sized {}
    impl Sealed for ringbuf_core::AlignedBytes<'_> {}
}
