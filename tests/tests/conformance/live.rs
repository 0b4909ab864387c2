//! The live kernel runs scripts, on one CPU; a witness on another looks after each step.

use std::mem::MaybeUninit;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::conformance::types::{result, run, step, what};
use ringbuf_bpf::conformance::{ConformanceSkel, ConformanceSkelBuilder};
use ringbuf_core::Next;
use ringbuf_kernel::{OverwriteRing, RingBuf};
use ringbuf_tests::{
    Globals, RawRing, gave_up, online_cpus, pin_to_cpu, poll_now, test_run, urgent,
};

use crate::look::{self, Look, Records, Seen};
use crate::script::{BYTES_MAX, Ring, Script};
use crate::sim::Ran;
use crate::witness::{Moment, Witness};

/// `BPF_F_RB_OVERWRITE`.
const F_RB_OVERWRITE: u32 = 1 << 19;

/// A live ring on which scripts run one after the other.
pub(crate) struct Live {
    skeleton: ConformanceSkel<'static>,
    witness: Witness,
    kind: Ring,
}

impl Live {
    /// Loads the programs with a fresh ring.
    pub(crate) fn new(kind: Ring, payload: &[u8; 2 * BYTES_MAX]) -> Self {
        let Ring { bytes, dynptr, limits, sizes, overwriting, .. } = kind;
        // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let mut open = ConformanceSkelBuilder::default().open(object).expect("open");
        let rodata = open.maps.rodata_data.as_deref_mut().expect("rodata");
        [rodata.size0, rodata.size1, rodata.size2] = sizes;
        (rodata.slots, rodata.steps_max) = (limits.slots, limits.steps);
        open.maps.ring.set_max_entries(bytes).expect("size of the ring");
        if overwriting {
            open.maps.ring.set_map_flags(F_RB_OVERWRITE).expect("mode of the ring");
        }
        open.progs.script.set_autoload(!dynptr);
        open.progs.script_dynptr.set_autoload(dynptr);
        open.maps.bss_data.as_deref_mut().expect("bss").payload = *payload;
        let skeleton = open.load().expect("load of conformance.bpf.c");
        let ring = RawRing::of(&skeleton.maps.ring).expect("mmap");
        let globals = Globals::of(&skeleton.maps.bss).expect("mmap");
        let witness = Witness::new(&skeleton.maps.ring, ring, globals);
        Self { skeleton, witness, kind }
    }

    /// Calls `run` while the witness attends.
    pub(crate) fn attended<R>(&mut self, run: impl FnOnce(&mut Attended<'_>) -> R) -> R {
        let Self { skeleton, witness, kind } = self;
        let witness = &*witness;
        let (scripts, to_attend) = channel::<Vec<step>>();
        let (moments, seen) = channel();
        let [here, there, ..] = online_cpus()[..] else { panic!("two CPUs") };
        thread::scope(|scope| {
            scope.spawn(move || {
                let _pinned = pin_to_cpu(there).expect("pin");
                // The program waits for this thread, which therefore does not wait for others.
                urgent();
                moments.send(Vec::new()).expect("the program's side is there");
                for steps in to_attend {
                    if moments.send(witness.attend(&steps)).is_err() {
                        break;
                    }
                }
            });
            seen.recv().expect("a witness");
            let _pinned = pin_to_cpu(here).expect("pin");
            run(&mut Attended { skeleton, witness, kind: *kind, scripts, seen })
        })
    }
}

/// A live ring with a witness.
pub(crate) struct Attended<'l> {
    skeleton: &'l mut ConformanceSkel<'static>,
    witness: &'l Witness,
    kind: Ring,
    scripts: Sender<Vec<step>>,
    seen: Receiver<Vec<Moment>>,
}

impl Attended<'_> {
    /// Runs the script as the simulator did.
    pub(crate) fn run(&mut self, script: &Script, Ran { steps, forged, .. }: &Ran) -> Seen {
        let bss = self.skeleton.maps.bss_data.as_deref_mut().expect("bss");
        bss.steps[..steps.len()].copy_from_slice(steps);
        self.witness.begin();
        self.scripts.send(steps.clone()).expect("the witness lives");
        let programs = &self.skeleton.progs;
        let program = if self.kind.dynptr { &programs.script_dynptr } else { &programs.script };
        test_run(program, &run { steps: steps.len() as u64 }).expect("run of a script");
        self.witness.end();
        let moments = self.seen.recv().expect("the witness has seen all steps");
        let bss = self.skeleton.maps.bss_data.as_deref().expect("bss");
        if bss.late != 0 {
            gave_up();
        }
        assert_eq!(bss.unsettled, 0, "notifications outstanding");
        assert_eq!(moments.len(), steps.len() + 1, "the program asked for all of the looks");
        let mut looks: Vec<_> = moments
            .into_iter()
            .zip(&bss.results)
            .map(|(moment, result)| {
                let Moment { positions, edge, data } = moment;
                let result { ret, queries } = *result;
                let positions = positions.map(|position| self.kind.reduced(position));
                let queries = queries.map(|answer| self.kind.reduced(answer));
                Look { ret, edge, positions, queries, data }
            })
            .collect();
        let queries = steps.iter().map(|step| step.what == what::QUERY);
        for (look, _) in looks.iter_mut().zip(queries).filter(|(_, query)| *query) {
            look.ret = self.kind.reduced(look.ret as u64) as i64;
        }
        let readable = poll_now(&self.skeleton.maps.ring).expect("poll") != 0;
        if *forged {
            self.witness.ring().catch_up();
        }
        let records = self.read(script.read);
        Seen { looks, readable, records, consumer: self.witness.ring().consumer_pos() }
    }

    /// A new reader takes up to so many records. A ring that it refuses is a difference as well.
    fn read(&self, records: u64) -> Records {
        if self.kind.overwriting {
            let ring = OverwriteRing::open(&self.skeleton.maps.ring);
            let mut ring = ring.map_err(|error| error.to_string())?;
            return look::copies(&mut ring, records);
        }
        let mut ring =
            RingBuf::open(&self.skeleton.maps.ring).map_err(|error| error.to_string())?;
        let batch = ring.batch();
        let mut taken = Vec::new();
        while (taken.len() as u64) < records {
            let next = batch.next().map_err(|corrupt| corrupt.to_string())?;
            let Next::Record(record) = next else { break };
            taken.push((record.position().get(), record.to_vec()));
        }
        Ok(taken)
    }
}
