//! The result of a litmus test.

use std::fmt;

/// Whether the asked-for state can be reached, and whether plain accesses race.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    reached: Reached,
    race: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    Never,
    Sometimes,
    Always,
}

impl Outcome {
    /// `Never`, `Sometimes` or `Always`, and `DATARACE` behind it if so.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let reached = Reached::parse(words.next()?)?;
        match (words.next(), words.next()) {
            (None, _) => Some(Self { reached, race: false }),
            (Some("DATARACE"), None) => Some(Self { reached, race: true }),
            _ => None,
        }
    }

    /// Reads the output of herd7. The model of C calls a race undefined.
    pub(super) fn of_run(output: &str) -> Option<Self> {
        let observation = output.lines().find_map(|line| line.strip_prefix("Observation "))?;
        let reached = Reached::parse(observation.split_whitespace().nth(1)?)?;
        let flag = |line: &str| ["Flag data-race", "Flag *undef*"].contains(&line.trim());
        Some(Self { reached, race: output.lines().any(flag) })
    }
}

impl Reached {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "Never" => Some(Self::Never),
            "Sometimes" => Some(Self::Sometimes),
            "Always" => Some(Self::Always),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.reached, if self.race { " DATARACE" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_runs() {
        for (comment, flag, word) in [
            ("Never", "", "Never"),
            ("Never DATARACE", "Flag *undef*\n", "Never"),
            ("Sometimes DATARACE", "Flag data-race\n", "Sometimes"),
            ("Always", "Flag Assuming-common-inner-shareable-domain\n", "Always"),
        ] {
            let run = format!("Test x\n{flag}Observation x {word} 0 3\n");
            let want = Outcome::parse(comment).unwrap();
            assert_eq!(Outcome::of_run(&run), Some(want));
            assert_eq!(want.to_string(), comment);
        }
        for bad in ["", "never", "Never RACE", "Never DATARACE DATARACE"] {
            assert_eq!(Outcome::parse(bad), None, "{bad}");
        }
        assert_eq!(Outcome::of_run("Warning: x (User error)\n"), None);
    }
}
