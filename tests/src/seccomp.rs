//! System calls that fail as a sandbox makes them fail.

use std::thread;

use crate::tasks::EPOLL_WAIT;

/// Which calls of this thread fail.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    /// `bpf(2)` with this command.
    Bpf(u32),
    /// `mmap(2)` of a file.
    MmapOfFile,
    /// `mmap(2)` of memory without a file that children of `fork` share.
    MmapOfSharedMemory,
    /// Any call with this number.
    Number(libc::c_long),
    /// Any call with one of these numbers.
    OneOf(&'static [libc::c_long]),
}

impl Call {
    /// The calls that a C library may make for `epoll_wait`.
    pub const EPOLL_WAIT: Self = Self::OneOf(EPOLL_WAIT);

    /// The calls that a C library may make for `nanosleep`.
    pub const NANOSLEEP: Self = Self::OneOf(&[libc::SYS_nanosleep, libc::SYS_clock_nanosleep]);
}

/// Runs `body` on a thread of its own in which `call` fails with `errno`, by a seccomp
/// filter. Private memory without a file can still be mapped.
///
/// # Panics
/// If `body` does, or the kernel takes no filter.
pub fn with_failing<T: Send>(call: Call, errno: i32, body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            match call {
                Call::OneOf(numbers) => {
                    numbers.iter().for_each(|number| install(Call::Number(*number), errno));
                }
                call => install(call, errno),
            }
            body()
        });
        thread.join().expect("the thread in the sandbox")
    })
}

fn install(call: Call, errno: i32) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    /// Where `struct seccomp_data` has the low half of an argument.
    const fn argument(index: u32) -> u32 {
        16 + 8 * index + if cfg!(target_endian = "big") { 4 } else { 0 }
    }
    let statement = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let jump = |k, jt, jf| libc::sock_filter { code: EQUAL, jt, jf, k };
    let fail = libc::SECCOMP_RET_ERRNO | errno as u32;
    // The number of the call; one argument; what is decided by it.
    let (number, at, value, if_equal, if_not) = match call {
        Call::Bpf(command) => (libc::SYS_bpf, argument(0), command, fail, libc::SECCOMP_RET_ALLOW),
        Call::Number(number) => (number, argument(0), 0, fail, fail),
        Call::OneOf(_) => unreachable!("one filter for each number"),
        Call::MmapOfFile => (libc::SYS_mmap, argument(4), u32::MAX, libc::SECCOMP_RET_ALLOW, fail),
        Call::MmapOfSharedMemory => {
            let shared = (libc::MAP_SHARED | libc::MAP_ANONYMOUS) as u32;
            (libc::SYS_mmap, argument(3), shared, fail, libc::SECCOMP_RET_ALLOW)
        }
    };
    let filter = [
        statement(LOAD, 0),
        jump(number as u32, 0, 3),
        statement(LOAD, at),
        jump(value, 0, 2),
        statement(RETURN, if_equal),
        statement(RETURN, libc::SECCOMP_RET_ALLOW),
        statement(RETURN, if_not),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: takes plain numbers.
    let closed = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    let (mode, program) = (libc::SECCOMP_MODE_FILTER, &raw const program);
    // SAFETY: the filter is alive for the call; it holds for this thread alone.
    let installed = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, program) };
    assert_eq!((closed, installed), (0, 0), "{}", std::io::Error::last_os_error());
}
