//! A waker against a wait: core's `WakeFlag` and the loop that ships.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use std::time::Duration;

use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use loom::thread;
use ringbuf_core::{WakeFlag, Wakes, Wakeup};

use crate::backing::Variant;
use crate::explore::Model;
use crate::models::drain;
use crate::views::{Asleep, Did};
use crate::wait::prompt;
use crate::weaken::Site;

/// One wake: it ends the wait, and what the waker wrote before it is seen.
pub(crate) const WAKE: Model = Model {
    name: "wake",
    outcomes: &["woken before it blocks", "woken from a block", "asleep, to be woken"],
    floor: 4,
    execution: |variant| wake(variant, 1),
};

/// Two wakes, which may count as one. None is lost, and none is left over.
pub(crate) const WAKE_TWO: Model = Model {
    name: "wake_two",
    outcomes: &["woken before it blocks", "woken from a block", "asleep, to be woken"],
    floor: 20,
    execution: |variant| wake(variant, 2),
};

/// A wake and a flush at once. Both are reported, each once.
pub(crate) const WAKE_FLUSH: Model = Model {
    name: "wake_flush",
    outcomes: &["Woken, Flushed", "Flushed, Woken", "asleep, to be woken"],
    floor: 20,
    execution: wake_and_flush,
};

/// The deadline moves to now while a wait is under way.
pub(crate) const WAKE_DEADLINE: Model = Model {
    name: "wake_deadline",
    outcomes: &["over before it blocks", "over after a block", "asleep, to be woken"],
    floor: 4,
    execution: deadline,
};

/// The flag and the eventfd of a waker: a counter, which orders as a system call does.
pub(crate) struct LoomFlag {
    asked: AtomicU32,
    /// The deadline has moved to zero, which is now.
    due: AtomicBool,
    count: AtomicUsize,
    /// What each waker writes before it wakes.
    written: [UnsafeCell<u64>; 2],
    weak: Option<Site>,
}

// SAFETY: loom fails the model if two threads touch a cell and nothing orders it.
unsafe impl Sync for LoomFlag {}

impl LoomFlag {
    /// Whether a sleep that begins now ends at once; it uses the event up.
    pub(crate) fn ends_sleep(&self) -> bool {
        self.count.swap(0, Ordering::AcqRel) > 0
    }

    /// The kernel's waker stores it in the same way.
    pub(crate) fn deadline(&self) -> Duration {
        if self.due.load(Ordering::Relaxed) { Duration::ZERO } else { Duration::MAX }
    }

    fn new(weak: Option<Site>) -> Arc<Self> {
        Arc::new(Self {
            asked: AtomicU32::new(0),
            due: AtomicBool::new(false),
            count: AtomicUsize::new(0),
            written: [0, 0].map(UnsafeCell::new),
            weak,
        })
    }

    fn order(&self, site: Site, order: Ordering) -> Ordering {
        if self.weak == Some(site) { Ordering::Relaxed } else { order }
    }
}

impl WakeFlag for LoomFlag {
    fn fetch_or(&self, bits: u32, order: Ordering) -> u32 {
        self.asked.fetch_or(bits, self.order(Site::WakeRaise, order))
    }

    fn fetch_and(&self, bits: u32, order: Ordering) -> u32 {
        self.asked.fetch_and(bits, self.order(Site::WakeTake, order))
    }

    fn load(&self, order: Ordering) -> u32 {
        self.asked.load(order)
    }

    fn end_sleep(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
    }
}

fn wake(variant: Variant, wakers: usize) -> &'static str {
    let (_shared, _kernel, mut consumer) = prompt(variant);
    let flag = LoomFlag::new(variant.weak);
    consumer.memory().wake_by(&flag);
    drain(&mut consumer);
    let threads: Vec<_> = (0..wakers)
        .map(|waker| {
            let flag = flag.clone();
            thread::spawn(move || {
                // SAFETY: loom checks that nothing else touches the cell meanwhile.
                flag.written[waker].with_mut(|cell| unsafe { *cell = 1 });
                flag.raise(Wakes::WAKE);
            })
        })
        .collect();
    let how = match consumer.wait(None) {
        Ok(Wakeup::Woken) if wakers == 1 => {
            // SAFETY: as above.
            flag.written[0].with(|cell| assert_eq!(unsafe { *cell }, 1));
            if consumer.memory().did() == Did::Block {
                "woken from a block"
            } else {
                "woken before it blocks"
            }
        }
        Ok(Wakeup::Woken) if consumer.memory().did() == Did::Block => "woken from a block",
        Ok(Wakeup::Woken) => "woken before it blocks",
        Err(Asleep) => "asleep, to be woken",
        other => panic!("{other:?}"),
    };
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // What is not reported yet ends the next wait, or the sleep that is under way.
    if how == "asleep, to be woken" {
        assert!(flag.ends_sleep(), "lost wakeup");
        assert_eq!(consumer.wait(None), Ok(Wakeup::Woken), "lost wakeup");
    } else if flag.load(Ordering::Relaxed) != 0 {
        assert_eq!(wakers, 2);
        assert_eq!(consumer.wait(None), Ok(Wakeup::Woken), "lost wakeup");
    }
    assert_eq!(flag.load(Ordering::Relaxed), 0, "reported twice");
    how
}

fn wake_and_flush(variant: Variant) -> &'static str {
    let (_shared, _kernel, mut consumer) = prompt(variant);
    let flag = LoomFlag::new(variant.weak);
    consumer.memory().wake_by(&flag);
    drain(&mut consumer);
    let threads = [Wakes::WAKE, Wakes::FLUSH].map(|request| {
        let flag = flag.clone();
        thread::spawn(move || flag.raise(request))
    });
    let (mut seen, mut threads) = (Vec::new(), Some(threads));
    while seen.len() < 2 {
        match consumer.wait(None) {
            Ok(wakeup) => seen.push(wakeup),
            Err(Asleep) => {
                let threads = threads.take().expect("lost wakeup");
                threads.into_iter().for_each(|thread| thread.join().unwrap());
                assert!(flag.ends_sleep(), "lost wakeup");
            }
        }
    }
    let slept = threads.is_none();
    threads.into_iter().flatten().for_each(|thread| thread.join().unwrap());
    assert_eq!(flag.load(Ordering::Relaxed), 0, "reported twice");
    match (seen.as_slice(), slept) {
        (_, true) => "asleep, to be woken",
        ([Wakeup::Woken, Wakeup::Flushed], _) => "Woken, Flushed",
        ([Wakeup::Flushed, Wakeup::Woken], _) => "Flushed, Woken",
        other => panic!("{other:?}"),
    }
}

fn deadline(variant: Variant) -> &'static str {
    let (_shared, _kernel, mut consumer) = prompt(variant);
    let flag = LoomFlag::new(variant.weak);
    consumer.memory().wake_by(&flag);
    drain(&mut consumer);
    let mover = flag.clone();
    let thread = thread::spawn(move || {
        mover.due.store(true, Ordering::Relaxed);
        mover.raise(Wakes::DEADLINE);
    });
    let how = match consumer.wait(None) {
        Ok(Wakeup::TimedOut) if consumer.memory().did() == Did::Block => "over after a block",
        Ok(Wakeup::TimedOut) => "over before it blocks",
        Err(Asleep) => "asleep, to be woken",
        other => panic!("{other:?}"),
    };
    thread.join().unwrap();
    if how == "asleep, to be woken" {
        assert!(flag.ends_sleep(), "lost wakeup");
    }
    assert_eq!(consumer.wait(None), Ok(Wakeup::TimedOut), "lost wakeup");
    how
}
