//! What each release changed: a test for each row of the table of versions in
//! docs/testing.md that programs or readers can see in memory.
//!
//! The other rows are about maps, memory accounting and the verifier, which a simulated ring
//! does not have: 5.10 (inner maps), 5.11 (RLIMIT_MEMLOCK), 5.15 (sleepable programs, helpers
//! of the wrong map), 5.17 (offset pointers), 6.4 (fdinfo), 6.12 (PREEMPT_RT), 6.14 (freeze,
//! mprotect), 6.18 (freeing).

use std::mem;
use std::ops::ControlFlow::Continue;
use std::sync::atomic::Ordering::Release;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ringbuf_core::{ConsumerMemory, OverwriteMemory, Position, Width};
use ringbuf_sim::{
    Context, DynptrError, Flags, KernelProducer, LockError, PendingPos, Profile, Query, Refused,
    SimError, SimRing, SimUserRing,
};

const BYTES: u64 = 64 << 10;

fn release(major: u32, minor: u32, patch: u32) -> Profile {
    Profile::of_release(major, minor, patch)
}

fn ring(profile: Profile) -> SimRing {
    SimRing::with_profile(BYTES, profile).unwrap()
}

/// As another process could.
fn forge_consumer(ring: &SimRing, at: u64) {
    let consumer = ring.consumer().unwrap();
    let at = Position::new(at, Width::Bits64);
    // SAFETY: C1: nobody reads this ring, and what is reserved is not written any more.
    unsafe { consumer.memory().store_consumer_pos(at, Release) };
    mem::forget(consumer);
}

#[test]
fn ring_buffers_since_5_8() {
    assert!(matches!(SimRing::with_profile(BYTES, release(5, 7, 0)), Err(SimError::NoRingBuffer)));
    let program = ring(release(5, 8, 0)).producer();
    program.output(b"first", Flags::ADAPTIVE).unwrap();
    let queries = [Query::AVAIL_DATA, Query::RING_SIZE, Query::CONS_POS, Query::PROD_POS];
    assert_eq!(queries.map(|kind| program.query(kind)), [16, BYTES, 0, 16]);
    assert_eq!(program.query(Query::OVERWRITE_POS), 0);
}

/// CVE-2021-3489.
#[test]
fn larger_than_the_ring_is_refused_since_5_13() {
    let forged = |profile| {
        let ring = ring(profile);
        forge_consumer(&ring, BYTES);
        ring.producer().reserve(BYTES + 8).unwrap_err()
    };
    for profile in [release(5, 8, 18), release(5, 10, 36), release(5, 11, 20), release(5, 12, 3)] {
        assert_eq!(forged(profile), Refused::WouldOverrun, "{profile:?}");
        assert_eq!(ring(profile).producer().reserve(BYTES).unwrap_err(), Refused::Full);
    }
    for profile in [release(5, 10, 37), release(5, 11, 21), release(5, 12, 4), release(5, 13, 0)] {
        assert_eq!(forged(profile), Refused::TooLarge, "{profile:?}");
    }
}

#[test]
fn dynptrs_since_5_19() {
    let reserve = |profile, len| {
        ring(profile).producer().reserve_dynptr(len, 0).map(drop).inspect_err(|error| {
            assert!([-22, -7].contains(&error.errno()));
        })
    };
    assert_eq!(reserve(release(5, 18, 19), 8), Err(DynptrError::NoHelper));
    assert_eq!(reserve(release(5, 19, 0), 8), Ok(()));
    assert_eq!(reserve(release(5, 19, 0), 1 << 24), Err(DynptrError::TooLarge));
}

#[test]
fn user_rings_since_6_1() {
    let before = SimUserRing::with_profile(BYTES, release(6, 0, 19));
    assert!(matches!(before, Err(SimError::NoUserRing)));
    let ring = SimUserRing::with_profile(BYTES, release(6, 1, 0)).unwrap();
    ring.producer().unwrap().reserve(8).unwrap().submit();
    assert_eq!(ring.drain(Flags::ADAPTIVE, |_| Continue(())), Ok(1));
}

/// CVE-2024-41009, with the numbers of a real 5.10.218.
#[test]
fn records_overlap_before_the_pending_position_of_6_10() {
    // Reserves A, and B behind it, when the consumer position says that A is read.
    let reserve_both = |profile: Profile| {
        let ring = SimRing::with_profile(256 << 10, profile).unwrap();
        forge_consumer(&ring, 0x30000);
        let program = ring.producer();
        let mut a = program.reserve(0x30000).unwrap();
        a[..4].copy_from_slice(&0x5a5a_1234_u32.to_le_bytes());
        mem::forget(a); // it stays busy, and nobody writes it any more
        let seen = program.reserve(0x30000).map(|b| {
            let header = u64::from_le_bytes(b[0xfff0..0xfff8].try_into().unwrap());
            (header, u32::from_le_bytes(b[0xfff8..0xfffc].try_into().unwrap()))
        });
        let pages = ring.pages();
        (seen, pages.producer, pages.pending)
    };
    let overlapping = Ok((0x0000_0003_8003_0000, 0x5a5a_1234));
    for profile in [release(5, 8, 0), release(5, 10, 218), release(6, 1, 96), release(6, 9, 7)] {
        assert_eq!(profile.pending_pos, PendingPos::Absent);
        assert_eq!(reserve_both(profile), (overlapping, 0x60010, 0), "{profile:?}");
    }
    let fixed = [(5, 10, 223), (5, 15, 162), (6, 1, 97), (6, 6, 37), (6, 9, 8), (6, 10, 0)];
    for (major, minor, patch) in fixed {
        let refused = (Err(Refused::PendingInTheWay), 0x30008, 0);
        assert_eq!(reserve_both(release(major, minor, patch)), refused, "{major}.{minor}.{patch}");
    }
}

/// The second word of the producer page, and the largest record beside a busy one.
#[test]
fn the_pending_position_is_the_oldest_busy_record() {
    let sizes = |profile| {
        let ring = SimRing::with_profile(BYTES, profile).unwrap();
        let program = ring.producer();
        mem::forget(program.reserve(8).unwrap());
        forge_consumer(&ring, 16);
        [BYTES - 16, BYTES - 24, BYTES - 32]
            .map(|size| program.reserve(size).map(mem::forget).is_ok())
    };
    assert_eq!(sizes(release(5, 10, 218)), [true, false, false]);
    assert_eq!(sizes(release(5, 10, 223)), [false, false, true]);
}

/// A thread holds the lock while `run` runs.
fn while_held<T>(ring: &SimRing, run: impl FnOnce() -> T) -> T {
    let (taken, is_taken) = mpsc::channel();
    let (done, is_done) = mpsc::channel::<()>();
    let program = ring.producer();
    let holder = thread::spawn(move || {
        let _held = program.hold_lock().unwrap();
        taken.send(()).unwrap();
        // watchdog: a wrong kernel waits for the lock, and then gets it.
        let _ = is_done.recv_timeout(Duration::from_secs(20));
    });
    is_taken.recv().unwrap();
    let result = run();
    let _ = done.send(());
    holder.join().unwrap();
    result
}

fn refused(program: &KernelProducer) -> Option<Refused> {
    program.reserve(8).err()
}

#[test]
fn up_to_6_14_only_programs_in_an_nmi_do_not_get_the_lock() {
    for profile in [release(5, 8, 0), release(6, 12, 110), release(6, 14, 11)] {
        let ring = ring(profile);
        let program = ring.producer();
        let nmi = program.clone().in_context(Context::Nmi);
        let other = while_held(&ring, || refused(&nmi));
        assert_eq!(other, Some(Refused::Lock(LockError::Contended)));
        // On the same CPU.
        let held = program.hold_lock().unwrap();
        assert_eq!(refused(&nmi), Some(Refused::Lock(LockError::Contended)));
        assert_eq!(refused(&program), Some(Refused::Lock(LockError::Hangs)));
        assert_eq!(program.query(Query::PROD_POS), 0); // a query takes no lock
        // On another CPU, it waits.
        let waiting = program.clone();
        let waits = thread::spawn(move || refused(&waiting));
        drop(held);
        assert_eq!(waits.join().unwrap(), None);
        assert_eq!([refused(&nmi), refused(&program)], [None, None]);
    }
}

#[test]
fn since_6_15_the_lock_fails_in_any_context() {
    for profile in [release(6, 15, 0), release(6, 18, 44), release(7, 3, 4)] {
        let ring = ring(profile);
        for context in [Context::Task, Context::Nmi] {
            let program = ring.producer().in_context(context);
            let other = while_held(&ring, || refused(&program));
            assert_eq!(other, Some(Refused::Lock(LockError::TimedOut)), "{context:?}");
            let held = program.hold_lock().unwrap();
            assert_eq!(refused(&program), Some(Refused::Lock(LockError::Deadlock)), "{context:?}");
            drop(held);
            assert_eq!(refused(&program), None);
        }
        let held = ring.producer().hold_lock().unwrap();
        let output = ring.producer().output(b"lost", Flags::ADAPTIVE).unwrap_err();
        let dynptr = ring.producer().reserve_dynptr(8, 0).unwrap_err();
        assert_eq!([output.errno(), dynptr.errno()], [-11, -22]);
        drop(held);
    }
}

/// The kernel's selftest `ringbuf_overwrite_mode`.
#[test]
fn overwrite_mode_since_6_19() {
    let before = SimRing::overwriting(BYTES, release(6, 18, 44));
    assert!(matches!(before, Err(SimError::NoOverwriteMode)));
    for profile in [release(6, 19, 0), release(7, 3, 0)] {
        let ring = SimRing::overwriting(4096, profile.page_size(4096)).unwrap();
        let program = ring.producer();
        let [first, second] = [2048, 1024].map(|size| program.reserve(size).unwrap());
        assert_eq!(program.reserve(1000).unwrap_err(), Refused::PendingInTheWay);
        let fourth = program.reserve(992).unwrap();
        [first, second, fourth].into_iter().for_each(|it| it.submit(Flags::ADAPTIVE));
        let _fifth = program.reserve(1000).unwrap();
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(|kind| program.query(kind)),
            [3040, 4096, 0, 5096, 2056, 0]
        );
    }
}

/// What is available in overwrite mode if the consumer position is ahead.
#[test]
fn available_bytes_are_bounded_since_7_3() {
    let ahead = |profile: Profile| {
        let ring = SimRing::overwriting(4096, profile.page_size(4096)).unwrap();
        let program = ring.producer();
        program.output(&[0; 4080], Flags::ADAPTIVE).unwrap();
        let ahead = Position::new(ring.pages().producer + 8, Width::Bits64);
        ring.overwrite_memory().unwrap().store_consumer_pos(ahead, Release);
        program.query(Query::AVAIL_DATA)
    };
    for profile in [release(6, 19, 14), release(7, 0, 13), release(7, 2, 13)] {
        assert_eq!(ahead(profile), 8_u64.wrapping_neg());
    }
    assert_eq!(ahead(release(7, 3, 0)), 4088);
}

/// On 32-bit kernels, the walk of the pending position compared positions as numbers.
#[test]
fn rings_of_32_bit_kernels_survive_the_wrap_since_7_3() {
    let granted = |profile: Profile| {
        let start = 0xffff_ff00;
        let ring = SimRing::started_at(BYTES, profile.width(Width::Bits32), start).unwrap();
        let (program, mut consumer) = (ring.producer(), ring.consumer().unwrap());
        (0..8).all(|_| {
            let granted = program.output(&[0; 30_000], Flags::ADAPTIVE).is_ok();
            consumer.drain(|_| ()).unwrap();
            granted
        })
    };
    for profile in [release(6, 10, 0), release(6, 12, 109), release(6, 1, 187), release(6, 19, 0)] {
        assert!(!granted(profile), "{profile:?}");
    }
    for profile in [release(5, 8, 0), release(6, 12, 110), release(6, 1, 188), release(7, 3, 0)] {
        assert!(granted(profile), "{profile:?}");
    }
}

/// Still open in 7.3.4: the drain compares positions as numbers.
#[test]
fn user_rings_of_32_bit_kernels_end_at_the_wrap() {
    let drained = |width| {
        let profile = release(7, 3, 4).width(width);
        let ring = SimUserRing::started_at(BYTES, profile, 0xffff_fff0).unwrap();
        ring.producer().unwrap().reserve(8).unwrap().submit();
        ring.drain(Flags::ADAPTIVE, |_| Continue(())).unwrap()
    };
    assert_eq!([Width::Bits32, Width::Bits64].map(drained), [0, 1]);
}

#[test]
fn releases_as_text() {
    for (text, profile) in
        [("5.8", release(5, 8, 0)), ("6.12.110", release(6, 12, 110)), ("7.3.4+", Profile::NEWEST)]
    {
        assert_eq!(text.parse(), Ok(profile), "{text}");
    }
    for text in ["", "6", "6.", "6.1.2.3", "v6.1", "6.-1", "6.4294967296"] {
        let error = text.parse::<Profile>().unwrap_err().to_string();
        assert!(error.contains(&format!("`{text}` is not a release")), "{error}");
    }
}
