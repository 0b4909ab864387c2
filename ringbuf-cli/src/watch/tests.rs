//! Rows from looks that are made up.

use std::time::Duration;

use proptest::prelude::*;
use ringbuf_kernel::{Position, RingKind, Width};
use serde_json::Value;

use super::look::{
    AtHead, Head, Look, LookedBy, LossSource, Lost, Passed, Process, ProcessState, ProgramName,
    Seen, Users,
};
use super::model::Watch;
use super::row::{How, Row};
use super::state::State;

const SIZE: u64 = 65536;

/// A ring with one reader, one program and nothing in it.
fn ring(consumer: u64, producer: u64) -> Seen {
    let at = |position| Position::new(position, Width::Bits64);
    let fill = producer - consumer;
    let head = if fill == 0 { Head::Free } else { Head::Committed(record(consumer, fill)) };
    Seen {
        id: 57,
        name: "events".to_owned(),
        kind: RingKind::Ring,
        overwrite: false,
        capacity: SIZE,
        width: Width::Bits64,
        consumer: at(consumer),
        producer: at(producer),
        pending: None,
        fill: Some(fill),
        head: Some(head),
        corrupt: false,
        passed: None,
        lost: None,
        users: Users {
            writers: Some(vec![reader(812)]),
            programs: Some(vec![ProgramName { id: 12, name: "on_exec".to_owned() }]),
            pins: Some(Vec::new()),
            holders: Some(Vec::new()),
        },
        looked_by: LookedBy::Ids,
        info: None,
    }
}

/// A record of 8 bytes at a position.
fn record(position: u64, fill: u64) -> AtHead {
    let position = Position::new(position, Width::Bits64);
    AtHead { position, len: 8, behind: fill - 16 }
}

fn reader(pid: u32) -> Process {
    let state = Some(ProcessState::Sleeping);
    Process { pid, comm: "agent".to_owned(), waiting: Some(true), state }
}

fn busy(mut seen: Seen) -> Seen {
    let fill = seen.fill.expect("known");
    seen.head = Some(Head::Busy(record(seen.consumer.get(), fill)));
    seen
}

/// The rows of one ring, seen at these milliseconds.
fn rows(looks: impl IntoIterator<Item = (u64, Seen)>) -> Vec<Row> {
    let mut watch = Watch::default();
    let take = |(ms, seen): (u64, Seen)| {
        let at = Duration::from_millis(ms);
        let mut rows = watch.take(&Look { at, time_ns: ms * 1_000_000, rings: vec![seen] });
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    };
    looks.into_iter().map(take).collect()
}

fn states_of(looks: impl IntoIterator<Item = (u64, Seen)>) -> Vec<State> {
    rows(looks).iter().map(|row| row.state).collect()
}

#[test]
fn rates_come_from_two_looks_and_their_times() {
    let told = rows([(0, ring(0, 0)), (500, ring(1000, 5000)), (30_500, ring(5000, 35_000))]);
    assert_eq!((told[0].in_bps, told[0].out_bps, told[0].records.per_s), (None, None, None));
    assert_eq!((told[1].in_bps, told[1].out_bps), (Some(10_000), Some(2000)));
    // A look that comes late divides by the time that has passed.
    assert_eq!((told[2].in_bps, told[2].out_bps), (Some(1000), Some(133)));
    assert_eq!(told[2].fill_max_bytes, Some(30_000));
    assert!((told[2].watched_s - 30.5).abs() < 1e-9);
    // Two looks at one time tell no rate.
    let same = rows([(7, ring(0, 0)), (7, ring(0, 5000))]);
    assert_eq!((same[1].in_bps, same[1].fill_bytes), (None, Some(5000)));
}

#[test]
fn a_head_is_stuck_when_it_stays_busy() {
    let (head, free) = (busy(ring(16, 4096)), ring(16, 4096));
    let looks =
        [(0, head.clone()), (99, head.clone()), (100, head.clone()), (150, free), (200, head)];
    use State::{Ok, StuckHead};
    assert_eq!(states_of(looks.clone()), [Ok, Ok, StuckHead, Ok, Ok]);
    let told = rows(looks);
    assert_eq!((told[2].head.busy, told[2].head.age_s), (Some(true), Some(0.1)));
    assert_eq!((told[2].head.len, told[2].head.behind_bytes), (Some(8), Some(4064)));
    assert_eq!((told[3].head.busy, told[3].head.age_s), (Some(false), None));
    // The next record is another one.
    let next = busy(ring(32, 4096));
    assert_eq!(states_of([(0, busy(ring(16, 4096))), (500, next)]), [Ok, Ok]);
}

#[test]
fn a_reader_hangs_when_it_leaves_a_committed_record_alone() {
    use State::{Ok, ReaderHung};
    let (pending, more) = (ring(0, 160), ring(0, 320));
    let looks = [(0, pending.clone()), (999, more.clone()), (1000, more.clone())];
    assert_eq!(states_of(looks), [Ok, Ok, ReaderHung]);
    // It moves again, and time counts from there.
    let (moved, again) = (ring(16, 320), ring(16, 480));
    let looks = [(0, pending.clone()), (1500, more), (2000, moved), (2900, again)];
    assert_eq!(states_of(looks.clone()), [Ok, ReaderHung, Ok, Ok]);
    assert_eq!(rows(looks)[3].unread_s, Some(0.9));
    // While nothing comes, a reader may hold back what it has read, unless it needs the space.
    assert_eq!(states_of([(0, pending.clone()), (9000, pending)]), [Ok, Ok]);
    let near = ring(0, SIZE / 10 * 8 + 8);
    assert_eq!(states_of([(0, near.clone()), (1000, near)]), [State::NearFull, ReaderHung]);
    // Nothing to read: it may sleep as long as it likes.
    assert_eq!(states_of([(0, ring(64, 64)), (9000, ring(64, 64))]), [Ok, Ok]);
    // A busy record cannot be read.
    let looks = [(0, busy(ring(0, 160))), (2000, busy(ring(0, 160))), (2001, ring(0, 160))];
    assert_eq!(states_of(looks), [Ok, State::StuckHead, Ok]);
}

#[test]
fn a_stopped_reader_hangs_at_once() {
    for (state, hangs) in [
        (ProcessState::Stopped, true),
        (ProcessState::Traced, true),
        (ProcessState::Zombie, true),
        (ProcessState::Sleeping, false),
        (ProcessState::Blocked, false),
    ] {
        let stopped = |mut seen: Seen| {
            let process = Process { state: Some(state), ..reader(812) };
            seen.users.writers = Some(vec![process]);
            seen
        };
        let told = states_of([(0, stopped(ring(0, 160))), (10, stopped(ring(0, 160)))]);
        assert_eq!(told[1] == State::ReaderHung, hangs, "{state:?}");
        let empty = states_of([(0, stopped(ring(0, 0))), (5000, stopped(ring(0, 0)))]);
        assert_eq!(empty[1], State::Ok, "nothing to read");
    }
}

#[test]
fn readers_and_programs_are_counted_if_they_are_known() {
    let with = |writers: Option<Vec<Process>>, programs| {
        let mut seen = ring(0, 0);
        seen.users.writers = writers;
        seen.users.programs = programs;
        rows([(0, seen)]).remove(0).states
    };
    let program = vec![ProgramName { id: 1, name: String::new() }];
    let one = Some(vec![reader(1)]);
    assert_eq!(with(one.clone(), Some(program.clone())), [State::Ok]);
    assert_eq!(with(Some(vec![]), Some(program.clone())), [State::NoReader]);
    let two = vec![reader(1), reader(2)];
    assert_eq!(with(Some(two), Some(program.clone())), [State::TwoReaders]);
    assert_eq!(with(one, Some(vec![])), [State::NoProgram]);
    assert_eq!(with(Some(vec![]), Some(vec![])), [State::NoReader, State::NoProgram]);
    assert_eq!(with(None, None), [State::Ok], "nothing is claimed");
    // A position that moves is moved by somebody.
    let none = |mut seen: Seen| {
        seen.users.writers = Some(vec![]);
        seen
    };
    let told =
        rows([(0, none(ring(0, 160))), (100, none(ring(160, 160))), (200, none(ring(160, 160)))]);
    assert_eq!((told[0].state, told[1].state), (State::NoReader, State::Ok));
    assert!(told[1].readers.is_none());
    assert_eq!(told[2].state, State::NoReader);
}

#[test]
fn a_ring_is_full_when_the_next_record_finds_no_room() {
    let of = |fill| rows([(0, ring(0, fill))]).remove(0).state;
    assert_eq!(of(SIZE / 10 * 8), State::Ok);
    assert_eq!(of(SIZE / 10 * 8 + 8), State::NearFull);
    assert_eq!(of(SIZE - 8 - SIZE / 64), State::NearFull);
    assert_eq!(of(SIZE - SIZE / 64), State::Full);
    // The record at the head is large.
    let mut large = ring(0, SIZE / 2 + 8);
    let head = AtHead { len: SIZE as u32 / 2, behind: 0, ..record(0, SIZE) };
    large.head = Some(Head::Committed(head));
    assert_eq!(rows([(0, large)]).remove(0).state, State::Full);
    let told = rows([(0, ring(0, 60_000)), (300, ring(0, 60_000)), (400, ring(60_000, 60_000))]);
    assert_eq!(told[2].near_full_s, Some(0.3), "at both ends of the time");
}

#[test]
fn the_most_severe_state_is_the_first() {
    let mut worst = busy(ring(0, SIZE - 8));
    (worst.users.writers, worst.users.programs) = (Some(vec![]), Some(vec![]));
    let told = rows([(0, worst.clone()), (100, worst)]).remove(1);
    let want = [State::StuckHead, State::NoReader, State::Full, State::NoProgram];
    assert_eq!(told.states, want);
    assert_eq!(told.state, State::StuckHead);
    assert!(State::ALL.is_sorted());
}

#[test]
fn records_are_exact_if_all_headers_were_walked() {
    let passed = |records, discarded, bytes, mut seen: Seen| {
        seen.passed = Some(Passed { records, discarded, bytes });
        seen
    };
    let looks = [
        (0, ring(0, 0)),
        (1000, passed(100, 10, 1600, ring(1600, 1600))),
        (2000, passed(50, 0, 800, ring(3200, 3200))),
        (3000, ring(4800, 4800)),
        (4000, ring(4800, 4800)),
    ];
    let told = rows(looks);
    let records = |row: &Row| (row.records.per_s, row.records.how);
    assert_eq!(records(&told[1]), (Some(100.0), Some(How::Exact)));
    assert_eq!(records(&told[2]), (Some(100.0), Some(How::Sampled)));
    assert_eq!(records(&told[3]), (None, None), "they came, and nobody walked");
    assert_eq!(records(&told[4]), (Some(0.0), Some(How::Exact)), "nothing came");
    assert_eq!((told[0].discard_ratio, told[1].discard_ratio), (None, Some(0.1)));
    assert_eq!(told[2].discard_ratio, Some(0.0667));
}

#[test]
fn losses_name_their_source() {
    let lost = |records, source, mut seen: Seen| {
        seen.lost = Some(Lost { records, bytes: Some(16 * records), source });
        seen
    };
    let told = rows([
        (0, ring(0, 0)),
        (1000, lost(7, LossSource::Program, ring(0, 0))),
        (2000, lost(19, LossSource::Program, ring(0, 0))),
        (3000, lost(4, LossSource::Attach, ring(0, 0))),
        (4000, lost(2, LossSource::Attach, ring(0, 0))),
    ]);
    let loss = |row: &Row| (row.loss.records, row.loss.per_s, row.loss.source);
    assert_eq!(loss(&told[0]), (None, None, LossSource::Inferred));
    assert_eq!(loss(&told[1]), (Some(7), None, LossSource::Program));
    assert_eq!(loss(&told[2]), (Some(19), Some(12.0), LossSource::Program));
    assert_eq!(loss(&told[3]), (Some(4), None, LossSource::Attach), "another counter");
    assert_eq!(loss(&told[4]), (Some(2), None, LossSource::Attach), "it began anew");
    assert_eq!(told[2].loss.bytes, Some(304));
    let mut overwrites = ring(0, 0);
    (overwrites.overwrite, overwrites.fill, overwrites.head) = (true, None, None);
    assert_eq!(rows([(0, overwrites)])[0].loss.source, LossSource::None);
}

#[test]
fn positions_of_32_bits_wrap() {
    let narrow = |consumer: u64, producer: u64| {
        let at = |position| Position::new(position, Width::Bits32);
        let mut seen = ring(0, 0);
        (seen.width, seen.consumer, seen.producer) = (Width::Bits32, at(consumer), at(producer));
        seen
    };
    let end = 1 << 32;
    let told = rows([(0, narrow(end - 64, end - 32)), (1000, narrow(end - 32, end + 96))]);
    assert_eq!((told[1].in_bps, told[1].out_bps), (Some(128), Some(32)));
}

#[test]
fn another_ring_with_the_same_id_begins_anew() {
    let first = ring(0, 60_000);
    let mut named = ring(60_000, 60_000);
    named.name = "other".to_owned();
    let mut larger = ring(60_000, 60_000);
    larger.capacity *= 2;
    for second in [ring(0, 16), named, larger] {
        let told = rows([(0, first.clone()), (1000, second.clone()), (3000, second)]);
        assert_eq!((told[1].in_bps, told[1].watched_s), (None, 0.0));
        assert!(told[2].fill_max_bytes < Some(100) && told[2].watched_s >= 2.0);
    }
    // A ring that was gone for a while, too.
    let mut watch = Watch::default();
    let mut look = |ms, rings| {
        let at = Duration::from_millis(ms);
        watch.take(&Look { at, time_ns: 0, rings })
    };
    look(0, vec![ring(0, 0)]);
    assert!(look(1000, vec![]).is_empty());
    assert_eq!(look(2000, vec![ring(0, 64)])[0].in_bps, None);
}

#[test]
fn a_user_ring_has_producers() {
    let mut user = ring(0, 0);
    user.kind = RingKind::UserRing;
    user.users.writers = Some(vec![]);
    let row = rows([(0, user)]).remove(0);
    assert_eq!((row.kind, row.state), ("user_ringbuf", State::Ok));
    assert!(row.readers.is_none() && row.producers.is_some_and(|all| all.is_empty()));
    assert_eq!(row.loss.source, LossSource::None);
}

/// The keys of an object and of the objects in it, as `a` and `a.b`.
fn keys(value: &Value, before: &str, found: &mut Vec<String>) {
    let objects = value.as_array().into_iter().flatten().filter(|one| one.is_object());
    for object in objects.chain(value.is_object().then_some(value)) {
        for (key, inner) in object.as_object().into_iter().flatten() {
            found.push(format!("{before}{key}"));
            keys(inner, &format!("{before}{key}."), found);
        }
    }
}

/// docs/inspecting.md has each field, and no other.
#[test]
fn each_field_is_documented() {
    let mut seen = ring(0, 160);
    seen.users.holders = Some(vec![reader(1)]);
    let value = serde_json::to_value(rows([(0, seen)]).remove(0)).expect("plain fields");
    let mut written = Vec::new();
    keys(&value, "", &mut written);
    written.push("producers.pid".to_owned());
    // Outside the package, the document is not there.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/inspecting.md");
    let Ok(book) = std::fs::read_to_string(path) else { return };
    let table = book.split_once("## JSON, schema 1").expect("the chapter").1;
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let mut documented = Vec::new();
    for (names, meaning) in rows {
        let names: Vec<&str> =
            names.split('`').filter(|name| !name.trim_matches([',', ' ']).is_empty()).collect();
        documented.extend(names.iter().map(|name| (*name).to_owned()));
        if names.contains(&"state") {
            for state in State::ALL {
                let name = serde_json::to_string(&state).expect("a word").replace('"', "`");
                assert!(meaning.contains(&name), "{name} is not documented");
            }
        }
    }
    for field in &written {
        let inner = field.rsplit('.').next().expect("a name");
        let group = field.split_once('.').map(|(group, _)| group);
        // All lists of processes have the same fields.
        let same =
            matches!(group, Some("producers" | "holders")).then(|| format!("readers.{inner}"));
        let is_documented = |name: &String| documented.contains(name);
        assert!(is_documented(field) || same.iter().any(is_documented), "{field}: document it");
    }
    for field in &documented {
        assert!(written.contains(field), "{field} is documented, and not written");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What is not known is `None`, and what follows from it, too, whatever else is seen.
    #[test]
    fn what_is_not_known_is_never_zero(
        looks in prop::collection::vec((0_u64..3000, 0_u64..9000, 0_u64..9000, any::<[bool; 6]>()), 1..12),
    ) {
        let (mut ms, mut consumer, mut watch) = (0, 0, Watch::default());
        for (step, ahead, fill, known) in looks {
            ms += step;
            consumer += ahead / 8 * 8;
            let mut seen = ring(consumer, consumer + (fill / 8 + 2) * 8);
            if !known[0] { seen.fill = None; }
            if !known[1] { seen.head = None; }
            if !known[2] { seen.users.writers = None; }
            if !known[3] { seen.users.programs = None; }
            if known[4] { seen.lost = Some(Lost { records: 3, bytes: None, source: LossSource::Program }); }
            if known[5] { seen.passed = Some(Passed { records: 2, discarded: 1, bytes: 32 }); }
            let at = Duration::from_millis(ms);
            let row = watch.take(&Look { at, time_ns: 1, rings: vec![seen.clone()] }).remove(0);
            prop_assert_eq!(row.fill_bytes.is_some(), known[0]);
            prop_assert_eq!(row.near_full_s.is_some(), known[0]);
            prop_assert_eq!(row.head.busy.is_some(), known[1]);
            prop_assert_eq!(row.unread_s.is_some(), known[1]);
            prop_assert_eq!(row.readers.is_some(), known[2]);
            prop_assert_eq!(row.programs.is_some(), known[3]);
            prop_assert_eq!(row.loss.records.is_some(), known[4]);
            prop_assert!(row.loss.bytes.is_none());
            prop_assert!(row.records.per_s.is_none() || row.records.how.is_some());
            prop_assert!(row.records.per_s != Some(0.0) || row.in_bps == Some(0));
            let readers = [State::NoReader, State::TwoReaders, State::ReaderHung];
            prop_assert!(known[2] || !row.states.iter().any(|state| readers.contains(state)));
            prop_assert!(known[3] || !row.states.contains(&State::NoProgram));
            prop_assert!(!row.states.is_empty());
            for rate in [row.in_bps, row.out_bps].into_iter().flatten() {
                prop_assert!(rate < 9_000_000_000, "{}", rate);
            }
            prop_assert_eq!(crate::format::to_json(&row).lines().count(), 1);
        }
    }
}
