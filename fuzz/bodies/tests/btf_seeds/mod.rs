//! Seeds of the target `btf`: one BTF for each kind of type, each with a record.

#[allow(dead_code, clippy::allow_attributes, reason = "each test uses a part")]
#[path = "../../../../ringbuf-btf/tests/build/mod.rs"]
mod build;

use build::Builder;
use ringbuf_btf::ByteOrder;

/// The seeds, with names.
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("seed-empty".to_owned(), Vec::new())];
    for (order, suffix) in [(ByteOrder::Little, ""), (ByteOrder::Big, "-big")] {
        for (name, build) in BUILDS {
            let mut builder = Builder::new(order);
            build(&mut builder);
            // The record has 40 bytes.
            let mut bytes = vec![40];
            bytes.extend(builder.bytes());
            bytes.extend((1..=40).map(|number| number % 7));
            all.push((format!("seed-{name}{suffix}"), bytes));
        }
    }
    all
}

type Build = fn(&mut Builder);

const BUILDS: [(&str, Build); 6] = [
    ("numbers", |build| {
        let int = build.int("int", 4, 1);
        let (wide, bool_) = (build.int("__int128", 16, 0), build.int("bool", 1, 4));
        let float = build.raw("double", 16, false, 0, 8, &[]);
        build.strukt("s", 29, &[("a", int, 0), ("b", wide, 4), ("c", bool_, 20), ("d", float, 21)]);
    }),
    ("text", |build| {
        let (char_, byte) = (build.int("char", 1, 1), build.int("u8", 1, 0));
        let (text, bytes, rest) =
            (build.array(char_, 9), build.array(byte, 3), build.array(char_, 0));
        build.strukt("s", 12, &[("a", text, 0), ("b", bytes, 9), ("c", rest, 12)]);
    }),
    ("bitfields", |build| {
        let int = build.int("int", 4, 1);
        let old = build.raw("int", 1, false, 0, 4, &[1 << 24 | 3 << 16 | 7]);
        build.composite("s", 4, true, 8, &[("a", int, 3 << 24), ("b", int, 29 << 24 | 3)]);
        build.composite("t", 4, false, 8, &[("a", old, 0), ("b", int, 32)]);
    }),
    ("enums", |build| {
        let (one, two) = (build.name("ONE"), build.name("TWO"));
        let small = build.raw("e", 6, true, 2, 4, &[one, 1, two, u32::MAX]);
        let wide = build.raw("f", 19, false, 1, 8, &[two, 1, 1]);
        build.strukt("s", 16, &[("a", small, 0), ("b", wide, 8)]);
    }),
    ("nested", |build| {
        let int = build.int("int", 4, 1);
        let inner = build.strukt("i", 8, &[("x", int, 0), ("y", int, 4)]);
        let list = build.array(inner, 3);
        let hidden = build.composite("", 5, false, 4, &[("p", int, 0), ("q", int, 0)]);
        let named = build.of("list", 8, list);
        let constant = build.of("", 10, named);
        build.strukt("s", 28, &[("a", constant, 0), ("", hidden, 24)]);
    }),
    ("others", |build| {
        let int = build.int("int", 4, 1);
        let name = build.name("argument");
        let prototype = build.raw("", 13, false, 2, int, &[name, int, 0, 0]);
        build.of("function", 12, prototype);
        let pointer = build.of("", 2, int);
        let variable = build.of("variable", 14, pointer);
        build.raw(".data", 15, false, 1, 8, &[variable, 0, 8]);
        build.raw("task", 7, true, 0, 0, &[]);
        build.raw("tag", 17, false, 0, variable, &[u32::MAX]);
        build.of("user", 18, int);
        build.of("", 9, pointer);
        build.of("", 11, pointer);
    }),
];
