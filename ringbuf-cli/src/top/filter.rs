//! [`Filter`]: which rings are shown. `name~^ev and fill>50`.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use regex_lite::Regex;

use super::columns::reader;
use crate::watch::Row;

/// Terms that must all be true.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    text: String,
    terms: Vec<Term>,
}

impl Filter {
    /// What is not known matches nothing.
    pub(crate) fn matches(&self, row: &Row) -> bool {
        self.terms.iter().all(|term| term.matches(row))
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Why a filter is refused, and at which character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilterError {
    text: String,
    /// In characters, from 0.
    pub(crate) column: usize,
    pub(crate) problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    NoField,
    UnknownField(String),
    NoOperator,
    WrongOperator(&'static str),
    NoValue,
    NotANumber(String),
    BadRegex(String),
    OpenQuote,
    NoAnd,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::NoField => f.write_str("a term is missing, for example fill>50")?,
            Problem::UnknownField(name) => write!(f, "there is no field {name:?}: use {FIELDS}")?,
            Problem::NoOperator => f.write_str("an operator is missing: ~ = != < <= > >=")?,
            Problem::WrongOperator(use_instead) => {
                write!(f, "this field cannot be compared so: use {use_instead}")?;
            }
            Problem::NoValue => f.write_str("a value is missing")?,
            Problem::NotANumber(value) => {
                write!(f, "{value:?} is not a number: use for example 50, 1.5 or 64K")?;
            }
            Problem::BadRegex(why) => write!(f, "this is not a regular expression: {why}")?,
            Problem::OpenQuote => f.write_str("the quote is not closed")?,
            Problem::NoAnd => f.write_str("`and` is missing between two terms")?,
        }
        write!(f, "\n  {}\n  {}^", self.text, " ".repeat(self.column))
    }
}

impl Error for FilterError {}

const FIELDS: &str = "name, state, reader, program, kind, id, size, fill, high, in, out, rec, \
                      lost or head";

#[derive(Clone, Debug)]
enum Term {
    Matches(Text, Regex),
    Equals { field: Text, value: String, not: bool },
    Compares(Number, Operator, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Name,
    State,
    Reader,
    Program,
    Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Id,
    Size,
    Fill,
    High,
    In,
    Out,
    Records,
    Lost,
    Head,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Matches,
    Is,
    Not,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Term {
    fn matches(&self, row: &Row) -> bool {
        match self {
            Self::Matches(field, regex) => {
                field.values(row).is_some_and(|all| all.iter().any(|text| regex.is_match(text)))
            }
            Self::Equals { field, value, not } => {
                field.values(row).is_some_and(|all| all.contains(value) != *not)
            }
            Self::Compares(field, operator, value) => {
                field.value(row).is_some_and(|known| operator.holds(known, *value))
            }
        }
    }
}

impl Text {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "name" => Self::Name,
            "state" => Self::State,
            "reader" => Self::Reader,
            "program" => Self::Program,
            "kind" => Self::Kind,
            _ => return None,
        })
    }

    /// All texts that this field has.
    fn values(self, row: &Row) -> Option<Vec<String>> {
        Some(match self {
            Self::Name => vec![row.name.clone()],
            Self::State => row.states.iter().map(|state| word(state.text())).collect(),
            Self::Reader => {
                let all = row.readers.as_ref().or(row.producers.as_ref())?;
                match all.is_empty() {
                    true => vec![reader(row)],
                    false => all.iter().map(|process| process.comm.clone()).collect(),
                }
            }
            Self::Program => {
                row.programs.as_ref()?.iter().map(|program| program.name.clone()).collect()
            }
            Self::Kind => vec![row.kind.to_owned(), row.mode.to_owned()],
        })
    }
}

/// A state in lower case, with underscores.
fn word(text: &str) -> String {
    text.to_lowercase().replace([' ', '-'], "_")
}

impl Number {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "id" => Self::Id,
            "size" => Self::Size,
            "fill" => Self::Fill,
            "high" => Self::High,
            "in" => Self::In,
            "out" => Self::Out,
            "rec" => Self::Records,
            "lost" => Self::Lost,
            "head" => Self::Head,
            _ => return None,
        })
    }

    fn value(self, row: &Row) -> Option<f64> {
        let percent = |bytes: Option<u64>| Some(bytes? as f64 * 100.0 / row.capacity as f64);
        match self {
            Self::Id => Some(f64::from(row.id)),
            Self::Size => Some(row.capacity as f64),
            Self::Fill => percent(row.fill_bytes),
            Self::High => percent(row.fill_max_bytes),
            Self::In => Some(row.in_bps? as f64),
            Self::Out => Some(row.out_bps? as f64),
            Self::Records => row.records.per_s,
            Self::Lost => row.loss.per_s,
            Self::Head => row.head.age_s,
        }
    }
}

impl Operator {
    /// With the number of its characters.
    fn of(text: &str) -> Option<(Self, usize)> {
        let all = [
            ("!=", Self::Not),
            ("<=", Self::AtMost),
            (">=", Self::AtLeast),
            ("~", Self::Matches),
            ("=", Self::Is),
            ("<", Self::Less),
            (">", Self::More),
        ];
        let (sign, operator) = all.into_iter().find(|(sign, _)| text.starts_with(sign))?;
        Some((operator, sign.len()))
    }

    fn holds(self, known: f64, value: f64) -> bool {
        match self {
            Self::Matches => false,
            Self::Is => known == value,
            Self::Not => known != value,
            Self::Less => known < value,
            Self::AtMost => known <= value,
            Self::More => known > value,
            Self::AtLeast => known >= value,
        }
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser { text, at: 0 };
        let mut terms = vec![parser.term()?];
        while !parser.skip_spaces().is_empty() {
            let at = parser.at;
            if parser.word() != "and" {
                return Err(parser.error(at, Problem::NoAnd));
            }
            terms.push(parser.term()?);
        }
        Ok(Self { text: text.trim().to_owned(), terms })
    }
}

struct Parser<'t> {
    text: &'t str,
    /// In bytes, at the beginning of a character.
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, at: usize, problem: Problem) -> FilterError {
        let before = self.text.get(..at).unwrap_or(self.text);
        FilterError { text: self.text.to_owned(), column: before.chars().count(), problem }
    }

    fn skip_spaces(&mut self) -> &'t str {
        let rest = self.rest().trim_start();
        self.at = self.text.len() - rest.len();
        rest
    }

    fn word(&mut self) -> &'t str {
        let rest = self.skip_spaces();
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn term(&mut self) -> Result<Term, FilterError> {
        self.skip_spaces();
        let begin = self.at;
        let name = self.word();
        let (text, number) = (Text::of(name), Number::of(name));
        if text.is_none() && number.is_none() {
            let problem = match name {
                "" | "and" => Problem::NoField,
                _ => Problem::UnknownField(name.to_owned()),
            };
            return Err(self.error(begin, problem));
        }
        let rest = self.skip_spaces();
        let sign = self.at;
        let (operator, len) =
            Operator::of(rest).ok_or_else(|| self.error(sign, Problem::NoOperator))?;
        self.at += len;
        let (at, value) = self.value()?;
        match (text, number, operator) {
            (Some(field), _, Operator::Matches) => {
                let regex = Regex::new(&value)
                    .map_err(|error| self.error(at, Problem::BadRegex(error.to_string())))?;
                Ok(Term::Matches(field, regex))
            }
            (Some(field), _, Operator::Is | Operator::Not) => {
                let value = if field == Text::State { word(&value) } else { value };
                Ok(Term::Equals { field, value, not: operator == Operator::Not })
            }
            (Some(_), ..) => Err(self.error(sign, Problem::WrongOperator("~ = !="))),
            (_, _, Operator::Matches) => {
                Err(self.error(sign, Problem::WrongOperator("= != < <= > >=")))
            }
            (_, Some(field), operator) => {
                let number =
                    number_of(&value).ok_or_else(|| self.error(at, Problem::NotANumber(value)))?;
                Ok(Term::Compares(field, operator, number))
            }
            (None, None, _) => Err(self.error(begin, Problem::NoField)),
        }
    }

    /// A value, and where it begins: quoted, or up to the next space.
    fn value(&mut self) -> Result<(usize, String), FilterError> {
        let rest = self.skip_spaces();
        let at = self.at;
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').ok_or_else(|| self.error(at, Problem::OpenQuote))?;
            self.at += end + 2;
            return Ok((at, quoted[..end].to_owned()));
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error(at, Problem::NoValue));
        }
        self.at += end;
        Ok((at, rest[..end].to_owned()))
    }
}

/// `50`, `50%`, `1.5`, `64K`.
fn number_of(text: &str) -> Option<f64> {
    let (digits, factor) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (&text[..at], 1024.0),
        (at, 'm' | 'M') => (&text[..at], 1024.0 * 1024.0),
        (at, 'g' | 'G') => (&text[..at], 1024.0 * 1024.0 * 1024.0),
        (at, '%') => (&text[..at], 1.0),
        _ => (text, 1.0),
    };
    let number = digits.parse::<f64>().ok().filter(|number| number.is_finite())?;
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::made_up;

    fn shown(filter: &str) -> Vec<u32> {
        let filter: Filter = filter.parse().unwrap_or_else(|error| panic!("{error}"));
        made_up::rows().iter().filter(|row| filter.matches(row)).map(|row| row.id).collect()
    }

    #[test]
    fn terms_choose_rings() {
        assert_eq!(shown("name~^ev"), [57]);
        assert_eq!(shown("state=full"), [71], "any of its states");
        assert_eq!(shown("state=STUCK-HEAD"), [71]);
        assert_eq!(shown("state = \"near full\""), [57]);
        assert_eq!(shown("fill>50"), [57, 71]);
        assert_eq!(shown("fill>50% and size>=1M"), [71]);
        assert_eq!(shown("reader=agent"), [57, 71]);
        assert_eq!(shown("reader=none"), [88]);
        assert_eq!(shown("program!=on_exec and id < 80"), [63, 71]);
        assert_eq!(shown("  in > 64k  and kind=ringbuf"), [57]);
        assert_eq!(shown("name=\"a name\""), [0_u32; 0]);
    }

    #[test]
    fn what_is_not_known_matches_nothing() {
        // Nobody counts the losses of 71 and 88.
        assert_eq!(shown("lost>=0"), [57, 63]);
        assert_eq!(shown("lost!=20"), [63]);
    }

    #[test]
    fn an_error_points_at_its_column() {
        let error = |text: &str| {
            let error = text.parse::<Filter>().expect_err(text);
            assert!(error.to_string().ends_with(&format!("\n  {}^", " ".repeat(error.column))));
            (error.column, error.problem)
        };
        assert_eq!(error(""), (0, Problem::NoField));
        assert_eq!(error("fill>50 and "), (12, Problem::NoField));
        assert_eq!(error("fil>50"), (0, Problem::UnknownField("fil".to_owned())));
        assert_eq!(error("name"), (4, Problem::NoOperator));
        assert_eq!(error("fill>"), (5, Problem::NoValue));
        assert_eq!(error("fill>x1"), (5, Problem::NotANumber("x1".to_owned())));
        assert_eq!(error("fill>inf"), (5, Problem::NotANumber("inf".to_owned())));
        assert_eq!(error("fill~5"), (4, Problem::WrongOperator("= != < <= > >=")));
        assert_eq!(error("name>5"), (4, Problem::WrongOperator("~ = !=")));
        assert_eq!(error("name~\"é"), (5, Problem::OpenQuote));
        assert_eq!(error("name~é fill>5"), (7, Problem::NoAnd));
        assert!(matches!(error("name~é and name~("), (16, Problem::BadRegex(_))));
        let text = "size>1 or fill>5".parse::<Filter>().expect_err("no or").to_string();
        assert_eq!(text, "`and` is missing between two terms\n  size>1 or fill>5\n         ^");
    }
}
