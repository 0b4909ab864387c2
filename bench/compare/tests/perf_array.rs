//! Each reader of the comparison with the perf event array reads a short run of each load, exactly.

use std::time::Duration;

use ringbuf_compare::load::Effort;
use ringbuf_compare::perf_array;
use ringbuf_compare::trial::Setup;
use ringbuf_tests::{live_since, online_cpus, skip};

#[test]
fn each_reader_of_the_three_maps_accounts_for_every_record() {
    let name = "perf_array::each_reader_of_the_three_maps_accounts_for_every_record";
    // bpf_loop.
    if !live_since(name, (5, 17)) {
        return;
    }
    let [producer, reader, ..] = online_cpus()[..] else {
        skip(name, "only one CPU is online; producer and reader need one each");
        return;
    };
    let effort = Effort {
        saturating: Duration::from_millis(10),
        paced: Duration::from_millis(20),
        records: 1,
        fills: 1,
    };
    // It fails unless accepted and lost records are those that the program counted.
    let setup = Setup { cpus: [producer, reader], effort };
    let tables = perf_array::run(&setup, 1).expect("all runs");

    // 2500 samples of 64 bytes take 72 bytes each in a ring, and 80 in a perf buffer.
    let cpus = online_cpus().last().map_or(1, |last| last + 1);
    let separate = (256 * cpus).to_string();
    let expected = [
        ("perf array, naps of 50 us", [separate.as_str(), separate.as_str()]),
        ("one ring", ["256", "512"]),
        ("a ring for each CPU", [separate.as_str(), separate.as_str()]),
        ("a ring for each CPU, merged", [separate.as_str(), separate.as_str()]),
    ];
    let (_, memory) = tables.split_once("memory without a loss").expect("a table of sizes");
    for (reader, sizes) in expected {
        // Two spaces, because one name begins another.
        let name = format!("{reader}  ");
        let row = memory.lines().find_map(|line| line.trim_start().strip_prefix(&name));
        let row: Vec<_> = row.expect("a row").split_whitespace().collect();
        assert_eq!(row, sizes, "{reader}:\n{tables}");
    }
}
