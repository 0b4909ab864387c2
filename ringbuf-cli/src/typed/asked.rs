//! [`Asked`]: a type that the user names, and the tag of the records that have it.

use std::str::FromStr;

use anyhow::{Context, anyhow, ensure};
use ringbuf_btf::{Btf, ByteOrder, Kind};

use super::{How, One, Parsed, Types, near};

/// First members in first members, at most.
const DEEPEST: u32 = 16;

/// What `--type` names: `event`, `struct event`, or `2=event` for the records that begin with 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    tag: Option<String>,
    name: String,
}

impl Asked {
    /// The name of the type.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // No name in C has this sign.
        let (tag, name) = match text.split_once('=') {
            Some((tag, name)) => (Some(tag.trim().to_owned()), name.trim()),
            None => (None, text.trim()),
        };
        if name.is_empty() || tag.as_deref() == Some("") {
            return Err("use TYPE, or TAG=TYPE, for example 2='struct event'".to_owned());
        }
        Ok(Self { tag, name: name.to_owned() })
    }
}

/// The types that are asked for. Several are told apart by their tags.
pub(super) fn resolve<'a>(
    all: &'a [Parsed<'a>],
    asked: &[Asked],
) -> anyhow::Result<Option<Types<'a>>> {
    ensure!(
        asked.len() < 2 || asked.iter().all(|one| one.tag.is_some()),
        "several types need tags, to tell them apart: --type 1=FIRST --type 2=SECOND"
    );
    let found: Vec<_> = asked.iter().map(|one| find(all, one)).collect::<anyhow::Result<_>>()?;
    let tags = || asked.iter().zip(found.iter().filter_map(|one| one.tag.as_ref()));
    for (number, (one, tag)) in tags().enumerate() {
        for (other, earlier) in tags().take(number) {
            let (one_name, other_name) = (&one.name, &other.name);
            ensure!(
                tag.len() == earlier.len(),
                "the tags of {other_name:?} and {one_name:?} have {} and {} bytes: the first \
                 members of all types must be of one size",
                earlier.len(),
                tag.len()
            );
            ensure!(tag != earlier, "{other_name:?} and {one_name:?} have the same tag");
        }
    }
    Ok((!found.is_empty()).then_some(Types { how: How::Asked, all: found }))
}

fn find<'a>(all: &'a [Parsed<'a>], asked: &Asked) -> anyhow::Result<One<'a>> {
    let Asked { tag, name } = asked;
    let found = all.iter().find_map(|one| Some((&one.btf, one.btf.find(name)?.id())));
    let Some((btf, id)) = found else { return Err(near::no_such_type(all, name)) };
    let sized = btf.value(id, &[]).map(drop);
    sized.with_context(|| format!("the type {name:?} cannot be that of a record"))?;
    let tag = tag.as_ref().map(|tag| first_bytes(btf, id, tag));
    let tag = tag.transpose().with_context(|| format!("no record of the type {name:?} has it"))?;
    Ok(One { btf, id, tag })
}

/// The bytes that a record of this type begins with, if its first member is `tag`: a number, or
/// the name of a value of an enum.
fn first_bytes(btf: &Btf<'_>, id: u32, tag: &str) -> anyhow::Result<Vec<u8>> {
    let not_a_tag = || anyhow!("the tag {tag:?}: its first member is not an integer or an enum");
    let (size, value) = match first_member(btf, id).ok_or_else(not_a_tag)? {
        Kind::Int(int) if int.bits == int.size.saturating_mul(8) => (int.size, number(tag)),
        Kind::Enum(values) => {
            let named = values.values.clone().find(|one| one.name == tag);
            (values.size, named.map(|one| one.value).or_else(|| number(tag)))
        }
        _ => return Err(not_a_tag()),
    };
    let value = value.with_context(|| {
        format!("the tag {tag:?}: it is not a number, and no value of its first member")
    })?;
    let bits = size.saturating_mul(8).clamp(1, 64);
    ensure!(
        (-(1_i128 << (bits - 1))..1_i128 << bits).contains(&value),
        "the tag {tag:?}: its first member has {size} bytes"
    );
    let size = usize::try_from(size)?;
    let mut bytes = value.to_le_bytes();
    let bytes = bytes.get_mut(..size).context("a number of so many bytes")?;
    if btf.byte_order() == ByteOrder::Big {
        bytes.reverse();
    }
    Ok(bytes.to_owned())
}

/// What a record begins with: the first member of a struct, and of a struct in its place.
fn first_member<'a>(btf: &'a Btf<'a>, mut id: u32) -> Option<Kind<'a>> {
    for _ in 0..DEEPEST {
        let kind = btf.resolve(id).ok()?.kind();
        let Kind::Struct(composite) = kind else { return Some(kind) };
        let first = composite.members.clone().next()?;
        if first.bit_offset != 0 || first.bit_size.is_some() {
            return None;
        }
        id = first.type_id;
    }
    None
}

/// Decimal, or hexadecimal after 0x.
fn number(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse::<u64>(),
    };
    // The sign belongs to the front.
    let number = number.ok().filter(|_| !digits.contains('+'))?;
    Some(sign * i128::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_stands_before_the_type() {
        let parse = |text: &str| text.parse::<Asked>();
        let asked = |tag: Option<&str>, name: &str| {
            Ok(Asked { tag: tag.map(str::to_owned), name: name.to_owned() })
        };
        assert_eq!(parse("struct event"), asked(None, "struct event"));
        assert_eq!(parse("0x2=struct event"), asked(Some("0x2"), "struct event"));
        assert_eq!(parse("EXEC = event"), asked(Some("EXEC"), "event"));
        for wrong in ["", "=event", "1="] {
            assert!(parse(wrong).unwrap_err().starts_with("use TYPE"), "{wrong}");
        }
    }

    #[test]
    fn tags_are_numbers_of_c() {
        assert_eq!(number("18446744073709551615"), Some(i128::from(u64::MAX)));
        assert_eq!((number("0x1F"), number("-3")), (Some(31), Some(-3)));
        for wrong in ["", "-", "+1", "0x+1", "--1", "1u"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}
