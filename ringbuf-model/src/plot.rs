//! A run as a picture: fill, losses and latency over time.

use std::fmt;

use plotters::prelude::*;

use crate::{Report, Setup, units};

/// The picture could not be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlotError(String);

impl fmt::Display for PlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot draw the run: {}", self.0)
    }
}

impl std::error::Error for PlotError {}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

const SIZE: (u32, u32) = (900, 720);
const FILL: RGBColor = RGBColor(0x1f, 0x6f, 0xb4);
const LOST: RGBColor = RGBColor(0xc0, 0x39, 0x2b);
const LATENCY: RGBColor = RGBColor(0x2e, 0x7d, 0x32);

impl Report {
    /// Returns an SVG with the fill of the fullest ring, the records lost a second, and the largest
    /// latency, over time. The setup must ask for [samples](Setup::samples).
    ///
    /// ```
    /// use ringbuf_model::{Machine, Setup};
    ///
    /// let mut setup = Setup::new(Machine::named("vm-2cpu")?);
    /// setup.samples = 50;
    /// let svg = setup.run()?.to_svg(&setup, "100k/s")?;
    /// assert!(svg.contains("</svg>"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PlotError`]: there are no samples.
    pub fn to_svg(&self, setup: &Setup, title: &str) -> Result<String, PlotError> {
        if self.samples.len() < 2 {
            return Err(PlotError("the setup asks for no samples".to_owned()));
        }
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            self.draw(&root, setup, title).map_err(|error| PlotError(error.to_string()))?;
        }
        Ok(svg)
    }

    fn draw(
        &self,
        root: &Area<'_>,
        setup: &Setup,
        title: &str,
    ) -> Result<(), Box<dyn std::error::Error>> {
        root.fill(&WHITE)?;
        let root = root.titled(title, ("sans-serif", 20))?;
        let parts = root.split_evenly((3, 1));
        let seconds = |at: u64| at as f64 / 1e9;
        let capacity = setup.ring as f64;
        let fill: Vec<_> = self
            .samples
            .iter()
            .map(|sample| (seconds(sample.at), sample.fill as f64 / capacity * 100.0))
            .collect();
        let per_second = |pair: &[crate::Sample]| {
            let time = seconds(pair[1].at - pair[0].at).max(1e-12);
            (seconds(pair[1].at), (pair[1].refused - pair[0].refused) as f64 / time)
        };
        let lost: Vec<_> = self.samples.windows(2).map(per_second).collect();
        let latency: Vec<_> = self
            .samples
            .iter()
            .skip(1)
            .map(|sample| (seconds(sample.at), sample.latency as f64 / 1e3))
            .collect();
        let ring = units::bytes_text(setup.ring);
        chart(
            &parts[0],
            &format!("fill of the fullest ring, % of {ring}"),
            &fill,
            Some(100.0),
            FILL,
        )?;
        chart(&parts[1], "records lost a second", &lost, None, LOST)?;
        chart(&parts[2], "largest latency, us", &latency, None, LATENCY)?;
        root.present()?;
        Ok(())
    }
}

fn chart(
    area: &Area<'_>,
    caption: &str,
    points: &[(f64, f64)],
    top: Option<f64>,
    colour: RGBColor,
) -> Result<(), Box<dyn std::error::Error>> {
    let most = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let top = top.unwrap_or(if most == 0.0 { 1.0 } else { most * 1.1 });
    let end = points.last().map_or(1.0, |point| point.0);
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(32)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("seconds")
        .y_label_formatter(&|value| short(*value))
        .draw()?;
    chart.draw_series(LineSeries::new(points.iter().copied(), &colour))?;
    Ok(())
}

/// Returns a number with few digits: `1.5M`.
fn short(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{:.1}M", value / 1e6),
        _ if value >= 1e3 => format!("{:.1}k", value / 1e3),
        _ if value >= 10.0 || value == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}
