//! `--list-types`.

use std::collections::BTreeSet;
use std::fmt::Write;

use ringbuf_btf::{Btf, Kind};

use super::{How, Parsed, Types};

/// A line for each struct and union that has a name, and for their other names: the size, and
/// whether it is the type of the records.
pub(crate) fn list(all: &[Parsed<'_>], types: Option<&Types<'_>>) -> String {
    let mut lines = BTreeSet::new();
    for one in all {
        for found in one.btf.types().filter(|found| !found.name().is_empty()) {
            if let (true, Ok(size)) =
                (is_composite(&one.btf, found.id()), one.btf.size_of(found.id()))
            {
                let name = one.btf.name_of(found.id()).map(|name| name.to_string());
                let how = types.and_then(|types| types.how(&one.btf, found.id()));
                lines.insert((name.unwrap_or_default(), size, note(how)));
            }
        }
    }
    lines.iter().fold(String::new(), |mut text, (name, size, note)| {
        let _infallible = writeln!(text, "{size:>8}  {name}{note}");
        text
    })
}

fn note(how: Option<How>) -> &'static str {
    match how {
        None => "",
        Some(How::Asked) => "  (asked for)",
        Some(How::Declared) => "  (declared for the records)",
        Some(How::Gadget) => "  (named by Inspektor Gadget)",
        Some(How::Guessed) => "  (a guess, where its size fits)",
    }
}

fn is_composite(btf: &Btf<'_>, id: u32) -> bool {
    let plain = btf.get(id).map(|found| found.kind());
    let beneath = btf.resolve(id).map(|found| found.kind());
    matches!(plain, Ok(Kind::Struct(_) | Kind::Union(_) | Kind::Typedef(_)))
        && matches!(beneath, Ok(Kind::Struct(_) | Kind::Union(_)))
}
