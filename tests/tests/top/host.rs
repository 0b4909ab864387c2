//! A host with rings in every state.

use std::env;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapHandle, MapType};
use ringbuf_bpf::stall::types::stall;
use ringbuf_bpf::stall::{StallSkel, StallSkelBuilder};
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{RingBuf, WaitPolicy, rings};
use ringbuf_tests::{
    LatePage, Operations, create_map, page_size, ringbuf, skip, spawn_apart, task_state, test_run,
};

/// The id of the ring that a process of the test reads.
const CHILD: &str = "RINGBUF_TOP_READS";
/// Idle rings, so that there are many.
const IDLE: usize = 46;

/// A new ring of one page, without a reader and a program.
pub(crate) fn map() -> MapHandle {
    create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("a ring")
}

pub(crate) fn id_of(map: &impl MapCore) -> u32 {
    map.info().expect("info").info.id
}

/// The process of a [`Reader`].
#[test]
fn a_reader_reads_until_it_is_killed() {
    let Ok(id) = env::var(CHILD) else { return };
    let mut ring = match id.parse() {
        Ok(id) => RingBuf::from_id(id).expect("root"),
        Err(_) => RingBuf::create(page_size() as u64).expect("a ring"),
    };
    println!("\nreads {}", ring.id());
    ring.set_policy(WaitPolicy::immediate());
    loop {
        ring.drain(|_| ()).expect("a sound ring");
        ring.wait(None).expect("wait");
    }
}

/// A process that reads a ring, until this is dropped.
pub(crate) struct Reader {
    child: Child,
    pub(crate) id: u32,
}

impl Reader {
    /// Of a ring that is there.
    fn of(id: u32) -> Self {
        Self::start(&id.to_string())
    }

    /// Of a ring that goes with it.
    pub(crate) fn of_its_own() -> Self {
        Self::start("a new one")
    }

    fn start(ring: &str) -> Self {
        use std::io::{BufRead, BufReader};
        let mut child = Command::new(env::current_exe().expect("the test's own program"))
            .args(["--exact", "host::a_reader_reads_until_it_is_killed", "--nocapture"])
            .env(CHILD, ring)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let id =
            lines.map_while(Result::ok).find_map(|line| line.strip_prefix("reads ")?.parse().ok());
        Self { child, id: id.expect("it reads") }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _killed = self.child.wait();
    }
}

/// A ring with some trouble to come, and who reads it.
pub(crate) struct Troubled {
    _map: MapHandle,
    pub(crate) id: u32,
    readers: Vec<Reader>,
}

impl Troubled {
    fn new() -> Self {
        let map = map();
        let id = id_of(&map);
        Self { _map: map, id, readers: vec![Reader::of(id)] }
    }
}

pub(crate) struct Host {
    idle: Vec<MapHandle>,
    /// Its reader dies.
    pub(crate) dead: Troubled,
    /// It gets a second reader.
    pub(crate) two: Troubled,
    full: Operations,
    stall: StallSkel<'static>,
    /// The reader of this ring is stopped.
    exec: Child,
    exec_ring: u32,
    page: LatePage,
}

impl Host {
    pub(crate) fn new(test: &str) -> Option<Self> {
        let page = match LatePage::new(&[0x5a; 64]) {
            Ok(page) => page,
            Err(error) => {
                skip(test, &format!("no faults of the kernel can be held (userfaultfd): {error}"));
                return None;
            }
        };
        let mut command = ringbuf(test, &["exec", "--json", "--ring-size", "64KiB"])?;
        let exec = spawn_apart(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let exec = exec.expect("it starts");
        let exec_ring = loop {
            let held = held_by(exec.id());
            let mine = rings().expect("root").into_iter().find(|ring| held.contains(&ring.id));
            match mine {
                Some(ring) => break ring.id,
                None => thread::sleep(Duration::from_millis(1)),
            }
        };
        // The skeleton borrows this for as long as it lives.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let open = StallSkelBuilder::default().open(object).expect("a sound object");
        Some(Self {
            idle: (0..IDLE).map(|_| map()).collect(),
            dead: Troubled::new(),
            two: Troubled::new(),
            full: Operations::load(page_size() as u32).expect("load of vectors.bpf.c"),
            stall: open.load().expect("load of stall.bpf.c"),
            exec,
            exec_ring,
            page,
        })
    }

    /// The ring that is full.
    pub(crate) fn full(&self) -> u32 {
        id_of(self.full.map())
    }

    /// The ring whose reader is stopped.
    pub(crate) fn hung(&self) -> u32 {
        self.exec_ring
    }

    pub(crate) fn idle(&self) -> u32 {
        id_of(&self.idle[0])
    }

    /// Makes all the trouble, calls `look` with the id of the ring whose producer stands still,
    /// and ends what can be ended.
    pub(crate) fn make_situations(&mut self, look: impl FnOnce(&Self, u32)) {
        self.dead.readers.clear();
        self.two.readers.push(Reader::of(self.two.id));
        while self.full.run(op_kind::OUTPUT, 100, 0) == 0 {}
        self.signal_exec(libc::SIGSTOP);
        while task_state(&format!("/proc/{}", self.exec.id())) != Some('T') {
            thread::sleep(Duration::from_millis(1));
        }
        // An event that it does not read.
        assert!(Command::new("true").status().expect("it starts").success());
        let _reader = RingBuf::open(&self.stall.maps.ring).expect("ring");
        let program = self.stall.progs.stall.as_fd();
        thread::scope(|scope| {
            let run = scope.spawn(|| test_run(program, &stall { from: self.page.address() }));
            let accessed = self.page.until_accessed(|| run.is_finished()).expect("it sleeps");
            look(self, id_of(&self.stall.maps.ring));
            drop(accessed);
            run.join().expect("no panic").expect("the program runs");
        });
        self.signal_exec(libc::SIGCONT);
    }

    fn signal_exec(&self, signal: libc::c_int) {
        // SAFETY: a signal to our own child.
        let sent = unsafe { libc::kill(self.exec.id() as libc::pid_t, signal) };
        assert_eq!(sent, 0, "{}", io::Error::last_os_error());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ended = self.exec.kill();
        let _ended = self.exec.wait();
    }
}

/// The ids of the maps that a process holds.
pub(crate) fn held_by(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    let id = |text: String| {
        text.lines().find_map(|line| line.strip_prefix("map_id:")?.trim().parse().ok())
    };
    texts.filter_map(id).collect()
}

/// Runs a command to its end. Returns its CPU time.
#[expect(clippy::zombie_processes, reason = "wait4 waits for it, and tells what it has used")]
pub(crate) fn cpu_seconds(mut command: Command) -> f64 {
    let child = command.stdout(Stdio::null()).spawn().expect("it starts");
    let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: two places to write to; the child is ours, and nobody else waits for it.
    let waited =
        unsafe { libc::wait4(child.id() as libc::pid_t, &raw mut status, 0, usage.as_mut_ptr()) };
    assert_eq!((waited, status), (child.id() as libc::pid_t, 0));
    // SAFETY: zeroed, then filled: plain numbers.
    let usage = unsafe { usage.assume_init() };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
