//! Checks the running kernel before anything is loaded. Each missing requirement
//! has a message that says what to do.

use std::fmt;
use std::fs;
use std::path::Path;

/// The tracepoint for the BPF program, below `events`.
const TRACEPOINT: &str = "syscalls/sys_enter_execve";
/// Possible mount points of tracefs.
const TRACING: [&str; 2] = ["sys/kernel/tracing", "sys/kernel/debug/tracing"];
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Checks the machine with its file systems below `root`, normally `/`.
///
/// If a fact cannot be determined, the check passes and the kernel decides.
pub(crate) fn check(root: &Path) -> Result<(), Missing> {
    check_release(root)?;
    check_capabilities(root)?;
    if !root.join("sys/kernel/btf/vmlinux").exists() {
        return Err(Missing::Btf);
    }
    Ok(())
}

/// Whether tracefs tells the number of the tracepoint to this process. Without it, a raw tracepoint
/// does the same at a higher cost.
pub(crate) fn has_tracepoint(root: &Path) -> bool {
    let id = Path::new("events").join(TRACEPOINT).join("id");
    TRACING.iter().any(|tracing| fs::read(root.join(tracing).join(&id)).is_ok())
}

fn check_release(root: &Path) -> Result<(), Missing> {
    let release = fs::read_to_string(root.join("proc/sys/kernel/osrelease")).unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) < (5, 8) => {
            Err(Missing::Release { release: release.trim().to_owned() })
        }
        _ => Ok(()),
    }
}

fn check_capabilities(root: &Path) -> Result<(), Missing> {
    let status = fs::read_to_string(root.join("proc/self/status")).unwrap_or_default();
    let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let Some(effective) = field("CapEff:").and_then(|hex| u64::from_str_radix(hex, 16).ok()) else {
        return Ok(());
    };
    let has = |capability: u32| effective >> capability & 1 == 1;
    if has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON)) {
        return Ok(());
    }
    let lacks = match (has(CAP_BPF), has(CAP_PERFMON)) {
        (true, _) => "CAP_PERFMON",
        (_, true) => "CAP_BPF",
        _ => "CAP_BPF and CAP_PERFMON",
    };
    // Uid: real, effective, saved, file system.
    let user = field("Uid:").and_then(|ids| ids.split_whitespace().nth(1));
    Err(Missing::Capabilities { lacks, root: user == Some("0") })
}

/// The requirement that is missing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Release { release: String },
    Capabilities { lacks: &'static str, root: bool },
    Btf,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release { release } => write!(
                f,
                "this kernel is Linux {release}, but ring buffer maps need Linux 5.8: \
                 boot a newer kernel"
            ),
            Self::Capabilities { lacks, root: false } => write!(
                f,
                "loading this BPF program needs root, or CAP_BPF and CAP_PERFMON; this process is \
                 not root and lacks {lacks}: run `sudo ringbuf exec`"
            ),
            Self::Capabilities { lacks, root: true } => write!(
                f,
                "this process is root, but lacks {lacks}, as in a container: run it on the host, \
                 or give the container the capabilities BPF and PERFMON"
            ),
            Self::Btf => f.write_str(
                "the type information of the kernel (/sys/kernel/btf/vmlinux) is missing, and the \
                 BPF program needs it (CO-RE): mount sysfs, and use a kernel that was built with \
                 CONFIG_DEBUG_INFO_BTF=y, as in most distributions",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A machine without a missing requirement.
    fn machine() -> TempDir {
        let root = TempDir::new().unwrap();
        put(&root, "proc/sys/kernel/osrelease", "5.10.0-30-amd64\n");
        status(&root, 1000, 1 << CAP_BPF | 1 << CAP_PERFMON);
        put(&root, "sys/kernel/btf/vmlinux", "");
        put(&root, "sys/kernel/tracing/events/syscalls/sys_enter_execve/id", "711\n");
        root
    }

    fn put(root: &TempDir, path: &str, text: &str) {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn status(root: &TempDir, user: u32, effective: u64) {
        let ids = format!("Uid:\t1000\t{user}\t1000\t1000\n");
        let text = format!("Name:\tringbuf\n{ids}CapPrm:\t0\nCapEff:\t{effective:016x}\n");
        put(root, "proc/self/status", &text);
    }

    fn without(path: &str) -> Result<(), Missing> {
        let root = machine();
        fs::remove_dir_all(root.path().join(path)).unwrap();
        check(root.path())
    }

    #[test]
    fn nothing_is_missing() {
        assert_eq!(check(machine().path()), Ok(()));
        // The kernel decides facts that cannot be determined.
        assert_eq!(without("proc"), Ok(()));
        let debugfs = machine();
        fs::create_dir_all(debugfs.path().join("sys/kernel/debug")).unwrap();
        let [here, there] = TRACING.map(|path| debugfs.path().join(path));
        fs::rename(here, there).unwrap();
        assert_eq!(check(debugfs.path()), Ok(()));
        assert!(has_tracepoint(machine().path()) && has_tracepoint(debugfs.path()));
    }

    #[test]
    fn kernels_before_5_8_are_refused() {
        let root = machine();
        for (release, old) in
            [("5.7.19", true), ("4.19.0-27", true), ("5.8.0", false), ("6.1", false), ("?", false)]
        {
            put(&root, "proc/sys/kernel/osrelease", release);
            let missing = Missing::Release { release: release.to_owned() };
            assert_eq!(check(root.path()), if old { Err(missing) } else { Ok(()) });
        }
    }

    #[test]
    fn missing_capabilities_are_named() {
        let root = machine();
        let lacks = |user, effective| {
            status(&root, user, effective);
            check(root.path()).err()
        };
        let missing = |lacks, root| Some(Missing::Capabilities { lacks, root });
        assert_eq!(lacks(1000, 0), missing("CAP_BPF and CAP_PERFMON", false));
        assert_eq!(lacks(1000, 1 << CAP_BPF), missing("CAP_PERFMON", false));
        assert_eq!(lacks(0, 1 << CAP_PERFMON), missing("CAP_BPF", true));
        assert_eq!(lacks(1000, 1 << CAP_SYS_ADMIN), None);
        assert_eq!(lacks(0, u64::MAX), None);
    }

    #[test]
    fn missing_type_information_is_named() {
        assert_eq!(without("sys/kernel/btf"), Err(Missing::Btf));
    }

    #[test]
    fn tracefs_may_be_missing() {
        let root = machine();
        fs::remove_dir_all(root.path().join("sys/kernel/tracing")).unwrap();
        assert_eq!(check(root.path()), Ok(()));
        assert!(!has_tracepoint(root.path()));
    }

    #[test]
    fn each_text_says_what_to_do() {
        let missing = [
            (Missing::Release { release: "5.4.0".into() }, "5.4.0, but ring buffer maps need"),
            (Missing::Capabilities { lacks: "CAP_BPF", root: false }, "`sudo ringbuf exec`"),
            (Missing::Capabilities { lacks: "CAP_BPF", root: true }, "container"),
            (Missing::Btf, "CONFIG_DEBUG_INFO_BTF"),
        ];
        for (missing, words) in missing {
            assert!(missing.to_string().contains(words), "{missing}");
        }
    }
}
