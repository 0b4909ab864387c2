//! [`Screen`]: the terminal, which is as it was before when this is dropped, also after a panic.

use std::io::{self, Stdout, stdout};
use std::panic;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use signal_hook::consts::SIGTSTP;
use signal_hook::low_level::emulate_default_handler;

/// The terminal, in raw mode and on its other screen.
pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn take() -> io::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        Self::enter()?;
        Ok(Self { terminal: Terminal::new(CrosstermBackend::new(stdout()))? })
    }

    fn enter() -> io::Result<()> {
        enable_raw_mode()?;
        let entered = execute!(stdout(), EnterAlternateScreen);
        if entered.is_err() {
            give_back();
        }
        entered
    }

    /// Gives the terminal back, calls `meanwhile`, and takes it again.
    pub(super) fn without<T>(&mut self, meanwhile: impl FnOnce() -> T) -> io::Result<T> {
        give_back();
        let result = meanwhile();
        Self::enter()?;
        self.terminal.clear()?;
        Ok(result)
    }

    /// Stops this process, as Ctrl-Z does, until somebody continues it.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        self.without(|| emulate_default_handler(SIGTSTP))?
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// As it was before. What fails here cannot be helped.
fn give_back() {
    let _gone = execute!(stdout(), LeaveAlternateScreen, Show);
    let _gone = disable_raw_mode();
}
