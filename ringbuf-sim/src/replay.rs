//! The seed of a run, and the command that runs it again.

use std::any::Any;
use std::env;
use std::fmt::Write;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::thread;

/// The variable that selects one seed.
pub(crate) const VARIABLE: &str = "RINGBUF_SEED";

/// Runs a test once for each seed, for example with [`Faults`](crate::Faults) of this seed. If
/// one panics, this prints the seed, the version of this crate, and the command that runs it
/// alone.
///
/// ```
/// use ringbuf_core::Wakeup;
/// use ringbuf_sim::{Fault, Faults, Flags, SimRing, VirtualTime, each_seed};
///
/// each_seed(0..20, |seed| {
///     let (ring, time) = (SimRing::new(4096).unwrap(), VirtualTime::new());
///     ring.inject(Faults::new(seed).one_in(Fault::LostNotification, 3));
///     let mut consumer = ring.consumer_in(&time).unwrap();
///     let mut read = 0;
///     for _ in 0..5 {
///         ring.producer().output(b"event", Flags::ADAPTIVE).unwrap();
///         // Without a limit to its sleep, it would hang.
///         consumer.wait(Some(std::time::Duration::from_secs(1))).unwrap();
///         consumer.drain(|_| read += 1).unwrap();
///     }
///     assert_eq!(read, 5);
/// });
/// ```
///
/// # Panics
/// As the test does; and if `RINGBUF_SEED` is not a number.
pub fn each_seed(seeds: Range<u64>, mut test: impl FnMut(u64)) {
    let run = |seed| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(seed))) {
            failed(seed, panic);
        }
    };
    match chosen() {
        Some(seed) => [seed].into_iter().for_each(run),
        None => seeds.for_each(run),
    }
}

fn failed(seed: u64, panic: Box<dyn Any + Send>) -> ! {
    eprintln!("seed {seed} fails ({})\nto replay it: {}", version(), command(seed));
    resume_unwind(panic)
}

/// The only seed to run, if somebody chose one.
pub(crate) fn chosen() -> Option<u64> {
    let value = env::var_os(VARIABLE)?;
    let seed = value.to_str().and_then(|text| text.parse().ok());
    Some(seed.unwrap_or_else(|| {
        let (last, value) = (u64::MAX, value.to_string_lossy());
        panic!("{VARIABLE} must be a number from 0 to {last}, not `{value}`")
    }))
}

/// The version whose seeds these are: another one may draw something else.
pub(crate) fn version() -> String {
    format!("ringbuf-sim {}", env!("CARGO_PKG_VERSION"))
}

/// The command that runs this seed of the test that is running, and shows what it prints.
pub(crate) fn command(seed: u64) -> String {
    let mut command = format!("{VARIABLE}={seed} cargo test");
    if let Ok(package) = env::var("CARGO_PKG_NAME") {
        let _ = write!(command, " -p {package}");
    }
    let _ = write!(command, "{}", target().unwrap_or_default());
    // The test harness names each thread after its test.
    match thread::current().name() {
        Some("main") | None => command + " -- --nocapture",
        Some(test) => command + &format!(" {test} -- --exact --nocapture"),
    }
}

/// The option that selects the target of this program, if its file says which it is: cargo calls
/// it `target/debug/deps/NAME-HASH`, and `target/debug/examples/NAME-HASH` if it is an example.
fn target() -> Option<String> {
    let program = env::current_exe().ok()?;
    let (name, _hash) = program.file_stem()?.to_str()?.rsplit_once('-')?;
    if program.parent()?.ends_with("examples") {
        return Some(format!(" --example {name}"));
    }
    // Others, such as the tests in a library, have no file there. Without an option, all targets
    // run: the test is in one of them.
    let tests = Path::new(&env::var_os("CARGO_MANIFEST_DIR")?).join("tests");
    let has = |name: &&String| {
        tests.join(format!("{name}.rs")).is_file() || tests.join(name).join("main.rs").is_file()
    };
    let names = [name.to_owned(), name.replace('_', "-")];
    names.iter().find(has).map(|name| format!(" --test {name}"))
}
