//! The programs of `examples/` print what happens.

use std::collections::HashSet;
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use ringbuf_tests::{live, live_since, skip, watchdog};

/// An example that can run here.
fn example(name: &str) -> Option<Command> {
    live(&format!("examples::{name}")).then(|| program(name)).flatten()
}

/// An example, if it is built.
fn program(name: &str) -> Option<Command> {
    let here = env::current_exe().expect("a test has a path");
    let path = here.parent().and_then(|deps| deps.parent()).expect("target").join("examples");
    if !path.join(name).exists() {
        skip(&format!("examples::{name}"), "the example is not built here");
        return None;
    }
    Some(Command::new(path.join(name)))
}

/// Runs an example until it has printed that a process of ours began and ended.
fn prints_both(name: &str) {
    prints_both_then(name, |mut example| {
        example.kill().expect("it runs");
        example.wait().expect("it ends");
    });
}

fn prints_both_then(name: &str, end: impl FnOnce(Child)) {
    let Some(mut example) = example(name) else { return };
    let _hangs = watchdog("examples::prints_both");
    let mut example = example.stdout(Stdio::piped()).spawn().expect("the example runs");
    let mut lines = BufReader::new(example.stdout.take().expect("piped")).lines();
    let (ours, over) = (Mutex::new(HashSet::new()), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(SeqCst) {
                let mut child = Command::new("true").spawn().expect("true(1)");
                ours.lock().expect("no panic").insert(child.id().to_string());
                child.wait().expect("it ends");
            }
        });
        let (mut began, mut ended) = (HashSet::new(), HashSet::new());
        for line in lines.by_ref().map(|line| line.expect("text")) {
            let (what, id) = line.split_once(' ').expect("two words");
            if what == "exec" {
                began.insert(id.to_owned())
            } else {
                ended.insert(id.to_owned())
            };
            let ours = ours.lock().expect("no panic");
            if ours.iter().any(|id| began.contains(id) && ended.contains(id)) {
                break;
            }
        }
        over.store(true, SeqCst);
    });
    assert!(example.try_wait().expect("ours").is_none(), "{name} ended");
    end(example);
}

#[test]
fn a_task_with_aya_and_tokio() {
    prints_both_then("aya_tokio", |mut example| {
        // SAFETY: a child of ours that has not been waited for.
        assert_eq!(unsafe { libc::kill(example.id() as i32, libc::SIGTERM) }, 0);
        assert!(example.wait().expect("it ends").success(), "SIGTERM ends it in order");
    });
}

#[test]
fn an_event_loop() {
    prints_both("epoll");
}

#[test]
fn a_reader_and_workers() {
    prints_both("threads");
}

#[test]
fn another_executor() {
    prints_both("smol");
}

#[test]
fn a_program_with_libbpf_rs() {
    prints_both("before_libbpf_rs");
}

#[test]
fn the_same_program_with_our_reader() {
    prints_both("from_libbpf_rs");
}

/// SIGTERM comes while processes begin and end. All that ended before it are printed, and the
/// program ends well.
#[test]
fn a_clean_shutdown_loses_nothing() {
    let Some(mut command) = example("clean_shutdown") else { return };
    let _hangs = watchdog("examples::a_clean_shutdown");
    for _ in 0..5 {
        let mut example = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let example = example.as_mut().expect("the example runs");
        let mut lines = BufReader::new(example.stdout.take().expect("piped")).lines();
        // Until it prints something, it may not be attached yet.
        let over = AtomicBool::new(false);
        let (first, seen) = thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    run_true();
                }
            });
            let both =
                |seen: &HashSet<String>, what| seen.iter().any(|line| line.starts_with(what));
            let mut seen = HashSet::new();
            while !(both(&seen, "exec") && both(&seen, "exit")) {
                seen.insert(lines.next().expect("it runs").expect("text"));
            }
            over.store(true, SeqCst);
            (lines, seen)
        });
        let ours: Vec<u32> = (0..20).map(|_| run_true()).collect();
        let id = libc::pid_t::try_from(example.id()).expect("an id");
        // SAFETY: a signal to a child of ours that is not reaped.
        unsafe { libc::kill(id, libc::SIGTERM) };
        let printed: HashSet<_> = first.map(|line| line.expect("text")).chain(seen).collect();
        let mut said = String::new();
        let mut errors = example.stderr.take().expect("piped");
        std::io::Read::read_to_string(&mut errors, &mut said).expect("text");
        assert!(example.wait().expect("it ends").success(), "{said}");
        assert_eq!(said.matches("nothing left").count(), 2, "{said}");
        for id in ours {
            for what in ["exec", "exit"] {
                assert!(printed.contains(&format!("{what} {id}")), "{what} {id} is lost");
            }
        }
    }
}

/// The two programs of docs/use.md print a program that starts. The second one ends well: nothing
/// is in flight, and its sum holds.
#[test]
fn the_programs_of_the_book() {
    for (name, column) in [("first", 0), ("agent", 1)] {
        let Some(mut command) = example(name) else { return };
        let _hangs = watchdog("examples::the_programs_of_the_book");
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut example = piped.spawn().expect("the example runs");
        let (ours, over) = (Mutex::new(HashSet::new()), AtomicBool::new(false));
        let mut lines = BufReader::new(example.stdout.take().expect("piped")).lines();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    ours.lock().expect("no panic").insert(run_true().to_string());
                }
            });
            let shown = lines.by_ref().map(|line| line.expect("text")).find(|line| {
                let word = line.split_whitespace().nth(column).unwrap_or_default();
                line.ends_with("/true") && ours.lock().expect("no panic").contains(word)
            });
            over.store(true, SeqCst);
            assert!(shown.is_some(), "{name} ended");
        });
        let id = libc::pid_t::try_from(example.id()).expect("an id");
        // SAFETY: a signal to a child of ours that is not reaped.
        unsafe { libc::kill(id, libc::SIGTERM) };
        let mut said = String::new();
        lines.for_each(drop);
        let mut errors = example.stderr.take().expect("piped");
        std::io::Read::read_to_string(&mut errors, &mut said).expect("text");
        let end = example.wait().expect("it ends");
        if name == "agent" {
            assert!(end.success() && said.contains("attempted ="), "{said}");
        }
    }
}

/// Returns the id of a process that has ended.
fn run_true() -> u32 {
    let mut child = Command::new("true").spawn().expect("true(1)");
    child.wait().expect("it ends");
    child.id()
}

/// It needs neither root nor a kernel with BPF.
#[test]
fn two_structs_in_one_ring() {
    let Some(mut program) = program("typed") else { return };
    let output = program.output().expect("the example runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], ["exec 4711 /bin/true", "exit 4711 0"]);
    assert!(lines[2].starts_with("skipped: unknown tag 3"), "{text}");
    assert_eq!(lines[3..], ["2 good, 0 too short, 0 too long, 1 of unknown kind"]);
}

#[test]
fn a_dispatch_queue() {
    if !live_since("examples::a_dispatch_queue", (6, 1)) {
        return;
    }
    let Some(mut program) = program("dispatch") else { return };
    let _hangs = watchdog("examples::a_dispatch_queue");
    let output = program.output().expect("the example runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((text.trim(), errors.as_str()), ("taken 12, left 0 bytes", ""));
}
