use super::*;

/// Raw little-endian BTF: types in words, and the strings, which a name is found in.
struct Built {
    types: Vec<u32>,
    strings: Vec<u8>,
}

impl Built {
    /// Type 1: an `unsigned int`.
    fn new() -> Self {
        let mut this = Self { types: Vec::new(), strings: vec![0] };
        let name = this.name("unsigned int");
        this.types.extend([name, 1 << 24, 4, 32]);
        this
    }

    fn name(&mut self, name: &str) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend(name.as_bytes());
        self.strings.push(0);
        at
    }

    /// Three types: a struct of one number, a pointer to it, and a variable of that.
    fn variable(mut self, name: &str, of: &str, id: u32) -> Self {
        let (name, of, member) = (self.name(name), self.name(of), self.name("number"));
        self.types.extend([of, 4 << 24 | 1, 4, member, 1, 0]);
        self.types.extend([0, 2 << 24, id]);
        self.types.extend([name, 14 << 24, id + 1, 1]);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let types = 4 * self.types.len() as u32;
        let header = [0x0001_eb9f, 24, 0, types, types, self.strings.len() as u32];
        let words = header.iter().chain(&self.types);
        let mut bytes: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(&self.strings);
        bytes
    }
}

fn parsed(bytes: &[u8]) -> Vec<Parsed<'_>> {
    let btf = Btf::parse(bytes).unwrap();
    vec![Parsed { from: "program 12 (on_exec)".to_owned(), btf, of_kernel: false }]
}

fn asked(name: &str) -> Vec<Asked> {
    vec![name.parse().unwrap()]
}

/// The type that a record of four bytes of the ring `map` has.
fn found(bytes: &[u8], map: &str) -> Option<(String, How)> {
    let all = parsed(bytes);
    let types = Types::resolve(&all, &[map], &[]).unwrap()?;
    let typed = types.record(&[7, 0, 0, 0])?;
    assert_eq!(typed.value.text().to_string(), "number=7");
    Some((typed.name.to_owned(), typed.how))
}

#[test]
fn a_declaration_goes_before_a_gadget_and_a_guess() {
    let guess = Built::new().variable("unused", "guess", 2);
    let known = |how, name: &str| Some((name.to_owned(), how));
    assert_eq!(found(&guess.bytes(), "events"), known(How::Guessed, "guess"));
    let gadget = guess.variable("gadget_tracer_a___events___guess", "other", 5);
    assert_eq!(found(&gadget.bytes(), "events"), known(How::Gadget, "guess"));
    assert_eq!(found(&gadget.bytes(), "event"), None, "two structs have that size");
    let declared = gadget.variable("ringbuf_record_events", "record", 8);
    assert_eq!(found(&declared.bytes(), "events"), known(How::Declared, "record"));
}

#[test]
fn the_type_of_one_ring_is_not_a_guess_for_another() {
    let declared = Built::new().variable("ringbuf_record_events", "record", 2).bytes();
    assert_eq!(found(&declared, "other"), None);
    let all = parsed(&declared);
    let shard = Types::resolve(&all, &["other", "events"], &[]).unwrap().unwrap();
    assert_eq!(shard.record(&[]).unwrap().how, How::Declared, "the array that holds it");
    let all = parsed(&declared);
    let asked = Types::resolve(&all, &["other"], &asked("struct record")).unwrap().unwrap();
    assert_eq!(asked.record(&[]).unwrap().how, How::Asked);
}

#[test]
fn the_kernel_keeps_fifteen_bytes_of_a_name() {
    assert!(same_map("events", "events") && !same_map("events", "events_of_all"));
    assert!(same_map("declared_events", "declared_events_of_a_test"));
    assert!(!same_map("declared_event", "declared_events"));
}

#[test]
fn variables_of_the_kernel_say_nothing_of_a_ring() {
    let bytes = Built::new().variable("current_task", "task", 2).bytes();
    let mut all = parsed(&bytes);
    all[0].of_kernel = true;
    assert!(Types::resolve(&all, &["events"], &[]).unwrap().is_none());
    assert!(Types::resolve(&all, &["events"], &asked("task")).unwrap().is_some());
}

#[test]
fn a_wrong_name_tells_what_is_near() {
    let bytes = Built::new().variable("unused", "event", 2).bytes();
    let all = parsed(&bytes);
    let error = |name| Types::resolve(&all, &["events"], &asked(name)).unwrap_err().to_string();
    let want = "no type has the name \"evnt\" in the types of program 12 (on_exec); did you mean \
                \"struct event\"? --list-types shows all";
    assert_eq!(error("evnt"), want);
    assert!(error("qq").ends_with("(on_exec); --list-types shows all"));
    let none = Types::resolve(&[], &["events"], &asked("event")).unwrap_err();
    assert!(none.to_string().contains("no type information"));
}

#[test]
fn sources_are_named_as_users_write_them() {
    let parse = |text: &str| text.parse::<BtfFrom>().unwrap();
    assert_eq!(parse("vmlinux"), BtfFrom::Vmlinux);
    assert_eq!(parse("prog:57"), BtfFrom::Program(57));
    assert_eq!(parse("prog:x"), BtfFrom::File("prog:x".into()));
    assert_eq!(parse("./vmlinux"), BtfFrom::File("./vmlinux".into()));
}

/// Three types whose first members are: a number of four bytes, one of two, a value of an enum in
/// a struct.
fn tagged() -> Vec<u8> {
    let mut built = Built::new();
    let [short, kind, exec, head] = ["short", "kind", "EXEC", "head"].map(|name| built.name(name));
    let [one, two, three, tag] = ["one", "two", "three", "tag"].map(|name| built.name(name));
    // 2: unsigned short. 3: enum kind, with EXEC = 300.
    built.types.extend([short, 1 << 24, 2, 16]);
    built.types.extend([kind, 6 << 24 | 1, 4, exec, 300]);
    let mut composite = |name: u32, size: u32, of: u32| {
        built.types.extend([name, 4 << 24 | 1, size, tag, of, 0]);
    };
    // 4 to 6, and 7: a struct that begins with the one that begins with the enum.
    composite(one, 4, 1);
    composite(two, 2, 2);
    composite(head, 4, 3);
    composite(three, 4, 6);
    built.bytes()
}

#[test]
fn tags_tell_types_apart() {
    let bytes = tagged();
    let all = parsed(&bytes);
    let resolve = |asked: &[&str]| {
        let asked: Vec<Asked> = asked.iter().map(|one| one.parse().unwrap()).collect();
        Types::resolve(&all, &["events"], &asked)
    };
    let types = resolve(&["0x7=one", "EXEC=three"]).unwrap().unwrap();
    let name = |record: &[u8]| types.record(record).map(|typed| typed.name.to_owned());
    assert_eq!(name(&[7, 0, 0, 0]).as_deref(), Some("one"));
    assert_eq!(name(&[44, 1, 0, 0, 9]).as_deref(), Some("three"), "300, by its name");
    assert_eq!(name(&[8, 0, 0, 0]), None, "of no type");
    assert_eq!(name(&[7, 0, 0]), None, "a part of a tag");
    let negative = resolve(&["-1=one"]).unwrap().unwrap();
    assert!(negative.record(&[0xff; 4]).is_some());
    let alone = resolve(&["one"]).unwrap().unwrap();
    assert!(alone.record(&[8, 0, 0, 0]).is_some(), "without a tag, all have it");
    for (asked, says) in [
        (&["one", "two"][..], "several types need tags"),
        (&["1=one", "two"], "several types need tags"),
        (&["1=one", "2=two"], "have 4 and 2 bytes"),
        (&["1=one", "0x1=three"], "have the same tag"),
        (&["65536=two"], "its first member has 2 bytes"),
        (&["-32769=two"], "its first member has 2 bytes"),
        (&["EXIT=three"], "no value of its first member"),
        (&["1=four"], "no type has the name"),
    ] {
        let error = format!("{:#}", resolve(asked).unwrap_err());
        assert!(error.contains(says), "{asked:?}: {error}");
    }
}
