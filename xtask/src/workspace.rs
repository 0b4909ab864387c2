//! What cargo knows about this workspace.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run;

/// The parts of `cargo metadata` that the tasks need.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// The folder in which cargo builds.
    pub(crate) target: PathBuf,
    /// The crates that need nothing but Rust.
    pub(crate) default_members: Vec<String>,
    /// The integration tests of ringbuf-sim, without the loom models: those run on their own.
    pub(crate) sim_tests: Vec<String>,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let mut command = run::cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        Self::parse(&run::output(&mut command)?)
    }

    fn parse(json: &str) -> Result<Self> {
        let all: Value = serde_json::from_str(json).context("cargo metadata")?;
        let root = all["workspace_root"].as_str().context("cargo metadata: no workspace root")?;
        let target =
            all["target_directory"].as_str().context("cargo metadata: no target folder")?;
        let packages = items(&all["packages"]);
        let defaults = items(&all["workspace_default_members"]);
        let default_members =
            packages.iter().filter(|p| defaults.contains(&p["id"])).map(name).collect();
        let sim_tests = packages
            .iter()
            .filter(|p| p["name"] == "ringbuf-sim")
            .flat_map(|p| items(&p["targets"]))
            .filter(|t| items(&t["kind"]).iter().any(|kind| kind == "test"))
            .map(name)
            .filter(|name| name != "loom")
            .collect();
        Ok(Self { root: root.into(), target: target.into(), default_members, sim_tests })
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> String {
    value["name"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata() {
        let json = r#"{"workspace_root": "/r", "target_directory": "/t", "workspace_default_members": ["a#1", "s#1"],
            "packages": [
                {"id": "a#1", "name": "a", "targets": [{"kind": ["test"], "name": "other"}]},
                {"id": "b#1", "name": "b", "targets": []},
                {"id": "s#1", "name": "ringbuf-sim", "targets": [
                    {"kind": ["lib"], "name": "ringbuf_sim"}, {"kind": ["test"], "name": "loom"},
                    {"kind": ["test"], "name": "consumer"}]}]}"#;
        let want = Workspace {
            target: "/t".into(),
            root: "/r".into(),
            default_members: vec!["a".into(), "ringbuf-sim".into()],
            sim_tests: vec!["consumer".into()],
        };
        assert_eq!(Workspace::parse(json).unwrap(), want);
    }

    #[test]
    fn no_metadata_is_an_error() {
        assert!(Workspace::parse("{}").is_err());
    }
}
