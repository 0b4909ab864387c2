//! A plot of each cell, as SVG.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::load::{Load, ring_name};
use crate::plan::Measured;
use crate::statistics::{Figure, of};

const BAR: u32 = 26;
const WIDTH: u32 = 860;

/// Writes one file for each cell into `folder`, which is made if it is missing.
///
/// # Errors
/// If a file cannot be written.
pub fn all(folder: &Path, all: &[Measured]) -> Result<()> {
    fs::create_dir_all(folder)?;
    for measured in all {
        let path = folder.join(format!("{}.svg", file_name(measured)));
        bars(&path, measured).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn file_name(measured: &Measured) -> String {
    let cell = &measured.cell;
    let size = if cell.size == 0 { "mixed".to_owned() } else { cell.size.to_string() };
    let more = match cell.load {
        Load::Saturating => String::new(),
        Load::Paced(gap) => format!("-{gap}us"),
        Load::Prefilled { touched } => {
            format!("-{}", if touched { "touched" } else { "untouched" })
        }
    };
    let wakeups = format!("{:?}", cell.wakeups).to_lowercase();
    let (load, ring, threads) = (cell.load.word(), ring_name(cell.ring), cell.threads);
    format!("{load}{more}-{size}-{ring}-{wakeups}-{threads}")
}

/// One bar for each reader: the main figure of the cell.
fn bars(path: &Path, measured: &Measured) -> Result<()> {
    let (what, unit, figures): (_, f64, &[(&str, Figure)]) = match measured.cell.load {
        Load::Saturating => ("accepted Mrec/s", 1e-6, &[("", |v| v.rate)]),
        Load::Paced(_) => (
            "us",
            1e-3,
            &[("p50", |v| v.p50), ("p99", |v| v.p99), ("producer's call", |v| v.producer)],
        ),
        Load::Prefilled { .. } => ("ns/record", 1.0, &[("", |v| v.drain)]),
    };
    let rows: Vec<(String, f64, usize)> = measured
        .readers
        .iter()
        .flat_map(|reader| {
            figures.iter().enumerate().filter_map(move |(kind, (name, figure))| {
                let value = of(&measured.repetitions, reader, *figure)? * unit;
                Some((format!("{reader} {name}"), value, kind))
            })
        })
        .collect();
    let most = rows.iter().map(|row| row.1).fold(f64::MIN_POSITIVE, f64::max) * 1.12;
    let count = i32::try_from(rows.len())?;
    let root = SVGBackend::new(path, (WIDTH, BAR * rows.len() as u32 + 90)).into_drawing_area();
    root.fill(&WHITE)?;
    let title = format!("{}: {what}", measured.cell);
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 15))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(190)
        .build_cartesian_2d(0.0..most, (0..count).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(rows.len())
        .y_label_formatter(&|at| match at {
            SegmentValue::CenterOf(row) => name(&rows, *row),
            _ => String::new(),
        })
        .draw()?;
    // The first row is at the top, where the axis ends.
    for (row, (name, value, kind)) in (0..count).rev().zip(&rows) {
        let colour =
            if name.starts_with("ours") { RGBColor(200, 80, 30) } else { RGBColor(60, 110, 170) };
        let style = colour.mix(1.0 - 0.3 * *kind as f64).filled();
        let corners = [(0.0, SegmentValue::Exact(row)), (*value, SegmentValue::Exact(row + 1))];
        let mut bar = Rectangle::new(corners, style);
        bar.set_margin(3, 3, 0, 0);
        chart.draw_series([bar])?;
        let label = format!(" {value:.2}");
        let at = (*value, SegmentValue::CenterOf(row));
        let beside = Pos::new(HPos::Left, VPos::Center);
        let style = ("sans-serif", 12).into_text_style(&root).pos(beside);
        chart.draw_series([Text::new(label, at, style)])?;
    }
    Ok(root.present()?)
}

fn name(rows: &[(String, f64, usize)], row: i32) -> String {
    let from_top = usize::try_from(row).ok().and_then(|row| rows.len().checked_sub(row + 1));
    from_top.and_then(|at| rows.get(at)).map(|row| row.0.clone()).unwrap_or_default()
}
