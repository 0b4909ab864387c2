//! What memory, sleeps and clocks cost on this machine. Needs no privilege.

use std::hint::{black_box, spin_loop};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::time::{ClockId, clock_gettime};

use super::cpus::pin;

/// A word with cache lines of its own: processors prefetch pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Word(AtomicU64);

/// Returns what an access to an own line costs, and what an exchange costs beyond it.
pub(crate) fn own() -> (f64, f64) {
    let word = Word::default();
    let times = 1_000_000;
    let hit = least(5, times, || {
        for _ in 0..times {
            black_box(word.0.load(Relaxed));
        }
    });
    let exchange = least(5, times, || {
        for number in 0..times {
            black_box(word.0.swap(number, SeqCst));
        }
    });
    (hit, (exchange - hit).max(0.0))
}

/// Returns what a line from another CPU costs: two threads hand a word to each other. Each handing
/// over moves the line twice, once for the load and once for the store.
pub(crate) fn transfer((one, other): (usize, usize)) -> Result<f64> {
    const HANDED: u64 = 2000;
    let word = Word::default();
    thread::scope(|scope| {
        let back = scope.spawn(|| -> Result<()> {
            let _at_end = Ended(&word.0);
            pin(other)?;
            let mut seen = 0;
            while seen < u64::MAX {
                let now = word.0.load(Acquire);
                if now % 2 == 1 && now != seen && now != u64::MAX {
                    word.0.store(now + 1, Release);
                }
                seen = now;
                spin_loop();
            }
            Ok(())
        });
        pin(one)?;
        let mut next = 0;
        let time = least(30, HANDED, || {
            for _ in 0..HANDED {
                word.0.store(next + 1, Release);
                next += 2;
                while word.0.load(Acquire) < next {
                    spin_loop();
                }
            }
        });
        word.0.store(u64::MAX, Release);
        back.join().map_err(|_| anyhow::anyhow!("a measuring thread panicked"))??;
        Ok(time / 4.0)
    })
}

/// Ends a wait for this word, however the thread ends.
struct Ended<'w>(&'w AtomicU64);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(u64::MAX, Release);
    }
}

/// Returns the part of a transfer that a sequential load of lines waits for, if a transfer costs
/// `transfer`.
pub(crate) fn stream((one, other): (usize, usize), transfer: f64) -> Result<f64> {
    let lines: Vec<_> = (0..512).map(|_| Line::default()).collect();
    let mut best = f64::MAX;
    for round in 1..=30 {
        thread::scope(|scope| {
            let writer = scope.spawn(|| -> Result<()> {
                pin(other)?;
                lines.iter().for_each(|line| line.0.store(round, Relaxed));
                Ok(())
            });
            writer.join().map_err(|_| anyhow::anyhow!("a measuring thread panicked"))?
        })?;
        pin(one)?;
        let began = Instant::now();
        let sum: u64 = lines.iter().map(|line| line.0.load(Relaxed)).sum();
        black_box(sum);
        best = best.min(nanos(began.elapsed()) / lines.len() as f64);
    }
    Ok((best / transfer.max(1.0)).clamp(0.05, 1.0))
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line(AtomicU64);

/// What a wakeup costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wake {
    /// For the thread that wakes.
    pub(crate) notify: f64,
    /// Until the sleeper runs.
    pub(crate) wakeup: f64,
    /// The CPU time of the sleeper.
    pub(crate) block: f64,
}

/// Measures wakeups by eventfd and epoll, which a ring's notification also goes through.
pub(crate) fn wake((one, other): (usize, usize)) -> Result<Wake> {
    const WAKES: usize = 400;
    let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&poll, &event, epoll::EventData::new_u64(0), edge())?;
    let (start, sent, over) = (Instant::now(), AtomicU64::new(0), AtomicBool::new(false));
    let since = || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| -> Result<(f64, f64)> {
            pin(other)?;
            let mut late = Vec::new();
            let began = cpu_time();
            while !over.load(Acquire) {
                if poll_once(&poll)? {
                    late.push(since().saturating_sub(sent.load(Acquire)) as f64);
                }
            }
            let used = (cpu_time() - began) / late.len().max(1) as f64;
            Ok((median(late), used))
        });
        let wake = || -> Result<f64> {
            pin(one)?;
            let mut took = Vec::new();
            for _ in 0..WAKES {
                thread::sleep(Duration::from_micros(150));
                let began = since();
                sent.store(began, Release);
                rustix::io::write(&event, &1u64.to_ne_bytes())?;
                took.push((since() - began) as f64);
            }
            Ok(median(took))
        };
        let notify = wake();
        over.store(true, Release);
        let slept = sleeper.join().map_err(|_| anyhow::anyhow!("a measuring thread panicked"))?;
        let ((wakeup, block), notify) = (slept?, notify?);
        Ok(Wake { notify, wakeup, block })
    })
}

pub(crate) fn edge() -> epoll::EventFlags {
    epoll::EventFlags::IN | epoll::EventFlags::ET
}

/// Blocks for 20 ms at most. Returns true if there was an event.
pub(crate) fn poll_once(poll: &impl AsFd) -> Result<bool> {
    let mut events = Vec::with_capacity(1);
    let time = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    let found = match epoll::wait(poll, spare_capacity(&mut events), Some(&time)) {
        Err(rustix::io::Errno::INTR) => 0,
        other => other.context("epoll fails")?,
    };
    Ok(found > 0)
}

/// Returns the CPU time of a nap, and how late a timer is at most.
pub(crate) fn nap() -> (f64, f64) {
    const NAP: Duration = Duration::from_micros(50);
    let began = cpu_time();
    let late = (0..400).map(|_| {
        let began = Instant::now();
        thread::sleep(NAP);
        nanos(began.elapsed().saturating_sub(NAP))
    });
    let late: Vec<_> = late.collect();
    let used = (cpu_time() - began) / late.len() as f64;
    // The model's timers are late by an even part of the most.
    (used, 2.0 * median(late))
}

/// Returns what a reading of the clock costs.
pub(crate) fn clock() -> f64 {
    let times = 100_000;
    least(5, times, || {
        for _ in 0..times {
            black_box(Instant::now());
        }
    })
}

/// Returns the least time of a step, of so many rounds of so many steps: the least disturbed one.
pub(crate) fn least(rounds: u32, steps: u64, mut round: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..rounds {
        let began = Instant::now();
        round();
        best = best.min(nanos(began.elapsed()) / steps as f64);
    }
    best
}

pub(crate) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

pub(crate) fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}
