//! What types list: members, values, parameters, variables.

use crate::btf::Strings;
use crate::words::{Words, length};

/// A list of entries of one length.
#[derive(Clone, Copy)]
struct Entries<'a> {
    rest: Words<'a>,
    len: usize,
    strings: Strings<'a>,
    /// The flag of the type.
    flag: bool,
}

impl<'a> Entries<'a> {
    fn next(&mut self) -> Option<Words<'a>> {
        let entry = self.rest.part(0, self.len)?;
        self.rest = self.rest.part(self.len, self.rest.bytes.len() - self.len)?;
        Some(entry)
    }

    fn count(&self) -> usize {
        self.rest.bytes.len() / self.len
    }
}

/// A list, its item, the bytes of an entry, and how an entry is read.
macro_rules! list {
    ($(#[$doc:meta])* $list:ident, $item:ident, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $list<'a> {
            entries: Entries<'a>,
        }

        impl<'a> Iterator for $list<'a> {
            type Item = $item<'a>;

            fn next(&mut self) -> Option<$item<'a>> {
                let entry = self.entries.next()?;
                let read: fn(Words<'a>, &Self) -> Option<$item<'a>> = $read;
                read(entry, self)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.entries.count(), Some(self.entries.count()))
            }
        }

        impl ExactSizeIterator for $list<'_> {}
        impl core::iter::FusedIterator for $list<'_> {}

        impl core::fmt::Debug for $list<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_list().entries(*self).finish()
            }
        }
    };
}

/// A member of a struct or union.
///
/// ```no_run
/// use ringbuf_btf::Kind;
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// if let Some(Kind::Struct(list)) = btf.find("struct list_head").map(|list| list.kind()) {
///     let offsets: Vec<_> = list.members.map(|one| (one.name, one.bit_offset / 8)).collect();
///     assert_eq!(offsets, [("next", 0), ("prev", 8)]);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member<'a> {
    /// Its name, empty if it has none.
    pub name: &'a str,
    /// Its type.
    pub type_id: u32,
    /// Bits from the beginning of the struct.
    pub bit_offset: u32,
    /// Bits of a bitfield. `None` if it is none, or if its type says so ([`Int`](crate::Int)).
    pub bit_size: Option<u32>,
}

list! {
    /// The members of a struct or union. See [`Member`] for an example.
    Members, Member, |entry, list| {
        let offset = entry.u32_at(8)?;
        // With the flag, the size of a bitfield is in the upper 8 bits.
        let bits = offset >> 24;
        Some(Member {
            name: list.entries.strings.name(entry.u32_at(0)?),
            type_id: entry.u32_at(4)?,
            bit_offset: if list.entries.flag { offset & 0x00ff_ffff } else { offset },
            bit_size: Some(bits).filter(|bits| list.entries.flag && *bits > 0),
        })
    }
}

impl<'a> Members<'a> {
    pub(crate) fn new(rest: Words<'a>, strings: Strings<'a>, flag: bool) -> Self {
        Self { entries: Entries { rest, len: 12, strings, flag } }
    }
}

/// A value of an enum. See [`Enumeration`](crate::Enumeration) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnumValue<'a> {
    /// Its name.
    pub name: &'a str,
    /// The number.
    pub value: i128,
}

list! {
    /// The values of an enum. See [`Enumeration`](crate::Enumeration) for an example.
    EnumValues, EnumValue, |entry, list| {
        let low = entry.u32_at(4)?;
        let high = entry.u32_at(8);
        let bits = u64::from(high.unwrap_or(0)) << 32 | u64::from(low);
        let value = match (list.entries.flag, high) {
            (false, _) => i128::from(bits),
            (true, Some(_)) => i128::from(i64::from_ne_bytes(bits.to_ne_bytes())),
            (true, None) => i128::from(i32::from_ne_bytes(low.to_ne_bytes())),
        };
        Some(EnumValue { name: list.entries.strings.name(entry.u32_at(0)?), value })
    }
}

impl<'a> EnumValues<'a> {
    pub(crate) fn new(rest: Words<'a>, strings: Strings<'a>, signed: bool, wide: bool) -> Self {
        Self { entries: Entries { rest, len: if wide { 12 } else { 8 }, strings, flag: signed } }
    }
}

/// A parameter of a function. See [`Prototype`](crate::Prototype) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter<'a> {
    /// Its name, empty if it has none.
    pub name: &'a str,
    /// Its type; 0 for the dots of a variable list.
    pub type_id: u32,
}

list! {
    /// The parameters of a function. See [`Prototype`](crate::Prototype) for an example.
    Parameters, Parameter, |entry, list| {
        let name = list.entries.strings.name(entry.u32_at(0)?);
        Some(Parameter { name, type_id: entry.u32_at(4)? })
    }
}

impl<'a> Parameters<'a> {
    pub(crate) fn new(rest: Words<'a>, strings: Strings<'a>) -> Self {
        Self { entries: Entries { rest, len: 8, strings, flag: false } }
    }
}

/// A variable in a section.
///
/// ```no_run
/// use ringbuf_btf::Kind;
/// # let bytes = std::fs::read("program.btf")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// if let Some(Kind::Section(section)) = btf.find(".ringbuf.record").map(|one| one.kind()) {
///     for variable in section.variables {
///         println!("{}", btf.get(variable.type_id)?.name());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variable<'a> {
    /// The id of the [`Kind::Variable`](crate::Kind::Variable), or of a function.
    pub type_id: u32,
    /// Bytes from the beginning of the section; 0 in an object that no loader has seen.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    lent: core::marker::PhantomData<&'a ()>,
}

list! {
    /// The variables of a section. See [`Variable`] for an example.
    Variables, Variable, |entry, _| {
        let (type_id, offset, size) = (entry.u32_at(0)?, entry.u32_at(4)?, entry.u32_at(8)?);
        Some(Variable { type_id, offset, size, lent: core::marker::PhantomData })
    }
}

impl<'a> Variables<'a> {
    pub(crate) fn new(rest: Words<'a>, strings: Strings<'a>) -> Self {
        Self { entries: Entries { rest, len: length(12), strings, flag: false } }
    }
}
