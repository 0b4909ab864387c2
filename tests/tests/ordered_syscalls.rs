//! The shape of Falco: system call events of all CPUs, through a ring for each, come out in one
//! order, and each is accounted for. The reader is `examples/ordered_syscalls.rs`.

use std::collections::{HashMap, HashSet};
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;

use ringbuf_tests::{live_since, online_cpus, pin_to_cpu, skip, watchdog};

const TEST: &str = "ordered_syscalls::events_of_threads_that_move";
/// The kernel keeps 15 bytes.
const NAME: &str = "ringbuf-ordered";
const ROUNDS: usize = 5_000;
/// Calls between two moves to another CPU.
const CALLS: usize = 10;

/// A thread enters a call, leaves it, and enters the next. If it moves from CPU to CPU meanwhile,
/// its events are in several rings; only in the order of their times do they alternate.
#[test]
fn events_of_threads_that_move() {
    if !live_since(TEST, (5, 10)) {
        return;
    }
    let here = env::current_exe().expect("a test has a path");
    let path = here.parent().and_then(|deps| deps.parent()).expect("target").join("examples");
    if !path.join("ordered_syscalls").exists() {
        return skip(TEST, "the example is not built here");
    }
    let _hangs = watchdog(TEST);
    let mut reader = Command::new(path.join("ordered_syscalls"));
    let mut reader =
        reader.arg(NAME).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(reader.stdout.take().expect("piped")).lines();
    let named = || thread::Builder::new().name(NAME.to_owned());
    let cpus = online_cpus();
    // Until it prints something, it may not be attached yet. It prints blocks of 8 KiB.
    let (begun, first) = std::sync::mpsc::channel::<()>();
    let before = named().spawn(move || {
        while first.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            parent();
        }
    });
    let mut printed = vec![lines.next().expect("it runs").expect("text")];
    let collected = thread::spawn(move || {
        printed.extend(lines.map(|line| line.expect("text")));
        printed
    });
    drop(begun);
    before.expect("a thread").join().expect("no panic");
    thread::scope(|scope| {
        for number in 0..2 * cpus.len() {
            let cpus = &cpus;
            let work = move || {
                for round in 0..ROUNDS {
                    let _pinned = pin_to_cpu(cpus[(round + number) % cpus.len()]).expect("pin");
                    (0..CALLS).for_each(|_| parent());
                }
            };
            named().spawn_scoped(scope, work).expect("a thread");
        }
    });
    // SAFETY: a child of ours that has not been waited for.
    assert_eq!(unsafe { libc::kill(reader.id() as i32, libc::SIGTERM) }, 0);
    let printed = collected.join().expect("no panic");
    let mut said = String::new();
    reader.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    println!("{TEST}: {}", said.trim());
    assert!(reader.wait().expect("it ends").success(), "{said}");
    let late = check(&printed, 2 * cpus.len());
    let delivered = format!("attempted = {} delivered + 0 discarded + 0 unread", printed.len());
    assert!(said.contains(&delivered), "{delivered}: {said}");
    assert!(said.contains(&format!("; {late} late")), "{late}: {said}");
}

/// Checks the order, and returns how many are late.
fn check(printed: &[String], threads: usize) -> usize {
    let (mut newest, mut late) = (0, 0);
    let mut tasks: HashMap<&str, (u64, bool, usize)> = HashMap::new();
    // The two programs are attached one after the other: a thread that was seen meanwhile may
    // have had events of one kind only.
    let (mut kinds, mut meanwhile) = ([false; 2], HashSet::new());
    for line in printed {
        let words: Vec<_> = line.split(' ').collect();
        let &[time, task, what, value, ref mark @ ..] = &words[..] else { panic!("{line}") };
        let time: u64 = time.parse().expect("a time");
        assert_eq!(!mark.is_empty(), time < newest, "{line} after {newest}");
        late += mark.len();
        newest = newest.max(time);
        let enters = what == "enters";
        kinds[usize::from(enters)] = true;
        if kinds != [true; 2] {
            meanwhile.insert(task);
        }
        let (last, entered, parents) = tasks.entry(task).or_insert((0, !enters, 0));
        // A late one, and those that it is late for, do not alternate.
        if late == 0 && !meanwhile.contains(task) {
            assert!(time >= *last && *entered != enters, "{line}: two in a row");
        }
        (*last, *entered) = (time, enters);
        *parents += usize::from(enters && value == libc::SYS_getppid.to_string());
    }
    assert!(meanwhile.len() <= 1, "only one thread ran before both were attached: {meanwhile:?}");
    let all = tasks.values().filter(|(.., parents)| *parents == ROUNDS * CALLS).count();
    assert_eq!(all, threads, "threads with all their calls: {tasks:?}");
    late
}

fn parent() {
    // SAFETY: getppid takes no argument and cannot fail.
    unsafe { libc::getppid() };
}
