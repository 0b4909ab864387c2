//! What was meant by a name that no type has.

use std::collections::BTreeSet;

use anyhow::anyhow;
use ringbuf_btf::Kind;

use super::{CAPTURE, Parsed};

/// How alike two names must be, from 0 to 1, and how many are told.
const ALIKE: f64 = 0.8;
const MOST: usize = 5;

/// The error, with names that are near.
pub(super) fn no_such_type(all: &[Parsed<'_>], name: &str) -> anyhow::Error {
    if all.is_empty() {
        return anyhow!(
            "there is no type information to find the type {name:?} in: name an object, `vmlinux` \
             or `prog:ID` with --btf"
        );
    }
    let from: Vec<_> = all.iter().map(|one| one.from.as_str()).collect();
    let near = near(all, name);
    // A capture cannot list its types.
    let shows_all = match all {
        [one] if one.from == CAPTURE => "use the name of a struct, union, enum or typedef in it",
        _ => "--list-types shows all",
    };
    let advice = if near.is_empty() {
        shows_all.to_owned()
    } else {
        format!("did you mean {}? {shows_all}", near.join(", "))
    };
    anyhow!("no type has the name {name:?} in the types of {}; {advice}", from.join(", "))
}

fn near(all: &[Parsed<'_>], name: &str) -> Vec<String> {
    let word = name.split_whitespace().last().unwrap_or_default();
    let mut found = BTreeSet::new();
    for one in all {
        for candidate in one.btf.types().filter(|one| is_record(&one.kind())) {
            let alike = strsim::jaro_winkler(word, candidate.name());
            if alike >= ALIKE && !candidate.name().is_empty() {
                let title = one.btf.name_of(candidate.id()).map(|title| title.to_string());
                // The most alike first.
                found.insert(((-1e6 * alike) as i64, title.unwrap_or_default()));
            }
        }
    }
    found.into_iter().map(|(_, title)| format!("{title:?}")).take(MOST).collect()
}

/// Whether a record may be of this type.
fn is_record(kind: &Kind<'_>) -> bool {
    matches!(kind, Kind::Struct(_) | Kind::Union(_) | Kind::Typedef(_) | Kind::Enum(_))
}
