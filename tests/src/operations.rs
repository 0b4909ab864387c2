//! Single ring buffer operations in the live kernel, through `vectors.bpf.c`.

use std::io;
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::vectors::types::{self, hold, op, op_kind};
use ringbuf_bpf::vectors::{VectorsSkel, VectorsSkelBuilder};

use crate::{Globals, RawRing, gave_up, has_dynptr, online_cpus, pin_to_cpu, test_run};

/// A fresh ring, and the programs that operate on it.
pub struct Operations {
    skeleton: VectorsSkel<'static>,
    globals: Globals,
    ring: RawRing,
}

impl std::fmt::Debug for Operations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operations").field("ring", &self.ring).finish_non_exhaustive()
    }
}

impl Operations {
    /// Loads the programs with a ring of `size` bytes. Byte i of what OUTPUT writes is i mod 256.
    /// Operation DYNPTR_SUBMIT is there where the kernel has dynptrs.
    ///
    /// # Errors
    /// If the kernel refuses the programs or the map.
    pub fn load(size: u32) -> libbpf_rs::Result<Self> {
        Self::load_with(size, has_dynptr())
    }

    /// [`Self::load`], with or without dynptrs whatever the kernel has.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(size: u32, dynptr: bool) -> libbpf_rs::Result<Self> {
        // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let mut open = VectorsSkelBuilder::default().open(object)?;
        let rodata = open.maps.rodata_data.as_deref_mut().expect("with_dynptr is a constant");
        rodata.with_dynptr = dynptr.into();
        open.maps.ring.set_max_entries(size)?;
        let bss = open.maps.bss_data.as_deref_mut().expect("the programs have global variables");
        for (index, byte) in bss.payload.iter_mut().enumerate() {
            *byte = index as u8;
        }
        let skeleton = open.load()?;
        let globals = Globals::of(&skeleton.maps.bss)?;
        let ring = RawRing::of(&skeleton.maps.ring)?;
        Ok(Self { skeleton, globals, ring })
    }

    /// The ring's pages.
    pub fn ring(&self) -> &RawRing {
        &self.ring
    }

    /// The ring's map.
    pub fn map(&self) -> &libbpf_rs::MapMut<'static> {
        &self.skeleton.maps.ring
    }

    /// Does one operation, and returns its result as `vectors.bpf.c` documents it.
    ///
    /// # Panics
    /// If the program cannot be run.
    pub fn run(&self, kind: op_kind, size: u32, flags: u64) -> i64 {
        let arguments = op { kind, size, flags };
        test_run(&self.skeleton.progs.op, &arguments).expect("run of program op");
        let result = self.globals.u64_at(offset_of!(types::bss, result));
        i64::from_ne_bytes(result.load(Ordering::Acquire).to_ne_bytes())
    }

    /// Holds record A (8 bytes) busy with record B (8 bytes) committed behind it, calls `look`,
    /// and commits A: submits it, or discards it if `discard` is set, with `flags`.
    ///
    /// Needs two CPUs: A's program runs with preemption off, and leaves no time on its for `look`.
    /// It gives up after some seconds: call it in [`crate::until_seen`].
    ///
    /// # Panics
    /// If A is not held; and as [`gave_up`], if it was not until `look` was done.
    pub fn while_held<R>(&self, discard: bool, flags: u64, look: impl FnOnce() -> R) -> R {
        let arguments = hold { flags, discard: discard.into() };
        self.hold(self.skeleton.progs.hold.as_fd(), arguments, look)
    }

    /// Holds record A (8 bytes) busy, calls `look`, which may move the consumer position past A,
    /// then tries to reserve 4072 and 4064 bytes; returns whether each was granted.
    ///
    /// Call it only where [`crate::has_pending_pos`] says yes: elsewhere records overlap.
    ///
    /// # Panics
    /// As [`Self::while_held`].
    pub fn while_held_forged(&self, look: impl FnOnce()) -> (bool, bool) {
        self.hold(self.skeleton.progs.hold_forged.as_fd(), hold::default(), look);
        let granted = |offset| self.globals.u32_at(offset).load(Ordering::Acquire) != 0;
        (granted(offset_of!(types::bss, forged_4072)), granted(offset_of!(types::bss, forged_4064)))
    }

    fn hold<R>(&self, program: BorrowedFd<'_>, arguments: hold, look: impl FnOnce() -> R) -> R {
        let go = self.globals.u32_at(offset_of!(types::bss, go));
        let holding = self.globals.u32_at(offset_of!(types::bss, holding));
        let (here, there) = two_cpus().expect("two CPUs");
        let _pinned = pin_to_cpu(here).expect("pin");
        holding.store(0, Ordering::Release);
        go.store(0, Ordering::Release);
        thread::scope(|scope| {
            let holder = scope.spawn(move || {
                let _pinned = pin_to_cpu(there).expect("pin");
                test_run(program, &arguments).expect("run of a holding program");
                self.globals.u32_at(offset_of!(types::bss, released)).load(Ordering::Acquire)
            });
            let release = Release(go);
            while holding.load(Ordering::Acquire) == 0 {
                let over = holder.is_finished() && holding.load(Ordering::Acquire) == 0;
                assert!(!over, "record A was never held");
                thread::yield_now();
            }
            let result = catch_unwind(AssertUnwindSafe(look));
            let held = holding.load(Ordering::Acquire) == 1;
            drop(release);
            let released = holder.join().expect("the holder");
            if !held {
                gave_up();
            }
            let result = result.unwrap_or_else(|panic| resume_unwind(panic));
            assert_eq!(released, 1, "record A was not released by us");
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

fn two_cpus() -> io::Result<(usize, usize)> {
    match online_cpus()[..] {
        [first, second, ..] => Ok((first, second)),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "only one CPU is online")),
    }
}
