//! `ringbuf export` over a ring of the running kernel.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use libbpf_rs::MapCore;
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_tests::{Operations, as_nobody, capability, live, page_size, ringbuf, watchdog};

/// The metrics of one ring.
struct Metrics {
    text: String,
    id: u32,
}

impl Metrics {
    /// The value of the sample of this ring, if there is one.
    fn get(&self, name: &str) -> Option<f64> {
        let begin = format!("{name}{{map_id=\"{}\",", self.id);
        let line = self.text.lines().find(|line| line.starts_with(&begin))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    fn whole(&self, name: &str) -> Option<u64> {
        self.get(name).map(|value| value as u64)
    }
}

fn once(mut command: Command, id: u32) -> Metrics {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Metrics { text: String::from_utf8(output.stdout).expect("UTF-8"), id }
}

fn id_of(operations: &Operations) -> u32 {
    operations.map().info().expect("info").info.id
}

#[test]
fn a_ring_is_told_as_it_is_and_nothing_is_stored() {
    let test = "export::once";
    if !live(test) {
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let id = id_of(&operations);
    let Some(command) = ringbuf(test, &["export", "--once"]) else { return };
    for _ in 0..10 {
        assert_eq!(operations.run(op_kind::OUTPUT, 100, 0), 0);
    }
    let before = (operations.ring().consumer_pos(), operations.ring().producer_pos());
    let metrics = once(command, id);
    assert_eq!(before, (operations.ring().consumer_pos(), operations.ring().producer_pos()));
    let produced = before.1;
    for (name, value) in [
        ("ringbuf_map_info", 1),
        ("ringbuf_capacity_bytes", page_size() as u64),
        ("ringbuf_pending_bytes", produced),
        ("ringbuf_pending_max_bytes", produced),
        ("ringbuf_head_busy_seconds", 0),
        ("ringbuf_readers", 1),
        ("ringbuf_programs", 3),
        ("ringbuf_produced_bytes_total", produced),
        ("ringbuf_consumed_bytes_total", 0),
    ] {
        assert_eq!(metrics.whole(name), Some(value), "{name} in {}", metrics.text);
    }
    // The reader, this test, has left the first record alone between the two looks.
    assert!(metrics.get("ringbuf_head_unread_seconds") > Some(0.0), "{}", metrics.text);
    // Nobody counts the losses of this program.
    assert_eq!(metrics.get("ringbuf_reservations_failed_total"), None);
    let open = ringbuf(test, &["export", "--once", "--openmetrics"]).expect("built");
    assert!(once(open, id).text.ends_with("\n# EOF\n"));
    operations.ring().catch_up();
}

#[test]
fn one_capability_tells_as_much_as_root() {
    let test = "export::one_capability";
    if !live(test) {
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let id = id_of(&operations);
    let Some(command) = ringbuf(test, &["export", "--once"]) else { return };
    let folder = tempfile::tempdir().expect("a directory");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
    let copy = folder.path().join("ringbuf");
    // By `cp`: no other test holds the copy open.
    let copied = Command::new("cp").arg(command.get_program()).arg(&copy).status();
    assert!(copied.expect("cp").success());
    let mut nobody = Command::new(&copy);
    nobody.args(["export", "--once"]);
    as_nobody(&mut nobody, &[capability::SYS_ADMIN]);
    let names = |metrics: Metrics| {
        let ours = format!("{{map_id=\"{id}\",");
        let names = metrics.text.lines().filter_map(|line| line.split_once(&ours));
        names.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(once(nobody, id)), names(once(command, id)));
}

/// On many kernels nobody may count there. Then it says why, and goes on.
#[test]
fn attach_counts_or_says_why_not() {
    let test = "export::attach";
    if !live(test) {
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let id = id_of(&operations);
    let Some(mut command) = ringbuf(test, &["export", "--attach", "--once"]) else { return };
    let output = command.output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let name = "ringbuf_reservations_failed_total";
    let counted = format!("{name}{{map_id=\"{id}\",name=\"ring\",source=\"attach\"}} 0\n");
    if said.is_empty() {
        assert!(text.contains(&counted), "{text}");
    } else {
        assert!(said.starts_with("ringbuf: losses are not counted by --attach: "), "{said}");
        assert_eq!(Metrics { text, id }.get(name), None);
        println!("{said}");
    }
}

/// A running exporter. Dropping kills it.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let line = lines.next().expect("a line").expect("UTF-8");
        let address = line.strip_prefix("ringbuf: serving http://").expect(&line);
        let address = address.strip_suffix("/metrics").expect(&line).to_owned();
        // Later lines go nowhere, as long as they are few.
        std::mem::forget(lines);
        Self { child, address }
    }

    fn scrape(&self, id: u32) -> Metrics {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        Metrics { text, id }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

#[test]
fn what_happens_is_served_and_written_to_a_file_until_the_end() {
    let test = "export::serves";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let id = id_of(&operations);
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("ringbuf.prom");
    let arguments = ["export", "--listen", "127.0.0.1:0", "--interval", "100ms", "--textfile"];
    let Some(mut command) = ringbuf(test, &arguments) else { return };
    command.arg(&file);
    let mut serving = Serving::start(command);
    let begin = serving.scrape(id);
    assert_eq!(begin.get("ringbuf_records_estimated_total"), None, "no record was seen");
    for _ in 0..7 {
        assert_eq!(operations.run(op_kind::OUTPUT, 100, 0), 0);
    }
    let seen = loop {
        let metrics = serving.scrape(id);
        if metrics.whole("ringbuf_records_estimated_total") == Some(7) {
            break metrics;
        }
    };
    let produced = operations.ring().producer_pos();
    assert_eq!(seen.whole("ringbuf_produced_bytes_total"), Some(produced));
    assert_eq!(seen.whole("ringbuf_record_size_bytes_count"), Some(7));
    assert_eq!(seen.whole("ringbuf_record_size_bytes_sum"), Some(700));
    operations.ring().catch_up();
    while serving.scrape(id).whole("ringbuf_consumed_bytes_total") != Some(produced) {}
    let text = fs::read_to_string(&file).expect("written");
    assert!(Metrics { text, id }.get("ringbuf_capacity_bytes").is_some());
    let pid = serving.child.id() as i32;
    // SAFETY: two numbers.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
    assert_eq!(serving.child.wait().expect("it ends").code(), Some(0));
    assert!(!file.exists(), "what is no longer known is not told");
}

#[test]
fn what_is_wrong_is_told_with_its_exit_code() {
    let test = "export::errors";
    if !live(test) {
        return;
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux"));
    for (arguments, out, text) in [
        (&["export", "--listen", &address][..], Stdio::null(), "cannot listen on 127.0.0.1:"),
        (&["export", "--once"], full(), "cannot write the metrics: No space left"),
        (&["export", "--once", "--textfile", "/nowhere/x.prom"], Stdio::null(), "/nowhere/x.prom"),
    ] {
        let Some(mut command) = ringbuf(test, arguments) else { return };
        let output = command.stdout(out).stderr(Stdio::piped()).spawn().expect("it starts");
        let output = output.wait_with_output().expect("it ends");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(text), "{arguments:?}: {said}");
    }
}
