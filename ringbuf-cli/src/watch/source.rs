//! [`Watcher`]: looks at the rings of this machine and feeds the model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Instant, SystemTime};

use ringbuf_kernel::{Inspector, OpenError, rings};

use super::host::{Iterators, attached};
use super::look::{Look, Seen};
use super::lost::{ByPrograms, Losses};
use super::model::Watch;
use super::people::People;
use super::row::Row;
use super::tally::{Sizes, Tallies, Tally};
use super::walk::Walker;

/// A source of looks at the rings: their positions and heads, in the order of the ids.
pub(crate) trait Rings {
    /// Looks at all rings. `users`, `lost` and `passed` stay empty.
    fn look(&mut self) -> Result<Vec<Seen>, OpenError>;
}

/// All rings: by iterators, or by opening each by its id for a moment, which needs
/// `CAP_SYS_ADMIN`.
pub(crate) struct All(pub(crate) Option<Iterators>);

impl Rings for All {
    fn look(&mut self) -> Result<Vec<Seen>, OpenError> {
        match self.0.as_ref().and_then(Iterators::rings) {
            Some(rings) => Ok(rings),
            None => Ok(rings()?.into_iter().map(Seen::from).collect()),
        }
    }
}

/// Chosen rings. Those behind paths are held, so that they need no privilege.
pub(crate) struct Chosen {
    all: All,
    ids: BTreeSet<u32>,
    names: BTreeSet<String>,
    held: BTreeMap<u32, Inspector>,
}

impl Chosen {
    /// Chooses none yet.
    pub(crate) fn new(iterators: Option<Iterators>) -> Self {
        let (ids, names, held) = Default::default();
        Self { all: All(iterators), ids, names, held }
    }

    /// Adds the ring that is pinned at `path`.
    pub(crate) fn add_pin(&mut self, path: &Path) -> Result<(), OpenError> {
        let inspector = Inspector::from_pin(path)?;
        self.held.insert(inspector.id(), inspector);
        Ok(())
    }

    /// Adds the ring with this id.
    pub(crate) fn add_id(&mut self, id: u32) -> Result<(), OpenError> {
        if self.all.0.is_none() || !self.all.look()?.iter().any(|ring| ring.id == id) {
            // The error says what is wrong with it.
            Inspector::from_id(id)?;
        }
        self.ids.insert(id);
        Ok(())
    }

    /// Adds the rings with this name. Returns false if there is none.
    pub(crate) fn add_name(&mut self, name: &str) -> Result<bool, OpenError> {
        let found = self.all.look()?.iter().any(|ring| ring.name == name);
        self.names.insert(name.to_owned());
        Ok(found)
    }
}

impl Rings for Chosen {
    fn look(&mut self) -> Result<Vec<Seen>, OpenError> {
        let mut found = BTreeMap::new();
        // With iterators, it takes a look at all rings to know the users of these.
        if !(self.names.is_empty() && self.ids.is_empty()) || self.all.0.is_some() {
            for ring in self.all.look()? {
                if self.ids.contains(&ring.id) || self.names.contains(&ring.name) {
                    found.insert(ring.id, ring);
                }
            }
        }
        for (id, inspector) in &self.held {
            found.insert(*id, Seen::from(inspector.describe()?));
        }
        Ok(found.into_values().collect())
    }
}

/// Looks at rings again and again.
pub(crate) struct Watcher {
    rings: Box<dyn Rings>,
    people: People,
    walker: Walker,
    by_programs: ByPrograms,
    /// Believed more than the programs, for the rings that it knows.
    attached: Option<Box<dyn Losses>>,
    watch: Watch,
    tallies: Tallies,
    begin: Instant,
}

impl Watcher {
    /// Watches these rings, and asks `iterators` who uses them. If `thorough`, all processes are
    /// searched for holders, and all is asked anew in each look.
    pub(crate) fn new(rings: Box<dyn Rings>, iterators: Option<Iterators>, thorough: bool) -> Self {
        Self {
            rings,
            people: People::new(iterators, thorough),
            walker: Walker::default(),
            by_programs: ByPrograms::default(),
            attached: None,
            watch: Watch::default(),
            tallies: Tallies::default(),
            begin: Instant::now(),
        }
    }

    /// Counts losses at the kernel's reservation from now on. The error says why it cannot.
    pub(crate) fn attach(&mut self) -> Result<(), String> {
        self.attached = Some(attached()?);
        Ok(())
    }

    /// Ends that. The counts are forgotten.
    pub(crate) fn detach(&mut self) {
        self.attached = None;
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.attached.is_some()
    }

    /// Looks now. Returns a row for each ring.
    pub(crate) fn look(&mut self) -> Result<Vec<Row>, OpenError> {
        let began = Instant::now();
        let mut rings = self.rings.look()?;
        let at = self.begin.elapsed();
        let time_ns = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        self.walker.walk(&mut rings);
        self.people.find(&mut rings, began);
        if let Some(attached) = &mut self.attached {
            ask(&mut **attached, &mut rings);
        }
        ask(&mut self.by_programs, &mut rings);
        self.tallies.take(&rings);
        let time_ns = u64::try_from(time_ns).unwrap_or(u64::MAX);
        Ok(self.watch.take(&Look { at, time_ns, rings }))
    }

    /// The totals of a ring of the latest look.
    pub(crate) fn tally(&self, id: u32) -> Option<&Tally> {
        self.tallies.get(id)
    }

    /// The sizes of its samples whose headers were walked.
    pub(crate) fn sizes(&self, id: u32) -> Option<&Sizes> {
        self.walker.sizes(id)
    }
}

/// Asks for the losses of rings that nobody knew before.
fn ask(source: &mut dyn Losses, rings: &mut [Seen]) {
    let lost = source.lost(rings);
    for ring in rings {
        ring.lost = ring.lost.or_else(|| lost.get(&ring.id).copied());
    }
}
