//! Attempts of all kinds in the live kernel, counted by the header for BPF programs, through
//! `losses.bpf.c`; and what the programs know without that header.

use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use libbpf_rs::{Link, MapCore, MapFlags, MapType, Object, ObjectBuilder, Program};
use ringbuf_bpf::losses::types::{self, attempts};
use ringbuf_kernel::{Accounting, Gap, ProgramCounts};

use crate::{Globals, create_map, gave_up, online_cpus, pin_to_cpu, test_run};

/// The most attempts of one run.
pub const RUN: u64 = 4096;

/// Between interrupts, in ns: often, but not so often that a slow machine does nothing else.
pub const PERIOD: u64 = 50_000;

/// How the programs count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counters {
    /// As the header does.
    Atomic,
    /// By plain increments: a planted defect.
    Plain,
}

/// The programs, with fresh maps.
pub struct Attempts {
    object: Object,
    globals: Globals,
    interrupts: Vec<Link>,
}

impl std::fmt::Debug for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempts").field("globals", &self.globals).finish_non_exhaustive()
    }
}

/// What the programs know without the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Calls of reserve and output.
    pub attempted: u64,
    /// Records submitted.
    pub submitted: u64,
    /// Records discarded.
    pub discarded: u64,
    /// Attempts that cannot succeed in a ring of less than 1 MiB.
    pub too_big: u64,
    /// Other attempts that failed.
    pub refused: u64,
    /// Attempts of a program that interrupted another one.
    pub nested: u64,
}

impl Attempts {
    /// Loads the programs with a ring of `bytes`; `count` says if attempts are counted.
    ///
    /// # Panics
    /// If the kernel refuses it.
    pub fn load(counters: Counters, bytes: u32, count: bool) -> Self {
        let object = match counters {
            Counters::Atomic => ringbuf_bpf::losses::OBJECT,
            Counters::Plain => ringbuf_bpf::losses_plain::OBJECT,
        };
        let mut open = ObjectBuilder::default().open_memory(object).expect("open");
        for mut map in open.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            if name == "events" {
                map.set_max_entries(bytes).expect("a size");
            } else if name == "shards" {
                let cpus = online_cpus().last().map_or(1, |last| last + 1);
                map.set_max_entries(u32::try_from(cpus).expect("small")).expect("a size");
            } else if name.ends_with(".rodata") {
                let value = map.initial_value_mut().expect("a constant");
                value[..4].copy_from_slice(&u32::from(count).to_ne_bytes());
            }
        }
        let object = open.load().expect("load of losses.bpf.c");
        let globals = object.maps().find(|map| map.name().to_string_lossy().ends_with(".bss"));
        let globals = Globals::of(&globals.expect("globals")).expect("mmap");
        Self { object, globals, interrupts: Vec::new() }
    }

    /// The map with this name in the source.
    ///
    /// # Panics
    /// If there is none.
    pub fn map(&self, name: &str) -> libbpf_rs::Map<'_> {
        self.object.maps().find(|map| map.name() == name).expect("a map of losses.bpf.c")
    }

    /// Makes a ring of `bytes` for each of the CPUs, puts it into its place, and lets the programs
    /// write these instead of `events`.
    ///
    /// # Panics
    /// If the kernel refuses it.
    pub fn shard(&self, bytes: u32) -> Vec<OwnedFd> {
        let shards = self.map("shards");
        let ring = |cpu: usize| {
            let ring = create_map(MapType::RingBuf, 0, 0, bytes, 0).expect("a ring");
            let key = u32::try_from(cpu).expect("small").to_ne_bytes();
            let value = ring.as_fd().as_raw_fd().to_ne_bytes();
            shards.update(&key, &value, MapFlags::ANY).expect("a place");
            ring.as_fd().try_clone_to_owned().expect("a descriptor")
        };
        let rings = online_cpus().into_iter().map(ring).collect();
        self.globals.u32_at(offset_of!(types::bss, sharded)).store(1, Ordering::Release);
        rings
    }

    /// A program of the object.
    ///
    /// # Panics
    /// If there is none.
    pub fn program(&self, name: &str) -> OwnedFd {
        let program = self.object.progs().find(|program| program.name() == name);
        let program = program.expect("a program of losses.bpf.c");
        program.as_fd().try_clone_to_owned().expect("a descriptor")
    }

    /// The id of a program of the object.
    ///
    /// # Panics
    /// If there is none.
    pub fn program_id(&self, name: &str) -> u32 {
        let program = self.object.progs_mut().find(|program| program.name() == name);
        let program = program.expect("a program of losses.bpf.c");
        Program::id_from_fd(program.as_fd()).expect("an id")
    }

    /// Runs `program` `attempts` for `count` attempts.
    ///
    /// # Panics
    /// If it cannot be run.
    pub fn attempt(program: BorrowedFd<'_>, mut count: u64) {
        while count > 0 {
            let turn = count.min(RUN);
            assert_eq!(test_run(program, &attempts { count: turn }).expect("run"), 0);
            count -= turn;
        }
    }

    /// Interrupts each CPU every `period` ns from now on, with a program that makes three
    /// attempts.
    ///
    /// # Errors
    /// If this machine has no such interrupts.
    ///
    /// # Panics
    /// If the program cannot be attached to one.
    pub fn interrupt(&mut self, period: u64) -> io::Result<()> {
        for cpu in online_cpus() {
            let event = clock_event(cpu, period)?;
            let program = self.object.progs_mut().find(|program| program.name() == "nested");
            let program = program.expect("a program");
            let link = program.attach_perf_event(event.as_raw_fd()).expect("attached");
            // The link closes it.
            std::mem::forget(event);
            self.interrupts.push(link);
        }
        Ok(())
    }

    /// Ends the interrupts.
    pub fn interrupt_no_more(&mut self) {
        self.interrupts.clear();
    }

    /// What the programs know.
    pub fn truth(&self) -> Truth {
        let at = offset_of!(types::bss, truth);
        let word = |index: usize| self.globals.u64_at(at + 8 * index).load(Acquire);
        Truth {
            attempted: word(0),
            submitted: word(1),
            discarded: word(2),
            too_big: word(3),
            refused: word(4),
            nested: word(5),
        }
    }

    /// The sum holds, and each number in it is what the programs know.
    ///
    /// # Panics
    /// If not.
    pub fn assert_exact(&self, accounting: &Accounting) {
        let truth = self.truth();
        assert_eq!(accounting.gap(), Gap::None, "{accounting}; {truth:?}");
        let attempts = ringbuf_kernel::Attempts::Counted(truth.attempted);
        assert_eq!(accounting.attempts, attempts, "{accounting}; {truth:?}");
        let ProgramCounts { full, too_big, no_ring, other, .. } =
            accounting.failed.expect("failures are counted");
        assert_eq!((too_big, no_ring), (truth.too_big, 0));
        assert_eq!(full + other, truth.refused);
    }

    /// Calls `look` while a record of 24 bytes is busy in `events`, and then lets its program
    /// submit it. Needs two CPUs.
    ///
    /// # Panics
    /// If it is not held; and as [`gave_up`], if it was not until `look` was done.
    pub fn while_held<R>(&self, look: impl FnOnce() -> R) -> R {
        let go = self.globals.u32_at(offset_of!(types::bss, go));
        let holding = self.globals.u32_at(offset_of!(types::bss, holding));
        let (here, there) = (online_cpus()[0], online_cpus()[1]);
        let _pinned = pin_to_cpu(here).expect("pin");
        holding.store(0, Ordering::Release);
        go.store(0, Ordering::Release);
        let program = self.program("hold");
        thread::scope(|scope| {
            let holder = scope.spawn(move || {
                let _pinned = pin_to_cpu(there).expect("pin");
                test_run(program, &attempts { count: 0 }).expect("run of hold");
            });
            let release = Release(go);
            while holding.load(Acquire) == 0 {
                assert!(!holder.is_finished(), "the record was never held");
                thread::yield_now();
            }
            let result = look();
            if holding.load(Acquire) != 1 {
                gave_up();
            }
            drop(release);
            result
        })
    }
}

/// Lets the holding program go on, also when an assertion fails meanwhile.
struct Release<'a>(&'a AtomicU32);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.store(1, Ordering::Release);
    }
}

/// A perf event that interrupts `cpu` every `period` ns, off until something is attached.
fn clock_event(cpu: usize, period: u64) -> io::Result<OwnedFd> {
    const TYPE_SOFTWARE: u32 = 1;
    const COUNT_SW_CPU_CLOCK: u64 = 0;
    const FLAG_FD_CLOEXEC: libc::c_ulong = 8;
    /// `struct perf_event_attr` in its first version.
    #[repr(C)]
    struct Attributes {
        kind: u32,
        size: u32,
        config: u64,
        period: u64,
        sample_type: u64,
        read_format: u64,
        flags: u64,
        rest: [u64; 2],
    }
    let attributes = Attributes {
        kind: TYPE_SOFTWARE,
        size: size_of::<Attributes>() as u32,
        config: COUNT_SW_CPU_CLOCK,
        period,
        sample_type: 0,
        read_format: 0,
        flags: 1, // disabled
        rest: [0; 2],
    };
    let cpu = libc::c_int::try_from(cpu).expect("small");
    let (every_process, no_group): (libc::pid_t, libc::c_int) = (-1, -1);
    // SAFETY: the kernel reads the attributes, whose size they state; the rest are numbers.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            every_process,
            cpu,
            no_group,
            FLAG_FD_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}
