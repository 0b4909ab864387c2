//! `cargo xtask promtool`: lets others judge what `ringbuf export` prints, and the alerts.
//!
//! Prometheus' own promtool checks the text format and runs the unit tests of the alerts. The
//! OpenMetrics parser of Prometheus' client for Python reads the other format.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::run;
use crate::workspace::Workspace;

/// The exit code of a check that cannot run here.
const CANNOT: u8 = 77;
/// Prometheus' client for Python, in one version.
const CLIENT: &str = "prometheus-client==0.22.1";
/// Reads both formats, and compares what they say.
const COMPARE: &str = r#"
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
def samples(parse, path):
    with open(path, encoding="utf-8") as file:
        families = list(parse(file.read()))
    return {(s.name, tuple(sorted((k, str(float(v)) if k == "le" else v) for k, v in s.labels.items()))): s.value
            for f in families for s in f.samples}
one, other = samples(prometheus, sys.argv[1]), samples(open_metrics, sys.argv[2])
if len(sys.argv) > 3:
    assert one.keys() == other.keys(), one.keys() ^ other.keys()
    assert one == other
assert len(one) > 3 and len(other) > 3
print(f"{len(one)} samples in the text format, {len(other)} in OpenMetrics")
"#;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fetch nothing; exit with 77 if promtool or the parser is missing
    #[arg(long)]
    no_install: bool,
}

/// Runs all checks. Returns the exit code.
pub(crate) fn promtool(workspace: &Workspace, options: &Options) -> Result<u8> {
    let folder = workspace.target.join("promtool");
    let found = tool(&folder, options).and_then(|tool| Ok((tool, client(&folder, options)?)));
    let (promtool, client) = match found {
        Ok(found) => found,
        Err(error) => {
            eprintln!("promtool: cannot run here: {error:#}");
            return Ok(CANNOT);
        }
    };
    let root = &workspace.root;
    let rules = root.join("docs/prometheus");
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        succeed(Command::new(&promtool).current_dir(&rules).args(arguments))?;
    }
    let samples = root.join("ringbuf-cli/src/export");
    check(&promtool, &client, &samples.join("sample.prom"), &samples.join("sample.om"), true)?;
    live(workspace, &promtool, &client, &folder)?;
    Ok(0)
}

/// Checks what the command prints of the running kernel, if it can.
fn live(workspace: &Workspace, promtool: &Path, client: &Path, folder: &Path) -> Result<()> {
    let mut files = Vec::new();
    for (name, options) in
        [("live.prom", &["--once"][..]), ("live.om", &["--once", "--openmetrics"])]
    {
        let mut cargo = run::cargo();
        cargo.current_dir(&workspace.root).args(["run", "-q", "-p", "ringbuf-cli", "--", "export"]);
        let output = cargo.args(options).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            eprintln!(
                "promtool: the rings of this machine cannot be exported, and are not checked"
            );
            return Ok(());
        }
        let path = folder.join(name);
        fs::write(&path, output.stdout)?;
        files.push(path);
    }
    check(promtool, client, &files[0], &files[1], false)
}

/// Both must be readable; if they are of one look, they must say the same.
fn check(promtool: &Path, client: &Path, text: &Path, open: &Path, same: bool) -> Result<()> {
    let file = fs::File::open(text).with_context(|| text.display().to_string())?;
    succeed(Command::new(promtool).args(["check", "metrics"]).stdin(file))?;
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", client).args(["-c", COMPARE]).args([text, open]);
    succeed(python.args(same.then_some("same")))
}

fn succeed(command: &mut Command) -> Result<()> {
    let line = run::describe(command);
    let shown: String = line.lines().next().unwrap_or_default().chars().take(100).collect();
    eprintln!("promtool: {shown}");
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    ensure!(status.success(), "`{shown}` failed: {status}");
    Ok(())
}

/// promtool from the path, or from Debian's package `prometheus`, unpacked and not installed.
fn tool(folder: &Path, options: &Options) -> Result<PathBuf> {
    let ours = folder.join("root/usr/bin/promtool");
    if let Some(found) = run::find("promtool").or_else(|| ours.is_file().then(|| ours.clone())) {
        return Ok(found);
    }
    ensure!(!options.no_install, "promtool is not installed (Debian: the package prometheus)");
    eprintln!("promtool: fetching Debian's package prometheus (about 20 MB)");
    fs::create_dir_all(folder)?;
    let fetched =
        quiet(Command::new("apt-get").current_dir(folder).args(["download", "prometheus"]));
    ensure!(fetched, "`apt-get download prometheus` failed: is the mirror reachable?");
    let files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let package = files.filter(|path| path.extension().is_some_and(|end| end == "deb")).max();
    let Some(package) = package else { bail!("apt-get downloaded nothing") };
    let mut unpack = Command::new("dpkg-deb");
    ensure!(quiet(unpack.arg("-x").arg(package).arg(folder.join("root"))), "dpkg-deb failed");
    ensure!(ours.is_file(), "the package has no /usr/bin/promtool");
    Ok(ours)
}

/// A directory that has the parser.
fn client(folder: &Path, options: &Options) -> Result<PathBuf> {
    let ours = folder.join("python");
    if ours.join("prometheus_client").is_dir() {
        return Ok(ours);
    }
    ensure!(!options.no_install, "Python's {CLIENT} is not installed");
    eprintln!("promtool: fetching Python's {CLIENT}");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--root-user-action", "ignore"]);
    ensure!(quiet(pip.arg("--target").arg(&ours).arg(CLIENT)), "pip failed");
    Ok(ours)
}

fn quiet(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Words that begin as our metrics do.
    fn named(text: &str) -> BTreeSet<&str> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("ringbuf_")).collect()
    }

    #[test]
    fn alerts_and_dashboard_name_only_metrics_that_there_are() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let sample = read("ringbuf-cli/src/export/sample.prom");
        let there = named(&sample);
        for file in ["alerts.yml", "alerts_test.yml", "dashboard.json"] {
            let text = read(&format!("docs/prometheus/{file}"));
            let used = named(&text);
            assert!(used.len() >= 5, "{file}: {used:?}");
            let unknown: Vec<_> = used.difference(&there).collect();
            assert!(unknown.is_empty(), "{file} uses {unknown:?}");
        }
        let dashboard: serde_json::Value =
            serde_json::from_str(&read("docs/prometheus/dashboard.json")).unwrap();
        assert!(dashboard["panels"].as_array().unwrap().len() >= 10);
    }
}
