//! On a terminal: a screen, and keys.

use std::collections::HashMap;
use std::env;
use std::io;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::enable_raw_mode;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};

use super::app::{Act, App, View};
use super::args::Top;
use super::draw::draw;
use super::host;
use super::replay::Feed;
use super::style::Style;
use super::terminal::Screen;
use crate::Failure;
use crate::list::failure_of_look;

/// How long a signal may have to wait.
const NAP: Duration = Duration::from_millis(250);
/// Nobody reads faster than that.
const DRAW: Duration = Duration::from_millis(40);

/// Shows the screen until a key or a signal ends it.
pub(super) fn run(arguments: &Top, mut feed: Feed, message: Option<String>) -> Result<(), Failure> {
    let signals = Signals::watch().context("cannot watch for signals").map_err(Failure::Running)?;
    // What is missing is told before the screen is taken.
    let first = feed.look(arguments.interval).map_err(failure_of_look)?.unwrap_or_default();
    let mut app = App {
        all: Vec::new(),
        sort: arguments.sort,
        reverse: arguments.reverse,
        filter: arguments.filter.clone(),
        interval: arguments.interval,
        paused: false,
        view: View::Table,
        chosen: None,
        history: HashMap::new(),
        style: Style::of_environment(true),
        message,
        host: host(),
        error: None,
    };
    app.take(first);
    let screen = Screen::take().context("cannot take the terminal").map_err(Failure::Running)?;
    let result = Loop { app, feed, screen, signals, most: arguments.count }.run();
    match result {
        // The terminal has gone, and with it who would read a message.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot use the terminal").map_err(Failure::Running),
    }
}

struct Loop {
    app: App,
    feed: Feed,
    screen: Screen,
    signals: Signals,
    most: Option<u64>,
}

impl Loop {
    fn run(mut self) -> io::Result<()> {
        let (mut looked, mut looks) = (Instant::now(), 0);
        let (mut drawn, mut changed) = (None::<Instant>, true);
        loop {
            if self.signals.ended() {
                return Ok(());
            }
            if self.signals.stopped() {
                self.screen.suspend()?;
                changed = true;
            }
            if self.signals.continued() {
                self.screen.without(|| ())?;
                changed = true;
            }
            if !self.app.paused && looked.elapsed() >= self.app.interval {
                looked = Instant::now();
                self.look();
                looks += 1;
                changed = true;
                if self.most.is_some_and(|most| looks >= most) {
                    return Ok(());
                }
            }
            let since = drawn.map_or(DRAW, |drawn| drawn.elapsed());
            if changed && since >= DRAW {
                self.screen.terminal.draw(|frame| draw(frame, &self.app))?;
                (drawn, changed) = (Some(Instant::now()), false);
            }
            let next = self.app.interval.saturating_sub(looked.elapsed());
            let next = if self.app.paused { NAP } else { next };
            let next = if changed { next.min(DRAW.saturating_sub(since)) } else { next };
            if !event::poll(next.min(NAP))? {
                continue;
            }
            let event = event::read()?;
            changed = true;
            let Event::Key(key) = event else { continue };
            if key.kind != KeyEventKind::Press {
                continue;
            }
            match self.app.key(key) {
                Act::Nothing => {}
                Act::Quit => return Ok(()),
                Act::Suspend => self.screen.suspend()?,
                Act::Look => {
                    looked = Instant::now();
                    self.look();
                }
                Act::Dump(id) => self.dump(id)?,
                Act::Attach => {
                    let said = self.feed.attach_or_detach();
                    looked = Instant::now();
                    self.look();
                    self.app.message = Some(said);
                }
            }
        }
    }

    /// A look that fails is told, and tried again.
    fn look(&mut self) {
        // For the test that a panic leaves the terminal as it was.
        assert!(env::var_os("RINGBUF_TEST_PANIC").is_none(), "RINGBUF_TEST_PANIC is set");
        match self.feed.look(self.app.interval) {
            Ok(Some(rows)) => self.app.take(rows),
            Ok(None) => {
                self.app.paused = true;
                self.app.message = Some("the recording has ended: q quits".to_owned());
            }
            Err(error) => self.app.error = Some(error.to_string()),
        }
    }

    /// Runs `ringbuf dump` on the screen of the shell, and waits for a key.
    fn dump(&mut self, id: u32) -> io::Result<()> {
        let done = self.screen.without(|| {
            let status = Command::new(env::current_exe()?)
                .args(["dump", "--count", "100", &id.to_string()])
                .status()?;
            eprintln!("ringbuf: any key shows the rings again");
            self.signals.wait_for_a_key()?;
            if status.success() { Ok(()) } else { Err(io::Error::other("dump has failed")) }
        })?;
        self.app.message = done.err().map(|error| anyhow!(error).to_string());
        Ok(())
    }
}

/// Signals that came.
struct Signals {
    end: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    go_on: Arc<AtomicBool>,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        let [end, stop, go_on] = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&end))?;
        }
        signal_hook::flag::register(SIGTSTP, Arc::clone(&stop))?;
        signal_hook::flag::register(SIGCONT, Arc::clone(&go_on))?;
        Ok(Self { end, stop, go_on })
    }

    fn ended(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    /// Until a key is pressed, or the end is asked for: by a signal, or by Ctrl-C.
    fn wait_for_a_key(&self) -> io::Result<()> {
        // Otherwise only Enter would be read. The screen takes the terminal afterwards.
        enable_raw_mode()?;
        while !self.ended() {
            if !event::poll(NAP)? {
                continue;
            }
            let Event::Key(key) = event::read()? else { continue };
            if key.kind == KeyEventKind::Press {
                let control_c =
                    key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
                self.end.fetch_or(control_c, Ordering::Relaxed);
                break;
            }
        }
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.stop.swap(false, Ordering::Relaxed)
    }

    fn continued(&self) -> bool {
        self.go_on.swap(false, Ordering::Relaxed)
    }
}
