//! Workloads and faults as people write them: `burst:1M/s:100ms:1s`, `stall:1ms@0.01%`.

use std::str::FromStr;
use std::time::Duration;

use ringbuf_sim::Profile;

use crate::units::{self, UnitError};
use crate::{Arrivals, Faults, Sharing, Sizes, Wakeups};

impl Arrivals {
    /// Reads arrivals: `constant`, `poisson`, `burst:PEAK:LENGTH:EVERY`, `on-off:ON:OFF` or
    /// `closed:BATCH:GAP`. `rate` is the rate of all but the last.
    ///
    /// ```
    /// use ringbuf_model::Arrivals;
    ///
    /// let arrivals = Arrivals::parse("burst:1M/s:100ms:1s", 200_000)?;
    /// assert_eq!(arrivals.peak_rate(), Some(1_000_000));
    /// # Ok::<(), ringbuf_model::UnitError>(())
    /// ```
    ///
    /// # Errors
    /// [`UnitError`], which lists what is possible.
    pub fn parse(text: &str, rate: u64) -> Result<Self, UnitError> {
        let parts: Vec<_> = text.split(':').collect();
        let arrivals = match *parts {
            ["constant"] => Self::Constant { rate },
            ["poisson"] => Self::Poisson { rate },
            ["burst", peak, length, every] => {
                let (length, every) = (units::time(length)?, units::time(every)?);
                if length.is_zero() || length >= every {
                    return Err(UnitError::new(text, "a burst that is shorter than its distance"));
                }
                Self::Bursts { rate, peak: units::rate(peak)?, length, every }
            }
            ["on-off", on, off] => {
                let (on, off) = (units::time(on)?, units::time(off)?);
                if on.is_zero() {
                    return Err(UnitError::new(text, "a time above zero for `on`"));
                }
                Self::OnOff { rate, on, off }
            }
            ["closed", batch, gap] => {
                let batch = batch.parse().ok().filter(|batch| *batch > 0);
                let wanted = "a number of records in a row, as in closed:50:200ns";
                let batch = batch.ok_or_else(|| UnitError::new(batch_text(text), wanted))?;
                Self::Closed { batch, gap: units::time(gap)? }
            }
            _ => return Err(UnitError::new(text, ARRIVALS)),
        };
        Ok(arrivals)
    }
}

const ARRIVALS: &str = "constant, poisson, burst:PEAK:LENGTH:EVERY (burst:1M/s:100ms:1s), \
                        on-off:ON:OFF (on-off:10ms:90ms) or closed:BATCH:GAP (closed:50:200ns)";

fn batch_text(text: &str) -> &str {
    text.split(':').nth(1).unwrap_or(text)
}

impl Faults {
    /// Adds a fault: `stall:TIME@SHARE`, `pause:TIME@EVERY`, `discard@SHARE`,
    /// `lose-notifications@SHARE`, `no-wakeup` or `force-wakeup`.
    ///
    /// ```
    /// use ringbuf_model::Faults;
    ///
    /// let mut faults = Faults::default();
    /// faults.add("stall:1ms@0.01%")?;
    /// assert_eq!(faults.stall, Some((std::time::Duration::from_millis(1), 100)));
    /// # Ok::<(), ringbuf_model::UnitError>(())
    /// ```
    ///
    /// # Errors
    /// [`UnitError`], which lists what is possible.
    pub fn add(&mut self, text: &str) -> Result<(), UnitError> {
        let (what, often) = text.split_once('@').unwrap_or((text, ""));
        match (what.split_once(':'), what, often) {
            (Some(("stall", time)), _, share) => {
                self.stall = Some((units::time(time)?, units::millionths(share)?));
            }
            (Some(("pause", time)), _, every) => {
                let (time, every) = (units::time(time)?, units::time(every)?);
                if time >= every {
                    return Err(UnitError::new(text, "a pause that is shorter than its distance"));
                }
                self.pause = Some((time, every));
            }
            (None, "discard", share) => self.discard = units::millionths(share)?,
            (None, "lose-notifications", share) => {
                self.lose_notifications = units::millionths(share)?;
            }
            (None, "no-wakeup", "") => self.wakeups = Wakeups::Never,
            (None, "force-wakeup", "") => self.wakeups = Wakeups::Always,
            _ => return Err(UnitError::new(text, FAULTS)),
        }
        Ok(())
    }
}

const FAULTS: &str = "stall:TIME@SHARE (stall:1ms@0.01%), pause:TIME@EVERY (pause:50ms@1s), \
                      discard@SHARE, lose-notifications@SHARE, no-wakeup or force-wakeup";

impl FromStr for Sizes {
    type Err = UnitError;

    /// Reads `64` or `64..512`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let wrong = || UnitError::new(text, "the bytes of a sample, for example 64 or 64..512");
        let bytes = |text| u32::try_from(units::bytes(text).ok()?).ok();
        let sizes =
            Self { least: bytes(least).ok_or_else(wrong)?, most: bytes(most).ok_or_else(wrong)? };
        if sizes.least <= sizes.most { Ok(sizes) } else { Err(wrong()) }
    }
}

impl FromStr for Sharing {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match text {
            "neighbours" => Ok(Self::Neighbours),
            "striped" => Ok(Self::Striped),
            _ => Err(UnitError::new(text, "neighbours or striped")),
        }
    }
}

/// Reads a kernel release: `6.12` or `6.12.110`.
///
/// ```
/// use ringbuf_sim::Profile;
/// assert_eq!(ringbuf_model::release("6.12.110")?, Profile::of_release(6, 12, 110));
/// # Ok::<(), ringbuf_model::UnitError>(())
/// ```
///
/// # Errors
/// [`UnitError`], which shows an example.
pub fn release(text: &str) -> Result<Profile, UnitError> {
    let numbers: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some([major, minor]) if (*major, *minor) >= (5, 8) => {
            Ok(Profile::of_release(*major, *minor, 0))
        }
        Some([major, minor, patch]) if (*major, *minor) >= (5, 8) => {
            Ok(Profile::of_release(*major, *minor, *patch))
        }
        _ => Err(UnitError::new(text, "a kernel from 5.8 on, for example 6.12 or 6.12.110")),
    }
}

/// Returns the times between two bursts and so on in which a workload shows itself once.
pub(crate) fn period(arrivals: &Arrivals) -> Duration {
    match arrivals {
        Arrivals::Bursts { every, .. } => *every,
        Arrivals::OnOff { on, off, .. } => on.saturating_add(*off),
        Arrivals::Recorded(records) => records.last().map_or(Duration::ZERO, |last| last.0),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read() {
        let ms = Duration::from_millis;
        let arrivals = |text| Arrivals::parse(text, 1000);
        assert_eq!(arrivals("poisson"), Ok(Arrivals::Poisson { rate: 1000 }));
        let on_off = Arrivals::OnOff { rate: 1000, on: ms(10), off: ms(90) };
        assert_eq!(arrivals("on-off:10ms:90ms"), Ok(on_off));
        let closed = Arrivals::Closed { batch: 50, gap: Duration::from_nanos(200) };
        assert_eq!(arrivals("closed:50:200ns"), Ok(closed));
        let mut faults = Faults::default();
        for fault in ["pause:50ms@1s", "discard@1%", "lose-notifications@0.1%", "no-wakeup"] {
            faults.add(fault).unwrap();
        }
        assert_eq!((faults.pause, faults.discard), (Some((ms(50), ms(1000))), 10_000));
        assert_eq!("64..512".parse(), Ok(Sizes { least: 64, most: 512 }));
        assert_eq!(release("6.12").unwrap(), Profile::of_release(6, 12, 0));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in
            ["", "burst", "burst:1M/s:2s:1s", "on-off:0ms:1ms", "closed:0:1us", "burst:1:1:1"]
        {
            assert!(Arrivals::parse(text, 1).is_err(), "{text}");
        }
        for text in
            ["", "stall", "stall:1ms", "stall:1ms@2", "pause:1ms@0s", "no-wakeup@1%", "fire"]
        {
            assert!(Faults::default().add(text).is_err(), "{text}");
        }
        for text in ["512..64", "x", "1..", "5000000000"] {
            assert!(text.parse::<Sizes>().is_err(), "{text}");
        }
        for text in ["5.7", "6", "6.x", "linux"] {
            assert!(release(text).is_err(), "{text}");
        }
    }
}
