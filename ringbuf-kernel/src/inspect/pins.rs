//! Where maps are pinned.

use std::collections::HashMap;
use std::ffi::{CString, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::sys;

/// More files than this are not looked at. A bpffs may hold any number.
const MOST: usize = 10_000;

/// Finds the paths at which these maps are pinned, in each bpffs that this process sees.
/// Opens each pinned object for a moment. A map without a pin is not in the answer.
///
/// It looks at 10,000 files at most.
///
/// ```no_run
/// for path in ringbuf_kernel::pins_of(&[57]).into_values().flatten() {
///     println!("{}", path.display());
/// }
/// ```
#[must_use]
pub fn pins_of(maps: &[u32]) -> HashMap<u32, Vec<PathBuf>> {
    let mut found: HashMap<u32, Vec<PathBuf>> = HashMap::new();
    let mut left = MOST;
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mut folders: Vec<PathBuf> = mounts.split(|byte| *byte == b'\n').filter_map(bpffs).collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            if left == 0 {
                return found;
            }
            left -= 1;
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => {
                    let path = entry.path();
                    if let Some(id) = map_at(&path).filter(|id| maps.contains(id)) {
                        found.entry(id).or_default().push(path);
                    }
                }
                _ => {}
            }
        }
    }
    found.values_mut().for_each(|paths| {
        paths.sort();
        paths.dedup();
    });
    found
}

/// The id of the map that is pinned at `path`.
fn map_at(path: &Path) -> Option<u32> {
    let name = CString::new(path.as_os_str().as_bytes()).ok()?;
    let fd = sys::get_pinned(&name).ok()?;
    sys::is_map(&fd).ok()?;
    Some(sys::info(&fd).ok()?.id)
}

/// The mount point in a line of mountinfo, if it is a bpffs (`proc_pid_mountinfo(5)`).
fn bpffs(line: &[u8]) -> Option<PathBuf> {
    let mut fields = line.split(|byte| *byte == b' ');
    let place = fields.nth(4)?;
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    (kind == b"bpf").then(|| PathBuf::from(unescaped(place)))
}

/// Spaces and other bytes are written as a backslash and three octal digits.
fn unescaped(text: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bpffs_is_found_among_mounts() {
        let line = br"31 24 0:27 / /sys/fs/bpf rw,nosuid shared:9 - bpf bpf rw,mode=700";
        assert_eq!(bpffs(line), Some(PathBuf::from("/sys/fs/bpf")));
        let line = br"31 24 0:27 / /a\040b\134c rw - bpf none rw";
        assert_eq!(bpffs(line), Some(PathBuf::from(r"/a b\c")));
        for line in [&b"31 24 0:27 / /sys rw shared:9 - sysfs sysfs rw"[..], b"", b"31 24"] {
            assert_eq!(bpffs(line), None);
        }
    }
}
