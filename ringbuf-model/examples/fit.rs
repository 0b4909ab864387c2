//! Fits prices to the rows of a machine file that are marked `fitted`:
//! `fit FILE TABLE PRICE..`, where TABLE counts from 0. It prints the new prices.

use ringbuf_model::{Machine, Table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: fit FILE TABLE PRICE..")?;
    let number: usize = arguments.next().ok_or("usage: fit FILE TABLE PRICE..")?.parse()?;
    let names: Vec<String> = arguments.collect();
    let mut machine = Machine::from_toml(&std::fs::read_to_string(file)?)?;
    let mut table = machine.tables[number].clone();
    table.rows.retain(|row| row.fitted);
    let mut best = error(&table, &machine)?;
    let mut step = 1.3;
    while step > 1.01 {
        let before = best;
        for name in &names {
            for factor in [step, 1.0 / step] {
                let changed = with(&machine, name, factor)?;
                let error = error(&table, &changed)?;
                if error < best {
                    (best, machine) = (error, changed);
                    eprintln!("{name} {:.3}: {best:.5}", price(&machine, name)?);
                }
            }
        }
        if best == before {
            step = 1.0 + (step - 1.0) / 2.0;
        }
    }
    for name in &names {
        println!("{name} = {:.1}", price(&machine, name)?);
    }
    Ok(())
}

fn error(table: &Table, machine: &Machine) -> Result<f64, Box<dyn std::error::Error>> {
    let rows = table.compare(machine)?;
    Ok(rows.iter().map(|row| row.ratio().ln().powi(2)).sum::<f64>() / rows.len() as f64)
}

fn price(machine: &Machine, name: &str) -> Result<f64, Box<dyn std::error::Error>> {
    let prices: toml::Table = toml::from_str(&toml::to_string(&machine.prices)?)?;
    Ok(prices.get(name).and_then(toml::Value::as_float).ok_or(format!("no price {name}"))?)
}

fn with(machine: &Machine, name: &str, factor: f64) -> Result<Machine, Box<dyn std::error::Error>> {
    let mut prices: toml::Table = toml::from_str(&toml::to_string(&machine.prices)?)?;
    prices.insert(name.to_owned(), (price(machine, name)? * factor).into());
    Ok(Machine { prices: toml::from_str(&toml::to_string(&prices)?)?, ..machine.clone() })
}
