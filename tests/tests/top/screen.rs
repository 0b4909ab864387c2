//! The screen of `ringbuf top`, on a terminal.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ringbuf_tests::{Pty, live, ringbuf, task_state, watchdog};
use vt100::Parser;

use crate::host::{self, Host};

const ROWS: u16 = 70;
const COLUMNS: u16 = 150;

/// `ringbuf top` on a terminal, and what is on its screen.
pub(crate) struct Screen {
    pty: Pty,
    parser: Arc<Mutex<Parser>>,
}

impl Screen {
    pub(crate) fn start(test: &str, arguments: &[&str], set: &[(&str, &str)]) -> Option<Self> {
        let mut command = ringbuf(test, &[&["top"], arguments].concat())?;
        command.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
        command.envs(set.iter().copied());
        let pty = Pty::start(command, ROWS, COLUMNS);
        let parser = Arc::new(Mutex::new(Parser::new(ROWS, COLUMNS, 0)));
        let (mut output, shown) = (pty.output(), Arc::clone(&parser));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("no panic").process(&bytes[..count]);
            }
        });
        Some(Self { pty, parser })
    }

    fn text(&self) -> String {
        self.parser.lock().expect("no panic").screen().contents()
    }

    /// Waits until the screen is as it should be.
    pub(crate) fn until(&self, is: impl Fn(&str) -> bool) -> String {
        loop {
            let text = self.text();
            if is(&text) {
                return text;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn is_alternate(&self) -> bool {
        self.parser.lock().expect("no panic").screen().alternate_screen()
    }

    /// The line of a ring.
    pub(crate) fn line(&self, id: u32) -> Option<String> {
        let start = format!("{id} ");
        self.text().lines().find(|line| line.trim_start().starts_with(&start)).map(str::to_owned)
    }
}

/// Each situation of the host is on the screen. A screen has no place for all rings of a host, on
/// which other tests may run.
pub(crate) fn shows_all(test: &str, host: &Host, stuck: u32) {
    let situations = [
        (stuck, "STUCK HEAD"),
        (host.dead.id, "NO READER"),
        (host.two.id, "TWO READERS"),
        (host.full(), "FULL"),
        (host.hung(), "READER HUNG"),
        (host.idle(), "NO PROGRAM"),
    ];
    let ids = situations.map(|(id, _)| id.to_string());
    let arguments = ["-i", "500ms"].into_iter().chain(ids.iter().map(String::as_str));
    let screen = Screen::start(test, &arguments.collect::<Vec<_>>(), &[]).expect("built");
    for (id, state) in situations {
        screen.until(|_| screen.line(id).is_some_and(|line| line.contains(state)));
    }
    let text = screen.text();
    assert!(text.starts_with("ringbuf top") && text.contains("1 stuck head"), "{text}");
    assert!(screen.line(host.hung()).is_some_and(|line| line.contains("stopped")), "{text}");
}

#[test]
fn keys_are_answered_and_the_terminal_is_given_back() {
    let test = "top::keys";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let map = host::map();
    let id = host::id_of(&map).to_string();
    let Some(mut screen) = Screen::start(test, &["-i", "100ms", &id], &[]) else { return };
    screen.until(|text| text.contains(&id) && text.contains("█") | text.contains("░"));
    assert!(screen.is_alternate() && !screen.pty.is_cooked());
    screen.pty.press("\r");
    screen.until(|text| text.contains("positions") && text.contains("NO READER, NO PROGRAM"));
    screen.pty.press("q?");
    screen.until(|text| text.contains("Any key ends this help"));
    screen.pty.press("x/id=0\r");
    screen.until(|text| text.contains("no ring matches the filter"));
    screen.pty.press("/\x1b");
    screen.until(|text| text.contains("NO READER"));
    screen.pty.press("p");
    screen.until(|text| text.contains("PAUSED"));
    screen.pty.press("d");
    screen.until(|text| text.contains("0 records") && text.contains("any key shows"));
    screen.pty.press("q");
    screen.until(|text| text.contains("PAUSED") && text.contains("NO READER"));
    screen.pty.press("q");
    assert!(screen.pty.wait().success());
    assert!(screen.pty.is_cooked());
    screen.until(|text| !text.contains("PAUSED"));
    assert!(!screen.is_alternate());
}

/// Whether the kernel permits it or not, the screen says which.
#[test]
fn a_key_attaches_and_detaches() {
    let test = "top::attach_by_key";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let map = host::map();
    let id = host::id_of(&map).to_string();
    let Some(mut screen) = Screen::start(test, &["-i", "100ms", &id], &[]) else { return };
    screen.until(|text| text.contains("loss: inferred"));
    screen.pty.press("a");
    let told = screen.until(|text| text.contains("are counted") || text.contains("not counted"));
    if told.contains("losses are not counted by --attach") {
        screen.until(|text| text.contains("loss: inferred"));
        println!("{}", told.lines().last().unwrap_or_default());
    } else {
        screen.until(|text| text.contains("loss: attach"));
        screen.pty.press("a");
        screen.until(|text| text.contains("no longer counted"));
        screen.until(|text| text.contains("loss: inferred"));
    }
    screen.pty.press("q");
    assert!(screen.pty.wait().success());
}

#[test]
fn signals_and_panics_give_the_terminal_back() {
    let test = "top::signals";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    for (signal, keys, set, code) in [
        (libc::SIGTERM, "", None, Some(0)),
        (libc::SIGINT, "", None, Some(0)),
        (libc::SIGHUP, "", None, Some(0)),
        (0, "\x03", None, Some(0)),
        (0, "", Some(("RINGBUF_TEST_PANIC", "1")), Some(101)),
    ] {
        let Some(mut screen) = Screen::start(test, &["-i", "300ms"], set.as_slice()) else {
            return;
        };
        if set.is_none() {
            screen.until(|text| text.contains("q quit"));
            assert!(!screen.pty.is_cooked());
        }
        if signal != 0 {
            screen.pty.signal(signal);
        }
        screen.pty.press(keys);
        assert_eq!(screen.pty.wait().code(), code, "{signal} {keys:?} {set:?}");
        assert!(screen.pty.is_cooked(), "{signal} {keys:?} {set:?}");
        screen.until(|_| !screen.is_alternate());
    }
}

#[test]
fn a_stopped_screen_comes_back() {
    let test = "top::stopped";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let map = host::map();
    let id = host::id_of(&map).to_string();
    let Some(mut screen) = Screen::start(test, &["-i", "100ms", &id], &[]) else { return };
    let process = format!("/proc/{}", screen.pty.pid());
    for by_key in [true, false] {
        screen.until(|text| text.contains("NO READER"));
        if by_key {
            screen.pty.press("\x1a");
        } else {
            screen.pty.signal(libc::SIGTSTP);
        }
        while task_state(&process) != Some('T') {
            thread::sleep(Duration::from_millis(1));
        }
        assert!(screen.pty.is_cooked());
        screen.until(|_| !screen.is_alternate());
        screen.pty.signal(libc::SIGCONT);
        screen.until(|text| screen.is_alternate() && text.contains("NO READER"));
    }
    screen.pty.press("q");
    assert!(screen.pty.wait().success());
}

#[test]
fn without_colours_and_utf8_there_are_none() {
    let test = "top::plain";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let map = host::map();
    let id = host::id_of(&map).to_string();
    for (set, coloured) in [(&[][..], true), (&[("NO_COLOR", "1"), ("LC_ALL", "C")][..], false)] {
        let Some(screen) = Screen::start(test, &["-i", "100ms", &id], set) else { return };
        let text = screen.until(|text| text.contains("NO READER"));
        assert_eq!(text.is_ascii(), !coloured, "{text}");
        let parser = screen.parser.lock().expect("no panic");
        let cells = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (row, column)));
        let mut cells = cells.filter_map(|(row, column)| parser.screen().cell(row, column));
        let found = cells.any(|cell| cell.fgcolor() != vt100::Color::Default);
        assert_eq!(found, coloured, "{text}");
    }
}
