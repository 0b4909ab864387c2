//! What is refused, and split BTF.

#[allow(dead_code, clippy::allow_attributes, reason = "each test uses a part")]
mod build;

use build::Builder;
use ringbuf_btf::{Btf, BtfError, ByteOrder, Kind};

fn small() -> Vec<u8> {
    let mut build = Builder::new(ByteOrder::Little);
    let int = build.int("unsigned int", 4, 0);
    build.strukt("event", 8, &[("pid", int, 0), ("uid", int, 4)]);
    build.bytes()
}

/// `bytes` with another word at `offset`.
fn with(offset: usize, word: u32) -> Vec<u8> {
    let mut bytes = small();
    bytes[offset..offset + 4].copy_from_slice(&word.to_le_bytes());
    bytes
}

fn refused(bytes: &[u8]) -> BtfError {
    let error = Btf::parse(bytes).expect_err("it is wrong");
    assert!(!error.to_string().is_empty());
    error
}

#[test]
fn what_is_wrong_is_told_with_its_offset() {
    // The header has 24 bytes; type 1 begins there, type 2 at 40.
    assert_eq!(refused(&[]), BtfError::Magic { found: [0, 0] });
    assert_eq!(refused(&with(0, 0x0002_eb9f)), BtfError::Version { found: 2 });
    assert!(matches!(refused(&with(4, 23)), BtfError::Outside { part: "header", .. }));
    let all = small().len() as u64;
    let part = "section of types";
    let outside = BtfError::Outside { part, offset: 24, len: 0xffff, available: all };
    assert_eq!(refused(&with(12, 0xffff)), outside);
    assert!(matches!(
        refused(&with(16, u32::MAX)),
        BtfError::Outside { part: "section of strings", .. }
    ));
    assert_eq!(refused(&with(28, 31 << 24)), BtfError::Unknown { id: 1, offset: 24, kind: 31 });
    assert_eq!(refused(&with(44, 4 << 24 | 999)), BtfError::Cut { id: 2, offset: 40 });
    assert_eq!(refused(&with(24, 500)), BtfError::Name { id: 1, offset: 24, name: 500 });
    assert_eq!(refused(&with(52, 501)), BtfError::Name { id: 2, offset: 40, name: 501 });
    assert_eq!(refused(&with(56, 3)), BtfError::Reference { id: 2, offset: 40, to: 3 });
    let mut strings = small();
    *strings.last_mut().expect("a byte") = b'x';
    assert_eq!(refused(&strings), BtfError::Strings { offset: all - 1 });
    strings[all as usize - 2] = 0xff;
    strings[all as usize - 1] = 0;
    assert_eq!(refused(&strings), BtfError::Strings { offset: all - 2 });
}

#[test]
fn cut_anywhere_it_is_refused() {
    let bytes = small();
    for len in 0..bytes.len() {
        refused(&bytes[..len]);
    }
    assert_eq!(Btf::parse(&bytes).expect("whole").count(), 3);
}

/// A program's BTF has fewer types than the index, a kernel's has many more.
#[test]
fn types_are_found_by_id_however_many_there_are() {
    for count in [1, 1023, 1024, 1025, 5000] {
        let mut build = Builder::new(ByteOrder::Big);
        let int = build.int("int", 4, 1);
        for number in 2..=count {
            match number % 3 {
                0 => build.strukt(&format!("s{number}"), 4, &[("a", int, 0)]),
                _ => build.of(&format!("s{number}"), 8, number - 1),
            };
        }
        let bytes = build.bytes();
        let btf = Btf::parse(&bytes).expect("BTF");
        assert_eq!((btf.count(), btf.types().count() as u32), (count + 1, count));
        for number in 2..=count {
            let name = format!("s{number}");
            assert_eq!(btf.get(number).expect("a type").name(), name);
        }
        let wanted = format!("s{count}");
        assert!(count == 1 || btf.find(&wanted).map(|one| one.id()) == Some(count));
    }
}

#[test]
fn split_btf_continues_its_base() {
    let order = ByteOrder::Little;
    let mut kernel = Builder::new(order);
    let int = kernel.int("int", 4, 1);
    let strings = 1 + "int".len() as u32 + 1;
    let kernel = kernel.bytes();
    let kernel = Btf::parse(&kernel).expect("BTF");
    let mut module = Builder::split(order, kernel.count(), strings);
    let event = module.strukt("event", 4, &[("pid", int, 0)]);
    let module = module.bytes();
    let split = Btf::parse_split(&module, &kernel).expect("BTF");
    assert_eq!((event, split.count(), split.types().count()), (2, 3, 2));
    assert_eq!(
        (split.get(1).expect("1").name(), split.get(2).expect("2").name()),
        ("int", "event")
    );
    let value = split.value(event, &[7, 0, 0, 0]).expect("a value");
    assert_eq!(value.text().to_string(), "pid=7");
    // Alone, it refers to what is not there; a base is not split; both have one order.
    assert!(matches!(refused(&module), BtfError::Strings { .. } | BtfError::Name { .. }));
    assert_eq!(Btf::parse_split(&module, &split).expect_err("twice"), BtfError::Base);
    let big = Builder::new(ByteOrder::Big).bytes();
    let big = Btf::parse(&big).expect("BTF");
    assert_eq!(Btf::parse_split(&module, &big).expect_err("orders"), BtfError::Base);
}

#[test]
fn names_are_as_in_c() {
    let mut build = Builder::new(ByteOrder::Little);
    let char_ = build.int("char", 1, 1);
    let constant = build.of("", 10, char_);
    let text = build.of("", 2, constant);
    let texts = build.array(text, 4);
    let nothing = build.of("", 2, 0);
    let hidden = build.composite("", 5, false, 4, &[]);
    let variable = build.of("names", 14, texts);
    let forward = build.raw("task", 7, false, 0, 0, &[]);
    let bytes = build.bytes();
    let btf = Btf::parse(&bytes).expect("BTF");
    let name = |id| btf.name_of(id).expect("a name").to_string();
    assert_eq!(name(text), "const char *");
    assert_eq!(name(variable), "const char *[4] names");
    assert_eq!((name(nothing), name(hidden)), ("void *".to_owned(), "union {…}".to_owned()));
    assert_eq!(name(forward), "struct task");
    assert_eq!((btf.size_of(texts), btf.size_of(variable)), (Ok(32), Ok(32)));
    assert_eq!(btf.size_of(forward), Err(BtfError::NoSize { id: forward }));
    assert_eq!(btf.value(0, &[]).expect_err("void"), BtfError::NoSize { id: 0 });
    assert!(btf.name_of(forward + 1).is_err());
    assert!(matches!(btf.get(forward).map(|one| one.kind()), Ok(Kind::Forward { union: false })));
}
