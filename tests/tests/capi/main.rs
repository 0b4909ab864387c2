//! Our C library against libbpf 1.7: each row of the semantics table in docs/c-library.md is
//! run with both, in a child each, and what the two see must be equal. Planted defects show
//! that the rows can fail.

mod api;
mod callbacks;
mod child;
mod foreign;
mod making;
mod measure;
mod planted;
mod polling;
mod producer;
mod programs;
mod reading;
mod row;
mod user;

use std::env;
use std::path::PathBuf;

use ringbuf_tests::{live_since, skip};

use crate::child::Library;
use crate::row::{Level, Row};

/// All rows.
fn rows() -> impl Iterator<Item = &'static Row> {
    [
        making::ROWS,
        making::OWN,
        reading::ROWS,
        reading::OWN,
        callbacks::ROWS,
        callbacks::SHOULD,
        callbacks::OWN,
        polling::ROWS,
        polling::OWN,
        user::ROWS,
        user::SHOULD,
        user::OWN,
        foreign::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// The library as it is built beside this test, in this folder of the target directory; if
/// it is not there, `test` is recorded as skipped.
fn library(test: &str, folder: &str) -> Option<PathBuf> {
    // User rings and their drains need 6.1.
    if !live_since(test, (6, 1)) {
        return None;
    }
    let here = env::current_exe().expect("a test has a path");
    let profile = here.parent().and_then(|deps| deps.parent()).expect("a profile");
    let path = match folder {
        "" => profile.join("libringbuf_capi.so"),
        folder => profile.parent().expect("target").join(folder).join("debug/libringbuf_capi.so"),
    };
    if !path.exists() {
        let build = match folder {
            "" => "cargo build -p ringbuf-capi",
            _ => "cargo build -p ringbuf-capi --features planted --target-dir target/planted",
        };
        skip(test, &format!("the C library is not built here: `{build}`"));
        return None;
    }
    Some(path)
}

/// What is wrong with a row, if anything is.
fn wrong(row: &Row, ours: Library<'_>) -> Option<String> {
    let found = child::run(row, ours);
    let expected = match row.level {
        Level::Must | Level::Should => child::run(row, Library::Libbpf),
        // It has checked itself.
        Level::Own if found.contains("panic: ") || found.contains("ended ") => String::new(),
        Level::Own => return None,
    };
    if env::var_os("RINGBUF_CAPI_SHOW").is_some() {
        println!("{}:\n{found}", row.name);
    }
    assert!(!expected.contains("panic: "), "{}: the row itself fails: {expected}", row.name);
    (found != expected)
        .then(|| format!("{}:\n--- libbpf\n{expected}--- ours ({ours:?})\n{found}", row.name))
}

#[test]
fn every_row_is_as_with_libbpf() {
    let Some(path) = library("capi::rows", "") else { return };
    let mut wrongs = Vec::new();
    for policy in ["balanced", "immediate", "low_latency", "low_cost"] {
        let ours = Library::Ours { path: &path, policy, planted: 0 };
        wrongs.extend(rows().filter_map(|row| wrong(row, ours)));
    }
    println!("{} rows, each with 4 policies", rows().count());
    assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));
}

#[test]
fn planted_defects_are_found() {
    let Some(path) = library("capi::planted", "planted") else { return };
    let mut missed = Vec::new();
    for (number, what, seen_by) in planted::DEFECTS {
        let ours = Library::Ours { path: &path, policy: "balanced", planted: *number };
        let row = rows().find(|row| row.name == *seen_by).expect("a row");
        if wrong(row, ours).is_none() {
            missed.push(format!("{number}: {what}: {seen_by} does not see it"));
        }
    }
    println!("{} defects", planted::DEFECTS.len());
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The rows pass with the library that can be broken, while it is not.
#[test]
fn nothing_is_planted_by_itself() {
    let Some(path) = library("capi::nothing_planted", "planted") else { return };
    let ours = Library::Ours { path: &path, policy: "balanced", planted: 0 };
    let named = |row: &&Row| planted::DEFECTS.iter().any(|(_, _, seen_by)| *seen_by == row.name);
    let wrongs: Vec<_> = rows().filter(named).filter_map(|row| wrong(row, ours)).collect();
    assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));
}

/// The functions of libbpf, and nothing else.
#[test]
fn nothing_else_is_exported() {
    let Some(path) = library("capi::exports", "") else { return };
    let nm = std::process::Command::new("nm").arg("-D").arg("--defined-only").arg(path).output();
    let text = String::from_utf8(nm.expect("nm").stdout).expect("UTF-8");
    let mut found: Vec<_> = text.lines().filter_map(|line| line.split(' ').next_back()).collect();
    let mut expected = api::Api::NAMES.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// A short run; `cargo xtask capi` makes it longer.
#[test]
fn measured() {
    let Some(path) = library("capi::measured", "") else { return };
    let number =
        |name, default| env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let time = std::time::Duration::from_millis(number("RINGBUF_MILLISECONDS", 50));
    let rounds = usize::try_from(number("RINGBUF_ROUNDS", 1)).expect("fits");
    measure::measure(&path, rounds, time);
}
