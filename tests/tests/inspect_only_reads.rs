//! An observer stores nothing and maps nothing writable. Alone in its process, because it counts
//! the mappings of the process. The tests take turns, because each maps a ring itself.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use libbpf_rs::MapCore;
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{Inspector, Observed, Tap, rings};
use ringbuf_tests::{Operations, live, page_size, ringbuf, watchdog};

/// One test at a time.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn nothing_is_written_and_nothing_is_mapped_writable() {
    let test = "inspect::nothing_is_written";
    if !live(test) {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let _hangs = watchdog(test);
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let raw = operations.ring();
    let id = operations.map().info().expect("info").info.id;
    // The command does the same in a process of its own.
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("ring.rbcap");
    let (number, path) = (id.to_string(), path.to_str().expect("UTF-8"));
    let arguments = ["record", &number, "-o", path, "--interval", "1ms"];
    let mut recorder = ringbuf(test, &arguments).map(|mut it| it.spawn().expect("it starts"));
    let recorder_pid = recorder.as_ref().map(Child::id);
    let before = writable_maps();
    assert!(before > 0, "the reader of this test has one");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let observer = scope.spawn(|| {
            let (mut buffer, mut records) = (vec![0; page_size()], 0);
            let mut mapped_by_recorder = 0;
            for look in 0..1000 {
                let inspector = Inspector::from_id(id).expect("root");
                assert!(inspector.look().fill().expect("sound") <= page_size() as u64);
                inspector.head().expect("sound");
                let all = inspector.map_all().expect("mapped");
                let mut tap = Tap::at_consumer(&all);
                let window = inspector.map_pending().expect("mapped");
                let mut pending = window.pending().expect("sound");
                while pending.next(&mut buffer).expect("sound") != Observed::End {
                    records += 1;
                }
                tap.next(&all, &mut buffer).expect("sound");
                if look % 100 == 0 {
                    assert_eq!(writable_maps(), before, "a writable mapping");
                    assert!(rings().expect("root").iter().any(|ring| ring.id == id));
                    assert_eq!(writable_maps(), before, "a writable mapping");
                    if let Some(pid) = recorder_pid {
                        let (writable, all) = maps_of(&pid.to_string());
                        assert_eq!(writable, 0, "a writable mapping of the recorder");
                        mapped_by_recorder += all;
                    }
                }
            }
            assert!(recorder_pid.is_none() || mapped_by_recorder > 0, "the recorder maps it");
            done.store(true, Ordering::Release);
            records
        });
        // The load: each position is stored by this thread alone.
        let mut written = 0_u64;
        while !done.load(Ordering::Acquire) && !observer.is_finished() {
            let stored = raw.consumer_pos();
            for size in [8, 100, 13] {
                assert_eq!(operations.run(op_kind::OUTPUT, size, 0), 0);
                written += 1;
            }
            assert_eq!(raw.consumer_pos(), stored, "somebody else stored the position");
            assert_eq!(raw.catch_up(), raw.producer_pos());
        }
        let seen = observer.join().expect("the observer");
        println!("{written} records written, {seen} copied");
        assert!(written > 100 && seen > 0);
    });
    assert_eq!(raw.consumer_pos(), raw.producer_pos());
    if let Some(recorder) = &mut recorder {
        recorder.kill().and_then(|()| recorder.wait()).expect("it still runs");
    }
}

/// The command looks a thousand times, too, under the same load.
#[test]
fn top_writes_nothing_and_maps_nothing_writable() {
    let test = "inspect::top_writes_nothing";
    if !live(test) {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let _hangs = watchdog(test);
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let raw = operations.ring();
    let Some(mut top) = ringbuf(test, &["top", "--json", "-i", "1ms", "-n", "1000"]) else {
        return;
    };
    let mut top = top.stdout(Stdio::piped()).spawn().expect("it starts");
    let lines = BufReader::new(top.stdout.take().expect("piped")).lines();
    let done = AtomicBool::new(false);
    let looks = thread::scope(|scope| {
        let process = top.id().to_string();
        let done = &done;
        let observer = scope.spawn(move || {
            let mut looks = 0;
            for line in lines {
                assert!(line.expect("UTF-8").starts_with("{\"schema\":1,"));
                looks += 1;
                if looks % 50 == 0 {
                    assert_eq!(maps_of(&process).0, 0, "a writable mapping");
                }
            }
            done.store(true, Ordering::Release);
            looks
        });
        while !done.load(Ordering::Acquire) && !observer.is_finished() {
            let stored = raw.consumer_pos();
            for size in [8, 100, 13] {
                assert_eq!(operations.run(op_kind::OUTPUT, size, 0), 0);
            }
            assert_eq!(raw.consumer_pos(), stored, "somebody else stored the position");
            assert_eq!(raw.catch_up(), raw.producer_pos());
        }
        observer.join().expect("the observer")
    });
    assert!(looks >= 1000, "{looks}: a line for each look and ring");
    assert!(top.wait().expect("a child").success());
}

/// Writable mappings of BPF maps in this process.
fn writable_maps() -> usize {
    maps_of("self").0
}

/// Writable mappings of BPF maps in a process, and all mappings of BPF maps. A process that has
/// ended has none.
fn maps_of(process: &str) -> (usize, usize) {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap_or_default();
    let all = maps.lines().filter(|line| line.contains("anon_inode:bpf-map"));
    let writable =
        |line: &&str| line.split(' ').nth(1).is_some_and(|permissions| permissions.contains('w'));
    (all.clone().filter(writable).count(), all.count())
}
