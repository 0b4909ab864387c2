//! [`Visitor`], and the walk through a value.

use crate::extent::Flexible;
use crate::kind::Composite;
use crate::leaf::Source;
use crate::{Array, Btf, Kind};

/// Takes the fields of a value, in the order of its type: [`Value::visit`](crate::Value::visit).
///
/// Members of a struct or union without a name of its own come as members of what it is in,
/// as in C.
///
/// ```no_run
/// use ringbuf_btf::{Field, Group, Leaf, Visitor};
///
/// /// Adds up all unsigned numbers.
/// struct Sum(u128);
///
/// impl Visitor for Sum {
///     type Error = std::convert::Infallible;
///     fn begin(&mut self, _: Field<'_>, _: Group) -> Result<(), Self::Error> {
///         Ok(())
///     }
///     fn end(&mut self, _: Group) -> Result<(), Self::Error> {
///         Ok(())
///     }
///     fn leaf(&mut self, _: Field<'_>, leaf: Leaf<'_>) -> Result<(), Self::Error> {
///         if let Leaf::Unsigned { value, .. } = leaf {
///             self.0 += value;
///         }
///         Ok(())
///     }
/// }
///
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// let version = btf.find("struct bpf_insn").ok_or("no such type")?;
/// let (mut sum, record) = (Sum(0), [1; 8]);
/// btf.value(version.id(), &record)?.visit(&mut sum)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Visitor {
    /// Ends the walk.
    type Error;

    /// A struct, union or array begins. Its fields come next.
    ///
    /// # Errors
    /// Any; it ends the walk.
    fn begin(&mut self, field: Field<'_>, group: Group) -> Result<(), Self::Error>;

    /// The last group that began, and has not ended, ends.
    ///
    /// # Errors
    /// Any; it ends the walk.
    fn end(&mut self, group: Group) -> Result<(), Self::Error>;

    /// A field without fields of its own.
    ///
    /// # Errors
    /// Any; it ends the walk.
    fn leaf(&mut self, field: Field<'_>, leaf: Leaf<'_>) -> Result<(), Self::Error>;
}

/// Where a value is. See [`Visitor`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field<'a> {
    /// The name of the member. `None` for elements of an array, and for the whole value.
    pub name: Option<&'a str>,
    /// Its type.
    pub type_id: u32,
}

/// What has fields. See [`Visitor`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Group {
    /// A struct.
    Struct,
    /// A union: each member shows the same bytes.
    Union,
    /// An array.
    Array,
}

/// A value without fields. See [`Visitor`] for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Leaf<'a> {
    /// An unsigned integer.
    Unsigned {
        /// The number.
        value: u128,
        /// Of its type, or of its bitfield.
        bits: u32,
    },
    /// A signed integer.
    Signed {
        /// The number.
        value: i128,
        /// Of its type, or of its bitfield.
        bits: u32,
    },
    /// A boolean: true unless it is 0.
    Bool(bool),
    /// A character that is not in an array.
    Char(u8),
    /// A pointer.
    Pointer(u64),
    /// A value of an enum.
    Enum {
        /// Its name, if the enum has one for it.
        name: Option<&'a str>,
        /// The number.
        value: i128,
    },
    /// A floating-point number of 4 bytes.
    Single(f32),
    /// A floating-point number of 8 bytes.
    Double(f64),
    /// An array of characters, up to its first NUL, or all.
    Text(&'a [u8]),
    /// An array of bytes (`unsigned char`), or a number of a size that is not known.
    Bytes(&'a [u8]),
    /// A struct or array that is nested too deeply to be shown.
    TooDeep,
}

/// How a walk ended. See [`Value::visit`](crate::Value::visit).
///
/// ```no_run
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// # struct Quiet;
/// # impl ringbuf_btf::Visitor for Quiet {
/// #     type Error = std::convert::Infallible;
/// #     fn begin(&mut self, _: ringbuf_btf::Field<'_>, _: ringbuf_btf::Group) -> Result<(), Self::Error> { Ok(()) }
/// #     fn end(&mut self, _: ringbuf_btf::Group) -> Result<(), Self::Error> { Ok(()) }
/// #     fn leaf(&mut self, _: ringbuf_btf::Field<'_>, _: ringbuf_btf::Leaf<'_>) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// let walked = btf.value(1, &[0; 8])?.visit(&mut Quiet)?;
/// assert!(!walked.cut);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Walked {
    /// True if fields were left out because there were too many, or because they were nested
    /// too deeply. No type of a compiler reaches these bounds; hostile BTF does.
    pub cut: bool,
}

/// Structs and arrays within each other.
const DEPTH: usize = 32;
/// Fields that are looked at: so many, and so many for each byte.
const FIELDS: u64 = 4096;
const FIELDS_PER_BYTE: u64 = 16;

pub(crate) fn walk<V: Visitor>(
    btf: &Btf<'_>,
    id: u32,
    bytes: &[u8],
    visitor: &mut V,
) -> Result<Walked, V::Error> {
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let left = FIELDS.saturating_add(FIELDS_PER_BYTE.saturating_mul(len));
    let mut walk = Walk { source: Source { btf, bytes }, len, visitor, left, cut: false };
    let whole = Field { name: None, type_id: id };
    walk.value(whole, At { bit: 0, bits: None, depth: DEPTH, last: true })?;
    Ok(Walked { cut: walk.cut })
}

struct Walk<'w, V> {
    source: Source<'w>,
    /// Bytes that are there.
    len: u64,
    visitor: &'w mut V,
    /// Fields that may still be looked at.
    left: u64,
    cut: bool,
}

/// Where a field is.
#[derive(Clone, Copy)]
struct At {
    /// From the beginning of the value.
    bit: u64,
    /// Of a bitfield.
    bits: Option<u32>,
    /// Levels that may still be entered.
    depth: usize,
    /// Whether it is the last field at each level: a flexible array takes what is left.
    last: bool,
}

impl<V: Visitor> Walk<'_, V> {
    fn value(&mut self, field: Field<'_>, at: At) -> Result<(), V::Error> {
        let Some(left) = self.left.checked_sub(1) else {
            self.cut = true;
            return Ok(());
        };
        self.left = left;
        let Ok(found) = self.source.btf.resolve(field.type_id) else {
            self.cut = true;
            return Ok(());
        };
        match found.kind() {
            Kind::Struct(composite) => self.composite(field, at, composite, Group::Struct),
            Kind::Union(composite) => self.composite(field, at, composite, Group::Union),
            Kind::Array(array) => self.array(field, at, array),
            kind => match self.source.leaf(at.bit, at.bits, kind) {
                Some(leaf) => self.visitor.leaf(field, leaf),
                None => Ok(()),
            },
        }
    }

    fn composite(
        &mut self,
        field: Field<'_>,
        at: At,
        composite: Composite<'_>,
        group: Group,
    ) -> Result<(), V::Error> {
        // Of what begins behind the bytes, nothing is there. An empty struct is.
        if at.bit / 8 >= self.len && composite.size > 0 && at.depth < DEPTH {
            return Ok(());
        }
        let Some(depth) = at.depth.checked_sub(1) else { return self.too_deep(field) };
        let merged = field.name == Some("");
        if !merged {
            self.visitor.begin(field, group)?;
        }
        let last = composite.members.len().saturating_sub(1);
        for (number, member) in composite.members.enumerate() {
            let name = Some(member.name);
            let bit = at.bit.saturating_add(member.bit_offset.into());
            let last = at.last && number == last;
            let inner = At { bit, bits: member.bit_size, depth, last };
            if self.left > 0 && (!member.name.is_empty() || self.has_members(member.type_id)) {
                self.value(Field { name, type_id: member.type_id }, inner)?;
            }
        }
        if merged { Ok(()) } else { self.visitor.end(group) }
    }

    /// Whether a member without a name is a struct or union: it is padding otherwise.
    fn has_members(&self, id: u32) -> bool {
        let kind = self.source.btf.resolve(id).map(|found| found.kind());
        matches!(kind, Ok(Kind::Struct(_) | Kind::Union(_)))
    }

    fn array(&mut self, field: Field<'_>, at: At, array: Array) -> Result<(), V::Error> {
        let (Ok(size), Ok(element)) =
            (self.source.btf.size_of(array.element), self.source.btf.resolve(array.element))
        else {
            self.cut = true;
            return Ok(());
        };
        let begin = at.bit / 8;
        let room = self.len.saturating_sub(begin);
        if begin > self.len || (room == 0 && array.count > 0) {
            return Ok(());
        }
        let count = match array.count {
            0 if at.last && size > 0 => Flexible { offset: 0, element: size }.end(room) / size,
            count => count.into(),
        };
        if let Kind::Int(int) = element.kind() {
            if int.size == 1 && int.bits == 8 && !int.bool && (int.char || !int.signed) {
                let bytes = self.source.part(begin, count.min(room)).unwrap_or_default();
                let leaf = match int.char {
                    true => Leaf::Text(bytes.split(|byte| *byte == 0).next().unwrap_or_default()),
                    false => Leaf::Bytes(bytes),
                };
                return self.visitor.leaf(field, leaf);
            }
        }
        let Some(depth) = at.depth.checked_sub(1) else { return self.too_deep(field) };
        self.visitor.begin(field, Group::Array)?;
        for number in 0..count {
            let offset = number.saturating_mul(size).saturating_add(begin);
            if offset >= self.len || self.left == 0 {
                self.cut |= offset < self.len || size == 0;
                break;
            }
            let bit = offset.saturating_mul(8);
            let inner = At { bit, bits: None, depth, last: false };
            self.value(Field { name: None, type_id: array.element }, inner)?;
        }
        self.visitor.end(Group::Array)
    }

    fn too_deep(&mut self, field: Field<'_>) -> Result<(), V::Error> {
        self.cut = true;
        self.visitor.leaf(field, Leaf::TooDeep)
    }
}
