//! `ringbuf sim` and `ringbuf size`: what they print, and what they refuse.

use std::process::Command;

/// Returns the exit code, standard output and standard error.
fn ringbuf(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_ringbuf")).args(arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const SHORT: [&str; 9] =
    ["sim", "--cpus", "2", "--rate", "200k/s", "--seconds", "0.02", "--machine", "xeon-e5-2680v4"];

#[test]
fn a_simulation_prints_what_people_and_programs_read() {
    let (code, text, error) = ringbuf(&SHORT);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    for name in ["machine", "throughput", "loss", "latency", "program", "notifications", "reader"] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name}: {text}");
    }
    let (_, json, _) = ringbuf(&[&SHORT[..], &["--json"]].concat());
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["refused"], 0);
    assert!(value["accepted"].as_u64() > Some(3000), "{json}");
    assert_eq!(ringbuf(&[&SHORT[..], &["--json"]].concat()).1, json, "the same seed");
    assert_ne!(ringbuf(&[&SHORT[..], &["--json", "--seed", "2"]].concat()).1, json);
}

#[test]
fn the_default_machine_is_one_that_is_known_to_fit_if_it_has_the_cpus() {
    let machine = |cpus: &str, more: &[&str]| {
        let arguments = ["sim", "--cpus", cpus, "--rate", "9k/s", "--seconds", "0.01"];
        let (code, text, error) = ringbuf(&[&arguments[..], more].concat());
        assert_eq!(code, Some(0), "{error}");
        text
    };
    let small = machine("8", &[]);
    assert!(small.contains("xeon-e5-2680v4") && !small.contains("out of bounds"), "{small}");
    let large = machine("192", &[]);
    assert!(large.contains("epyc-9654") && large.contains("\nout of bounds"), "{large}");
    // All rows of a table have the same machine.
    let table = machine("1", &["--sweep", "cpus=1|57"]);
    assert!(table.contains("out of bounds for some rows"), "{table}");
}

/// The figures are those of a debug build on a busy machine. The file says so, and can be used.
#[test]
fn a_calibration_writes_a_file_that_the_command_takes() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("mine.toml");
    let name = file.to_str().expect("UTF-8");
    let (code, text, error) = ringbuf(&["sim", "--calibrate", name]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{text}");
    assert!(text.contains("wrote ") && text.contains("error     rms "), "{text}");
    let machine = std::fs::read_to_string(&file).expect("it was written");
    for part in
        ["name = \"mine\"", "Measured by ringbuf sim --calibrate", "rms = ", "fitted = true"]
    {
        assert!(machine.contains(part), "{part}: {machine}");
    }
    let (code, text, error) =
        ringbuf(&["sim", "--cpus", "1", "--rate", "9k/s", "--seconds", "0.01", "--machine", name]);
    assert_eq!(code, Some(0), "{error}");
    assert!(text.starts_with("machine        mine, 1 producing CPUs"), "{text}");
}

#[test]
fn progress_is_shown_if_somebody_asks() {
    let (code, text, error) = ringbuf(&[&SHORT[..], &["--progress"]].concat());
    assert_eq!(code, Some(0), "{error}");
    assert!(error.contains("simulated 22.0 ms of 22.0 ms (100 %)"), "{error}");
    assert_eq!(text, ringbuf(&SHORT).1, "it changes nothing");
    let sweep = ["--progress", "--sweep", "rings=1..2"];
    let (_, _, error) = ringbuf(&[&SHORT[..], &sweep].concat());
    assert!(error.contains("run 1 of 2: ") && error.contains("run 2 of 2: "), "{error}");
}

#[test]
fn a_sweep_has_a_row_for_each_combination() {
    let (code, text, _) =
        ringbuf(&[&SHORT[..], &["--sweep", "ring=64K..256K,rings=1..2"]].concat());
    assert_eq!((code, text.lines().count()), (Some(0), 7), "{text}");
    assert!(text.contains("256KiB            2"), "{text}");
}

#[test]
fn a_plot_is_an_svg_file() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("out.svg");
    let (code, _, error) =
        ringbuf(&[&SHORT[..], &["--plot", file.to_str().expect("UTF-8")]].concat());
    assert_eq!(code, Some(0), "{error}");
    let svg = std::fs::read_to_string(file).expect("it was written");
    assert!(svg.contains("</svg>") && svg.contains("records lost a second"));
}

#[test]
fn a_file_that_exists_is_kept_unless_it_may_go() {
    let folder = tempfile::tempdir().expect("a directory");
    let [file, link] = ["mine", "link"].map(|name| folder.path().join(name));
    std::fs::write(&file, "precious").expect("written");
    std::os::unix::fs::symlink(&file, &link).expect("linked");
    let [name, link] = [&file, &link].map(|path| path.to_str().expect("UTF-8"));
    let plot = |more: &[&str]| ringbuf(&[&SHORT[..], &["--plot"], more].concat());
    let calibrate = |more: &[&str]| ringbuf(&[&["sim", "--calibrate"], more].concat());
    for (arguments, why) in [
        (&[name][..], "exists: give another name, or --force"),
        (&[link], "exists: give another name, or --force"),
        (&[link, "--force"], "a symbolic link"),
        (&["-"], "give a file's name"),
    ] {
        for (code, text, error) in [plot(arguments), calibrate(arguments)] {
            assert!(code == Some(1) && text.is_empty(), "{arguments:?}: {text}");
            assert!(error.contains(why), "{arguments:?}: {error}");
        }
    }
    assert_eq!(std::fs::read(&file).expect("it is there"), b"precious");
    assert!(link_is_kept(link), "a link was replaced");
    let (code, _, error) = plot(&[name, "--force"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(std::fs::read_to_string(&file).expect("it was written").contains("</svg>"));
    let (code, _, error) = calibrate(&[name, "--force"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(std::fs::read_to_string(&file).expect("it was written").contains("name = \"mine\""));
}

fn link_is_kept(link: &str) -> bool {
    std::fs::symlink_metadata(link).expect("it is there").is_symlink()
}

#[test]
fn a_size_shows_how_it_got_there_and_says_when_it_is_not_sure() {
    let sure =
        ["size", "--rate", "20k/s", "--stall", "10ms", "--loss", "0.01%", "--machine", "vm-2cpu"];
    let (code, text, error) = ringbuf(&sure);
    assert_eq!(code, Some(0), "{text}{error}");
    assert!(text.contains("1. At 20000 records a second") && text.contains("1 ring of"), "{text}");
    let unsure =
        ["size", "--cpus", "4", "--rate", "20k/s", "--loss", "0.01%", "--machine", "epyc-9654"];
    let (code, text, error) = ringbuf(&unsure);
    assert_eq!(code, Some(4), "{text}{error}");
    assert!(text.contains("Not sure: "), "{text}");
}

#[test]
fn what_is_not_possible_is_refused_with_a_reason() {
    let refused = |arguments: &[&str], wanted: &str| {
        let (code, text, error) = ringbuf(arguments);
        assert!(code != Some(0) && text.is_empty(), "{arguments:?}: {text}");
        assert!(error.contains(wanted), "{arguments:?}: {error}");
    };
    refused(&["sim"], "--cpus");
    refused(&["sim", "--cpus", "1"], "--rate 200k/s");
    refused(&["sim", "--cpus", "500", "--rate", "1/s"], "the CPUs of this machine");
    refused(&["sim", "--cpus", "1", "--rate", "1/s", "--machine", "pentium"], "epyc-9654");
    refused(
        &["sim", "--cpus", "1", "--rate", "1/s", "--machine", "./none.toml"],
        "cannot read ./none.toml",
    );
    refused(&["sim", "--cpus", "1", "--rate", "1/s", "--fault", "fire"], "stall:TIME@SHARE");
    refused(&["sim", "--cpus", "1", "--rate", "1/s", "--policy", "lazy"], "balanced");
    refused(&["sim", "--cpus", "1", "--rate", "1/s", "--ring", "5000"], "not a power of two");
    refused(&["size", "--arrivals", "closed:1:1us"], "no rate");
    refused(&["sim", "--cpus", "1", "--rate", "1/s", "--force"], "--plot <FILE>");
}

/// What would have no effect is refused.
#[test]
fn options_are_not_ignored() {
    let refused = |arguments: &[&str], wanted: &str| {
        let (code, text, error) = ringbuf(arguments);
        assert!(code != Some(0) && text.is_empty(), "{arguments:?}: {text}");
        assert!(error.contains(wanted), "{arguments:?}: {error}");
    };
    let sim = |more: &[&str], wanted| refused(&[&["sim", "--cpus", "1"], more].concat(), wanted);
    sim(&["--arrivals", "trace:./none", "--rate", "1/s"], "leave --rate away");
    sim(&["--arrivals", "trace:./none", "--sizes", "8"], "leave --sizes away");
    sim(&["--arrivals", "trace:./none"], "cannot read the capture ./none");
    sim(&["--arrivals", "closed:1:1us", "--rate", "1/s"], "leave --rate away");
    sim(&["--arrivals", "closed:1:1us", "--sweep", "rate=1/s"], "rate= cannot change them");
    sim(&["--rate", "1/s", "--reader-cpus", "0"], "use 1 or more");
    sim(&["--rate", "1/s", "--sweep", "rings=1,rings=2"], "rings is given twice");
    for option in [
        &["--cpus", "1"][..],
        &["--rate", "1/s"],
        &["--sizes", "8"],
        &["--arrivals", "poisson"],
        &["--policy", "busy"],
        &["--handler", "1us"],
        &["--machine", "vm-2cpu"],
        &["--seed", "2"],
        &["--progress"],
        &["--ring", "64K"],
        &["--rings", "2"],
        &["--readers", "2"],
        &["--reader-cpus", "1"],
        &["--sharing", "striped"],
        &["--release", "6.12"],
        &["--fault", "discard@1%"],
        &["--seconds", "1"],
        &["--sweep", "rings=1..2"],
        &["--json"],
    ] {
        refused(&[&["sim", "--calibrate", "./none/none"], option].concat(), "cannot be used with");
    }
    for option in [&["--rate", "1/s"], &["--sizes", "64"], &["--arrivals", "constant"]] {
        refused(&[&["size", "--from", "./none"], &option[..]].concat(), "cannot be used with");
    }
    let burst = ["size", "--rate", "1/s", "--burst", "9/s:1ms", "--arrivals", "constant"];
    refused(&burst, "cannot be used with");
}
