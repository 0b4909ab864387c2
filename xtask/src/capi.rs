//! `cargo xtask capi` and `install-capi`: measures the C library beside libbpf, alone and in
//! programs of others, and installs it, as `make install` would.

mod programs;

pub(crate) mod selftests;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::suites::Step;
use crate::workspace::Workspace;

const LIBRARY: &str = "libringbuf_capi.so";
/// The soname, which `ringbuf-capi/build.rs` gives it.
const SONAME: &str = "libringbuf_capi.so.0";

#[derive(Debug, clap::Args)]
pub(crate) struct Install {
    /// Where to install: `lib`, `include` and `lib/pkgconfig` are below it
    #[arg(long, value_name = "P", default_value = "/usr/local")]
    prefix: PathBuf,
}

/// Builds the library, and measures it, alone and in programs of others.
pub(crate) fn measure(
    seconds: u64,
    rounds: u64,
    no_install: bool,
    workspace: &Workspace,
) -> Result<u8> {
    let code =
        Step::cargo("build --release -p ringbuf-capi --locked").run_alone(&workspace.root)?;
    if code != 0 {
        return Ok(code);
    }
    let test =
        "test --release -p ringbuf-tests --test capi --locked -- --nocapture --exact measured";
    let step =
        Step::cargo(test).env("RINGBUF_MILLISECONDS", 1000 * seconds).env("RINGBUF_ROUNDS", rounds);
    let code = step.run_alone(&workspace.root)?;
    if code != 0 {
        return Ok(code);
    }
    programs::table(seconds, no_install, workspace)
}

/// Builds the library, and copies it, its header and its pkg-config file.
pub(crate) fn install(options: &Install, workspace: &Workspace) -> Result<u8> {
    let build = Step::cargo("build --release -p ringbuf-capi --locked");
    let code = build.run_alone(&workspace.root)?;
    if code != 0 {
        return Ok(code);
    }
    let built = workspace.target.join("release");
    let prefix = std::path::absolute(&options.prefix).context("make the prefix absolute")?;
    copy(&prefix, &built, &workspace.root.join("ringbuf-capi/include"))?;
    println!("{}", prefix.join("lib").join(SONAME).display());
    println!("{}", how_to_find(&prefix));
    Ok(0)
}

/// What makes a program find the library at its start.
fn how_to_find(prefix: &Path) -> String {
    match prefix.to_str() {
        Some("/usr" | "/usr/local") => {
            "run `ldconfig` as root: without it, no program finds the library".to_owned()
        }
        _ => format!(
            "link programs with -Wl,-rpath,'{}', or start them with LD_LIBRARY_PATH: the loader \
             does not look there by itself",
            prefix.join("lib").display()
        ),
    }
}

/// The path as a pkg-config file wants it: its lines are split as by a shell.
fn escaped(path: &str) -> String {
    let special = |letter: char| letter.is_whitespace() || "\\\"'#$".contains(letter);
    path.chars()
        .flat_map(|letter| special(letter).then_some('\\').into_iter().chain([letter]))
        .collect()
}

fn copy(prefix: &Path, built: &Path, include: &Path) -> Result<()> {
    let lib = prefix.join("lib");
    for folder in [&lib, &lib.join("pkgconfig"), &prefix.join("include")] {
        fs::create_dir_all(folder)
            .with_context(|| format!("make the folder {}", folder.display()))?;
    }
    put(&built.join(LIBRARY), &lib.join(SONAME))?;
    put(&built.join("libringbuf_capi.a"), &lib.join("libringbuf_capi.a"))?;
    put(&include.join("ringbuf_capi.h"), &prefix.join("include/ringbuf_capi.h"))?;
    put(&include.join("libringbuf_capi.map"), &lib.join("libringbuf_capi.map"))?;
    let link = lib.join(LIBRARY);
    if link.symlink_metadata().is_ok() {
        fs::remove_file(&link)?;
    }
    symlink(SONAME, &link).with_context(|| format!("make the link {}", link.display()))?;
    let text = fs::read_to_string(include.join("ringbuf_capi.pc.in"))?;
    let prefix = prefix.to_str().context("the prefix is not UTF-8: choose another one")?;
    let text = text.replace("@VERSION@", env!("CARGO_PKG_VERSION"));
    let unknown = text.replace("@PREFIX@", "").contains('@');
    ensure!(!unknown, "ringbuf_capi.pc.in has a name that this task does not know");
    let text = text.replace("@PREFIX@", &escaped(prefix));
    let config = lib.join("pkgconfig/ringbuf_capi.pc");
    fs::write(&config, text).with_context(|| format!("write {}", config.display()))
}

/// Replaces the file, so that a process that has it loaded keeps the old one.
fn put(from: &Path, to: &Path) -> Result<()> {
    let new = to.with_extension("new");
    let copied = fs::copy(from, &new).and_then(|_| fs::rename(&new, to));
    if copied.is_err() {
        // What is there is of no use to anybody. The first error is the one to report.
        let _ = fs::remove_file(&new);
    }
    copied.with_context(|| format!("copy {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_are_below_the_prefix() {
        let folder = std::env::temp_dir().join(format!("install-capi-{}", std::process::id()));
        let (built, prefix) = (folder.join("built"), folder.join("prefix"));
        fs::create_dir_all(&built).unwrap();
        for name in [LIBRARY, "libringbuf_capi.a"] {
            fs::write(built.join(name), name).unwrap();
        }
        let include = Workspace::load().unwrap().root.join("ringbuf-capi/include");
        for _ in 0..2 {
            copy(&prefix, &built, &include).unwrap();
        }
        let found = |name: &str| fs::read_to_string(prefix.join(name)).unwrap();
        assert_eq!(found("lib/libringbuf_capi.so"), LIBRARY);
        assert_eq!(found("lib/libringbuf_capi.so.0"), LIBRARY);
        assert!(found("include/ringbuf_capi.h").contains("ringbuf_capi_stats"));
        assert!(found("lib/libringbuf_capi.map").contains("LIBBPF_1.5.0"));
        let config = found("lib/pkgconfig/ringbuf_capi.pc");
        assert!(config.starts_with(&format!("prefix={}\n", prefix.display())), "{config}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_failure_leaves_no_half_behind() {
        let folder = std::env::temp_dir().join(format!("put-capi-{}", std::process::id()));
        let to = folder.join("libringbuf_capi.so.0");
        fs::create_dir_all(to.join("in the way")).unwrap();
        let from = folder.join("built");
        fs::write(&from, "built").unwrap();
        put(&from, &to).unwrap_err();
        let mut left: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["built", "libringbuf_capi.so.0"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_space_in_the_prefix_is_escaped() {
        assert_eq!(escaped("/opt/ring buffers"), "/opt/ring\\ buffers");
        assert_eq!(escaped("/usr/local"), "/usr/local");
    }

    #[test]
    fn the_advice_fits_the_prefix() {
        assert!(how_to_find(Path::new("/usr/local")).contains("ldconfig"));
        assert!(how_to_find(Path::new("/opt/r")).contains("-rpath,'/opt/r/lib'"));
    }
}
