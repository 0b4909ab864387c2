//! What became of the attempts of one shard.

use super::Shard;
use crate::{Accounting, LossCounters, LossesError, ProgramCounts, RingBuf};

impl LossCounters {
    /// Sums up what became of all attempts of one shard, from the counters of its CPUs. As
    /// [`account`](Self::account), which sums up all shards.
    ///
    /// The ring of a shard is full because its CPUs write much: here it shows which.
    ///
    /// ```no_run
    /// # let rings = ringbuf_kernel::ShardedRings::from_pin("/sys/fs/bpf/events")?;
    /// let counters = ringbuf_kernel::LossCounters::find(&rings)?;
    /// for (ring, shard) in rings.iter() {
    ///     println!("{shard}: {}", counters.account_shard(ring, shard)?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`account`](Self::account).
    pub fn account_shard(&self, ring: &RingBuf, shard: &Shard) -> Result<Accounting, LossesError> {
        let all = self.per_cpu()?;
        let own = all.into_iter().filter(|(cpu, _)| shard.cpus.contains(cpu));
        let programs = own.fold(ProgramCounts::default(), |sum, (_, counts)| sum.plus(counts));
        Ok(ring.accounting()?.programs(programs))
    }
}
