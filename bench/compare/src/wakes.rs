//! How soon a wake ends a wait, for each way of resting, beside a bare eventfd in epoll.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use std::{hint, io, thread};

use anyhow::{Result, anyhow, ensure};
use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy, Waker, Wakeup};

use crate::meter;
use crate::producer::Rig;
use crate::report::aligned;
use crate::seen::now;
use crate::statistics::percentile;
use crate::trial::Setup;

/// Of each way of resting, in a pass.
const ROUNDS: u32 = 1_000;
/// Each way of resting takes its turn in each.
const PASSES: usize = 20;
const RING: u32 = 256 << 10;
/// Nothing but a wake ends a rest.
const LONG: Duration = Duration::from_secs(60);
/// From the begin of a wait to the wake, in nanoseconds: the reader rests by then.
const BEFORE: u64 = 60_000;

/// Measures all, and returns the tables: as it is, and with the reader's CPU kept awake, so that
/// no time goes to waking a CPU that sleeps.
///
/// # Errors
/// If the kernel refuses something, or a wait ends without a wake.
pub fn run(setup: &Setup) -> Result<String> {
    let asleep = tables(setup)?;
    let awake = {
        let _awake = Awake::keep(setup.cpus[1]);
        tables(setup)?
    };
    let title = "from a wake to the return of the wait, ordinary threads, each on its CPU";
    Ok(format!(
        "{title}, {PASSES} passes of {ROUNDS} wakes\n\
         the reader's CPU sleeps while nothing runs\n{asleep}\
         the reader's CPU is kept awake by a SCHED_IDLE thread\n{awake}"
    ))
}

/// Neighbours disturb some passes and not others, and the bare eventfd tells which: the passes are
/// chosen by its times and not by ours.
fn tables(setup: &Setup) -> Result<String> {
    let mut passes = (0..PASSES).map(|_| pass(setup)).collect::<Result<Vec<_>>>()?;
    let all = table(&passes);
    passes.sort_by_key(|pass| in_nanos(&pass[0].1, 0.99));
    let quiet = table(&passes[..PASSES / 4]);
    Ok(format!("{all}the quarter of the passes in which the eventfd's p99 was best\n{quiet}"))
}

/// What each way of resting is called, and the times of its wakes.
type Pass = Vec<(&'static str, Vec<u32>)>;

fn pass(setup: &Setup) -> Result<Pass> {
    let nap = WaitPolicy::low_cost().hold_off(LONG).max_sleep(LONG);
    let block = WaitPolicy::immediate().max_sleep(LONG);
    let spin = WaitPolicy::low_latency().spin_for(LONG);
    Ok(vec![
        ("bare eventfd in epoll", rounds(setup, Bare::new()?)?),
        ("block", rounds(setup, One::new(block.clone())?)?),
        ("nap", rounds(setup, One::new(nap.clone())?)?),
        ("spin", rounds(setup, One::new(spin)?)?),
        ("block of a set", rounds(setup, Many::new(block)?)?),
        ("nap of a set", rounds(setup, Many::new(nap)?)?),
    ])
}

fn table(passes: &[Pass]) -> String {
    let titles = ["rest", "p50 us", "p99 us", "max us", "p50 x epoll", "p99 x epoll"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    let names = passes.first().into_iter().flatten().map(|(name, _)| *name);
    let times = |rest: usize| {
        let mut times: Vec<_> = passes.iter().flat_map(|pass| pass[rest].1.clone()).collect();
        times.sort_unstable();
        times
    };
    let epoll = times(0);
    for (rest, name) in names.enumerate() {
        let times = times(rest);
        let mut row = vec![name.to_owned()];
        let of = |times: &[u32], share| in_nanos(times, share) as f64 / 1e3;
        row.extend([0.5, 0.99, 1.0].map(|share| format!("{:.2}", of(&times, share))));
        let ratio = |share| format!("{:.2}", of(&times, share) / of(&epoll, share));
        row.extend([0.5, 0.99].map(ratio));
        rows.push(row);
    }
    aligned(&rows, 1)
}

fn in_nanos(times: &[u32], share: f64) -> u64 {
    percentile(times, share).unwrap_or(0.0) as u64
}

/// A thread that runs on a CPU whenever nothing else does, so that the CPU never sleeps.
struct Awake {
    ended: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Awake {
    fn keep(cpu: usize) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        let spin = move || {
            let _pinned = ringbuf_tests::pin_to_cpu(cpu);
            let idle = libc::sched_param { sched_priority: 0 };
            // SAFETY: the calling thread, and a parameter that lives for the call.
            let refused = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const idle) };
            while refused == 0 && !seen.load(Ordering::Relaxed) {
                hint::spin_loop();
            }
        };
        Self { ended, thread: Some(thread::spawn(spin)) }
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.take().map(thread::JoinHandle::join);
    }
}

/// A reader, and what wakes it.
trait Rest: Send {
    type Waker: Fn() + Send + 'static;
    fn waker(&self) -> Result<Self::Waker>;
    /// Before each wait.
    fn prepare(&mut self) -> Result<()>;
    /// Returns when it was woken.
    fn wait(&mut self) -> Result<()>;
}

/// Returns the times, ascending, in nanoseconds.
fn rounds(setup: &Setup, mut reader: impl Rest) -> Result<Vec<u32>> {
    let wake = reader.waker()?;
    let (round, woken_at) = (AtomicU32::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let _pinned = ringbuf_tests::pin_to_cpu(setup.cpus[1])?;
            meter::ordinary()?;
            let mut times = Vec::new();
            let result = (1..=ROUNDS).try_for_each(|number| {
                reader.prepare()?;
                round.store(number, Ordering::Release);
                reader.wait()?;
                let time = now().saturating_sub(woken_at.load(Ordering::Acquire));
                times.push(u32::try_from(time).unwrap_or(u32::MAX));
                anyhow::Ok(())
            });
            round.store(u32::MAX, Ordering::Release);
            times.sort_unstable();
            result.map(|()| times)
        });
        let _pinned = ringbuf_tests::pin_to_cpu(setup.cpus[0])?;
        meter::ordinary()?;
        let mut last = 0;
        while last < ROUNDS {
            match round.load(Ordering::Acquire) {
                u32::MAX => break,
                number if number == last => hint::spin_loop(),
                number => {
                    last = number;
                    let due = now() + BEFORE;
                    while now() < due {
                        hint::spin_loop();
                    }
                    woken_at.store(now(), Ordering::Release);
                    wake();
                }
            }
        }
        reading.join().map_err(|_| anyhow!("the reader panicked"))?
    })
}

/// One ring.
struct One {
    rig: Rig,
    ring: RingBuf,
}

impl One {
    fn new(policy: WaitPolicy) -> Result<Self> {
        let rig = Rig::load(RING)?;
        let ring = RingBuf::open(&rig.map)?.with_policy(policy);
        Ok(Self { rig, ring })
    }
}

impl Rest for One {
    type Waker = Box<dyn Fn() + Send>;

    fn waker(&self) -> Result<Self::Waker> {
        boxed(self.ring.waker()?)
    }

    /// A record for each wait, so that traffic seems dense.
    fn prepare(&mut self) -> Result<()> {
        self.rig.producer.burst(64, 1)?;
        while self.ring.wait(Some(Duration::ZERO))? == Wakeup::Ready {
            self.ring.drain(|_| ())?;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let wakeup = self.ring.wait(None)?;
        ensure!(wakeup == Wakeup::Woken, "{wakeup:?}");
        Ok(())
    }
}

/// A set of eight rings.
struct Many {
    rig: Rig,
    set: RingSet<()>,
}

impl Many {
    fn new(policy: WaitPolicy) -> Result<Self> {
        let rig = Rig::load(RING)?;
        let mut set = RingSet::new(policy)?;
        set.insert(RingBuf::open(&rig.map)?, ())?;
        for _ in 0..7 {
            set.insert(RingBuf::create(RING.into())?, ())?;
        }
        Ok(Self { rig, set })
    }
}

impl Rest for Many {
    type Waker = Box<dyn Fn() + Send>;

    fn waker(&self) -> Result<Self::Waker> {
        boxed(self.set.waker())
    }

    fn prepare(&mut self) -> Result<()> {
        self.rig.producer.burst(64, 1)?;
        while self.set.wait(Some(Duration::ZERO))? == Wakeup::Ready {
            self.set.drain(|(), _| ())?;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let wakeup = self.set.wait(None)?;
        ensure!(wakeup == Wakeup::Woken, "{wakeup:?}");
        Ok(())
    }
}

fn boxed(waker: Waker) -> Result<Box<dyn Fn() + Send>> {
    Ok(Box::new(move || waker.wake()))
}

/// An eventfd that a thread waits for by epoll: what the kernel's own costs.
struct Bare {
    epoll: OwnedFd,
    event: OwnedFd,
}

impl Bare {
    fn new() -> Result<Self> {
        // SAFETY: plain numbers.
        let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: plain numbers.
        let event = owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let mut entry = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
        let (set, file) = (epoll.as_raw_fd(), event.as_raw_fd());
        // SAFETY: one event, alive for the call.
        let added = unsafe { libc::epoll_ctl(set, libc::EPOLL_CTL_ADD, file, &raw mut entry) };
        ensure!(added == 0, io::Error::last_os_error());
        Ok(Self { epoll, event })
    }
}

impl Rest for Bare {
    type Waker = Box<dyn Fn() + Send>;

    fn waker(&self) -> Result<Self::Waker> {
        let event = self.event.try_clone()?;
        Ok(Box::new(move || {
            // SAFETY: 8 readable bytes.
            unsafe { libc::write(event.as_raw_fd(), (&raw const ONE).cast(), 8) };
        }))
    }

    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let mut entry = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: room for one event.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), &raw mut entry, 1, -1) };
        ensure!(count == 1, io::Error::last_os_error());
        let mut value = 0_u64;
        // SAFETY: room for 8 bytes.
        unsafe { libc::read(self.event.as_raw_fd(), (&raw mut value).cast(), 8) };
        Ok(())
    }
}

static ONE: u64 = 1;

fn owned(fd: libc::c_int) -> Result<OwnedFd> {
    ensure!(fd >= 0, io::Error::last_os_error());
    // SAFETY: just made, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
