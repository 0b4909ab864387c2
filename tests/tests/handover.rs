//! A ring goes from one process to another by its descriptor, while records flow.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use ringbuf_kernel::{CorruptReason, RingBuf};
use ringbuf_tests::restarts::{Child, Numbered, Reading};
use ringbuf_tests::{BpfFs, live_since, watchdog};

/// The recipe of docs/shutdown.md, in turns: each reader stops, drops its ring, and sends the
/// descriptor; the next one opens it. Nothing is lost, and nothing comes again.
#[test]
fn a_ring_is_handed_on_while_records_flow() {
    if !live_since("handover::a_ring_is_handed_on", (5, 10)) {
        return;
    }
    let _hangs = watchdog("handover");
    let bpffs = BpfFs::mount();
    let mut ring = Numbered::pinned(1 << 20, &bpffs.path().join("numbered"));
    ring.produce();
    for turn in 0..12 {
        let reading = Reading::ALL[turn % 4];
        let (here, there) = UnixStream::pair().expect("a pair of sockets");
        // The other process waits for the descriptor, and reads on.
        let child = Child::start(|| {
            let map = receive(&there).expect("a descriptor");
            let mut reader = RingBuf::open(map).expect("open");
            let until = ring.noted().delivered() + 5000;
            reading.read(&mut reader, ring.noted(), || ring.noted().delivered() >= until);
        });
        // This process reads first.
        let mut reader = RingBuf::open(ring.map()).expect("open");
        let until = ring.noted().delivered() + 5000;
        reading.read(&mut reader, ring.noted(), || ring.noted().delivered() >= until);
        drop(reader); // publishes
        send(&here, ring.map()).expect("sent");
        assert_eq!(child.join(), 0, "{reading:?}");
        assert_eq!((ring.noted().lost(), ring.noted().take_repeated()), (0, 0), "{reading:?}");
    }
    ring.produce_no_more();
    let mut last = None;
    let mut reader = RingBuf::open(ring.map()).expect("open");
    let finished = reader.finish(Duration::from_secs(60), |record| {
        ring.noted().note(&mut last, &record);
    });
    assert!(finished.expect("a sound ring").is_complete());
    assert_eq!((ring.noted().lost(), ring.noted().take_repeated()), (0, 0));
    assert_eq!(ring.noted().delivered(), ring.emitted());
}

/// The process that has it now is killed: what it had not given back comes again, and no more.
#[test]
fn a_ring_comes_back_from_a_process_that_was_killed() {
    if !live_since("handover::a_ring_comes_back", (5, 10)) {
        return;
    }
    let _hangs = watchdog("handover");
    let bpffs = BpfFs::mount();
    let mut ring = Numbered::pinned(1 << 20, &bpffs.path().join("numbered"));
    ring.produce();
    for reading in Reading::ALL {
        let (here, there) = UnixStream::pair().expect("a pair of sockets");
        let child = Child::start(|| {
            let map = receive(&there).expect("a descriptor");
            let mut reader = RingBuf::open(map).expect("open");
            reading.read(&mut reader, ring.noted(), || false);
        });
        send(&here, ring.map()).expect("sent");
        let until = ring.noted().delivered() + 20_000;
        while ring.noted().delivered() < until {
            thread::sleep(Duration::from_micros(100));
        }
        child.kill();
        let mut reader = RingBuf::open(ring.map()).expect("open");
        let mut last = None;
        let finished = reader.finish(Duration::from_secs(60), |record| {
            ring.noted().note(&mut last, &record);
        });
        assert!(finished.expect("a sound ring").is_complete());
        let repeated = ring.noted().take_repeated();
        assert_eq!(ring.noted().lost(), 0, "{reading:?}");
        assert!(repeated <= reading.most_repeated(), "{reading:?}: {repeated} again");
    }
}

/// The first reader did not stop: it is told, once the other one has given space back.
#[test]
fn who_reads_on_after_the_handover_is_told() {
    if !live_since("handover::who_reads_on", (5, 10)) {
        return;
    }
    let _hangs = watchdog("handover");
    let bpffs = BpfFs::mount();
    let mut ring = Numbered::pinned(1 << 20, &bpffs.path().join("numbered"));
    ring.produce();
    let mut first = RingBuf::open(ring.map()).expect("open");
    while first.next_record().expect("a sound ring").is_none() {}
    let child = Child::start(|| {
        // Only for the test: dropping its copy of the parent's ring changes nothing.
        let mut second = match RingBuf::from_pin(bpffs.path().join("numbered")) {
            Ok(ring) => ring,
            Err(ringbuf_kernel::OpenError::SecondConsumer { .. }) => {
                // The claim is that of the parent's ring, which this child has a copy of.
                // SAFETY: C1: the test is about a second reader; no record is lent.
                unsafe { RingBuf::open_unclaimed(ring.map()) }.expect("open")
            }
            Err(error) => panic!("{error}"),
        };
        let finished = second.finish(Duration::ZERO, |_| ()).expect("a sound ring");
        assert!(finished.delivered > 0);
    });
    assert_eq!(child.join(), 0);
    let error = loop {
        if let Err(error) = first.next_record() {
            break error;
        }
    };
    assert!(matches!(error.reason, CorruptReason::ConsumerMoved { .. }), "{error}");
}

/// Sends one descriptor.
fn send(socket: &UnixStream, fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut control = Control { space: [0; 32] };
    let byte = [IoSlice::new(b"m")];
    let mut message = message(byte.as_ptr().cast_mut().cast(), &mut control);
    // SAFETY: the message has room for one header.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    let len = size_of::<libc::c_int>() as libc::c_uint;
    // SAFETY: arithmetic alone.
    let space = unsafe { libc::CMSG_SPACE(len) };
    // SAFETY: as above.
    let data = unsafe { libc::CMSG_LEN(len) };
    message.msg_controllen = space as _;
    // SAFETY: the header is in `control`, which is large enough and aligned.
    let control = unsafe { &mut *header };
    (control.cmsg_level, control.cmsg_type) = (libc::SOL_SOCKET, libc::SCM_RIGHTS);
    control.cmsg_len = data as _;
    // SAFETY: the header says that one descriptor follows, and there is room for it.
    let place = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: as above.
    unsafe { place.cast::<libc::c_int>().write_unaligned(fd.as_raw_fd()) };
    // SAFETY: one message, alive for the call with all that it points to.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, 0) };
    if sent == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Receives one descriptor.
fn receive(socket: &UnixStream) -> io::Result<OwnedFd> {
    let mut control = Control { space: [0; 32] };
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut message = message(bytes.as_mut_ptr().cast(), &mut control);
    let flags = libc::MSG_CMSG_CLOEXEC;
    // SAFETY: one message, alive for the call with all that it points to.
    if unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, flags) } != 1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has filled the message.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    if header.is_null() {
        return Err(io::Error::other("no descriptor came"));
    }
    // SAFETY: a header in `control`.
    let place = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: the other side sends one descriptor in each message.
    let fd = unsafe { place.cast::<libc::c_int>().read_unaligned() };
    // SAFETY: just received, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Room for the header of one descriptor.
#[repr(align(8))]
struct Control {
    space: [u8; 32],
}

fn message(bytes: *mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: all zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (bytes, 1);
    message.msg_control = control.space.as_mut_ptr().cast();
    message.msg_controllen = control.space.len() as _;
    message
}
