//! [`Btf`]: all types of a program, or of the kernel.

use core::fmt;
use core::iter::FusedIterator;

use crate::raw::{INT, Part, Raw};
use crate::words::{Words, length};
use crate::{BtfError, ByteOrder, Kind, Value};

/// Types whose offsets are kept. Between two of them, types are walked.
const KEPT: usize = 1024;
const MAGIC: [u8; 2] = [0xeb, 0x9f];
const HEADER: usize = 24;

/// Raw BTF, checked as a whole: each type, name and reference in it is within it.
///
/// It borrows the bytes. `/sys/kernel/btf/vmlinux`, the section `.BTF` of an object, and
/// `BPF_OBJ_GET_INFO_BY_FD` of a program's BTF have such bytes.
///
/// ```
/// use ringbuf_btf::Btf;
///
/// // A header, an `unsigned int` of 4 bytes, and the strings.
/// let header = [0x0001_eb9f_u32, 24, 0, 16, 16, 14];
/// let int = [1_u32, 0x0100_0000, 4, 32];
/// let mut bytes: Vec<u8> =
///     header.iter().chain(&int).flat_map(|word| word.to_le_bytes()).collect();
/// bytes.extend(b"\0unsigned int\0");
///
/// let btf = Btf::parse(&bytes)?;
/// assert_eq!(btf.count(), 2); // with type 0, `void`
/// assert_eq!(btf.find("unsigned int").map(|int| int.id()), Some(1));
/// # Ok::<(), ringbuf_btf::BtfError>(())
/// ```
#[derive(Clone)]
pub struct Btf<'a> {
    types: Words<'a>,
    strings: Strings<'a>,
    base: Option<&'a Btf<'a>>,
    /// The id of the first type here.
    first: u32,
    /// One more than the highest id.
    end: u32,
    /// Of each `step`th type, from the first on: its offset.
    kept: [u32; KEPT],
    step: u32,
    pointer_size: u32,
}

impl<'a> Btf<'a> {
    /// Reads raw BTF, and checks all of it. That of a kernel (5 MB) takes some 4 ms in an
    /// optimised build.
    ///
    /// # Errors
    /// [`BtfError`]: the bytes are cut, or not BTF, or a type refers to nothing.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        Self::read(bytes, None)
    }

    /// Reads BTF that continues `base`: that of a kernel module (`/sys/kernel/btf/NAME`)
    /// continues that of the kernel. Its ids begin after those of the base, and all types of
    /// the base are found, too.
    ///
    /// ```no_run
    /// use ringbuf_btf::Btf;
    /// let [kernel, module] =
    ///     ["vmlinux", "nf_tables"].map(|name| std::fs::read(format!("/sys/kernel/btf/{name}")));
    /// let (kernel, module) = (kernel?, module?);
    /// let kernel = Btf::parse(&kernel)?;
    /// let module = Btf::parse_split(&module, &kernel)?;
    /// assert!(module.count() > kernel.count());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and [`BtfError::Base`].
    pub fn parse_split(bytes: &'a [u8], base: &'a Btf<'a>) -> Result<Self, BtfError> {
        Self::read(bytes, Some(base))
    }

    fn read(bytes: &'a [u8], base: Option<&'a Btf<'a>>) -> Result<Self, BtfError> {
        let Header { types, strings, types_at } = Header::read(bytes, base.is_some())?;
        if base.is_some_and(|base| base.base.is_some() || base.types.order != types.order) {
            return Err(BtfError::Base);
        }
        let strings = Strings { base: base.map_or("", |base| base.strings.own), own: strings };
        let first = base.map_or(1, |base| base.end);
        let mut this = Self {
            types,
            strings,
            base,
            first,
            end: first,
            kept: [0; KEPT],
            step: 1,
            pointer_size: base.map_or(8, |base| base.pointer_size),
        };
        let in_file = |error: BtfError| error.moved(types_at);
        this.end = this.walk_all(|_, _, _| Ok(())).map_err(in_file)?;
        let kept = u32::try_from(KEPT).unwrap_or(u32::MAX);
        this.step = (this.end - first).div_ceil(kept).max(1);
        let (step, end, mut index, mut pointers) = (this.step, this.end, this.kept, None);
        this.walk_all(|id, offset, raw| {
            if (id - first) % step == 0 {
                if let Some(place) = index.get_mut(length((id - first) / step)) {
                    *place = u32::try_from(offset).unwrap_or(u32::MAX);
                }
            }
            if raw.kind == INT && matches!(strings.get(raw.name), Some("long" | "long int")) {
                pointers = Some(raw.word).filter(|size| matches!(size, 4 | 8)).or(pointers);
            }
            let at = u64::try_from(offset).unwrap_or(u64::MAX);
            raw.check(|part| match part {
                Part::Name(name) if strings.get(name).is_none() => {
                    Err(BtfError::Name { id, offset: at, name })
                }
                Part::Id(to) if to >= end => Err(BtfError::Reference { id, offset: at, to }),
                _ => Ok(()),
            })
        })
        .map_err(in_file)?;
        this.kept = index;
        this.pointer_size = pointers.unwrap_or(this.pointer_size);
        Ok(this)
    }

    /// Calls `each` with the id, offset and content of each type that is here and not in the
    /// base. Returns one more than the last id.
    fn walk_all(
        &self,
        mut each: impl FnMut(u32, usize, &Raw<'a>) -> Result<(), BtfError>,
    ) -> Result<u32, BtfError> {
        let (mut id, mut offset) = (self.first, 0);
        while offset < self.types.bytes.len() {
            let (raw, next) = Raw::read(self.types, offset, id)?;
            each(id, offset, &raw)?;
            offset = next;
            // A type has 12 bytes or more, and a section has less than 4 GiB.
            id = id.saturating_add(1);
        }
        Ok(id)
    }

    /// Returns the order of the bytes in the BTF, and in the records of its types.
    #[must_use]
    pub fn byte_order(&self) -> ByteOrder {
        self.types.order
    }

    /// Returns the number of types, with type 0 (`void`) and those of the base: one more than
    /// the highest id.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.end
    }

    /// Returns the bytes of a pointer: the size of the type `long`, as in libbpf; 8 if there
    /// is no such type.
    #[must_use]
    pub fn pointer_size(&self) -> u32 {
        self.pointer_size
    }

    /// Returns the type with this id. Type 0 is `void`.
    ///
    /// ```no_run
    /// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
    /// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
    /// println!("{:?}", btf.get(1)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BtfError::NoType`].
    pub fn get(&self, id: u32) -> Result<Type<'a>, BtfError> {
        if id == 0 {
            return Ok(Type { id, name: "", raw: None, strings: self.strings });
        }
        if let Some(base) = self.base.filter(|_| id < self.first) {
            return base.get(id);
        }
        let missing = BtfError::NoType { id };
        let number = id.checked_sub(self.first).filter(|_| id < self.end).ok_or(missing)?;
        let kept = self.kept.get(length(number / self.step)).ok_or(missing)?;
        let (mut offset, mut at) = (length(*kept), id - number % self.step);
        loop {
            let (raw, next) = Raw::read(self.types, offset, at)?;
            if at == id {
                return Ok(Type::of(id, raw, self.strings));
            }
            (offset, at) = (next, at + 1);
        }
    }

    /// Returns all types in the order of their ids, without `void`, and those of the base
    /// first.
    ///
    /// ```no_run
    /// use ringbuf_btf::Kind;
    /// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
    /// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
    /// let structs = btf.types().filter(|one| matches!(one.kind(), Kind::Struct(_))).count();
    /// println!("{structs} structs");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn types(&self) -> Types<'a> {
        match self.base {
            Some(base) => Types { now: base.own(), then: Some(self.own()), offset: 0 },
            None => Types { now: self.own(), then: None, offset: 0 },
        }
    }

    /// Returns `bytes` as a value of the type `id`. It borrows both.
    ///
    /// See the crate for an example.
    ///
    /// # Errors
    /// [`BtfError::NoType`], or [`BtfError::NoSize`] if there are no values of this type.
    pub fn value<'b>(&'b self, id: u32, bytes: &'b [u8]) -> Result<Value<'b>, BtfError> {
        Value::new(self, id, bytes)
    }

    fn own(&self) -> Own<'a> {
        Own { types: self.types, strings: self.strings, id: self.first }
    }
}

impl fmt::Debug for Btf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut this = f.debug_struct("Btf");
        this.field("byte_order", &self.types.order).field("count", &self.end);
        this.field("split", &self.base.is_some()).finish_non_exhaustive()
    }
}

/// A type.
///
/// ```no_run
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// let task = btf.find("struct task_struct").ok_or("no such type")?;
/// assert_eq!((task.name(), btf.get(task.id())?.name()), ("task_struct", "task_struct"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Type<'a> {
    id: u32,
    name: &'a str,
    /// `None`: void.
    raw: Option<Raw<'a>>,
    strings: Strings<'a>,
}

impl<'a> Type<'a> {
    fn of(id: u32, raw: Raw<'a>, strings: Strings<'a>) -> Self {
        Self { id, name: strings.name(raw.name), raw: Some(raw), strings }
    }

    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Returns its name, which is empty if it has none. See also [`Btf::name_of`].
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Returns what it is.
    #[must_use]
    pub fn kind(&self) -> Kind<'a> {
        self.raw.map_or(Kind::Void, |raw| Kind::of(&raw, self.strings))
    }
}

impl fmt::Debug for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut this = f.debug_struct("Type");
        this.field("id", &self.id).field("name", &self.name).field("kind", &self.kind()).finish()
    }
}

/// The types of a [`Btf`], in order.
///
/// ```no_run
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// assert_eq!(btf.types().next().map(|first| first.id()), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Types<'a> {
    now: Own<'a>,
    then: Option<Own<'a>>,
    offset: usize,
}

/// The types that are not in the base.
#[derive(Clone, Copy)]
struct Own<'a> {
    types: Words<'a>,
    strings: Strings<'a>,
    /// Of the next type.
    id: u32,
}

impl<'a> Iterator for Types<'a> {
    type Item = Type<'a>;

    fn next(&mut self) -> Option<Type<'a>> {
        while self.offset >= self.now.types.bytes.len() {
            (self.now, self.offset) = (self.then.take()?, 0);
        }
        let id = self.now.id;
        let (raw, next) = Raw::read(self.now.types, self.offset, id).ok()?;
        (self.offset, self.now.id) = (next, id.saturating_add(1));
        Some(Type::of(id, raw, self.now.strings))
    }
}

impl fmt::Debug for Types<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Types").field("next", &self.now.id).finish_non_exhaustive()
    }
}

impl FusedIterator for Types<'_> {}

/// The names, of the base and here.
#[derive(Clone, Copy)]
pub(crate) struct Strings<'a> {
    base: &'a str,
    own: &'a str,
}

impl<'a> Strings<'a> {
    /// The strings from this offset on.
    fn get(&self, offset: u32) -> Option<&'a str> {
        let offset = length(offset);
        let own = offset.checked_sub(self.base.len());
        let found = own.map_or_else(|| self.base.get(offset..), |own| self.own.get(own..));
        found.filter(|text| !text.is_empty())
    }

    /// The name at this offset; empty if it is outside.
    pub(crate) fn name(&self, offset: u32) -> &'a str {
        self.get(offset).map(up_to_nul).unwrap_or_default()
    }
}

fn up_to_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}

/// What the header (`struct btf_header`) points to.
struct Header<'a> {
    types: Words<'a>,
    /// Where the types begin.
    types_at: u64,
    strings: &'a str,
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8], split: bool) -> Result<Self, BtfError> {
        let available = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let byte = |place: usize| bytes.get(place).copied().unwrap_or(0);
        let found = [byte(0), byte(1)];
        let order = match found {
            MAGIC => ByteOrder::Big,
            [second, first] if [first, second] == MAGIC => ByteOrder::Little,
            _ => return Err(BtfError::Magic { found }),
        };
        let all = Words { bytes, order };
        let needs = |len: u64| BtfError::Outside { part: "header", offset: 0, len, available };
        let word = |place| all.u32_at(place).ok_or(needs(24));
        let len = word(4)?;
        if byte(2) != 1 {
            return Err(BtfError::Version { found: byte(2) });
        }
        if length(len) < HEADER || length(len) > bytes.len() {
            return Err(needs(len.max(24).into()));
        }
        let section = |part, at: u32, size: u32| {
            let offset = u64::from(len) + u64::from(at);
            let outside = BtfError::Outside { part, offset, len: size.into(), available };
            let from = usize::try_from(offset).map_err(|_| outside)?;
            Ok((all.part(from, length(size)).ok_or(outside)?, offset))
        };
        let (types, types_at) = section("section of types", word(8)?, word(12)?)?;
        let (strings, strings_at) = section("section of strings", word(16)?, word(20)?)?;
        let strings = text(strings.bytes, strings_at, split)?;
        Ok(Self { types, types_at, strings })
    }
}

/// The section of strings, checked. That of split BTF continues another one, and may be empty.
fn text(bytes: &[u8], offset: u64, split: bool) -> Result<&str, BtfError> {
    let wrong = |at: usize| {
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        BtfError::Strings { offset: offset.saturating_add(at) }
    };
    if !split && bytes.first() != Some(&0) {
        return Err(wrong(0));
    }
    if bytes.last().is_some_and(|last| *last != 0) {
        return Err(wrong(bytes.len() - 1));
    }
    core::str::from_utf8(bytes).map_err(|error| wrong(error.valid_up_to()))
}
