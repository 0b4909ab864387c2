//! Each machine file agrees with what was published or measured, as well as it says. These are
//! ratios in virtual time: no host speed is involved.

use ringbuf_model::{Arrivals, Compared, Machine, Setup, Table};

/// The tables of a machine, each with the rows of the model.
fn tables(name: &str) -> Vec<(Table, Vec<Compared>)> {
    let machine = Machine::named(name).unwrap();
    let rows = |table: &Table| table.compare(&machine).unwrap();
    machine.tables.iter().map(|table| (table.clone(), rows(table))).collect()
}

/// Checks a table against the error that its file states, and that error against the largest that
/// is wanted.
fn agrees((table, rows): &(Table, Vec<Compared>), wanted_rms: f64, wanted_worst: f64) {
    let (rms, worst) = Table::error(rows);
    let shown: Vec<_> = rows
        .iter()
        .map(|row| format!("{} {:.2} for {}", row.row.producers, row.mrec, row.row.mrec))
        .collect();
    // The file rounds.
    assert!(rms <= table.rms + 0.005, "{}: rms {rms:.3}: {shown:?}", table.title);
    assert!(worst <= table.worst + 0.005, "{}: worst {worst:.3}: {shown:?}", table.title);
    assert!(table.rms <= wanted_rms && table.worst <= wanted_worst, "{}", table.title);
    assert!(rows.iter().any(|row| !row.row.fitted), "{}: nothing is held out", table.title);
}

#[test]
fn the_xeon_is_within_15_percent_on_rows_that_were_held_out() {
    let tables = tables("xeon-e5-2680v4");
    agrees(&tables[0], 0.15, 0.15);
    assert!(tables[0].1.iter().filter(|row| !row.row.fitted).count() >= 6);
}

#[test]
fn the_policies_of_the_virtual_machine_are_within_25_percent() {
    agrees(&tables("vm-2cpu")[0], 0.25, 0.5);
}

#[test]
fn the_epyc_without_a_reader_is_within_25_percent() {
    agrees(&tables("epyc-9654")[0], 0.25, 0.25);
}

#[test]
fn rows_that_are_far_off_are_named_out_of_bounds() {
    for name in Machine::shipped() {
        let machine = Machine::named(name).unwrap();
        for (table, rows) in tables(name) {
            for row in rows {
                let mut setup = Setup::new(machine.clone());
                setup.producers = row.row.producers;
                setup.reader = row.row.reader.clone().unwrap_or_else(|| table.reader.clone());
                setup.arrivals = Arrivals::Poisson { rate: 1000 };
                let is_named = !setup.run().unwrap().out_of_bounds.is_empty();
                let is_off = !(1.0 / 1.5..1.5).contains(&row.ratio());
                assert!(is_named || !is_off, "{name}, {}: {row:?}", table.title);
            }
        }
    }
}
