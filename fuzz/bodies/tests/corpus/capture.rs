//! Seeds of target `capture`: types and bodies of blocks.

/// Each with a name.
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let start = [session(), ring(0, 4096, 0)].concat();
    let record = words(&[5, 0, 0x6c6c_6568, 0x6f]);
    let discarded = words(&[1 << 30 | 100, 0]);
    let both = [record.clone(), discarded].concat();
    let end = [longs(&[0, 0, 0, 0]), words(&[0, 0]), longs(&[16])].concat();
    let samples = [words(&[0, 1]), longs(&[1, 2, 3, 4])].concat();
    let named = |name: &str, parts: &[&[u8]]| {
        (format!("seed-{name}"), [&[1][..], &parts.concat()].concat())
    };
    vec![
        ("seed-empty".to_owned(), vec![]),
        ("seed-bytes".to_owned(), [&[0][..], b"\x89RBCAP\r\n\x01\0\0\0"].concat()),
        named("nothing", &[]),
        named("whole", &[&start, &block(8, &end)]),
        named("records", &[&start, &block(4, &data(2, 128, 0, &both))]),
        named("too-few-records", &[&start, &block(4, &data(3, 128, 0, &both))]),
        named("compressed", &[&start, &block(4, &data(1, 16, 1, &record))]),
        named("gap", &[&start, &block(5, &gap(0, 100_000)), &block(5, &gap(100_000, 8))]),
        named("wide-gap", &[&start, &block(5, &gap(0, u64::MAX - 7))]),
        named("samples", &[&start, &block(6, &samples)]),
        named("types", &[&session(), &block(3, &words(&[1, 0, 7])), &ring(0, 4096, 1)]),
        named("unknown", &[&start, &block(99, b"new")]),
    ]
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn longs(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn block(kind: u8, body: &[u8]) -> Vec<u8> {
    let [low, high, ..] = (body.len() as u32).to_le_bytes();
    [&[kind, low, high], body].concat()
}

fn session() -> Vec<u8> {
    let body = [words(&[1 | 64 << 8, 4096]), longs(&[0; 3]), vec![0; 16 + 4]].concat();
    block(1, &body)
}

fn ring(number: u32, capacity: u64, btf: u32) -> Vec<u8> {
    let start = [words(&[number, 57]), longs(&[capacity, 0]), words(&[0x0101, btf])];
    block(2, &[start.concat(), vec![1, 0, b'a']].concat())
}

fn data(records: u32, end: u64, codec: u32, entries: &[u8]) -> Vec<u8> {
    let start = [words(&[0, records]), longs(&[0, end, 0, 0])];
    let len = entries.len() as u32;
    [start.concat(), words(&[codec, len]), entries.to_vec()].concat()
}

fn gap(from: u64, to: u64) -> Vec<u8> {
    [words(&[0, 1]), longs(&[from, to, 0, 0])].concat()
}
