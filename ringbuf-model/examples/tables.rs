//! Compares a machine file with its tables.
use ringbuf_model::{Machine, Table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "xeon-e5-2680v4".to_owned());
    let machine = if name.contains('/') {
        Machine::from_toml(&std::fs::read_to_string(name)?)?
    } else {
        Machine::named(&name)?
    };
    for table in &machine.tables {
        let rows = table.compare(&machine)?;
        println!("{}", table.title);
        for row in &rows {
            let reader = row.row.reader.as_ref().unwrap_or(&table.reader);
            println!(
                "{:3} {reader:12} {:6.2} for {:6.2}: x{:.2} {:.4}{}",
                row.row.producers,
                row.mrec,
                row.row.mrec,
                row.ratio(),
                row.notifications,
                if row.row.fitted { " fitted" } else { "" }
            );
        }
        println!("rms {:.3}, worst {:.3}", Table::error(&rows).0, Table::error(&rows).1);
    }
    Ok(())
}
