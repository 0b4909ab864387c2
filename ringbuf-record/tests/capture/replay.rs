//! A capture of a simulated ring, replayed into another one: the two agree.

use proptest::prelude::*;
use ringbuf_core::{Observed, Position, SampleLen, Tap, Width};
use ringbuf_record::{
    Block, ByteOrder, Compression, Gap, GapReason, NewRing, Reader, ReplayError, Session,
    SimReplay, Writer,
};
use ringbuf_sim::{Flags, Profile, SimRing};

use crate::made::{at, ring, session};

const SIZE: u64 = 4096;

/// What happens in the original ring.
#[derive(Clone, Debug)]
enum Op {
    Output(usize),
    Discard(u64),
    /// Reserves, lets others come, and submits.
    Late(usize),
    /// The reader reads all.
    Read,
    /// The observer looks.
    Look,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..300_usize).prop_map(Op::Output),
        1 => (0..2000_u64).prop_map(Op::Discard),
        1 => (0..300_usize).prop_map(Op::Late),
        3 => Just(Op::Read),
        2 => Just(Op::Look),
    ]
}

/// A step as text: a gap is what the observer has missed.
fn text(step: &Observed<'_>) -> String {
    match step {
        Observed::Record { position, sample } => format!("{position} record {sample:?}"),
        Observed::Discarded { position, len } => format!("{position} discarded {}", len.get()),
        other => format!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn a_replayed_ring_is_equal_to_the_original(
        ops in prop::collection::vec(op(), 1..120),
        narrow in any::<bool>(),
        swapped in any::<bool>(),
        start in prop_oneof![Just(0), Just(u64::MAX - 2000), Just(0xffff_fc00)],
        compressed in any::<bool>(),
    ) {
        let width = if narrow { Width::Bits32 } else { Width::Bits64 };
        let original = SimRing::started_at(SIZE, Profile::NEWEST.width(width), start).unwrap();
        let (inspector, producer) = (original.inspector(), original.producer());
        let mut consumer = original.consumer().unwrap();
        let mut tap = Tap::at_producer(&inspector);
        let mut session = Session::here(width);
        if swapped {
            // The ring of the replay has other bytes in its words, and the same values.
            session.byte_order = match session.byte_order {
                ByteOrder::Little => ByteOrder::Big,
                ByteOrder::Big => ByteOrder::Little,
            };
        }
        let compression = if compressed { Compression::Zstd } else { Compression::None };
        let mut writer = Writer::with_compression(Vec::new(), &session, compression).unwrap();
        let new = NewRing::new(1, "one", original.capacity(), tap.position());
        let number = writer.add_ring(&new).unwrap();
        let (mut seen, mut buffer) = (Vec::new(), vec![0; SIZE as usize]);
        let mut look = |writer: &mut Writer<Vec<u8>>, now| loop {
            let step = tap.next(&inspector, &mut buffer).unwrap();
            if matches!(step, Observed::End | Observed::Busy { .. }) {
                writer.caught_up(number, now).unwrap();
                break;
            }
            seen.push(text(&step));
            writer.put(number, &step).unwrap();
        };
        for (now, op) in ops.iter().enumerate() {
            let bytes = |len| vec![now as u8; len];
            match op {
                // A full ring refuses, as it should.
                Op::Output(len) => {
                    let _full = producer.output(&bytes(*len), Flags::ADAPTIVE);
                }
                Op::Discard(len) => drop(producer.reserve(*len)),
                Op::Late(len) => {
                    let Ok(mut held) = producer.reserve(*len as u64) else { continue };
                    let _full = producer.output(b"behind", Flags::ADAPTIVE);
                    look(&mut writer, now as u64);
                    held.fill(now as u8);
                    held.submit(Flags::ADAPTIVE);
                }
                Op::Read => drop(consumer.drain(|_| ()).unwrap()),
                Op::Look => look(&mut writer, now as u64),
            }
        }
        look(&mut writer, u64::MAX - 1);
        let file = writer.finish().unwrap();

        let mut reader = Reader::new(&file[..]).unwrap();
        let Some(Block::Session(session)) = reader.next().unwrap() else { panic!("first") };
        let Some(Block::Ring(header)) = reader.next().unwrap() else { panic!("second") };
        let mut replay = SimReplay::new(&session, &header.ring).unwrap();
        let replayed = replay.ring().clone();
        let again = replayed.inspector();
        let mut consumer = replayed.consumer().unwrap();
        let mut tap = Tap::at_producer(&again);
        prop_assert_eq!(tap.position(), Position::new(start & !7, width));
        let (mut told, mut filler, mut buffer) = (Vec::new(), 0_u64, vec![0; SIZE as usize]);
        // Reads all of the replayed ring: what a gap has put there counts as one.
        let mut read = |told: &mut Vec<String>, consumer: &mut ringbuf_core::Consumer<_>, gap: u64| {
            loop {
                let step = tap.next(&again, &mut buffer).unwrap();
                match step {
                    Observed::End => break,
                    Observed::Discarded { len, .. } if gap > 0 => {
                        filler += len.footprint();
                        if filler == gap {
                            told.push(text(&Observed::Missed { bytes: gap }));
                            filler = 0;
                        }
                    }
                    step => told.push(text(&step)),
                }
            }
            consumer.drain(|_| ()).unwrap();
        };
        while let Some(block) = reader.next().unwrap() {
            match block {
                Block::Data(data) => {
                    for (_, entry) in data.entries() {
                        while !replay.put(&entry).unwrap() {
                            read(&mut told, &mut consumer, 0);
                        }
                        prop_assert_eq!(replayed.pages().producer, replay.position().get());
                    }
                    read(&mut told, &mut consumer, 0);
                    prop_assert_eq!(data.end, replay.position());
                }
                Block::Gap(gap) => {
                    while !replay.pass(&gap).unwrap() {
                        read(&mut told, &mut consumer, gap.bytes);
                    }
                    read(&mut told, &mut consumer, gap.bytes);
                    prop_assert_eq!(gap.to, replay.position());
                }
                _ => {}
            }
        }
        prop_assert_eq!(told, seen);
    }
}

#[test]
fn what_cannot_be_replayed_is_told() {
    let mut replay = SimReplay::new(&session(), &ring(64)).unwrap();
    let misplaced = replay.put(&Observed::Record { position: at(72), sample: b"x" });
    let expected = ReplayError::Misplaced { expected: at(64), found: at(72) };
    assert_eq!(misplaced, Err(expected));
    assert!(expected.to_string().contains("begins at 0x40, and this one at 0x48"));
    let len = SampleLen::new(65536 - 8).unwrap();
    let long = replay.put(&Observed::Discarded { position: at(64), len });
    assert_eq!(long, Err(ReplayError::TooLong { position: at(64), bytes: 65528 }));
    assert_eq!(replay.put(&Observed::End), Ok(true));
    // A gap that does not fit goes on where it stopped, and nothing comes between.
    let gap = gap(64, 200_000);
    assert_eq!(replay.pass(&gap), Ok(false));
    let record = Observed::Record { position: replay.position(), sample: b"x" };
    assert!(matches!(replay.put(&record), Err(ReplayError::Misplaced { .. })));
    let mut consumer = replay.ring().consumer().unwrap();
    while !replay.pass(&gap).unwrap() {
        consumer.drain(|_| panic!("all of it is discarded")).unwrap();
    }
    assert_eq!(replay.position(), gap.to);
    // Pages that no ring here can have.
    let mut other = session();
    other.page_size = 1 << 30;
    assert!(SimReplay::new(&other, &ring(0)).is_err());
}

/// A gap as a reader gives it.
fn gap(start: u64, bytes: u64) -> Gap {
    let mut writer = Writer::new(Vec::new(), &session()).unwrap();
    let number = writer.add_ring(&ring(start)).unwrap();
    writer.gap(number, bytes, GapReason::Lapped, 7).unwrap();
    let file = writer.finish().unwrap();
    let mut reader = Reader::new(&file[..]).unwrap();
    loop {
        if let Block::Gap(gap) = reader.next().unwrap().unwrap() {
            return gap;
        }
    }
}
