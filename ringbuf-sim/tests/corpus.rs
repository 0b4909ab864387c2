//! What the fuzzer starts from, and what it has found, replayed on any compiler.
//!
//! `RINGBUF_BLESS=1 cargo test -p ringbuf-sim --test corpus` writes the seeds
//! anew. What the fuzzer finds is put beside them by hand.

use std::fs;
use std::path::PathBuf;

use ringbuf_sim::fuzz::TARGETS;

/// A corpus in the repository is a starting point, not an archive.
const MOST_FILES: usize = 200;
const MOST_BYTES: usize = 200_000;

fn folder(target: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "fuzz", "corpus", target].iter().collect()
}

/// Every file of a corpus: its name and its bytes; the seeds are written first if
/// that is asked for.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    if std::env::var_os("RINGBUF_BLESS").is_some() {
        fs::create_dir_all(folder(target)).unwrap();
        for (name, bytes) in seeds(target) {
            fs::write(folder(target).join(name), bytes).unwrap();
        }
    }
    let files = fs::read_dir(folder(target)).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path)))
        .map(|(name, bytes)| (name, bytes.unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn every_file_is_replayed() {
    for (target, body) in TARGETS {
        let corpus = corpus(target);
        assert!(corpus.len() >= 10, "{target}: {} files", corpus.len());
        for (name, bytes) in corpus {
            println!("{target}/{name}");
            body(&bytes);
        }
    }
}

#[test]
fn the_corpora_are_small() {
    let all: Vec<_> = TARGETS.iter().flat_map(|(target, _)| corpus(target)).collect();
    let bytes: usize = all.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(all.len() < MOST_FILES && bytes < MOST_BYTES, "{} files, {bytes} bytes", all.len());
}

#[test]
fn the_seeds_are_there() {
    for (target, _) in TARGETS {
        let corpus = corpus(target);
        for seed in seeds(target) {
            let name = &seed.0;
            assert!(corpus.contains(&seed), "{target}/{name} is stale: RINGBUF_BLESS=1 writes it");
        }
    }
}

/// Short inputs that more than chance leads somewhere, each with a name; and
/// some by chance.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let by_hand: &[(&str, &[&[u8]])] = match target {
        "header" => &[
            ("empty", &[]),
            ("three-records", &[ZERO, &small(6), PLAIN, GAP, PLAIN, GAP, PLAIN, GAP]),
            ("discarded", &[ZERO, &small(6), DISCARDED, GAP, PLAIN, GAP, DISCARDED, GAP]),
            ("busy", &[ZERO, &small(4), PLAIN, GAP, BUSY, GAP]),
            ("empty-samples", &[ZERO, &small(3), GAP, GAP, GAP]),
            ("too-long", &[ZERO, &small(2), &wide(0x3fff_ffff), &[0]]),
            ("misaligned", &[ZERO, &small(15), PLAIN]),
            ("over-a-lap", &[ZERO, &wide(520), PLAIN]),
            ("a-run", &[ZERO, &small(10), &RUN]),
            ("a-run-broken", &[ZERO, &small(12), &RUN, DISCARDED, GAP]),
            ("a-lap", &[ZERO, &wide(512), &wide(4088), &[0]]),
            ("positions-wrap", &[&wide((u64::MAX >> 3) - 1), &small(4), PLAIN, GAP, PLAIN, GAP]),
        ],
        "hostile" => &[
            ("empty", &[]),
            // 64 bytes; positions of 64 bits from 0; the producer at 32; two
            // records, and a look at what comes next.
            ("two-records", &[&[2, 1, 0, 0], &[2, 0, 4], READ, &[7, 0, 8], &[7, 0, 8], &[2, 0, 4]]),
            // As above, but each look finds a whole ring of discarded records.
            ("discards-for-ever", &[&[0, 1, 0, 0, 2, 0, 2], READ, &FLOOD]),
            ("busy", &[&[2, 1, 0, 0], &[2, 0, 4], READ, &[1, 0, 8], &[9]]),
            ("too-long", &[&[2, 1, 0, 0], &[2, 0, 4], READ, &[7], &wide(64)]),
            // Two records by callback, which does not break; then a look.
            ("each", &[&[2, 1, 0, 0], &[2, 0, 4], EACH, &[7, 0, 8], &[7, 0, 8], &[2, 0, 4], &[10]]),
            ("each-broken-off", &[&[2, 1, 0, 0], &[2, 0, 4], &[7, 0, 0], &[7, 0, 8], EACH]),
            ("each-finds-discards", &[&[0, 1, 0, 0, 2, 0, 2], EACH, &FLOOD]),
            ("each-too-long", &[&[2, 1, 0, 0], &[2, 0, 4], EACH, &[7, 0, 8], &[7], &wide(64)]),
            ("misaligned", &[&[2, 1, 0, 0], &[2, 0, 15]]),
        ],
        "ops" => &[
            ("empty", &[]),
            ("output-read", &[&[0, 1, 0, 0], &[6, 0, 8], &[6, 0, 0], &[8, 0, 9], &[13]]),
            ("out-of-order", &[&[0, 1, 0, 0], &[0, 0, 8, 0, 0, 8], &[3, 1], &[8, 0, 9], &[3, 0]]),
            ("full", &[&[0, 1, 0, 0], &[0, 3, 0xf0, 0x0f], &[0, 0, 8], &[3, 0], &[8, 0, 1]]),
            ("each", &[&[0, 1, 0, 0], OUTPUT, OUTPUT, OUTPUT, &[0x28, 0, 2], &[0x28, 0, 9], &[13]]),
            // A long run of one length, then others: the comparing loop takes up again.
            ("each-long-run", &[&[0, 1, 0, 0], &OUTPUTS, LONGER, LONGER, OUTPUT, &[0x28, 0, 99]]),
            ("each-breaks-at-another", &[&[0, 1, 0, 0], OUTPUT, LONGER, OUTPUT, &[0x28, 0, 2]]),
            ("hold-back-no-more", &[&[0, 1, 0, 0], HOLD, OUTPUT, READ_ALL, &[12, 0, 0], READ_ALL]),
            ("restart", &[&[0, 0, 0, 8], &[6, 0, 8], &[12, 0, 99], &[8, 0, 9], &[0x2f], &[0x0f]]),
        ],
        _ => &[
            ("empty", &[]),
            ("one-sample", &[&[2, 1, 0, 0], &[0, 0, 9], &[2, 0, 2], &[7, 0, 8], &[2, 0, 0]]),
            ("discarded-and-busy", &[&[2, 1, 0, 0], &[0, 0, 9], &[2, 0, 2], &[4, 0, 8]]),
            ("too-big", &[&[31, 1, 0, 0], &[0, 0, 9], &[2], &wide(1 << 24), &[7], &wide(1 << 24)]),
            ("misaligned", &[&[2, 1, 0, 0], &[4, 0, 9], &[2, 0, 15]]),
        ],
    };
    let by_hand = by_hand.iter().map(|(name, parts)| (format!("seed-{name}"), parts.concat()));
    let by_chance = (1..=8).map(|number| (format!("seed-chance-{number}"), chance(number)));
    by_hand.chain(by_chance).collect()
}

/// A record of 8 bytes, what stands where no header is, and so on: a number and
/// the flags.
const PLAIN: &[u8] = &[0, 8, 0];
const GAP: &[u8] = &[0, 0, 0];
const DISCARDED: &[u8] = &[0, 8, 0x40];
const BUSY: &[u8] = &[0, 8, 0x80];
const ZERO: &[u8] = &[0, 0];
/// An unbounded batch.
const READ: &[u8] = &[0, 2, 0, 0];
/// A `for_each` that breaks after a hundred records.
const EACH: &[u8] = &[7, 0, 99];
/// A record of 8 bytes; one of 16.
const OUTPUT: &[u8] = &[6, 0, 8];
const LONGER: &[u8] = &[6, 0, 16];
/// Ten records of 8 bytes.
const OUTPUTS: [u8; 30] = {
    let mut all = [0; 30];
    let mut at = 0;
    while at < all.len() {
        all[at] = OUTPUT[at % 3];
        at += 1;
    }
    all
};
/// Holding back 99 bytes; a batch.
const HOLD: &[u8] = &[12, 0, 99];
const READ_ALL: &[u8] = &[8, 0, 9];
/// Five records of one length.
const RUN: [u8; 30] = {
    let mut all = [0; 30];
    let mut at = 1;
    while at < all.len() {
        all[at] = 8;
        at += 6;
    }
    all
};
/// A discarded record of 8 bytes, twice; the producer another 16 bytes on.
const FLOOD: [u8; 72] = {
    let lap = [2, 0, 0, 2, 0, 0, 1, 0, 2];
    let mut all = [0; 72];
    let mut at = 0;
    while at < all.len() {
        all[at] = lap[at % lap.len()];
        at += 1;
    }
    all
};

/// A number of one byte.
const fn small(value: u8) -> [u8; 2] {
    [0, value]
}

/// A number of eight bytes.
const fn wide(value: u64) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    [6, a, b, c, d, e, f, g, h]
}

/// Many bytes, small ones mostly.
fn chance(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::new();
    for _ in 0..64 * number {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [byte, how, ..] = state.to_le_bytes();
        bytes.push(if how % 2 == 0 { byte % 16 } else { byte });
    }
    bytes
}
