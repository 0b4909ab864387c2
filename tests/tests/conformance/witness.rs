//! Who looks at the live ring while the program waits.

use std::hint::spin_loop;
use std::mem::offset_of;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use ringbuf_bpf::conformance::types::{bss, step, what};
use ringbuf_tests::{Epoll, Globals, RawRing, Trigger};

/// The ring's pages, an edge-triggered epoll set, and the words through which the program asks.
pub(crate) struct Witness {
    ring: RawRing,
    edge: Epoll,
    globals: Globals,
    /// The program has returned: it asks for nothing more.
    over: AtomicBool,
}

/// What there was to see after one step.
pub(crate) struct Moment {
    /// Consumer, producer, pending and overwrite position.
    pub(crate) positions: [u64; 4],
    /// Whether an edge was reported.
    pub(crate) edge: bool,
    /// The data area.
    pub(crate) data: Vec<u8>,
}

impl Witness {
    pub(crate) fn new(map: impl AsFd, ring: RawRing, globals: Globals) -> Self {
        let edge = Epoll::new(map, Trigger::Edge).expect("epoll");
        Self { ring, edge, globals, over: AtomicBool::new(false) }
    }

    pub(crate) fn ring(&self) -> &RawRing {
        &self.ring
    }

    /// Before a script runs.
    pub(crate) fn begin(&self) {
        self.over.store(false, Ordering::Relaxed);
        self.asked().store(0, Ordering::Relaxed);
        self.answered().store(0, Ordering::Release);
    }

    /// After a script has run: an answer that did not come in time is not waited for any more.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Looks after each of the steps of a run, and after what was left open has been discarded.
    /// Moves the consumer where a step says so.
    pub(crate) fn attend(&self, steps: &[step]) -> Vec<Moment> {
        let mut moments = Vec::new();
        for (number, step) in (1..).zip(steps) {
            if step.what == what::RELEASE {
                self.answer(number << 1 | 1, || self.ring.set_consumer_pos(step.flags));
            }
            self.answer(number << 1, || moments.push(self.look()));
        }
        let end = steps.len() as u32 + 1;
        self.answer(end << 1, || moments.push(self.look()));
        moments
    }

    fn look(&self) -> Moment {
        let ring = &self.ring;
        Moment {
            positions: [
                ring.consumer_pos(),
                ring.producer_pos(),
                ring.pending_pos(),
                ring.overwrite_pos(),
            ],
            edge: self.edge.wait(Duration::ZERO).expect("epoll_wait") != 0,
            data: ring.data(),
        }
    }

    /// Does what the program asks for, when it does, and nothing if it has ended before.
    fn answer(&self, wanted: u32, act: impl FnOnce()) {
        while self.asked().load(Ordering::Acquire) != wanted {
            if self.over.load(Ordering::Acquire) {
                return;
            }
            spin_loop();
        }
        act();
        self.answered().store(wanted, Ordering::Release);
    }

    fn asked(&self) -> &AtomicU32 {
        self.globals.u32_at(offset_of!(bss, asked))
    }

    fn answered(&self) -> &AtomicU32 {
        self.globals.u32_at(offset_of!(bss, answered))
    }
}
