//! `ringbuf top`: all rings, again and again, on a screen, as tables or as JSON.

mod app;
mod args;
mod columns;
mod detail;
mod draw;
mod filter;
mod grid;
#[cfg(test)]
mod made_up;
mod plain;
mod replay;
mod screen;
mod style;
#[cfg(test)]
mod svg;
mod terminal;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::Path;

use clap::Parser;

use crate::list::watcher;
use crate::watch::Watcher;
use crate::{Failure, tell};

pub(crate) use self::args::{Top, speed};
use self::replay::{Feed, Replay};

/// Shows the rings until it is ended.
pub(crate) fn run(arguments: &Top) -> Result<(), Failure> {
    if let Some(path) = &arguments.replay {
        let feed = Feed::File(Replay::open(path)?, arguments.speed);
        return show(arguments, feed, None);
    }
    let mut watcher = watcher(&arguments.maps, false)?;
    let refused = if arguments.attach { attach(&mut watcher).err() } else { None };
    show(arguments, Feed::Live(Box::new(watcher)), refused)
}

/// As `ringbuf top --replay FILE --speed SPEED`.
pub(crate) fn replay(file: &Path, speed: f64) -> Result<(), Failure> {
    let mut option = OsString::from("--replay=");
    option.push(file);
    let alone = Alone::parse_from([OsString::from("top"), option]);
    run(&Top { speed, ..alone.top })
}

/// The defaults of all options.
#[derive(Parser)]
struct Alone {
    #[command(flatten)]
    top: Top,
}

/// Counts losses of all rings in the kernel. The error is for the user.
pub(crate) fn attach(watcher: &mut Watcher) -> Result<(), String> {
    watcher.attach().map_err(|why| format!("losses are not counted by --attach: {why}"))
}

fn show(arguments: &Top, feed: Feed, refused: Option<String>) -> Result<(), Failure> {
    let on_screen = !(arguments.batch || arguments.json || arguments.once);
    if on_screen && io::stdout().is_terminal() {
        return screen::run(arguments, feed, refused);
    }
    refused.iter().for_each(|refused| tell(&format!("ringbuf: {refused}")));
    plain::run(arguments, feed)
}

/// The name of this machine and its kernel.
fn host() -> String {
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        crate::format::escape(text.trim().as_bytes())
    };
    format!("{}  {}", read("hostname"), read("osrelease"))
}
