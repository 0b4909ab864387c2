//! The contract of a host: virtual time, and the simulator's real time.

use std::fmt::Debug;
use std::thread;

use ringbuf_core::{Armed, ConsumerMemory, WaitHost, WakeCause};

use super::*;

/// The effect of a notification on naps and blocks, at any time.
fn keeps_the_contract<M>(ring: &SimRing, mut consumer: Consumer<M>)
where
    M: ConsumerMemory + WaitHost<Error: Debug>,
{
    let program = ring.producer();
    let write = || program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    // Between arming and the block: it ends the block at once.
    for _ in 0..3 {
        assert_eq!(consumer.arm(), Armed::Sleep);
        write();
        let host = consumer.memory();
        assert_eq!(host.block(Duration::MAX).unwrap(), WakeCause::Notified);
        // The block uses it up.
        let start = host.now();
        assert_eq!(host.block(us(1500)).unwrap(), WakeCause::TimeUp);
        assert!(host.now() - start >= us(1500), "{:?}", host.now() - start);
        consumer.drain(|_| ()).unwrap();
    }
    // Before or during a nap: it stays for the next block. Several count as one.
    for _ in 0..3 {
        write();
        consumer.drain(|_| ()).unwrap();
    }
    let host = consumer.memory();
    let start = host.now();
    assert_eq!(host.nap(us(700)).unwrap(), WakeCause::TimeUp);
    assert!(host.now() - start >= us(700));
    assert_eq!(host.block(Duration::MAX).unwrap(), WakeCause::Notified);
    assert_eq!(host.block(ms(1)).unwrap(), WakeCause::TimeUp);
    let start = host.now();
    host.pause(us(20));
    assert!(host.now() - start >= us(20));
}

#[test]
fn virtual_time_keeps_the_contract() {
    let ring = SimRing::new(4 * KIB).unwrap();
    let time = VirtualTime::new();
    let consumer = ring.consumer_in(&time).unwrap();
    keeps_the_contract(&ring, consumer);
    assert!(time.now() < ms(30), "{time:?}");
    let consumer = &mut ring.consumer_in(&time).unwrap();
    consumer.set_policy(WaitPolicy::immediate());
    assert_eq!(consumer.wait(Some(ms(5))), Ok(Wakeup::TimedOut));
}

#[test]
fn the_simulator_keeps_the_contract() {
    let _hangs = watchdog("virtual_time::the_simulator_keeps");
    let ring = SimRing::new(4 * KIB).unwrap();
    keeps_the_contract(&ring, ring.consumer().unwrap());
}

/// One test in real time: a handled signal ends a nap and a block.
#[test]
fn a_real_signal_interrupts() {
    let _hangs = watchdog("virtual_time::a_real_signal");
    extern "C" fn nothing(_: libc::c_int) {}
    let handler: extern "C" fn(libc::c_int) = nothing;
    // SAFETY: all zero is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    // SAFETY: the handler does nothing; without SA_RESTART sleeps end.
    let set = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(set, 0);
    let ring = SimRing::new(4 * KIB).unwrap();
    let consumer = ring.consumer().unwrap();
    // SAFETY: asks who this thread is.
    let this = unsafe { libc::pthread_self() };
    let host = consumer.memory();
    for nap in [true, false] {
        let done = std::sync::atomic::AtomicBool::new(false);
        let cause = thread::scope(|scope| {
            scope.spawn(|| {
                // Repeatedly, because the first one may come before the sleep
                // begins.
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    thread::sleep(ms(2));
                    // SAFETY: that thread waits for this one.
                    unsafe { libc::pthread_kill(this, libc::SIGUSR1) };
                }
            });
            // Nothing else ends it: a day is without end.
            let limit = Duration::from_secs(24 * 60 * 60);
            let cause = if nap { host.nap(limit) } else { host.block(limit) };
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            cause.unwrap()
        });
        assert_eq!(cause, WakeCause::Interrupted);
    }
}
