//! `ringbuf list`: all rings of this machine, by two looks, with their owners.

mod table;

use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use ringbuf_kernel::OpenError;

use crate::Failure;
use crate::cli::List;
use crate::format::to_json;
use crate::watch::{All, Chosen, Iterators, Row, Watcher};

/// Time between the two looks. A head that is busy in both has not moved for so long.
const BETWEEN: Duration = Duration::from_millis(100);

/// Prints the rings.
pub(crate) fn run(arguments: &List, mut out: impl Write) -> Result<(), Failure> {
    let rings = collect(arguments)?;
    let mut text = String::new();
    if arguments.json {
        for ring in &rings {
            text.push_str(&to_json(ring));
            text.push('\n');
        }
    } else {
        let width =
            terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        text = table::table(&rings, arguments.wide, width);
    }
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Its reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write the list").map_err(Failure::Running),
    }
}

fn collect(arguments: &List) -> Result<Vec<Row>, Failure> {
    let mut watcher = watcher(&arguments.maps, true)?;
    watcher.look().map_err(failure_of_look)?;
    thread::sleep(BETWEEN);
    watcher.look().map_err(failure_of_look)
}

/// A watcher of these maps, or of all rings.
pub(crate) fn watcher(maps: &[String], thorough: bool) -> Result<Watcher, Failure> {
    let iterators = Iterators::load();
    if maps.is_empty() {
        return Ok(Watcher::new(Box::new(All(iterators.clone())), iterators, thorough));
    }
    let mut chosen = Chosen::new(iterators.clone());
    for map in maps {
        if let Ok(id) = map.parse() {
            chosen.add_id(id).map_err(failure_of_look)?;
        } else if map.contains('/') {
            chosen.add_pin(Path::new(map)).map_err(failure)?;
        } else if !chosen.add_name(map).map_err(failure_of_look)? {
            return Err(Failure::Running(anyhow!(
                "no ring has the name {map:?}: `ringbuf list` shows all rings; give an id, a \
                 name, or the path of a pin, with a slash in it"
            )));
        }
    }
    Ok(Watcher::new(Box::new(chosen), iterators, thorough))
}

/// As [`failure`]: a look takes less privilege than opening a map.
pub(crate) fn failure_of_look(error: OpenError) -> Failure {
    match error {
        OpenError::Privilege { .. } => Failure::NoRings(anyhow!(
            "{error}. CAP_BPF and CAP_PERFMON suffice where the kernel has type information: \
             `sudo setcap cap_bpf,cap_perfmon+ep` this program"
        )),
        other => failure(other),
    }
}

/// Missing privilege or support: 3. A wrong map: 1.
pub(crate) fn failure(error: OpenError) -> Failure {
    match error {
        OpenError::Privilege { .. } | OpenError::NoBpf | OpenError::UnsupportedKernel { .. } => {
            Failure::NoRings(anyhow!(error))
        }
        _ => Failure::Running(anyhow!(error)),
    }
}
