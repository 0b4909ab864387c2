//! How a recording ends, and what it refuses.

use std::ffi::CString;
use std::fs;
use std::io;
use std::path::Path;

use ringbuf_kernel::RingBuf;
use ringbuf_record::{Block, GapReason, Reader};
use ringbuf_tests::{Bursts, Operations, live_since, page_size, until_seen, watchdog};

use crate::recorder::{self, Recorder, captured, id_of};

#[test]
fn a_record_that_is_not_committed_is_a_gap_at_the_end() {
    let test = "record::busy";
    if !live_since(test, (5, 17)) {
        return;
    }
    let _hangs = watchdog(test);
    until_seen(test, || {
        let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
        let id = id_of(operations.map());
        let Some(mut recorder) = Recorder::start(test, id, &["--interval", "1ms"]) else { return };
        // A and B, of 8 bytes each: A is busy.
        let (captured, summary) = operations.while_held(false, 0, || recorder.end(libc::SIGTERM));
        let gap = captured.gaps[0];
        assert_eq!((gap.from.get(), gap.bytes, gap.reason), (0, 32, GapReason::Busy));
        assert!(captured.records.is_empty());
        assert!(summary.contains("32 bytes not committed or behind such a record"), "{summary}");
    });
}

#[test]
fn a_ring_without_a_reader_is_consumed() {
    let test = "record::consume";
    if !live_since(test, (5, 17)) {
        return;
    }
    let _hangs = watchdog(test);
    let mut bursts = Bursts::load(512 << 10).expect("load of bench.bpf.c");
    let id = id_of(bursts.map());
    let options = ["--consume", "--interval", "1ms"];
    let Some(mut recorder) = Recorder::start(test, id, &options) else { return };
    // Many rings' worth: it makes room. What is refused meanwhile was never in the ring.
    let mut submitted = 0;
    while submitted < 20_000 {
        recorder.goes_on();
        submitted = bursts.run(500, 0).0;
    }
    let (captured, _) = recorder.end(libc::SIGTERM);
    assert_eq!((captured.records.len() as u64, captured.missed()), (submitted, 0));
    // The next reader finds nothing.
    let mut ring = RingBuf::from_id(id).expect("nobody reads it now");
    assert_eq!(ring.lag().expect("sound"), 0);
    bursts.run(1, 8);
    assert_eq!(ring.next_record().expect("sound").expect("one").len(), 8);
    // And beside this reader it refuses.
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("refused");
    let mut command = recorder::command(test, id, &path, &options).expect("built");
    let output = command.output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("process {} (", std::process::id())) && said.contains("reads it"),
        "{said}"
    );
    assert!(!path.exists());
}

#[test]
fn files_are_rotated_and_none_is_torn() {
    let test = "record::rotate";
    if !live_since(test, (5, 17)) {
        return;
    }
    let _hangs = watchdog(test);
    let mut bursts = Bursts::load(4 << 20).expect("load of bench.bpf.c");
    let options = ["--max-size", "32KiB", "--rotate", "3", "--interval", "1ms", "--count", "9000"];
    let Some(mut recorder) = Recorder::start(test, id_of(bursts.map()), &options) else { return };
    for _ in 0..90 {
        bursts.run(100, 64);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let output = recorder.wait();
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success() && said.contains(": 9000 records of 576000 bytes"), "{said}");
    let file = |end: &str| format!("{}{end}", recorder.path.display());
    let all = [file(".2"), file(".1"), file("")].map(|path| captured(Path::new(&path)));
    assert!(!Path::new(&file(".3")).exists());
    // One goes on where the one before ended.
    for pair in all.windows(2) {
        let end = pair[0].end.as_ref().expect("whole").rings[0].end;
        assert_eq!(end.get(), pair[1].start);
    }
    assert_eq!(all[2].end.as_ref().expect("whole").rings[0].end.get(), 9000 * 72);
    // Without --rotate, it ends there.
    let path = recorder.path.with_extension("one");
    let options = ["--max-size", "32KiB"];
    let mut one = recorder::command(test, id_of(bursts.map()), &path, &options).expect("built");
    assert!(one.output().expect("it starts").status.success());
    assert!(captured(&path).end.is_some());
}

#[test]
fn a_full_disk_is_told_and_what_was_kept_can_be_read() {
    let test = "record::full_disk";
    if !live_since(test, (5, 17)) {
        return;
    }
    let _hangs = watchdog(test);
    let disk = SmallDisk::mount();
    let mut bursts = Bursts::load(4 << 20).expect("load of bench.bpf.c");
    bursts.run(9000, 64);
    let path = disk.0.path().join("ring.rbcap");
    let Some(mut command) = recorder::command(test, id_of(bursts.map()), &path, &[]) else {
        return;
    };
    let output = command.output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{said}");
    let kept = fs::metadata(&path).expect("the file").len();
    let told = format!("its first {kept} bytes are whole, and can be replayed");
    assert!(said.contains("no space is left") && said.contains(&told), "{said}");
    let file = fs::read(&path).expect("the file");
    let mut reader = Reader::new(&file[..]).expect("a capture");
    let mut records = 0;
    while let Some(block) = reader.next().expect("whole blocks") {
        if let Block::Data(data) = block {
            records += data.records;
        }
    }
    assert!(records > 500 && !reader.is_complete(), "{records}");
}

/// A tmpfs of 256 KiB.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let (path, options) = (in_c(folder.path()), c"size=256k".as_ptr().cast());
        let name = c"tmpfs".as_ptr();
        // SAFETY: four C strings, alive for the call.
        let mounted = unsafe { libc::mount(name, path.as_ptr(), name, 0, options) };
        assert_eq!(mounted, 0, "mount: {}", io::Error::last_os_error());
        Self(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let path = in_c(self.0.path());
        // SAFETY: a C string.
        unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
    }
}

fn in_c(path: &Path) -> CString {
    CString::new(path.to_str().expect("UTF-8")).expect("no NUL")
}

#[test]
fn wrong_usage_is_told() {
    let test = "record::errors";
    if !live_since(test, (5, 17)) {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("ring.rbcap");
    let bursts = Bursts::load(64 << 10).expect("load of bench.bpf.c");
    let id = id_of(bursts.map());
    let run = |id, path: &Path, options: &[&str]| {
        let output = recorder::command(test, id, path, options)?.output().expect("it starts");
        Some((output.status.code(), String::from_utf8(output.stderr).expect("UTF-8")))
    };
    fs::write(&path, "precious").expect("written");
    let Some((code, said)) = run(id, &path, &["--duration", "1ms"]) else { return };
    assert_eq!(code, Some(1));
    assert!(said.contains("exists: give another name"), "{said}");
    assert_eq!(fs::read(&path).expect("there"), b"precious");
    let (code, said) = run(id, &path, &["--duration", "1ms", "--force"]).expect("built");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) =
        run(id, Path::new("-"), &["--rotate", "2", "--max-size", "9"]).expect("built");
    assert_eq!(code, Some(1));
    assert!(said.contains("standard output cannot be rotated"), "{said}");
    let (code, said) = run(u32::MAX, &path, &[]).expect("built");
    assert_eq!(code, Some(1));
    assert!(said.contains("no BPF map has the id"), "{said}");
    let (code, said) = run(id, &path, &["--rotate", "2"]).expect("built");
    assert_eq!(code, Some(2));
    assert!(said.contains("--max-size"), "{said}");
}
