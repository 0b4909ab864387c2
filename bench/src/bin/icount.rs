//! Instructions per record of a drain, counted by callgrind: ours beside the C
//! loop in `c/c_loop.c`. Exact and repeatable, unlike time. All call the same
//! function for each record; the last column has a closure that is inlined and
//! adds up the lengths.
//!
//! `icount` prints the tables; `icount --check` also fails if ours needs more
//! than the C loop that stores the position once, a budget more than two
//! instructions, or a merge more than its limit. Exit code 77: valgrind is
//! missing.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, bail};
use ringbuf_bench::{
    FilledRing, Sizes, StampedRings, drain_rust, each_rust, read_merged, run_c, run_c_each,
    submit_all_rust, submit_batch_rust, submit_each_rust, sum_rust, within_rust,
};
use ringbuf_core::Budget;

const CAPACITY: usize = 1 << 20;
const LOOPS: [&str; 6] =
    ["each_rust", "within_rust", "drain_rust", "drain_c", "drain_c_each", "sum_rust"];
const PRODUCERS: [&str; 3] = ["submit_each_rust", "submit_batch_rust", "submit_all_rust"];
const SIZES: [&str; 4] = ["8", "64", "256", "mixed"];

fn main() -> anyhow::Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => tables(false),
        ["--check"] => tables(true),
        ["merge"] => merge_table(false),
        ["run", "merge", of] => run_merge(of),
        ["run", which, size] => run(which, size),
        _ => bail!("usage: icount [--check], or icount merge"),
    }
}

fn tables(check: bool) -> anyhow::Result<ExitCode> {
    let code = table(check)?;
    if code != ExitCode::SUCCESS { Ok(code) } else { merge_table(check) }
}

fn table(check: bool) -> anyhow::Result<ExitCode> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("valgrind is missing: install it (Debian: apt install valgrind)");
        return Ok(ExitCode::from(77));
    }
    println!("instructions per record, drain of a full {} KiB ring", CAPACITY / 1024);
    println!(
        "callback       called: for_each  within a budget     batch         C  C, store each     inlined: for_each"
    );
    let (mut worse, mut dear) = (0, 0);
    for size in SIZES {
        let mut counts = [0.0; 6];
        for (count, which) in counts.iter_mut().zip(LOOPS) {
            *count = measure(which, &[which, size])?;
        }
        let [each, within, batch, c, c_each, inlined] = counts;
        println!(
            "{size:>8} {each:>21.2} {within:>16.2} {batch:>9.2} {c:>9.2} {c_each:>14.2} {inlined:>21.2}"
        );
        // A fixed cost of a few dozen instructions per run is not a cost per record.
        worse += usize::from(each > c + 0.05) + usize::from(batch > c + 0.05);
        dear += usize::from(within > each + 2.05);
    }
    println!("instructions per sample of 8 bytes, producer of a user ring, ring filled once");
    let mut produced = [0.0; 3];
    for (count, which) in produced.iter_mut().zip(PRODUCERS) {
        *count = measure(which, &[which, "8"])?;
    }
    let [each, batch, all] = produced;
    println!("reserve and submit {each:.2}  batch of 64 {batch:.2}  submit_all of 64 {all:.2}");
    if check && batch > each {
        bail!("a sample of a batch costs more instructions than one that is submitted alone");
    }
    if check && dear > 0 {
        bail!("in {dear} drains a budget costs more than two instructions a record");
    }
    if check && worse > 0 {
        bail!("{worse} drains cost more instructions per record than the C loop");
    }
    Ok(ExitCode::SUCCESS)
}

/// Records of a merge.
const MERGED: u64 = 100_000;
const MERGES: [usize; 4] = [2, 8, 64, 512];

/// Instructions a record of a merge, by the number of rings and the look-ahead.
fn merge_table(check: bool) -> anyhow::Result<ExitCode> {
    println!("instructions a record, merge of filled rings with samples of 16 bytes");
    println!("   rings  look-ahead 1  look-ahead 8  limit");
    let mut dear = 0;
    for rings in MERGES {
        let limit = f64::from(80 + 15 * rings.ilog2());
        let mut counts = [0.0; 2];
        for (count, ahead) in counts.iter_mut().zip([1, 8]) {
            *count = measure("*read_merged*", &["merge", &format!("{rings}/{ahead}")])?;
        }
        let [one, eight] = counts;
        println!("{rings:>8} {one:>13.1} {eight:>13.1} {limit:>6.0}");
        dear += usize::from(one > limit || eight > limit);
    }
    if check && dear > 0 {
        bail!("{dear} merges cost more instructions a record than their limit");
    }
    Ok(ExitCode::SUCCESS)
}

fn run_merge(of: &str) -> anyhow::Result<ExitCode> {
    let (rings, ahead) = of.split_once('/').context("rings/look-ahead")?;
    let count: usize = rings.parse()?;
    let rings = StampedRings::new(count, count, (8 << 20) / count, MERGED, 16);
    anyhow::ensure!(rings.records() == MERGED);
    let bytes = match ahead {
        "1" => read_merged(&mut rings.merge::<1>()),
        _ => read_merged(&mut rings.merge::<8>()),
    };
    anyhow::ensure!(bytes == 16 * MERGED, "{bytes} bytes delivered");
    println!("{MERGED}");
    Ok(ExitCode::SUCCESS)
}

/// Instructions per record inside one loop, callback included.
fn measure(function: &str, run: &[&str]) -> anyhow::Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={function}"))
        .arg(std::env::current_exe()?)
        .arg("run")
        .args(run)
        .output()
        .context("running valgrind")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let collected = stderr
        .lines()
        .find_map(|line| line.split_once("Collected : ").map(|(_, count)| count.trim()))
        .with_context(|| format!("no count from callgrind:\n{stderr}"))?;
    let records: f64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
    Ok(collected.parse::<f64>()? / records)
}

fn run(which: &str, size: &str) -> anyhow::Result<ExitCode> {
    if PRODUCERS.contains(&which) {
        return produce(which);
    }
    let sizes = if size == "mixed" { Sizes::Mixed } else { Sizes::Equal(size.parse()?) };
    // A budget first learns the speed, which is not a cost a record.
    let times = if which == "within_rust" { 8 } else { 1 };
    let ring = FilledRing::new(CAPACITY * times, sizes);
    let records = match which {
        "each_rust" => each_rust(&mut ring.consumer()),
        "within_rust" => {
            let mut consumer = ring.consumer();
            let budget = Budget::unlimited().records(1 << 20).time(Duration::from_millis(1));
            within_rust(&mut consumer, &budget)
        }
        "sum_rust" => {
            sum_rust(&mut ring.consumer());
            ring.records()
        }
        "drain_rust" => drain_rust(&mut ring.consumer()),
        "drain_c" => run_c(&ring),
        "drain_c_each" => run_c_each(&ring),
        _ => bail!("no loop {which}"),
    };
    anyhow::ensure!(records == ring.records(), "{records} delivered of {}", ring.records());
    println!("{records}");
    Ok(ExitCode::SUCCESS)
}

/// Fills a ring, and prints the number of samples.
fn produce(which: &str) -> anyhow::Result<ExitCode> {
    let mut producer = ringbuf_bench::empty_user_ring(CAPACITY);
    let samples = match which {
        "submit_each_rust" => submit_each_rust(&mut producer),
        "submit_batch_rust" => submit_batch_rust(&mut producer),
        _ => submit_all_rust(&mut producer),
    };
    anyhow::ensure!(samples == CAPACITY as u64 / 16, "{samples} samples fill the ring");
    println!("{samples}");
    Ok(ExitCode::SUCCESS)
}
