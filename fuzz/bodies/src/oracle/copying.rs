//! Reading into a buffer, compared with the model.

use ringbuf_core::ReadError;

use crate::oracle::model::Found;
use crate::oracle::reading::right;
use crate::oracle::{Oracle, same};

impl Oracle<'_> {
    /// Copies up to `records` records into a buffer of `len` bytes. If it is too small,
    /// it gets the length that the error names.
    pub(super) fn read_into(&mut self, len: u64, records: u64) -> Result<(), String> {
        let len = len.min(self.model.capacity());
        let mut buffer = vec![0; usize::try_from(len).map_err(|error| error.to_string())?];
        for _ in 0..records {
            let mut walk = self.model.walk(u64::MAX, u64::MAX);
            let expected = self.model.next(&mut walk);
            let before = buffer.clone();
            let has = buffer.len();
            let over = match (self.consumer()?.read_into(&mut buffer), expected) {
                (Ok(Some(sample)), Found::Record(expected)) => {
                    right(sample, self.model.seen_at(expected.at), expected, &self.model)?;
                    false
                }
                (Err(ReadError::TooSmall { needs, .. }), Found::Record(expected)) => {
                    same("bytes needed", needs as u64, expected.len)?;
                    same("a buffer that is too small", needs > has, true)?;
                    same("the buffer", &buffer, &before)?;
                    self.model.release.found();
                    buffer.resize(needs, 0);
                    continue;
                }
                (Ok(None), Found::Busy | Found::Empty) => true,
                (found, expected) => return Err(format!("{found:?} instead of {expected:?}")),
            };
            self.model.consume(&walk);
            if walk.is_empty() {
                self.model.release.look(true);
            }
            self.model.end_batch();
            self.sum_up(&walk);
            self.looked()?;
            if over {
                break;
            }
        }
        Ok(())
    }
}
