//! Child processes that procfs can be asked about.

use std::process::{Child, Command};
use std::{fs, io, thread};

/// Starts another program, and waits until it has no descriptor of ours.
///
/// `spawn` returns earlier: in execve(2), the kernel lets the parent of a `vfork` go on before it
/// closes what is close-on-exec. Until then procfs shows our maps as the child's, those of other
/// tests, too.
///
/// Do not start this very program with it: the name tells when it is done.
///
/// # Errors
/// As `spawn`.
pub fn spawn_apart(command: &mut Command) -> io::Result<Child> {
    let ours = fs::read_to_string("/proc/thread-self/comm")?;
    let child = command.spawn()?;
    let theirs = format!("/proc/{}/comm", child.id());
    // The kernel sets the name of the new program after it has closed the descriptors.
    while fs::read_to_string(&theirs).is_ok_and(|name| name == ours) {
        thread::yield_now();
    }
    Ok(child)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::process::Stdio;

    use super::*;

    /// With `spawn` alone, most rounds show some of them: closing many takes time.
    #[test]
    fn the_descriptors_of_the_parent_have_gone() {
        let ours: Vec<File> = (0..300).map(|_| File::open("/dev/null").expect("open")).collect();
        for round in 0..50 {
            let mut command = Command::new("sleep");
            command.arg("1000").stdin(Stdio::null()).stdout(Stdio::null());
            let mut child = spawn_apart(&mut command).expect("it starts");
            let shown = fs::read_dir(format!("/proc/{}/fd", child.id())).expect("procfs").count();
            child.kill().and_then(|()| child.wait()).expect("ours");
            assert!(shown < ours.len() / 2, "round {round}: {shown} descriptors");
        }
    }
}
