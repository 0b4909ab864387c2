//! The loop of reader.c, over pages mapped here.

use std::ffi::c_void;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use anyhow::Result;
use libbpf_rs::{MapCore, MapHandle};
use memmap2::{MmapOptions, MmapRaw};
use ringbuf_tests::page_size;

use super::{Contender, Epoll, Waiting};
use crate::seen::{Kind, Look, Seen};
use crate::work::{Round, Work};

/// Level-triggered epoll, then the loop.
pub(super) struct Poll;

/// The loop, again and again.
pub(super) struct Busy;

impl Contender for Poll {
    const NAME: &'static str = "c-poll";
    const WAITING: Waiting = Waiting::Blocks;
    const DRAINS: bool = false;

    fn run<L: Look>(map: &MapHandle, seen: &mut Seen, work: &mut Work<'_>) -> Result<()> {
        let ring = Ring::map(map)?;
        let epoll = Epoll::new(map.as_fd())?;
        work.drive(|round| {
            if let Round::Step = round {
                epoll.wait()?;
            }
            ring.drain::<L>(seen);
            Ok(())
        })
    }
}

impl Contender for Busy {
    const NAME: &'static str = "c-busy";
    const WAITING: Waiting = Waiting::Spins;
    const DRAINS: bool = true;

    fn run<L: Look>(map: &MapHandle, seen: &mut Seen, work: &mut Work<'_>) -> Result<()> {
        let ring = Ring::map(map)?;
        work.drive(|_| {
            ring.drain::<L>(seen);
            Ok(())
        })
    }
}

/// `struct c_ring` of reader.c.
#[repr(C)]
struct CRing {
    consumer_pos: *mut u64,
    producer_pos: *const u64,
    data: *const u8,
    mask: u64,
}

unsafe extern "C" {
    fn c_drain_untouched(ring: *const CRing, seen: *mut c_void);
    fn c_drain_touched(ring: *const CRing, seen: *mut c_void);
    fn c_drain_stamped(ring: *const CRing, seen: *mut c_void);
}

struct Ring {
    c: CRing,
    _pages: [MmapRaw; 2],
}

impl Ring {
    fn map(map: &MapHandle) -> Result<Self> {
        let (page, size) = (page_size(), map.max_entries() as usize);
        let file = map.as_fd().as_raw_fd();
        let consumer = MmapOptions::new().len(page).map_raw(file)?;
        let producer =
            MmapOptions::new().offset(page as u64).len(page + 2 * size).map_raw_read_only(file)?;
        let c = CRing {
            consumer_pos: consumer.as_mut_ptr().cast(),
            producer_pos: producer.as_ptr().cast(),
            data: producer.as_ptr().wrapping_add(page),
            mask: size as u64 - 1,
        };
        Ok(Self { c, _pages: [consumer, producer] })
    }

    #[inline(always)]
    fn drain<L: Look>(&self, seen: &mut Seen) {
        let drain = match L::KIND {
            Kind::Untouched => c_drain_untouched,
            Kind::Touched => c_drain_touched,
            Kind::Stamped => c_drain_stamped,
        };
        // SAFETY: the pages live as long as `self`, nobody else consumes the ring meanwhile, and
        // both structs are those of reader.c.
        unsafe { drain(&raw const self.c, ptr::from_mut(seen).cast()) };
    }
}
