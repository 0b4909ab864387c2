//! A screen as SVG, for the README.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

const CELL: (u16, u16) = (8, 17);
const MARGIN: u16 = 10;

/// One text element for each run of cells that look alike.
pub(super) fn svg(buffer: &Buffer) -> String {
    let (width, height) = (buffer.area.width, buffer.area.height);
    let size = (width * CELL.0 + 2 * MARGIN, height * CELL.1 + 2 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-size=\"13\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\">\n\
         <title>ringbuf top</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#16181d\"/>\n",
        size.0, size.1
    );
    for y in 0..height {
        let mut x = 0;
        while x < width {
            let first = &buffer[(x, y)];
            let mut end = x + 1;
            while end < width && alike(first, &buffer[(end, y)]) {
                end += 1;
            }
            let symbols: String = (x..end).map(|x| buffer[(x, y)].symbol()).collect();
            run(&mut text, first, &symbols, (x, y), end - x);
            x = end;
        }
    }
    text + "</svg>\n"
}

fn alike(one: &Cell, other: &Cell) -> bool {
    (one.fg, one.bg, one.modifier) == (other.fg, other.bg, other.modifier)
}

fn run(text: &mut String, cell: &Cell, symbols: &str, (x, y): (u16, u16), cells: u16) {
    let reversed = cell.modifier.contains(Modifier::REVERSED);
    let (left, top) = (MARGIN + x * CELL.0, MARGIN + y * CELL.1);
    let width = cells * CELL.0;
    if reversed {
        let height = CELL.1;
        let _infallible = writeln!(
            text,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"#2f3541\"/>"
        );
    }
    if symbols.trim().is_empty() {
        return;
    }
    let bold = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let fill = colour(cell.fg, cell.modifier.contains(Modifier::DIM));
    let escaped = symbols.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let base = top + 13;
    let _infallible = writeln!(
        text,
        "<text x=\"{left}\" y=\"{base}\" fill=\"{fill}\" textLength=\"{width}\" \
         xml:space=\"preserve\"{bold}>{escaped}</text>"
    );
}

fn colour(colour: Color, dim: bool) -> &'static str {
    match colour {
        Color::Red => "#ff6b6b",
        Color::Yellow => "#e5c07b",
        Color::Green => "#7ec699",
        Color::Cyan => "#56b6c2",
        _ if dim => "#8b93a1",
        _ => "#d7dae0",
    }
}
