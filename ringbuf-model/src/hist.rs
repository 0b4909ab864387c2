//! [`Distribution`]: the percentiles of a measurement.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The percentiles of a measurement, good to one percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Distribution {
    /// The number of values.
    pub count: u64,
    /// Their mean.
    pub mean: Duration,
    /// Half of them are not larger.
    pub p50: Duration,
    /// 90 % of them are not larger.
    pub p90: Duration,
    /// 99 % of them are not larger.
    pub p99: Duration,
    /// 99.9 % of them are not larger.
    pub p999: Duration,
    /// The largest.
    pub most: Duration,
}

impl Distribution {
    pub(crate) fn of(values: &Histogram<u64>) -> Self {
        let at = |quantile| Duration::from_nanos(values.value_at_quantile(quantile));
        Self {
            count: values.len(),
            mean: Duration::from_nanos(values.mean() as u64),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            most: Duration::from_nanos(values.max()),
        }
    }
}
