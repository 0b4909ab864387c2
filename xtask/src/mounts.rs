//! The two kernel file systems that the live parts need, and that minimal machines do not mount.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::packages::is_root;
use crate::run;

/// One file system: what it is for, and how to tell that it is there.
#[derive(Debug)]
pub(crate) struct Mount {
    kind: &'static str,
    at: &'static str,
    why: &'static str,
    there: fn() -> bool,
}

pub(crate) const TRACEFS: Mount = Mount {
    kind: "tracefs",
    at: "/sys/kernel/tracing",
    why: "the kernel lists its tracepoints there",
    there: || {
        has_entries("/sys/kernel/tracing/events") || has_entries("/sys/kernel/debug/tracing/events")
    },
};

pub(crate) const BPFFS: Mount = Mount {
    kind: "bpf",
    at: "/sys/fs/bpf",
    why: "tests pin maps there",
    there: || {
        fs::read_to_string("/proc/self/mounts").is_ok_and(|m| mounted(&m, "bpf", "/sys/fs/bpf"))
    },
};

impl Mount {
    /// Mounts it with a notice if it is not there. A refusal is printed, but is not an error: each
    /// check that needs the file system reports that it cannot run.
    pub(crate) fn ensure(&self) {
        if !cfg!(target_os = "linux") || (self.there)() {
            return;
        }
        let Self { kind, at, why, .. } = self;
        let args = ["-t", kind, kind, at];
        let command = format!("mount {}", args.join(" "));
        if !is_root() {
            eprintln!("xtask: {kind} is not mounted at {at} ({why}). Run as root: {command}");
        } else if run::works("mount", &args) {
            eprintln!("xtask: mounted {kind} at {at} ({why})");
        } else {
            eprintln!("xtask: `{command}` failed ({why})");
        }
    }
}

/// A folder that we may not read exists.
fn has_entries(folder: &str) -> bool {
    match fs::read_dir(Path::new(folder)) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    }
}

fn mounted(mounts: &str, kind: &str, at: &str) -> bool {
    mounts.lines().any(|line| {
        let mut words = line.split(' ').skip(1);
        words.next() == Some(at) && words.next() == Some(kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_by_place_and_kind() {
        let mounts = "sysfs /sys sysfs rw 0 0\nnone /sys/fs/bpf bpf rw,mode=700 0 0\n";
        assert!(mounted(mounts, "bpf", "/sys/fs/bpf"));
        assert!(!mounted(mounts, "tmpfs", "/sys/fs/bpf"));
        assert!(!mounted(mounts, "bpf", "/sys"));
    }

    #[test]
    fn empty_or_absent_folders_have_no_entries() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        assert!(!has_entries(path));
        assert!(!has_entries(&format!("{path}/absent")));
        fs::write(folder.path().join("x"), "").unwrap();
        assert!(has_entries(path));
    }
}
