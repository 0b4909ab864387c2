//! Simulated rings in overwrite mode.

use ringbuf_core::{OverwriteReader, Tso};

use crate::kernel::Mode;
use crate::mirror::{Mirror, OverwriteSide};
use crate::{Claim, InVirtualTime, Overwrite, Profile, SimError, SimRing, StoreOrder, VirtualTime};

/// The memory of the reader of a simulated ring in overwrite mode.
pub type SimOverwriteMemory = OverwriteSide<Claim>;

/// The same, in virtual time.
pub type VirtualOverwriteMemory<'t> = OverwriteSide<InVirtualTime<'t, Claim>>;

impl SimRing {
    /// Creates an empty ring of `bytes` in overwrite mode (`BPF_F_RB_OVERWRITE`): producers
    /// write over the oldest records. A reservation fails only if the oldest busy record is
    /// in the way.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, Profile, Query, SimRing};
    ///
    /// let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// for _ in 0..3 {
    ///     ring.producer().output(&[0; 2040], Flags::ADAPTIVE)?; // two fill the ring
    /// }
    /// assert_eq!(ring.producer().query(Query::OVERWRITE_POS), 2 * 2048);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SimError::NoOverwriteMode`] before 6.19, and as for
    /// [`with_profile`](Self::with_profile).
    pub fn overwriting(bytes: u64, profile: Profile) -> Result<Self, SimError> {
        Self::overwriting_at(bytes, profile, 0)
    }

    /// The same, after `start` bytes of traffic: see [`started_at`](Self::started_at).
    ///
    /// # Errors
    /// As for [`overwriting`](Self::overwriting).
    pub fn overwriting_at(
        bytes: u64,
        profile: impl Into<Profile>,
        start: u64,
    ) -> Result<Self, SimError> {
        let profile = profile.into();
        if profile.overwrite == Overwrite::Absent {
            return Err(SimError::NoOverwriteMode);
        }
        Self::create(bytes, profile, start, Mode::Overwriting)
    }

    /// Returns the reader of this ring, which is in overwrite mode. It trusts the order of
    /// stores, as of x86.
    ///
    /// # Errors
    /// [`SimError::WrongMode`] if the ring is not in overwrite mode;
    /// [`SimError::NeedsValidator`] on a simulated machine with [`StoreOrder::Any`];
    /// and as for [`consumer`](Self::consumer).
    pub fn overwrite_reader(&self) -> Result<OverwriteReader<SimOverwriteMemory, Tso>, SimError> {
        let memory = self.overwrite_memory()?;
        let tso = Tso::of(&memory).ok_or(SimError::NeedsValidator)?;
        OverwriteReader::new(memory, tso).map_err(SimError::Corrupt)
    }

    /// Returns the memory for an [`OverwriteReader`] of your own, for example with another
    /// [`Validator`](ringbuf_core::Validator).
    ///
    /// # Errors
    /// As for [`overwrite_reader`](Self::overwrite_reader).
    pub fn overwrite_memory(&self) -> Result<SimOverwriteMemory, SimError> {
        Ok(Mirror::overwrite_memory(self.claim(Mode::Overwriting)?))
    }

    /// Like [`overwrite_memory`](Self::overwrite_memory), but its waits are in virtual time.
    ///
    /// # Errors
    /// As for [`overwrite_memory`](Self::overwrite_memory).
    pub fn overwrite_memory_in<'t>(
        &self,
        time: &VirtualTime<'t>,
    ) -> Result<VirtualOverwriteMemory<'t>, SimError> {
        let claim = self.claim(Mode::Overwriting)?;
        Ok(Mirror::overwrite_memory(InVirtualTime::of_ring(claim, time)))
    }
}

impl ringbuf_core::StoreOrder for Claim {
    fn is_tso(&self) -> bool {
        self.profile().store_order == StoreOrder::Program
    }
}

impl ringbuf_core::StoreOrder for InVirtualTime<'_, Claim> {
    fn is_tso(&self) -> bool {
        self.claim().is_tso()
    }
}
