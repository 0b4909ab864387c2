//! The contenders: each opens the map in its own way and hands [`Work::drive`] its round.

mod aya;
mod c_loop;
mod libbpf;
mod libbpf_rs;
mod ours;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use ::libbpf_rs::MapHandle;
use anyhow::Result;

use crate::seen::{Kind, Look, Seen, Stamped, Touched, Untouched};
use crate::work::Work;

/// How long a reader blocks at most, in milliseconds: longer than any pause of a load.
const TIMEOUT: i32 = 100;

/// How a reader waits when the ring is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// It spins, and needs no wakeup.
    Spins,
    /// It blocks in the end, until a wakeup.
    Blocks,
}

/// One way to read a ring.
pub trait Contender {
    /// The name in tables and on the command line.
    const NAME: &'static str;
    /// How it waits.
    const WAITING: Waiting;
    /// Whether it takes part in cells without waiting. For each library, one way of waiting does.
    const DRAINS: bool;

    /// Opens `map`, does the work, and closes. Each record goes to `L` and `seen`.
    fn run<L: Look>(map: &MapHandle, seen: &mut Seen, work: &mut Work<'_>) -> Result<()>;
}

type Run = fn(&MapHandle, &mut Seen, &mut Work<'_>) -> Result<()>;

/// A contender as a value.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// [`Contender::NAME`].
    pub name: &'static str,
    /// [`Contender::WAITING`].
    pub waiting: Waiting,
    /// [`Contender::DRAINS`].
    pub drains: bool,
    untouched: Run,
    touched: Run,
    stamped: Run,
}

impl Reader {
    const fn of<C: Contender>() -> Self {
        Self {
            name: C::NAME,
            waiting: C::WAITING,
            drains: C::DRAINS,
            untouched: C::run::<Untouched>,
            touched: C::run::<Touched>,
            stamped: C::run::<Stamped>,
        }
    }

    /// [`Contender::run`].
    pub fn run(
        &self,
        look: Kind,
        map: &MapHandle,
        seen: &mut Seen,
        work: &mut Work<'_>,
    ) -> Result<()> {
        let run = match look {
            Kind::Untouched => self.untouched,
            Kind::Touched => self.touched,
            Kind::Stamped => self.stamped,
        };
        run(map, seen, work)
    }
}

/// The reader that blocking readers are compared with.
pub const POLL_REFERENCE: &str = libbpf::Poll::NAME;
/// The reader that spinning readers, and drains, are compared with.
pub const BUSY_REFERENCE: &str = libbpf::Busy::NAME;
/// The reader that drains are compared with as well.
pub const C_REFERENCE: &str = c_loop::Busy::NAME;

/// All contenders, the peers first.
pub const READERS: &[Reader] = &[
    Reader::of::<libbpf::Poll>(),
    Reader::of::<libbpf_rs::Poll>(),
    Reader::of::<aya::Poll>(),
    Reader::of::<c_loop::Poll>(),
    Reader::of::<ours::Ours<ours::Immediate>>(),
    Reader::of::<ours::Ours<ours::Balanced>>(),
    Reader::of::<ours::Ours<ours::LowCost>>(),
    Reader::of::<libbpf::Busy>(),
    Reader::of::<libbpf_rs::Busy>(),
    Reader::of::<aya::Busy>(),
    Reader::of::<c_loop::Busy>(),
    Reader::of::<ours::Busy>(),
    Reader::of::<ours::Ours<ours::LowLatency>>(),
];

/// A level-triggered epoll set with one map, for readers that have none.
struct Epoll(OwnedFd);

impl Epoll {
    fn new(map: BorrowedFd<'_>) -> io::Result<Self> {
        // SAFETY: epoll_create1 takes no pointer.
        let raw = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made, and nobody else has it.
        let set = unsafe { OwnedFd::from_raw_fd(raw) };
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
        let (of, map) = (set.as_raw_fd(), map.as_raw_fd());
        // SAFETY: the kernel reads one event from `event`.
        let ret = unsafe { libc::epoll_ctl(of, libc::EPOLL_CTL_ADD, map, &raw mut event) };
        if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(set)) }
    }

    #[inline(always)]
    fn wait(&self) -> io::Result<()> {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: the kernel writes at most one event into `event`.
        let ret = unsafe { libc::epoll_wait(self.0.as_raw_fd(), &raw mut event, 1, TIMEOUT) };
        if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
