//! [`TypeName`]: a type as it is written in C.

use core::fmt::{self, Write};

use crate::{Btf, BtfError, Kind};

/// A type as it is written in C, as far as one line can: `struct event`, `const char *`,
/// `u32[4]`. It is displayed. A function is `function`, and what has no name `struct {…}`.
///
/// ```no_run
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// let task = btf.find("struct task_struct").ok_or("no such type")?;
/// assert_eq!(btf.name_of(task.id())?.to_string(), "struct task_struct");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TypeName<'b> {
    btf: &'b Btf<'b>,
    id: u32,
}

/// A name with more parts ends in an ellipsis.
const PARTS: usize = 16;

impl Btf<'_> {
    /// Returns the type as it is written in C. See [`TypeName`] for an example.
    ///
    /// # Errors
    /// [`BtfError::NoType`].
    pub fn name_of(&self, id: u32) -> Result<TypeName<'_>, BtfError> {
        self.get(id)?;
        Ok(TypeName { btf: self, id })
    }
}

impl fmt::Display for TypeName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.part(f, self.id, PARTS)
    }
}

impl TypeName<'_> {
    fn part(&self, f: &mut fmt::Formatter<'_>, id: u32, left: usize) -> fmt::Result {
        let (Ok(found), Some(left)) = (self.btf.get(id), left.checked_sub(1)) else {
            return f.write_char('…');
        };
        let named = |f: &mut fmt::Formatter<'_>, keyword: &str| match found.name() {
            "" => write!(f, "{keyword} {{…}}"),
            name => write!(f, "{keyword} {name}"),
        };
        match found.kind() {
            Kind::Void => f.write_str("void"),
            Kind::Struct(_) | Kind::Forward { union: false } => named(f, "struct"),
            Kind::Union(_) | Kind::Forward { union: true } => named(f, "union"),
            Kind::Enum(_) => named(f, "enum"),
            Kind::Int(_) | Kind::Float(_) | Kind::Typedef(_) => f.write_str(found.name()),
            Kind::Pointer(to) => {
                self.part(f, to, left)?;
                f.write_str(" *")
            }
            Kind::Array(array) => {
                self.part(f, array.element, left)?;
                write!(f, "[{}]", array.count)
            }
            Kind::Const(of) => {
                f.write_str("const ")?;
                self.part(f, of, left)
            }
            Kind::Volatile(of) => {
                f.write_str("volatile ")?;
                self.part(f, of, left)
            }
            Kind::Restrict(of) | Kind::TypeTag(of) => self.part(f, of, left),
            Kind::Variable(of) => {
                self.part(f, of, left)?;
                write!(f, " {}", found.name())
            }
            Kind::Function(_) | Kind::Prototype(_) => f.write_str("function"),
            Kind::Section(_) => write!(f, "section {}", found.name()),
            Kind::DeclTag(_) => write!(f, "tag {}", found.name()),
        }
    }
}
