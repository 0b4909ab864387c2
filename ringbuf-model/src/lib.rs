//! BPF ring buffers on other machines, in virtual time.
#![doc = include_str!("../README.md")]

mod costs;
mod cpu;
mod engine;
mod faults;
mod hist;
mod kernel_side;
mod line;
mod machine;
mod plot;
mod random;
mod reader;
mod reader_side;
mod report;
mod ring;
mod run;
mod seat;
mod setup;
mod size;
mod size_error;
mod spec;
mod table;
pub mod units;
mod workload;
mod world;

pub use faults::{Faults, Wakeups};
pub use hist::Distribution;
pub use machine::{Machine, MachineError, Prices, Topology};
pub use plot::PlotError;
pub use reader::Reader;
pub use report::Report;
pub use run::Progress;
pub use setup::{Setup, SetupError, Sharing};
pub use size::{Answer, Wanted};
pub use size_error::SizeError;
pub use spec::release;
pub use table::{Bound, Compared, Row, Table};
pub use units::UnitError;
pub use workload::{Arrivals, Sizes};
pub use world::Sample;
