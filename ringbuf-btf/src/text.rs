//! [`Text`]: a value on a line, or on several.

use core::fmt::{self, Write};

use crate::{Field, Group, Leaf, Value, Visitor};

/// A value as text, for people: `pid=7 comm="sh" at={x=1 y=2} list=[1, 2]`.
///
/// | type | printed as |
/// |---|---|
/// | integer | a number |
/// | boolean | `true`, `false` |
/// | character | `'a'` |
/// | pointer | `0x7f…` |
/// | enum | the name, or the number if it has none |
/// | array of characters | `"text"`, up to the first NUL |
/// | array of bytes | `0a:ff:00` |
/// | other array | `[1, 2]` |
/// | struct, union | `{x=1 y=2}`; the whole value without brackets |
///
/// Characters that could end the line, control a terminal or change the direction of text are
/// escaped (`\n`, `\x1b`); so are `"` and `\`, and bytes that are not UTF-8. At the end,
/// `(8 bytes missing)` or `rest=0a:ff` says that the value is shorter or longer than its type.
///
/// ```no_run
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// # let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// let instruction = btf.find("struct bpf_insn").ok_or("no such type")?;
/// let value = btf.value(instruction.id(), &[0x95, 0x21, 0, 0, 0, 0, 0, 0])?;
/// assert_eq!(value.text().to_string(), "code=149 dst_reg=1 src_reg=2 off=0 imm=0");
/// print!("{}", value.text().pretty(true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Text<'b> {
    value: Value<'b>,
    pretty: bool,
}

impl<'b> Text<'b> {
    pub(crate) fn new(value: Value<'b>) -> Self {
        Self { value, pretty: false }
    }

    /// Sets whether each member has a line of its own, indented by two spaces and ended. See
    /// [`Text`] for an example.
    #[must_use]
    pub fn pretty(mut self, pretty: bool) -> Self {
        self.pretty = pretty;
        self
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printer = Printer { out: f, pretty: self.pretty, depth: 0, lists: 0, first: true };
        let walked = self.value.visit(&mut printer)?;
        if walked.cut {
            printer.separate()?;
            printer.out.write_char('…')?;
        }
        if self.value.missing() > 0 {
            printer.separate()?;
            write!(printer.out, "({} bytes missing)", self.value.missing())?;
        }
        if !self.value.rest().is_empty() {
            printer.separate()?;
            printer.out.write_str("rest=")?;
            bytes(printer.out, self.value.rest())?;
        }
        if self.pretty { f.write_char('\n') } else { Ok(()) }
    }
}

struct Printer<'p, 'f> {
    out: &'p mut fmt::Formatter<'f>,
    pretty: bool,
    /// Groups that are open.
    depth: usize,
    /// A bit for each open group, the last one lowest: whether it is an array.
    lists: u64,
    /// Whether nothing of the group is printed yet.
    first: bool,
}

impl Printer<'_, '_> {
    fn separate(&mut self) -> fmt::Result {
        let first = core::mem::replace(&mut self.first, false);
        if self.lists & 1 == 1 {
            return self.out.write_str(if first { "" } else { ", " });
        }
        match (self.pretty, first) {
            (true, true) if self.depth <= 1 => Ok(()),
            (true, _) => self.line(self.depth.saturating_sub(1)),
            (false, true) => Ok(()),
            (false, false) => self.out.write_char(' '),
        }
    }

    fn line(&mut self, indent: usize) -> fmt::Result {
        write!(self.out, "\n{:1$}", "", 2 * indent)
    }

    fn name(&mut self, field: Field<'_>) -> fmt::Result {
        self.separate()?;
        match field.name {
            Some(name) => {
                escaped(self.out, name.as_bytes())?;
                self.out.write_char('=')
            }
            None => Ok(()),
        }
    }
}

impl Visitor for Printer<'_, '_> {
    type Error = fmt::Error;

    fn begin(&mut self, field: Field<'_>, group: Group) -> fmt::Result {
        let list = group == Group::Array;
        if self.depth > 0 || list {
            self.name(field)?;
            self.out.write_char(if list { '[' } else { '{' })?;
        }
        self.depth += 1;
        self.lists = self.lists << 1 | u64::from(list);
        self.first = true;
        Ok(())
    }

    fn end(&mut self, group: Group) -> fmt::Result {
        let empty = self.first;
        self.depth = self.depth.saturating_sub(1);
        self.lists >>= 1;
        // The whole value: what follows begins a line of its own only if there is one before.
        self.first = empty && self.depth == 0;
        match group {
            Group::Array => self.out.write_char(']'),
            _ if self.depth == 0 => Ok(()),
            _ if self.pretty && !empty => {
                self.line(self.depth.saturating_sub(1))?;
                self.out.write_char('}')
            }
            _ => self.out.write_char('}'),
        }
    }

    fn leaf(&mut self, field: Field<'_>, leaf: Leaf<'_>) -> fmt::Result {
        self.name(field)?;
        match leaf {
            Leaf::Unsigned { value, .. } => write!(self.out, "{value}"),
            Leaf::Signed { value, .. } => write!(self.out, "{value}"),
            Leaf::Bool(value) => write!(self.out, "{value}"),
            Leaf::Char(value) => quoted(self.out, &[value], '\''),
            Leaf::Pointer(value) => write!(self.out, "{value:#x}"),
            Leaf::Enum { name: Some(name), .. } => escaped(self.out, name.as_bytes()),
            Leaf::Enum { value, .. } => write!(self.out, "{value}"),
            Leaf::Single(value) => write!(self.out, "{value:?}"),
            Leaf::Double(value) => write!(self.out, "{value:?}"),
            Leaf::Text(text) => quoted(self.out, text, '"'),
            Leaf::Bytes(value) => bytes(self.out, value),
            Leaf::TooDeep => self.out.write_char('…'),
        }
    }
}

/// Two digits for each byte, with colons.
fn bytes(out: &mut impl Write, bytes: &[u8]) -> fmt::Result {
    bytes.iter().enumerate().try_for_each(|(number, byte)| {
        let colon = if number == 0 { "" } else { ":" };
        write!(out, "{colon}{byte:02x}")
    })
}

fn quoted(out: &mut impl Write, bytes: &[u8], quote: char) -> fmt::Result {
    out.write_char(quote)?;
    escaped(out, bytes)?;
    out.write_char(quote)
}

/// As printable text on one line.
fn escaped(out: &mut impl Write, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.write_str("\\n")?,
                '\r' => out.write_str("\\r")?,
                '\t' => out.write_str("\\t")?,
                '\0' => out.write_str("\\0")?,
                '\\' | '"' | '\'' => write!(out, "\\{c}")?,
                _ if is_harmful(c) => write!(out, "\\u{{{:x}}}", u32::from(c))?,
                _ => out.write_char(c)?,
            }
        }
        chunk.invalid().iter().try_for_each(|byte| write!(out, "\\x{byte:02x}"))?;
    }
    Ok(())
}

/// Returns true for control characters (C0, DEL, C1), line separators, and invisible
/// characters, including those that change the direction of text.
pub(crate) fn is_harmful(c: char) -> bool {
    let invisible = matches!(c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{feff}');
    c.is_control() || invisible
}
