//! The possible CPUs: values of a per-CPU map come in their order.

use std::fs;
use std::io;

const POSSIBLE: &str = "/sys/devices/system/cpu/possible";

/// The kernel has more CPUs than the list, or fewer.
pub(super) const WRONG: &str = "/sys/devices/system/cpu/possible is not the list of this kernel: \
     mount its sysfs there";

/// The numbers of the possible CPUs, ascending.
pub(crate) fn possible() -> io::Result<Vec<u32>> {
    let list = fs::read_to_string(POSSIBLE)?;
    parse(list.trim()).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{POSSIBLE} has {list:?}"))
    })
}

/// The kernel's list format, as in `0-3,8`.
fn parse(list: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        // The kernel has at most 8192 CPUs (CONFIG_NR_CPUS).
        if first > last || last > u32::from(u16::MAX) {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        assert_eq!(parse("0-2,5"), Some(vec![0, 1, 2, 5]));
        assert_eq!(parse("0"), Some(vec![0]));
        for bad in ["", "a", "3-1", "0-4294967295", "1,"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert!(!possible().unwrap().is_empty());
    }
}
