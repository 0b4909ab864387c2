//! [`Access`]: what a party does in its next step.

use std::fmt;

use ringbuf_core::{Header, Offset, Position};

/// What a party does in its next step: one access to shared memory, or a wait.
///
/// ```
/// use ringbuf_sim::explore::Access;
///
/// assert_eq!(Access::LoadProducerPos.to_string(), "loads the producer position");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Access {
    /// Loads the producer position.
    LoadProducerPos,
    /// Stores the consumer position.
    StoreConsumerPos(Position),
    /// Loads the length word of the header at this offset.
    LoadHeader(Offset),
    /// Reads the word of a sample at this offset.
    ReadWord(u64),
    /// Loads the consumer position.
    LoadConsumerPos,
    /// Stores the position of the oldest uncommitted record.
    StorePendingPos(Position),
    /// Writes the header of a new record.
    WriteHeader(Offset, Header),
    /// Stores the producer position.
    StoreProducerPos(Position),
    /// Writes the word of a sample at this offset.
    WriteWord(u64),
    /// Exchanges a header: the commit of its record.
    SwapHeader(Offset, Header),
    /// Makes a memory fence.
    Fence,
    /// Takes the lock of the producers. [`World::may_go_on`](super::World::may_go_on) says
    /// when it is free.
    Lock,
    /// Gives the lock back.
    Unlock,
    /// Sends a notification, or delivers one.
    Notify,
    /// Sleeps until a notification arrives, but not beyond this time.
    Sleep(u64),
    /// Does nothing for this many steps of the others.
    Stall(u64),
    /// Reads the clock.
    Clock,
    /// The user's reader has received a sample.
    Receive,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LoadProducerPos => f.write_str("loads the producer position"),
            Self::StoreConsumerPos(to) => {
                write!(f, "stores the consumer position: {}", to.get())
            }
            Self::LoadHeader(at) => write!(f, "loads the header at {}", at.get()),
            Self::ReadWord(at) => write!(f, "reads the word at {at}"),
            Self::LoadConsumerPos => f.write_str("loads the consumer position"),
            Self::StorePendingPos(to) => {
                write!(f, "stores the pending position: {}", to.get())
            }
            Self::WriteHeader(at, header) => {
                write!(f, "writes the header at {}: {}", at.get(), Shown(header))
            }
            Self::StoreProducerPos(to) => {
                write!(f, "stores the producer position: {}", to.get())
            }
            Self::WriteWord(at) => write!(f, "writes the word at {at}"),
            Self::SwapHeader(at, header) => {
                write!(f, "exchanges the header at {}: {}", at.get(), Shown(header))
            }
            Self::Fence => f.write_str("makes a fence"),
            Self::Lock => f.write_str("takes the lock"),
            Self::Unlock => f.write_str("gives the lock back"),
            Self::Notify => f.write_str("notifies"),
            Self::Sleep(_) => f.write_str("sleeps until a notification"),
            Self::Stall(0) => f.write_str("begins"),
            Self::Stall(steps) => write!(f, "rests for {steps} steps"),
            Self::Clock => f.write_str("reads the clock"),
            Self::Receive => f.write_str("has received a sample"),
        }
    }
}

/// A header in words.
struct Shown(Header);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.0 {
            header if header.is_busy() => "busy",
            header if header.is_discarded() => "discarded",
            _ => "submitted",
        };
        write!(f, "{} bytes, {state}", self.0.len().get())
    }
}
