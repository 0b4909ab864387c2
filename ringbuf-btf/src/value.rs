//! [`Value`]: bytes, and their type.

use crate::extent::Flexible;
use crate::walk::{self, Visitor, Walked};
use crate::{Btf, BtfError, Json, Kind, Text};

/// Bytes, and their type: [`Btf::value`].
///
/// The bytes may be shorter or longer than the type says.
///
/// ```no_run
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// let list = btf.find("struct list_head").ok_or("no such type")?;
/// let value = btf.value(list.id(), &[0; 11])?;
/// assert_eq!(value.text().to_string(), "next=0x0");
/// assert_eq!((value.missing(), value.rest()), (5, &[][..]));
/// let value = btf.value(list.id(), &[0; 17])?;
/// assert_eq!((value.missing(), value.rest()), (0, &[0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Value<'b> {
    btf: &'b Btf<'b>,
    id: u32,
    bytes: &'b [u8],
    size: u64,
    flexible: Option<Flexible>,
}

impl<'b> Value<'b> {
    pub(crate) fn new(btf: &'b Btf<'b>, id: u32, bytes: &'b [u8]) -> Result<Self, BtfError> {
        let id = match btf.get(id)?.kind() {
            Kind::Variable(of) => of,
            _ => id,
        };
        let size = btf.size_of(id)?;
        Ok(Self { btf, id, bytes, size, flexible: Flexible::of(btf, id) })
    }

    /// Returns the id of its type.
    #[must_use]
    pub fn type_id(&self) -> u32 {
        self.id
    }

    /// Returns all bytes, with those beyond the type.
    #[must_use]
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Returns how many bytes the type has beyond those that are there. See [`Value`] for an
    /// example.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.size.saturating_sub(self.len())
    }

    /// Returns the bytes beyond the type. A flexible array at its end takes all whole
    /// elements. See [`Value`] for an example.
    #[must_use]
    pub fn rest(&self) -> &'b [u8] {
        let flexible = self.flexible.map_or(0, |flexible| flexible.end(self.len()));
        let end = usize::try_from(self.size.max(flexible)).unwrap_or(usize::MAX);
        self.bytes.get(end..).unwrap_or_default()
    }

    /// Calls `visitor` with each field, in the order of the type. Fields that are not wholly
    /// within the bytes are left out; of an array and of a text, what is there.
    ///
    /// See [`Visitor`] for an example.
    ///
    /// # Errors
    /// The first error of the visitor, which ends the walk.
    pub fn visit<V: Visitor>(&self, visitor: &mut V) -> Result<Walked, V::Error> {
        walk::walk(self.btf, self.id, self.bytes, visitor)
    }

    /// Returns the value as text: `pid=7 comm="sh" at={x=1 y=2} list=[1, 2]`.
    ///
    /// See [`Text`].
    #[must_use]
    pub fn text(&self) -> Text<'b> {
        Text::new(*self)
    }

    /// Returns the value as JSON on one line: `{"pid":7,"comm":"sh"}`.
    ///
    /// See [`Json`].
    #[must_use]
    pub fn json(&self) -> Json<'b> {
        Json::new(*self)
    }

    fn len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }
}
