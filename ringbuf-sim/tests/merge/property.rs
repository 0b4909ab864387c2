//! Programs that interrupt each other, stand still, discard and are late, by chance.

use proptest::collection::vec;
use proptest::prelude::*;

use super::model::{Habit, Op, Told, run};

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (0..6_usize, 0..16_u8).prop_map(|(program, choice)| Op::Step(program, choice)),
        3 => (0..30_u64).prop_map(Op::Pass),
        3 => (0..3_u64).prop_map(Op::Round),
        1 => (0..9_usize).prop_map(Op::Batch),
    ]
}

fn habit() -> impl Strategy<Value = Habit> {
    prop_oneof![Just(Habit::StampsBefore), Just(Habit::StampsAfter)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_or_repeated_and_exactly_the_late_ones_are_marked(
        rings in 1..5_usize,
        lateness in 0..120_u64,
        habits in vec(habit(), 1..6),
        ops in vec(op(), 0..300),
    ) {
        run::<1>(rings, lateness, &habits, &ops);
        run::<2>(rings, lateness, &habits, &ops);
        run::<8>(rings, lateness, &habits, &ops);
    }
}

/// Both kinds of runs occur, and they deliver much: schedules of programs that hurry, with a
/// lateness that suffices, and of programs that do not.
#[test]
fn schedules_by_seed_are_punctual_or_late() {
    let mut random = 1_u64;
    let mut below = move |end: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % end
    };
    let (mut punctual, mut late) = (Told::default(), Told::default());
    for seed in 0..100 {
        let programs = 1 + below(6) as usize;
        let habits: Vec<_> = (0..programs)
            .map(|_| if below(2) == 0 { Habit::StampsBefore } else { Habit::StampsAfter })
            .collect();
        let hurry = seed % 2 == 0;
        let mut ops = Vec::new();
        for _ in 0..1_500 {
            match below(12) {
                0 => ops.push(Op::Pass(below(if hurry { 4 } else { 60 }))),
                1 => ops.push(Op::Round(below(2))),
                2 if below(4) == 0 => ops.push(Op::Batch(below(12) as usize)),
                _ => {
                    let (program, choice) = (below(programs as u64) as usize, below(16) as u8);
                    // A program that hurries finishes what it began.
                    let steps = if hurry { 1 + below(3) } else { 1 };
                    ops.extend((0..steps).map(|_| Op::Step(program, choice)));
                }
            }
        }
        let rings = 1 + below(5) as usize;
        let lateness = if hurry { 90 } else { 30 };
        for told in [run::<8>(rings, lateness, &habits, &ops), run::<1>(rings, 0, &habits, &ops)] {
            let sum = if told.punctual { &mut punctual } else { &mut late };
            sum.delivered += told.delivered;
            sum.late += told.late;
        }
    }
    println!("punctual: {punctual:?}; not: {late:?}");
    assert!(punctual.delivered > 10_000 && late.delivered > 10_000, "{punctual:?}, {late:?}");
    assert!(punctual.late == 0 && late.late > 1_000, "{punctual:?}, {late:?}");
}
