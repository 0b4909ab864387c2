//! A process that is stopped and continued, by a shell or a debugger, reads on: its wait ends with
//! `Interrupted`, and the loop of the examples waits again.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{RingBuf, WaitPolicy, Wakeup};
use ringbuf_tests::{Operations, is_blocked, live_since, page_size, task_state};

const CHILD: &str = "RINGBUF_STOPPED_CHILD";

#[test]
fn a_reader_that_was_stopped_reads_on() {
    if let Ok(id) = env::var(CHILD) {
        return read_two(id.parse().expect("an id"));
    }
    if !live_since("stopped::a_reader_that_was_stopped_reads_on", (5, 10)) {
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let id = RingBuf::open(operations.map()).expect("the ring opens").id();
    let mut reader = Reader::start(id);
    reader.wait_until_asleep();
    for _ in 0..3 {
        reader.signal(libc::SIGSTOP);
        reader.wait_until_stopped();
        reader.signal(libc::SIGCONT);
        reader.wait_until_asleep();
    }
    operations.run(op_kind::OUTPUT, 8, 0);
    operations.run(op_kind::OUTPUT, 13, 0);
    let mut said = String::new();
    reader.child.stdout.take().expect("a pipe").read_to_string(&mut said).expect("text");
    assert!(reader.child.wait().expect("it ends").success(), "{said}");
    assert!(said.contains("8 bytes") && said.contains("13 bytes"), "{said}");
    let interrupted = said.matches("interrupted").count();
    assert_eq!(interrupted, 3, "each stop ends one wait, as documented: {said}");
}

/// The child: as examples/embed.rs, until it has two records.
fn read_two(id: u32) {
    // No bound: only a notification or a signal can end a wait.
    let policy = WaitPolicy::immediate().max_sleep(Duration::MAX);
    let mut ring = RingBuf::from_id(id).expect("by id").with_policy(policy);
    let mut read = 0;
    while read < 2 {
        ring.drain(|record| {
            println!("{} bytes", record.len());
            read += 1;
        })
        .expect("a sound ring");
        ring.set_policy(
            ringbuf_kernel::WaitPolicy::immediate().max_sleep(std::time::Duration::MAX),
        );
        if read < 2 && ring.wait(None).expect("wait") == Wakeup::Interrupted {
            println!("interrupted");
        }
    }
}

struct Reader {
    child: Child,
}

impl Reader {
    fn start(id: u32) -> Self {
        let program = env::current_exe().expect("the test's own program");
        let child = Command::new(program)
            .args(["--exact", "a_reader_that_was_stopped_reads_on", "--nocapture"])
            .env(CHILD, id.to_string())
            .stdout(Stdio::piped())
            .spawn();
        Self { child: child.expect("starts") }
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: a signal to our own child.
        let sent = unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
        assert_eq!(sent, 0);
    }

    /// Until one of its threads sleeps in epoll_wait(2).
    fn wait_until_asleep(&self) {
        while !self.tasks().iter().any(|task| is_blocked(task)) {
            thread::yield_now();
        }
    }

    /// Until all of its threads are stopped.
    fn wait_until_stopped(&self) {
        let stopped = |task: &String| task_state(task) == Some('T');
        while !self.tasks().iter().all(stopped) {
            thread::yield_now();
        }
    }

    fn tasks(&self) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        tasks.map(|task| task.expect("a task").path().display().to_string()).collect()
    }
}
