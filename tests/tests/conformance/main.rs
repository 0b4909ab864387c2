//! The simulator and the live kernel do the same: scripts of operations, made up by proptest, run
//! in both, and all that can be seen after each step is compared.
//!
//! | environment | |
//! |---|---|
//! | `RINGBUF_SCRIPTS` | scripts for each kind of ring (20,000 without it) |
//! | `RINGBUF_SEED` | the one case to run: the replay of a failure |

mod cases;
mod live;
mod look;
mod script;
mod sim;
mod user;
mod user_script;
mod witness;

use std::collections::BTreeMap;

use proptest::strategy::{BoxedStrategy, Strategy};
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_sim::{Overwrite, PendingPos, Profile};
use ringbuf_tests::{
    Operations, has_dynptr, kernel_release, live_since, note, online_cpus, page_size, skip,
    until_seen,
};

use cases::{Difference, Kind};
use live::Live;
use script::{BYTES_MAX, Limits, Ring, Script, Step};
use sim::Simulated;
use user_script::UserStep;

const SCRIPTS: u64 = 20_000;

#[test]
fn ring() {
    let test = "conformance::ring";
    if !may_run(test, (5, 10)) {
        return;
    }
    let mut rings = Rings::probe(test);
    cases::run_all(test, SCRIPTS, &mut rings);
    rings.tally.print(test);
}

#[test]
fn overwriting_ring() {
    let test = "conformance::overwriting_ring";
    if !may_run(test, (6, 19)) {
        return;
    }
    let mut rings = Rings { overwriting: true, ..Rings::probe(test) };
    cases::run_all(test, SCRIPTS, &mut rings);
    rings.tally.print(test);
}

/// The kernel's own selftest `ringbuf_overwrite_mode`, in both, with its numbers.
#[test]
fn overwriting_vector() {
    let test = "conformance::overwriting_vector";
    if !may_run(test, (6, 19)) {
        return;
    }
    let payload = random_bytes();
    let ring = Ring {
        bytes: 4096,
        dynptr: true,
        limits: Limits::NEW,
        sizes: [2048, 0, 0],
        narrow: None,
        overwriting: true,
    };
    let reserve = |slot, size| Step::Reserve { slot, size, flags: 0, fill: None };
    let submit = |slot| Step::Submit { slot, flags: 0 };
    // The third is refused: the oldest record is busy and in the way.
    let reserved = [reserve(0, 2048), reserve(1, 1024), reserve(2, 1000), reserve(2, 992)];
    let steps = [&reserved[..], &[submit(0), submit(1), submit(2), reserve(2, 1000)]].concat();
    let script = Script { steps, read: 4 };
    until_seen(test, || {
        let mut live = Live::new(ring, &payload);
        let mut simulated = Simulated::new(ring, profile(), payload.to_vec());
        live.attended(|live| {
            let ran = simulated.run(&script);
            assert_eq!(look::difference(&live.run(&script, &ran), &ran.seen), None);
            let looks = &ran.seen.looks[..8];
            let returned: Vec<_> = looks.iter().map(|look| look.ret).collect();
            assert_eq!(returned, [1, 0, -22, 0, 1, 1, 1, 0]);
            assert_eq!(looks[7].queries, [3040, 4096, 0, 5096, 2056, 0]);
            assert_eq!(looks[7].positions, [0, 5096, 4088, 2056]);
        });
    });
}

#[test]
fn user_ring() {
    let test = "conformance::user_ring";
    if !may_run(test, (6, 1)) {
        return;
    }
    let mut rings = UserRings { payload: random_bytes(), tally: Tally::default() };
    cases::run_all(test, SCRIPTS, &mut rings);
    rings.tally.print(test);
}

/// Rings that programs write, on this kernel.
struct Rings {
    profile: Profile,
    dynptr: bool,
    limits: Limits,
    overwriting: bool,
    payload: Payload,
    tally: Tally,
}

impl Rings {
    fn probe(test: &str) -> Self {
        let (profile, dynptr) = (profile(), has_dynptr());
        if !dynptr {
            note(test, "no dynptr on this kernel: reservations have sizes fixed for each ring");
        }
        if profile.pending_pos == PendingPos::Absent {
            note(test, "no pending position on this kernel: no consumer position is forged");
        }
        let old = kernel_release() < (6, 3);
        let limits = if old { Limits::OLD } else { Limits::NEW };
        if old {
            note(test, "a verifier before 6.3: two reservations open at once, eight steps");
        }
        let (overwriting, payload, tally) = (false, random_bytes(), Tally::default());
        Self { profile, dynptr, limits, overwriting, payload, tally }
    }
}

impl Kind for Rings {
    type Ring = Ring;
    type Script = Script;

    fn ring(&self) -> BoxedStrategy<Ring> {
        let dynptr = self.dynptr;
        let ring = script::ring(page_size() as u32, self.limits);
        let overwriting = self.overwriting;
        // Before 7.3 the available bytes depend on where positions wrap.
        let comparing = overwriting && self.profile.overwrite == Overwrite::Compared;
        ring.prop_map(move |ring| {
            let narrow = ring.narrow.filter(|_| !comparing);
            Ring { dynptr: ring.dynptr && dynptr, narrow, overwriting, ..ring }
        })
        .boxed()
    }

    fn script(&self, ring: &Ring, _last: bool) -> BoxedStrategy<Script> {
        script::script(*ring).boxed()
    }

    fn compare(&mut self, ring: &Ring, scripts: &[Script]) -> Result<(), Difference> {
        let mut live = Live::new(*ring, &self.payload);
        let mut simulated = Simulated::new(*ring, self.profile, self.payload.to_vec());
        live.attended(|live| {
            for (number, script) in scripts.iter().enumerate() {
                let ran = simulated.run(script);
                if let Some(what) = look::difference(&live.run(script, &ran), &ran.seen) {
                    return Err(Difference { script: number, what });
                }
                self.tally.count(if ring.dynptr {
                    "scripts with dynptrs"
                } else {
                    "scripts without"
                });
                if let Some(start) = ring.narrow {
                    let wrapped = ran.seen.consumer > start.wrapping_neg().into();
                    self.tally.count(if wrapped {
                        "scripts on a simulated kernel of 32 bits, past 2^32"
                    } else {
                        "scripts on a simulated kernel of 32 bits"
                    });
                }
                for (step, look) in ran.steps.iter().zip(&ran.seen.looks) {
                    self.tally.count(&script::describe(step, look.ret, ring.dynptr));
                }
            }
            Ok(())
        })
    }
}

/// Rings that user space writes.
struct UserRings {
    payload: Payload,
    tally: Tally,
}

impl Kind for UserRings {
    /// Its bytes.
    type Ring = u32;
    type Script = Vec<UserStep>;

    fn ring(&self) -> BoxedStrategy<u32> {
        user_script::ring(page_size() as u32).boxed()
    }

    fn script(&self, ring: &u32, last: bool) -> BoxedStrategy<Vec<UserStep>> {
        if last { user_script::forger(*ring).boxed() } else { user_script::script(*ring).boxed() }
    }

    fn compare(&mut self, ring: &u32, scripts: &[Vec<UserStep>]) -> Result<(), Difference> {
        let tally = &mut self.tally;
        user::compare(*ring, scripts, &self.payload[..], |step, ret| {
            tally.count(&step.describe(ret))
        })
    }
}

/// What the simulator knows of this release, which must be right about dynptrs. The fix with the
/// pending position is in stable releases, too: the position moves with the second reservation.
fn profile() -> Profile {
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    for _ in 0..2 {
        assert_eq!(operations.run(op_kind::RESERVE_SUBMIT, 8, 0), 1, "a fresh ring has room");
    }
    let (major, minor) = kernel_release();
    // The last one of its series: the other fixes cannot be seen in these scripts.
    let profile = Profile::of_release(major, minor, u32::MAX);
    assert_eq!(profile.dynptr, has_dynptr(), "dynptrs of Linux {major}.{minor}");
    profile.pending_pos(match operations.ring().pending_pos() {
        0 => PendingPos::Absent,
        _ => PendingPos::Modular,
    })
}

/// How often what was done.
#[derive(Default)]
struct Tally(BTreeMap<String, u64>);

impl Tally {
    fn count(&mut self, what: &str) {
        match self.0.get_mut(what) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(what.to_owned(), 1)),
        }
    }

    fn print(&self, test: &str) {
        for (what, count) in &self.0 {
            println!("{test}: {count:8} {what}");
        }
    }
}

type Payload = Box<[u8; 2 * BYTES_MAX]>;

/// Bytes for samples, the same every time.
fn random_bytes() -> Payload {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Box::new([0; 2 * BYTES_MAX]);
    for byte in bytes.iter_mut() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = (state >> 32) as u8;
    }
    bytes
}

fn may_run(test: &str, release: (u32, u32)) -> bool {
    if !live_since(test, release) {
        return false;
    }
    if page_size() != 4096 {
        skip(test, "written for pages of 4 KiB");
        return false;
    }
    if online_cpus().len() < 2 {
        skip(test, "needs two CPUs: one runs a script, the other looks after each step");
        return false;
    }
    true
}
