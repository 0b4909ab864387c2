//! `ringbuf top`, run as a user would run it, over a host with rings in every state.

mod host;
mod lapped;
mod others;
mod screen;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Stdio};
use std::time::SystemTime;

use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_tests::losses::{Attempts, Counters};
use ringbuf_tests::{Operations, live, live_since, may_open, page_size, ringbuf, skip, watchdog};
use serde_json::Value;

use host::{Host, Reader};

/// What `ringbuf top --json` prints.
struct Looks {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    /// The first object of the next look.
    next: Option<Value>,
}

impl Looks {
    fn start(test: &str, arguments: &[&str]) -> Option<Self> {
        let mut command = ringbuf(test, &["top", "--json"])?;
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Some(Self { child, lines, next: None })
    }

    /// All rings of the next look, by id, and its time.
    fn next(&mut self) -> (u64, BTreeMap<u64, Value>) {
        let mut rings = BTreeMap::new();
        let mut add = |ring: Value| rings.insert(ring["id"].as_u64().expect("an id"), ring);
        let first = self.next.take().unwrap_or_else(|| parsed(self.lines.next()));
        let time = first["t_ns"].as_u64().expect("a time");
        add(first);
        loop {
            let ring = parsed(self.lines.next());
            if ring["t_ns"] != time {
                self.next = Some(ring);
                return (time, rings);
            }
            add(ring);
        }
    }

    /// The second of the looks that begin from now on: within two intervals.
    fn second_from_now(&mut self) -> BTreeMap<u64, Value> {
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos();
        let mut seen = 0;
        loop {
            let (time, rings) = self.next();
            seen += u32::from(u128::from(time) >= now);
            if seen == 2 {
                return rings;
            }
        }
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn parsed(line: Option<std::io::Result<String>>) -> Value {
    serde_json::from_str(&line.expect("it goes on").expect("UTF-8")).expect("JSON")
}

fn states(ring: &Value) -> Vec<&str> {
    ring["states"].as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

/// Each situation is told at the second look after it was made: with an interval of 1 s, within
/// 2 s. On the screen, too.
#[test]
fn each_situation_is_seen_at_the_second_look() {
    let test = "top::each_situation";
    if !live_since(test, (5, 14)) {
        return;
    }
    if page_size() != 4096 {
        skip(test, "the ring of stall.bpf.c has 4 KiB, less than a page here");
        return;
    }
    let _hangs = watchdog(test);
    let Some(mut host) = Host::new(test) else { return };
    let Some(mut looks) = Looks::start(test, &["-i", "1s"]) else { return };
    let (_, before) = looks.next();
    assert!(before.len() >= 50, "{} rings", before.len());
    let of = |rings: &BTreeMap<u64, Value>, id: u32| rings[&u64::from(id)].clone();
    assert_eq!(states(&of(&before, host.dead.id)), ["no_program"], "its reader lives");
    assert_eq!(states(&of(&before, host.two.id)), ["no_program"]);
    host.make_situations(|host, stuck| {
        let rings = looks.second_from_now();
        let has = |id, state: &str| {
            let ring = of(&rings, id);
            assert!(states(&ring).contains(&state), "{state} in {ring}");
            ring
        };
        assert_eq!(has(stuck, "stuck_head")["state"], "stuck_head");
        has(host.dead.id, "no_reader");
        let two = has(host.two.id, "two_readers");
        assert_eq!(two["readers"].as_array().map(Vec::len), Some(2), "{two}");
        has(host.full(), "full");
        has(host.two.id, "no_program");
        let hung = has(host.hung(), "reader_hung");
        assert_eq!(hung["readers"][0]["state"], "stopped", "{hung}");
        let idle = of(&rings, host.idle());
        assert_eq!(idle["loss"]["source"], "inferred");
        assert!(idle["loss"]["records"].is_null(), "not 0: {idle}");
        screen::shows_all(test, host, stuck);
    });
    // What was wrong is right again.
    let rings = looks.second_from_now();
    let hung = of(&rings, host.hung());
    assert!(!states(&hung).contains(&"reader_hung"), "{hung}");
}

/// Records of one size: the two rates tell it, up to their rounding.
#[test]
fn records_of_a_live_ring_are_counted() {
    let test = "top::records";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let operations = Operations::load(16 * page_size() as u32).expect("load of vectors.bpf.c");
    let id = host::id_of(operations.map());
    let Some(mut looks) = Looks::start(test, &["-i", "50ms", &id.to_string()]) else { return };
    let (mut exact, mut produced, footprint) = (0, 0, 112.0);
    while exact < 3 {
        for _ in 0..40 {
            assert_eq!(operations.run(op_kind::OUTPUT, 100, 0), 0);
        }
        operations.ring().catch_up();
        let ring = looks.next().1.remove(&u64::from(id)).expect("listed");
        let now = ring["producer_pos"].as_u64().expect("a position");
        if ring["records"]["how"] == "exact" && now > produced && produced > 0 {
            let rate = ring["records"]["per_s"].as_f64().expect("known");
            let size = ring["in_bps"].as_f64().expect("known") / rate;
            assert!((size - footprint).abs() < 0.05 * footprint, "{size}: {ring}");
            exact += 1;
        }
        produced = now;
    }
}

/// Of programs that count with the header.
#[test]
fn losses_that_the_program_counts_are_told() {
    let test = "top::losses";
    if !live_since(test, (5, 10)) {
        return;
    }
    let _hangs = watchdog(test);
    let programs = Attempts::load(Counters::Atomic, 16 * page_size() as u32, true);
    let id = host::id_of(&programs.map("events"));
    let program = programs.program("attempts");
    let Some(mut looks) = Looks::start(test, &["-i", "20ms", &id.to_string()]) else { return };
    assert_eq!(looks.next().1[&u64::from(id)]["loss"]["records"], 0, "counted: none");
    Attempts::attempt(program.as_fd(), 5000);
    let truth = programs.truth();
    let lost = truth.refused + truth.too_big;
    assert!(lost > 1000, "{truth:?}");
    let mut rates = 0.0;
    loop {
        let ring = looks.next().1.remove(&u64::from(id)).expect("listed");
        assert_eq!(ring["loss"]["source"], "program", "{ring}");
        rates += ring["loss"]["per_s"].as_f64().expect("known");
        if ring["loss"]["records"] == lost {
            break;
        }
    }
    assert!(rates > 0.0);
}

/// A reader that ends takes its row along: nothing is held between looks.
#[test]
fn a_ring_goes_when_its_owner_ends() {
    let test = "top::goes";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let reader = Reader::of_its_own();
    let id = u64::from(reader.id);
    let Some(mut looks) = Looks::start(test, &["-i", "20ms"]) else { return };
    while !looks.next().1.contains_key(&id) {}
    drop(reader);
    // Without other rings there would be no line to read.
    let _other = host::map();
    while looks.next().1.contains_key(&id) {}
}

#[test]
fn what_is_wrong_is_told_with_its_exit_code() {
    let test = "top::wrong";
    let Some(mut command) = ringbuf(test, &["top", "--filter", "fil>5"]) else { return };
    let output = command.output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("no field \"fil\"") && said.contains("\n  ^"), "{said}");
    for (arguments, says) in [
        (["top", "-i", "10us"], "at least 1ms"),
        (["top", "-n", "0"], "0"),
        (["top", "-s", "nothing"], "lost"),
    ] {
        let output = ringbuf(test, &arguments).expect("built").output().expect("it starts");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{said}");
    }
}

/// Tables without a terminal: no colours, no end of the table.
#[test]
fn tables_are_printed_without_a_terminal() {
    let test = "top::tables";
    if !live(test) {
        return;
    }
    let map = host::map();
    let id = host::id_of(&map).to_string();
    let Some(mut command) = ringbuf(test, &["top", "-b", "-n", "2", "-i", "10ms", &id]) else {
        return;
    };
    let output = command.env("LC_ALL", "C").output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success() && text.is_ascii() && !text.contains('\x1b'), "{text}");
    assert_eq!(text.matches("ringbuf top  ").count(), 2, "{text}");
    let rows: Vec<_> = text.lines().filter(|line| line.trim_start().starts_with(&id)).collect();
    assert_eq!(rows.len(), 2, "{text}");
    assert!(rows.iter().all(|row| row.ends_with("NO READER, NO PROGRAM")), "{text}");
    let Some(mut once) = ringbuf(test, &["top", "--once", "-f", "id=0"]) else { return };
    let output = once.output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2, "a title, no rings");
}

/// On many kernels nobody may count there. Then it says why, and goes on.
#[test]
fn attach_counts_or_says_why_not() {
    let test = "top::attach";
    if !live(test) {
        return;
    }
    let map = host::map();
    let id = host::id_of(&map).to_string();
    let arguments = ["top", "--attach", "--json", "--once", "-i", "10ms", &id];
    let Some(mut command) = ringbuf(test, &arguments) else { return };
    let output = command.output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{said}");
    let ring: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    if said.is_empty() {
        assert_eq!(
            (&ring["loss"]["source"], &ring["loss"]["records"]),
            (&"attach".into(), &0.into())
        );
    } else {
        assert!(said.starts_with("ringbuf: losses are not counted by --attach: "), "{said}");
        assert_eq!(ring["loss"]["source"], "inferred", "{ring}");
        println!("{said}");
    }
}

/// What `ringbuf record` keeps is shown again, without the ring.
#[test]
fn a_recording_is_shown_again() {
    let test = "top::replay";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let operations = Operations::load(16 * page_size() as u32).expect("load of vectors.bpf.c");
    let id = host::id_of(operations.map()).to_string();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("some.rbcap");
    let file = file.to_str().expect("UTF-8");
    let arguments = ["record", &id, "-o", file, "--duration", "500ms"];
    let Some(mut record) = ringbuf(test, &arguments) else { return };
    let mut record = record.stderr(Stdio::null()).spawn().expect("it starts");
    while record.try_wait().expect("a child").is_none() {
        assert_eq!(operations.run(op_kind::OUTPUT, 100, 0), 0);
        operations.ring().catch_up();
    }
    assert!(record.wait().expect("a child").success());
    let produced = operations.ring().producer_pos();
    drop(operations);
    let arguments = ["top", "--replay", file, "--json", "-i", "1ms"];
    let output = ringbuf(test, &arguments).expect("built").output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let rows: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let last = rows.last().expect("a row");
    assert_eq!((&last["id"].to_string(), &last["readers"]), (&id, &Value::Null));
    let position = |row: &Value| row["producer_pos"].as_u64().expect("a position");
    assert!(position(last) > 0 && position(last) <= produced, "{last}");
    assert!(rows.is_sorted_by_key(position), "in the order of their times");
    // By the other command, and from a pipe: the last look is the same.
    let table = |arguments: &[&str], stdin: Stdio| {
        let mut command = ringbuf(test, arguments).expect("built");
        let output = command.env("LC_ALL", "C").stdin(stdin).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let last = text.rsplit("ringbuf top  ").next().expect("a look").to_owned();
        (text.matches("ringbuf top  ").count(), last)
    };
    let pipe = || Stdio::from(std::fs::File::open(file).expect("the capture"));
    let (many, last) = table(&["top", "--replay", file, "-i", "50ms"], Stdio::null());
    assert!(many > 2 && last.contains(&id), "{last}");
    let (one, at_once) = table(&["replay", "-", "--to", "top", "--speed", "max"], pipe());
    assert_eq!((one, at_once.contains(&id)), (2, true), "the first look and the last: {at_once}");
    let same = table(&["top", "--replay", file, "-i", "1s", "--speed", "0.05"], Stdio::null());
    assert_eq!(same, (many, last));
    let none = ringbuf(test, &["top", "--replay", "/nowhere"]).expect("built").output();
    let said = String::from_utf8(none.expect("it starts").stderr).expect("UTF-8");
    assert!(said.contains("cannot open the capture /nowhere"), "{said}");
}

/// CPU time for each second, for `RINGBUF_TOP_RINGS` idle rings (50) and `RINGBUF_TOP_LOOKS`
/// looks (2) of 1 s.
#[test]
fn what_it_costs_is_printed() {
    let test = "top::cost";
    if !live(test) {
        return;
    }
    let number = |name, usual| std::env::var(name).map_or(Ok(usual), |text| text.parse::<u32>());
    let rings = number("RINGBUF_TOP_RINGS", 50).expect("a number");
    let looks = number("RINGBUF_TOP_LOOKS", 2).expect("a number");
    may_open(rings + 100);
    let _maps: Vec<_> = (0..rings).map(|_| host::map()).collect();
    let cpu = |looks: u32| {
        let count = looks.to_string();
        let command = ringbuf(test, &["top", "--json", "-i", "1s", "-n", &count])?;
        Some(host::cpu_seconds(command))
    };
    let (Some(one), Some(more)) = (cpu(1), cpu(1 + looks)) else {
        skip(test, "the command is not built here");
        return;
    };
    let each = (more - one) / f64::from(looks);
    println!("{rings} rings: {:.2} ms of CPU each second, {:.3} %", each * 1e3, each * 1e2);
}
