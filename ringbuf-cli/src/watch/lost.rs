//! Who counts lost records: [`Losses`].

use std::collections::HashMap;

use ringbuf_kernel::LossCounters;

use super::look::{LossSource, Lost, ProgramName, Seen};

/// A source of losses.
pub(crate) trait Losses {
    /// What it knows, by the id of the map. A ring without an entry is not counted.
    fn lost(&mut self, rings: &[Seen]) -> HashMap<u32, Lost>;
}

/// The counters of programs that are written with the header `ringbuf.bpf.h`.
#[derive(Default)]
pub(super) struct ByPrograms {
    /// The programs of each ring when its counters were looked for, and what was found.
    known: HashMap<u32, (Vec<u32>, Option<LossCounters>)>,
}

impl Losses for ByPrograms {
    fn lost(&mut self, rings: &[Seen]) -> HashMap<u32, Lost> {
        let mut before = std::mem::take(&mut self.known);
        let mut new = Vec::new();
        for ring in rings {
            let Some(programs) = &ring.users.programs else { continue };
            let programs: Vec<u32> =
                programs.iter().map(|program: &ProgramName| program.id).collect();
            match before.remove(&ring.id) {
                Some(known) if known.0 == programs => {
                    self.known.insert(ring.id, known);
                }
                _ if programs.is_empty() => {}
                _ => new.push((ring, programs)),
            }
        }
        self.find(new);
        let total = |(id, (_, counters)): (&u32, &(Vec<u32>, Option<LossCounters>))| {
            let records = counters.as_ref()?.total().ok()?.failed();
            Some((*id, Lost { records, bytes: None, source: LossSource::Program }))
        };
        self.known.iter().filter_map(total).collect()
    }
}

impl ByPrograms {
    /// Looks for the counters of rings that are new, or have other programs.
    fn find(&mut self, rings: Vec<(&Seen, Vec<u32>)>) {
        if rings.is_empty() {
            return;
        }
        let names: Vec<_> = rings.iter().map(|(ring, _)| (ring.id, ring.name.as_str())).collect();
        let mut found = LossCounters::find_each(&names).unwrap_or_default();
        for (ring, programs) in rings {
            self.known.insert(ring.id, (programs, found.remove(&ring.id)));
        }
    }
}
