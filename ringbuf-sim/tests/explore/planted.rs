//! Defects of a consumer as a user writes it, each found through the public API alone.

use std::ops::ControlFlow::{Break, Continue};
use std::time::Instant;

use ringbuf_sim::{Fault, Faults};

use super::*;

/// A defect, what its report says, the exploration that finds it, and the reader.
type Planted = (&'static str, &'static str, fn() -> Explore, fn(&ExploredRing) -> Ended);

fn faults(fault: Fault, one_in: u32) -> Explore {
    Explore::new().faults(Faults::default().one_in(fault, one_in))
}

const PLANTED: [Planted; 29] = [
    ("it forgets to arm before it sleeps", "lost wakeup", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            read_batch(&mut consumer, ring)?;
            ring.block(None);
        }
    }),
    ("it arms, and sleeps whatever the answer is", "lost wakeup", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            read_batch(&mut consumer, ring)?;
            let _ = consumer.arm();
            ring.block(None);
        }
    }),
    ("it holds a batch while it sleeps", "lost wakeup", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            let batch = consumer.batch();
            while let Next::Record(record) = batch.next()? {
                ring.received(&record);
            }
            ring.block(None);
            drop(batch);
        }
    }),
    ("it reads one record for each notification", "lost wakeup", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            if let Some(record) = consumer.next_record()? {
                ring.received(&record);
            }
            ring.block(None);
        }
    }),
    ("it leaves its wait loop at a count of records", "lost wakeup", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            let mut left = 3;
            let _ = consumer.for_each(|record| {
                ring.received(&record);
                left -= 1;
                if left == 0 { Break(()) } else { Continue(()) }
            })?;
            ring.block(None);
        }
    }),
    ("it takes the limit of a drain for the end", "lost wakeup", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            consumer.drain(|record| ring.received(&record))?;
            ring.block(None);
        }
    }),
    ("it has a policy, and sleeps in a loop of its own", "lost wakeup", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        consumer.set_policy(WaitPolicy::balanced());
        loop {
            consumer.drain(|record| ring.received(&record))?;
            ring.block(Some(Duration::from_millis(1)));
        }
    }),
    ("it gives records back, and handles them later", "lost by a death", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            let mut queue = Vec::new();
            consumer.drain(|record| queue.push(record.to_vec()))?;
            queue.iter().for_each(|sample| ring.received(sample));
            consumer.wait(None)?;
        }
    }),
    ("it stores the position before it handles", "lost by a death", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            while let Some(sample) = consumer.next_record()?.map(|record| record.to_vec()) {
                consumer.publish();
                ring.received(&sample);
            }
            consumer.wait(None)?;
        }
    }),
    ("it handles the first record of a batch twice", "twice", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            let mut first = true;
            consumer.drain(|record| {
                ring.received(&record);
                if mem::take(&mut first) {
                    ring.received(&record);
                }
            })?;
            consumer.wait(None)?;
        }
    }),
    ("it leaves out empty records", "instead", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            consumer.drain(|record| {
                if !record.is_empty() {
                    ring.received(&record);
                }
            })?;
            consumer.wait(None)?;
        }
    }),
    ("it handles a batch from its end", "out of order", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            let batch = consumer.batch();
            let records: Result<Vec<_>, _> = batch.records().collect();
            records?.iter().rev().for_each(|record| ring.received(record));
            drop(batch);
            consumer.wait(None)?;
        }
    }),
    ("it cuts long records off", "nobody sent", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            consumer.drain(|record| ring.received(&record[..record.len().min(40)]))?;
            consumer.wait(None)?;
        }
    }),
    // Nothing comes after the last one, so only the end of the run shows it.
    (
        "it keeps a record until the next comes",
        "not received",
        || Explore::new().deaths(0),
        |ring| {
            let mut consumer = ring.consumer()?;
            let mut kept: Option<Vec<u8>> = None;
            loop {
                consumer.drain(|record| {
                    if let Some(before) = kept.replace(record.to_vec()) {
                        ring.received(&before);
                    }
                })?;
                consumer.wait(None)?;
            }
        },
    ),
    (
        "it publishes too seldom for what it promises",
        "come again",
        || Explore::new().again_at_most(2),
        |ring| {
            let mut consumer = ring.consumer()?;
            loop {
                read_batch(&mut consumer, ring)?;
                consumer.wait(None)?;
            }
        },
    ),
    (
        "it puts a record back for ever",
        "endless loop",
        || Explore::new().seeds(0..20),
        |ring| {
            let mut consumer = ring.consumer()?;
            loop {
                let batch = consumer.batch();
                if let Next::Record(_) = batch.next()? {
                    batch.put_back();
                    continue;
                }
                drop(batch);
                consumer.wait(None)?;
            }
        },
    ),
    ("it spins until enough is there", "endless loop", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            if consumer.is_ready() && consumer.lag()? > 200 {
                consumer.drain(|record| ring.received(&record))?;
            }
        }
    }),
    ("it ends after the first wait", "has ended, and has not read", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        consumer.wait(None)?;
        consumer.drain(|record| ring.received(&record))?;
        Ok(())
    }),
    (
        "it takes a busy record for the end",
        "has ended, and has not read",
        || faults(Fault::Stalls, 3),
        |ring| {
            let mut consumer = ring.consumer()?;
            loop {
                let batch = consumer.batch();
                loop {
                    match batch.next()? {
                        Next::Record(record) => ring.received(&record),
                        Next::Busy => return Ok(()),
                        _ => break,
                    }
                }
                drop(batch);
                consumer.wait(None)?;
            }
        },
    ),
    (
        "it takes silence for the end",
        "has ended, and has not read",
        || faults(Fault::ReaderStops, 100),
        |ring| {
            let mut consumer = ring.consumer()?;
            while consumer.wait(Some(Duration::from_micros(200)))? == Wakeup::Ready {
                consumer.drain(|record| ring.received(&record))?;
            }
            Ok(())
        },
    ),
    (
        "it gives up when the clock has jumped",
        "took too long",
        || faults(Fault::ClockJumps, 200),
        |ring| {
            let mut consumer = ring.consumer()?;
            loop {
                let start = consumer.memory().now();
                consumer.drain(|record| ring.received(&record))?;
                if consumer.memory().now() - start > Duration::from_secs(1) {
                    return Err("a drain took too long".into());
                }
                consumer.wait(None)?;
            }
        },
    ),
    (
        "it does not end when it is woken",
        "woken to end",
        || Explore::new().stops(),
        |ring| {
            let mut consumer = ring.consumer()?;
            loop {
                consumer.drain(|record| ring.received(&record))?;
                ring.block(None);
                consumer.memory().take_wakes();
            }
        },
    ),
    (
        "it polls, and never ends",
        "endless loop",
        || Explore::new().stops(),
        |ring| {
            let mut consumer = ring.consumer()?;
            consumer.set_policy(WaitPolicy::low_latency());
            loop {
                consumer.drain(|record| ring.received(&record))?;
                consumer.wait(None)?;
            }
        },
    ),
    ("it panics at a long record", "reader panics: too long for me", Explore::new, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            consumer.drain(|record| assert!(record.len() < 50, "too long for me"))?;
            consumer.wait(None)?;
        }
    }),
    ("it leaks its consumer when it dies", "already has a consumer", Explore::new, |ring| {
        let mut consumer = mem::ManuallyDrop::new(ring.consumer()?);
        loop {
            consumer.drain(|record| ring.received(&record))?;
            consumer.wait(None)?;
        }
    }),
    (
        "it unwraps the error of a corrupt ring",
        "reader panics",
        || faults(Fault::Forgery, 300),
        |ring| {
            let mut consumer = ring.consumer()?;
            loop {
                consumer.drain(|record| ring.received(&record)).unwrap();
                consumer.wait(None)?;
            }
        },
    ),
    (
        "it goes on after an error",
        "endless loop: the ring is corrupt",
        || faults(Fault::Forgery, 300),
        |ring| {
            let mut consumer = ring.consumer()?;
            loop {
                let _ = consumer.drain(|record| ring.received(&record));
                consumer.wait(None)?;
            }
        },
    ),
    (
        "it polls on after an error",
        "endless loop: the ring is corrupt",
        || faults(Fault::Forgery, 300),
        |ring| {
            let mut consumer = ring.consumer()?;
            loop {
                let _ = consumer.drain(|record| ring.received(&record));
            }
        },
    ),
    (
        "it sleeps after an error",
        "the ring is corrupt, and the reader sleeps",
        || faults(Fault::Forgery, 300),
        |ring| {
            let mut consumer = ring.consumer()?;
            loop {
                match read_batch(&mut consumer, ring) {
                    Ok(()) if consumer.arm() == Armed::Ready => continue,
                    _ => ring.block(None),
                };
            }
        },
    ),
];

#[test]
fn each_planted_defect_is_found() {
    for (defect, words, exploration, reader) in PLANTED {
        // printed only:
        let start = Instant::now();
        let Err(failure) = exploration().find(reader) else { panic!("not found: {defect}") };
        assert!(failure.what.contains(words), "{defect}: {failure}");
        // printed only:
        let (seed, millis) = (failure.seed, start.elapsed().as_millis());
        let small = failure.smallest.size();
        println!("{defect}: seed {seed}, made smaller to {small}, {millis} ms");
    }
}
