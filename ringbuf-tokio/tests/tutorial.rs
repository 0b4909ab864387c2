//! The agent of docs/tutorial.md, its bugs, and their tests. No root, no BPF.

use std::error::Error;

use ringbuf_core::{Armed, Backend, Consumer, Corrupt, Next};
use ringbuf_sim::explore::{Explore, ExploredRing};

type Ended = Result<(), Box<dyn Error>>;

/// The agent: handles all that is there.
fn read<B: Backend>(ring: &mut Consumer<B>, handle: &dyn Fn(&[u8])) -> Result<(), Corrupt> {
    let batch = ring.batch();
    while let Next::Record(record) = batch.next()? {
        handle(&record);
    }
    Ok(()) // the batch ends, and gives the space back
}

/// The agent's loop. `sleep` is an edge-triggered epoll.
fn agent<B: Backend>(ring: &mut Consumer<B>, handle: &dyn Fn(&[u8]), sleep: &dyn Fn()) -> Ended {
    loop {
        read(ring, handle)?;
        if ring.arm() == Armed::Sleep {
            sleep();
        }
    }
}

#[test]
fn the_agent_is_right_in_every_schedule_that_is_tried() {
    let seen = Explore::new().seeds(0..200).run(|ring| {
        agent(&mut ring.consumer()?, &|it| ring.received(it), &|| _ = ring.block(None))
    });
    println!("{seen}");
}

/// A forgotten arm: a record that is committed after the last look notifies nobody.
fn forgets_to_arm(ring: &ExploredRing) -> Ended {
    let mut consumer = ring.consumer()?;
    loop {
        read(&mut consumer, &|it| ring.received(it))?;
        ring.block(None);
    }
}

/// A record kept too long: it stays in the ring until the next one is there to go with it.
fn keeps_a_record(ring: &ExploredRing) -> Ended {
    let mut consumer = ring.consumer()?;
    loop {
        let batch = consumer.batch();
        match (batch.next()?, batch.next()?) {
            (Next::Record(one), Next::Record(two)) => {
                ring.received(&one);
                ring.received(&two);
            }
            _ => {
                batch.rewind();
                ring.block(None);
            }
        }
    }
}

/// A batch held while it waits: the space is not given back, so nobody notifies.
fn holds_a_batch(ring: &ExploredRing) -> Ended {
    let mut consumer = ring.consumer()?;
    loop {
        let batch = consumer.batch();
        while let Next::Record(record) = batch.next()? {
            ring.received(&record);
        }
        ring.block(None);
        drop(batch);
    }
}

/// Finds the bug, and finds it again with its seed alone, as `RINGBUF_SEED` does.
fn is_found(bug: fn(&ExploredRing) -> Ended) {
    let found = Explore::new().find(bug).expect_err("a bug");
    println!("{found}");
    assert!(found.what.contains("lost wakeup"));
    let again = Explore::new().seeds(found.seed..=found.seed).find(bug).expect_err("the same bug");
    assert_eq!(again.what, found.what);
}

#[test]
fn a_forgotten_arm_is_found() {
    is_found(forgets_to_arm);
}

#[test]
fn a_kept_record_is_found() {
    is_found(keeps_a_record);
}

#[test]
fn a_held_batch_is_found() {
    is_found(holds_a_batch);
}

/// The agent as a tokio task, for a minute of traffic that takes no time: tokio's clock is
/// paused, and jumps to the next timer when all tasks wait.
#[test]
fn a_task_reads_a_minute_of_traffic_in_virtual_time() {
    use std::cell::Cell;
    use std::time::Duration;

    use ringbuf_core::{WaitPolicy, Wakeup};
    use ringbuf_sim::{Flags, SimRing};
    use ringbuf_tokio::AsyncRing;

    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().expect("a runtime");
    let received = Cell::new(0u32);
    runtime.block_on(async {
        let ring = SimRing::new(64 << 10).expect("a ring");
        let mut consumer = ring.consumer().expect("the only reader");
        consumer.set_policy(WaitPolicy::immediate()); // naps are the kernel's timers, not tokio's
        let mut events = AsyncRing::new(consumer).expect("a runtime with I/O");
        let began = tokio::time::Instant::now();
        let program = async {
            for number in 0..6000u32 {
                ring.producer().output(&number.to_ne_bytes(), Flags::ADAPTIVE).expect("space");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let agent = async {
            while received.get() < 6000 {
                assert_eq!(events.ready().await.expect("a sound ring"), Wakeup::Ready);
                let handle = |record: &[u8]| {
                    assert_eq!(record, received.get().to_ne_bytes());
                    received.set(received.get() + 1);
                };
                events.drain(|record| handle(&record)).expect("a sound ring");
            }
        };
        tokio::join!(program, agent);
        assert!(began.elapsed() >= Duration::from_secs(60)); // lower bound: of tokio's paused clock
    });
}
