//! Metrics of looks that are made up.

use clap::Parser;
use proptest::prelude::*;
use ringbuf_kernel::{Position, RingKind, Width};

use super::*;
use crate::cli::{Cli, Command};
use crate::watch::Sizes;
use crate::watch::made_up::{
    AtHead, Head, Look, LookedBy, LossSource, Lost, Passed, Process, Seen, Tallies, Users, Watch,
};

const SIZE: u64 = 65_536;

/// A ring of which everything is known.
fn ring(id: u32, consumer: u64, producer: u64) -> Seen {
    let at = |position| Position::new(position, Width::Bits64);
    let reader = Process { pid: 812, comm: "agent".to_owned(), waiting: None, state: None };
    Seen {
        id,
        name: "events".to_owned(),
        kind: RingKind::Ring,
        overwrite: false,
        capacity: SIZE,
        width: Width::Bits64,
        consumer: at(consumer),
        producer: at(producer),
        pending: None,
        fill: Some(producer - consumer),
        head: Some(Head::Free),
        corrupt: false,
        passed: Some(Passed { records: 10, discarded: 0, bytes: 160 }),
        lost: Some(Lost { records: 7, bytes: None, source: LossSource::Program }),
        looked_by: LookedBy::Ids,
        users: Users {
            writers: Some(vec![reader]),
            programs: Some(Vec::new()),
            pins: None,
            holders: None,
        },
        info: None,
    }
}

/// Nothing but what every map has.
fn unknown(mut seen: Seen) -> Seen {
    (seen.fill, seen.head, seen.passed, seen.lost) = (None, None, None, None);
    seen.users = Users::default();
    seen.corrupt = true;
    seen
}

fn busy(mut seen: Seen) -> Seen {
    let position = seen.consumer;
    seen.head = Some(Head::Busy(AtHead { position, len: 8, behind: 0 }));
    seen
}

/// The texts at each look, one second apart.
fn texts(looks: Vec<Vec<Seen>>) -> Vec<String> {
    texts_as(looks, Syntax::Prometheus)
}

fn texts_as(looks: Vec<Vec<Seen>>, syntax: Syntax) -> Vec<String> {
    let (mut watch, mut tallies) = (Watch::default(), Tallies::default());
    let mut sizes = Sizes::default();
    sizes.add(8);
    let texts = looks.into_iter().enumerate().map(|(second, rings)| {
        tallies.take(&rings);
        let at = Duration::from_secs(second as u64);
        let rows = watch.take(&Look { at, time_ns: 0, rings });
        let mut known = Vec::new();
        for row in &rows {
            known.push(Known { row, tally: tallies.get(row.id), sizes: Some(&sizes) });
        }
        encode(&families(&known, Own::default()), syntax)
    });
    texts.collect()
}

fn value(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn what_is_known_has_a_metric() {
    let looks = vec![
        vec![busy(ring(57, 0, 160))],
        vec![busy(ring(57, 0, SIZE / 10 * 9))],
        vec![busy(ring(57, 0, SIZE / 10 * 9))],
    ];
    let texts = texts(looks);
    let text = texts.last().unwrap();
    let labels = r#"{map_id="57",name="events"}"#;
    for line in [
        r#"ringbuf_map_info{map_id="57",name="events",kind="ringbuf",mode="normal"} 1"#.to_owned(),
        format!("ringbuf_capacity_bytes{labels} 65536"),
        format!("ringbuf_pending_bytes{labels} 58977"),
        format!("ringbuf_pending_max_bytes{labels} 58977"),
        format!("ringbuf_head_busy_seconds{labels} 2"),
        format!("ringbuf_head_unread_seconds{labels} 0"),
        format!("ringbuf_readers{labels} 1"),
        format!("ringbuf_programs{labels} 0"),
        format!("ringbuf_produced_bytes_total{labels} 58977"),
        format!("ringbuf_consumed_bytes_total{labels} 0"),
        format!("ringbuf_nearly_full_seconds_total{labels} 1"),
        r#"ringbuf_reservations_failed_total{map_id="57",name="events",source="program"} 7"#.into(),
        r#"ringbuf_record_size_bytes_bucket{map_id="57",name="events",le="8"} 1"#.to_owned(),
        format!("ringbuf_record_size_bytes_sum{labels} 8"),
    ] {
        assert!(text.lines().any(|other| other == line), "{line} in {text}");
    }
    let records = value(text, "ringbuf_records_estimated_total").unwrap();
    assert!((records - 58_817.0 / 16.0).abs() < 1e-6, "{records}");
}

#[test]
fn what_is_not_known_has_none() {
    let texts = texts(vec![vec![unknown(ring(57, 0, 160))], vec![unknown(ring(57, 0, 160))]]);
    let text = texts.last().unwrap();
    let mut named: Vec<_> = text
        .lines()
        .filter(|line| line.contains("map_id=\"57\""))
        .filter_map(|line| line.split('{').next())
        .collect();
    named.dedup();
    // The sizes were seen before.
    let known = ["ringbuf_map_info", "ringbuf_capacity_bytes"];
    named.retain(|name| !name.starts_with("ringbuf_record_size_bytes"));
    assert_eq!(named, known);
    // Losses that nobody counts are not 0.
    let mut inferred = ring(57, 0, 160);
    inferred.lost = None;
    let texts = self::texts(vec![vec![inferred]]);
    assert_eq!(value(&texts[0], "ringbuf_reservations_failed_total"), None);
}

fn parse(arguments: &[&str]) -> Export {
    let all = ["ringbuf", "export"].iter().chain(arguments);
    match Cli::try_parse_from(all).unwrap().command {
        Command::Export(export) => export,
        _ => panic!("not asked for"),
    }
}

#[test]
fn rings_are_chosen_by_name_and_their_number_is_bounded() {
    let rings = (1..=9).rev().map(|id| {
        let mut seen = ring(id, 0, 160);
        seen.name = format!("{}_{id}", if id % 3 == 0 { "dns" } else { "net" });
        seen
    });
    let look = Look { rings: rings.collect(), ..Look::default() };
    let rows = Watch::default().take(&look);
    let chosen = |arguments: &[&str]| {
        let (rows, skipped) = parse(arguments).choose(rows.clone());
        (rows.iter().map(|row| row.id).collect::<Vec<_>>(), skipped)
    };
    assert_eq!(chosen(&[]), ((1..=9).collect(), 0));
    assert_eq!(chosen(&["--include", "^dns"]), (vec![3, 6, 9], 0));
    assert_eq!(chosen(&["--include", "1", "--include", "dns_", "--exclude", "9"]).0, [1, 3, 6]);
    assert_eq!(chosen(&["--exclude", "net", "--max-rings", "2"]), (vec![3, 6], 1));
}

#[test]
fn wrong_usage_is_refused() {
    for arguments in [
        &["--include", "("][..],
        &["--interval", "10ms"],
        &["--listen", "nowhere"],
        &["--listen", "127.0.0.1:1", "--once"],
        &["--openmetrics"],
        &["--openmetrics", "--once", "--textfile", "x"],
        &["--max-rings", "-1"],
    ] {
        let all = ["ringbuf", "export"].iter().chain(arguments);
        assert!(Cli::try_parse_from(all).is_err(), "{arguments:?}");
    }
    let address = |arguments: &[&str]| parse(arguments).address().map(|at| at.to_string());
    assert_eq!(address(&[]).as_deref(), Some(ADDRESS));
    assert_eq!(address(&["--textfile", "x"]), None);
    let both = ["--textfile", "x", "--listen", "[::1]:9"];
    assert_eq!(address(&both).as_deref(), Some("[::1]:9"));
}

#[test]
fn a_file_is_replaced_as_a_whole_and_can_be_read_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringbuf.prom");
    let arguments = parse(&["--textfile", path.to_str().unwrap()]);
    let exporter = Exporter::new(&arguments).unwrap();
    for value in [1, 2] {
        let own = Own { looks: value, ..Own::default() };
        exporter.latest.set(families(&[], own));
        let before = std::fs::File::open(&path).ok();
        exporter.write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("ringbuf_exporter_looks_total {value}\n")), "{text}");
        // Who reads the old one reads it to its end.
        let old = before.map(|file| io::read_to_string(file).unwrap());
        assert!(old.is_none_or(|old| old.contains("ringbuf_exporter_looks_total 1\n")));
    }
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    let error = exporter.write(Path::new("/nowhere/ringbuf.prom")).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("/nowhere/ringbuf.prom: No such file"), "{text}");
    assert!(!text.contains(".tmp"), "no temporary name: {text}");
}

/// What parsers of others read in `cargo xtask promtool`.
#[test]
fn the_samples_are_current() {
    let quiet = |second: u64| {
        let mut seen = unknown(ring(58, 0, 160));
        (seen.name, seen.corrupt) = ("odd \\ \"name\"".to_owned(), false);
        seen.producer = Position::new(160 * second, Width::Bits64);
        seen
    };
    let looks: Vec<_> =
        (1..=4).map(|second| vec![busy(ring(57, 0, 16_000 * second)), quiet(second)]).collect();
    for (syntax, file) in [(Syntax::Prometheus, "sample.prom"), (Syntax::OpenMetrics, "sample.om")]
    {
        let text = texts_as(looks.clone(), syntax).pop().unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/export").join(file);
        if std::env::var_os("RINGBUF_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(stored, text, "RINGBUF_BLESS=1 writes {}", path.display());
    }
}

/// The metrics that docs/exporting.md and the help name are those that there are.
#[test]
fn the_help_names_each_metric() {
    let own = families(&[], Own::default());
    for family in &own {
        let suffix = match family.kind {
            encode::Kind::Counter => "_total",
            encode::Kind::Info => "_info",
            _ => "",
        };
        let name = format!("{}{suffix}", family.name);
        assert!(AFTER.contains(&format!("  {name} ")), "the help lacks {name}");
        // Outside the package, the document is not there.
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/exporting.md");
        if let Ok(text) = std::fs::read_to_string(path) {
            assert!(text.contains(&format!("| `{name}` |")), "docs/exporting.md lacks {name}");
        }
    }
    let named = AFTER.lines().filter(|line| line.trim_start().starts_with("ringbuf_")).count();
    assert_eq!(named, own.len());
}

proptest! {
    /// Counters of a ring do not go back, whatever its positions do, until another ring has its
    /// id.
    #[test]
    fn counters_are_monotonic(steps in prop::collection::vec((any::<u16>(), any::<u16>(), any::<bool>()), 1..50)) {
        let (mut consumer, mut producer) = (0_u64, 0_u64);
        let looks = steps.into_iter().map(|(produced, consumed, corrupt)| {
            producer += u64::from(produced) / 8 * 8;
            // Readers may go back, too.
            let back = u64::from(consumed % 5 == 0) * 800;
            consumer = (consumer + u64::from(consumed)).saturating_sub(back).min(producer);
            let mut seen = ring(57, consumer, producer);
            if corrupt {
                seen = unknown(seen);
            }
            vec![seen]
        });
        let texts = texts(looks.collect());
        for name in [
            "ringbuf_produced_bytes_total",
            "ringbuf_consumed_bytes_total",
            "ringbuf_records_estimated_total",
            "ringbuf_nearly_full_seconds_total",
        ] {
            let values: Vec<_> = texts.iter().filter_map(|text| value(text, name)).collect();
            prop_assert!(values.is_sorted(), "{name}: {values:?}");
        }
    }
}
