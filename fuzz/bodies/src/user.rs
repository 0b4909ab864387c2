//! Target `user_sample`: the drain of a user ring.

use std::cell::{Cell, RefCell, RefMut};
use std::ops::ControlFlow;

use ringbuf_core::{Position, RingMemory};
use ringbuf_sim::{DrainError, DrainHost, Flags, KernelConsumer};

use crate::memory::{HostileMemory, Input, Load};

/// Drains a user ring with any value in any shared word. The drain must check in
/// the kernel's order. Its result must equal that of a few lines of plain code for
/// the same loads.
pub fn user_sample(data: &[u8]) {
    let input = Input::new(data);
    let memory = HostileMemory::new(&input);
    let (capacity, width) = (memory.capacity().bytes(), memory.width());
    // The kernel's own word. Nobody else stores it.
    let start = Position::new(memory.published.get().get() & !7, width);
    memory.published.set(start);
    let host = Drain { consumed: RefCell::new(start), notified: Cell::new(0) };
    // SAFETY: C1: it is the only consumer, and its position is the aligned one in
    // the memory.
    let kernel = unsafe { KernelConsumer::new(memory.clone(), host) };
    while !input.is_empty() {
        let flags = Flags([0, 0, 0, 1, 2, 3, 4, 8][usize::from(input.byte() % 8)]);
        let stop_after = input.number();
        let (from, notified) = (memory.published.get(), kernel.host().notified.get());
        let (mut log, mut places) = (Vec::new(), Vec::new());
        let result = kernel.drain(flags, |place| {
            log.append(&mut memory.loads.borrow_mut());
            places.push(place);
            let nested = kernel.drain(Flags::ADAPTIVE, |_| ControlFlow::Break(()));
            assert_eq!(nested, Err(DrainError::Busy));
            // Discarded records and the end cause no call.
            if places.len() as u64 > stop_after { ControlFlow::Break(()) } else { CONTINUE }
        });
        log.append(&mut memory.loads.borrow_mut());
        let expected = drained(&log, from.get(), capacity, flags, stop_after);
        let to = Position::new(expected.consumed, width);
        assert_eq!(result.map_err(DrainError::errno), expected.result);
        assert_eq!((memory.published.get(), places.len() as u64), (to, expected.samples));
        assert_eq!(kernel.host().notified.get() - notified, u64::from(expected.notified));
    }
}

const CONTINUE: ControlFlow<()> = ControlFlow::Continue(());

/// The environment of a drain without threads.
struct Drain {
    consumed: RefCell<Position>,
    notified: Cell<u64>,
}

impl DrainHost for Drain {
    type Guard<'a> = RefMut<'a, Position>;

    fn try_busy(&self) -> Option<Self::Guard<'_>> {
        self.consumed.try_borrow_mut().ok()
    }

    fn notify(&self) {
        self.notified.set(self.notified.get() + 1);
    }
}

/// The expected result of a drain.
struct Drained {
    result: Result<u64, i64>,
    consumed: u64,
    samples: u64,
    notified: bool,
}

/// `bpf_user_ringbuf_drain` in plain numbers, for these loads.
fn drained(log: &[Load], from: u64, capacity: u64, flags: Flags, stop_after: u64) -> Drained {
    let mut end = Drained { result: Ok(0), consumed: from, samples: 0, notified: false };
    if flags.0 > 3 {
        return Drained { result: Err(-22), ..end };
    }
    let mut loads = log.iter();
    let mut seen = 0;
    end.result = loop {
        let Some(Load::Producer(producer)) = loads.next() else { panic!("{log:?}") };
        let producer = producer.get();
        if producer % 8 != 0 {
            break Err(-22);
        }
        if end.consumed >= producer {
            break Ok(end.samples);
        }
        let Some(Load::Header(_, header)) = loads.next() else { panic!("{log:?}") };
        let word = u64::from(header.to_bits());
        let len = word & 0x3fff_ffff;
        let footprint = (len + 8).next_multiple_of(8);
        if footprint > producer - end.consumed {
            break Err(-22);
        }
        if footprint > capacity || len >= 1 << 24 {
            break Err(-7);
        }
        if word >> 30 == 2 {
            break Ok(end.samples);
        }
        end.consumed += footprint;
        seen += 1;
        if word >> 30 == 0 {
            end.samples += 1;
            if end.samples > stop_after {
                break Ok(end.samples);
            }
        }
    };
    assert_eq!(loads.next(), None, "it loads on");
    end.notified = flags.0 >= 2 || (flags.0 == 0 && seen > 0);
    end
}
