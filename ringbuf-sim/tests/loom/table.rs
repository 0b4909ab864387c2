//! Compares the table of orderings in docs/tables/orderings.md with the code. Each ordering
//! and fence needs a row. The row has the same models as `weaken`, or a reason if
//! nothing is weakened.

use std::path::{Path, PathBuf};

use crate::accesses::{self, Access};
use crate::weaken::{SITES, Site};

/// The sources that the table covers.
const SOURCES: [&str; 3] = ["ringbuf-core/src", "ringbuf-sim/src", "ringbuf-kernel/src"];
const TABLE: &str = "docs/tables/orderings.md";
const HEADING: &str = "# Orderings";
/// Orderings of the models' own host, which are not in the code.
const OF_THE_HOST: [Site; 2] = [Site::DrainNotify, Site::WaiterHarvest];

/// One row of the table.
#[derive(Clone, Debug)]
struct Row {
    access: Access,
    /// The row of `weaken`; empty if there is none.
    site: String,
    /// The models that fail, in the order of `weaken`.
    models: String,
    /// Their outcome; without a site, the reason.
    shows: String,
}

#[test]
fn every_ordering_has_its_row() {
    let wrong = wrong(&code(), &rows(&text()));
    assert!(wrong.is_empty(), "{TABLE} and the code differ:\n{}", wrong.join("\n"));
}

/// Each change of a correct table is noticed.
#[test]
fn a_wrong_table_is_noticed() {
    let (code, good) = (code(), rows(&text()));
    let weakened = good.iter().position(|row| !row.site.is_empty()).unwrap();
    let reasoned = good.iter().position(|row| row.site.is_empty()).unwrap();
    let notices = |change: &dyn Fn(&mut Vec<Row>), what: &str| {
        let mut rows = good.clone();
        change(&mut rows);
        let wrong = wrong(&code, &rows);
        assert!(wrong.iter().any(|line| line.starts_with(what)), "{what} expected: {wrong:?}");
    };
    notices(&|rows| drop(rows.remove(weakened)), "no row");
    notices(&|rows| rows.push(rows[reasoned].clone()), "no such code");
    notices(&|rows| rows[weakened].access.ordering = "Relaxed".into(), "no such code");
    notices(&|rows| rows[weakened].access.function = "nowhere".into(), "no row");
    notices(&|rows| rows[weakened].site = "Nothing".into(), "no such row of `weaken`");
    notices(&|rows| rows[weakened].models = "nothing".into(), "other models");
    notices(&|rows| rows[weakened].shows = "luck".into(), "another outcome");
    notices(&|rows| rows[reasoned].shows.clear(), "no reason");
    notices(&|rows| rows[reasoned].models = "reuse".into(), "a model without");
    let gone = good[weakened].site.clone();
    notices(&|rows| rows.retain(|row| row.site != gone), "weakened, but in no row");
}

/// Returns the differences between the code and the table.
fn wrong(code: &[Access], rows: &[Row]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut unmatched: Vec<_> = code.iter().collect();
    for row in rows {
        match unmatched.iter().position(|access| **access == row.access) {
            Some(at) => drop(unmatched.remove(at)),
            None => wrong.push(format!("no such code: {}", row.access)),
        }
        wrong.extend(row.wrong().map(|what| format!("{what}: {}", row.access)));
    }
    wrong.extend(unmatched.iter().map(|access| format!("no row: {access}")));
    let covered = |site: &&Site| rows.iter().any(|row| row.site == format!("{site:?}"));
    let missing = SITES.iter().filter(|site| !OF_THE_HOST.contains(site) && !covered(site));
    wrong.extend(missing.map(|site| format!("weakened, but in no row: {site:?}")));
    wrong
}

impl Row {
    /// Returns the errors in the row itself.
    fn wrong(&self) -> Option<String> {
        if self.site.is_empty() {
            return match (self.models.is_empty(), self.shows.is_empty()) {
                (false, _) => Some("a model without a row of `weaken`".to_owned()),
                (_, true) => Some("no reason".to_owned()),
                _ => None,
            };
        }
        let Some(site) = SITES.iter().find(|site| format!("{site:?}") == self.site) else {
            return Some(format!("no such row of `weaken` as {}", self.site));
        };
        let (failure, models) = site.needed_by();
        let models: Vec<_> = models.iter().map(|model| model.name).collect();
        if self.models != models.join(", ") {
            return Some(format!("other models than {}", models.join(", ")));
        }
        let outcome = failure.outcome();
        (self.shows != outcome).then(|| format!("another outcome than {outcome}"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

fn text() -> String {
    std::fs::read_to_string(root().join(TABLE)).expect("the table is there")
}

fn code() -> Vec<Access> {
    SOURCES.iter().flat_map(|sources| accesses::in_folder(&root(), sources)).collect()
}

/// Returns the rows below the heading, up to the next one.
fn rows(text: &str) -> Vec<Row> {
    let below = text.split_once(HEADING).unwrap_or_else(|| panic!("{TABLE}: no `{HEADING}`")).1;
    let lines = below.lines().skip(1).take_while(|line| !line.starts_with("## "));
    // The title row and a separator come first.
    lines.filter(|line| line.starts_with('|')).skip(2).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let Ok([file, function, method, ordering, site, models, shows]) = <[_; 7]>::try_from(cells)
    else {
        panic!("{TABLE}: seven cells expected: {line}");
    };
    let plain = |cell: &str| if cell == "-" { String::new() } else { cell.replace('`', "") };
    let access = Access {
        file: file.to_owned(),
        function: plain(function),
        method: plain(method),
        ordering: ordering.to_owned(),
    };
    Row { access, site: plain(site), models: plain(models), shows: plain(shows) }
}
