//! Throughputs of one producer and one reader on two CPUs, to compare the model with.

use std::ops::DerefMut;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ringbuf_core::{Consumer, ConsumerMemory};
use ringbuf_model::Reader;
use ringbuf_sim::{Flags, KernelProducer, SimMemory, SimRing};

use super::cpus::pin;
use super::prices::{median, nanos};

/// The bytes of the ring, and of a sample.
pub(crate) const RING: u64 = 1 << 20;
pub(crate) const SAMPLE: usize = 64;
/// The records of a call of [`Source::produce`].
pub(crate) const BATCH: u64 = 64;

/// The calls of it in a row, before the gap.
pub(crate) const AT_ONCE: u32 = 16;

/// A ring, and a producer that never notifies.
pub(crate) trait Source {
    type Memory: ConsumerMemory;
    type Reader: DerefMut<Target = Consumer<Self::Memory>> + Send;

    fn consumer(&self) -> Result<Self::Reader>;

    /// Produces [`BATCH`] records so many times. Returns the number that fitted.
    fn produce(&self, times: u32) -> Result<u64>;

    /// Returns the nanoseconds between two calls of [`produce`](Self::produce).
    fn gap(&self) -> Result<u64>;

    /// Returns the time of a record, as long as the ring is not full.
    fn record(&self) -> Result<f64>;
}

/// The kernel's algorithm in this process.
pub(crate) struct Simulated {
    ring: SimRing,
    producer: KernelProducer,
}

impl Simulated {
    pub(crate) fn new() -> Result<Self> {
        let ring = SimRing::new(RING)?;
        let producer = ring.producer();
        Ok(Self { ring, producer })
    }
}

impl Source for Simulated {
    type Memory = SimMemory;
    type Reader = Box<Consumer<SimMemory>>;

    fn consumer(&self) -> Result<Self::Reader> {
        Ok(Box::new(self.ring.consumer()?))
    }

    fn produce(&self, times: u32) -> Result<u64> {
        let mut fitted = 0;
        for _ in 0..u64::from(times) * BATCH {
            if let Ok(reservation) = self.producer.reserve(SAMPLE as u64) {
                reservation.submit(Flags::NO_WAKEUP);
                fitted += 1;
            }
        }
        Ok(fitted)
    }

    fn gap(&self) -> Result<u64> {
        Ok(0)
    }

    fn record(&self) -> Result<f64> {
        let mut consumer = self.consumer()?;
        let mut rounds = Vec::new();
        for _ in 0..20 {
            let began = Instant::now();
            let fitted = self.produce(100)?;
            rounds.push(nanos(began.elapsed()) / fitted.max(1) as f64);
            consumer.drain(|_| ()).context("the simulated ring is corrupt")?;
        }
        Ok(median(rounds))
    }
}

/// Returns the time of the reader for a record that is there, and for a look at an empty ring.
pub(crate) fn reading(source: &impl Source) -> Result<(f64, f64)> {
    let mut consumer = source.consumer()?;
    let mut walks = Vec::new();
    for _ in 0..20 {
        let fitted = source.produce(100)?;
        let began = Instant::now();
        consumer.drain(|_| ())?;
        walks.push(nanos(began.elapsed()) / fitted.max(1) as f64);
    }
    let looks = 100_000;
    let began = Instant::now();
    for _ in 0..looks {
        consumer.drain(|_| ())?;
    }
    Ok((median(walks), nanos(began.elapsed()) / f64::from(looks)))
}

/// Returns millions of accepted records a second, of a producer on one CPU and this reader on
/// another.
pub(crate) fn throughput(
    source: &impl Source,
    reader: &Reader,
    (producing, reading): (usize, usize),
) -> Result<f64> {
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let (over, consumer) = (AtomicBool::new(false), source.consumer()?);
        let rate = thread::scope(|scope| {
            let over = &over;
            let read = scope.spawn(move || {
                pin(reading)?;
                read(consumer, reader, over)
            });
            let write = || -> Result<f64> {
                pin(producing)?;
                let (began, mut fitted) = (Instant::now(), 0);
                while began.elapsed() < Duration::from_millis(60) {
                    fitted += source.produce(AT_ONCE)?;
                }
                Ok(fitted as f64 * 1e3 / nanos(began.elapsed()))
            };
            let rate = write();
            over.store(true, Release);
            read.join().map_err(|_| anyhow::anyhow!("a measuring thread panicked"))??;
            rate
        });
        rounds.push(rate?);
    }
    Ok(median(rounds))
}

/// Reads as the model's reader of this name does.
fn read<M: ConsumerMemory>(
    mut consumer: impl DerefMut<Target = Consumer<M>>,
    reader: &Reader,
    over: &AtomicBool,
) -> Result<()> {
    let pause = match reader {
        Reader::Spin(pause) => *pause,
        _ => Duration::ZERO,
    };
    if !pause.is_zero() {
        consumer.hold_back(RING / 4);
    }
    while !over.load(Acquire) {
        if pause.is_zero() {
            while consumer.next_record()?.is_some() {}
        } else {
            consumer.drain(|_| ())?;
            let began = Instant::now();
            while began.elapsed() < pause {
                std::hint::spin_loop();
            }
        }
    }
    Ok(())
}
