//! [`Style`]: colours and characters that this terminal has.

use std::env;
use std::ffi::OsString;

/// What may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) colour: bool,
    pub(crate) unicode: bool,
}

impl Style {
    /// Neither colours nor anything that is not ASCII.
    #[cfg(test)]
    pub(crate) const fn plain() -> Self {
        Self { colour: false, unicode: false }
    }

    /// What the environment permits: `NO_COLOR` (<https://no-color.org>) and the locale.
    pub(crate) fn of_environment(terminal: bool) -> Self {
        Self::of(terminal, |name| env::var_os(name))
    }

    fn of(terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| variable(name).filter(|value: &OsString| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let locale = locale.to_string_lossy().to_lowercase();
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        Self {
            colour: terminal && !dumb && set("NO_COLOR").is_none(),
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
        }
    }

    /// A bar of `width` characters.
    pub(super) fn bar(self, share: f64, width: usize) -> String {
        let full = ((share * width as f64).round() as usize).min(width);
        let (on, off) = if self.unicode { ("█", "░") } else { ("#", ".") };
        on.repeat(full) + &off.repeat(width - full)
    }

    /// A line of the last values, the highest of them at full height. A value that is not
    /// known leaves a gap.
    pub(super) fn spark(self, values: &[Option<f32>], highest: f32, width: usize) -> String {
        let levels: &[char] = if self.unicode {
            &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            &['_', '.', ':', '-', '=', '+', '*', '#']
        };
        let newest = values.iter().skip(values.len().saturating_sub(width));
        newest
            .map(|value| match value {
                None => ' ',
                Some(value) => {
                    let share = if highest > 0.0 { value / highest } else { 0.0 };
                    let level = (share * (levels.len() - 1) as f32).round() as usize;
                    levels[level.min(levels.len() - 1)]
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(terminal: bool, variables: &[(&str, &str)]) -> Style {
        let get = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
        };
        Style::of(terminal, get)
    }

    #[test]
    fn the_environment_decides() {
        let all = Style { colour: true, unicode: true };
        assert_eq!(of(true, &[("LANG", "C.UTF-8"), ("TERM", "xterm")]), all);
        assert_eq!(
            of(true, &[("LC_ALL", "C"), ("LANG", "C.UTF-8")]),
            Style { unicode: false, ..all }
        );
        assert_eq!(of(true, &[("LC_ALL", ""), ("LC_CTYPE", "de_DE.utf8")]), all);
        assert_eq!(of(false, &[]), Style::plain());
        assert!(!of(true, &[("NO_COLOR", "1")]).colour);
        assert!(of(true, &[("NO_COLOR", "")]).colour, "an empty value is not set");
        assert!(!of(true, &[("TERM", "dumb")]).colour);
    }

    #[test]
    fn bars_and_lines_keep_their_width() {
        let unicode = Style { colour: false, unicode: true };
        assert_eq!(unicode.bar(0.41, 9), "████░░░░░");
        assert_eq!(Style::plain().bar(7.0, 4), "####");
        assert_eq!(Style::plain().bar(f64::NAN, 4), "....");
        let values = [Some(0.0), None, Some(50.0), Some(100.0)];
        assert_eq!(unicode.spark(&values, 100.0, 9), "▁ ▅█");
        assert_eq!(Style::plain().spark(&values, 100.0, 2), "=#");
        assert_eq!(Style::plain().spark(&[Some(0.0)], 0.0, 2), "_");
    }
}
