//! Replays the seeds and the findings of the fuzzer, on any compiler.
//!
//! `RINGBUF_BLESS=1 cargo test -p ringbuf-fuzz --test corpus` writes the seeds
//! again. Add findings of the fuzzer by hand.

mod btf_seeds;
#[path = "corpus/capture.rs"]
mod capture;

use std::fs;
use std::path::PathBuf;

use ringbuf_fuzz::TARGETS;

/// A corpus in the repository is a starting point, not an archive.
const MOST_FILES: usize = 25 * TARGETS.len();
const MOST_BYTES: usize = 200_000;

fn folder(target: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "corpus", target].iter().collect()
}

/// Returns every file of a corpus: its name and its bytes. Writes the seeds first
/// if requested.
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

/// Without a corpus: bytes from a fixed sequence.
#[test]
fn an_observer_survives_any_bytes() {
    for number in 1..=200 {
        let bytes = chance(number);
        ringbuf_fuzz::inspect(&bytes[..bytes.len().min(4000)]);
    }
}

/// Without a corpus: bytes from a fixed sequence.
#[test]
fn a_producer_does_what_its_model_says_for_any_bytes() {
    for number in 1..=100 {
        let bytes = chance(number);
        ringbuf_fuzz::user_ops(&bytes[..bytes.len().min(1000)]);
    }
}

/// The same, of a reader of copies.
#[test]
fn a_reader_of_copies_takes_any_bytes() {
    for number in 1..=100 {
        let bytes = chance(number);
        ringbuf_fuzz::overwrite(&bytes[..bytes.len().min(2000)]);
    }
}

/// The same, of a merge.
#[test]
fn a_merge_takes_any_bytes() {
    for number in 1..=300 {
        let bytes = chance(number);
        ringbuf_fuzz::merge(&bytes[..bytes.len().min(2000)]);
    }
}

/// The same, of readers that take turns.
#[test]
fn readers_of_pages_take_any_bytes() {
    for number in 1..=400 {
        let bytes = chance(number);
        ringbuf_fuzz::page_reader(&bytes[..bytes.len().min(2000)]);
    }
}

#[test]
fn the_corpora_are_small() {
    let all: Vec<_> = TARGETS.iter().flat_map(|(target, _)| corpus(target)).collect();
    let bytes: usize = all.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(all.len() <= MOST_FILES && bytes < MOST_BYTES, "{} files, {bytes} bytes", all.len());
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

/// Short inputs with a purpose, each with a name, and some random ones.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    if target == "btf" {
        return btf_seeds::seeds();
    }
    if target == "capture" {
        return capture::seeds();
    }
    let by_hand: &[(&str, &[&[u8]])] = match target {
        "header" => &[
            ("empty", &[]),
            ("three-records", &[ZERO, &small(6), PLAIN, GAP, PLAIN, GAP, PLAIN, GAP]),
            ("discarded", &[ZERO, &small(6), DISCARDED, GAP, PLAIN, GAP, DISCARDED, GAP]),
            ("busy", &[ZERO, &small(4), PLAIN, GAP, BUSY, GAP]),
            ("empty-samples", &[ZERO, &small(3), GAP, GAP, GAP]),
            ("too-long", &[ZERO, &small(2), &wide(0x3fff_ffff), &[0]]),
            ("misaligned", &[ZERO, &small(13), PLAIN]),
            ("over-a-lap", &[ZERO, &wide(520), PLAIN]),
            ("the-last-eight-bytes", &[ZERO, &wide(512), PLAIN]),
            ("a-run", &[ZERO, &small(10), &RUN]),
            ("a-run-broken", &[ZERO, &small(12), &RUN, DISCARDED, GAP]),
            ("a-lap", &[ZERO, &wide(511), &wide(4080), &[0]]),
            ("one-by-one", &[&small(3), &small(6), PLAIN, GAP, DISCARDED, GAP, PLAIN, GAP]),
            ("one-by-one-busy", &[&small(3), &small(4), PLAIN, GAP, BUSY, GAP]),
            ("drain", &[&small(2), &small(6), PLAIN, GAP, DISCARDED, GAP, PLAIN, GAP]),
            ("drain-busy", &[&small(2), &small(4), PLAIN, GAP, BUSY, GAP]),
            ("drain-too-long", &[&small(2), &small(2), &wide(0x3fff_ffff), &[0]]),
            ("positions-wrap", &[&wide((u64::MAX >> 3) - 1), &small(4), PLAIN, GAP, PLAIN, GAP]),
        ],
        "hostile" => &[
            ("empty", &[]),
            // 64 bytes; 64-bit positions from 0; the producer at 32; two records,
            // and a look at the next one.
            ("two-records", &[&[2, 1, 0, 0], &[2, 0, 4], READ, &[7, 0, 8], &[7, 0, 8], &[2, 0, 4]]),
            // 16 bytes. Each look finds a discarded record in all of them.
            ("discards-without-end", &[&[0, 1, 0, 0, 2, 0, 1], READ, &FLOOD]),
            ("busy", &[&[2, 1, 0, 0], &[2, 0, 4], READ, &[1, 0, 8], &[9]]),
            ("too-long", &[&[2, 1, 0, 0], &[2, 0, 4], READ, &[7], &wide(64)]),
            // Two records by callback, which does not break; then a look.
            ("each", &[&[2, 1, 0, 0], &[2, 0, 4], EACH, &[7, 0, 8], &[7, 0, 8], &END, &[10]]),
            ("each-broken-off", &[&[2, 1, 0, 0], &[2, 0, 4], &[7, 0, 0], &[7, 0, 8], EACH]),
            ("each-finds-discards", &[&[0, 1, 0, 0, 2, 0, 1], EACH, &FLOOD]),
            // 16 bytes, filled again during the read.
            (
                "each-whole-ring",
                &[&[0, 1, 0, 0, 2, 0, 1], EACH, NOTHING, &[0, 2, 0, 1], NOTHING, &[0]],
            ),
            ("each-too-long", &[&[2, 1, 0, 0], &[2, 0, 4], EACH, &[7, 0, 8], &[7], &wide(64)]),
            ("misaligned", &[&[2, 1, 0, 0], &[2, 0, 15]]),
            ("one-by-one", &[&[2, 1, 0, 0], &[2, 0, 4], &[6, 0, 9], &[7, 0, 8, 0, 7, 0, 8], &END]),
            // Busy, but committed at each look of `arm`.
            ("each-flips", &[&[2, 1, 0, 0], &[2, 0, 4], EACH, &FLIP]),
            ("one-by-one-flips", &[&[2, 1, 0, 0], &[2, 0, 4], &[6, 0, 0], &FLIP]),
            // Empty, but arming finds a record.
            ("one-by-one-more", &[&[2, 1, 0, 0], &[2, 0, 0], &[6, 0, 0], &MORE, &[7, 0, 8]]),
            ("hold-back", &[&[2, 1, 0, 0], &[2, 0, 4], &[14, 0, 8], EACH, &[7, 0, 8], &[7, 0, 8]]),
            ("finish", &[&[2, 1, 0, 0], &[2, 0, 4], &[0, 10, 0, 0], &[7, 0, 8], &[7, 0, 8], &END]),
            // The ring belongs to another process for nine calls of `is_owned`.
            // Bytes of headers then decide calls.
            ("put-back", &[&[2, 1, 0, 0], &[2, 0, 4], &[0, 0xe2, 0, 0], &[7, 0, 8, 7, 0, 8], &END]),
            ("forked", &[&[2, 1, 0, 0], &[2, 0, 4], &[5, 0, 9], READ, &[7, 0, 8], &[13, 9, 6, 0]]),
            // Another process has moved the consumer position.
            ("moved", &[&[2, 1, 0, 0], &[2, 0, 2], READ, &[7, 0, 8], &[2, 0, 2], MOVED, READ]),
            ("moved-in-each", &[&[2, 1, 0, 0], &[2, 0, 2], EACH, &[7, 0, 8], MOVED, READ]),
            ("moved-on", &[&[2, 1, 0, 0], &[2, 0, 0], READ, &[2, 0, 9], MOVED, &[12]]),
        ],
        // 128 bytes; 64-bit positions from 0. Most of the corpus is from a fixed sequence.
        "inspect" => &[("empty", &[]), ("nothing-moves", &[&[3, 1, 0, 0], &[0; 40]])],
        // Look-ahead 2, no lateness. Rings (8) of 64 bytes, 64-bit positions from 0; rounds (0).
        "merge" => &[("empty", &[]), ("one-ring", &[&[1, 0, 0, 8], &[2, 1, 0, 0, 0], &[0; 40]])],
        "ops" => &[
            ("empty", &[]),
            ("output-read", &[&[0, 1, 0, 0], &[6, 0, 8], &[6, 0, 0], &[8, 0, 9], &[13]]),
            ("out-of-order", &[&[0, 1, 0, 0], &[0, 0, 8, 0, 0, 8], &[3, 1], &[8, 0, 9], &[3, 0]]),
            ("full", &[&[0, 1, 0, 0], &[0, 3, 0xf0, 0x0f], &[0, 0, 8], &[3, 0], &[8, 0, 1]]),
            ("each", &[&[0, 1, 0, 0], OUTPUT, OUTPUT, OUTPUT, &[0x28, 0, 2], &[0x28, 0, 9], &[13]]),
            // A long run of one length, then others. The comparing loop starts
            // again.
            ("each-long-run", &[&[0, 1, 0, 0], &OUTPUTS, LONGER, LONGER, OUTPUT, &[0x28, 0, 99]]),
            ("each-breaks-at-another", &[&[0, 1, 0, 0], OUTPUT, LONGER, OUTPUT, &[0x28, 0, 2]]),
            ("hold-back-no-more", &[&[0, 1, 0, 0], HOLD, OUTPUT, READ_ALL, &[0x2c], READ_ALL]),
            ("hold-back-each", &[&[0, 1, 0, 0], HOLD, &OUTPUTS, EACH_ALL, OUTPUT, EACH_ALL]),
            ("hold-back-a-run", &[&[0, 1, 0, 0], HOLD, OUTPUT, OUTPUT, OUTPUT, EACH_ALL]),
            ("hold-back-over-an-eighth", &[&[0, 1, 0, 0], HOLD, LONG, READ_ALL, OUTPUT, READ_ALL]),
            ("empty-looks", &[&[0, 1, 0, 0], HOLD, OUTPUT, OUTPUT, READ_ALL, &[0x2d, 0, 70]]),
            ("finish", &[&[0, 1, 0, 0], HOLD, OUTPUT, OUTPUT, &[0x29, 0, 9], &[0, 0, 8]]),
            ("one-by-one", &[&[0, 1, 0, 0], OUTPUT, OUTPUT, &[0x2b, 0, 1], &[0x2b, 0, 9], &[13]]),
            ("put-back", &[&[0, 1, 0, 0], HOLD, &OUTPUTS, PUT_BACK, PUT_BACK, READ_ALL, OUTPUT]),
            ("put-back-discards", &[&[0, 1, 0, 0], OUTPUT, &[0, 0, 8, 5, 0], PUT_BACK, READ_ALL]),
            ("put-back-nothing", &[&[0, 1, 0, 0], PUT_BACK, OUTPUT, &[0xcb, 0, 1, 0, 1]]),
            ("read-into", &[&[0, 1, 0, 0], OUTPUT, LONGER, OUTPUT, &[0xeb, 0, 9, 0, 9], &[13]]),
            ("restart", &[&[0, 0, 0, 8], &[6, 0, 8], &[12, 0, 99], &[8, 0, 9], &[0x2f], &[0x0f]]),
        ],
        // A page; from 0; a producer for one thread. The operations: 0 reserves, 4 submits,
        // 6 discards, 7 submits all, 9 drains, 12 a batch (44: dropped), 13 dies, 14 looks.
        "user_ops" => &[
            ("empty", &[]),
            ("reserve-submit-drain", &[ONE, &[0, 0, 8, 4, 0, 9]]),
            ("reverse-order", &[ONE, &[0, 0, 8, 0, 0, 9, 0, 0, 10, 4, 2, 9, 6, 1, 9, 4, 0, 9]]),
            ("full", &[ONE, &[0, 3, 0xf8, 0x0f, 0, 0, 0, 14, 0, 0, 4, 0, 9, 14, 0, 0]]),
            (
                "too-large",
                &[ONE, &[0, 3, 0xf9, 0x0f, 0, 5, 255, 255, 255, 255, 7, 1, 3, 0xf9, 0x0f]],
            ),
            ("all", &[ONE, &[7, 3, 0, 1, 0, 0, 0, 99, 9, 7, 5, 3, 0, 8, 3, 0, 7, 0, 1, 9, 9]]),
            ("all-full", &[ONE, &[7, 2, 3, 0xf8, 0x0f, 0, 1, 7, 1, 0, 1, 9]]),
            ("batch", &[ONE, &[12, 3, 0, 8, 0, 0, 0, 99, 9]]),
            ("batch-dropped", &[ONE, &[0, 0, 8, 44, 3, 0, 8, 0, 0, 0, 99, 0, 0, 5, 4, 0, 9]]),
            ("batch-full", &[ONE, &[12, 3, 3, 0xf8, 0x0f, 0, 0, 0, 1, 9, 12, 1, 0, 8]]),
            // The free space of a batch is loaded again, by its second push.
            ("batch-looks-again", &[ONE, &[7, 1, 3, 0, 8, 12, 4, 3, 0, 4, 3, 0, 3, 0, 200, 0, 9]]),
            ("dies-open", &[ONE, &[0, 0, 8, 0, 0, 9, 4, 1, 0, 0, 3, 13, 0, 9]]),
            ("dies-open-shared", &[&[0, 2, 1], &[0, 0, 8, 0, 0, 9, 4, 1, 13, 1, 0, 0, 4, 4, 0, 9]]),
            ("stops-and-flags", &[ONE, &[7, 3, 0, 1, 0, 2, 0, 3, 25, 0, 1, 73, 105, 137, 9]]),
            (
                "past-2-to-32",
                &[&[0, 1, 0, 2, 0], &[0, 0, 8, 0, 0, 30, 4, 1, 4, 0, 9, 12, 1, 0, 8, 9]],
            ),
        ],
        // 64 bytes; 64-bit positions from 0; producers have stopped. The operations: buffer and
        // kind, then ownership, positions and headers as they are loaded.
        "overwrite" => &[
            ("empty", &[]),
            ("one-record", &[&[2, 1, 0, 0, 0], AHEAD, &[1, 4, 9, 5, 1], &[7, 0, 8, 1, 0, 4]]),
            ("busy", &[&[2, 1, 0, 0, 0], AHEAD, &[1, 4, 9, 5, 1], &[0, 0, 8, 1, 4]]),
            ("overtaken", &[&[2, 1, 0, 0, 0], AHEAD, &[1, 0, 9, 5, 1], &[7, 0, 8, 1, 0], AHEAD]),
            ("snapshot", &[&[2, 1, 0, 0, 0], AHEAD, &[1, 4, 9, 0, 1], AHEAD, &[1, 4], &OVER]),
            ("newest", &[&[2, 1, 0, 0, 0], AHEAD, &[1, 4, 9, 1, 1], AHEAD, &[1, 4, 9], &OVER]),
        ],
        // 64 bytes; 64-bit positions from 0. The operations: 2 visits with a handle, and in a
        // visit 0 finds, 6 passes, 11 arms, 12 visits within, 13 abandons, 14 holds back, 15 ends.
        "page_reader" => &[
            ("empty", &[]),
            ("two-records", &[VISIT, FOUND, PASS, &[0, 7, 0, 8], PASS, &[0, 2, 0, 2, 11, 2, 0, 2]]),
            ("within", &[VISIT, FOUND, &[12, 1, 0], FOUND, PASS, &[15, 6, 0, 0], FOUND, PASS]),
            ("within-itself", &[VISIT, FOUND, &[12, 0, 0], FOUND, PASS, &[14, 6, 0], FOUND, PASS]),
            ("held-back", &[VISIT, &[0, 2, 0, 1, 7, 0, 0], PASS, &[14, 2, 0, 0], &[0, 2, 0, 1]]),
            ("abandoned", &[VISIT, FOUND, PASS, &[13, 2, 1, 0], FOUND, PASS, &[15]]),
            ("moved", &[VISIT, FOUND, &[6, 0xf0, 0, 1, 0], FOUND, PASS]),
            ("misaligned", &[VISIT, FOUND, &[6, 0xf0, 0, 15, 0, 0, 11]]),
            ("no-longer-ours", &[VISIT, FOUND, PASS, &[15, 1, 3, 2, 0, 0, 0, 15, 2, 0, 0], FOUND]),
            // Found, then no longer there.
            ("taken-back", &[VISIT, FOUND, &[0, 2, 0, 8, 1, 0, 8], PASS, &[11]]),
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

/// The producer position is 32 bytes ahead.
const AHEAD: &[u8] = &[1, 0, 4, 0];
/// Records of 8 bytes, whole, and what is loaded with them.
const OVER: [u8; 60] = {
    let record = [7, 0, 8, 9, 1, 4];
    let mut all = [0; 60];
    let mut at = 0;
    while at < all.len() {
        all[at] = record[at % record.len()];
        at += 1;
    }
    all
};
/// 64 bytes, 64-bit positions from 0; a visit of the first handle.
const VISIT: &[u8] = &[2, 1, 0, 0, 2, 0, 0];
/// It finds a record of 8 bytes, and 16 bytes behind it.
const FOUND: &[u8] = &[0, 2, 0, 4, 7, 0, 8];
/// It passes the record. Nobody has moved the position.
const PASS: &[u8] = &[6, 0];
/// A page, positions from 0, and a producer for one thread.
const ONE: &[u8] = &[0, 2, 0];
/// A record of 8 bytes, the word where no header is, and so on: a number and the
/// flags.
const PLAIN: &[u8] = &[0, 8, 0];
const GAP: &[u8] = &[0, 0, 0];
const DISCARDED: &[u8] = &[0, 8, 0x40];
const BUSY: &[u8] = &[0, 8, 0x80];
const ZERO: &[u8] = &[0, 0];
/// An unbounded batch.
const READ: &[u8] = &[0, 2, 0, 0];
/// A `for_each` that breaks after a hundred records.
const EACH: &[u8] = &[7, 0, 99];
/// A record of no bytes.
const NOTHING: &[u8] = &[7, 0, 0];
/// The stored position has not changed, everything is read, and arming agrees.
const END: [u8; 8] = [0, 2, 0, 0, 0, 2, 0, 0];
/// The ring is empty; the stored position has not changed; 16 bytes arrive.
const MORE: [u8; 10] = [2, 0, 0, 0, 2, 0, 2, 7, 0, 8];
/// The stored position is eight bytes ahead.
const MOVED: &[u8] = &[0xff, 0, 8];
/// A record of 8 bytes; one of 16; one of 1024.
const OUTPUT: &[u8] = &[6, 0, 8];
const LONGER: &[u8] = &[6, 0, 16];
const LONG: &[u8] = &[6, 3, 0, 4];
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
/// Holding back 99 bytes; a batch; a `for_each`.
const HOLD: &[u8] = &[12, 0, 99];
const READ_ALL: &[u8] = &[8, 0, 9];
const EACH_ALL: &[u8] = &[0x28, 0, 99];
/// A batch without a limit of which the last record, the ninth at most, is put back and
/// read again.
const PUT_BACK: &[u8] = &[0xcb, 0, 9, 6, 255, 255, 255, 255, 255, 255, 255, 255];
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
/// A discarded record of 8 bytes; the producer 8 bytes further.
const FLOOD: [u8; 72] = {
    let lap = [2, 0, 0, 1, 0, 1];
    let mut all = [0; 72];
    let mut at = 0;
    while at < all.len() {
        all[at] = lap[at % lap.len()];
        at += 1;
    }
    all
};

/// A busy header, the unchanged stored position, then the committed header.
const FLIP: [u8; 210] = {
    let flip = [1, 0, 8, 0, 7, 0, 8];
    let mut all = [0; 210];
    let mut at = 0;
    while at < all.len() {
        all[at] = flip[at % flip.len()];
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

/// Many bytes, mostly small.
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
