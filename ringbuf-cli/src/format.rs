//! Events as text: two columns, six columns, or JSON. Pure functions.
//!
//! Names can contain any bytes. The column formats escape each character that could
//! end a line, control a terminal or change the direction of text. They also escape
//! the backslash. So the printed text shows exactly the bytes of the name.

use std::borrow::Cow;
use std::fmt::Write;
use std::io;

use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use crate::event::Event;

/// A file name is not made shorter than this. A terminal that is narrower shows no file names.
const LEAST_NAME: usize = 8;

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Columns,
    Wide,
    Json { time_as_string: bool },
}

impl Format {
    /// Appends the header line, if the format has one.
    pub(crate) fn header(self, width: Option<usize>, out: &mut String) {
        let header = match self {
            Self::Columns => "PID      FILENAME\n",
            Self::Wide => {
                "TIME              PID      PPID     UID      COMM             FILENAME\n"
            }
            Self::Json { .. } => return,
        };
        match width {
            Some(width) if width < header.len() => {
                out.extend(header.chars().take(width));
                out.push('\n');
            }
            _ => out.push_str(header),
        }
    }

    /// Appends the line of `event` to `out`. Six columns fit into `width`, if there is one.
    pub(crate) fn line(self, event: &Event<'_>, width: Option<usize>, out: &mut String) {
        match self {
            Self::Columns => columns(event, out),
            Self::Wide => wide(event, width, out),
            Self::Json { time_as_string } => out.push_str(&json(event, time_as_string)),
        }
        out.push('\n');
    }
}

fn columns(event: &Event<'_>, out: &mut String) {
    append(out, format_args!("{:<8} {}", number(event.pid), filename(event)));
}

fn wide(event: &Event<'_>, width: Option<usize>, out: &mut String) {
    let (seconds, micros) = (event.time_ns / 1_000_000_000, event.time_ns % 1_000_000_000 / 1_000);
    let time = format!("{seconds}.{micros:06}");
    let (pid, ppid, uid) = (number(event.pid), number(event.ppid), event.uid);
    let (comm, name) = (escape(event.comm), filename(event));
    let before = format!("{time:<17} {pid:<8} {ppid:<8} {uid:<8} {comm:<16} ");
    let Some(width) = width else {
        append(out, format_args!("{before}{name}"));
        return;
    };
    let used = before.chars().count();
    if used + LEAST_NAME <= width {
        append(out, format_args!("{before}{}", end_of(&name, width - used)));
    } else {
        out.extend(before.chars().take(width));
    }
}

/// The end of a name, which tells more than its beginning, with two dots before it.
fn end_of(name: &str, most: usize) -> Cow<'_, str> {
    let chars = name.chars().count();
    if chars <= most {
        return name.into();
    }
    let rest: String = name.chars().skip(chars - most.saturating_sub(2)).collect();
    format!("..{rest}").into()
}

/// The number of a process, if it has one in the PID namespace.
fn number(pid: u32) -> String {
    if pid == 0 { "-".to_owned() } else { pid.to_string() }
}

/// Writing to a string cannot fail.
fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _infallible = out.write_fmt(text);
}

fn filename(event: &Event<'_>) -> String {
    match event.filename {
        Ok(name) => escape(name),
        Err(errno) => format!("<unreadable: errno {}>", errno.unsigned_abs()),
    }
}

/// Returns the bytes of a name as printable text.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\\' => text.push_str("\\\\"),
                _ if is_harmful(c) => hex(c.encode_utf8(&mut [0; 4]).as_bytes(), "\\x", &mut text),
                _ => text.push(c),
            }
        }
        hex(chunk.invalid(), "\\x", &mut text);
    }
    text
}

/// As [`escape`], for a message of several lines: names of others, and the user's own words, reach
/// the terminal in it. Line ends, tabs and backslashes stay.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => printable.push(c),
            _ if is_harmful(c) => hex(c.encode_utf8(&mut [0; 4]).as_bytes(), "\\x", &mut printable),
            _ => printable.push(c),
        }
    }
    printable
}

/// Returns true for control characters (C0, DEL, C1), line separators, and
/// invisible characters, including those that change the direction of text.
fn is_harmful(c: char) -> bool {
    let invisible = matches!(c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{feff}');
    c.is_control() || invisible
}

/// Appends `before` and two digits for each byte.
fn hex(bytes: &[u8], before: &str, out: &mut String) {
    for byte in bytes {
        append(out, format_args!("{before}{byte:02x}"));
    }
}

/// One object: the fields of the record, with strings where bytes are UTF-8.
#[derive(Serialize)]
struct Object<'a> {
    time_ns: Time,
    /// `null` without a number in the PID namespace.
    pid: Option<u32>,
    ppid: Option<u32>,
    uid: u32,
    comm: Cow<'a, str>,
    /// `null` if it could not be read; `error` then holds the errno.
    filename: Option<Cow<'a, str>>,
    /// The bytes of a name that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    filename_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<i32>,
}

/// A number, or its digits.
#[derive(Serialize)]
#[serde(untagged)]
enum Time {
    Number(u64),
    Digits(String),
}

fn json(event: &Event<'_>, time_as_string: bool) -> String {
    let Event { time_ns, uid, .. } = *event;
    let time_ns =
        if time_as_string { Time::Digits(time_ns.to_string()) } else { Time::Number(time_ns) };
    let [pid, ppid] = [event.pid, event.ppid].map(|pid| Some(pid).filter(|pid| *pid > 0));
    let filename = event.filename.ok().map(String::from_utf8_lossy);
    let lossy = event.filename.ok().filter(|bytes| std::str::from_utf8(bytes).is_err());
    let filename_hex = lossy.map(|bytes| {
        let mut digits = String::new();
        hex(bytes, "", &mut digits);
        digits
    });
    let (comm, error) = (String::from_utf8_lossy(event.comm), event.filename.err());
    to_json(&Object { time_ns, pid, ppid, uid, comm, filename, filename_hex, error })
}

/// `value` as JSON on one line that is safe on a terminal.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    let mut line = Vec::new();
    let done = value.serialize(&mut serde_json::Serializer::with_formatter(&mut line, Safe));
    debug_assert!(done.is_ok(), "plain fields into memory");
    String::from_utf8(line).unwrap_or_default()
}

/// JSON as usual, which lets DEL, C1 and the like through, with those escaped too.
struct Safe;

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = fragment;
        while let Some((at, c)) = plain.char_indices().find(|(_, c)| is_harmful(*c)) {
            writer.write_all(&plain.as_bytes()[..at])?;
            // All of them are below U+10000: one unit each.
            write!(writer, "\\u{:04x}", u32::from(c))?;
            plain = &plain[at + c.len_utf8()..];
        }
        writer.write_all(plain.as_bytes())
    }
}

/// For `serialize_with`: seconds with three decimals.
pub(crate) fn milliseconds<S: Serializer>(
    time: &std::time::Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1e3).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(format: Format) -> String {
        let mut out = String::new();
        format.header(None, &mut out);
        out
    }

    fn line(format: Format, comm: &[u8], filename: Result<&[u8], i32>) -> String {
        let time_ns = 12_345_678_901_234;
        let event = Event { time_ns, pid: 43674, ppid: 1, uid: 1000, comm, filename };
        let mut out = String::new();
        format.line(&event, None, &mut out);
        out
    }

    const JSON: Format = Format::Json { time_as_string: false };

    #[test]
    fn two_columns() {
        let columns = |name| line(Format::Columns, b"bash", name);
        assert_eq!(header(Format::Columns), "PID      FILENAME\n");
        assert_eq!(columns(Ok(b"/bin/zsh")), "43674    /bin/zsh\n");
        assert_eq!(columns(Ok(b"")), "43674    \n");
        assert_eq!(columns(Err(-14)), "43674    <unreadable: errno 14>\n");
        assert_eq!(columns(Err(i32::MIN)), "43674    <unreadable: errno 2147483648>\n");
    }

    #[test]
    fn six_columns() {
        let want = "TIME              PID      PPID     UID      COMM             FILENAME\n\
                    12345.678901      43674    1        1000     tmux: server     /bin/zsh\n";
        let got = line(Format::Wide, b"tmux: server", Ok(b"/bin/zsh"));
        assert_eq!(header(Format::Wide) + &got, want);
    }

    #[test]
    fn six_columns_fit_a_terminal() {
        let name: &[u8] = b"/a/long/path/of/a/program";
        let event = |comm| Event {
            time_ns: 1,
            pid: 0,
            ppid: 4_194_304,
            uid: u32::MAX,
            comm,
            filename: Ok(name),
        };
        let shown = |width: usize, comm| {
            let mut out = String::new();
            Format::Wide.header(Some(width), &mut out);
            assert!(out.trim_end().len() <= width, "{width}: {out}");
            out.clear();
            Format::Wide.line(&event(comm), Some(width), &mut out);
            out
        };
        for width in 0..120 {
            for comm in [&b"sh"[..], b"\x01\x02\x03\x04\x05", b"0123456789abcde"] {
                let line = shown(width, comm);
                assert!(line.trim_end_matches('\n').chars().count() <= width, "{width}: {line}");
            }
        }
        assert!(shown(200, b"sh").ends_with(" /a/long/path/of/a/program\n"));
        assert!(shown(80, b"sh").ends_with(" ..h/of/a/program\n"));
        assert!(shown(80, b"sh").starts_with("0.000000          -        4194304  4294967295 "));
    }

    #[test]
    fn what_has_no_number_here_is_not_called_0() {
        let event = Event { time_ns: 1, pid: 0, ppid: 0, uid: 0, comm: b"sh", filename: Ok(b"/x") };
        let shown = |format: Format| {
            let mut out = String::new();
            format.line(&event, None, &mut out);
            out
        };
        assert_eq!(shown(Format::Columns), "-        /x\n");
        assert!(shown(JSON).contains(r#""pid":null,"ppid":null"#));
        let strings = shown(Format::Json { time_as_string: true });
        assert!(strings.starts_with(r#"{"time_ns":"1","pid""#), "{strings}");
    }

    #[test]
    fn a_name_cannot_forge_a_line_or_drive_the_terminal() {
        let name = b"/t/\x1b[2J\nx\r\t\x00\x7f\\\xc2\x9b1m\xe2\x80\xae\xff \xc3\xa9";
        let want =
            "43674    /t/\\x1b[2J\\nx\\r\\t\\x00\\x7f\\\\\\xc2\\x9b1m\\xe2\\x80\\xae\\xff é\n";
        assert_eq!(line(Format::Columns, b"", Ok(name)), want);
        let wide = line(Format::Wide, b"a\nb\x1b", Ok(b"x"));
        assert_eq!(wide, "12345.678901      43674    1        1000     a\\nb\\x1b         x\n");
    }

    #[test]
    fn objects() {
        let json = |name| line(JSON, b"bash", name);
        let start = r#"{"time_ns":12345678901234,"pid":43674,"ppid":1,"uid":1000,"comm":"bash","#;
        assert_eq!(header(JSON), "");
        assert_eq!(json(Ok(b"/bin/zsh")), format!("{start}\"filename\":\"/bin/zsh\"}}\n"));
        assert_eq!(json(Err(-14)), format!("{start}\"filename\":null,\"error\":-14}}\n"));
        let odd = json(Ok(b"/\xff\"\n"));
        assert_eq!(
            odd,
            format!("{start}\"filename\":\"/\u{fffd}\\\"\\n\",\"filename_hex\":\"2fff220a\"}}\n")
        );
    }

    #[test]
    fn objects_are_safe_on_a_terminal_and_mean_the_same() {
        let name = "/\x1b\x7f\u{9b}a\u{202e}é";
        let got = line(JSON, b"", Ok(name.as_bytes()));
        assert!(got.contains(r#""filename":"/\u001b\u007f\u009ba\u202eé""#), "{got}");
        let value: serde_json::Value = serde_json::from_str(&got).unwrap();
        assert_eq!(value["filename"], name);
    }
}
