//! System packages: which are missing, why they are needed, and how to install them.

use std::io::{IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{matrix, run};

/// A system package, by its Debian name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    why: &'static str,
    probe: Probe,
}

/// How to find out if a package is installed, without a package manager.
#[derive(Debug, PartialEq, Eq)]
enum Probe {
    /// The command runs.
    Runs(&'static str),
    /// The command exists and is linked statically, because it runs without libraries.
    IsStatic(&'static str),
    /// One of the files exists.
    File(&'static [&'static str]),
    /// The header is installed, or pkg-config knows the library.
    Header(&'static str, &'static str),
}

/// The packages that build the BPF programs and the crates that load them.
pub(crate) const BPF: &[Package] = &[
    Package { name: "clang", why: "compiles the BPF programs", probe: Probe::Runs("clang") },
    Package {
        name: "libelf-dev",
        why: "libbpf reads BPF object files with it",
        probe: Probe::Header("libelf.h", "libelf"),
    },
    Package {
        name: "zlib1g-dev",
        why: "libelf and libbpf need it",
        probe: Probe::Header("zlib.h", "zlib"),
    },
    Package { name: "pkg-config", why: "finds the libraries", probe: Probe::Runs("pkg-config") },
    Package { name: "make", why: "builds libbpf", probe: Probe::Runs("make") },
    Package { name: "gcc", why: "compiles libbpf", probe: Probe::Runs("gcc") },
];

/// The package that counts instructions.
pub(crate) const VALGRIND: &[Package] = &[Package {
    name: "valgrind",
    why: "counts instructions per record",
    probe: Probe::Runs("valgrind"),
}];

/// The packages that boot other kernels.
pub(crate) const MATRIX: &[Package] = &[
    Package {
        name: "qemu-system-x86",
        why: "boots the kernels",
        probe: Probe::Runs("qemu-system-x86_64"),
    },
    Package {
        name: "busybox-static",
        why: "the only other program in those kernels' file system",
        probe: Probe::IsStatic("busybox"),
    },
    Package { name: "cpio", why: "packs their file system", probe: Probe::Runs("cpio") },
    Package { name: "apt", why: "fetches Debian's kernels", probe: Probe::Runs("apt-get") },
    Package {
        name: "debian-archive-keyring",
        why: "has the keys that check the kernels",
        probe: Probe::File(&matrix::KEYRINGS),
    },
];

impl Package {
    /// A package that is installed if `program` runs.
    pub(crate) const fn running(
        name: &'static str,
        why: &'static str,
        program: &'static str,
    ) -> Self {
        Self { name, why, probe: Probe::Runs(program) }
    }

    /// A package that is installed if one of `files` exists.
    pub(crate) const fn with(
        name: &'static str,
        why: &'static str,
        files: &'static [&'static str],
    ) -> Self {
        Self { name, why, probe: Probe::File(files) }
    }

    /// Returns true if the package provides this program.
    pub(crate) fn runs(&self, program: &str) -> bool {
        matches!(self.probe, Probe::Runs(name) if name == program)
    }
}

/// What to do about missing packages.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Nothing,
    /// `--no-install`.
    Refused,
    NoApt,
    NoSudo,
    Ask,
    Install,
}

/// The facts that decide the plan.
#[derive(Debug, Clone, Copy)]
struct Setting {
    no_install: bool,
    terminal: bool,
    apt: bool,
    root: bool,
    sudo: bool,
}

impl Setting {
    fn of_this_machine(no_install: bool) -> Self {
        let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
        Self {
            no_install,
            terminal: !ci && std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
            apt: run::find("apt-get").is_some(),
            root: is_root(),
            sudo: run::find("sudo").is_some(),
        }
    }

    fn plan(self, missing: usize) -> Plan {
        match self {
            _ if missing == 0 => Plan::Nothing,
            Self { no_install: true, .. } => Plan::Refused,
            Self { apt: false, .. } => Plan::NoApt,
            Self { root: false, sudo: false, .. } => Plan::NoSudo,
            Self { terminal: true, .. } => Plan::Ask,
            _ => Plan::Install,
        }
    }
}

/// Installs missing packages, unless the user refuses or it is impossible. Returns the names of
/// the packages that are still missing. A failed installation is an error.
pub(crate) fn ensure(needed: &[&'static Package], no_install: bool) -> Result<Vec<&'static str>> {
    let missing = missing(needed, there);
    let setting = Setting::of_this_machine(no_install);
    let plan = setting.plan(missing.len());
    let names: Vec<_> = missing.iter().map(|package| package.name).collect();
    if plan != Plan::Nothing {
        eprint!("{}", explain(&missing));
    }
    let go = match plan {
        Plan::Nothing => return Ok(names),
        Plan::Refused => {
            eprintln!("Nothing is installed, because of --no-install.");
            false
        }
        Plan::NoApt => {
            eprintln!(
                "This machine has no apt-get. Install these packages with your package manager; the \
                 names above are those of Debian."
            );
            false
        }
        Plan::NoSudo => {
            eprintln!(
                "Installing needs root, but this machine has no sudo. Run as root: {}",
                by_hand(&names, true)
            );
            false
        }
        Plan::Ask => ask(&format!("Install them now ({})?", by_hand(&names, setting.root)))?,
        Plan::Install => true,
    };
    if !go {
        return Ok(names);
    }
    install(&names, setting.root)?;
    let still: Vec<_> = missing.iter().filter(|p| !there(p)).map(|p| p.name).collect();
    if !still.is_empty() {
        bail!("apt-get succeeded, but these packages still do not work: {}", still.join(" "));
    }
    Ok(still)
}

/// Installs a program through cargo, with a notice, unless the user refuses. `task` is our
/// command that needs it.
pub(crate) fn cargo_install(name: &str, why: &str, task: &str, no_install: bool) -> Result<()> {
    if no_install {
        bail!("{name} is not installed: `cargo xtask {task}` installs it");
    }
    let mut install = run::cargo();
    install.args(["install", name, "--locked"]);
    let how = run::describe(&install);
    eprintln!("Missing: {name}, which {why}. Installing it: {how}");
    if !install.status()?.success() {
        bail!("cannot install {name}: check that the registry is reachable, then run: {how}");
    }
    Ok(())
}

fn missing(needed: &[&'static Package], there: impl Fn(&Package) -> bool) -> Vec<&'static Package> {
    needed.iter().copied().filter(|package| !there(package)).collect()
}

fn there(package: &Package) -> bool {
    match package.probe {
        Probe::Runs(program) => run::works(program, &["--version"]),
        Probe::IsStatic(program) => {
            let bytes = run::find(program).and_then(|file| std::fs::read(file).ok());
            bytes.is_some_and(|bytes| matrix::is_static(&bytes) == Some(true))
        }
        Probe::File(paths) => paths.iter().any(|path| Path::new(path).is_file()),
        Probe::Header(header, library) => {
            ["/usr/include", "/usr/local/include"]
                .iter()
                .any(|at| Path::new(at).join(header).exists())
                || run::works("pkg-config", &["--exists", library])
        }
    }
}

fn explain(missing: &[&Package]) -> String {
    let lines = missing.iter().map(|p| format!("  {:<22} {}\n", p.name, p.why));
    std::iter::once("Missing system packages:\n".to_owned()).chain(lines).collect()
}

fn by_hand(names: &[&str], root: bool) -> String {
    let sudo = if root { "" } else { "sudo " };
    format!("{sudo}apt-get install {}", names.join(" "))
}

fn ask(question: &str) -> Result<bool> {
    print!("{question} [Y/n] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    let bytes = std::io::stdin().read_line(&mut answer)?;
    Ok(bytes > 0 && means_yes(&answer))
}

fn means_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes")
}

fn install(names: &[&str], root: bool) -> Result<()> {
    eprintln!("Installing: {}", names.join(" "));
    let update = apt(root, &["update"]).status().context("cannot start apt-get update")?;
    if !update.success() {
        eprintln!("apt-get update: {update}; continuing with the stored package lists");
    }
    let mut command = apt(root, &["install", "--yes", "--no-install-recommends"]);
    let status = command.args(names).status().context("cannot start apt-get install")?;
    if !status.success() {
        bail!("apt-get: {status}. Install them yourself: {}", by_hand(names, root));
    }
    Ok(())
}

/// An apt-get command that asks nothing and prints only errors. sudo may still ask for its
/// password.
fn apt(root: bool, args: &[&str]) -> Command {
    const QUIET: &str = "DEBIAN_FRONTEND=noninteractive";
    let mut command = Command::new(if root { "env" } else { "sudo" });
    if !root {
        command.arg("env");
    }
    command.args([QUIET, "apt-get", "-qq"]).args(args).stdout(Stdio::null());
    command
}

/// Returns true if we run as root: /proc/self belongs to the effective user.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Setting =
        Setting { no_install: false, terminal: false, apt: true, root: true, sudo: true };

    #[test]
    fn only_what_the_probe_misses_is_missing() {
        let needed: Vec<_> = BPF.iter().chain(VALGRIND).collect();
        let gone = missing(&needed, |p| p.name != "clang" && p.name != "valgrind");
        let names: Vec<_> = gone.iter().map(|p| p.name).collect();
        assert_eq!(names, ["clang", "valgrind"]);
        let text = explain(&gone);
        assert!(text.contains("clang                  compiles the BPF programs"), "{text}");
        assert!(!text.contains("libelf"), "{text}");
    }

    #[test]
    fn nothing_missing_means_nothing_to_do() {
        assert_eq!(Setting { apt: false, ..FREE }.plan(0), Plan::Nothing);
    }

    #[test]
    fn what_to_do_about_missing_packages() {
        assert_eq!(FREE.plan(1), Plan::Install);
        assert_eq!(Setting { terminal: true, ..FREE }.plan(1), Plan::Ask);
        assert_eq!(Setting { root: false, ..FREE }.plan(1), Plan::Install);
        assert_eq!(Setting { root: false, sudo: false, ..FREE }.plan(1), Plan::NoSudo);
        assert_eq!(Setting { sudo: false, ..FREE }.plan(1), Plan::Install);
        assert_eq!(Setting { apt: false, terminal: true, ..FREE }.plan(1), Plan::NoApt);
        assert_eq!(Setting { no_install: true, terminal: true, ..FREE }.plan(1), Plan::Refused);
    }

    #[test]
    fn nothing_is_installed_through_cargo_when_that_is_refused() {
        let error = cargo_install("cargo-x", "does y", "z", true).unwrap_err().to_string();
        assert_eq!(error, "cargo-x is not installed: `cargo xtask z` installs it");
    }

    #[test]
    fn enter_means_yes() {
        for (answer, yes) in [("\n", true), ("Y\n", true), ("yes\n", true), ("n\n", false)] {
            assert_eq!(means_yes(answer), yes, "{answer:?}");
        }
    }

    #[test]
    fn the_command_by_hand_names_sudo_where_it_is_needed() {
        assert_eq!(by_hand(&["clang", "make"], false), "sudo apt-get install clang make");
        assert_eq!(by_hand(&["clang"], true), "apt-get install clang");
    }

    #[test]
    fn a_program_that_does_not_exist_is_missing() {
        let none = Package { name: "x", why: "y", probe: Probe::Runs("ringbuf-no-such-program") };
        assert!(!there(&none));
        let none = Package { probe: Probe::File(&["/ringbuf/no/such/file"]), ..none };
        assert!(!there(&none));
        let none = Package { probe: Probe::IsStatic("ringbuf-no-such-program"), ..none };
        assert!(!there(&none));
    }
}
