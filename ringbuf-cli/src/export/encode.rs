//! Families of metrics as text: Prometheus 0.0.4, or OpenMetrics 1.0. Pure functions.

use std::fmt::{self, Write};

/// A label value is cut here. The kernel's names of maps are shorter.
const LONGEST_LABEL: usize = 63;

/// The format of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Prometheus,
    OpenMetrics,
}

impl Syntax {
    /// The content type for HTTP.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A metric of several rings.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    /// Without the suffixes that its samples have, as `_total`.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Gauge,
    Counter,
    Info,
    Histogram,
}

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Whole(u64),
    Real(f64),
    /// Samples in each class, not added up. The last class has no bound.
    Histogram {
        bounds: &'static [u32],
        classes: Vec<u64>,
        sum: u64,
    },
}

/// Writes all families that have samples.
pub(crate) fn encode(families: &[Family], syntax: Syntax) -> String {
    let mut text = String::new();
    for family in families.iter().filter(|family| !family.samples.is_empty()) {
        // Writing to a string cannot fail.
        let _infallible = family.write(syntax, &mut text);
    }
    if syntax == Syntax::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

impl Family {
    fn write(&self, syntax: Syntax, out: &mut String) -> fmt::Result {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        // Only OpenMetrics names a family without its suffix, and knows `info`.
        let (family, kind) = match (syntax, self.kind) {
            (Syntax::OpenMetrics, kind) => (self.name.to_owned(), kind.name()),
            (Syntax::Prometheus, Kind::Info) => (format!("{}{suffix}", self.name), "gauge"),
            (Syntax::Prometheus, kind) => (format!("{}{suffix}", self.name), kind.name()),
        };
        writeln!(out, "# HELP {family} {}", self.help)?;
        writeln!(out, "# TYPE {family} {kind}")?;
        for Sample { labels, value } in &self.samples {
            let name = self.name;
            match value {
                Value::Whole(value) => {
                    line(out, &format!("{name}{suffix}"), labels, None, &value.to_string())?;
                }
                Value::Real(value) => {
                    line(out, &format!("{name}{suffix}"), labels, None, &value.to_string())?;
                }
                Value::Histogram { bounds, classes, sum } => {
                    let mut below = 0;
                    let bounds = bounds.iter().map(|bound| match syntax {
                        // Its numbers have one spelling each.
                        Syntax::OpenMetrics => format!("{bound}.0"),
                        Syntax::Prometheus => bound.to_string(),
                    });
                    for (class, bound) in classes.iter().zip(bounds.chain(["+Inf".to_owned()])) {
                        below += class;
                        let bucket = format!("{name}_bucket");
                        line(out, &bucket, labels, Some(&bound), &below.to_string())?;
                    }
                    line(out, &format!("{name}_count"), labels, None, &below.to_string())?;
                    line(out, &format!("{name}_sum"), labels, None, &sum.to_string())?;
                }
            }
        }
        Ok(())
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Info => "info",
            Self::Histogram => "histogram",
        }
    }
}

fn line(
    out: &mut String,
    name: &str,
    labels: &[(&'static str, String)],
    bound: Option<&str>,
    value: &str,
) -> fmt::Result {
    out.push_str(name);
    let labels = labels.iter().map(|(label, value)| (*label, value.as_str()));
    let mut before = '{';
    for (label, value) in labels.chain(bound.map(|bound| ("le", bound))) {
        write!(out, "{before}{label}=\"{}\"", Escaped(value))?;
        before = ',';
    }
    if before == ',' {
        out.push('}');
    }
    writeln!(out, " {value}")
}

/// The value of a label.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(LONGEST_LABEL) {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families() -> [Family; 5] {
        let labels = || vec![("map_id", "57".to_owned()), ("name", "a\\b\"c\nd".to_owned())];
        let one = |name, kind, labels, value| {
            let samples = vec![Sample { labels, value }];
            Family { name, help: "What it is.", kind, samples }
        };
        let histogram = Value::Histogram { bounds: &[8, 64], classes: vec![1, 0, 2], sum: 3000 };
        [
            one("a_bytes", Kind::Gauge, labels(), Value::Whole(u64::MAX)),
            one("b", Kind::Counter, Vec::new(), Value::Real(0.25)),
            one("c", Kind::Info, labels(), Value::Whole(1)),
            one("d_bytes", Kind::Histogram, vec![("map_id", "57".to_owned())], histogram),
            Family { name: "e", help: "Not known.", kind: Kind::Gauge, samples: Vec::new() },
        ]
    }

    #[test]
    fn prometheus() {
        let want = r#"# HELP a_bytes What it is.
# TYPE a_bytes gauge
a_bytes{map_id="57",name="a\\b\"c\nd"} 18446744073709551615
# HELP b_total What it is.
# TYPE b_total counter
b_total 0.25
# HELP c_info What it is.
# TYPE c_info gauge
c_info{map_id="57",name="a\\b\"c\nd"} 1
# HELP d_bytes What it is.
# TYPE d_bytes histogram
d_bytes_bucket{map_id="57",le="8"} 1
d_bytes_bucket{map_id="57",le="64"} 1
d_bytes_bucket{map_id="57",le="+Inf"} 3
d_bytes_count{map_id="57"} 3
d_bytes_sum{map_id="57"} 3000
"#;
        assert_eq!(encode(&families(), Syntax::Prometheus), want);
    }

    #[test]
    fn open_metrics() {
        let text = encode(&families(), Syntax::OpenMetrics);
        for line in [
            "# TYPE b counter",
            "b_total 0.25",
            "# TYPE c info",
            r#"c_info{map_id="57",name="a\\b\"c\nd"} 1"#,
            r#"d_bytes_bucket{map_id="57",le="8.0"} 1"#,
        ] {
            assert!(text.lines().any(|other| other == line), "{line} in {text}");
        }
        assert!(text.ends_with("\n# EOF\n"));
        assert!(!text.contains("# TYPE e"));
    }

    #[test]
    fn a_label_is_bounded() {
        let labels = vec![("name", "\"".repeat(1000))];
        let samples = vec![Sample { labels, value: Value::Whole(0) }];
        let family = Family { name: "a", help: "", kind: Kind::Gauge, samples };
        let text = encode(&[family], Syntax::Prometheus);
        assert_eq!(text.matches("\\\"").count(), LONGEST_LABEL);
    }
}
