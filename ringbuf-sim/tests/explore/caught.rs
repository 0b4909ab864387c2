//! A reader that catches the unwinding of its death ends the program, because nothing else
//! can end the reader. A child process is that program.

use std::env;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{self, Command};
use std::thread;
use std::time::Duration;

use ringbuf_sim::explore::{Ended, Explore, ExploredRing};

/// Set in the child.
const CHILD: &str = "RINGBUF_CATCHES_ITS_DEATH";
const SIGABRT: i32 = 6;

#[test]
fn a_reader_that_catches_its_death_aborts_the_program() {
    if env::var_os(CHILD).is_some() {
        return catch();
    }
    let name = "caught::a_reader_that_catches_its_death_aborts_the_program";
    let program = env::current_exe().expect("the test's own program");
    let mut child = Command::new(program);
    child.args(["--exact", name, "--nocapture"]).env(CHILD, "1");
    let output = child.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(SIGABRT), "{}: {text}", output.status);
    assert!(text.contains("the reader has caught the unwinding that ends its life"), "{text}");
}

fn catch() {
    thread::spawn(|| {
        // watchdog: otherwise the reader would run for ever.
        thread::sleep(Duration::from_secs(60));
        process::exit(2);
    });
    Explore::new().seeds(0..1000).run(|ring| {
        loop {
            let _caught = catch_unwind(AssertUnwindSafe(|| read(ring)));
        }
    });
}

fn read(ring: &ExploredRing) -> Ended {
    let mut consumer = ring.consumer()?;
    loop {
        consumer.drain(|record| ring.received(&record))?;
        consumer.wait(None)?;
    }
}
