//! The table of `cargo xtask capi`: each program with libbpf and with our library preloaded.
//! It asserts no speed.

use std::env;
use std::time::Duration;

use ringbuf_tests::{online_cpus, pin_to_cpu, watchdog};

use super::calls::{Load, Traced};
use super::compile::{Binding, Compiler, Program};
use super::tools::{self, TOOLS, Tool};
use super::{READERS, SAMPLES, compiler, drained, fixed};
use crate::producer::Producer;

const TEST: &str = "capi::programs::table";
const BINDINGS: [Binding; 2] = [Binding::Libbpf, Binding::Preloaded];
/// Calls that a tool must print one by one.
const CALLS: u32 = 2000;

/// What one program does with one library.
#[derive(Clone, Debug, Default)]
struct Figures {
    /// What it prints about a fixed load.
    out: String,
    /// Records a second that it gets, of a load that is as fast as possible.
    rate: f64,
    /// The traced call under that load, and under one every 10 us, in nanoseconds.
    calls: [Option<f64>; 2],
}

#[test]
fn table() {
    // BCC and bpftrace compile for long on a busy host.
    let _watchdog = tools::prepared().is_none().then(|| watchdog(TEST));
    let Some(compiler) = compiler(TEST) else { return };
    if !compiler.has_libbpf(TEST) {
        return;
    }
    let time = env::var("RINGBUF_MILLISECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_millis(time.unwrap_or(50));
    println!("\n{}", head());
    let mut wrong = Vec::new();
    let mut show = |name: &str, figures: Option<[Figures; 2]>| {
        let Some(both) = figures else { return };
        println!("{}", line(name, &both).trim_end());
        // A loop by edges stalls with libbpf, in nearly every run.
        if both[0].out.replace(", stalled", "") != both[1].out {
            wrong.push(format!("{name}: {}, not {}", both[1].out, both[0].out));
        }
    };
    for (source, argument) in READERS {
        let name = format!("{source} {argument}");
        show(&name, both(|binding| reader(&compiler, source, argument, binding, time)));
    }
    show("user.c", both(|binding| user(&compiler, binding)));
    if let Some(folder) = tools::prepared() {
        for tool in TOOLS {
            let figures = both(|binding| {
                let program = tool.find(TEST, &compiler, &folder, binding)?;
                Some(traced(tool, &program, binding, time))
            });
            show(tool.name, figures);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn both(run: impl FnMut(Binding) -> Option<Figures>) -> Option<[Figures; 2]> {
    let all: Vec<_> = BINDINGS.into_iter().map_while(run).collect();
    <[Figures; 2]>::try_from(all).ok()
}

fn reader(
    compiler: &Compiler,
    source: &str,
    argument: &str,
    binding: Binding,
    time: Duration,
) -> Option<Figures> {
    let program = compiler.compile(TEST, source, binding)?.with(argument);
    let ended = fixed(&program);
    assert_eq!(ended.bound(), binding == Binding::Preloaded, "{source}: {}", ended.err);
    let (rate, saturated) = timed(&program, |producer| producer.saturate(time));
    let (_, paced) = timed(&program, |producer| producer.pace(time));
    Some(Figures { out: ended.out, rate, calls: [Some(saturated), Some(paced)] })
}

/// The records a second, and what `load` returns.
fn timed(program: &Program, load: impl FnOnce(&mut Producer) -> f64) -> (f64, f64) {
    let mut producer = Producer::load();
    let mut started = program.start(&[producer.map()]);
    started.wait_for("ready");
    // printed only:
    let begin = std::time::Instant::now();
    let call = {
        let _there = pin_to_cpu(*online_cpus().last().expect("a CPU"));
        load(&mut producer)
    };
    // printed only:
    let rate = producer.submitted() as f64 / begin.elapsed().as_secs_f64();
    producer.submit_last(|| started.is_alive());
    let ended = started.ended();
    assert!(ended.status.success() && ended.out.contains(" 0 wrong"), "{}", ended.out);
    (rate, call)
}

fn user(compiler: &Compiler, binding: Binding) -> Option<Figures> {
    let program = compiler.compile(TEST, "user.c", binding)?;
    let begin = std::time::Instant::now();
    let ended = drained(&program.with(&SAMPLES.to_string()), SAMPLES);
    // printed only:
    let rate = SAMPLES as f64 / begin.elapsed().as_secs_f64();
    Some(Figures { out: ended.out, rate, calls: [None; 2] })
}

fn traced(tool: &Tool, program: &Program, binding: Binding, time: Duration) -> Figures {
    let run = |work: &mut dyn FnMut(&mut Load) -> f64| {
        let mut load = Load::new(tool.traced);
        let mut started = program.start(&[]);
        match tool.prints_at_the_end {
            true => started.wait_for("ready"),
            false => load.until_traced(&mut started),
        }
        let result = work(&mut load);
        let ended = if tool.prints_at_the_end {
            started.ended_with(|| load.end())
        } else {
            load.until_printed(&mut started);
            started.told_to_end()
        };
        assert_eq!(ended.bound(), binding == Binding::Preloaded, "{}: {}", tool.name, ended.err);
        (load.numbers(&ended.out), load.count(), result)
    };
    let starts = tool.traced == Traced::Starts;
    let (numbers, count, _) = run(&mut |load| {
        load.fixed(if starts { CALLS / 40 } else { CALLS });
        0.0
    });
    let in_order = numbers.iter().copied().eq(1..=count);
    let out = format!("{} calls{}", numbers.len(), if in_order { "" } else { ", not in order" });
    let (numbers, count, saturated) = run(&mut |load| load.saturate(time));
    let rate = 1e9 * numbers.len() as f64 / (saturated * f64::from(count));
    let paced = (!starts).then(|| run(&mut |load| load.pace(time)).2);
    Figures { out, rate, calls: [Some(saturated), paced] }
}

fn head() -> String {
    let columns = ["libbpf", "ours", ""].map(|name| format!("{name:>9} ")).concat();
    format!(
        "{:<27}{:<8}{:<30}{:<30}{:<30}\n{:<35}{columns}{columns}{columns}",
        "", "same", "    records/s", "    call, saturated, ns", "    call, each 10 us, ns", ""
    )
}

fn line(name: &str, both: &[Figures; 2]) -> String {
    let [libbpf, ours] = both;
    let same = match libbpf.out == ours.out {
        true => "yes",
        false if libbpf.out.contains("stalled") => "stalls",
        false => "NO",
    };
    let rate = columns(Some(libbpf.rate), Some(ours.rate));
    let calls = [0, 1].map(|load| columns(libbpf.calls[load], ours.calls[load]));
    format!("{name:<27}{same:<8}{rate}{}", calls.concat())
}

fn columns(libbpf: Option<f64>, ours: Option<f64>) -> String {
    match (libbpf, ours) {
        (Some(libbpf), Some(ours)) => {
            format!("{libbpf:>9.0} {ours:>9.0} {:>8.2}x ", ours / libbpf)
        }
        _ => format!("{:>9} {:>9} {:>9} ", "-", "-", ""),
    }
}
