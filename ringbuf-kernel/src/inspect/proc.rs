//! What procfs says of a process: its descriptors, mappings, and what its threads wait for.

use std::fs;
use std::io;
use std::path::PathBuf;

/// One process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
}

/// A descriptor of a BPF map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MapFd {
    pub(super) fd: u32,
    pub(super) map_type: u32,
    pub(super) map_id: u32,
    pub(super) max_entries: u64,
}

/// The descriptors of a process that matter here.
#[derive(Debug, Default)]
pub(super) struct Fds {
    pub(super) maps: Vec<MapFd>,
    /// Each epoll set, with the descriptors that it watches.
    pub(super) epolls: Vec<(u32, Vec<u32>)>,
}

/// A mapping of a BPF map. Procfs does not say of which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) len: u64,
    pub(super) offset: u64,
    pub(super) writable: bool,
}

/// All processes that procfs shows.
pub(super) fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.map(|pid| Process { pid }).collect()
}

impl Process {
    fn path(self, below: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{below}", self.pid))
    }

    /// The name of its main thread.
    pub(super) fn comm(self) -> String {
        let comm = fs::read(self.path("comm")).unwrap_or_default();
        String::from_utf8_lossy(&comm).trim_end_matches('\n').to_owned()
    }

    /// Its descriptors of maps and epoll sets. A descriptor that is closed meanwhile is left
    /// out.
    pub(super) fn fds(self) -> io::Result<Fds> {
        let mut fds = Fds::default();
        for entry in fs::read_dir(self.path("fd"))?.flatten() {
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            let Some(fd) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let info = || fs::read_to_string(self.path(&format!("fdinfo/{fd}")));
            match target.to_str() {
                Some("anon_inode:bpf-map") => {
                    fds.maps.extend(info().ok().and_then(|text| map_fd(fd, &text)));
                }
                Some("anon_inode:[eventpoll]") => {
                    fds.epolls.extend(info().ok().map(|text| (fd, watched(&text))));
                }
                _ => {}
            }
        }
        Ok(fds)
    }

    /// Its mappings of BPF maps.
    pub(super) fn mappings(self) -> io::Result<Vec<Mapped>> {
        let maps = fs::read(self.path("maps"))?;
        Ok(String::from_utf8_lossy(&maps).lines().filter_map(mapped).collect())
    }

    /// The system call that each thread is in, as far as that is permitted: its number and
    /// its first argument. A thread that runs has none.
    pub(super) fn system_calls(self) -> io::Result<Vec<(libc::c_long, u64)>> {
        let mut calls = Vec::new();
        for entry in fs::read_dir(self.path("task"))?.flatten() {
            match fs::read_to_string(entry.path().join("syscall")) {
                Ok(text) => calls.extend(system_call(&text)),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        Ok(calls)
    }
}

/// The value after `name:` in a file of fdinfo.
fn field<T: std::str::FromStr>(text: &str, name: &str) -> Option<T> {
    let of_line = |line: &str| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok();
    text.lines().find_map(of_line)
}

fn map_fd(fd: u32, text: &str) -> Option<MapFd> {
    Some(MapFd {
        fd,
        map_type: field(text, "map_type")?,
        map_id: field(text, "map_id")?,
        max_entries: field(text, "max_entries")?,
    })
}

/// The descriptors in the lines `tfd: 5 events: 19 data: 0 ...` of an epoll set.
fn watched(text: &str) -> Vec<u32> {
    let of_line =
        |line: &str| line.strip_prefix("tfd:")?.split_ascii_whitespace().next()?.parse().ok();
    text.lines().filter_map(of_line).collect()
}

/// A line of maps: `7f0-7f1 rw-s 00001000 00:0e 1057 anon_inode:bpf-map`.
fn mapped(line: &str) -> Option<Mapped> {
    let mut fields = line.split_ascii_whitespace();
    let (range, permissions, offset) = (fields.next()?, fields.next()?, fields.next()?);
    if !fields.nth(2)?.ends_with("anon_inode:bpf-map") {
        return None;
    }
    let (from, to) = range.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some(Mapped {
        len: number(to)?.checked_sub(number(from)?)?,
        offset: number(offset)?,
        writable: permissions.contains('w'),
    })
}

/// The file syscall of a thread: `232 0x4 0x7ffc...`, `running`, or `-1 ...`.
fn system_call(text: &str) -> Option<(libc::c_long, u64)> {
    let mut fields = text.split_ascii_whitespace();
    let number = fields.next()?.parse().ok().filter(|number| *number >= 0)?;
    let first = u64::from_str_radix(fields.next()?.trim_start_matches("0x"), 16).ok()?;
    Some((number, first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_told_by_fdinfo() {
        let text = "pos:\t0\nflags:\t02000002\nmap_type:\t27\nkey_size:\t0\nvalue_size:\t0\n\
                    max_entries:\t65536\nmap_flags:\t0x0\nmemlock:\t78120\nmap_id:\t57\nfrozen:\t0\n";
        let expected = MapFd { fd: 5, map_type: 27, map_id: 57, max_entries: 65536 };
        assert_eq!(map_fd(5, text), Some(expected));
        assert_eq!(map_fd(5, "map_type:\t27\n"), None);
    }

    #[test]
    fn an_epoll_set_tells_what_it_watches() {
        let text = "pos:\t0\nflags:\t02\ntfd:        5 events:       19 data:                0  pos:0\n\
                    tfd:       11 events: 80000001 data: 7\n";
        assert_eq!(watched(text), [5, 11]);
    }

    #[test]
    fn mappings_of_maps_are_told_from_others() {
        let line = "7f01a000-7f01b000 rw-s 00000000 00:0f 1060                 anon_inode:bpf-map";
        assert_eq!(mapped(line), Some(Mapped { len: 4096, offset: 0, writable: true }));
        let line = "7f01b000-7f03c000 r--s 00001000 00:0f 1060   anon_inode:bpf-map";
        assert_eq!(mapped(line), Some(Mapped { len: 0x21000, offset: 4096, writable: false }));
        for line in [
            "7f01a000-7f01b000 rw-p 00000000 00:00 0",
            "",
            "7f01a000-7f01b000 rw-p 0 00:00 0 [heap]",
        ] {
            assert_eq!(mapped(line), None);
        }
    }

    #[test]
    fn a_thread_tells_its_system_call() {
        assert_eq!(system_call("232 0x4 0x7ffc 0x1 0xffffffff 0x0 0x0 0x7f 0x7f"), Some((232, 4)));
        assert_eq!(system_call("running\n"), None);
        assert_eq!(system_call("-1 0x7f 0x7f"), None);
    }
}
