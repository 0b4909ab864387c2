//! Rings that others make and read: libbpf, libbpf-rs, aya; bpftrace and BCC, if they are here.

use std::env;
use std::ffi::{c_int, c_void};
use std::io::{self, BufRead, BufReader, Read};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::ptr;
use std::thread;
use std::time::Duration;

use aya::maps::{Map, MapData, RingBuf};
use aya::programs::RawTracePoint;
use libbpf_rs::{ErrorKind, MapCore, MapHandle, ObjectBuilder, RingBufferBuilder, libbpf_sys};
use ringbuf_bpf::tasks;
use ringbuf_kernel::rings;
use ringbuf_tests::{
    Epoll, Trigger, has_tracepoint, live_since, map_by_id, page_size, ringbuf, skip, spawn_apart,
    task_state, watchdog,
};
use serde_json::Value;

use crate::host::held_by;
use crate::screen::Screen;
use crate::states;

/// The library of a process of the test, and the ring that it reads, if it makes none.
const CHILD: &str = "RINGBUF_TOP_OTHER";
/// A record for each program that begins.
const RING: &str = "execs";
const PROGRAM: &str = "on_exec";
/// Makes a ring or takes the one with this id, and reads it until the process is killed.
type Reader = fn(Option<u32>) -> !;
const LIBRARIES: [(&str, Reader); 3] =
    [("libbpf", by_libbpf), ("libbpf-rs", by_libbpf_rs), ("aya", by_aya)];

/// The process of an [`Other`].
#[test]
fn another_library_reads_until_it_is_killed() {
    let Ok(what) = env::var(CHILD) else { return };
    let (library, ring) = what.split_once(' ').expect("a library and a ring");
    let (_, read) = LIBRARIES.iter().find(|(name, _)| *name == library).expect("known");
    read(ring.parse().ok());
}

fn reads(id: u32) {
    println!("\nreads {id}");
}

fn by_libbpf_rs(ring: Option<u32>) -> ! {
    let map = match ring {
        Some(id) => MapHandle::from_map_id(id).expect("root"),
        None => {
            let mut open = ObjectBuilder::default().open_memory(tasks::OBJECT).expect("sound");
            let mut map = open.maps_mut().find(|map| map.name() == RING).expect("a map");
            map.set_max_entries(page_size() as u32).expect("a page");
            // Both for as long as the process lives.
            let object = ManuallyDrop::new(open.load().expect("loaded"));
            let program = object.progs_mut().find(|one| one.name() == PROGRAM).expect("a program");
            let _attached = ManuallyDrop::new(program.attach().expect("attached"));
            let map = object.maps().find(|map| map.name() == RING).expect("a map");
            MapHandle::try_from(&map).expect("a handle")
        }
    };
    let mut builder = RingBufferBuilder::new();
    builder.add(&map, |_| 0).expect("added");
    let reader = builder.build().expect("built");
    reads(map.info().expect("info").info.id);
    loop {
        // Stopping it ends a wait, too.
        if let Err(error) = reader.poll(Duration::MAX) {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "poll: {error}");
        }
    }
}

/// By its functions in C.
fn by_libbpf(ring: Option<u32>) -> ! {
    let map = match ring {
        Some(id) => ManuallyDrop::new(map_by_id(id, 0).expect("root")).as_raw_fd(),
        None => made_by_libbpf(),
    };
    // SAFETY: a callback that uses none of its arguments; no options.
    let reader =
        unsafe { libbpf_sys::ring_buffer__new(map, Some(ignore), ptr::null_mut(), ptr::null()) };
    assert!(!reader.is_null(), "ring_buffer__new: {}", io::Error::last_os_error());
    let info = ring.unwrap_or_else(|| id_of(map));
    reads(info);
    loop {
        // SAFETY: made above, and never freed.
        let polled = unsafe { libbpf_sys::ring_buffer__poll(reader, -1) };
        assert!(polled >= 0 || -polled == libc::EINTR, "ring_buffer__poll: {polled}");
    }
}

fn made_by_libbpf() -> c_int {
    let (bytes, len) = (tasks::OBJECT.as_ptr().cast(), tasks::OBJECT.len() as libbpf_sys::size_t);
    // SAFETY: an object in memory, for ever; no options.
    let object = unsafe { libbpf_sys::bpf_object__open_mem(bytes, len, ptr::null()) };
    assert!(!object.is_null(), "bpf_object__open_mem: {}", io::Error::last_os_error());
    // SAFETY: that object, and a C string.
    let map = unsafe { libbpf_sys::bpf_object__find_map_by_name(object, c"execs".as_ptr()) };
    // SAFETY: a map of an object that is not loaded.
    assert_eq!(unsafe { libbpf_sys::bpf_map__set_max_entries(map, page_size() as u32) }, 0);
    // SAFETY: an open object.
    assert_eq!(unsafe { libbpf_sys::bpf_object__load(object) }, 0);
    // SAFETY: that object, and a C string.
    let program =
        unsafe { libbpf_sys::bpf_object__find_program_by_name(object, c"on_exec".as_ptr()) };
    // SAFETY: a program of a loaded object.
    let link = unsafe { libbpf_sys::bpf_program__attach(program) };
    assert!(!link.is_null(), "bpf_program__attach: {}", io::Error::last_os_error());
    // SAFETY: a map of a loaded object.
    unsafe { libbpf_sys::bpf_map__fd(map) }
}

unsafe extern "C" fn ignore(_: *mut c_void, _: *mut c_void, _: libbpf_sys::size_t) -> c_int {
    0
}

fn id_of(map: c_int) -> u32 {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{map}")).expect("procfs");
    let id = info.lines().find_map(|line| line.strip_prefix("map_id:")?.trim().parse().ok());
    id.expect("a map")
}

fn by_aya(ring: Option<u32>) -> ! {
    let data = match ring {
        Some(id) => MapData::from_id(id).expect("root"),
        None => {
            let mut loader = aya::EbpfLoader::new();
            let bpf = loader.map_max_entries(RING, page_size() as u32).load(tasks::OBJECT);
            // For as long as the process lives.
            let mut bpf = ManuallyDrop::new(bpf.expect("loaded"));
            let program = bpf.program_mut(PROGRAM).expect("a program");
            let program: &mut RawTracePoint = program.try_into().expect("of this type");
            program.load().expect("loaded");
            program.attach("sched_process_exec").expect("attached");
            let Some(Map::RingBuf(data)) = bpf.take_map(RING) else { panic!("not a ring") };
            data
        }
    };
    let id = data.info().expect("info").id();
    let mut reader = RingBuf::try_from(Map::RingBuf(data)).expect("a ring");
    let epoll = Epoll::new(fd_of(&reader), Trigger::Level).expect("epoll");
    reads(id);
    loop {
        while reader.next().is_some() {}
        if let Err(error) = epoll.wait(Duration::MAX) {
            assert_eq!(error.kind(), io::ErrorKind::Interrupted, "epoll: {error}");
        }
    }
}

fn fd_of(reader: &RingBuf<MapData>) -> OwnedFd {
    // SAFETY: open while the reader lives.
    let fd = unsafe { BorrowedFd::borrow_raw(reader.as_raw_fd()) };
    fd.try_clone_to_owned().expect("a descriptor")
}

/// A process that reads a ring through another library, until this is dropped.
struct Other {
    child: Child,
    id: u32,
    /// Held open: the process prints more.
    _output: Option<Box<dyn Read>>,
}

impl Other {
    /// Makes a ring, attaches its program, and reads it; or reads this ring.
    fn start(library: &str, ring: Option<u32>) -> Self {
        let ring = ring.map_or_else(|| "of its own".to_owned(), |id| id.to_string());
        let this = "others::another_library_reads_until_it_is_killed";
        let mut child = Command::new(env::current_exe().expect("the test's own program"))
            .args(["--exact", this, "--nocapture"])
            .env(CHILD, format!("{library} {ring}"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let lines = output.by_ref().lines().map_while(Result::ok);
        let id = { lines }.find_map(|line| line.strip_prefix("reads ")?.parse().ok());
        Self { child, id: id.expect("it reads"), _output: Some(Box::new(output)) }
    }

    fn signal(&self, signal: c_int) {
        // SAFETY: a signal to our own child.
        let sent = unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
        assert_eq!(sent, 0, "{}", io::Error::last_os_error());
    }

    fn stop(&self) {
        self.signal(libc::SIGSTOP);
        while task_state(&format!("/proc/{}", self.child.id())) != Some('T') {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _killed = self.child.wait();
    }
}

/// One ring, by the list and on the screen of `top`.
struct Seen {
    test: &'static str,
    id: u32,
    screen: Screen,
}

impl Seen {
    fn start(test: &'static str, id: u32) -> Option<Self> {
        let screen = Screen::start(test, &["-i", "200ms", &id.to_string()], &[])?;
        Some(Self { test, id, screen })
    }

    /// Waits until both tell the state.
    fn until(&self, state: &str) -> Value {
        let shown =
            if state == "ok" { "ok".into() } else { state.replace('_', " ").to_uppercase() };
        let told = loop {
            let mut list = ringbuf(self.test, &["list", "--json", &self.id.to_string()]);
            let output = list.as_mut().expect("built").output().expect("it starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            if states(&told).contains(&state) {
                break told;
            }
        };
        self.screen.until(|_| self.screen.line(self.id).is_some_and(|line| line.contains(&shown)));
        told
    }
}

fn readers(ring: &Value) -> Vec<u64> {
    let all = ring["readers"].as_array().expect("known");
    all.iter().map(|one| one["pid"].as_u64().expect("a pid")).collect()
}

#[test]
fn rings_of_other_libraries_are_told_as_ours() {
    let test = "top::others";
    // Before, a reader is not known exactly.
    if !live_since(test, (5, 12)) {
        return;
    }
    let _hangs = watchdog(test);
    for (number, (library, _)) in LIBRARIES.iter().enumerate() {
        let owner = Other::start(library, None);
        let pid = u64::from(owner.child.id());
        let Some(seen) = Seen::start(test, owner.id) else { return };
        let ok = seen.until("ok");
        assert_eq!((ok["name"].as_str(), readers(&ok)), (Some(RING), vec![pid]), "{library}");
        assert_eq!(ok["programs"][0]["name"], PROGRAM, "{ok}");
        owner.stop();
        begin_programs(1);
        seen.until("reader_hung");
        // 16 bytes and more for each.
        begin_programs(page_size() / 16);
        seen.until("full");
        owner.signal(libc::SIGCONT);
        seen.until("ok");
        // Of another library.
        let second = Other::start(LIBRARIES[(number + 1) % LIBRARIES.len()].0, Some(owner.id));
        let two = seen.until("two_readers");
        let mut pids = readers(&two);
        pids.sort_unstable();
        let mut both = vec![pid, second.child.id().into()];
        both.sort_unstable();
        assert_eq!(pids, both, "{two}");
        let kept = map_by_id(owner.id, 0).expect("root");
        drop((owner, second));
        assert_eq!(states(&seen.until("no_reader")), ["no_reader", "no_program"], "{library}");
        drop(kept);
    }
}

fn begin_programs(count: usize) {
    for _ in 0..count {
        assert!(Command::new("true").status().expect("it starts").success());
    }
}

/// Tools, and how they make a ring for each program that begins.
const TOOLS: [(&str, &[&str]); 2] = [
    ("bpftrace", &["-e", "tracepoint:syscalls:sys_enter_execve { printf(\"%d\\n\", pid); }"]),
    ("python3", &["-u", "-c", BCC]),
];
const BCC: &str = "
from bcc import BPF
b = BPF(text='''
BPF_RINGBUF_OUTPUT(events, 1);
TRACEPOINT_PROBE(syscalls, sys_enter_execve) {
    u64 id = bpf_get_current_pid_tgid();
    events.ringbuf_output(&id, sizeof(id), 0);
    return 0;
}''')
b['events'].open_ring_buffer(lambda *_: None)
while True:
    b.ring_buffer_poll()
";

#[test]
fn rings_of_tools_are_told_as_ours() {
    let test = "top::tools";
    if !live_since(test, (5, 12)) || !has_tracepoint(test, "syscalls/sys_enter_execve") {
        return;
    }
    let _hangs = watchdog(test);
    for (tool, arguments) in TOOLS {
        let mut command = Command::new(tool);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = match spawn_apart(&mut command) {
            Ok(child) => child,
            Err(error) => {
                skip(test, &format!("{tool} is not installed: {error}"));
                continue;
            }
        };
        let mut other = Other { child, id: 0, _output: None };
        if let Err(why) = ring_of(&mut other) {
            skip(test, &format!("{tool} makes no ring here: {why}"));
            continue;
        }
        let pid = u64::from(other.child.id());
        let Some(seen) = Seen::start(test, other.id) else { return };
        let ok = seen.until("ok");
        assert_eq!(readers(&ok), [pid], "{ok}");
        other.stop();
        begin_programs(1);
        let hung = seen.until("reader_hung");
        assert_eq!(hung["readers"][0]["state"], "stopped", "{hung}");
        let kept = map_by_id(other.id, 0).expect("root");
        drop(other);
        seen.until("no_reader");
        drop(kept);
    }
}

/// Waits until it has a ring and a reader of it.
fn ring_of(tool: &mut Other) -> Result<(), String> {
    // budget: a tool that has no ring by then uses something else.
    let begin = std::time::Instant::now();
    // budget: as above.
    while begin.elapsed() < Duration::from_secs(60) {
        if let Some(status) = tool.child.try_wait().expect("ours") {
            let mut said = String::new();
            let _partly = tool.child.stderr.take().map(|mut err| err.read_to_string(&mut said));
            return Err(format!("it ended with {status}: {}", said.lines().last().unwrap_or("")));
        }
        let held = held_by(tool.child.id());
        let ring = rings().expect("root").into_iter().find(|ring| held.contains(&ring.id));
        if let Some(ring) = ring {
            tool.id = ring.id;
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err("it uses something else".to_owned())
}
