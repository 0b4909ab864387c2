//! A damaged file gives all whole blocks before the damage, and says what is wrong.

use proptest::prelude::*;
use ringbuf_record::{Compression, ReadError};

use crate::made::{blocks, every_type};

#[test]
fn a_file_that_is_cut_at_any_byte_gives_the_whole_blocks_before() {
    for compression in [Compression::None, Compression::Zstd] {
        let file = every_type(compression);
        let (all, end) = blocks(&file);
        assert!(end.unwrap() && all.len() > 15, "{}", all.len());
        for cut in 0..file.len() {
            let (got, end) = blocks(&file[..cut]);
            let whole = all.iter().take_while(|(end, _)| *end <= cut as u64).count();
            assert_eq!(got, all[..whole], "cut at {cut}");
            match end {
                // Between two blocks, one of which may be an index.
                Ok(complete) => assert!(!complete, "cut at {cut}"),
                Err(ReadError::Truncated { offset }) => assert!(offset <= cut as u64),
                Err(ReadError::NotACapture) => assert_eq!(cut, 0),
                Err(error) => panic!("cut at {cut}: {error}"),
            }
        }
    }
}

#[test]
fn a_file_with_any_byte_changed_gives_the_whole_blocks_before() {
    for compression in [Compression::None, Compression::Zstd] {
        let mut file = every_type(compression);
        let (all, _) = blocks(&file);
        for at in 0..file.len() {
            for bit in [0x01, 0x80] {
                file[at] ^= bit;
                let (got, end) = blocks(&file);
                let whole = all.iter().take_while(|(end, _)| *end <= at as u64).count();
                assert_eq!(got, all[..whole], "byte {at}");
                assert!(end.is_err(), "byte {at}: nobody noticed");
                file[at] ^= bit;
            }
        }
    }
}

proptest! {
    /// Behind the damage nothing is invented: what is read is a part of what was written.
    #[test]
    fn any_damage_leaves_a_beginning(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut file = every_type(Compression::None);
        let (all, _) = blocks(&file);
        for (place, value) in places {
            let at = place.index(file.len());
            file[at] = value;
        }
        let (got, _) = blocks(&file);
        prop_assert_eq!(&all[..got.len()], &got[..]);
    }
}
