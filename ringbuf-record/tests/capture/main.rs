//! Captures: what is written is read, and damage costs what it tore.

mod bytes;
mod damage;
mod made;
mod refusals;
mod replay;
mod round_trip;
