//! The reader and the producer on any kernel and architecture: one program, which `cargo xtask
//! matrix --arch` builds for each architecture.

mod conformance;
mod door;
mod four_gib;
#[cfg(not(target_arch = "s390x"))]
#[path = "../../../ringbuf-model/tests/golden.rs"]
mod golden;
mod losses;
mod reading;
mod user_ring;
mod vectors;
mod waiting;
#[path = "../../../ringbuf-sim/tests/wrap.rs"]
mod wrap;

use std::os::fd::OwnedFd;

use ringbuf_core::Width;
use ringbuf_kernel::{Next, RingBuf, kernel_width};
use ringbuf_portable::{MapType, RawRing, create_map, kernel_version};
use ringbuf_sim::Profile;

/// A fresh ring of `bytes`.
fn ring(bytes: usize) -> OwnedFd {
    create_map(MapType::RING, 0, 0, bytes).expect("a ring")
}

/// The pages of a ring, by the kernel's word width.
fn raw(map: &OwnedFd, bytes: usize) -> RawRing {
    RawRing::new(map, bytes, bits()).expect("the pages")
}

/// The width of the kernel's `unsigned long`.
fn bits() -> u32 {
    match kernel_width().expect("the width") {
        Width::Bits32 => 32,
        Width::Bits64 => 64,
    }
}

/// The behaviour of this kernel, by its version: rings must end past 2^32 on exactly the 32-bit
/// kernels with the defect.
fn profile() -> Profile {
    let [major, minor, patch] = kernel_version();
    let width = kernel_width().expect("the width");
    Profile::of_release(major, minor, patch).width(width)
}

/// The value of a position after `bytes`, on this kernel.
fn position(bytes: u64) -> u64 {
    if bits() == 64 { bytes } else { bytes & 0xffff_ffff }
}

/// The first eight bytes of each record that is there.
fn numbers(ring: &mut RingBuf) -> Vec<u64> {
    let batch = ring.batch();
    let mut all = Vec::new();
    while let Next::Record(record) = batch.next().expect("a sound ring") {
        all.push(u64::from_ne_bytes(record[..8].try_into().expect("eight bytes")));
    }
    all
}
