//! What is to be seen of a ring after each step, and how two views of it differ.

use std::fmt;

use ringbuf_core::{NextCopy, OverwriteMemory, OverwriteReader, Tso};

use crate::script::BYTES_MAX;

/// After one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// What the helper returned; of a reservation of a fixed size 1 or 0.
    pub(crate) ret: i64,
    /// Whether edge-triggered epoll reports the ring.
    pub(crate) edge: bool,
    /// Consumer, producer, pending and overwrite position.
    pub(crate) positions: [u64; 4],
    /// What the queries 0 to 5 answer.
    pub(crate) queries: [u64; 6],
    /// All headers and samples, and what was there before.
    pub(crate) data: Vec<u8>,
}

/// After a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// After each step, and after what was left open has been discarded.
    pub(crate) looks: Vec<Look>,
    /// What poll(2) said.
    pub(crate) readable: bool,
    /// What a reader in user space got: positions and samples.
    pub(crate) records: Records,
    /// Where it left the consumer position.
    pub(crate) consumer: u64,
}

/// Records with their positions, or why the reader takes none.
pub(crate) type Records = Result<Vec<(u64, Vec<u8>)>, String>;

/// What a reader of a ring in overwrite mode copies, until it has so many records. It publishes
/// where it came to.
pub(crate) fn copies<M: OverwriteMemory>(
    reader: &mut OverwriteReader<M, Tso>,
    records: u64,
) -> Records {
    let (mut taken, mut buffer) = (Vec::new(), vec![0; BYTES_MAX]);
    while (taken.len() as u64) < records {
        match reader.next_copy(&mut buffer).map_err(|corrupt| corrupt.to_string())? {
            NextCopy::Record(record) => taken.push((record.position.get(), record.to_vec())),
            NextCopy::Lost(_) => {}
            _ => break,
        }
    }
    reader.publish();
    Ok(taken)
}

/// The first difference, in words; `None` if there is none.
pub(crate) fn difference(live: &Seen, simulated: &Seen) -> Option<String> {
    let pairs = live.looks.iter().zip(&simulated.looks).enumerate();
    let mut steps = pairs.filter_map(|(step, (live, simulated))| {
        differ(live, simulated).map(|what| format!("after step {step}: {what}"))
    });
    steps
        .next()
        .or_else(|| unequal("number of steps", &live.looks.len(), &simulated.looks.len()))
        .or_else(|| unequal("poll says readable", &live.readable, &simulated.readable))
        .or_else(|| unequal("records", &live.records, &simulated.records))
        .or_else(|| unequal("consumer position in the end", &live.consumer, &simulated.consumer))
}

fn differ(live: &Look, simulated: &Look) -> Option<String> {
    unequal("returned", &live.ret, &simulated.ret)
        .or_else(|| unequal("positions C P N O", &live.positions, &simulated.positions))
        .or_else(|| unequal("queries 0 to 5", &live.queries, &simulated.queries))
        .or_else(|| unequal("edge of epoll", &live.edge, &simulated.edge))
        .or_else(|| data(&live.data, &simulated.data))
}

/// Words, since headers are words.
pub(crate) fn data(live: &[u8], simulated: &[u8]) -> Option<String> {
    if live == simulated {
        return None;
    }
    let words = |bytes: &[u8]| {
        bytes
            .chunks_exact(4)
            .map(|w| u32::from_ne_bytes(w.try_into().expect("4")))
            .collect::<Vec<_>>()
    };
    let (live, simulated) = (words(live), words(simulated));
    let at = live.iter().zip(&simulated).position(|(live, simulated)| live != simulated);
    let Some(at) = at else { return unequal("words of data", &live.len(), &simulated.len()) };
    Some(format!("word at {}: live {:#010x}, simulated {:#010x}", 4 * at, live[at], simulated[at]))
}

pub(crate) fn unequal<T: PartialEq + fmt::Debug>(
    what: &str,
    live: &T,
    simulated: &T,
) -> Option<String> {
    (live != simulated).then(|| format!("{what}: live {live:?}, simulated {simulated:?}"))
}
