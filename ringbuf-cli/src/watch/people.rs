//! [`People`]: the programs and processes that use the rings, asked as often as it is cheap.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringbuf_kernel::{
    Holder, Owners, Program, RingInfo, holders_among, owners, pins_of, programs_of_each,
};

use super::host::Iterators;
use super::look::{Process, ProcessState, ProgramName, Seen, Users};

/// Each question is asked again after this time at the earliest, and at the latest.
const AGAIN: [Duration; 2] = [Duration::from_secs(1); 2];
const PROGRAMS_AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
const WAITING_AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
/// A search of all processes, or of all pins.
const SEARCH_AGAIN: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(60)];
/// In between, a question may take this part of the time that passes.
const PART: u32 = 500;

/// What is known of those who use the rings.
pub(super) struct People {
    /// Search all processes, for the holders of descriptors, too; ask the rest in each look.
    thorough: bool,
    /// The ids of the rings in the latest look.
    ids: Vec<u32>,
    iterators: Option<Iterators>,
    /// What iterators said at the last two questions.
    asked: [Option<HashMap<u32, Users>>; 2],
    /// What procfs said, where there are no iterators.
    owners: Option<Owners>,
    waiting: HashMap<u32, Vec<Holder>>,
    programs: Option<HashMap<u32, Vec<Program>>>,
    pins: HashMap<u32, Vec<PathBuf>>,
    ask: Pace,
    ask_waiting: Pace,
    ask_programs: Pace,
    search: Pace,
    search_pins: Pace,
}

impl People {
    pub(super) fn new(iterators: Option<Iterators>, thorough: bool) -> Self {
        Self {
            thorough,
            ids: Vec::new(),
            iterators,
            asked: [None, None],
            owners: None,
            waiting: HashMap::new(),
            programs: None,
            pins: HashMap::new(),
            ask: Pace::new(AGAIN),
            ask_waiting: Pace::new(WAITING_AGAIN),
            ask_programs: Pace::new(PROGRAMS_AGAIN),
            search: Pace::new(SEARCH_AGAIN),
            search_pins: Pace::new(SEARCH_AGAIN),
        }
    }

    /// Fills in who uses each ring, in a look that `began` then.
    pub(super) fn find(&mut self, rings: &mut [Seen], began: Instant) {
        let ids: Vec<u32> = rings.iter().map(|ring| ring.id).collect();
        let changed = ids != self.ids;
        let now = changed || self.thorough;
        if let Some(iterators) = &self.iterators {
            let [earlier, last] = &mut self.asked;
            self.ask.when(began, now, || {
                *earlier = last.take();
                *last = iterators.users();
            });
        }
        match &self.asked {
            [earlier, Some(last)] => {
                for ring in &mut *rings {
                    ring.users = confirmed(ring.id, earlier.as_ref(), last);
                }
            }
            [_, None] => self.ask_procfs(rings, &ids, changed, began),
        }
        self.search_pins.when(began, changed, || self.pins = pins_of(&ids));
        let mut states: HashMap<u32, Option<ProcessState>> = HashMap::new();
        for ring in rings {
            let pins = self.pins.get(&ring.id).into_iter().flatten();
            ring.users.pins = Some(pins.map(|path| path.to_string_lossy().into_owned()).collect());
            for process in ring.users.writers.iter_mut().flatten() {
                let pid = process.pid;
                process.state = *states.entry(pid).or_insert_with(|| process_state(pid));
            }
        }
        self.ids = ids;
    }

    /// Without iterators. A search of all processes is dear, so only those that are known are
    /// asked again each second.
    fn ask_procfs(&mut self, rings: &mut [Seen], ids: &[u32], changed: bool, began: Instant) {
        let now = changed || self.thorough;
        let infos: Vec<RingInfo> = rings.iter().filter_map(|ring| ring.info.clone()).collect();
        let gone = self.owners.as_ref().is_some_and(has_lost_one);
        self.search.when(began, changed || gone, || self.owners = Some(owners(&infos)));
        self.ask_programs.when(began, now, || self.programs = programs_of_each(ids).ok());
        let holders = self.owners.iter().flat_map(|owners| owners.holders.values().flatten());
        let pids: BTreeSet<u32> = holders.map(|holder| holder.pid).collect();
        let pids: Vec<u32> = pids.into_iter().collect();
        self.ask_waiting.when(began, now, || self.waiting = holders_among(&pids, &infos));
        for ring in rings {
            ring.users = self.by_procfs(ring.id);
        }
    }

    fn by_procfs(&self, id: u32) -> Users {
        let waiting = self.waiting.get(&id).map(Vec::as_slice).unwrap_or_default();
        let of = |holder: &Holder| Process {
            pid: holder.pid,
            comm: holder.comm.clone(),
            waiting: waiting.iter().find(|one| one.pid == holder.pid).and_then(|one| one.waiting),
            state: None,
        };
        let owners = self.owners.as_ref();
        let writers = owners.and_then(|owners| owners.readers(id));
        let holders = owners.map(|owners| owners.holders.get(&id).into_iter().flatten());
        let names = |all: &Vec<Program>| all.iter().map(ProgramName::of).collect::<Vec<_>>();
        let programs = self.programs.as_ref();
        Users {
            writers: writers.map(|all| all.into_iter().map(of).collect()),
            programs: programs.map(|all| all.get(&id).map(names).unwrap_or_default()),
            pins: None,
            holders: holders.map(|all| all.map(of).collect()),
        }
    }
}

/// The users of a ring; of its readers those that were there at both questions. A child of `fork`
/// has the mappings of its parent until it calls `exec`, and is not meant.
fn confirmed(id: u32, earlier: Option<&HashMap<u32, Users>>, last: &HashMap<u32, Users>) -> Users {
    let mut users = last.get(&id).cloned().unwrap_or_default();
    let known = earlier.and_then(|earlier| earlier.get(&id)?.writers.as_ref());
    // All readers of a new ring are new.
    if let (Some(known), Some(writers)) = (known, &mut users.writers) {
        writers.retain(|one| known.iter().any(|before| before.pid == one.pid));
    }
    users
}

/// True if a process that held a ring has ended.
fn has_lost_one(owners: &Owners) -> bool {
    let gone = |holder: &Holder| !Path::new(&format!("/proc/{}", holder.pid)).exists();
    owners.holders.values().flatten().any(gone)
}

/// The state of the main thread. `None` if it has ended, or is not to be seen.
fn process_state(pid: u32) -> Option<ProcessState> {
    parse_state(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `812 (a name) S 1 ...`: a name may contain anything.
fn parse_state(stat: &str) -> Option<ProcessState> {
    match stat.rsplit_once(')')?.1.trim_start().chars().next()? {
        'R' => Some(ProcessState::Running),
        'S' | 'I' => Some(ProcessState::Sleeping),
        'D' => Some(ProcessState::Blocked),
        'T' => Some(ProcessState::Stopped),
        't' => Some(ProcessState::Traced),
        'Z' | 'X' => Some(ProcessState::Zombie),
        _ => None,
    }
}

/// When a question is asked again: the dearer it is, the later.
struct Pace {
    pauses: [Duration; 2],
    next: Option<Instant>,
}

impl Pace {
    fn new(pauses: [Duration; 2]) -> Self {
        Self { pauses, next: None }
    }

    /// Asks if it is time, or if `now`, in a look that `began` then. A question that comes late in
    /// one look does not make the next look go without: a state that needs two answers is told at
    /// the second look.
    fn when(&mut self, began: Instant, now: bool, ask: impl FnOnce()) {
        if !now && self.next.is_some_and(|next| began < next) {
            return;
        }
        let begin = Instant::now();
        ask();
        // budget: looks a little before the full time do not wait for the one after.
        let [least, most] = self.pauses.map(|pause| pause.mul_f64(0.9));
        let pause = (begin.elapsed() * PART).clamp(least, most);
        self.next = Some(began + pause);
    }
}

impl ProgramName {
    fn of(program: &Program) -> Self {
        Self { id: program.id, name: program.name.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_forge_the_state() {
        assert_eq!(parse_state("812 (agent) S 1 812"), Some(ProcessState::Sleeping));
        assert_eq!(parse_state("812 (a) R (x) T 1 812"), Some(ProcessState::Stopped));
        assert_eq!(parse_state("812 (a) t"), Some(ProcessState::Traced));
        assert_eq!(parse_state("812 (a"), None);
        assert_eq!(parse_state("812 (a)"), None);
    }

    /// One that is there for a moment has been forked, and will call `exec`.
    #[test]
    fn a_reader_is_one_that_stays() {
        let users = |pids: &[u32]| {
            let process =
                |pid: &u32| Process { pid: *pid, comm: String::new(), waiting: None, state: None };
            let writers = Some(pids.iter().map(process).collect());
            HashMap::from([(57, Users { writers, ..Users::default() })])
        };
        let of = |earlier: Option<&HashMap<u32, Users>>, last: &HashMap<u32, Users>, id| {
            let readers = confirmed(id, earlier, last).writers;
            readers.map(|all| all.iter().map(|one| one.pid).collect::<Vec<_>>())
        };
        assert_eq!(of(Some(&users(&[1])), &users(&[1, 2]), 57), Some(vec![1]));
        assert_eq!(of(Some(&users(&[1, 2])), &users(&[1, 2]), 57), Some(vec![1, 2]));
        assert_eq!(of(Some(&users(&[1])), &users(&[2]), 57), Some(vec![]));
        assert_eq!(of(None, &users(&[1, 2]), 57), Some(vec![1, 2]), "the first question");
        assert_eq!(of(None, &users(&[1]), 58), None, "it has come since");
    }

    #[test]
    fn a_dear_question_is_asked_seldom() {
        let mut pace = Pace::new([Duration::from_secs(3600); 2]);
        let mut asked = 0;
        for now in [false, false, true, false] {
            pace.when(Instant::now(), now, || asked += 1);
        }
        assert_eq!(asked, 2, "the first time, and on demand");
    }

    /// On a busy machine, a look asks long after it began.
    #[test]
    fn the_time_of_a_look_counts_and_not_that_of_its_question() {
        let mut pace = Pace::new([Duration::from_secs(3600); 2]);
        // lower bound: these looks are an hour apart, whenever they ask.
        let (first, mut asked) = (Instant::now(), 0);
        for look in 0..3_u32 {
            pace.when(first + look * Duration::from_secs(3600), false, || asked += 1);
        }
        assert_eq!(asked, 3);
    }
}
