//! The virtual machine's file system: busybox, our programs, and a script that runs them and prints
//! the results on the console.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::programs::{self, Program};
use crate::run;

/// The beginning of each line for us. All other lines on the console are for people.
pub(crate) const MARK: &str = "@@ ";
/// The suite that is not a test program: the command sees programs start.
pub(crate) const EXEC: &str = "exec";
/// The programs whose start it must see, in this order.
pub(crate) const STARTED: [&str; 5] = ["one", "two", "three", "four", "five"];
/// One suite may take this long, in seconds: enough for a busy machine, and an end for a suite that
/// hangs.
pub(crate) const SUITE_LIMIT: u32 = 240;
/// Enough to fill the ring many times, and quick under emulation.
const RECORDS: u32 = 200_000;
/// Each script waits for another CPU after each step. Each kernel runs other scripts.
const SCRIPTS: u32 = 100;
/// The first script: the digits of the kernel's release. So each kernel runs its own scripts, and
/// the same ones tomorrow.
const SEED: &str = "$(uname -r | cut -d- -f1 | tr -dc 0-9)";
/// Bursts that the sound consumer reads in each way.
const ROUNDS: u32 = 500;
/// The words in the kernel's own messages that count as complaints.
const COMPLAINTS: &str =
    "BUG:|WARNING:|Oops|general protection|soft lockup|hung_task|rcu.*stall|refcount_t";

/// The kernel's messages about our own command line, which has some of those words.
const ECHOES: &str = "ommand line|CPU stall warnings suppressed";

/// The names of the suites in the order in which they run. Without the command among the programs,
/// its suite is missing, too.
pub(crate) fn suites(programs: &[Program]) -> Vec<String> {
    let tests = programs.iter().filter(|program| program.test).map(|program| program.name.clone());
    let exec = programs.iter().any(|program| !program.test).then(|| EXEC.to_owned());
    exec.into_iter().chain(tests).collect()
}

/// Packs the file system with `busybox`, and returns its file, which is called `name`.
pub(crate) fn pack(
    folder: &Path,
    name: &str,
    busybox: &Path,
    programs: &[Program],
) -> Result<PathBuf> {
    let root = folder.join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for place in ["bin", "dev", "proc", "sys", "tmp", "etc", "probe", "suites"] {
        fs::create_dir_all(root.join(place))?;
    }
    programs::require_static(busybox).context("the package busybox-static is needed")?;
    executable_copy(busybox, &root.join("bin/busybox"))?;
    for program in programs {
        let place = if program.test { "suites" } else { "bin" };
        put(&program.file, &root.join(place).join(&program.name), &root)?;
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n")?;
    for name in STARTED.iter().chain(&["ready"]) {
        executable(&root.join("probe").join(name), "#!/bin/sh\n")?;
    }
    executable(&root.join("init"), &script(&suites(programs)))?;
    let packed = folder.join(name);
    cpio(&root, &packed)?;
    fs::remove_dir_all(&root)?;
    Ok(packed)
}

/// Puts a program into the file system at `root`, with the shared libraries that it needs. It is
/// copied into memory for every boot, and a backtrace there helps nobody: so without symbols.
fn put(program: &Path, to: &Path, root: &Path) -> Result<()> {
    let bytes = fs::read(program).with_context(|| program.display().to_string())?;
    if programs::is_static(&bytes) == Some(true) {
        return Ok(fs::write(to, bytes).and_then(|()| executable_mode(to))?);
    }
    run::output(Command::new("strip").arg("-o").arg(to).arg(program))?;
    for library in programs::libraries(program)? {
        let copy = root.join(library.strip_prefix("/")?);
        if !copy.exists() {
            fs::create_dir_all(copy.parent().context("a library in no folder")?)?;
            fs::copy(&library, &copy)?;
        }
    }
    Ok(())
}

fn executable(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(executable_mode(path)?)
}

fn executable_copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)?;
    Ok(executable_mode(to)?)
}

fn executable_mode(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn cpio(root: &Path, to: &Path) -> Result<()> {
    let mut find = Command::new("find");
    let mut find = find.current_dir(root).arg(".").stdout(Stdio::piped()).spawn()?;
    let names = find.stdout.take().context("find has no standard output")?;
    let mut cpio = Command::new("cpio");
    cpio.current_dir(root).args(["--quiet", "-o", "-H", "newc", "-R", "0:0"]);
    let packed =
        cpio.stdin(names).stdout(File::create(to)?).status().context("cannot start cpio")?;
    let listed = find.wait()?;
    ensure!(listed.success() && packed.success(), "find: {listed}, cpio: {packed}");
    Ok(())
}

/// The first process. It ends by switching the machine off, whatever happens.
fn script(suites: &[String]) -> String {
    let mut text = HEAD.to_owned();
    let knobs = [
        ("RINGBUF_RECORDS", RECORDS),
        ("RINGBUF_SCRIPTS", SCRIPTS),
        ("RINGBUF_ROUNDS", ROUNDS),
        ("RINGBUF_FENCE_ONLY", 1),
        ("RINGBUF_DISPOSABLE_KERNEL", 1),
    ];
    for (name, value) in knobs {
        line(&mut text, format_args!("export {name}={value}"));
    }
    line(&mut text, format_args!("export RINGBUF_SEED={SEED}"));
    line(&mut text, format_args!("echo; echo \"{MARK}begin $(uname -r)\""));
    line(&mut text, format_args!("echo \"{MARK}build $(uname -v)\""));
    for suite in suites {
        let call = match suite.as_str() {
            EXEC => exec(),
            name => {
                format!("timeout -s KILL {SUITE_LIMIT} /suites/{name} --test-threads=1 --nocapture")
            }
        };
        line(&mut text, format_args!("suite {suite}\n{call}\nend {suite} $?"));
    }
    line(&mut text, format_args!("dmesg | {}", complaints()));
    line(&mut text, format_args!("echo \"{MARK}done\"\npoweroff -f"));
    text
}

/// Finds complaints in the kernel's messages.
fn complaints() -> String {
    format!("grep -vE '{ECHOES}' | grep -E '{COMPLAINTS}' | sed 's/^/{MARK}kernel /'")
}

const HEAD: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
up() { cut -d' ' -f1 /proc/uptime; }
suite() { echo; echo "@@ suite $1 $(up)"; }
end() { # name exit-code
    echo; echo "@@ end $1 $2 $(up)"
    [ -s "$RINGBUF_SKIP_LOG" ] && sed 's/^/@@ skip /' "$RINGBUF_SKIP_LOG"
    rm -f "$RINGBUF_SKIP_LOG"
}
export RINGBUF_SKIP_LOG=/tmp/skipped
"#;

/// Starts the command, waits until it sees a program, starts those that it must see on one CPU and
/// the other in turn, ends it.
fn exec() -> String {
    let programs = STARTED.join(" ");
    let last = STARTED[STARTED.len() - 1];
    format!(
        r#"timeout -s KILL {SUITE_LIMIT} ringbuf exec --json >/tmp/events 2>/tmp/summary &
watch=$!
n=0
until grep -q /probe/ready /tmp/events || [ $n -ge 300 ] || ! kill -0 $watch; do
    /probe/ready; sleep 0.1; n=$((n + 1))
done
cpu=1
for name in {programs}; do
    taskset $cpu /probe/$name &
    echo "@@ started $! /probe/$name"
    wait $!
    cpu=$((3 - cpu))
done
n=0
until grep -q /probe/{last} /tmp/events || [ $n -ge 50 ]; do sleep 0.1; n=$((n + 1)); done
kill -TERM $watch
wait $watch
code=$?
grep /probe/ /tmp/events | grep -v /probe/ready | sed 's/^/@@ event /'
sed 's/^/@@ told /' /tmp/summary
(exit $code)"#
    )
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str, test: bool) -> Program {
        Program { name: name.to_owned(), file: PathBuf::new(), test }
    }

    #[test]
    fn the_script_runs_every_suite_and_switches_off() {
        let suites = suites(&[program("ringbuf", false), program("vectors", true)]);
        assert_eq!(suites, ["exec", "vectors"]);
        let text = script(&suites);
        assert!(text.starts_with("#!/bin/busybox sh\n") && text.ends_with("poweroff -f\n"));
        for part in ["suite exec\n", "/suites/vectors --test-threads=1", "end vectors $?"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let all = format!("for name in {};", STARTED.join(" "));
        assert!(text.contains(&all), "{text}");
    }

    #[test]
    fn the_script_is_one_for_a_shell() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("init");
        executable(&file, &script(&["exec".to_owned(), "a".to_owned()])).unwrap();
        assert!(run::works("sh", &["-n", file.to_str().unwrap()]));
    }

    #[test]
    fn our_own_command_line_is_no_complaint() {
        let text = "\
[0.0] Kernel command line: console=ttyS0 rcupdate.rcu_cpu_stall_suppress=1
[0.0] Unknown kernel command line parameters \"x=1\", rcu stall
[0.0] \tRCU CPU stall warnings suppressed (rcu_cpu_stall_suppress).
[9.9] rcu: INFO: rcu_sched self-detected stall on CPU
[9.9] WARNING: CPU: 0 PID: 1 at kernel/bpf/ringbuf.c:1
";
        let script = format!("printf '%s' \"$1\" | {}", complaints());
        let found = run::output(std::process::Command::new("sh").args(["-c", &script, "-", text]));
        let found = found.unwrap();
        assert_eq!(found.lines().count(), 2, "{found}");
        assert!(found.starts_with("@@ kernel [9.9] rcu: INFO: rcu_sched self-detected stall"));
    }

    #[test]
    fn marks_in_the_script_are_those_that_are_read() {
        let marks = script(&["exec".to_owned()]).matches(MARK).count();
        assert_eq!(marks, script(&["exec".to_owned()]).matches("@@").count());
        assert!(marks >= 9, "{marks}");
    }
}
