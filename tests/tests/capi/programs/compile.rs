//! Compiles the programs of tests/programs, and binds them to a library.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use ringbuf_tests::skip;
use tempfile::TempDir;

use super::Maps;
use super::process::{self, Started};

/// The soname of our library.
const SONAME: &str = "libringbuf_capi.so.0";
const LIBBPF: &str = "libbpf.so.1";

/// How a program finds the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// It is linked to libbpf.
    Libbpf,
    /// It is linked to libbpf, and our library is preloaded.
    Preloaded,
    /// It is linked to our library.
    Linked,
}

/// The C compiler, and a folder for what it makes.
pub(crate) struct Compiler {
    folder: TempDir,
    ours: PathBuf,
    has_libbpf: bool,
}

/// A program to run.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    line: Vec<String>,
    folder: PathBuf,
    preload: Option<PathBuf>,
    policy: String,
    variable: Option<(&'static str, PathBuf)>,
}

impl Compiler {
    /// The compiler, with our library at `ours`; if there is none, `test` is recorded as
    /// skipped.
    pub(crate) fn find(test: &str, ours: &Path) -> Option<Self> {
        let Some(libbpf) = said(Command::new("cc").arg(format!("-print-file-name={LIBBPF}")))
        else {
            skip(test, "no C compiler: install gcc");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        symlink(ours, folder.path().join(SONAME)).expect("a link");
        let has_libbpf = Path::new(libbpf.trim()).is_absolute();
        Some(Self { folder, ours: ours.to_owned(), has_libbpf })
    }

    /// The ways to our library that there are here.
    pub(crate) fn ours(&self) -> Vec<Binding> {
        let mut all = vec![Binding::Linked];
        all.extend(self.has_libbpf.then_some(Binding::Preloaded));
        all
    }

    /// Whether programs can be linked to libbpf; if not, `test` is recorded as skipped.
    pub(crate) fn has_libbpf(&self, test: &str) -> bool {
        if !self.has_libbpf {
            skip(test, "no libbpf.so.1: install libbpf1");
        }
        self.has_libbpf
    }

    /// The folder, which is removed at the end.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Our library.
    pub(crate) fn library(&self) -> &Path {
        &self.ours
    }

    /// Compiles one of tests/programs. If there is no compiler of its language, `test` is
    /// recorded as skipped.
    pub(crate) fn compile(&self, test: &str, source: &str, binding: Binding) -> Option<Program> {
        let language = if source.ends_with(".cpp") { "c++" } else { "cc" };
        if said(Command::new(language).arg("--version")).is_none() {
            skip(&format!("{test}: {source}"), "no C++ compiler: install g++");
            return None;
        }
        let at = self.folder().join(format!("{source}-{binding:?}"));
        let mut command = Command::new(language);
        command.args(["-O2", "-g", "-Wall", "-Wextra", "-Werror"]);
        command.args(["-I", env!("LIBBPF_INCLUDE"), "-o"]).arg(&at).arg(sources().join(source));
        let library = if binding == Binding::Linked { SONAME } else { LIBBPF };
        command.arg("-L").arg(self.folder()).arg(format!("-l:{library}"));
        command.arg(format!("-Wl,-rpath,{}", self.folder().display()));
        succeed(&mut command);
        Some(self.program(&[&at], binding))
    }

    /// A program that is compiled already, or of somebody else.
    pub(crate) fn program(&self, line: &[&Path], binding: Binding) -> Program {
        Program {
            line: line.iter().map(|word| word.to_str().expect("UTF-8").to_owned()).collect(),
            folder: self.folder().to_owned(),
            preload: (binding == Binding::Preloaded).then(|| self.ours.clone()),
            policy: "balanced".to_owned(),
            variable: None,
        }
    }
}

impl Program {
    /// With one more argument, if it is not empty.
    pub(crate) fn with(&self, argument: &str) -> Self {
        let mut program = self.clone();
        program.line.extend((!argument.is_empty()).then(|| argument.to_owned()));
        program
    }

    pub(crate) fn policy(mut self, policy: &str) -> Self {
        policy.clone_into(&mut self.policy);
        self
    }

    /// With one variable of the environment.
    pub(crate) fn env(mut self, name: &'static str, value: &Path) -> Self {
        self.variable = Some((name, value.to_owned()));
        self
    }

    pub(crate) fn preloading(mut self, library: &Path) -> Self {
        self.preload = Some(library.to_owned());
        self
    }

    /// Under valgrind, which fails at the first error and at any byte that is left.
    pub(crate) fn under_valgrind(mut self) -> Self {
        let options = ["--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=all"];
        let valgrind = ["valgrind", "--quiet", "--errors-for-leak-kinds=all"];
        let line = valgrind.into_iter().chain(options).map(str::to_owned);
        self.line = line.chain(self.line).collect();
        self
    }

    /// Starts it with these maps, as descriptors 100 and so on.
    pub(crate) fn start(&self, maps: &Maps<'_>) -> Started {
        let mut command = Command::new(&self.line[0]);
        command.args(&self.line[1..]);
        command.env("RINGBUF_VERBOSE", "1").env("RINGBUF_POLICY", &self.policy);
        command.envs(self.variable.iter().map(|(name, value)| (name, value)));
        match &self.preload {
            Some(library) => command.env("LD_PRELOAD", library),
            None => command.env_remove("LD_PRELOAD"),
        };
        process::start(command, &self.folder, maps)
    }
}

/// The folder of the sources.
pub(crate) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

/// Runs a command that must succeed.
pub(crate) fn succeed(command: &mut Command) -> String {
    let out = command.output().expect("a command");
    let (said, errors) = (out.stdout, String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}: {errors}");
    String::from_utf8_lossy(&said).into_owned()
}

/// What a command prints, if it runs.
fn said(command: &mut Command) -> Option<String> {
    let out = command.output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}
