//! Target `btf`: any bytes as BTF, and any bytes as a record of each of its types.

use ringbuf_btf::{Btf, Kind, Value};
use serde::de::IgnoredAny;

/// Of each BTF, so many types are printed.
const TYPES: usize = 40;
/// Bytes of output for each field that is looked at: names may be long.
const MOST: usize = 64 << 20;

/// The first byte says how long the record is: it is the end of the data. The rest is BTF.
///
/// # Panics
/// If JSON cannot be read, or more is printed than the record and the BTF can account for.
pub fn btf(data: &[u8]) {
    let Some((&len, data)) = data.split_first() else { return };
    let (bytes, record) = data.split_at(data.len() - data.len().min(len.into()));
    let Ok(btf) = Btf::parse(bytes) else { return };
    whole(&btf);
    for one in btf.types().take(TYPES) {
        if let Ok(value) = btf.value(one.id(), record) {
            print(&value, record);
        }
    }
    // The same bytes continue a base.
    if let Ok(split) = Btf::parse_split(bytes, &btf) {
        whole(&split);
        let last = split.value(split.count() - 1, record);
        last.into_iter().for_each(|value| print(&value, record));
    }
}

/// Each type is found by its id, and what it lists ends.
fn whole(btf: &Btf<'_>) {
    assert_eq!(btf.types().count(), btf.count() as usize - 1);
    for (one, number) in btf.types().zip(1..).take(10 * TYPES) {
        assert_eq!((one.id(), btf.get(number).map(|same| same.name())), (number, Ok(one.name())));
        let listed = match one.kind() {
            Kind::Struct(composite) | Kind::Union(composite) => composite.members.count(),
            Kind::Enum(values) => values.values.count(),
            Kind::Prototype(prototype) => prototype.parameters.count(),
            Kind::Section(section) => section.variables.count(),
            _ => 0,
        };
        assert!(listed <= 0xffff);
        let _any = (btf.size_of(number), btf.resolve(number));
        assert!(btf.name_of(number).is_ok_and(|name| name.to_string().len() < MOST));
    }
}

fn print(value: &Value<'_>, record: &[u8]) {
    let (json, text) = (value.json().to_string(), value.text().to_string());
    assert!(json.len() < MOST && text.len() < MOST);
    serde_json::from_str::<IgnoredAny>(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let wide = value.json().wide_as_text(true).to_string();
    serde_json::from_str::<IgnoredAny>(&wide).unwrap_or_else(|error| panic!("{error}: {wide}"));
    let control = |c: char| c.is_control();
    assert!(!text.contains(control) && !json.contains(control), "safe on a terminal");
    assert!(value.text().pretty(true).to_string().ends_with('\n'));
    assert!(value.rest().len() <= record.len());
    assert!(value.missing() == 0 || value.rest().is_empty());
}
