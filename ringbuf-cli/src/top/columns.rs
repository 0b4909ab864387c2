//! [`Column`]: what is shown of a ring, and how rings are sorted.

use std::cmp::Ordering;

use clap::ValueEnum;

use super::style::Style;
use crate::format::escape;
use crate::watch::{How, LossSource, Process, Row};

/// The columns, in the order of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Column {
    Id,
    Name,
    Size,
    Fill,
    High,
    In,
    Out,
    Rec,
    Lost,
    Head,
    Reader,
    State,
}

impl Column {
    pub(super) const ALL: [Self; 12] = [
        Self::Id,
        Self::Name,
        Self::Size,
        Self::Fill,
        Self::High,
        Self::In,
        Self::Out,
        Self::Rec,
        Self::Lost,
        Self::Head,
        Self::Reader,
        Self::State,
    ];

    /// Those that a narrow terminal does without, the first to go first.
    pub(super) const FIRST_TO_GO: [Self; 9] = [
        Self::High,
        Self::Size,
        Self::Rec,
        Self::Head,
        Self::Out,
        Self::Reader,
        Self::Lost,
        Self::In,
        Self::Id,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Id => "ID",
            Self::Name => "NAME",
            Self::Size => "SIZE",
            Self::Fill => "FILL",
            Self::High => "HIGH",
            Self::In => "IN/s",
            Self::Out => "OUT/s",
            Self::Rec => "REC/s",
            Self::Lost => "LOST/s",
            Self::Head => "HEAD",
            Self::Reader => "READER",
            Self::State => "STATE",
        }
    }

    pub(super) fn is_right(self) -> bool {
        !matches!(self, Self::Name | Self::Fill | Self::Head | Self::Reader | Self::State)
    }

    /// How narrow it may become, if it may.
    pub(super) fn least(self) -> Option<usize> {
        match self {
            Self::Name => Some(6),
            Self::Reader => Some(8),
            _ => None,
        }
    }

    /// Its text for a ring.
    pub(super) fn cell(self, row: &Row, style: Style) -> String {
        match self {
            Self::Id => row.id.to_string(),
            Self::Name => escape(row.name.as_bytes()),
            Self::Size => amount(row.capacity as f64),
            Self::Fill => fill(row, style),
            Self::High => {
                known(row.fill_max_bytes, |high| format!("{}%", percent(high, row.capacity)))
            }
            Self::In => known(row.in_bps, |rate| amount(rate as f64)),
            Self::Out => known(row.out_bps, |rate| amount(rate as f64)),
            Self::Rec => known(row.records.per_s, |rate| {
                let about = if row.records.how == Some(How::Sampled) { "~" } else { "" };
                format!("{about}{}", count(rate))
            }),
            Self::Lost => known(row.loss.per_s, count),
            Self::Head => head(row),
            Self::Reader => reader(row),
            Self::State => {
                let states: Vec<_> = row.states.iter().map(|state| state.text()).collect();
                states.join(", ")
            }
        }
    }

    /// The order of two rings: the most first where that is a number, and what is not known
    /// last.
    pub(super) fn compare(self, one: &Row, other: &Row) -> Ordering {
        let most_first = |value: fn(&Row) -> Option<f64>| {
            let (one, other) = (value(one), value(other));
            let order = one.partial_cmp(&other).unwrap_or(Ordering::Equal);
            order.reverse()
        };
        let share = |bytes: Option<u64>, row: &Row| Some(bytes? as f64 / row.capacity as f64);
        match self {
            Self::Id => one.id.cmp(&other.id),
            Self::Name => one.name.cmp(&other.name),
            Self::Size => other.capacity.cmp(&one.capacity),
            Self::Fill => {
                let (one, other) = (share(one.fill_bytes, one), share(other.fill_bytes, other));
                other.partial_cmp(&one).unwrap_or(Ordering::Equal)
            }
            Self::High => {
                let of = |row: &Row| share(row.fill_max_bytes, row);
                of(other).partial_cmp(&of(one)).unwrap_or(Ordering::Equal)
            }
            Self::In => other.in_bps.cmp(&one.in_bps),
            Self::Out => other.out_bps.cmp(&one.out_bps),
            Self::Rec => most_first(|row| row.records.per_s),
            Self::Lost => most_first(|row| row.loss.per_s),
            Self::Head => most_first(|row| row.head.age_s),
            Self::Reader => reader(one).cmp(&reader(other)),
            Self::State => one.state.cmp(&other.state),
        }
    }
}

/// What is not known is `n/a`, never 0.
fn known<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "n/a".to_owned(), text)
}

/// Rounded down, so that only a ring without room has 100.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 100 / u128::from(whole.max(1))).try_into().unwrap_or(100)
}

/// Three digits and a binary unit: 812, 1.5K, 64K, 52.1M.
pub(crate) fn amount(bytes: f64) -> String {
    unit(bytes, 1024.0, ["K", "M", "G", "T"])
}

/// Three digits and a decimal unit: 9, 1.5k, 305k.
fn count(number: f64) -> String {
    unit(number, 1000.0, ["k", "M", "G", "T"])
}

fn unit(number: f64, step: f64, units: [&str; 4]) -> String {
    let (mut value, mut name) = (number, "");
    for unit in units {
        if value < step {
            break;
        }
        (value, name) = (value / step, unit);
    }
    let decimals = usize::from(value.fract() >= 0.05 && value < 99.95);
    format!("{value:.decimals$}{name}")
}

/// A bar and a number.
fn fill(row: &Row, style: Style) -> String {
    let Some(fill) = row.fill_bytes else { return format!("{:>width$}", "n/a", width = BAR + 5) };
    let percent = percent(fill, row.capacity);
    format!("{}{percent:>4}%", style.bar(fill as f64 / row.capacity.max(1) as f64, BAR))
}

/// Characters of a bar.
const BAR: usize = 9;

fn head(row: &Row) -> String {
    match (row.head.busy, row.head.age_s) {
        (None, _) => "n/a".to_owned(),
        (Some(true), Some(age)) if age > 0.0 => format!("{age:.1}s"),
        (Some(true), _) => "busy".to_owned(),
        (Some(false), _) => "-".to_owned(),
    }
}

/// The reader of a ring, the producer of a user ring.
pub(super) fn reader(row: &Row) -> String {
    let Some(processes) = row.readers.as_ref().or(row.producers.as_ref()) else {
        return "n/a".to_owned();
    };
    match processes.split_first() {
        None => "none".to_owned(),
        Some((first, [])) => process(first),
        Some((first, more)) => format!("{} +{}", process(first), more.len()),
    }
}

/// Its name, number, and what it does.
pub(super) fn process(process: &Process) -> String {
    let does = match process.state {
        _ if process.is_stopped() => " stopped",
        _ if process.waiting == Some(true) => " epoll",
        _ => "",
    };
    format!("{} {}{does}", escape(process.comm.as_bytes()), process.pid)
}

/// The sources of losses of all rings, in a few words.
pub(super) fn loss_sources(rows: &[Row]) -> String {
    let all = [
        (LossSource::Attach, "attach"),
        (LossSource::Program, "program"),
        (LossSource::Inferred, "inferred"),
    ];
    let there = all.iter().filter(|(source, _)| rows.iter().any(|row| row.loss.source == *source));
    let names: Vec<_> = there.map(|(_, name)| *name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join("+") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::made_up;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        let shown = [0.0, 812.0, 1023.0, 1536.0, 65536.0, 54_629_000.0, 1e12].map(amount);
        assert_eq!(shown, ["0", "812", "1023", "1.5K", "64K", "52.1M", "931G"]);
        assert_eq!([0.0, 9.4, 305_000.0, 1_500_000.0].map(count), ["0", "9.4", "305k", "1.5M"]);
        assert_eq!((percent(0, 8), percent(99, 100), percent(999, 1000)), (0, 99, 99));
    }

    #[test]
    fn cells_say_what_is_not_known() {
        let rows = made_up::rows();
        let cell = |row: usize, column: Column| column.cell(&rows[row], Style::plain());
        assert_eq!(cell(0, Column::Lost), "20");
        assert_eq!(cell(2, Column::Lost), "n/a");
        assert_eq!(cell(1, Column::Rec), "~9");
        assert_eq!(cell(2, Column::Head), "4.2s");
        assert_eq!(cell(2, Column::State), "STUCK HEAD, FULL");
        assert_eq!(cell(3, Column::Reader), "none");
        assert_eq!(cell(0, Column::Reader), "agent 812 epoll");
        assert_eq!(cell(0, Column::Fill), "########.  87%");
    }

    #[test]
    fn what_is_not_known_is_sorted_last() {
        let mut rows = made_up::rows();
        for (column, first, last) in [
            (Column::Lost, 57, 88),
            (Column::Fill, 71, 63),
            (Column::State, 71, 63),
            (Column::In, 57, 88),
            (Column::Name, 63, 88),
        ] {
            rows.sort_by(|one, other| column.compare(one, other).then(one.id.cmp(&other.id)));
            assert_eq!((rows[0].id, rows[3].id), (first, last), "{column:?}");
        }
        for column in Column::ALL {
            // A total order of numbers: sorting does not panic, and is stable.
            rows.sort_by(|one, other| column.compare(one, other));
        }
    }
}
