//! The files of sysfs that tell where a CPU is (Documentation/ABI/stable/sysfs-devices-system-cpu
//! and sysfs-devices-node of Linux 6.18).

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::TopologyError;

/// More than any kernel is built for (`NR_CPUS`).
const CPUS_MAX: u32 = 1 << 16;

/// `/sys/devices/system`, or a folder like it.
pub(super) struct Sysfs<'a> {
    root: &'a Path,
}

impl<'a> Sysfs<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self { root }
    }

    /// The CPUs that a file lists, which must be there.
    pub(super) fn cpus(&self, file: &str) -> Result<BTreeSet<u32>, TopologyError> {
        let path = self.root.join(file);
        match self.list(file)? {
            Some(cpus) => Ok(cpus),
            None => Err(TopologyError::Read { path, source: ErrorKind::NotFound.into() }),
        }
    }

    /// The memory nodes and the CPUs of each, ascending. Empty if the kernel has none.
    pub(super) fn nodes(&self) -> Result<Vec<(u32, BTreeSet<u32>)>, TopologyError> {
        let mut nodes = Vec::new();
        for number in self.numbered("node", "node") {
            if let Some(cpus) = self.list(&format!("node/node{number}/cpulist"))? {
                nodes.push((number, cpus));
            }
        }
        Ok(nodes)
    }

    /// The CPUs that share the cache of the highest level with `cpu`.
    pub(super) fn last_level_cache(
        &self,
        cpu: u32,
    ) -> Result<Option<BTreeSet<u32>>, TopologyError> {
        let folder = format!("cpu/cpu{cpu}/cache");
        let mut last: Option<(u32, BTreeSet<u32>)> = None;
        for number in self.numbered(&folder, "index") {
            let cache = format!("{folder}/index{number}");
            if self.text(&format!("{cache}/type"))?.is_some_and(|kind| kind == "Instruction") {
                continue;
            }
            let Some(level) = self.number(&format!("{cache}/level"))? else { continue };
            if last.as_ref().is_some_and(|(highest, _)| *highest >= level) {
                continue;
            }
            if let Some(shared) = self.list_with(&format!("{cache}/shared_cpu_list"), cpu)? {
                last = Some((level, shared));
            }
        }
        Ok(last.map(|(_, shared)| shared))
    }

    /// The CPUs of the same package.
    pub(super) fn package(&self, cpu: u32) -> Result<Option<BTreeSet<u32>>, TopologyError> {
        self.list_with(&format!("cpu/cpu{cpu}/topology/core_siblings_list"), cpu)
    }

    /// The CPUs of the same core, itself included.
    pub(super) fn core(&self, cpu: u32) -> Result<BTreeSet<u32>, TopologyError> {
        let file = format!("cpu/cpu{cpu}/topology/thread_siblings_list");
        Ok(self.list_with(&file, cpu)?.unwrap_or_else(|| BTreeSet::from([cpu])))
    }

    /// A list of neighbours of `cpu`, which must be in it.
    fn list_with(&self, file: &str, cpu: u32) -> Result<Option<BTreeSet<u32>>, TopologyError> {
        match self.list(file)? {
            Some(cpus) if !cpus.contains(&cpu) => Err(self.malformed(file)),
            cpus => Ok(cpus),
        }
    }

    /// The CPUs that a file lists, as in `0-3,8`. `None` without the file.
    fn list(&self, file: &str) -> Result<Option<BTreeSet<u32>>, TopologyError> {
        let Some(text) = self.text(file)? else { return Ok(None) };
        cpu_list(&text).map(Some).ok_or_else(|| self.malformed(file))
    }

    fn number(&self, file: &str) -> Result<Option<u32>, TopologyError> {
        let Some(text) = self.text(file)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.malformed(file))
    }

    fn text(&self, file: &str) -> Result<Option<String>, TopologyError> {
        let path = self.root.join(file);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(TopologyError::Read { path, source }),
        }
    }

    /// The numbers of the entries of `folder` that are named `prefix` and a number.
    fn numbered(&self, folder: &str, prefix: &str) -> BTreeSet<u32> {
        let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter_map(|name| name.strip_prefix(prefix)?.parse().ok()).collect()
    }

    fn malformed(&self, file: &str) -> TopologyError {
        let path: PathBuf = self.root.join(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        TopologyError::Malformed { path, text }
    }
}

/// Parses the kernel's list format (`%*pbl`), as in `0-3,8`.
fn cpu_list(text: &str) -> Option<BTreeSet<u32>> {
    let mut cpus = BTreeSet::new();
    for range in text.split(',').filter(|_| !text.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= CPUS_MAX {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::cpu_list;

    #[test]
    fn lists_are_parsed_or_refused() {
        let list = |text| cpu_list(text).map(|cpus| cpus.into_iter().collect::<Vec<_>>());
        assert_eq!(list(""), Some(vec![]));
        assert_eq!(list("0"), Some(vec![0]));
        assert_eq!(list("0-3,8"), Some(vec![0, 1, 2, 3, 8]));
        for text in ["3-0", "a", "0,", ",1", "0-", "-1", "0 1", "0-4294967295", "0-65536", "1--2"] {
            assert_eq!(list(text), None, "{text}");
        }
    }
}
