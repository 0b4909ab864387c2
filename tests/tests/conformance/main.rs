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
use ringbuf_sim::{PendingPos, Profile};
use ringbuf_tests::{
    Operations, has_dynptr, kernel_release, live_since, note, online_cpus, page_size, skip,
};

use cases::{Difference, Kind};
use live::Live;
use script::{BYTES_MAX, Limits, Ring, Script};
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
        Self { profile, dynptr, limits, payload: random_bytes(), tally: Tally::default() }
    }
}

impl Kind for Rings {
    type Ring = Ring;
    type Script = Script;

    fn ring(&self) -> BoxedStrategy<Ring> {
        let dynptr = self.dynptr;
        let ring = script::ring(page_size() as u32, self.limits);
        ring.prop_map(move |ring| Ring { dynptr: ring.dynptr && dynptr, ..ring }).boxed()
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

/// The kernel's behaviour, not its release: the pending position moves with the second reservation.
fn profile() -> Profile {
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    for _ in 0..2 {
        assert_eq!(operations.run(op_kind::RESERVE_SUBMIT, 8, 0), 1, "a fresh ring has room");
    }
    match operations.ring().pending_pos() {
        0 => Profile::NEWEST.pending_pos(PendingPos::Absent),
        _ => Profile::NEWEST,
    }
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
