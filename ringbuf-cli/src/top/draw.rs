//! The screen: the table, the details of a ring, the help. Draws an [`App`] on any backend.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style as Look};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::app::{App, View};
use super::columns::percent;
use super::detail;
use super::grid::{Grid, totals};
use crate::watch::{Row, State};

/// Draws all of it. Any size will do.
pub(super) fn draw(frame: &mut Frame<'_>, app: &App) {
    let area = frame.area();
    let height = usize::from(area.height);
    let (above, below) = (header(app, area.width.into()), footer(app));
    let middle = height.saturating_sub(2);
    let body = match &app.view {
        View::Detail => detail::lines(app, area.width.into(), middle),
        View::Help => help(),
        View::Table | View::Filter(_) => table(app, area.width.into(), middle),
    };
    let shown = body.into_iter().take(middle);
    let mut lines: Vec<Line<'_>> = std::iter::once(above).chain(shown).collect();
    lines.resize(height.saturating_sub(below.len()), Line::default());
    lines.extend(below);
    // A screen of a line or two.
    lines.truncate(height);
    frame.render_widget(Paragraph::new(lines), Rect { x: 0, y: 0, ..area });
}

/// The colours of this terminal, or none.
pub(super) fn look(app: &App, colour: Color, modifier: Modifier) -> Look {
    let look = Look::default().add_modifier(modifier);
    if app.style.colour { look.fg(colour) } else { look }
}

/// Of a state: what is wrong is red, what may become so is yellow.
pub(super) fn state_look(app: &App, state: State) -> Look {
    match state {
        State::Ok => look(app, Color::Green, Modifier::empty()),
        State::NearFull | State::NoProgram => look(app, Color::Yellow, Modifier::empty()),
        _ => look(app, Color::Red, Modifier::BOLD),
    }
}

/// A narrow screen shows what is wrong rather than where.
fn header(app: &App, width: usize) -> Line<'static> {
    let (left, right) = totals(&app.all, app.style);
    let wrong = if right.is_empty() { right } else { format!("  {right}") };
    let paused = if app.paused { "  PAUSED" } else { "" };
    let title = "ringbuf top";
    let rest = [title, paused, &*wrong].iter().map(|text| text.chars().count()).sum::<usize>();
    let fits = |text: &String| text.chars().count() + rest <= width;
    let all = [format!("  {}  {left}", app.host), format!("  {left}")].into_iter().find(fits);
    let left =
        all.unwrap_or_else(|| if wrong.is_empty() { format!("  {left}") } else { String::new() });
    Line::from(vec![
        Span::styled(title, look(app, Color::Cyan, Modifier::BOLD)),
        Span::raw(left),
        Span::styled(paused, look(app, Color::Yellow, Modifier::BOLD)),
        Span::styled(wrong, look(app, Color::Red, Modifier::BOLD)),
    ])
}

/// The keys, a message, or the filter that is being written.
fn footer(app: &App) -> Vec<Line<'static>> {
    let red = look(app, Color::Red, Modifier::BOLD);
    let told = app.message.as_ref().or(app.error.as_ref());
    let mut lines: Vec<Line<'static>> = Vec::new();
    if let View::Filter(text) = &app.view {
        // The text and the sign below it are in this line.
        let said = told.and_then(|told| told.lines().next());
        lines.extend(said.map(|said| Line::styled(said.to_owned(), red)));
        lines.push(Line::raw(format!("/{text}_")));
        return lines;
    }
    match told.and_then(|told| told.lines().next()) {
        Some(told) => lines.push(Line::styled(told.to_owned(), red)),
        None => {
            let every = humantime::format_duration(app.interval);
            let filter = app.filter.as_ref().map(|filter| format!("  filter: {}", filter.text()));
            let keys = match app.view {
                View::Detail => "Enter table  jk ring  d dump  p pause  q back",
                _ => {
                    "Enter detail  s sort  r reverse  / filter  d dump  p pause  + - interval  a attach  ? help  q quit"
                }
            };
            let text = format!(" {keys}  {every}{}", filter.unwrap_or_default());
            lines.push(Line::styled(text, Look::default().add_modifier(Modifier::DIM)));
        }
    }
    lines
}

fn table(app: &App, width: usize, height: usize) -> Vec<Line<'static>> {
    let rows = app.rows();
    let grid = Grid::new(&rows, app.style, Some(width));
    let titles = grid.titles(app.sort, app.reverse, app.style);
    let mut lines = vec![Line::styled(titles, Look::default().add_modifier(Modifier::BOLD))];
    if rows.is_empty() {
        let text = match app.all.is_empty() {
            true => "no ring buffer map on this machine",
            false => "no ring matches the filter: / changes it, Esc there drops it",
        };
        lines.push(Line::raw(text));
    }
    // The chosen ring stays on the screen.
    let room = height.saturating_sub(1).max(1);
    let chosen = rows.iter().position(|row| Some(row.id) == app.chosen).unwrap_or(0);
    let first = (chosen + 1).saturating_sub(room);
    for (number, row) in rows.iter().enumerate().skip(first).take(room) {
        lines.push(line(app, row, grid.line(number), number == chosen));
    }
    lines
}

fn line(app: &App, row: &Row, (before, state): (String, String), chosen: bool) -> Line<'static> {
    let mut spans = Vec::new();
    // The bar has a colour of its own.
    let bar = |c: char| matches!(c, '█' | '░' | '#' | '.');
    match before.find("█").or_else(|| before.find("░")).filter(|_| app.style.unicode) {
        Some(at) => {
            let (left, rest) = before.split_at(at);
            let end = rest.find(|c| !bar(c)).unwrap_or(rest.len());
            spans.push(Span::raw(left.to_owned()));
            let full = row.fill_bytes.map_or(0, |fill| percent(fill, row.capacity));
            let colour = match full {
                0..=49 => Color::Green,
                50..=80 => Color::Yellow,
                _ => Color::Red,
            };
            spans.push(Span::styled(rest[..end].to_owned(), look(app, colour, Modifier::empty())));
            spans.push(Span::raw(rest[end..].to_owned()));
        }
        None => spans.push(Span::raw(before)),
    }
    spans.push(Span::styled(state, state_look(app, row.state)));
    let line = Line::from(spans);
    if chosen { line.style(Look::default().add_modifier(Modifier::REVERSED)) } else { line }
}

fn help() -> Vec<Line<'static>> {
    HELP.lines().map(Line::raw).collect()
}

const HELP: &str = "\
 j k, arrows  choose a ring      Enter  details and history
 s S          sort by the next, the previous column
 r            reverse the order  /      filter (Esc drops it)
 + -          interval           p      pause
 d            dump its records   a      count losses in the kernel, or no longer
 q            back, and quit

 Filter: name~^ev and state=full and fill>50
   texts    name state reader program kind   ~ = !=
   numbers  id size fill high in out rec lost head
 REC/s ~: estimated from a part of the records.
 n/a: not known, which is not 0.
 `ringbuf top --help` explains columns and states. Any key ends this help.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::app::tests::app;
    use crate::top::style::Style;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;

    fn drawn(app: &App, width: u16, height: u16) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a backend");
        terminal.draw(|frame| draw(frame, app)).expect("drawn");
        terminal.backend().buffer().clone()
    }

    fn text(buffer: &Buffer) -> Vec<String> {
        let line = |y| {
            let cells = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol());
            cells.collect::<String>().trim_end().to_owned()
        };
        (0..buffer.area.height).map(line).collect()
    }

    #[test]
    fn the_table_is_shown() {
        let lines = text(&drawn(&app(), 120, 9));
        assert!(lines[0].starts_with("ringbuf top  a1  6.12.118  4 rings  in 52M/s"), "{lines:#?}");
        assert!(lines[0].ends_with("⚠ 1 stuck head  1 no reader  1 full"), "{lines:#?}");
        assert!(lines[1].contains("ID▼ NAME") && lines[1].ends_with("STATE"), "{lines:#?}");
        assert!(
            lines[2].contains("████████░  87%") && lines[2].ends_with("near full"),
            "{lines:#?}"
        );
        assert!(lines[4].contains("4.2s") && lines[4].ends_with("STUCK HEAD, FULL"), "{lines:#?}");
        assert!(lines[8].contains("Enter detail") && lines[8].contains("1s"), "{lines:#?}");
    }

    #[test]
    fn each_size_is_drawn() {
        let mut app = app();
        let views = [View::Table, View::Detail, View::Help, View::Filter("fill>".to_owned())];
        for view in views {
            app.view = view;
            app.message = Some("two\nlines".to_owned());
            for (width, height) in [(1, 1), (2, 1), (40, 10), (80, 24), (300, 3), (1, 50), (20, 2)]
            {
                let lines = text(&drawn(&app, width, height));
                assert_eq!(lines.len(), usize::from(height));
            }
        }
        app.view = View::Table;
        app.message = None;
        let small = text(&drawn(&app, 40, 10));
        assert!(small[4].ends_with("STUCK HEAD"), "{small:#?}");
        assert!(small[2].contains("events") && small[2].ends_with("near full"), "{small:#?}");
    }

    #[test]
    fn the_chosen_ring_stays_on_the_screen() {
        let mut app = app();
        let template = app.all[0].clone();
        let rows: Vec<Row> =
            (1..=1000).map(|id| Row { id, watched_s: 1.0, ..template.clone() }).collect();
        app.take(rows);
        app.chosen = Some(700);
        let buffer = drawn(&app, 100, 24);
        let lines = text(&buffer);
        let at = lines.iter().position(|line| line.starts_with(" 700 ")).expect("on the screen");
        let reversed = buffer[(10, at as u16)].modifier.contains(Modifier::REVERSED);
        assert!(reversed, "{lines:#?}");
    }

    #[test]
    fn without_colours_there_is_none() {
        let mut app = app();
        for (style, colours) in [(app.style, true), (Style::plain(), false)] {
            app.style = style;
            for view in [View::Table, View::Detail] {
                app.view = view;
                let buffer = drawn(&app, 120, 30);
                let coloured = buffer.content.iter().any(|cell| cell.fg != Color::Reset);
                assert_eq!(coloured, colours);
                let ascii = buffer.content.iter().all(|cell| cell.symbol().is_ascii());
                assert_eq!(ascii, !colours, "{:#?}", text(&buffer));
            }
        }
    }

    #[test]
    fn details_are_shown_with_history() {
        let mut app = app();
        app.view = View::Detail;
        let lines = text(&drawn(&app, 100, 40)).join("\n");
        for part in [
            "57 events",
            "near full",
            "agent 812 epoll",
            "on_exec 157",
            "/sys/fs/bpf/events",
            "program",
            "84 failed",
            "discarded 0.2%",
            "fill",
            "▅",
        ] {
            assert!(lines.contains(part), "{part:?} in\n{lines}");
        }
        app.chosen = Some(71);
        let lines = text(&drawn(&app, 100, 40)).join("\n");
        for part in ["STUCK HEAD", "busy for 4.2s", "64 bytes", "nobody counts"] {
            assert!(lines.contains(part), "{part:?} in\n{lines}");
        }
    }

    #[test]
    fn an_empty_screen_says_why() {
        let mut app = app();
        app.filter = Some("id=1".parse().expect("sound"));
        assert!(text(&drawn(&app, 80, 6))[2].contains("no ring matches"));
        app.take(Vec::new());
        assert!(text(&drawn(&app, 80, 6))[2].contains("no ring buffer map"));
    }

    /// docs/top.svg is what this draws. `RINGBUF_BLESS=1 cargo test -p ringbuf-cli svg` writes it.
    #[test]
    fn the_svg_of_the_readme_is_this_screen() {
        let svg = crate::top::svg::svg(&drawn(&app(), 118, 8));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/top.svg");
        if std::env::var_os("RINGBUF_BLESS").is_some() {
            std::fs::write(path, &svg).expect("written");
        }
        // Outside the package, the picture is not there.
        if let Ok(known) = std::fs::read_to_string(path) {
            assert!(
                known == svg,
                "docs/top.svg is stale: RINGBUF_BLESS=1 cargo test -p ringbuf-cli svg"
            );
        }
    }
}
