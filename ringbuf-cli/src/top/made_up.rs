//! Four rings, as a run of several seconds would see them.

use std::time::Duration;

use ringbuf_kernel::{Position, RingKind, Width};

use crate::watch::Row;
use crate::watch::made_up::{
    AtHead, Head, Look, LookedBy, LossSource, Lost, Passed, Process, ProcessState, ProgramName,
    Seen, Users, Watch,
};

/// The rows at the last look.
pub(super) fn rows() -> Vec<Row> {
    looks().pop().expect("several")
}

/// The rows at each look.
pub(super) fn looks() -> Vec<Vec<Row>> {
    let mut watch = Watch::default();
    (0..=42_u64)
        .map(|tenths| {
            let at = Duration::from_millis(tenths * 100);
            let rings = vec![events(tenths), dns(tenths), net(), old()];
            watch.take(&Look { at, time_ns: tenths * 100_000_000, rings })
        })
        .collect()
}

fn events(tenths: u64) -> Seen {
    let produced = tenths * 5_452_592;
    // It swings between half full and nearly full.
    let fill = [88, 60, 71, 80, 98, 93][tenths as usize % 6] * 262_144 / 100 / 8 * 8;
    let passed = Passed { records: 30_500, discarded: 61, bytes: 5_452_592 };
    let lost = Lost { records: tenths * 2, bytes: None, source: LossSource::Program };
    let ring = ring(57, "events", 262_144, produced, fill, "on_exec");
    let readers = vec![process("agent", 812, true)];
    Seen { passed: Some(passed), lost: Some(lost), ..with(ring, readers) }
}

fn dns(tenths: u64) -> Seen {
    let ring = ring(63, "dns", 65536, tenths * 112, 0, "on_dns");
    let passed = Passed { records: 9, discarded: 0, bytes: 1120 };
    let lost = Lost { records: 0, bytes: None, source: LossSource::Program };
    let readers = vec![process("ig", 990, true)];
    Seen { passed: Some(passed), lost: Some(lost), ..with(ring, readers) }
}

fn net() -> Seen {
    let size = 1 << 20;
    let mut ring = ring(71, "net", size, 7 * size, size - 8, "on_send");
    ring.head = Some(Head::Busy(AtHead { position: ring.consumer, len: 64, behind: size - 80 }));
    with(ring, vec![process("agent", 812, false)])
}

fn old() -> Seen {
    ring(88, "old", 262_144, 60_000, 52_432, "on_old")
}

fn with(mut ring: Seen, readers: Vec<Process>) -> Seen {
    ring.users.writers = Some(readers);
    ring
}

fn process(comm: &str, pid: u32, waiting: bool) -> Process {
    let state = Some(ProcessState::Sleeping);
    Process { pid, comm: comm.to_owned(), waiting: Some(waiting), state }
}

fn ring(id: u32, name: &str, capacity: u64, produced: u64, fill: u64, program: &str) -> Seen {
    let at = |position| Position::new(position, Width::Bits64);
    // So that there is something behind the consumer position at first.
    let producer = produced + capacity;
    let consumer = at(producer - fill);
    let record = AtHead { position: consumer, len: 120, behind: fill.saturating_sub(128) };
    Seen {
        id,
        name: name.to_owned(),
        kind: RingKind::Ring,
        overwrite: false,
        capacity,
        width: Width::Bits64,
        consumer,
        producer: at(producer),
        pending: None,
        fill: Some(fill),
        head: Some(if fill == 0 { Head::Free } else { Head::Committed(record) }),
        corrupt: false,
        passed: None,
        lost: None,
        users: Users {
            writers: Some(Vec::new()),
            programs: Some(vec![ProgramName { id: id + 100, name: program.to_owned() }]),
            pins: Some(vec![format!("/sys/fs/bpf/{name}")]),
            holders: None,
        },
        looked_by: LookedBy::Ids,
        info: None,
    }
}
