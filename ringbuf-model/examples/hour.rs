//! How fast a long run is: 192 CPUs with 0.2 M records a second together, for so many virtual
//! minutes and rings. `cargo run --release -p ringbuf-model --example hour 60 1`

use std::time::{Duration, Instant};

use ringbuf_model::{Arrivals, Machine, Setup};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let number = |at, default| std::env::args().nth(at).map_or(Ok(default), |text| text.parse());
    let (minutes, rings) = (number(1, 60)?, number(2, 1)?);
    let mut setup = Setup::new(Machine::for_cpus(192)?);
    setup.producers = 192;
    setup.arrivals = Arrivals::Poisson { rate: 200_000 };
    setup.rings = usize::try_from(rings)?;
    setup.duration = Duration::from_secs(60 * minutes);
    let (began, mut shown) = (Instant::now(), 0);
    let report = setup.run_watched(&mut |progress| {
        if progress.done.as_secs() / 60 > shown {
            shown = progress.done.as_secs() / 60;
            eprintln!("{:?} of {:?} after {:?}", progress.done, progress.all, began.elapsed());
        }
    })?;
    println!(
        "{minutes} virtual minutes, {} records accepted, {} refused, in {:?}",
        report.accepted,
        report.refused,
        began.elapsed()
    );
    Ok(())
}
