//! A reader with an event loop of its own, and its test: docs/testing.md explains it.

use std::error::Error;

use ringbuf_core::{Armed, Backend, Consumer, Corrupt, Next};

type Ended = Result<(), Box<dyn Error>>;

/// Reads and handles all that is there.
fn read<B: Backend>(ring: &mut Consumer<B>, handle: &dyn Fn(&[u8])) -> Result<(), Corrupt> {
    let batch = ring.batch();
    while let Next::Record(record) = batch.next()? {
        handle(&record);
    }
    Ok(()) // the batch ends, and gives the space back
}

/// Forgets to arm. `sleep` is an edge-triggered epoll.
fn forgets<B: Backend>(ring: &mut Consumer<B>, handle: &dyn Fn(&[u8]), sleep: &dyn Fn()) -> Ended {
    loop {
        read(ring, handle)?;
        sleep();
    }
}

/// Arms before it sleeps.
fn arms<B: Backend>(ring: &mut Consumer<B>, handle: &dyn Fn(&[u8]), sleep: &dyn Fn()) -> Ended {
    loop {
        read(ring, handle)?;
        if ring.arm() == Armed::Sleep {
            sleep();
        }
    }
}

fn main() {
    use ringbuf_sim::explore::{Explore, explore};

    let wrong = Explore::new().find(|ring| {
        forgets(&mut ring.consumer()?, &|it| ring.received(it), &|| _ = ring.block(None))
    });
    println!("{}", wrong.expect_err("a lost wakeup"));
    let seen = explore(0..1000, |ring| {
        arms(&mut ring.consumer()?, &|it| ring.received(it), &|| _ = ring.block(None))
    });
    println!("\n{seen}");
}

#[test]
fn the_wrong_reader_is_found_and_the_right_one_passes() {
    main();
}
