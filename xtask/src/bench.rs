//! `cargo xtask bench`: compares our reader with its peers.

use std::ffi::OsString;

use anyhow::{Result, bail};

use crate::suites::{COMPARE, Step};
use crate::workspace::Workspace;
use crate::{packages, run};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Install nothing; put this before the options of the benchmark
    #[arg(long)]
    no_install: bool,
    /// The options of the benchmark
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

/// Builds the benchmark and runs it. Returns the exit code.
pub(crate) fn bench(workspace: &Workspace, options: &Options) -> Result<u8> {
    let needed: Vec<_> = packages::BPF.iter().collect();
    let missing = packages::ensure(&needed, options.no_install)?;
    if !missing.is_empty() {
        bail!(
            "the benchmark loads BPF programs, and these packages are missing: {}",
            missing.join(" ")
        );
    }
    let mut command = Step::cargo(COMPARE).command(&workspace.root);
    // Run it in the caller's folder, because relative paths of --json and --svg begin there.
    command.current_dir(std::env::current_dir()?);
    command.arg("--manifest-path").arg(workspace.root.join("Cargo.toml"));
    command.arg("--").args(&options.options);
    eprintln!("xtask: {}", run::describe(&command));
    Ok(run::exit_code(command.status()?))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::{Cli, Task};

    #[test]
    fn what_is_not_ours_is_the_benchmarks() {
        let line =
            ["cargo xtask", "bench", "--no-install", "--quick", "--reader", "alone", "--help"];
        let Task::Bench(options) = Cli::parse_from(line).task else { panic!("not the benchmark") };
        assert!(options.no_install);
        assert_eq!(options.options, ["--quick", "--reader", "alone", "--help"]);
    }
}
