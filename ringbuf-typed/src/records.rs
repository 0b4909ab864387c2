//! [`records!`](crate::records): an enum of the structs that share a ring.

use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::view::view;
use crate::{Fit, Lengths, Misfit, Typed};

/// What a [`Reader`](crate::Reader) can read: each struct with zerocopy's traits, and each
/// enum of [`records!`](crate::records).
///
/// ```
/// use ringbuf_typed::{Misfit, Reader, Shape};
/// use zerocopy::{FromBytes, Immutable, KnownLayout};
///
/// /// Reads one sample as any shape.
/// fn one<S: Shape>(sample: &[u8]) -> Result<S::Event<'_>, Misfit> {
///     Reader::<S>::new().take(sample)
/// }
///
/// #[derive(FromBytes, KnownLayout, Immutable)]
/// #[repr(C)]
/// struct Exec {
///     pid: u32,
/// }
/// assert_eq!(one::<Exec>(&7_u32.to_ne_bytes()).map(|exec| exec.pid), Ok(7));
/// ```
pub trait Shape {
    /// A record of this shape, borrowed from its bytes.
    type Event<'a>;

    /// Returns a sample as this shape.
    ///
    /// # Errors
    /// [`Misfit`] if the length or the tag does not fit.
    fn view(sample: &[u8], lengths: Lengths) -> Result<(Self::Event<'_>, Fit), Misfit>;
}

impl<T: FromBytes + KnownLayout + Immutable + 'static> Shape for T {
    type Event<'a> = Typed<'a, T>;

    #[inline]
    fn view(sample: &[u8], lengths: Lengths) -> Result<(Typed<'_, T>, Fit), Misfit> {
        let typed = view::<T>(sample, lengths)?;
        let fit = typed.fit();
        Ok((typed, fit))
    }
}

/// Declares an enum of the structs that share a ring. The first bytes of each record are
/// its tag: a `u8`, `u16`, `u32` or `u64`, in native byte order. Each struct contains the
/// tag as its first field.
///
/// The enum has a lifetime, and each variant is a [`Typed`](crate::Typed) of its struct: a
/// reference into the ring, with the [`rest`](crate::Typed::rest) of the bytes. Read it with
/// a `Reader<Event>`, which writes the lifetime for you; in a field write
/// `Reader<Event<'static>>`. A tag is a literal or a constant. Attributes and documentation
/// of a variant come after its `=>`.
///
/// ```
/// use ringbuf_typed::{Misfit, Reader, records};
/// use zerocopy::{FromBytes, Immutable, KnownLayout};
///
/// #[derive(Debug, FromBytes, KnownLayout, Immutable)]
/// #[repr(C)]
/// pub struct Exec {
///     tag: u32,
///     pid: u32,
/// }
///
/// #[derive(Debug, FromBytes, KnownLayout, Immutable)]
/// #[repr(C)]
/// pub struct Open {
///     tag: u32,
///     pid: u32,
///     // A path follows.
/// }
///
/// const OPEN: u32 = 2;
///
/// records! {
///     /// What the programs of this tool send.
///     #[derive(Debug)]
///     pub enum Event: u32 {
///         1 => Exec(Exec),
///         OPEN =>
///             /// Its path is in `rest`.
///             Open(Open),
///     }
/// }
///
/// let mut events = Reader::<Event>::new();
/// let mut bytes = [2_u32, 4711].map(u32::to_ne_bytes).concat();
/// bytes.extend(b"/etc/passwd");
/// let Ok(Event::Open(open)) = events.take(&bytes) else { panic!("its tag is 2") };
/// assert_eq!((open.pid, open.rest()), (4711, &b"/etc/passwd"[..]));
///
/// let unknown = events.take(&[9; 8]).unwrap_err();
/// assert!(matches!(unknown, Misfit::UnknownTag { tag: 0x0909_0909, .. }));
/// assert_eq!(events.tally().unknown, 1);
/// ```
/// Two records with one tag do not compile, and neither does a struct that is too small
/// for the tag:
/// ```compile_fail,E0080
/// ringbuf_typed::records! {
///     enum Event: u32 { 1 => One(u32), 1 => Two(u64) } // with 2 it compiles
/// }
/// ```
/// ```compile_fail,E0080
/// ringbuf_typed::records! {
///     enum Event: u32 { 1 => One(u16) } // with u32 it compiles
/// }
/// ```
/// ```
/// ringbuf_typed::records! {
///     enum Event: u32 { 1 => One(u32), 2 => Two(u64) }
/// }
/// ```
#[macro_export]
macro_rules! records {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident: $tag:ty {
            $($value:expr => $(#[$of_variant:meta])* $variant:ident($record:ty)),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visibility enum $name<'a> {
            $($(#[$of_variant])* $variant($crate::Typed<'a, $record>)),+
        }

        impl $crate::Shape for $name<'_> {
            type Event<'a> = $name<'a>;

            fn view(
                sample: &[u8],
                lengths: $crate::Lengths,
            ) -> ::core::result::Result<($name<'_>, $crate::Fit), $crate::Misfit> {
                let tag = $crate::macros::tag_of::<$tag>(sample)?;
                $(
                    if tag == $value {
                        let typed = $crate::macros::view::<$record>(sample, lengths)?;
                        let fit = typed.fit();
                        return ::core::result::Result::Ok(($name::$variant(typed), fit));
                    }
                )+
                ::core::result::Result::Err($crate::macros::unknown(tag))
            }
        }

        const _: () = {
            const TAGS: &[$tag] = &[$($value),+];
            let (mut one, mut other) = (0, 1);
            while other < TAGS.len() {
                ::core::assert!(TAGS[one] != TAGS[other], "two records have the same tag");
                one += 1;
                if one == other {
                    (one, other) = (0, other + 1);
                }
            }
            $(::core::assert!(
                ::core::mem::size_of::<$record>() >= ::core::mem::size_of::<$tag>(),
                "the record is too small for its tag"
            );)+
        };
    };
}

/// The type of a tag.
pub trait Tag: FromBytes + Into<u64> + Copy + sealed::Sealed {}

impl Tag for u8 {}
impl Tag for u16 {}
impl Tag for u32 {}
impl Tag for u64 {}

/// Returns the tag at the start of a sample.
///
/// # Errors
/// [`Misfit::TooShort`].
#[inline]
pub fn tag_of<T: Tag>(sample: &[u8]) -> Result<T, Misfit> {
    let (has, needs) = (sample.len(), size_of::<T>());
    T::read_from_prefix(sample).map(|(tag, _)| tag).map_err(|_| Misfit::TooShort { has, needs })
}

/// Returns the error for a tag that no struct has.
#[cold]
pub fn unknown(tag: impl Tag) -> Misfit {
    Misfit::UnknownTag { tag: tag.into() }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
}
