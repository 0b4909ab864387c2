//! What a record and a notification of a BPF program cost: needs privilege.

use std::mem::MaybeUninit;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{OpenObject, PrintLevel, ProgramInput};
use ringbuf_kernel::{Mapping, RingBuf};
use rustix::event::epoll;

use super::cpus::pin;
use super::prices::{edge, median, nanos, poll_once};
use super::rings::{BATCH, Source};
use crate::calibration::{CalibrateSkel, CalibrateSkelBuilder};

/// BPF programs and their ring.
pub(crate) struct Programs<'o>(CalibrateSkel<'o>);

/// Which program.
#[derive(Clone, Copy)]
enum Which {
    Records,
    Silent,
    Notifies,
}

impl<'o> Programs<'o> {
    /// Loads them, or says what is missing.
    pub(crate) fn load(object: &'o mut MaybeUninit<OpenObject>) -> Result<Self> {
        libbpf_rs::set_print(None::<(PrintLevel, fn(PrintLevel, String))>);
        let open = CalibrateSkelBuilder::default().open(object)?;
        let programs = Self(open.load()?);
        programs.run(Which::Silent, 1).context("BPF_PROG_TEST_RUN fails")?;
        Ok(programs)
    }

    /// Returns what a notification costs the program, with a reader that sleeps on another CPU.
    pub(crate) fn notify(&self, (producing, reading): (usize, usize)) -> Result<f64> {
        const TIMES: u32 = 300;
        let mut consumer = self.consumer()?;
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&poll, &consumer, epoll::EventData::new_u64(0), edge())?;
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| -> Result<()> {
                pin(reading)?;
                while !over.load(Acquire) {
                    poll_once(&poll)?;
                }
                Ok(())
            });
            let mut measure = || -> Result<f64> {
                pin(producing)?;
                let mut each = [Vec::new(), Vec::new()];
                for _ in 0..TIMES {
                    for (which, all) in [Which::Silent, Which::Notifies].into_iter().zip(&mut each)
                    {
                        thread::sleep(Duration::from_micros(150));
                        all.push(f64::from(self.run(which, 1)?.1));
                    }
                    consumer.drain(|_| ())?;
                }
                let [silent, notifies] = each.map(median);
                Ok((notifies - silent).max(0.0))
            };
            let notify = measure();
            over.store(true, Release);
            sleeper.join().map_err(|_| anyhow::anyhow!("a measuring thread panicked"))??;
            notify
        })
    }

    /// Returns the value of the last run, and the mean time of a run in nanoseconds.
    fn run(&self, which: Which, repeat: u32) -> Result<(u32, u32)> {
        let programs = &self.0.progs;
        let program = match which {
            Which::Records => &programs.records,
            Which::Silent => &programs.silent,
            Which::Notifies => &programs.notifies,
        };
        // An empty Ethernet frame.
        let input = ProgramInput { data_in: Some(&[0; 64]), repeat, ..ProgramInput::default() };
        let output = program.test_run(input)?;
        let nanos = u32::try_from(output.duration.as_nanos()).unwrap_or(u32::MAX);
        Ok((output.return_value, nanos))
    }
}

impl Programs<'_> {
    fn fitted(&self) -> u64 {
        self.0.maps.bss_data.as_ref().map_or(0, |bss| bss.fitted)
    }
}

impl Source for Programs<'_> {
    type Memory = Mapping;
    type Reader = RingBuf;

    fn consumer(&self) -> Result<RingBuf> {
        Ok(RingBuf::open(&self.0.maps.ring)?)
    }

    fn produce(&self, times: u32) -> Result<u64> {
        let before = self.fitted();
        self.run(Which::Records, times)?;
        Ok(self.fitted() - before)
    }

    /// What a call of the kernel takes, beside the records.
    fn gap(&self) -> Result<u64> {
        let mut all = Vec::new();
        for _ in 0..200 {
            let began = Instant::now();
            self.run(Which::Silent, 1)?;
            all.push(nanos(began.elapsed()));
        }
        self.consumer()?.drain(|_| ())?;
        Ok(median(all) as u64)
    }

    fn record(&self) -> Result<f64> {
        let mut consumer = self.consumer()?;
        let mut rounds = Vec::new();
        for _ in 0..20 {
            let (failed, nanos) = self.run(Which::Records, 100)?;
            ensure!(failed == 0, "the ring is full");
            rounds.push(f64::from(nanos) / BATCH as f64);
            consumer.drain(|_| ())?;
        }
        Ok(median(rounds))
    }
}
