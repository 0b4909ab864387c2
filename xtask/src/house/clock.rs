//! No test depends on the speed of its host: where test code reads the clock, a comment states the
//! purpose.

use super::File;

/// The purposes of reading the clock. None of them can make a test fail on a slow host: to see that
/// a sleep was not too short; to end a test that hangs; to print a time; to repeat something that
/// nobody counts for a while.
const PURPOSES: [&str; 4] = ["lower bound:", "watchdog:", "printed only:", "budget:"];
// The needles are put together so that the tests below do not contain them.
const ELAPSED: &str = concat!("elapsed", "()");
const NOW: &str = concat!("Instant::", "now()");
const LOOKS: [&str; 4] = [
    ELAPSED,
    concat!("duration_", "since("),
    concat!("recv_", "timeout("),
    concat!("wait_", "timeout("),
];

/// Readings of the clock without a purpose, on their line or in the comment above it. The
/// difference of two instants that are subtracted is not found.
pub(super) fn unexplained(file: &File) -> Vec<String> {
    let mut broken = Vec::new();
    let mut comment = false;
    for (number, line) in test_code(file) {
        let is_comment = line.trim_start().starts_with("//");
        let explained = PURPOSES.iter().any(|purpose| line.contains(purpose));
        if is_comment {
            comment |= explained;
            continue;
        }
        if looks(line) && !explained && !comment {
            broken.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
        }
        comment = false;
    }
    broken
}

/// Returns true if a line compares a time, or waits for one. Noting the start does not count, nor
/// does a seed. An assertion that a time has passed shows its purpose itself.
fn looks(line: &str) -> bool {
    if line.contains("UNIX_EPOCH") {
        return false;
    }
    let lower = line.contains("assert!(") && line.contains(&format!("{ELAPSED} >="));
    let compares = LOOKS.iter().any(|look| line.contains(look)) && !lower;
    let bound = |rest: &str| [";", ",", ")"].iter().any(|end| rest.starts_with(end));
    compares || line.split(NOW).skip(1).any(|rest| !bound(rest))
}

/// The lines of a file that only tests run, with their numbers from 0.
fn test_code(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let place =
        |folder: &str| file.path.starts_with(folder) || file.path.contains(&format!("/{folder}"));
    let all =
        ["tests/", "portable/", "fuzz/bodies/"].into_iter().any(place) || file.is(&["tests.rs"]);
    let lines = || file.text.lines();
    let marked = lines().zip(lines().skip(1)).position(|(mark, next)| {
        mark.trim() == "#[cfg(test)]"
            && next.trim_start().starts_with("mod ")
            && next.ends_with('{')
    });
    let from = match (file.is(&[".rs"]), all) {
        (false, _) => usize::MAX,
        (true, true) => 0,
        (true, false) => marked.unwrap_or(usize::MAX),
    };
    file.text.lines().enumerate().skip(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> usize {
        let text = text.replace("ELAPSED", ELAPSED).replace("NOW", NOW);
        unexplained(&File { path: path.to_owned(), text }).len()
    }

    #[test]
    fn a_look_at_the_clock_is_found_where_it_says_nothing() {
        let planted = [
            "assert!(start.ELAPSED < LIMIT, \"woken, not timed out\");",
            "while start.ELAPSED < time {",
            "while NOW < end {",
            "let deadline = NOW + LIMIT;",
            &format!("lines.{}LONG)", LOOKS[2]),
        ];
        for line in planted {
            for path in ["tests/tests/a.rs", "ringbuf-sim/tests/a.rs", "portable/src/a.rs"] {
                assert_eq!(broken(path, line), 1, "{line}");
                for purpose in PURPOSES {
                    assert_eq!(broken(path, &format!("{line} // {purpose} x")), 0, "{line}");
                    assert_eq!(
                        broken(path, &format!("// {purpose}\n// more\n{line}")),
                        0,
                        "{line}"
                    );
                    assert_eq!(broken(path, &format!("// {purpose}\nx();\n{line}")), 1, "{line}");
                }
            }
            let inside = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{line}\n}}");
            assert_eq!(broken("xtask/src/a.rs", &inside), 1, "{line}");
            assert_eq!(broken("xtask/src/a.rs", line), 0, "no test: {line}");
            assert_eq!(broken("tests/README.md", line), 0, "no code: {line}");
        }
    }

    #[test]
    fn what_cannot_fail_on_a_slow_host_is_free() {
        let free = [
            "let (start, shown) = (NOW, NOW);",
            "assert!(start.ELAPSED >= time, \"a sleep was too short\");",
            "let seed = UNIX_EPOCH.ELAPSED;",
            "// start.ELAPSED < LIMIT",
        ];
        for line in free {
            assert_eq!(broken("tests/tests/a.rs", line), 0, "{line}");
        }
    }
}
