//! All rings and their users by BPF iterators, as `ringbuf-host` reads them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ringbuf_host::{Host, HostProcess, HostProgram, HostRing, Losses as Refusals, Source};

use super::look::{LookedBy, LossSource, Lost, Process, ProgramName, Seen, Users};
use super::lost::Losses;

/// The attached iterators. Clones share them.
#[derive(Clone)]
pub(crate) struct Iterators(Rc<Shared>);

struct Shared {
    host: Host,
    /// The latest look.
    rings: RefCell<Vec<HostRing>>,
}

impl Iterators {
    /// `None` if the kernel does not load them: it takes CAP_BPF and CAP_PERFMON.
    pub(crate) fn load() -> Option<Self> {
        let host = Host::open();
        let usable = host.source() == Source::Iterators;
        usable.then(|| Self(Rc::new(Shared { host, rings: RefCell::default() })))
    }

    /// All rings. `None` if they could not be read.
    pub(super) fn rings(&self) -> Option<Vec<Seen>> {
        let rings = self.0.host.rings().ok()?;
        let seen = |ring: &HostRing| Seen {
            looked_by: LookedBy::Iterators,
            ..Seen::from(ring.info.clone())
        };
        let seen = rings.iter().map(seen).collect();
        self.0.rings.replace(rings);
        Some(seen)
    }

    /// The users of all rings of the latest look. Where they wait is as old as that look.
    pub(super) fn users(&self) -> Option<HashMap<u32, Users>> {
        let rings = self.0.rings.borrow();
        let owners = self.0.host.owners(&rings).ok()?;
        let processes = |all: &[HostProcess]| all.iter().map(Process::of).collect();
        let programs = |all: &[HostProgram]| all.iter().map(ProgramName::of_host).collect();
        let users = |id| Users {
            writers: owners.readers(id).map(processes),
            programs: owners.programs(id).map(programs),
            pins: None,
            holders: owners.holders(id).map(processes),
        };
        Some(rings.iter().map(|ring| (ring.info.id, users(ring.info.id))).collect())
    }
}

impl Process {
    fn of(process: &HostProcess) -> Self {
        let HostProcess { pid, comm, waiting, .. } = process.clone();
        Self { pid, comm, waiting, state: None }
    }
}

impl ProgramName {
    fn of_host(program: &HostProgram) -> Self {
        Self { id: program.id, name: program.name.clone() }
    }
}

/// Counts at the kernel's reservation. The error says why it cannot.
pub(super) fn attached() -> Result<Box<dyn Losses>, String> {
    match Refusals::attach() {
        Ok(refusals) => Ok(Box::new(Attached(refusals))),
        Err(refused) => Err(refused.to_string()),
    }
}

struct Attached(Refusals);

impl Losses for Attached {
    fn lost(&mut self, rings: &[Seen]) -> HashMap<u32, Lost> {
        // What was missed may be of any ring.
        let (Ok(0), Ok(counts)) = (self.0.missed(), self.0.by_map()) else { return HashMap::new() };
        // A ring that is not there has lost nothing: every refusal is counted.
        let of = |ring: &Seen| {
            let lost = counts.get(&ring.id).copied().unwrap_or_default();
            let (records, bytes) = (lost.records, Some(lost.bytes));
            (ring.id, Lost { records, bytes, source: LossSource::Attach })
        };
        rings.iter().map(of).collect()
    }
}
