//! Tests of the man pages and completions, against the definition of the command line.

use std::process::{Command, Stdio};

use super::*;

fn commands() -> Vec<clap::Command> {
    let mut all = Cli::command().disable_help_subcommand(true);
    all.build();
    let mut commands: Vec<_> = all.get_subcommands().cloned().collect();
    commands.push(all);
    commands
}

/// As the page spells it.
fn in_roff(text: &str) -> String {
    text.replace('-', "\\-")
}

#[test]
fn each_command_has_a_page_and_each_option_is_in_page_and_help() {
    let pages = render_all().unwrap();
    let commands = commands();
    assert_eq!(pages.len(), commands.len());
    for mut command in commands {
        let name = command.get_display_name().unwrap_or("ringbuf").to_owned();
        let file = format!("{name}.1");
        let (_, page) = pages.iter().find(|(known, _)| *known == file).expect("a page");
        let help = command.render_long_help().to_string();
        let title = format!(".TH \"{}\" \"1\" ", name.to_uppercase());
        assert!(page.starts_with(&title), "{page}");
        let options = page.split("\n.SH ").find(|section| section.starts_with("OPTIONS\n"));
        let options = options.expect("--help at least");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{name}: {} has no help", argument.get_id());
            let shown =
                match (argument.get_long(), argument.get_short(), argument.get_value_names()) {
                    (Some(long), ..) => format!("--{long}"),
                    (None, Some(short), _) => format!("-{short}"),
                    (None, None, names) => names.expect("a positional has a name").join(" "),
                };
            assert!(help.contains(&shown), "{name} --help lacks {shown}");
            assert!(options.contains(&in_roff(&shown)), "{file} lacks {shown}: {page}");
        }
    }
}

#[test]
fn sections_of_the_help_are_sections_of_the_page() {
    let pages = render_all().unwrap();
    let (_, exec) = pages.iter().find(|(name, _)| name == "ringbuf-exec.1").unwrap();
    for title in ["NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES", "PRIVILEGE", "\"EXIT CODE\""] {
        assert!(exec.contains(&format!("\n.SH {title}\n")), "{title} in {exec}");
    }
    assert!(exec.contains("\nsudo ringbuf exec "), "{exec}");
    let opened = exec.matches("\n.nf\n").count();
    assert_eq!(opened, exec.matches("\n.fi\n").count());
    assert!(opened >= 3);
}

#[test]
fn each_shell_completes_each_option() {
    use clap::ValueEnum;
    for shell in Shell::value_variants() {
        let mut script = Vec::new();
        completions(&Completions { shell: *shell }, &mut script).unwrap();
        let script = String::from_utf8(script).unwrap();
        for command in commands() {
            for long in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(script.contains(long), "{shell} does not complete --{long}");
            }
        }
    }
}

/// Formatters that find mistakes in pages. Neither is needed to build or to use the command.
#[test]
fn formatters_accept_the_pages() {
    let folder = tempfile::tempdir().unwrap();
    write_pages(folder.path()).unwrap();
    let mut tried = 0;
    // STYLE is what mandoc prefers; WARNING and above are mistakes.
    let linters: [&[&str]; 2] = [
        &["mandoc", "-Tlint", "-W", "warning"],
        &["groff", "-Kutf8", "-man", "-Tutf8", "-ww", "-z"],
    ];
    for linter in linters {
        let [program, options @ ..] = linter else { unreachable!() };
        for page in fs::read_dir(folder.path()).unwrap() {
            let path = page.unwrap().path();
            let output =
                Command::new(program).args(options).arg(&path).stdin(Stdio::null()).output();
            let Ok(output) = output else { continue };
            let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
            said.push_str(&String::from_utf8_lossy(&output.stderr));
            // A page without a date is the same each time it is built.
            let said: Vec<_> = said.lines().filter(|line| !line.contains("missing date")).collect();
            assert!(said.is_empty(), "{program} about {}: {said:#?}", path.display());
            tried += 1;
        }
    }
    if tried == 0 {
        skip("formatters_accept_the_pages", "neither mandoc nor groff is installed");
    }
}

/// Reports to the gate that `test` does not run, and why.
fn skip(test: &str, reason: &str) {
    eprintln!("SKIP {test}: {reason}");
    if let Some(path) = std::env::var_os("RINGBUF_SKIP_LOG") {
        let log = fs::OpenOptions::new().create(true).append(true).open(path);
        log.and_then(|mut log| log.write_all(format!("{test}\t{reason}\n").as_bytes())).unwrap();
    }
}
