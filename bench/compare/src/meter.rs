//! The kernel's counts: CPU time, context switches, irq_work, steal; and the scheduling of threads.

use std::fs;
use std::io;
use std::mem;
use std::time::{Duration, Instant};

/// How late the kernel may let a timer of an ordinary thread be, in nanoseconds.
const SLACK: libc::c_ulong = 50_000;

/// The calling thread's use so far.
#[derive(Debug)]
pub struct Thread {
    at: Instant,
    cpu: Duration,
    switches: [u64; 2],
}

/// A thread's use in between.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Time on the clock.
    pub wall: Duration,
    /// Time on a CPU.
    pub cpu: Duration,
    /// How often it gave up the CPU: it blocked, or slept.
    pub blocks: u64,
    /// How often the CPU was taken from it.
    pub preempted: u64,
}

impl Thread {
    /// Looks at the clocks.
    ///
    /// # Errors
    /// As clock_gettime(2) and getrusage(2).
    pub fn now() -> io::Result<Self> {
        // SAFETY: an rusage is plain numbers; all zero is a value of it.
        let mut usage: libc::rusage = unsafe { mem::zeroed() };
        // SAFETY: the kernel writes one rusage.
        if unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) } < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut cpu = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the kernel writes one timespec.
        if unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut cpu) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            at: Instant::now(),
            cpu: Duration::new(cpu.tv_sec as u64, cpu.tv_nsec as u32),
            switches: [usage.ru_nvcsw, usage.ru_nivcsw].map(|count| count as u64),
        })
    }

    /// The use since then.
    ///
    /// # Errors
    /// As [`now`](Self::now).
    pub fn until_now(&self) -> io::Result<Usage> {
        let now = Self::now()?;
        Ok(Usage {
            wall: now.at - self.at,
            cpu: now.cpu.saturating_sub(self.cpu),
            blocks: now.switches[0] - self.switches[0],
            preempted: now.switches[1] - self.switches[1],
        })
    }
}

/// Interrupts for irq_work on all CPUs so far; none where the kernel does not count them.
pub fn irq_work() -> Option<u64> {
    let table = fs::read_to_string("/proc/interrupts").ok()?;
    let row = table.lines().find_map(|line| line.trim_start().strip_prefix("IWI:"))?;
    Some(row.split_whitespace().map_while(|cell| cell.parse::<u64>().ok()).sum())
}

/// Clock ticks that the hypervisor gave to others so far, on all CPUs.
pub fn steal() -> u64 {
    let table = fs::read_to_string("/proc/stat").unwrap_or_default();
    let all = table.lines().next().unwrap_or_default();
    all.split_whitespace().nth(8).and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
}

/// Makes the calling thread an ordinary one: SCHED_OTHER, nice 0 if that is permitted, and the
/// default timer slack of 50 us.
///
/// # Errors
/// As sched_setscheduler(2) and prctl(2).
pub fn ordinary() -> io::Result<()> {
    let done = |ret: libc::c_int| if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel reads one sched_param; 0 is the calling thread.
    done(unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const priority) })?;
    // This fails under a nice value without CAP_SYS_NICE: then the user wants that value. SAFETY:
    // no pointer is passed; 0 is the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 0) };
    // SAFETY: no pointer is passed; the calling thread is meant.
    done(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, SLACK) })
}

/// Makes the calling thread SCHED_FIFO: only interrupts and the kernel's own throttling
/// (`kernel.sched_rt_runtime_us`) come before it.
///
/// # Errors
/// As sched_setscheduler(2): `EPERM` without CAP_SYS_NICE.
pub fn real_time() -> io::Result<()> {
    let priority = libc::sched_param { sched_priority: 10 };
    // SAFETY: the kernel reads one sched_param; 0 is the calling thread.
    let ret = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_thread_has_the_usual_slack() {
        let slack = std::thread::spawn(|| {
            // SAFETY: no pointer is passed; the calling thread is meant.
            unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
            ordinary().expect("it may become ordinary");
            // SAFETY: no pointer is passed; the calling thread is meant.
            unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) }
        });
        assert_eq!(slack.join().expect("the thread"), 50_000);
    }

    #[test]
    fn a_thread_that_sleeps_blocks() {
        let before = Thread::now().expect("the clocks");
        std::thread::sleep(Duration::from_millis(2));
        let usage = before.until_now().expect("the clocks");
        assert!(usage.blocks >= 1 && usage.wall >= Duration::from_millis(2), "{usage:?}");
    }
}
