//! The breaks of decoding type information, and of printing records by it.

use super::list::{Break, Seen};

const WALK: &str = "ringbuf-btf/src/walk.rs";

const HOSTILE: Seen = values("hostile_types_end_soon");
const BITFIELDS: Seen = values("bitfields_in_both_encodings_and_orders");
const FIELDS: Seen = values("fields_of_each_kind_in_both_orders");
const SHORT: Seen = values("what_is_there_of_a_short_record_is_printed");
const REFUSED: Seen = parse("what_is_wrong_is_told_with_its_offset");

const fn values(test: &'static str) -> Seen {
    Seen::Test("btf/values", test)
}

const fn parse(test: &'static str) -> Seen {
    Seen::Test("btf/parse", test)
}

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "btf: fields are walked without a bound",
        file: WALK,
        edits: &[("self.left.checked_sub(1)", "Some(self.left)")],
        seen: &[HOSTILE],
    },
    Break {
        name: "btf: structs nest without a bound",
        file: WALK,
        edits: &[("const DEPTH: usize = 32;", "const DEPTH: usize = 3200;")],
        seen: &[HOSTILE],
    },
    Break {
        name: "btf: a name beneath a name leads on for ever",
        file: "ringbuf-btf/src/search.rs",
        edits: &[(
            "Err(BtfError::TooDeep { id })\n    }\n\n    /// Returns the bytes",
            "Ok(found)\n    }\n\n    /// Returns the bytes",
        )],
        seen: &[HOSTILE],
    },
    Break {
        name: "btf: an array behind the end is printed as empty",
        file: WALK,
        edits: &[("begin > self.len || ", "")],
        seen: &[SHORT],
    },
    Break {
        name: "btf: a flexible array in the middle takes the rest",
        file: WALK,
        edits: &[("at.last && number == last", "at.last")],
        seen: &[values("a_flexible_array_takes_the_rest")],
    },
    Break {
        name: "btf: half an element of a flexible array is one",
        file: "ringbuf-btf/src/extent.rs",
        edits: &[("room - room % self.element", "room")],
        seen: &[values("a_flexible_array_takes_the_rest")],
    },
    Break {
        name: "btf: bits of big-endian bytes count from the lowest",
        file: "ringbuf-btf/src/words.rs",
        edits: &[("byte >> (7 - within)", "byte >> within")],
        seen: &[BITFIELDS],
    },
    Break {
        name: "btf: bitfields of old compilers are whole numbers",
        file: "ringbuf-btf/src/leaf.rs",
        edits: &[("match bits.or(old)", "match bits.or(old.and(None))")],
        seen: &[BITFIELDS],
    },
    Break {
        name: "btf: a bitfield has no sign",
        file: "ringbuf-btf/src/words.rs",
        edits: &[("128_u32.saturating_sub(bits)", "128_u32.saturating_sub(bits.max(32))")],
        seen: &[BITFIELDS],
    },
    Break {
        name: "btf: values of an enum have no sign",
        file: "ringbuf-btf/src/lists.rs",
        edits: &[("i128::from(i32::from_ne_bytes(low.to_ne_bytes()))", "i128::from(low)")],
        seen: &[FIELDS],
    },
    Break {
        name: "btf: text goes on behind its NUL",
        file: WALK,
        edits: &[("split(|byte| *byte == 0)", "split(|_| false)")],
        seen: &[FIELDS],
    },
    Break {
        name: "btf: strings of JSON may drive a terminal",
        file: "ringbuf-btf/src/json.rs",
        edits: &[("_ if is_harmful(c) =>", "_ if is_harmful(c) && c > '\\u{1b}' =>")],
        seen: &[FIELDS],
    },
    Break {
        name: "btf: a reference one behind the last type",
        file: "ringbuf-btf/src/btf.rs",
        edits: &[("to >= end", "to > end")],
        seen: &[REFUSED],
    },
    Break {
        name: "btf: names are not checked",
        file: "ringbuf-btf/src/btf.rs",
        edits: &[("strings.get(name).is_none()", "name == u32::MAX")],
        seen: &[REFUSED],
    },
    Break {
        name: "btf: the index has fewer places than it needs",
        file: "ringbuf-btf/src/btf.rs",
        edits: &[("(this.end - first).div_ceil(kept)", "((this.end - first) / kept)")],
        seen: &[parse("types_are_found_by_id_however_many_there_are")],
    },
];
