//! Positions and heads, while the owners act between any two loads.

use std::cell::RefCell;

use ringbuf_core::{Head, Observed, Tap, Width};
use ringbuf_sim::{Flags, SimRing};

use crate::world::{State, Stopped, World};
use crate::worlds;

/// However long it was stopped between two loads, a look shows positions that belong
/// together, and the head is a record that stood there.
#[test]
fn a_look_belongs_together() {
    let (mut heads, mut busy, mut empty) = (0, 0, 0);
    for world in worlds() {
        let inspector = Stopped::inspector(&world);
        for _ in 0..40 {
            world.borrow_mut().act();
            assert!(inspector.look().fill().unwrap() <= 4096 - 8);
            let record = match inspector.head().unwrap() {
                Head::Committed(record) | Head::Discarded(record) => record,
                Head::Busy(record) => {
                    busy += 1;
                    record
                }
                _ => {
                    empty += 1;
                    continue;
                }
            };
            heads += 1;
            let world = world.borrow();
            let (_, len) = &world.truth[&world.since_start(record.position)];
            assert_eq!(*len, record.len);
        }
    }
    println!("{heads} heads, {busy} busy, {empty} empty or moving");
    assert!(heads > 1000 && busy > 100 && empty > 20);
}

#[test]
fn a_head_has_its_state() {
    let ring = SimRing::new(4096).unwrap();
    let (inspector, program) = (ring.inspector(), ring.producer());
    assert_eq!(inspector.head().unwrap(), Head::Empty);
    let held = program.reserve(13).unwrap();
    program.output(b"behind", Flags::ADAPTIVE).unwrap();
    let Head::Busy(head) = inspector.head().unwrap() else { panic!("it is reserved") };
    assert_eq!((head.position.get(), head.len.get(), head.behind), (0, 13, 16));
    held.discard(Flags::ADAPTIVE);
    assert_eq!(inspector.head().unwrap(), Head::Discarded(head));
    ring.consumer().unwrap().next_record().unwrap();
    assert_eq!(inspector.head().unwrap(), Head::Empty);
    program.output(b"next", Flags::ADAPTIVE).unwrap();
    let Head::Committed(head) = inspector.head().unwrap() else { panic!("it is submitted") };
    assert_eq!((head.position.get(), head.len.get(), head.behind), (40, 4, 0));
}

/// The kernel tells the pending position only where it has one, and moves it only in a
/// reservation.
#[test]
fn the_pending_position_is_told_where_it_is_known() {
    let ring = SimRing::new(4096).unwrap();
    let pending = || ring.inspector().look().pending().map(|position| position.get());
    assert_eq!(pending(), None);
    for _ in 0..3 {
        ring.producer().output(b"8 bytes!", Flags::ADAPTIVE).unwrap();
    }
    assert_eq!(pending(), Some(32));
    let world = RefCell::new(World::new(1, Width::Bits32, 0));
    assert!(world.borrow().truth.values().all(|(state, _)| *state == State::Busy));
}

/// A tap with a margin leaves alone what producers are about to reach.
#[test]
fn a_tap_keeps_its_margin() {
    let ring = SimRing::new(4096).unwrap();
    let (inspector, mut consumer) = (ring.inspector(), ring.consumer().unwrap());
    let mut taps = [0, 48, 56].map(|margin| Tap::at_producer(&inspector).margin(margin));
    for _ in 0..(4096 - 48) / 16 {
        ring.producer().output(b"8 bytes!", Flags::ADAPTIVE).unwrap();
    }
    consumer.drain(|_| ()).unwrap();
    // 4048 bytes were produced; 4088 are intact without a margin, 4040 with one of 48.
    let steps = taps
        .each_mut()
        .map(|tap| matches!(tap.next(&inspector, &mut [0; 8]).unwrap(), Observed::Record { .. }));
    assert_eq!(steps, [true, false, false]);
    assert_eq!(taps.map(|tap| tap.missed()), [0, 4048, 4048]);
}
