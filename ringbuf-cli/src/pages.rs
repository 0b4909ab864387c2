//! `ringbuf completions` and `ringbuf man`, and printing the help: all from one definition of the
//! command line.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::Failure;
use crate::cli::Cli;

/// Print the completions of a shell
///
/// They complete the commands and options of `ringbuf` with the Tab key.
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf completions --help` shows how to install them.")]
#[command(after_long_help = AFTER_COMPLETIONS)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Write the man pages: ringbuf(1), and one for each command
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf man --help` shows how to install them.")]
#[command(after_long_help = AFTER_PAGES)]
pub(crate) struct Pages {
    /// The directory for the pages; it is created if it is missing
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Prints the completions of a shell.
pub(crate) fn completions(arguments: &Completions, mut out: impl Write) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "ringbuf", &mut script);
    let written = out.write_all(&script).and_then(|()| out.flush());
    unless_closed(written).context("cannot write the completions").map_err(Failure::Running)
}

/// Writes all man pages.
pub(crate) fn pages(arguments: &Pages) -> Result<(), Failure> {
    write_pages(&arguments.directory).map_err(Failure::Running)
}

/// Prints the help, the version or what is wrong with the usage. Returns the exit code.
pub(crate) fn help_or_usage(error: &clap::Error) -> ExitCode {
    let told = unless_closed(error.print().and_then(|()| io::stdout().flush()));
    let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    match told.context("cannot write the help") {
        Err(failure) if asked_for => Failure::Running(failure).tell(),
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

/// A reader that has seen enough is not an error.
pub(crate) fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn write_pages(directory: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot write the man pages to {}", directory.display());
    fs::create_dir_all(directory).with_context(cannot)?;
    for (name, page) in render_all()? {
        fs::write(directory.join(name), page).with_context(cannot)?;
    }
    Ok(())
}

/// The names of the files, and their contents.
fn render_all() -> anyhow::Result<Vec<(String, String)>> {
    let mut all = Cli::command().disable_help_subcommand(true);
    all.build();
    let parts: Vec<_> = all.get_subcommands().filter(|part| !part.is_hide_set()).cloned().collect();
    let names: Vec<_> = parts.iter().filter_map(clap::Command::get_display_name).collect();
    let mut pages = vec![render(&all, &names)?];
    for part in &parts {
        pages.push(render(part, &["ringbuf"])?);
    }
    Ok(pages)
}

fn render(command: &clap::Command, see_also: &[&str]) -> anyhow::Result<(String, String)> {
    let man = Man::new(command.clone());
    let name = command.get_display_name().unwrap_or("ringbuf").to_uppercase();
    // Without a date, so that a version has one page. clap_mangen would leave the argument out.
    let (version, manual) = (env!("CARGO_PKG_VERSION"), "User Commands");
    let title = format!(".TH \"{name}\" \"1\" \"\" \"ringbuf {version}\" \"{manual}\"\n");
    let mut page = title.into_bytes();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::default();
    let after = command.get_after_long_help().or(command.get_after_help());
    after_help(&mut rest, &after.map(ToString::to_string).unwrap_or_default());
    rest.control("SH", ["SEE ALSO"]);
    for (index, name) in see_also.iter().enumerate() {
        let end = if index + 1 < see_also.len() { "(1)," } else { "(1)" };
        rest.text([bold(*name), roman(end)]);
    }
    rest.to_writer(&mut page)?;
    Ok((man.get_filename(), without_empty_lines(&String::from_utf8(page)?)))
}

/// A line that ends with a colon, at the left, is the title of a section.
fn after_help(page: &mut Roff, text: &str) {
    let mut verbatim = false;
    for line in text.lines() {
        let title = line.strip_suffix(':').filter(|line| !line.starts_with(' '));
        let begins = title.is_some() || !verbatim;
        if begins && verbatim {
            page.control("fi", []);
        }
        if begins {
            page.control("SH", [title.unwrap_or("NOTES").to_uppercase().as_str()]);
            page.control("nf", []);
            verbatim = true;
        }
        if title.is_none() {
            // The page indents it already.
            page.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
    }
    if verbatim {
        page.control("fi", []);
    }
}

/// Formatters warn of an empty line, and of a space before or after another macro.
fn without_empty_lines(page: &str) -> String {
    let mut whole = String::with_capacity(page.len());
    let mut before = "";
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let near_macro = before.starts_with('.') || lines.peek().is_none_or(|l| l.starts_with('.'));
        let line = match line {
            "" if near_macro => continue,
            "" => ".sp",
            ".br" if before == ".br" => continue,
            line => line,
        };
        whole.push_str(line);
        whole.push('\n');
        before = line;
    }
    whole
}

const AFTER_COMPLETIONS: &str = "\
Examples:
  ringbuf completions bash | sudo tee /usr/share/bash-completion/completions/ringbuf >/dev/null
  ringbuf completions zsh | sudo tee /usr/local/share/zsh/site-functions/_ringbuf >/dev/null
  ringbuf completions fish >~/.config/fish/completions/ringbuf.fish

Exit code:
  0  success, or the reader of the output closed it (| head)
  1  the output cannot be written, for example because the disk is full
  2  wrong usage";

const AFTER_PAGES: &str = "\
Examples:
  sudo ringbuf man /usr/local/share/man/man1   install them; then: man ringbuf-exec
  ringbuf man . && man ./ringbuf.1             read them without installing

Exit code:
  0  success
  1  the directory or a page cannot be written
  2  wrong usage";

#[cfg(test)]
mod tests;
