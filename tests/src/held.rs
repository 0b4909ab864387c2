//! Programs that hold the kernel up may do so for some seconds only. On a machine that is too busy
//! to look in that time nothing is known, so the test begins again.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::watchdog;

/// The program gave up before all was seen.
struct GaveUp;

/// Ends the test's turn: whatever it saw, it was too late to see it.
pub fn gave_up() -> ! {
    resume_unwind(Box::new(GaveUp))
}

/// Runs a test, from its beginning each time, until the program waited long enough for it.
pub fn until_seen<R>(test: &'static str, mut body: impl FnMut() -> R) -> R {
    let _hangs = watchdog(test);
    loop {
        match catch_unwind(AssertUnwindSafe(&mut body)) {
            Ok(result) => return result,
            Err(panic) if panic.is::<GaveUp>() => {
                eprintln!("{test}: this machine is busy, and the program gave up: once more");
            }
            Err(panic) => resume_unwind(panic),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_too_late_is_repeated() {
        let mut turns = 0;
        let turn = || {
            turns += 1;
            if turns < 3 { gave_up() } else { turns }
        };
        assert_eq!(until_seen("held::repeated", turn), 3);
        let mut turns = 0;
        let other = catch_unwind(AssertUnwindSafe(|| {
            until_seen("held::not_repeated", || {
                turns += 1;
                resume_unwind(Box::new("another"))
            })
        }));
        assert_eq!(
            other.err().and_then(|panic| panic.downcast_ref::<&str>().copied()),
            Some("another")
        );
        assert_eq!(turns, 1);
    }
}
