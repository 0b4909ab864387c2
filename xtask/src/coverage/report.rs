//! The coverage: read from `llvm-cov export`, and printed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

/// A piece of code that runs as a whole: first line and column, last line and column.
type Region = [u64; 4];
/// How often each region ran, added up over all instances of generic code.
type Counts = BTreeMap<Region, u64>;
/// The regions that are code; others are gaps between them, or branches.
const CODE: u64 = 0;

/// The coverage, file by file.
#[derive(Debug)]
pub(super) struct Report {
    files: Vec<File>,
    without: &'static [(&'static str, &'static str)],
}

/// One source file.
#[derive(Debug)]
struct File {
    name: String,
    lines: Part,
    regions: Part,
    holes: Vec<Hole>,
}

/// A part of a whole.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Part {
    reached: usize,
    of: usize,
}

/// Adjacent lines with code that was not reached.
#[derive(Debug, PartialEq, Eq)]
struct Hole {
    from: u64,
    to: u64,
    function: String,
    /// Nothing of the function was reached.
    whole: bool,
}

impl Report {
    /// The coverage of the files in the folder `sources`. `without` names the files without a
    /// target, with the reason. Each of these must exist, and must not be reached.
    pub(super) fn new(
        exported: &Value,
        sources: &Path,
        without: &'static [(&'static str, &'static str)],
    ) -> Result<Self> {
        let functions = functions(exported, sources)?;
        let mut files = Vec::new();
        for (name, functions) in &functions {
            let text = fs::read_to_string(sources.join(name)).with_context(|| name.clone())?;
            files.push(File::new(name, functions, &text));
        }
        let report = Self { files, without };
        for (name, _) in without {
            match report.files.iter().find(|file| file.name == *name) {
                None => bail!("{name} has no counts, so other files may be missing, too"),
                Some(file) if file.regions.reached > 0 => {
                    bail!("{name} is reached now: remove it from WITHOUT_TARGET")
                }
                Some(_) => {}
            }
        }
        ensure!(report.of_targets().of > 0, "nothing was measured");
        Ok(report)
    }

    /// Percent of the regions of the files that have a target.
    pub(super) fn reached(&self) -> f64 {
        self.of_targets().percent()
    }

    fn of_targets(&self) -> Part {
        self.sum(|file| !self.is_without(file)).1
    }

    fn is_without(&self, file: &File) -> bool {
        self.without.iter().any(|(name, _)| *name == file.name)
    }

    /// The sum of the lines and regions of the files that pass.
    fn sum(&self, pass: impl Fn(&File) -> bool) -> (Part, Part) {
        let mut sums = (Part::default(), Part::default());
        for file in self.files.iter().filter(|file| pass(file)) {
            sums = (sums.0.and(file.lines), sums.1.and(file.regions));
        }
        sums
    }

    /// For people.
    pub(super) fn table(&self, floor: f64) -> String {
        let mut text = String::new();
        line(&mut text, format_args!("{:<24} {:>14} {:>16}", "file", "lines", "regions"));
        let mut row = |name: &str, (lines, regions): (Part, Part)| {
            line(&mut text, format_args!("{name:<16}  {}  {}", lines.cell(), regions.cell()));
        };
        for file in self.files.iter().filter(|file| !self.is_without(file)) {
            row(&file.name, (file.lines, file.regions));
        }
        row("with a target", self.sum(|file| !self.is_without(file)));
        for file in self.files.iter().filter(|file| self.is_without(file)) {
            row(&file.name, (file.lines, file.regions));
        }
        row("all", self.sum(|_| true));
        line(&mut text, format_args!("\nno target:"));
        for (name, why) in self.without {
            line(&mut text, format_args!("  {name:<16} {why}"));
        }
        line(&mut text, format_args!("not reached:"));
        for file in self.files.iter().filter(|file| !self.is_without(file)) {
            for Hole { from, to, function, whole } in &file.holes {
                let place = if from == to { from.to_string() } else { format!("{from}-{to}") };
                let place = format!("{}:{place}", file.name);
                let part = if *whole { "" } else { ", in part" };
                line(&mut text, format_args!("  {place:<22} {function}{part}"));
            }
        }
        let reached = self.reached();
        line(&mut text, format_args!("regions with a target: {reached:.1} %, floor {floor} %"));
        text
    }

    /// For programs.
    pub(super) fn json(&self, floor: f64) -> String {
        let files: Vec<_> = self.files.iter().map(|file| self.file_json(file)).collect();
        let all = json!({
            "files": files,
            "with_target": sums_json(self.sum(|file| !self.is_without(file))),
            "all": sums_json(self.sum(|_| true)),
            "percent": self.reached(),
            "floor": floor,
        });
        format!("{all:#}\n")
    }

    fn file_json(&self, file: &File) -> Value {
        let hole = |Hole { from, to, function, whole }: &Hole| json!({"from": from, "to": to, "function": function, "whole": whole});
        let why = self.without.iter().find(|(name, _)| *name == file.name).map(|(_, why)| *why);
        let mut object = sums_json((file.lines, file.regions));
        object["file"] = file.name.clone().into();
        object["without_target"] = why.into();
        object["not_reached"] = file.holes.iter().map(hole).collect();
        object
    }
}

fn sums_json((lines, regions): (Part, Part)) -> Value {
    json!({
        "lines": lines.of, "lines_reached": lines.reached,
        "regions": regions.of, "regions_reached": regions.reached,
    })
}

impl File {
    fn new(name: &str, functions: &BTreeMap<Region, Counts>, text: &str) -> Self {
        let all: Counts = functions.values().flatten().map(|(at, count)| (*at, *count)).collect();
        let holes = functions.values().flat_map(|counts| holes(counts, text));
        let mut holes: Vec<_> = holes.collect();
        holes.sort_by_key(|hole| (hole.from, hole.to));
        Self { name: name.to_owned(), lines: lines(&all), regions: Part::of(all.values()), holes }
    }
}

impl Part {
    fn of<'a>(counts: impl Iterator<Item = &'a u64>) -> Self {
        counts.fold(Self::default(), |part, count| part.and(Self::one(*count)))
    }

    fn one(count: u64) -> Self {
        Self { reached: usize::from(count > 0), of: 1 }
    }

    fn and(self, other: Self) -> Self {
        Self { reached: self.reached + other.reached, of: self.of + other.of }
    }

    fn percent(self) -> f64 {
        // Some thousands at most: exact.
        let [reached, of] = [self.reached, self.of].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        if of == 0 { 0.0 } else { 100.0 * f64::from(reached) / f64::from(of) }
    }

    fn cell(self) -> String {
        format!("{:>4}/{:<4} {:>5.1}%", self.reached, self.of, self.percent())
    }
}

/// The regions of each function of the files in `sources`: by file, and by where the function
/// begins. Instances of generic code are added up.
fn functions(
    exported: &Value,
    sources: &Path,
) -> Result<BTreeMap<String, BTreeMap<Region, Counts>>> {
    let list = exported["data"][0]["functions"].as_array().context("llvm-cov: no functions")?;
    let mut all: BTreeMap<String, BTreeMap<Region, Counts>> = BTreeMap::new();
    for function in list {
        let file = function["filenames"][0].as_str().context("llvm-cov: no file name")?;
        let Ok(file) = Path::new(file).strip_prefix(sources) else { continue };
        let regions = function["regions"].as_array().context("llvm-cov: no regions")?;
        let regions = regions.iter().map(|region| region_of(region).context("llvm-cov: region"));
        let regions: Vec<_> = regions.collect::<Result<_>>()?;
        let code: Vec<_> = regions.into_iter().filter(|(_, _, kind)| *kind == CODE).collect();
        let Some(begin) = code.iter().map(|(at, ..)| *at).min() else { continue };
        let counts = all.entry(file.display().to_string()).or_default().entry(begin).or_default();
        for (at, count, _) in code {
            *counts.entry(at).or_default() += count;
        }
    }
    Ok(all)
}

/// Place, count and kind.
fn region_of(region: &Value) -> Option<(Region, u64, u64)> {
    let number = |at: usize| region[at].as_u64();
    let place = [number(0)?, number(1)?, number(2)?, number(3)?];
    Some((place, number(4)?, number(7)?))
}

/// A line counts by the regions that begin on it, or else by those that span it.
fn lines(regions: &Counts) -> Part {
    let mut begun: BTreeMap<u64, u64> = BTreeMap::new();
    let mut spanned: BTreeMap<u64, u64> = BTreeMap::new();
    for ([from, _, to, _], count) in regions {
        *begun.entry(*from).or_default() += count;
        for line in *from..=*to {
            *spanned.entry(line).or_default() += count;
        }
    }
    spanned.extend(begun);
    Part::of(spanned.values())
}

/// The parts of one function that were not reached.
fn holes(counts: &Counts, text: &str) -> Vec<Hole> {
    let mut holes: Vec<Hole> = Vec::new();
    let whole = counts.values().all(|count| *count == 0);
    let Some([begin, ..]) = counts.keys().next() else { return holes };
    for ([from, _, to, _], _) in counts.iter().filter(|(_, count)| **count == 0) {
        match holes.last_mut() {
            // If nothing in the function is reached, the lines between two regions count as well.
            Some(last) if whole || *from <= last.to + 1 => last.to = last.to.max(*to),
            _ => {
                let function = function_at(*begin, text);
                holes.push(Hole { from: *from, to: *to, function, whole });
            }
        }
    }
    holes
}

/// The name of the function that begins on this line, or, of a closure, around it.
fn function_at(line: u64, text: &str) -> String {
    let lines = text.lines().zip(1..).take_while(|(_, number)| *number <= line);
    let names = lines.filter_map(|(text, _)| {
        let code = text.split("//").next().unwrap_or_default();
        let (before, name) = code.split_once("fn ")?;
        let is_word = before.is_empty() || before.ends_with(' ');
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        Some(name[..end].to_owned()).filter(|name| is_word && !name.is_empty())
    });
    names.last().unwrap_or_else(|| "?".to_owned())
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{what}");
}

#[cfg(test)]
mod tests;
