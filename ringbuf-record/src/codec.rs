//! Compression of the records of a block.

#[cfg(feature = "zstd")]
use std::io::Read;

use crate::ReadError;

pub(crate) const NONE: u8 = 0;
pub(crate) const ZSTD: u8 = 1;

/// How a [`Writer`](crate::Writer) stores records.
///
/// ```
/// use ringbuf_record::Compression;
/// assert_eq!(Compression::default(), Compression::None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// As they are.
    #[default]
    None,
    /// By zstd at its fastest level (feature `zstd`). A block that would not become smaller is
    /// stored as it is.
    #[cfg(feature = "zstd")]
    Zstd,
}

/// Compresses blocks, one after the other.
pub(crate) struct Packer {
    #[cfg(feature = "zstd")]
    zstd: Option<zstd::bulk::Compressor<'static>>,
    packed: Vec<u8>,
}

impl Packer {
    pub(crate) fn new(compression: Compression) -> std::io::Result<Self> {
        #[cfg(feature = "zstd")]
        let zstd = match compression {
            Compression::None => None,
            Compression::Zstd => Some(zstd::bulk::Compressor::new(1)?),
        };
        #[cfg(not(feature = "zstd"))]
        let Compression::None = compression;
        Ok(Self {
            #[cfg(feature = "zstd")]
            zstd,
            packed: Vec::new(),
        })
    }

    /// Returns the bytes to store, and the number of their compression.
    pub(crate) fn pack<'p>(&'p mut self, plain: &'p [u8]) -> (u8, &'p [u8]) {
        self.packed.clear();
        #[cfg(feature = "zstd")]
        if let Some(zstd) = &mut self.zstd {
            // It fails if the room is too small: then it is not worth it.
            self.packed.reserve(plain.len());
            let done = zstd.compress_to_buffer(plain, &mut self.packed);
            if done.is_ok() && self.packed.len() < plain.len() {
                return (ZSTD, &self.packed);
            }
        }
        (NONE, plain)
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

/// Writes the plain bytes of a block into `plain`. Keeps at most one more than `len`, whatever the
/// compressed bytes say.
#[cfg(feature = "zstd")]
pub(crate) fn unpack(
    packed: &[u8],
    len: u32,
    offset: u64,
    plain: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let wrong = |_| ReadError::Malformed { offset, what: "its compressed bytes are damaged" };
    plain.clear();
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(wrong)?;
    // A frame may ask for a window of this size in memory; the writer's are smaller.
    decoder.window_log_max(27).map_err(wrong)?;
    // The caller sees if there is one byte too many.
    decoder.take(u64::from(len) + 1).read_to_end(plain).map_err(wrong)?;
    Ok(())
}

#[cfg(not(feature = "zstd"))]
pub(crate) fn unpack(_: &[u8], _: u32, offset: u64, _: &mut Vec<u8>) -> Result<(), ReadError> {
    Err(ReadError::Compressed { offset, codec: ZSTD })
}
