//! `ringbuf exec --sim`: invented processes. They use the kernel's algorithm in
//! user space.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ringbuf_core::Consumer;
use ringbuf_sim::{Flags, KernelProducer, SimError, SimMemory, SimRing};

use crate::event::Event;
use crate::exec::Source;

/// A simulated ring and two threads that produce into it, as two CPUs would.
#[derive(Debug)]
pub(crate) struct Sim {
    consumer: Consumer<SimMemory>,
    failed: Arc<AtomicU64>,
    threads: Vec<(Sender<()>, JoinHandle<()>)>,
}

impl Sim {
    /// Starts a ring of `bytes`. The seed determines its processes.
    pub(crate) fn start(bytes: u64, seed: u64) -> Result<Self, SimError> {
        let ring = SimRing::new(bytes)?;
        let consumer = ring.consumer()?;
        let failed = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let threads = [0, 1].map(|cpu| {
            let (stop, stopped) = channel();
            let (producer, failed) = (ring.producer(), Arc::clone(&failed));
            let calls = Calls::new(seed, cpu);
            let produce = move || produce(&producer, calls, started, &stopped, &failed);
            (stop, thread::spawn(produce))
        });
        Ok(Self { consumer, failed, threads: threads.into() })
    }
}

impl Source for Sim {
    type Memory = SimMemory;

    fn ring(&mut self) -> &mut Consumer<Self::Memory> {
        &mut self.consumer
    }

    fn detach(&mut self) {
        for (stop, thread) in self.threads.drain(..) {
            drop(stop);
            // If the thread panicked, the panic was printed.
            let _panic = thread.join();
        }
    }

    fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// Writes each call into the ring at its time.
fn produce(
    producer: &KernelProducer,
    calls: Calls,
    started: Instant,
    stopped: &Receiver<()>,
    failed: &AtomicU64,
) {
    for call in calls {
        let wait = call.at.saturating_sub(started.elapsed());
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let record = call.event().encode();
        let done = if call.given_up {
            producer.reserve(record.len() as u64).is_ok_and(|mut reservation| {
                reservation.copy_from_slice(&record);
                reservation.discard(Flags::ADAPTIVE);
                true
            })
        } else {
            producer.output(&record, Flags::ADAPTIVE).is_ok()
        };
        if !done {
            failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One invented call of execve(2).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    /// The time since the start.
    at: Duration,
    pid: u32,
    ppid: u32,
    uid: u32,
    comm: &'static str,
    filename: String,
    /// True if its record is discarded, as a filtering program would do.
    given_up: bool,
}

impl Call {
    fn event(&self) -> Event<'_> {
        let time_ns = u64::try_from(self.at.as_nanos()).unwrap_or(u64::MAX);
        let (comm, filename) = (self.comm.as_bytes(), Ok(self.filename.as_bytes()));
        Event { time_ns, pid: self.pid, ppid: self.ppid, uid: self.uid, comm, filename }
    }
}

/// The endless sequence of calls on one CPU: a shell and the programs that it
/// starts.
#[derive(Debug)]
struct Calls {
    random: Random,
    shell: Shell,
    at: Duration,
    pid: u32,
    made: u32,
    queue: VecDeque<Call>,
}

/// A process that starts programs.
#[derive(Clone, Copy, Debug)]
struct Shell {
    comm: &'static str,
    pid: u32,
    uid: u32,
    programs: &'static [&'static str],
}

const SHELLS: [Shell; 2] = [
    Shell {
        comm: "zsh",
        pid: 43_650,
        uid: 1000,
        programs: &["git", "ls", "awk", "dircolors", "vim", "cargo", "rustc", "cc", "less", "env"],
    },
    Shell {
        comm: "sh",
        pid: 811,
        uid: 0,
        programs: &["run-parts", "logrotate", "date", "find", "gzip", "mktemp", "cat", "sleep"],
    },
];

impl Calls {
    /// Each CPU produces two and a half lines a second.
    const PACE: Duration = Duration::from_millis(400);
    /// The number of calls at the start, so that there is something to see at once.
    const AT_ONCE: u32 = 3;

    fn new(seed: u64, cpu: u32) -> Self {
        let shell = if cpu == 0 { SHELLS[0] } else { SHELLS[1] };
        let random = Random(seed.wrapping_mul(2).wrapping_add(u64::from(cpu)));
        let at = Duration::from_millis(2 * u64::from(cpu));
        Self { random, shell, at, pid: 43_674 + cpu, made: 0, queue: VecDeque::new() }
    }

    /// Adds one process with its calls.
    fn fork(&mut self) {
        let Shell { comm, pid: ppid, uid, programs } = self.shell;
        let choice = self.random.below(programs.len() as u64);
        let Some(name) = usize::try_from(choice).ok().and_then(|at| programs.get(at)) else {
            return;
        };
        // A shell tries the directories of its path in order.
        let folders: &[_] =
            if self.random.below(6) == 0 { &["/usr/local/bin", "/usr/bin"] } else { &["/usr/bin"] };
        for folder in folders {
            let filename = format!("{folder}/{name}");
            let given_up = self.random.below(8) == 0;
            let (at, pid) = (self.at, self.pid);
            self.queue.push_back(Call { at, pid, ppid, uid, comm, filename, given_up });
            self.made += u32::from(!given_up);
            self.at += if self.made < Self::AT_ONCE || given_up {
                Duration::from_millis(5)
            } else {
                Self::PACE.mul_f64(0.75) + Self::PACE.mul_f64(0.5).mul_f64(self.random.unit())
            };
        }
        // One CPU uses odd numbers, the other even ones.
        self.pid += 2 + 2 * u32::try_from(self.random.below(3)).unwrap_or(0);
    }
}

impl Iterator for Calls {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        if self.queue.is_empty() {
            self.fork();
        }
        self.queue.pop_front()
    }
}

/// SplitMix64.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// Returns a number below `bound`. The distribution is even enough for small
    /// bounds.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Returns a number from 0 to 1.
    fn unit(&mut self) -> f64 {
        self.below(1 << 20) as f64 / f64::from(1 << 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(seed: u64, cpu: u32, number: usize) -> Vec<Call> {
        Calls::new(seed, cpu).take(number).collect()
    }

    #[test]
    fn the_seed_determines_the_processes() {
        assert_eq!(calls(1, 0, 50), calls(1, 0, 50));
        assert_ne!(calls(1, 0, 50), calls(2, 0, 50));
    }

    #[test]
    fn the_pace_is_readable() {
        for cpu in [0, 1] {
            let calls = calls(1, cpu, 1000);
            assert!(calls.is_sorted_by_key(|call| call.at));
            let lines: Vec<_> = calls.iter().filter(|call| !call.given_up).collect();
            assert!(lines[2].at < Duration::from_millis(100), "{lines:?}");
            let pace = lines.len() as f64 / calls[999].at.as_secs_f64();
            assert!((2.2..2.8).contains(&pace), "{pace} lines a second");
            let given_up = calls.len() - lines.len();
            assert!((60..200).contains(&given_up), "{given_up} of 1000 discarded");
        }
    }

    #[test]
    fn the_two_cpus_have_different_processes() {
        let [one, other] = [0, 1].map(|cpu| calls(1, cpu, 100));
        assert!(one.iter().all(|a| other.iter().all(|b| a.pid != b.pid)));
    }
}
