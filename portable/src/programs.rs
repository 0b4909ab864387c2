//! The programs of the tests: socket filters, since those run under BPF_PROG_TEST_RUN on every
//! kernel. Each reads its argument from the packet.

use std::os::fd::AsFd;

use crate::btf;
use crate::{Assembler, LoadError, Program, Size};

const KTIME_GET_NS: i32 = 5;
const SKB_LOAD_BYTES: i32 = 26;
const RINGBUF_OUTPUT: i32 = 130;
const RINGBUF_RESERVE: i32 = 131;
const RINGBUF_SUBMIT: i32 = 132;
const RINGBUF_DISCARD: i32 = 133;
const RINGBUF_QUERY: i32 = 134;
const DYNPTR_READ: i32 = 201;
const USER_RINGBUF_DRAIN: i32 = 209;
/// How many calls a holding program makes while its record is busy.
const CALLS: i32 = 4096;

/// How a reservation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is delivered.
    Submit,
    /// It is skipped.
    Discard,
}

impl End {
    fn helper(self) -> i32 {
        match self {
            Self::Submit => RINGBUF_SUBMIT,
            Self::Discard => RINGBUF_DISCARD,
        }
    }
}

/// Reserves `len` bytes and commits them. Writes its argument into the first eight bytes and, if an
/// instruction can reach them, into the last eight. Returns 1, or 0 if the reservation is refused.
///
/// # Errors
/// If the kernel refuses the program.
pub fn reserve(ring: impl AsFd, len: u32, end: End, flags: u32) -> Result<Program, LoadError> {
    let mut program = Assembler::default();
    argument(&mut program);
    let refused = reserved(&mut program, ring, len);
    program.copy(1, 0);
    program.load(Size::Bytes8, 2, 10, -8);
    let last = len.checked_sub(8).and_then(|last| i16::try_from(last).ok());
    if len >= 8 {
        program.store(Size::Bytes8, 1, 0, 2);
    }
    // Only a whole word of eight bytes may be written in one piece.
    if let Some(last) = last.filter(|last| last % 8 == 0) {
        program.store(Size::Bytes8, 1, last, 2);
    }
    program.set(2, flags as i32);
    program.call(end.helper());
    finish(&mut program, refused)
}

/// Copies `len` bytes, 64 at most, from its argument into the ring. Returns the result of the
/// helper.
///
/// # Errors
/// If the kernel refuses the program.
///
/// # Panics
/// If `len` is above 64.
pub fn output(ring: impl AsFd, len: u32, flags: u32) -> Result<Program, LoadError> {
    assert!(len <= 64, "the stack is small");
    let mut program = Assembler::default();
    load(&mut program, 64);
    program.map(1, ring);
    program.frame(2, -64);
    program.set(3, len as i32);
    program.set(4, flags as i32);
    program.call(RINGBUF_OUTPUT);
    program.exit();
    Program::load(&program, None)
}

/// Asks the ring; returns the low 32 bits of the answer.
///
/// # Errors
/// If the kernel refuses the program.
pub fn query(ring: impl AsFd, kind: u32) -> Result<Program, LoadError> {
    let mut program = Assembler::default();
    program.map(1, ring);
    program.set(2, kind as i32);
    program.call(RINGBUF_QUERY);
    program.exit();
    Program::load(&program, None)
}

/// As [`reserve`] of eight bytes, but holds the record busy for some thousand calls.
///
/// # Errors
/// If the kernel refuses the program.
pub fn hold(ring: impl AsFd, end: End) -> Result<Program, LoadError> {
    let mut program = Assembler::default();
    argument(&mut program);
    let refused = reserved(&mut program, ring, 8);
    program.copy(6, 0);
    program.load(Size::Bytes8, 2, 10, -8);
    program.store(Size::Bytes8, 6, 0, 2);
    program.set(7, CALLS);
    let again = program.here();
    program.call(KTIME_GET_NS);
    program.add(7, -1);
    program.back_unless(7, 0, again);
    program.copy(1, 6);
    program.set(2, 0);
    program.call(end.helper());
    finish(&mut program, refused)
}

/// Drains a user ring: the first eight bytes of each sample go into `ring` as a record. Returns the
/// result of the helper.
///
/// # Errors
/// If the kernel refuses the program: before 6.1, and without a JIT.
pub fn drain(user_ring: impl AsFd, ring: impl AsFd) -> Result<Program, LoadError> {
    let mut program = Assembler::default();
    program.map(1, user_ring);
    let callback = program.function(2);
    program.set(3, 0);
    program.set(4, 0);
    program.call(USER_RINGBUF_DRAIN);
    program.exit();
    program.begin(callback);
    let start = program.here();
    program.copy(3, 1);
    program.frame(1, -8);
    program.set(2, 8);
    program.set(4, 0);
    program.set(5, 0);
    program.call(DYNPTR_READ);
    program.map(1, ring);
    program.frame(2, -8);
    program.set(3, 8);
    program.set(4, 0);
    program.call(RINGBUF_OUTPUT);
    program.set(0, 0);
    program.exit();
    let btf = btf::load().map_err(LoadError::of)?;
    Program::load(&program, Some((btf.as_fd(), start)))
}

/// The argument, eight bytes, at frame - 8.
fn argument(program: &mut Assembler) {
    load(program, 8);
}

fn load(program: &mut Assembler, bytes: i32) {
    program.set(2, 0);
    program.frame(3, -bytes);
    program.set(4, bytes);
    program.call(SKB_LOAD_BYTES);
}

/// Reserves. Returns the jump that a refusal takes.
fn reserved(program: &mut Assembler, ring: impl AsFd, len: u32) -> usize {
    program.map(1, ring);
    program.set(2, len as i32);
    program.set(3, 0);
    program.call(RINGBUF_RESERVE);
    program.if_equal(0, 0)
}

fn finish(program: &mut Assembler, refused: usize) -> Result<Program, LoadError> {
    program.set(0, 1);
    program.exit();
    program.land(refused);
    program.set(0, 0);
    program.exit();
    Program::load(program, None)
}
