//! Drains of a user ring in the live kernel, through `user_drain.bpf.c`.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::user_drain::types::drain;
use ringbuf_bpf::user_drain::{UserDrainSkel, UserDrainSkelBuilder};

use crate::test_run;

/// A fresh user ring, the program that drains it, and an edge-triggered epoll set that watches it
/// for EPOLLOUT.
pub struct UserDrain {
    skeleton: UserDrainSkel<'static>,
    epoll: OwnedFd,
}

impl std::fmt::Debug for UserDrain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserDrain").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}

/// What one drain did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drained {
    /// What the helper returned.
    pub ret: i64,
    /// Calls of the callback.
    pub calls: u64,
    /// What the helper returned inside the callback, if it was called there, and the calls of the
    /// callback of that drain.
    pub nested: (i64, u64),
}

impl UserDrain {
    /// Loads the program with a user ring of `size` bytes.
    ///
    /// # Errors
    /// If the kernel refuses the program or the map, or as epoll_create1(2).
    pub fn load(size: u32) -> libbpf_rs::Result<Self> {
        // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let mut open = UserDrainSkelBuilder::default().open(object)?;
        open.maps.user_ring.set_max_entries(size)?;
        let skeleton = open.load()?;
        let epoll = watch(&skeleton.maps.user_ring)?;
        Ok(Self { skeleton, epoll })
    }

    /// The ring's map.
    pub fn map(&self) -> &libbpf_rs::MapMut<'static> {
        &self.skeleton.maps.user_ring
    }

    /// Drains. The callback stops at sample `stop_at`, if that is not 0, and drains again if `nest`.
    ///
    /// # Panics
    /// If the program cannot be run.
    pub fn run(&mut self, flags: u64, stop_at: u32, nest: bool) -> Drained {
        let arguments = drain { flags, stop_at, nest: nest.into() };
        test_run(&self.skeleton.progs.drain, &arguments).expect("run of program drain");
        let bss = self.skeleton.maps.bss_data.as_deref_mut().expect("bss");
        Drained { ret: bss.result, calls: bss.calls, nested: (bss.nested_result, bss.nested_calls) }
    }

    /// The samples of the latest drain, in its order.
    ///
    /// # Panics
    /// If it saw more than 8192 samples or 64 KiB.
    pub fn samples(&mut self) -> Vec<Vec<u8>> {
        let bss = self.skeleton.maps.bss_data.as_deref_mut().expect("bss");
        let sizes = &bss.sizes[..usize::try_from(bss.calls).expect("fits")];
        let mut rest = &bss.bytes[..usize::try_from(bss.copied).expect("fits")];
        let samples = sizes.iter().map(|size| {
            let (sample, behind) = rest.split_at(*size as usize);
            rest = behind;
            sample.to_vec()
        });
        let samples = samples.collect();
        assert!(rest.is_empty(), "{} bytes of no sample", rest.len());
        samples
    }

    /// The lengths of the samples of the latest drain, of the first 8192 of them.
    ///
    /// # Panics
    /// Never: the program has global variables.
    pub fn sizes(&mut self) -> Vec<u32> {
        let bss = self.skeleton.maps.bss_data.as_deref_mut().expect("bss");
        bss.sizes.iter().take(bss.calls as usize).copied().collect()
    }

    /// Whether an edge of EPOLLOUT arrived since this was asked last. It does not wait: the program
    /// has waited for the work that a drain puts off until the next interrupt.
    ///
    /// # Errors
    /// As epoll_wait(2).
    pub fn woken(&self) -> io::Result<bool> {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: the kernel writes at most one event into `event`.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), &raw mut event, 1, 0) };
        if count < 0 { Err(io::Error::last_os_error()) } else { Ok(count == 1) }
    }
}

fn watch(map: impl AsFd) -> io::Result<OwnedFd> {
    // SAFETY: epoll_create1 takes no pointer.
    let raw = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made, and nobody else has it.
    let set = unsafe { OwnedFd::from_raw_fd(raw) };
    let events = (libc::EPOLLOUT | libc::EPOLLET) as u32;
    let mut event = libc::epoll_event { events, u64: 0 };
    let (of, map) = (set.as_raw_fd(), map.as_fd().as_raw_fd());
    // SAFETY: the kernel reads one event from `event`.
    let ret = unsafe { libc::epoll_ctl(of, libc::EPOLL_CTL_ADD, map, &raw mut event) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(set) }
}
