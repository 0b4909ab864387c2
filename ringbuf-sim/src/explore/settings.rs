//! What an exploration may do.

use std::fmt;
use std::rc::Rc;

use ringbuf_core::Wakes;

use super::{Act, Plan, Random};
use crate::{Faults, Flags, PendingPos, Profile};

/// The sample of a producer's n-th reservation.
type Samples = Rc<dyn Fn(usize, u64) -> Vec<u8>>;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) rings: usize,
    pub(super) producers: usize,
    pub(super) actions: usize,
    pub(super) capacity: Option<u64>,
    pub(super) samples: Option<Samples>,
    pub(super) deaths: u64,
    pub(super) again_at_most: u64,
    pub(super) all_notify: bool,
    /// What stops the reader.
    pub(super) stops: Option<Wakes>,
    pub(super) requests: bool,
    pub(super) faults: Faults,
    pub(super) profile: Profile,
    /// The release of the profile, in words.
    pub(super) release: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rings: 1,
            producers: usize::MAX,
            actions: usize::MAX,
            capacity: None,
            samples: None,
            deaths: u64::MAX,
            again_at_most: u64::MAX,
            all_notify: false,
            stops: None,
            requests: false,
            faults: Faults::default(),
            profile: Profile::NEWEST,
            release: "Linux 7.3".into(),
        }
    }
}

impl Settings {
    /// Draws the plan of a seed within these settings.
    pub(super) fn plan(&self, seed: u64) -> Plan {
        let mut plan = Plan::new(seed);
        (plan.hostile, plan.pending_pos) = (false, PendingPos::Modular);
        plan.faults = self.faults;
        plan.deaths = plan.deaths.min(self.deaths);
        plan.producers.truncate(self.producers);
        for script in &mut plan.producers {
            script.truncate(self.actions);
        }
        if self.all_notify {
            plan.producers.iter_mut().flatten().for_each(notify);
        }
        plan.capacity = self.capacity.unwrap_or_else(|| {
            let lens =
                (0..).zip(&plan.producers).map(|(party, script)| self.longest(party, script));
            let two = 2 * (8 + lens.max().unwrap_or(0));
            plan.capacity.max(two.next_power_of_two())
        });
        plan
    }

    /// The longest of the samples that the user chose.
    fn longest(&self, party: usize, script: &[Act]) -> u64 {
        if self.samples.is_none() {
            return 0;
        }
        self.filled(party, script).1.iter().map(Vec::len).max().unwrap_or(0) as u64
    }

    /// Returns the script of a producer with the samples of its reservations.
    pub(super) fn filled(&self, party: usize, script: &[Act]) -> (Vec<Act>, Vec<Vec<u8>>) {
        let (mut script, mut samples) = (script.to_vec(), Vec::new());
        for act in &mut script {
            if let Act::Reserve { len } = act {
                let number = samples.len() as u64;
                let sample = match &self.samples {
                    Some(sample) => sample(party, number),
                    None => meaningless(party, number, *len),
                };
                *len = sample.len() as u64;
                samples.push(sample);
            }
        }
        (script, samples)
    }
}

/// Bytes that no other record has at this place.
fn meaningless(party: usize, number: u64, len: u64) -> Vec<u8> {
    let mut random = Random::new(((party as u64) << 32) | number);
    let words = (0..len.div_ceil(8)).flat_map(|_| random.next_number().to_ne_bytes());
    words.take(len as usize).collect()
}

fn notify(act: &mut Act) {
    if let Act::Submit { flags, .. } | Act::Discard { flags, .. } = act {
        if *flags == Flags::NO_WAKEUP {
            *flags = Flags::ADAPTIVE;
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let samples = self.samples.as_ref().map(|_| "..");
        f.debug_struct("Settings")
            .field("rings", &self.rings)
            .field("producers", &self.producers)
            .field("actions", &self.actions)
            .field("capacity", &self.capacity)
            .field("samples", &samples)
            .field("deaths", &self.deaths)
            .field("again_at_most", &self.again_at_most)
            .field("all_notify", &self.all_notify)
            .field("stops", &self.stops)
            .field("requests", &self.requests)
            .field("faults", &self.faults)
            .field("release", &self.release)
            .finish()
    }
}
