//! Records by their types: where types come from, and which one a ring has.
//!
//! ```text
//! let sources = Sources::of_map(&inspector);           // or from `--btf`
//! let base = sources.base()?;
//! let all = sources.parse(base.as_ref())?;             // borrows the bytes
//! let types = Types::resolve(&all, &["events"], &[])?; // or the names that were asked for
//! if let Some(record) = types.and_then(|types| types.record(sample)) {
//!     println!("{} {}", record.name, record.value.text());
//! }
//! ```

mod asked;
mod list;
mod near;
mod source;
#[cfg(test)]
mod tests;

use ringbuf_btf::{Btf, Kind, Value};
use serde::Serialize;

pub(crate) use self::asked::Asked;
pub(crate) use self::list::list;
pub(crate) use self::source::{BtfFrom, Sources};

/// Before the name of a map: what RINGBUF_RECORD (ringbuf.bpf.h) declares.
const RECORD: &str = "ringbuf_record_";

/// Type information, and where it comes from: `program 12 (on_exec)`.
#[derive(Clone, Debug)]
pub(crate) struct Parsed<'a> {
    pub(crate) from: String,
    pub(crate) btf: Btf<'a>,
    /// Whether it is of the kernel. Its variables say nothing of a ring.
    pub(crate) of_kernel: bool,
}

/// How the type of a record is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    Asked,
    Declared,
    Gadget,
    Guessed,
}

/// Where types are from that a capture has.
pub(crate) const CAPTURE: &str = "the capture";

/// The type of the records of a ring, or several that are possible.
#[derive(Clone, Debug)]
pub(crate) struct Types<'a> {
    how: How,
    /// More than one only if they are guessed, or told apart by tags.
    all: Vec<One<'a>>,
}

/// A type that a record may have.
#[derive(Clone, Debug)]
struct One<'a> {
    btf: &'a Btf<'a>,
    id: u32,
    /// Only records that begin with these bytes have it.
    tag: Option<Vec<u8>>,
}

/// A record, and its type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed<'b> {
    /// The name of its type.
    pub(crate) name: &'b str,
    pub(crate) how: How,
    pub(crate) value: Value<'b>,
}

impl<'a> Types<'a> {
    /// Finds the type of the records of a ring: the names that were `asked` for, or what the
    /// program says of one of the `maps`: the names of the ring, and of the arrays that hold it.
    /// `None` if it says nothing.
    pub(crate) fn resolve(
        all: &'a [Parsed<'a>],
        maps: &[&str],
        asked: &[Asked],
    ) -> anyhow::Result<Option<Self>> {
        if !asked.is_empty() {
            return asked::resolve(all, asked);
        }
        let of = |how, btf, ids: Vec<u32>| {
            let all = ids.into_iter().map(|id| One { btf, id, tag: None }).collect();
            Self { how, all }
        };
        let programs = || all.iter().filter(|one| !one.of_kernel).map(|one| &one.btf);
        let by = |how, find: fn(&Btf<'_>, &str) -> Option<u32>| {
            let found = |btf| maps.iter().find_map(|map| find(btf, map));
            programs().find_map(|btf| Some(of(how, btf, vec![found(btf)?])))
        };
        let guessed = || {
            let guesses = programs().map(|btf| (btf, pointed_to(btf)));
            let mut guesses = guesses.filter(|(_, ids)| !ids.is_empty());
            guesses.next().map(|(btf, ids)| of(How::Guessed, btf, ids))
        };
        Ok(by(How::Declared, declared).or_else(|| by(How::Gadget, gadget)).or_else(guessed))
    }

    /// `sample` by its type. `None` if no tag is its, or if the type is guessed and none fits, or
    /// more than one.
    pub(crate) fn record<'b>(&'b self, sample: &'b [u8]) -> Option<Typed<'b>> {
        let tagged = |one: &&One<'_>| one.tag.as_ref().is_none_or(|tag| sample.starts_with(tag));
        let value = |one: &'b One<'_>| Some((one.btf, one.btf.value(one.id, sample).ok()?));
        let fits = |value: &Value<'_>| {
            self.how != How::Guessed || (value.missing() == 0 && value.rest().is_empty())
        };
        let found = self.all.iter().filter(tagged).filter_map(value);
        let mut found = found.filter(|(_, value)| fits(value));
        let (btf, value) = found.next().filter(|_| found.next().is_none())?;
        let found = btf.get(value.type_id()).ok()?;
        let name = if found.name().is_empty() { "(anonymous)" } else { found.name() };
        Some(Typed { name, how: self.how, value })
    }

    /// Whether this type of this BTF is meant, and how it is known.
    fn how(&self, btf: &Btf<'_>, id: u32) -> Option<How> {
        let meant = |one: &One<'_>| std::ptr::eq(one.btf, btf) && one.id == id;
        self.all.iter().any(meant).then_some(self.how)
    }
}

/// The type that RINGBUF_RECORD declares: what `ringbuf_record_MAP` points to.
fn declared(btf: &Btf<'_>, map: &str) -> Option<u32> {
    variables(btf).find_map(|(name, of)| {
        let named = name.strip_prefix(RECORD)?;
        same_map(map, named).then(|| pointee(btf, of)).flatten()
    })
}

/// The type that Inspektor Gadget's GADGET_TRACER names: `gadget_tracer_NAME___MAP___TYPE`.
fn gadget(btf: &Btf<'_>, map: &str) -> Option<u32> {
    variables(btf).find_map(|(name, _)| {
        let (_, rest) = name.strip_prefix("gadget_tracer_")?.split_once("___")?;
        let (named, record) = rest.split_once("___")?;
        let found = same_map(map, named).then(|| btf.find(&format!("struct {record}")))?;
        found.map(|found| found.id())
    })
}

/// The structs and unions that global pointers point to, each once, without those that are
/// declared for a ring.
fn pointed_to(btf: &Btf<'_>) -> Vec<u32> {
    let composite = |id: &u32| {
        let kind = btf.resolve(*id).map(|found| found.kind());
        matches!(kind, Ok(Kind::Struct(_) | Kind::Union(_)))
    };
    let all = variables(btf).filter(|(name, _)| !name.starts_with(RECORD));
    let all = all.filter_map(|(_, of)| pointee(btf, of)).filter(composite);
    let mut all: Vec<u32> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The global variables: names and types.
fn variables<'b>(btf: &'b Btf<'b>) -> impl Iterator<Item = (&'b str, u32)> {
    btf.types().filter_map(|one| match one.kind() {
        Kind::Variable(of) => Some((one.name(), of)),
        _ => None,
    })
}

/// What a pointer points to, beneath `const` and the like, but with the name of a typedef.
fn pointee(btf: &Btf<'_>, id: u32) -> Option<u32> {
    let Kind::Pointer(mut to) = btf.resolve(id).ok()?.kind() else { return None };
    while let Kind::Const(of) | Kind::Volatile(of) | Kind::TypeTag(of) = btf.get(to).ok()?.kind() {
        to = of;
    }
    btf.value(to, &[]).is_ok().then_some(to)
}

/// The kernel keeps 15 bytes of the name of a map.
fn same_map(map: &str, named: &str) -> bool {
    map == named || (map.len() == 15 && named.starts_with(map))
}
