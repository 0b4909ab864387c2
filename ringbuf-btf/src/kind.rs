//! [`Kind`]: what a type is.

use crate::btf::Strings;
use crate::lists::{EnumValues, Members, Parameters, Variables};
use crate::raw::{self, Raw};
use crate::words::length;

/// What a type is. The numbers are ids of other types.
///
/// ```no_run
/// use ringbuf_btf::Kind;
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// if let Some(Kind::Struct(task)) = btf.find("struct task_struct").map(|task| task.kind()) {
///     println!("{} bytes, {} members", task.size, task.members.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// Nothing: type 0.
    Void,
    /// An integer, character or boolean.
    Int(Int),
    /// A pointer to this type.
    Pointer(u32),
    /// An array.
    Array(Array),
    /// A struct.
    Struct(Composite<'a>),
    /// A union.
    Union(Composite<'a>),
    /// An enum, of up to 4 bytes or (`ENUM64`) of 8.
    Enum(Enumeration<'a>),
    /// A struct or union that is only declared.
    Forward {
        /// Whether it is a union.
        union: bool,
    },
    /// Another name of this type.
    Typedef(u32),
    /// This type, volatile.
    Volatile(u32),
    /// This type, constant.
    Const(u32),
    /// This type, restrict.
    Restrict(u32),
    /// A function with this prototype.
    Function(u32),
    /// What a function takes and returns.
    Prototype(Prototype<'a>),
    /// A global variable of this type.
    Variable(u32),
    /// The variables in a section of an object.
    Section(Section<'a>),
    /// A floating-point number of so many bytes.
    Float(u32),
    /// A note on this type: the tag is its name.
    DeclTag(u32),
    /// This type with a note, which is its name.
    TypeTag(u32),
}

/// An integer.
///
/// ```no_run
/// use ringbuf_btf::Kind;
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// let Some(Kind::Int(int)) = btf.find("int").map(|int| int.kind()) else { panic!("no int") };
/// assert_eq!((int.size, int.signed), (4, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Int {
    /// Bytes.
    pub size: u32,
    /// The bits of it that are used, from `offset` on: fewer than `8 * size` in bitfields of
    /// old compilers.
    pub bits: u32,
    /// The first bit of it that is used.
    pub offset: u32,
    /// Whether it has a sign.
    pub signed: bool,
    /// Whether it is a character: its encoding or its name says so.
    pub char: bool,
    /// Whether it is a boolean.
    pub bool: bool,
}

/// An array.
///
/// ```no_run
/// use ringbuf_btf::Kind;
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// for one in btf.types() {
///     if let Kind::Array(array) = one.kind() {
///         println!("{} of type {}", array.count, array.element);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Array {
    /// The type of its elements.
    pub element: u32,
    /// How many; 0 if it is flexible (`char name[]`).
    pub count: u32,
}

/// A struct or union. See [`Kind`] for an example.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Composite<'a> {
    /// Bytes.
    pub size: u32,
    /// Its members.
    pub members: Members<'a>,
}

/// An enum.
///
/// ```no_run
/// use ringbuf_btf::Kind;
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// if let Some(Kind::Enum(map)) = btf.find("enum bpf_map_type").map(|map| map.kind()) {
///     let ring = map.values.clone().find(|one| one.value == 27);
///     assert_eq!(ring.map(|one| one.name), Some("BPF_MAP_TYPE_RINGBUF"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Enumeration<'a> {
    /// Bytes.
    pub size: u32,
    /// Whether its values have a sign.
    pub signed: bool,
    /// Whether it is of the kind `ENUM64`.
    pub wide: bool,
    /// Its values.
    pub values: EnumValues<'a>,
}

/// What a function takes and returns.
///
/// ```no_run
/// use ringbuf_btf::Kind;
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// for one in btf.types() {
///     if let Kind::Prototype(prototype) = one.kind() {
///         println!("{} parameters", prototype.parameters.len());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Prototype<'a> {
    /// The type that it returns.
    pub returns: u32,
    /// What it takes.
    pub parameters: Parameters<'a>,
}

/// A section of an object. See [`Variable`](crate::Variable) for an example.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Section<'a> {
    /// Bytes; 0 in an object that no loader has seen.
    pub size: u32,
    /// What is in it.
    pub variables: Variables<'a>,
}

impl<'a> Kind<'a> {
    pub(crate) fn of(raw: &Raw<'a>, strings: Strings<'a>) -> Self {
        let (rest, word) = (raw.rest, raw.word);
        match raw.kind {
            raw::INT => Self::Int(Int::of(raw, strings)),
            raw::POINTER => Self::Pointer(word),
            raw::ARRAY => Self::Array(Array {
                element: rest.u32_at(0).unwrap_or(0),
                count: rest.u32_at(8).unwrap_or(0),
            }),
            raw::STRUCT | raw::UNION => {
                let members = Members::new(rest, strings, raw.flag);
                let composite = Composite { size: word, members };
                if raw.kind == raw::STRUCT {
                    Self::Struct(composite)
                } else {
                    Self::Union(composite)
                }
            }
            raw::ENUM | raw::ENUM64 => {
                let (signed, wide) = (raw.flag, raw.kind == raw::ENUM64);
                let values = EnumValues::new(rest, strings, signed, wide);
                Self::Enum(Enumeration { size: word, signed, wide, values })
            }
            raw::FORWARD => Self::Forward { union: raw.flag },
            raw::TYPEDEF => Self::Typedef(word),
            raw::VOLATILE => Self::Volatile(word),
            raw::CONST => Self::Const(word),
            raw::RESTRICT => Self::Restrict(word),
            raw::FUNCTION => Self::Function(word),
            raw::PROTOTYPE => {
                let parameters = Parameters::new(rest, strings);
                Self::Prototype(Prototype { returns: word, parameters })
            }
            raw::VARIABLE => Self::Variable(word),
            raw::SECTION => {
                Self::Section(Section { size: word, variables: Variables::new(rest, strings) })
            }
            raw::FLOAT => Self::Float(word),
            raw::DECL_TAG => Self::DeclTag(word),
            raw::TYPE_TAG => Self::TypeTag(word),
            // Refused when the BTF was read.
            _ => Self::Void,
        }
    }

    /// The type that this one is, with a note or a name: of typedefs, const and the like.
    pub(crate) fn beneath(&self) -> Option<u32> {
        match *self {
            Self::Typedef(id)
            | Self::Volatile(id)
            | Self::Const(id)
            | Self::Restrict(id)
            | Self::TypeTag(id) => Some(id),
            _ => None,
        }
    }
}

impl Int {
    fn of(raw: &Raw<'_>, strings: Strings<'_>) -> Self {
        let word = raw.rest.u32_at(0).unwrap_or(0);
        let encoding = word >> 24 & 0xf;
        let size = raw.word;
        // Compilers mark `char` by its name only.
        let named = length(size) == 1 && strings.name(raw.name) == "char";
        Self {
            size,
            bits: word & 0xff,
            offset: word >> 16 & 0xff,
            signed: encoding & 1 != 0,
            char: encoding & 2 != 0 || named,
            bool: encoding & 4 != 0,
        }
    }
}
