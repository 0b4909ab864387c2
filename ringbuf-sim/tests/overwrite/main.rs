//! Rings in overwrite mode: the facts of live kernels, the reader, and a writer that laps
//! it at any access.

mod facts;
mod lapped;
mod lapping;
mod newest;
mod reading;
mod records;
mod threads;
