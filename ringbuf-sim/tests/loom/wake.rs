//! A waker against a wait: core's `WakeFlag` and the loop that ships.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use ringbuf_core::{WakeFlag, Wakeup};

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

/// The flag and the eventfd of a waker: a counter, which orders as a system call does.
pub(crate) struct LoomFlag {
    raised: AtomicBool,
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
}

impl WakeFlag for LoomFlag {
    fn swap(&self, raised: bool, order: Ordering) -> bool {
        let site = if raised { Site::WakeRaise } else { Site::WakeTake };
        let order = if self.weak == Some(site) { Ordering::Relaxed } else { order };
        self.raised.swap(raised, order)
    }

    fn load(&self, order: Ordering) -> bool {
        self.raised.load(order)
    }

    fn end_sleep(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
    }
}

fn wake(variant: Variant, wakers: usize) -> &'static str {
    let (_shared, _kernel, mut consumer) = prompt(variant);
    let flag = Arc::new(LoomFlag {
        raised: AtomicBool::new(false),
        count: AtomicUsize::new(0),
        written: [0, 0].map(UnsafeCell::new),
        weak: variant.weak,
    });
    consumer.memory().wake_by(&flag);
    drain(&mut consumer);
    let threads: Vec<_> = (0..wakers)
        .map(|waker| {
            let flag = flag.clone();
            thread::spawn(move || {
                // SAFETY: loom checks that nothing else touches the cell meanwhile.
                flag.written[waker].with_mut(|cell| unsafe { *cell = 1 });
                flag.raise();
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
    } else if flag.load(Ordering::Relaxed) {
        assert_eq!(wakers, 2);
        assert_eq!(consumer.wait(None), Ok(Wakeup::Woken), "lost wakeup");
    }
    assert!(!flag.load(Ordering::Relaxed), "reported twice");
    how
}
