//! `ringbuf dump`: the records of a ring of others, copied without consuming them.

pub(crate) mod printer;

use std::io::{self, Write};
use std::ops::ControlFlow::{Break, Continue};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use ringbuf_kernel::{Inspector, Observed, ReadError, Tap, rings};

use crate::cli::{Dump, DumpFormat};
use crate::list::failure;
use crate::output::sleep_while_read;
use crate::typed::{self, BtfFrom, Parsed, Sources, Types};
use crate::{Failure, tell};

use self::printer::{Layout, Printer, Told, written};

/// Between two looks of `--follow`. A ring that fills faster is not seen whole.
const BETWEEN: Duration = Duration::from_millis(1);

/// Prints the records. Returns when `stop` is set, if not before.
pub(crate) fn run(arguments: &Dump, stop: &AtomicBool, mut out: impl Write) -> Result<(), Failure> {
    let inspector = open(&arguments.map)?;
    let sources = sources(arguments, &inspector).map_err(Failure::Running)?;
    let base = sources.base().map_err(Failure::Running)?;
    let all = sources.parse(base.as_ref()).map_err(Failure::Running)?;
    // What is declared for an array holds for its shards. Its owner may not be known: then
    // only the ring's own name counts.
    let arrays = if all.is_empty() { Vec::new() } else { inspector.arrays().unwrap_or_default() };
    let maps: Vec<&str> =
        [inspector.name()].into_iter().chain(arrays.iter().map(String::as_str)).collect();
    let types = Types::resolve(&all, &maps, &arguments.types);
    let types = types.map_err(Failure::Running)?;
    if arguments.list_types {
        return list_types(&sources, &all, types.as_ref(), &mut out);
    }
    if types.is_none() && arguments.format == DumpFormat::Text {
        tell(&untyped(&sources));
    }
    let layout = Layout {
        format: arguments.format,
        pretty: arguments.pretty,
        wide_as_text: arguments.json_strings,
    };
    let mut dump = Printer { out, layout, id: inspector.id(), told: Told::default() };
    let most = arguments.count.unwrap_or(u64::MAX);
    let result = if arguments.follow {
        follow(&inspector, &mut dump, types.as_ref(), most, stop)
    } else {
        pending(&inspector, &mut dump, types.as_ref(), most)
    };
    let Told { records, busy, discarded, missed } = dump.told;
    tell(&format!(
        "ringbuf: {records} records, {discarded} discarded, {busy} busy, {missed} bytes missed"
    ));
    result
}

/// The type information that is wanted. For bytes only, none is read.
fn sources(arguments: &Dump, inspector: &Inspector) -> anyhow::Result<Sources> {
    let Dump { format, btf, types, list_types, .. } = arguments;
    let bytes = matches!(format, DumpFormat::Hex | DumpFormat::Raw);
    if bytes && !list_types && btf.is_none() && types.is_empty() {
        return Ok(Sources::default());
    }
    if *btf == Some(BtfFrom::Vmlinux) && types.is_empty() && !list_types {
        return Err(anyhow!(
            "the types of the kernel do not say which one the records have: name it with --type"
        ));
    }
    Sources::new(btf.as_ref(), inspector)
}

fn list_types(
    sources: &Sources,
    all: &[Parsed<'_>],
    types: Option<&Types<'_>>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if all.is_empty() {
        return Err(Failure::Running(anyhow!(
            "there are no types to list ({}): name an object, `vmlinux` or `prog:ID` with --btf",
            sources.problems.join("; ")
        )));
    }
    written(out.write_all(typed::list(all, types).as_bytes()).and_then(|()| out.flush())).map(drop)
}

/// Why records are printed as bytes, and what helps.
fn untyped(sources: &Sources) -> String {
    let why = if sources.problems.is_empty() {
        "its programs do not declare it".to_owned()
    } else {
        sources.problems.join("; ")
    };
    format!(
        "ringbuf: the type of the records is not known ({why}): they are printed as bytes; name \
         it with --type, perhaps with --btf"
    )
}

/// The only ring with this id, path or name.
pub(crate) fn open(map: &str) -> Result<Inspector, Failure> {
    if let Ok(id) = map.parse() {
        return Inspector::from_id(id).map_err(failure);
    }
    if map.contains('/') {
        return Inspector::from_pin(Path::new(map)).map_err(failure);
    }
    let all = rings().map_err(failure)?;
    let ids: Vec<_> = all.iter().filter(|ring| ring.name == map).map(|ring| ring.id).collect();
    match ids[..] {
        [id] => Inspector::from_id(id).map_err(failure),
        [] => Err(Failure::Running(anyhow!(
            "no ring has the name {map:?}: `ringbuf list` shows all rings; give an id, a name, or \
             the path of a pin, with a slash in it"
        ))),
        _ => Err(Failure::Running(anyhow!(
            "several rings have the name {map:?}: give one of the ids {ids:?}"
        ))),
    }
}

/// What is not given back now.
fn pending(
    inspector: &Inspector,
    dump: &mut Printer<impl Write>,
    types: Option<&Types<'_>>,
    most: u64,
) -> Result<(), Failure> {
    let window = inspector.map_pending().map_err(failure)?;
    let mut walk = window.pending().map_err(|corrupt| Failure::Running(anyhow!(corrupt)))?;
    let mut buffer = vec![0; 4096];
    while dump.told.records < most {
        let position = walk.position().get();
        let step = match walk.next(&mut buffer) {
            Err(ReadError::TooSmall { needs, .. }) => {
                buffer.resize(needs, 0);
                continue;
            }
            step => step.map_err(|error| Failure::Running(anyhow!(error)))?,
        };
        if step == Observed::End || dump.step(position, &step, types)?.is_break() {
            break;
        }
    }
    dump.flush().map(drop)
}

/// What is not given back, and all that comes.
fn follow(
    inspector: &Inspector,
    dump: &mut Printer<impl Write>,
    types: Option<&Types<'_>>,
    most: u64,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let ring = inspector.map_all().map_err(failure)?;
    // Elsewhere the newest bytes may be seen before the position: no record is that long.
    let x86 = cfg!(any(target_arch = "x86_64", target_arch = "x86"));
    let margin = if x86 { 0 } else { inspector.capacity().bytes() / 4 };
    let mut tap = Tap::at_consumer(&ring).margin(margin);
    let mut buffer = vec![0; 4096];
    while dump.told.records < most && !stop.load(Ordering::Relaxed) {
        let position = tap.position().get();
        let step = match tap.next(&ring, &mut buffer) {
            Err(ReadError::TooSmall { needs, .. }) => {
                buffer.resize(needs, 0);
                continue;
            }
            step => step.map_err(|error| Failure::Running(anyhow!(error)))?,
        };
        let printed = match step {
            Observed::End | Observed::Busy { .. } => match dump.flush()? {
                // An idle ring has nothing to write, and so no error of a write.
                Continue(()) if sleep_while_read(io::stdout(), BETWEEN) => Continue(()),
                _ => Break(()),
            },
            step => dump.step(position, &step, types)?,
        };
        if printed.is_break() {
            return Ok(());
        }
    }
    dump.flush().map(drop)
}
