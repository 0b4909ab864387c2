//! Types by name, and what is beneath their other names.

use core::iter::FusedIterator;

use crate::btf::Types;
use crate::{Btf, BtfError, Kind, Type};

/// A compiler makes no longer row of typedefs, const and arrays of arrays.
pub(crate) const DEEPEST: usize = 64;

impl<'a> Btf<'a> {
    /// Returns the type with this name: `struct event`, `union u`, `enum e`, or a name alone.
    /// Of several with a name alone, a struct or union goes first, then a typedef, an enum, a
    /// number, and the rest. Of several structs with one name, the first one is returned.
    /// Searches all types.
    ///
    /// ```no_run
    /// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
    /// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
    /// assert_eq!(btf.find("struct file").map(|file| file.name()), Some("file"));
    /// assert!(btf.find("struct no_such_type").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Type<'a>> {
        // `min_by_key` returns the first of several.
        self.named(name).min_by_key(|found| match found.kind() {
            Kind::Struct(_) | Kind::Union(_) => 0,
            Kind::Typedef(_) => 1,
            Kind::Enum(_) => 2,
            Kind::Int(_) | Kind::Float(_) => 3,
            Kind::Forward { .. } => 5,
            _ => 4,
        })
    }

    /// Returns all types with this name, by id. The name is as for [`find`](Self::find).
    ///
    /// ```no_run
    /// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
    /// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
    /// println!("{} structs have this name", btf.named("struct dentry").count());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn named<'n>(&self, name: &'n str) -> Named<'a, 'n> {
        let name = name.trim();
        let (keyword, name) = match name.split_once(char::is_whitespace) {
            Some((keyword @ ("struct" | "union" | "enum"), name)) => (keyword, name.trim_start()),
            _ => ("", name),
        };
        Named { types: self.types(), keyword, name }
    }

    /// Returns the type beneath all its typedefs, `const`, `volatile`, `restrict` and tags.
    ///
    /// ```no_run
    /// use ringbuf_btf::Kind;
    /// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
    /// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
    /// let pid = btf.find("pid_t").ok_or("no such type")?;
    /// assert!(matches!(btf.resolve(pid.id())?.kind(), Kind::Int(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BtfError::NoType`]; [`BtfError::TooDeep`] after 64 of them.
    pub fn resolve(&self, id: u32) -> Result<Type<'a>, BtfError> {
        let mut found = self.get(id)?;
        for _ in 0..DEEPEST {
            match found.kind().beneath() {
                Some(beneath) => found = self.get(beneath)?,
                None => return Ok(found),
            }
        }
        Err(BtfError::TooDeep { id })
    }

    /// Returns the bytes of a value of this type. Of a struct with a flexible array at its
    /// end, that is without the elements.
    ///
    /// ```no_run
    /// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
    /// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
    /// let list = btf.find("struct list_head").ok_or("no such type")?;
    /// assert_eq!(btf.size_of(list.id())?, 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BtfError::NoSize`] of functions, `void`, and what is only declared;
    /// [`BtfError::TooDeep`]; [`BtfError::NoType`].
    pub fn size_of(&self, id: u32) -> Result<u64, BtfError> {
        let (mut at, mut times) = (id, 1_u64);
        for _ in 0..DEEPEST {
            let found = self.resolve(at)?;
            let size = match found.kind() {
                Kind::Int(int) => int.size,
                Kind::Float(size) => size,
                Kind::Struct(composite) | Kind::Union(composite) => composite.size,
                Kind::Enum(values) => values.size,
                Kind::Pointer(_) => self.pointer_size(),
                Kind::Variable(of) => {
                    at = of;
                    continue;
                }
                Kind::Array(array) => {
                    at = array.element;
                    times = times.saturating_mul(array.count.into());
                    continue;
                }
                _ => return Err(BtfError::NoSize { id }),
            };
            return Ok(times.saturating_mul(size.into()));
        }
        Err(BtfError::TooDeep { id })
    }
}

/// Types of one name: [`Btf::named`].
#[derive(Clone, Debug)]
pub struct Named<'a, 'n> {
    types: Types<'a>,
    keyword: &'n str,
    name: &'n str,
}

impl<'a> Iterator for Named<'a, '_> {
    type Item = Type<'a>;

    fn next(&mut self) -> Option<Type<'a>> {
        let (keyword, name) = (self.keyword, self.name);
        self.types.find(|found| {
            // Void and what has no name are not meant by the empty one.
            found.name() == name
                && !name.is_empty()
                && match keyword {
                    "struct" => matches!(found.kind(), Kind::Struct(_)),
                    "union" => matches!(found.kind(), Kind::Union(_)),
                    "enum" => matches!(found.kind(), Kind::Enum(_)),
                    _ => true,
                }
        })
    }
}

impl FusedIterator for Named<'_, '_> {}
