//! Processes that read one pinned ring, one after the other, and say what they delivered before
//! they are killed.

use std::hint::spin_loop;
use std::io;
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::wakeup::types::{self, emit};
use ringbuf_bpf::wakeup::{WakeupSkel, WakeupSkelBuilder};
use ringbuf_kernel::{Next, RingBuf, WaitPolicy};

use crate::{Globals, page_size, test_run};

/// A ring of numbered records, pinned, and a process that writes it without end.
pub struct Numbered {
    skeleton: WakeupSkel<'static>,
    globals: Globals,
    noted: Noted,
    producer: Option<Child>,
}

impl std::fmt::Debug for Numbered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Numbered").field("noted", &self.noted).finish_non_exhaustive()
    }
}

impl Numbered {
    /// Loads `wakeup.bpf.c` with a ring of `bytes`, and pins the ring at `pin`.
    ///
    /// # Panics
    /// If the kernel refuses it.
    pub fn pinned(bytes: u32, pin: &Path) -> Self {
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let mut open = WakeupSkelBuilder::default().open(object).expect("open of wakeup.bpf.c");
        open.maps.ring.set_max_entries(bytes).expect("a size");
        let mut skeleton = open.load().expect("load of wakeup.bpf.c");
        skeleton.maps.ring.pin(pin).expect("a pin");
        let globals = Globals::of(&skeleton.maps.bss).expect("globals");
        Self { skeleton, globals, noted: Noted::new(), producer: None }
    }

    /// What the readers noted.
    pub fn noted(&self) -> &Noted {
        &self.noted
    }

    /// A descriptor of the map.
    pub fn map(&self) -> BorrowedFd<'_> {
        self.skeleton.maps.ring.as_fd()
    }

    /// Records that the program has written.
    pub fn emitted(&self) -> u64 {
        self.globals.u64_at(offset_of!(types::bss, emitted)).load(Acquire)
    }

    /// Starts a process that writes records without end, in bursts.
    pub fn produce(&mut self) {
        let program = self.skeleton.progs.emit.as_fd();
        self.producer = Some(Child::start(|| {
            let mut random = Random(7);
            loop {
                let count = random.below(512) as u32 + 1;
                let burst = emit { count, delay: random.below(64) as u32, flags: 0 };
                test_run(program, &burst).expect("run of emit");
                if random.below(4) == 0 {
                    std::thread::sleep(Duration::from_micros(random.below(60)));
                }
            }
        }));
    }

    /// Ends that process.
    pub fn produce_no_more(&mut self) {
        self.producer = None;
    }
}

/// What all readers of a ring have delivered: shared by all children of `fork`.
#[derive(Debug)]
pub struct Noted(NonNull<AtomicU64>);

/// The words of [`Noted`].
#[derive(Clone, Copy)]
enum Word {
    /// Every record before this number was delivered.
    Next,
    /// The largest number of records that a reader delivered again when it began.
    Repeated,
    /// Records that no reader delivered.
    Lost,
}

impl Noted {
    fn new() -> Self {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let page = unsafe { libc::mmap(ptr::null_mut(), page_size(), protection, flags, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED, "mmap: {}", io::Error::last_os_error());
        Self(NonNull::new(page.cast()).expect("not at 0"))
    }

    fn word(&self, word: Word) -> &AtomicU64 {
        let at = self.0.as_ptr().wrapping_add(word as usize);
        // SAFETY: one of the first words of a page that stays mapped, all zero at first, and that
        // all access by atomics.
        unsafe { &*at }
    }

    /// The number of records delivered, each at least once, from the first on.
    pub fn delivered(&self) -> u64 {
        self.word(Word::Next).load(Acquire)
    }

    /// Records that were never delivered. It must be 0.
    pub fn lost(&self) -> u64 {
        self.word(Word::Lost).load(Acquire)
    }

    /// The most records that one reader delivered again, since this was asked last.
    pub fn take_repeated(&self) -> u64 {
        self.word(Word::Repeated).swap(0, Acquire)
    }

    /// Notes a record. The reader's `last` is the number that it noted before.
    pub fn note(&self, last: &mut Option<u64>, sample: &[u8]) {
        let number = u64::from_ne_bytes(sample.try_into().expect("8 bytes"));
        let next = self.delivered();
        match *last {
            None => {
                self.word(Word::Repeated).fetch_max(next.saturating_sub(number), Relaxed);
            }
            Some(last) if number != last + 1 => {
                self.word(Word::Lost).fetch_add(number.abs_diff(last + 1), Release);
            }
            Some(_) => {}
        }
        *last = Some(number);
        if number > next {
            self.word(Word::Lost).fetch_add(number - next, Release);
        }
        if number >= next {
            self.word(Word::Next).store(number + 1, Release);
        }
    }
}

/// The ways of reading, which differ in how many records come again after a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// `next_record`: the record that was lent.
    OneByOne,
    /// A batch of up to 100 records.
    Batch,
    /// `drain` without a policy: one window, of 128 KiB and one record.
    Drain,
    /// `drain` with a policy: one and a half portions, and one record.
    Policy,
}

impl Reading {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::OneByOne, Self::Batch, Self::Drain, Self::Policy];

    /// The most records that may come again, as docs/shutdown.md states it, for records of 16
    /// bytes in a ring of 1 MiB, whose portion is 64 KiB.
    pub fn most_repeated(self) -> u64 {
        match self {
            Self::OneByOne => 1,
            Self::Batch => 100,
            Self::Drain => (128 << 10) / 16 + 1,
            Self::Policy => (96 << 10) / 16 + 1,
        }
    }

    /// Reads until something fails, or until `is_over` says so at the end of a look.
    pub fn read(self, ring: &mut RingBuf, noted: &Noted, is_over: impl Fn() -> bool) {
        let mut last = None;
        let mut work = Random(noted.delivered());
        self.read_until(ring, is_over, |sample: &[u8]| {
            // So that a kill finds records in work.
            (0..work.below(4)).for_each(|_| spin_loop());
            noted.note(&mut last, sample);
        });
    }

    /// As [`read`](Self::read), with a callback.
    ///
    /// # Panics
    /// If the ring is corrupt.
    pub fn read_until(
        self,
        ring: &mut RingBuf,
        is_over: impl Fn() -> bool,
        mut each: impl FnMut(&[u8]),
    ) {
        if self == Self::Policy {
            ring.set_policy(WaitPolicy::balanced());
        }
        while !is_over() {
            match self {
                Self::OneByOne => {
                    while let Some(record) = ring.next_record().expect("a sound ring") {
                        each(&record);
                        // The program may never let it reach the end.
                        if is_over() {
                            break;
                        }
                    }
                }
                Self::Batch => {
                    let batch = ring.batch().max_records(100);
                    while let Next::Record(record) = batch.next().expect("a sound ring") {
                        each(&record);
                    }
                }
                Self::Drain | Self::Policy => {
                    ring.drain(|record| each(&record)).expect("a sound ring");
                }
            }
            if self == Self::Policy {
                ring.wait(Some(Duration::from_millis(1))).expect("wait");
            }
        }
    }
}

/// A child of `fork`, which is killed with this value.
#[derive(Debug)]
pub struct Child(libc::pid_t);

impl Child {
    /// Runs `body` in a child. It must not return; if it panics, the child ends.
    ///
    /// # Panics
    /// If there can be no child.
    pub fn start(body: impl FnOnce()) -> Self {
        // SAFETY: the child runs `body` and ends. Of what other threads may have locked it takes
        // the allocator's locks alone, which fork leaves whole, and standard error's.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "fork: {}", io::Error::last_os_error());
        if child == 0 {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            // SAFETY: ends the child, without the parent's exit handlers.
            unsafe { libc::_exit(if result.is_err() { 101 } else { 0 }) };
        }
        Self(child)
    }

    /// Waits for its end, and returns the exit code.
    ///
    /// # Panics
    /// If a signal ended it.
    pub fn join(self) -> i32 {
        let status = self.reap();
        std::mem::forget(self);
        assert!(libc::WIFEXITED(status), "signal {}", libc::WTERMSIG(status));
        libc::WEXITSTATUS(status)
    }

    /// Sends SIGKILL.
    ///
    /// # Panics
    /// If it has ended before.
    pub fn kill(self) {
        self.send_kill();
        let status = self.reap();
        std::mem::forget(self);
        assert!(libc::WIFSIGNALED(status), "it ended before, with {}", libc::WEXITSTATUS(status));
    }

    fn send_kill(&self) {
        // SAFETY: a signal to a child of ours that is not reaped.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }

    fn reap(&self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: one number to write to, alive for the call.
        unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.send_kill();
        self.reap();
    }
}

/// Numbers that look random, and are the same in each run.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % end
    }
}
