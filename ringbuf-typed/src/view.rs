//! [`Typed`]: a record as a struct, and [`Lengths`]: the only place that decides which
//! lengths are good.

use core::fmt;
use core::ops::Deref;
use core::ptr;

use ringbuf_core::AlignedBytes;
use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::Misfit;

/// Which lengths of a record are good.
///
/// A BPF program and its reader are often built at different times. A newer program may
/// have appended fields to the struct, and an older one does not have the last fields.
///
/// ```
/// use ringbuf_typed::{Lengths, Reader};
///
/// // A struct of two words. At first it had one.
/// let mut events = Reader::<[u64; 2]>::new().with_lengths(Lengths::ZeroExtend { least: 8 });
/// let old = 7_u64.to_ne_bytes();
/// assert_eq!(events.take(&old).as_deref(), Ok(&[7, 0]));
/// assert!(events.take(&old[..4]).is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lengths {
    /// Only the length of the type.
    Exact,
    /// The length of the type or more. Bytes after the type are
    /// [`rest`](Typed::rest): a field that a newer program appended, or a string.
    #[default]
    AtLeast,
    /// As `AtLeast`, and shorter ones, too. The bytes that are missing count as 0. Such a
    /// record is copied; the others are lent in place.
    ZeroExtend {
        /// The length of the oldest layout of the struct in bytes. Shorter records are
        /// [`Misfit::TooShort`].
        least: usize,
    },
}

/// How a good record fits its type.
///
/// ```
/// use ringbuf_typed::{Fit, Lengths, Reader};
///
/// let mut numbers = Reader::<u32>::new().with_lengths(Lengths::ZeroExtend { least: 2 });
/// let mut fit = |sample: &[u8]| numbers.take(sample).map(|number| number.fit());
/// assert_eq!(fit(&[1; 4]), Ok(Fit::Exact));
/// assert_eq!(fit(&[1; 6]), Ok(Fit::Longer));
/// assert_eq!(fit(&[1; 2]), Ok(Fit::Extended));
/// assert!(fit(&[1; 1]).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It has the length of the type.
    Exact,
    /// It is longer: see [`Typed::rest`].
    Longer,
    /// It was shorter, and is zero-extended.
    Extended,
}

/// A record as a `T`. It dereferences to the `T`.
///
/// Usually it is a reference into the ring. It is a copy only if the record was
/// [extended](Lengths::ZeroExtend), or if the bytes are not those of a record and begin
/// at an address that does not fit `T`.
///
/// ```
/// use ringbuf_sim::{Flags, SimRing};
/// use ringbuf_typed::{Fit, Reader};
///
/// let ring = SimRing::new(4096)?;
/// ring.producer().output(b"\0\0\0\0/bin/true", Flags::ADAPTIVE)?;
/// let mut events = Reader::<u32>::new();
/// ring.consumer()?.drain(|record| {
///     let event = events.take(&record).unwrap();
///     assert_eq!((*event, event.rest(), event.fit()), (0, &b"/bin/true"[..], Fit::Longer));
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Typed<'a, T> {
    value: Value<'a, T>,
    rest: &'a [u8],
    extended: bool,
}

#[derive(Clone, Copy)]
enum Value<'a, T> {
    Lent(&'a T),
    Copied(T),
}

impl<'a, T> Typed<'a, T> {
    /// Returns the bytes after the `T`: a string, or fields that this `T` does not know.
    /// They live as long as the sample.
    ///
    /// ```
    /// use ringbuf_typed::Reader;
    ///
    /// let mut ids = Reader::<u32>::new();
    /// let id = ids.take(b"\0\0\0\0/bin/true").unwrap();
    /// assert_eq!(id.rest(), b"/bin/true");
    /// ```
    #[inline]
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns how the record fits.
    ///
    /// ```
    /// use ringbuf_typed::{Fit, Reader};
    ///
    /// let mut numbers = Reader::<u32>::new();
    /// assert_eq!(numbers.take(&[0; 4]).unwrap().fit(), Fit::Exact);
    /// assert_eq!(numbers.take(&[0; 9]).unwrap().fit(), Fit::Longer);
    /// ```
    #[inline]
    #[must_use]
    pub fn fit(&self) -> Fit {
        match (self.extended, self.rest.is_empty()) {
            (true, _) => Fit::Extended,
            (false, true) => Fit::Exact,
            (false, false) => Fit::Longer,
        }
    }

    /// Returns the `T` in the ring, which lives as long as the sample. Returns `None`
    /// if this is a copy.
    ///
    /// ```
    /// use ringbuf_typed::{Lengths, Reader};
    ///
    /// let mut pairs = Reader::<[u8; 2]>::new().with_lengths(Lengths::ZeroExtend { least: 1 });
    /// assert_eq!(pairs.take(&[1, 2]).unwrap().in_place(), Some(&[1, 2]));
    /// assert_eq!(pairs.take(&[1]).unwrap().in_place(), None); // [1, 0], a copy
    /// ```
    #[inline]
    #[must_use]
    pub fn in_place(&self) -> Option<&'a T> {
        match self.value {
            Value::Lent(value) => Some(value),
            Value::Copied(_) => None,
        }
    }
}

impl<T> Deref for Typed<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.value {
            Value::Lent(value) => value,
            Value::Copied(value) => value,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Typed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Returns a sample as a `T`. Everything that checks a length comes here.
///
/// # Errors
/// [`Misfit::TooShort`] or [`Misfit::TooLong`].
#[inline]
pub fn view<T>(sample: &[u8], lengths: Lengths) -> Result<Typed<'_, T>, Misfit>
where
    T: FromBytes + KnownLayout + Immutable,
{
    const {
        assert!(
            align_of::<T>() <= AlignedBytes::ALIGN,
            "records are aligned to 8 bytes, but this type needs more: copy it with `read`, or \
             lower its alignment"
        );
    }
    let (has, needs) = (sample.len(), size_of::<T>());
    match lengths {
        Lengths::ZeroExtend { least } if has < needs => {
            if has < least {
                return Err(Misfit::TooShort { has, needs: least });
            }
            let value = Value::Copied(zero_extended(sample));
            return Ok(Typed { value, rest: &[], extended: true });
        }
        Lengths::Exact if has > needs => return Err(Misfit::TooLong { has, needs }),
        _ => {}
    }
    if let Ok((value, rest)) = T::ref_from_prefix(sample) {
        return Ok(Typed { value: Value::Lent(value), rest, extended: false });
    }
    // Too short, or a slice that is not a sample.
    match T::read_from_prefix(sample) {
        Ok((value, rest)) => Ok(Typed { value: Value::Copied(value), rest, extended: false }),
        Err(_) => Err(Misfit::TooShort { has, needs }),
    }
}

/// Returns a `T` that begins with these bytes, fewer than it has. The others are 0.
#[cold]
fn zero_extended<T: FromBytes>(bytes: &[u8]) -> T {
    let mut value = T::new_zeroed();
    let len = bytes.len().min(size_of::<T>());
    // SAFETY: Z1: every byte pattern is a `T`. At most its size is written, and a new
    // local variable does not overlap the bytes.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut value).cast::<u8>(), len) };
    value
}
