//! `cargo xtask package`: makes the packages of the published crates, and tests them without the
//! workspace.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::run;
use crate::workspace::Workspace;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave out everything that needs clang and libelf: the command then only simulates
    #[arg(long)]
    without_bpf: bool,
}

const CRATES: [&str; 10] = [
    "ringbuf-core",
    "ringbuf-sim",
    "ringbuf-typed",
    "ringbuf-btf",
    "ringbuf-kernel",
    "ringbuf-tokio",
    "ringbuf-host",
    "ringbuf-record",
    "ringbuf-model",
    "ringbuf-cli",
];
const CLI: &str = "ringbuf-cli";
/// It is built only where there is clang.
const HOST: &str = "ringbuf-host";
/// That of the workspace, which is also this crate's.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Files of the workspace that each package has to hold unchanged.
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];
/// The fields that a registry shows, by which users choose a crate.
const FIELDS: [&str; 7] =
    ["description", "license", "readme", "rust_version", "keywords", "categories", "metadata"];
/// Core's examples run on a simulated ring, but its package does not depend on ringbuf-sim: cargo
/// leaves a dev-dependency without a version out of a package, and a version is impossible, because
/// ringbuf-sim depends on core. So the dependency is added again here.
const FOR_EXAMPLES: (&str, &str) = ("ringbuf-core", "ringbuf-sim");

/// Packs, unpacks, tests and installs. Returns the exit code.
pub(crate) fn package(workspace: &Workspace, options: &Options) -> Result<u8> {
    let features: &[&str] = if options.without_bpf { &["--no-default-features"] } else { &[] };
    let without = if options.without_bpf { format!(" --exclude {HOST}") } else { String::new() };
    let mut pack = run::cargo();
    // The packages contain the files as they are, committed or not.
    // Cargo's verification builds all dependencies anew; the packages are built below.
    pack.current_dir(&workspace.root).args(["package", "--allow-dirty", "--no-verify"]);
    pack.args(features);
    succeed(pack.args(CRATES.iter().flat_map(|name| ["-p", name])))?;

    let folder = workspace.target.join("unpacked");
    unpack(workspace, &folder)?;
    let mut failed = false;
    for complaint in complaints(&workspace.root, &folder)? {
        eprintln!("xtask: {complaint}");
        failed = true;
    }
    let cargo = |line: &str| {
        let mut cargo = run::cargo();
        // With the profiles of the workspace, so its builds of the dependencies serve again.
        cargo.env("CARGO_TARGET_DIR", &workspace.target);
        cargo.current_dir(&folder).args(line.split_whitespace()).args(features);
        cargo
    };
    // Each with all that it can have: its examples and tests rely on it.
    let all = "ringbuf-kernel/zerocopy,ringbuf-sim/explore,ringbuf-tokio/sim,\
               ringbuf-record/sim,ringbuf-record/zstd";
    failed |=
        !passes(&mut cargo(&format!("test --workspace{without} --no-fail-fast --features {all}")))?;
    // Each alone, with its own default features.
    for name in CRATES.iter().filter(|name| !(options.without_bpf && **name == HOST)) {
        failed |= !passes(&mut cargo(&format!("build -p {name}")))?;
    }
    let doc = format!("doc --workspace{without} --no-deps");
    failed |= !passes(cargo(&doc).env("RUSTDOCFLAGS", "-D warnings"))?;
    let installed = folder.join("installed");
    // It uses the lock file that the tests have left. Otherwise everything would be built again.
    let mut install = cargo("install --locked --debug --force --no-track --path");
    install.arg(unpacked(CLI)).arg("--root").arg(&installed);
    failed |= !passes(&mut install)? || !runs(&installed)?;
    Ok(u8::from(failed))
}

/// Makes a workspace of the packages alone. They use each other instead of those of the registry.
fn unpack(workspace: &Workspace, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for name in CRATES {
        let package = workspace.target.join("package").join(format!("{}.crate", unpacked(name)));
        let old = folder.join(unpacked(name));
        if old.exists() {
            fs::remove_dir_all(&old).with_context(|| old.display().to_string())?;
        }
        // Without the times in the package, which are always the same: cargo builds only newer
        // files.
        succeed(Command::new("tar").args(["--touch", "-xzf"]).arg(package).arg("-C").arg(folder))?;
    }
    let (of, on) = FOR_EXAMPLES;
    let manifest = folder.join(unpacked(of)).join("Cargo.toml");
    let mut text = fs::read_to_string(&manifest).context("the manifest of core's package")?;
    ensure!(!text.contains(on), "the package of {of} depends on {on}, which depends on it");
    text.push_str(&format!("\n[dev-dependencies.{on}]\nversion = \"{VERSION}\"\n"));
    fs::write(manifest, text)?;
    fs::write(folder.join("Cargo.toml"), manifest_of_all())?;
    // The same versions as in the other tests of the gate.
    fs::copy(workspace.root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    Ok(())
}

/// Their tests take long unoptimised.
const SLOW: [&str; 3] = ["proptest", "ringbuf-btf", "ringbuf-model"];

fn manifest_of_all() -> String {
    let members = CRATES.map(|name| format!("{:?}", unpacked(name))).join(", ");
    let patches = CRATES.map(|name| format!("{name} = {{ path = {:?} }}\n", unpacked(name)));
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\n[patch.crates-io]\n{}\n\
         [profile.dev]\ndebug = \"line-tables-only\"\n{}",
        patches.concat(),
        SLOW.map(|name| format!("\n[profile.dev.package.{name}]\nopt-level = 2\n")).concat()
    )
}

/// The folder in the package, which is also the name of its file.
fn unpacked(name: &str) -> String {
    format!("{name}-{VERSION}")
}

/// The files that are missing in the packages, and those that should not be in them.
fn complaints(root: &Path, folder: &Path) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for name in CRATES {
        let package = folder.join(unpacked(name));
        for licence in LICENCES {
            let ours = fs::read(root.join(licence)).with_context(|| licence.to_owned())?;
            if fs::read(package.join(licence)).ok().as_ref() != Some(&ours) {
                all.push(format!("the package of {name} has not our {licence}"));
            }
        }
    }
    let mut metadata = run::cargo();
    metadata.current_dir(folder).args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&run::output(&mut metadata)?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata: no packages")?;
    ensure!(packages.len() == CRATES.len(), "cargo metadata: {} packages", packages.len());
    all.extend(packages.iter().flat_map(without_field));
    Ok(all)
}

/// A complaint for each field that a package leaves empty.
fn without_field(package: &Value) -> Vec<String> {
    let empty = |field: &&&str| match &package[**field] {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    let name = package["name"].as_str().unwrap_or_default();
    FIELDS
        .iter()
        .filter(empty)
        .map(|field| format!("{name}: its manifest has no {field}"))
        .collect()
}

/// Returns true if the installed command can do everything that needs no kernel.
fn runs(installed: &Path) -> Result<bool> {
    let mut ringbuf = Command::new(installed.join("bin/ringbuf"));
    let mut lines = 0;
    let (status, _) =
        run::stream(ringbuf.args(["exec", "--sim", "--count", "3"]), false, |_| lines += 1)?;
    let good = status.success() && lines == 4;
    if !good {
        eprintln!("xtask: the installed command printed {lines} lines, not 4: {status}");
    }
    Ok(good)
}

fn passes(command: &mut Command) -> Result<bool> {
    eprintln!("xtask: {}", run::describe(command));
    let (status, _) = run::stream(command, false, |_| ())?;
    if !status.success() {
        eprintln!("xtask: failed: {}", run::describe(command));
    }
    Ok(status.success())
}

fn succeed(command: &mut Command) -> Result<()> {
    if !passes(command)? {
        bail!("`{}` failed", run::describe(command));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn empty_fields_are_told() {
        let mut package = json!({"name": "x"});
        for field in FIELDS {
            package[field] = json!(["y"]);
        }
        assert!(without_field(&package).is_empty());
        package["keywords"] = json!([]);
        package["readme"] = Value::Null;
        let want = ["x: its manifest has no readme", "x: its manifest has no keywords"];
        assert_eq!(without_field(&package), want);
    }

    #[test]
    fn the_packages_take_each_other() {
        let text = manifest_of_all();
        for name in CRATES {
            let line = format!("{name} = {{ path = \"{name}-{VERSION}\" }}\n");
            assert!(text.contains(&line), "{text}");
        }
    }
}
