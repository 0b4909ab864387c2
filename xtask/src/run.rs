//! Starts other programs and passes on their output.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

/// The cargo that started us, or the one in the path.
pub(crate) fn cargo() -> Command {
    Command::new(cargo_path())
}

/// The path of that cargo.
pub(crate) fn cargo_path() -> PathBuf {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).into()
}

/// Standard output of a command that must succeed; its standard error is shown.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let what = describe(command);
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{what}`"))?;
    if !out.status.success() {
        bail!("`{what}`: {}", out.status);
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Whether a command can be started and succeeds; it prints nothing.
pub(crate) fn works(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The program's location in the path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The command as a user would type it.
pub(crate) fn describe(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(name).chain(args).collect::<Vec<_>>().join(" ")
}

/// Writes to standard output at once. A closed pipe (`| head`) is not an error here.
pub(crate) fn echo(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _gone = out.write_all(bytes).and_then(|()| out.flush());
}

/// Calls `each` with every line, as it comes, until the other side closes.
pub(crate) fn lines(from: impl Read, mut each: impl FnMut(&[u8])) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        each(&line);
        line.clear();
    }
}

/// Runs a command without input, passes on what it prints, and shows `each` every line of standard
/// output. With `keep_error`, also returns the last line of standard error that is not empty;
/// otherwise standard error goes straight through, with its colours.
pub(crate) fn stream(
    command: &mut Command,
    keep_error: bool,
    mut each: impl FnMut(&str),
) -> Result<(ExitStatus, String)> {
    let stderr = if keep_error { Stdio::piped() } else { Stdio::inherit() };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .with_context(|| format!("cannot start `{}`", describe(command)))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let last = thread::scope(|scope| {
        let errors = scope.spawn(|| {
            let mut last = String::new();
            if let Some(err) = err {
                lines(err, |line| {
                    let text = String::from_utf8_lossy(line);
                    eprint!("{text}");
                    if !text.trim().is_empty() {
                        last = text.trim().to_owned();
                    }
                });
            }
            last
        });
        if let Some(out) = out {
            lines(out, |line| {
                echo(line);
                each(&String::from_utf8_lossy(line));
            });
        }
        errors.join().unwrap_or_default()
    });
    Ok((child.wait()?, last))
}

/// The exit code to pass on; a program ended by a signal counts as failed.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn stream_shows_lines_and_keeps_the_last_error() {
        let mut seen = Vec::new();
        let mut command = shell("echo one; echo two; echo why >&2; echo >&2; exit 77");
        let (status, last) = stream(&mut command, true, |l| seen.push(l.to_owned())).unwrap();
        assert_eq!(seen, ["one\n", "two\n"]);
        assert_eq!((exit_code(status), last.as_str()), (77, "why"));
    }

    #[test]
    fn a_signal_is_a_failure() {
        let (status, _) = stream(&mut shell("kill -9 $$"), false, |_| ()).unwrap();
        assert_eq!(exit_code(status), 1);
    }

    #[test]
    fn a_command_that_fails_is_named() {
        let error = output(&mut shell("exit 3")).unwrap_err().to_string();
        assert!(error.contains("sh -c exit 3"), "{error}");
    }

    #[test]
    fn describe_drops_the_folder() {
        let mut command = Command::new("/some/where/cargo");
        command.args(["test", "-p", "x"]);
        assert_eq!(describe(&command), "cargo test -p x");
    }
}
