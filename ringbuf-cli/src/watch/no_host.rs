//! A build without BPF programs has no iterators.

use std::collections::HashMap;

use super::look::{Seen, Users};
use super::lost::Losses;

/// There is no value of this type.
#[derive(Clone)]
pub(crate) struct Iterators(std::convert::Infallible);

impl Iterators {
    /// As in the build with them.
    pub(crate) fn load() -> Option<Self> {
        None
    }

    pub(super) fn rings(&self) -> Option<Vec<Seen>> {
        match self.0 {}
    }

    pub(super) fn users(&self) -> Option<HashMap<u32, Users>> {
        match self.0 {}
    }
}

/// As in the build with them.
pub(super) fn attached() -> Result<Box<dyn Losses>, String> {
    Err("this build has no BPF programs (--no-default-features)".to_owned())
}
