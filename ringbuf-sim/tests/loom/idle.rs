//! A consumer that finds nothing. It naps and looks again with bytes held back, or
//! publishes and looks again, or arms and blocks, in every order.

use loom::thread;
use ringbuf_core::Armed;

use crate::backing::{Shared, Variant};
use crate::explore::Model;
use crate::models::{HOLDS_TWO, drain, submit};

/// An action of a consumer that finds nothing.
#[derive(Clone, Copy)]
enum Step {
    /// Lets others run and looks again. Publishes nothing, and forgets no
    /// notification.
    Nap,
    /// Publishes, and looks again.
    Publish,
    /// Forgets earlier notifications, arms, and blocks if allowed.
    Arm,
}

macro_rules! idle {
    ($($model:ident $name:literal $floor:literal $first:ident $second:ident)*) => {
        $(pub(crate) const $model: Model = Model {
            name: $name,
            outcomes: &["all read at first", "found by a later look", "asleep, notified"],
            floor: $floor,
            execution: |variant| idle(variant, [Step::$first, Step::$second]),
        };)*
    };
}
idle! {
    IDLE_NAP_NAP "idle_nap_nap" 400 Nap Nap
    IDLE_NAP_PUBLISH "idle_nap_publish" 600 Nap Publish
    IDLE_NAP_ARM "idle_nap_arm" 300 Nap Arm
    IDLE_PUBLISH_NAP "idle_publish_nap" 1400 Publish Nap
    IDLE_PUBLISH_PUBLISH "idle_publish_publish" 1300 Publish Publish
    IDLE_PUBLISH_ARM "idle_publish_arm" 600 Publish Arm
    IDLE_ARM_NAP "idle_arm_nap" 170 Arm Nap
    IDLE_ARM_PUBLISH "idle_arm_publish" 220 Arm Publish
    IDLE_ARM_ARM "idle_arm_arm" 200 Arm Arm
}

/// Two records arrive while the consumer performs these actions and then arms until
/// it blocks. The release of an earlier record is held back. If a record is unread
/// at the end, there must be a notification since the consumer last forgot them.
fn idle(variant: Variant, steps: [Step; 2]) -> &'static str {
    let shared = Shared::new(HOLDS_TWO, variant);
    let kernel = shared.kernel_ring();
    assert!(submit(&kernel, &[1]));
    let producer = kernel.clone();
    let thread = thread::spawn(move || [2, 3].map(|value| assert!(submit(&producer, &[value]))));
    let mut consumer = shared.consumer();
    consumer.hold_back(32);
    let mut read = drain(&mut consumer);
    let at_first = read.len();
    assert_ne!(consumer.unpublished(), 0, "nothing is held back");
    // `arm` returns `Ready` at most once for each record.
    let mut steps = steps.into_iter().chain([Step::Arm; 3]);
    let forgotten = loop {
        match steps.next().expect("ready, with nothing to read") {
            Step::Nap => thread::yield_now(),
            Step::Publish => {
                consumer.publish();
                assert_eq!(consumer.unpublished(), 0);
            }
            Step::Arm => {
                let forgotten = kernel.host().notified();
                if consumer.arm() == Armed::Sleep {
                    break forgotten;
                }
            }
        }
        read.extend(drain(&mut consumer));
    };
    thread.join().unwrap();
    let before_sleep = read.len();
    read.extend(drain(&mut consumer));
    assert_eq!(read, [[1], [2], [3]]);
    if before_sleep < read.len() {
        assert!(kernel.host().notified() > forgotten, "lost wakeup");
        return "asleep, notified";
    }
    if at_first == read.len() { "all read at first" } else { "found by a later look" }
}
