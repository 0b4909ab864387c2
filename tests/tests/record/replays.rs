//! `ringbuf replay`, of captures of live rings.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::thread;

use ringbuf_kernel::RingBuf;
use ringbuf_tests::{Bursts, live_since, ringbuf, watchdog};
use serde_json::Value;

use crate::recorder::{self, Recorder, captured, id_of};
use crate::{Seen, compare, read, until_stopped};

fn replay(test: &str, path: &Path, options: &[&str]) -> (Output, String) {
    let arguments = [&["replay", path.to_str().expect("UTF-8")], options].concat();
    let output = ringbuf(test, &arguments).expect("built").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

fn lines(text: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(text).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn what_was_recorded_is_replayed() {
    let test = "record::replay";
    if !live_since(test, (5, 17)) {
        return;
    }
    let _hangs = watchdog(test);
    let mut bursts = Bursts::load(64 << 10).expect("load of bench.bpf.c");
    let mut ring = RingBuf::open(bursts.map()).expect("ring");
    let id = ring.id();
    let Some(mut recorder) = Recorder::start(test, id, &["--interval", "1ms"]) else { return };
    let mut seen = Seen::new();
    // Less than the ring holds: nothing of it can be missed.
    bursts.run(200, 0);
    read(&mut ring, &mut seen);
    while recorder.records() < 100 {
        thread::yield_now();
    }
    recorder.signal(libc::SIGSTOP);
    until_stopped(recorder.pid());
    // Several times what it holds.
    for _ in 0..20 {
        bursts.run(200, 0);
        read(&mut ring, &mut seen);
    }
    recorder.signal(libc::SIGCONT);
    let (captured, _) = recorder.end(libc::SIGTERM);
    let missed = compare(&seen, &captured, ring.position().get());
    assert!(missed > 0 && captured.records.len() > 100);

    // JSON, and JSON lines: the same records, in order, and the gaps.
    for options in
        [&["--to", "json"][..], &["--export", "jsonl"], &["--to", "json", "--speed", "9"]]
    {
        let (output, said) = replay(test, &recorder.path, options);
        assert!(output.status.success(), "{said}");
        let all = lines(&output.stdout);
        let of =
            |state: &str| all.iter().filter(|line| line["state"] == *state).collect::<Vec<_>>();
        let records = of("record");
        assert_eq!(records.len(), captured.records.len());
        for (line, (position, sample)) in records.iter().zip(&captured.records) {
            let bytes: String = sample.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((&line["position"], &line["bytes"]), (&(*position).into(), &bytes.into()));
            assert_eq!(line["id"], id);
        }
        assert_eq!(of("discarded").len() as u64, captured.discarded);
        let gaps: u64 = of("missed").iter().map(|line| line["len"].as_u64().expect("bytes")).sum();
        assert_eq!(gaps, missed);
        let told = format!("ring ({id}): {} records of ", captured.records.len());
        assert!(said.contains(&told), "{said}");
    }
    let (output, said) = replay(test, &recorder.path, &["--export", "jsonl"]);
    let gap = lines(&output.stdout).into_iter().find(|line| line["state"] == "missed");
    assert_eq!(gap.expect("one")["reason"], "lapped", "{said}");

    // Into a simulated ring.
    let (output, said) = replay(test, &recorder.path, &["--to", "sim"]);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let (records, discarded) = (captured.records.len(), captured.discarded);
    let (gaps, end) = (captured.gaps.len(), ring.position());
    let told = format!(
        "ring ({id}): {records} records, {discarded} discarded, {gaps} gaps of {missed} bytes: all \
         agree, up to position {end}\n"
    );
    assert_eq!(text, told);
}

#[test]
fn a_capture_that_is_cut_is_replayed_up_to_there() {
    let test = "record::replay_cut";
    if !live_since(test, (5, 17)) {
        return;
    }
    let mut bursts = Bursts::load(64 << 10).expect("load of bench.bpf.c");
    bursts.run(100, 64);
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("whole.rbcap");
    let options = ["--count", "100"];
    let Some(mut record) = recorder::command(test, id_of(bursts.map()), &path, &options) else {
        return;
    };
    assert!(record.output().expect("it starts").status.success());
    assert_eq!(captured(&path).records.len(), 100);
    let whole = fs::read(&path).expect("the file");
    let torn = folder.path().join("torn.rbcap");
    // The end is torn; everything before is there.
    fs::write(&torn, &whole[..whole.len() - 20]).expect("written");
    for options in [&["--to", "json"][..], &["--to", "text"], &["--to", "sim"]] {
        let (output, said) = replay(test, &torn, options);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("ends inside the block") && said.contains("100 records"), "{said}");
        assert!(!output.stdout.is_empty());
    }
    // Damage is told, and other files are not captures.
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&torn, &damaged).expect("written");
    let (output, said) = replay(test, &torn, &[]);
    assert!(output.status.code() == Some(1) && said.contains("damaged"), "{said}");
    fs::write(&torn, "hello").expect("written");
    let (output, said) = replay(test, &torn, &[]);
    assert!(output.status.code() == Some(1) && said.contains("not a capture"), "{said}");
    let (output, said) = replay(test, Path::new("/nowhere"), &[]);
    assert!(output.status.code() == Some(1) && said.contains("cannot open the capture"), "{said}");
}

/// Walks the blocks of a pcapng file.
#[test]
fn packets_are_exported() {
    let test = "record::pcapng";
    if !live_since(test, (5, 17)) {
        return;
    }
    let mut bursts = Bursts::load(64 << 10).expect("load of bench.bpf.c");
    bursts.run(50, 0);
    let folder = tempfile::tempdir().expect("a directory");
    let [path, pcapng] = ["ring.rbcap", "ring.pcapng"].map(|name| folder.path().join(name));
    let Some(mut record) =
        recorder::command(test, id_of(bursts.map()), &path, &["--duration", "20ms"])
    else {
        return;
    };
    assert!(record.output().expect("it starts").status.success());
    let out = pcapng.to_str().expect("UTF-8");
    let (output, said) = replay(test, &path, &["--export", "pcapng", "-o", out]);
    assert!(output.status.success() && output.stdout.is_empty(), "{said}");
    let file = fs::read(&pcapng).expect("the file");
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four"));
    let (mut at, mut kinds, mut packets) = (0, Vec::new(), Vec::new());
    while at < file.len() {
        let len = word(at + 4) as usize;
        assert_eq!(word(at + len - 4) as usize, len, "each block ends with its length");
        kinds.push(word(at));
        if word(at) == 6 {
            let bytes = word(at + 20) as usize;
            let sample = file[at + 28..at + 28 + bytes].to_vec();
            // Its first option is its id: the position.
            let option = at + 28 + bytes.next_multiple_of(4);
            assert_eq!(word(option), 5 | 8 << 16);
            let position = u64::from(word(option + 4)) | u64::from(word(option + 8)) << 32;
            packets.push((position, sample));
        }
        at += len;
    }
    assert_eq!(kinds[..2], [0x0a0d_0d0a, 1]);
    let records: Vec<_> = captured(&path).records.into_iter().collect();
    assert_eq!(packets, records);
    assert!(records.len() > 30);
}
