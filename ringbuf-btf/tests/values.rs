//! Records as text and JSON, by BTF that the test makes.

#[allow(dead_code, clippy::allow_attributes, reason = "each test uses a part")]
mod build;

use build::Builder;
use ringbuf_btf::{Btf, ByteOrder};

fn text(bytes: &[u8], name: &str, record: &[u8]) -> (String, String) {
    let btf = Btf::parse(bytes).expect("BTF");
    let id = btf.find(name).expect("the type").id();
    let value = btf.value(id, record).expect("a value");
    let json = value.json().to_string();
    serde_json::from_str::<serde_json::Value>(&json).expect("JSON");
    (value.text().to_string(), json)
}

fn numbers(order: ByteOrder, values: &[(u64, usize)]) -> Vec<u8> {
    let bytes = |(value, size): &(u64, usize)| match order {
        ByteOrder::Little => value.to_le_bytes()[..*size].to_vec(),
        ByteOrder::Big => value.to_be_bytes()[8 - size..].to_vec(),
    };
    values.iter().flat_map(bytes).collect()
}

#[test]
fn fields_of_each_kind_in_both_orders() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let mut build = Builder::new(order);
        let u32_ = build.int("unsigned int", 4, 0);
        let i64_ = build.int("long", 8, 1);
        let u64_ = build.int("unsigned long", 8, 0);
        let bool_ = build.int("_Bool", 1, 4);
        let char_ = build.int("char", 1, 1);
        let u8_ = build.int("unsigned char", 1, 0);
        let i8_ = build.int("signed char", 1, 1);
        let wide = build.int("__int128", 16, 1);
        let (f32_, f64_) =
            (build.raw("float", 16, false, 0, 4, &[]), build.raw("double", 16, false, 0, 8, &[]));
        let pointer = build.of("", 2, 0);
        let (idle, busy, low) = (build.name("IDLE"), build.name("BUSY"), build.name("LOW"));
        let state = build.raw("state", 6, true, 3, 4, &[idle, 0, busy, 1, low, u32::MAX]);
        let (big, minus) = (build.name("BIG"), build.name("MINUS"));
        let state64 = build.raw("state64", 19, true, 2, 8, &[big, 0, 1, minus, u32::MAX, u32::MAX]);
        let comm = build.array(char_, 8);
        let mac = build.array(u8_, 3);
        let pair = build.array(i8_, 2);
        let (constant, pid_t) = (build.of("", 10, u32_), build.of("pid_t", 8, u32_));
        let volatile = build.of("", 9, pid_t);
        let tag = build.of("user", 18, pointer);
        let event = build.strukt(
            "event",
            126,
            &[
                ("pid", volatile, 0),
                ("flags", constant, 4),
                ("delta", i64_, 8),
                ("time", u64_, 16),
                ("ok", bool_, 24),
                ("c", char_, 25),
                ("level", i8_, 26),
                ("wide", wide, 27),
                ("f", f32_, 43),
                ("d", f64_, 47),
                ("ptr", tag, 55),
                ("state", state, 63),
                ("other", state, 67),
                ("low", state, 71),
                ("big", state64, 75),
                ("minus", state64, 83),
                ("comm", comm, 91),
                ("mac", mac, 99),
                ("pair", pair, 102),
                ("none", state64, 104),
            ],
        );
        assert!(event > 0);
        let mut record =
            numbers(order, &[(12, 4), (0xffff_ffff, 4), (u64::MAX - 1, 8), (u64::MAX, 8), (2, 1)]);
        record.extend([b'\n', 0xff]);
        record.extend([0xff; 16]);
        record.extend(numbers(
            order,
            &[(1.5_f32.to_bits().into(), 4), (f64::NEG_INFINITY.to_bits(), 8)],
        ));
        record.extend(numbers(
            order,
            &[(0xffff_8880, 8), (1, 4), (7, 4), (u64::MAX, 4), (1 << 32, 8), (u64::MAX, 8)],
        ));
        record.extend(b"a\"\x1b\xff\0xyz\x0a\x00\xff\x01\xfe");
        record.extend(numbers(order, &[(5, 8)]));
        record.extend([0; 14]);
        let (text, json) = text(&build.bytes(), "struct event", &record);
        assert_eq!(
            text,
            "pid=12 flags=4294967295 delta=-2 time=18446744073709551615 ok=true c='\\n' level=-1 wide=-1 f=1.5 \
             d=-inf ptr=0xffff8880 state=BUSY other=7 low=LOW big=BIG minus=MINUS comm=\"a\\\"\\u{1b}\\xff\" \
             mac=0a:00:ff pair=[1, -2] none=5"
        );
        assert_eq!(
            json,
            "{\"pid\":12,\"flags\":4294967295,\"delta\":-2,\"time\":18446744073709551615,\"ok\":true,\"c\":\"\\n\",\
             \"level\":-1,\"wide\":-1,\"f\":1.5,\"d\":null,\"ptr\":\"0xffff8880\",\"state\":\"BUSY\",\"other\":7,\
             \"low\":\"LOW\",\"big\":\"BIG\",\"minus\":\"MINUS\",\"comm\":\"a\\\"\\u001b\u{fffd}\",\
             \"mac\":[10,0,255],\"pair\":[1,-2],\"none\":5}"
        );
    }
}

/// `struct { u32 a:3, b:7; s32 c:22; }`, as compilers say it now, and as they did.
#[test]
fn bitfields_in_both_encodings_and_orders() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let mut build = Builder::new(order);
        let (u32_, s32_) = (build.int("unsigned int", 4, 0), build.int("int", 4, 1));
        let members = [("a", u32_, 3 << 24), ("b", u32_, 7 << 24 | 3), ("c", s32_, 22 << 24 | 10)];
        build.composite("new", 4, true, 4, &members);
        let a = build.raw("unsigned int", 1, false, 0, 4, &[3]);
        let b = build.raw("unsigned int", 1, false, 0, 4, &[3 << 16 | 7]);
        let c = build.raw("int", 1, false, 0, 4, &[1 << 24 | 22]);
        build.composite("old", 4, false, 4, &[("a", a, 0), ("b", b, 0), ("c", c, 10)]);
        let (a, b, c) = (5_u32, 0x55_u32, (-2_i32 as u32) & 0x3f_ffff);
        let record = match order {
            ByteOrder::Little => (a | b << 3 | c << 10).to_le_bytes(),
            ByteOrder::Big => (a << 29 | b << 22 | c).to_be_bytes(),
        };
        for name in ["new", "old"] {
            assert_eq!(text(&build.bytes(), name, &record).0, "a=5 b=85 c=-2", "{name} {order:?}");
        }
    }
}

/// A struct with anonymous members, a nested one, and a flexible array.
fn nested() -> Vec<u8> {
    let mut build = Builder::new(ByteOrder::Little);
    let u16_ = build.int("unsigned short", 2, 0);
    let char_ = build.int("char", 1, 1);
    let point = build.strukt("point", 4, &[("x", u16_, 0), ("y", u16_, 2)]);
    let points = build.array(point, 2);
    let hidden = build.composite("", 5, false, 2, &[("port", u16_, 0), ("raw", u16_, 0)]);
    let rest = build.array(char_, 0);
    let members = [
        ("at", point, 0),
        ("all", points, 4),
        ("", hidden, 12),
        ("", u16_, 14),
        ("name", rest, 16),
    ];
    build.strukt("event", 16, &members);
    let numbers = build.array(u16_, 0);
    build.strukt("list", 2, &[("count", u16_, 0), ("values", numbers, 2)]);
    let one = build.array(u16_, 1);
    build.strukt("empty", 0, &[]);
    build.strukt("legacy", 4, &[("first", numbers, 0), ("one", one, 0), ("two", u16_, 2)]);
    build.bytes()
}

const RECORD: [u8; 16] = [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 80, 0, 0, 0];

#[test]
fn groups_are_nested_and_members_without_a_name_are_merged() {
    let record = [&RECORD[..], b"bash"].concat();
    let (text, json) = text(&nested(), "event", &record);
    assert_eq!(text, "at={x=1 y=2} all=[{x=3 y=4}, {x=5 y=6}] port=80 raw=80 name=\"bash\"");
    assert_eq!(
        json,
        r#"{"at":{"x":1,"y":2},"all":[{"x":3,"y":4},{"x":5,"y":6}],"port":80,"raw":80,"name":"bash"}"#
    );
}

#[test]
fn pretty_text_has_a_line_for_each_member() {
    let bytes = nested();
    let btf = Btf::parse(&bytes).expect("BTF");
    let id = btf.find("event").expect("the type").id();
    let pretty =
        |record: &[u8]| btf.value(id, record).expect("a value").text().pretty(true).to_string();
    let all = "all=[{\n    x=3\n    y=4\n  }, {\n    x=5\n    y=6\n  }]\n";
    let want = format!("at={{\n  x=1\n  y=2\n}}\n{all}port=80\nraw=80\nname=\"\"\n");
    assert_eq!(pretty(&RECORD), want);
    assert_eq!(pretty(&[]), "(16 bytes missing)\n");
}

#[test]
fn a_flexible_array_takes_the_rest() {
    let list = |record: &[u8]| text(&nested(), "list", record).0;
    assert_eq!(list(&[2, 0]), "count=2 values=[]");
    assert_eq!(list(&[2, 0, 1, 0, 2, 0]), "count=2 values=[1, 2]");
    assert_eq!(list(&[2, 0, 1, 0, 9]), "count=2 values=[1] rest=09");
    // Only at the end.
    assert_eq!(
        text(&nested(), "legacy", &[1, 0, 2, 0, 3, 0]).0,
        "first=[] one=[1] two=2 rest=03:00"
    );
}

#[test]
fn what_is_there_of_a_short_record_is_printed() {
    let bytes = nested();
    let event = |len| text(&bytes, "event", &RECORD[..len]);
    assert_eq!(event(0), ("(16 bytes missing)".into(), "{}".into()));
    assert_eq!(event(3).0, "at={x=1} (13 bytes missing)");
    assert_eq!(event(7).0, "at={x=1 y=2} all=[{x=3}] (9 bytes missing)");
    assert_eq!(event(7).1, r#"{"at":{"x":1,"y":2},"all":[{"x":3}]}"#);
    assert_eq!(text(&bytes, "point", &[1, 0, 2, 0, 0xff, 0]).0, "x=1 y=2 rest=ff:00");
    assert_eq!(text(&bytes, "unsigned short", &[1]), ("(1 bytes missing)".into(), "null".into()));
    assert_eq!(text(&bytes, "unsigned short", &[1, 2]), ("513".into(), "513".into()));
    assert_eq!(text(&bytes, "empty", &[]), (String::new(), "{}".into()));
}

#[test]
fn wide_numbers_can_be_strings() {
    let mut build = Builder::new(ByteOrder::Little);
    let (u32_, u64_) = (build.int("unsigned int", 4, 0), build.int("unsigned long", 8, 0));
    build.strukt("event", 12, &[("time", u64_, 0), ("pid", u32_, 8)]);
    let bytes = build.bytes();
    let btf = Btf::parse(&bytes).expect("BTF");
    let value = btf.value(btf.find("event").expect("it").id(), &[0xff; 12]).expect("a value");
    let json = value.json().wide_as_text(true).to_string();
    assert_eq!(json, r#"{"time":"18446744073709551615","pid":4294967295}"#);
}

/// Hostile types: each would take years, or the whole stack.
#[test]
fn hostile_types_end_soon() {
    let mut build = Builder::new(ByteOrder::Little);
    let u8_ = build.int("u8", 1, 1);
    // Unions in unions: 2^60 leaves of one byte.
    let mut inner = u8_;
    for _ in 0..60 {
        inner = build.composite("doubled", 5, false, 1, &[("a", inner, 0), ("b", inner, 0)]);
    }
    let empty = build.strukt("nothing", 0, &[]);
    let many = build.array(empty, u32::MAX);
    build.strukt("many", 8, &[("all", many, 0), ("after", u8_, 0)]);
    let mut row = u8_;
    for _ in 0..40 {
        row = build.array(row, u32::MAX);
    }
    build.strukt("rows", 8, &[("all", row, 0)]);
    // Itself, as a member and beneath its name.
    let id = empty + 100;
    build.strukt("itself", 8, &[("again", id, 0)]);
    for _ in build.raw("", 10, false, 0, u8_, &[])..id - 1 {
        build.of("", 10, u8_);
    }
    assert_eq!(build.strukt("inner", 8, &[("again", id, 0)]), id);
    let next = id + 1;
    assert_eq!(build.of("endless", 8, next), next);
    let bytes = build.bytes();
    let btf = Btf::parse(&bytes).expect("BTF");
    let record = [1; 64];
    for last in btf.types() {
        let Ok(value) = btf.value(last.id(), &record) else { continue };
        let (text, json) = (value.text().to_string(), value.json().to_string());
        assert!(text.len() < 1 << 20, "{} has {} bytes", last.name(), text.len());
        serde_json::from_str::<serde_json::Value>(&json).expect("JSON");
    }
    let text = |name: &str| {
        let id = btf.named(name).last().expect("it").id();
        btf.value(id, &record).expect("a value").text().to_string()
    };
    for name in ["doubled", "itself", "many", "rows"] {
        assert!(text(name).contains('…'), "{}", text(name));
    }
    let nested = text("itself").matches('{').count();
    assert!(nested <= 32, "{nested}");
    let error = btf.value(next, &record).expect_err("endless");
    assert_eq!(error, ringbuf_btf::BtfError::TooDeep { id: next });
}
