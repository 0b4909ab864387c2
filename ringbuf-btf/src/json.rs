//! [`Json`]: a value for other programs.

use core::fmt::{self, Write};

use crate::text::is_harmful;
use crate::{Field, Group, Leaf, Value, Visitor};

/// A value as JSON on one line, which is safe on a terminal.
///
/// | type | JSON |
/// |---|---|
/// | integer | a number; see [`wide_as_text`](Self::wide_as_text) |
/// | boolean | `true`, `false` |
/// | character, array of characters | a string, up to the first NUL; bytes that are not UTF-8 become U+FFFD |
/// | pointer | a string, `"0x7f…"` |
/// | enum | a string with the name, or a number if the value has none |
/// | floating-point number | a number; null if it is not finite |
/// | array, also of bytes | an array |
/// | struct, union | an object; members of those without a name are members of what they are in |
/// | what is nested too deeply | null |
///
/// Members that are not within the bytes are left out: [`Value::missing`] tells.
///
/// ```no_run
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// let time = btf.find("struct timespec64").ok_or("no such type")?;
/// let value = btf.value(time.id(), &[0xff; 16])?;
/// assert_eq!(value.json().to_string(), r#"{"tv_sec":-1,"tv_nsec":-1}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Json<'b> {
    value: Value<'b>,
    wide_as_text: bool,
}

impl<'b> Json<'b> {
    pub(crate) fn new(value: Value<'b>) -> Self {
        Self { value, wide_as_text: false }
    }

    /// Sets whether integers of more than 32 bits become strings. Programs that read JSON
    /// numbers as doubles (jq before 1.7, JavaScript) round them above 2^53.
    ///
    /// ```no_run
    /// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
    /// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
    /// let time = btf.find("struct timespec64").ok_or("no such type")?;
    /// let json = btf.value(time.id(), &[0; 16])?.json().wide_as_text(true);
    /// assert_eq!(json.to_string(), r#"{"tv_sec":"0","tv_nsec":"0"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn wide_as_text(mut self, wide_as_text: bool) -> Self {
        self.wide_as_text = wide_as_text;
        self
    }
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide_as_text = self.wide_as_text;
        let mut printer = Printer { out: f, wide_as_text, first: true, written: false };
        self.value.visit(&mut printer)?;
        // Not even one byte of a number is there.
        if printer.written { Ok(()) } else { f.write_str("null") }
    }
}

struct Printer<'p, 'f> {
    out: &'p mut fmt::Formatter<'f>,
    wide_as_text: bool,
    /// Whether nothing of the group is printed yet.
    first: bool,
    written: bool,
}

impl Printer<'_, '_> {
    fn name(&mut self, field: Field<'_>) -> fmt::Result {
        self.written = true;
        if !core::mem::replace(&mut self.first, false) {
            self.out.write_char(',')?;
        }
        match field.name {
            Some(name) => {
                string(self.out, name.as_bytes())?;
                self.out.write_char(':')
            }
            None => Ok(()),
        }
    }

    fn number(&mut self, value: impl fmt::Display, bits: u32) -> fmt::Result {
        if self.wide_as_text && bits > 32 {
            write!(self.out, "\"{value}\"")
        } else {
            write!(self.out, "{value}")
        }
    }
}

impl Visitor for Printer<'_, '_> {
    type Error = fmt::Error;

    fn begin(&mut self, field: Field<'_>, group: Group) -> fmt::Result {
        self.name(field)?;
        self.first = true;
        self.out.write_char(if group == Group::Array { '[' } else { '{' })
    }

    fn end(&mut self, group: Group) -> fmt::Result {
        self.first = false;
        self.out.write_char(if group == Group::Array { ']' } else { '}' })
    }

    fn leaf(&mut self, field: Field<'_>, leaf: Leaf<'_>) -> fmt::Result {
        self.name(field)?;
        match leaf {
            Leaf::Unsigned { value, bits } => self.number(value, bits),
            Leaf::Signed { value, bits } => self.number(value, bits),
            Leaf::Bool(value) => write!(self.out, "{value}"),
            Leaf::Char(0) => self.out.write_str("\"\""),
            Leaf::Char(value) => string(self.out, &[value]),
            Leaf::Pointer(value) => write!(self.out, "\"{value:#x}\""),
            Leaf::Enum { name: Some(name), .. } => string(self.out, name.as_bytes()),
            Leaf::Enum { value, .. } => write!(self.out, "{value}"),
            Leaf::Single(value) if value.is_finite() => write!(self.out, "{value:?}"),
            Leaf::Double(value) if value.is_finite() => write!(self.out, "{value:?}"),
            Leaf::Single(_) | Leaf::Double(_) | Leaf::TooDeep => self.out.write_str("null"),
            Leaf::Text(text) => string(self.out, text),
            Leaf::Bytes(bytes) => {
                self.out.write_char('[')?;
                for (number, byte) in bytes.iter().enumerate() {
                    let comma = if number == 0 { "" } else { "," };
                    write!(self.out, "{comma}{byte}")?;
                }
                self.out.write_char(']')
            }
        }
    }
}

fn string(out: &mut impl Write, bytes: &[u8]) -> fmt::Result {
    out.write_char('"')?;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => write!(out, "\\{c}")?,
                '\n' => out.write_str("\\n")?,
                '\r' => out.write_str("\\r")?,
                '\t' => out.write_str("\\t")?,
                // All of them are below U+10000: one unit each.
                _ if is_harmful(c) => write!(out, "\\u{:04x}", u32::from(c))?,
                _ => out.write_char(c)?,
            }
        }
        if !chunk.invalid().is_empty() {
            out.write_char('\u{fffd}')?;
        }
    }
    out.write_char('"')
}
