//! BPF instructions as the kernel of this machine reads them.

use std::os::fd::{AsFd, AsRawFd};

/// A register of the BPF machine: r0 is the result, r1 to r5 are arguments, r10 the frame.
pub type Register = u8;

/// How many bytes a load or store moves.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the name says it")]
pub enum Size {
    Bytes4 = 0x00,
    Bytes8 = 0x18,
}

const LD_IMM64: u8 = 0x18;
const LDX_MEM: u8 = 0x61;
const STX_MEM: u8 = 0x63;
const MOV_IMM: u8 = 0xb7;
const MOV: u8 = 0xbf;
const ADD_IMM: u8 = 0x07;
const JUMP_IF_EQUAL: u8 = 0x15;
const JUMP_IF_NOT_EQUAL: u8 = 0x55;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// The value in the source register of a 64-bit constant.
const MAP_FD: u8 = 1;
const FUNCTION: u8 = 4;

/// A program under construction. Each method adds one instruction.
#[derive(Debug, Default)]
pub struct Assembler {
    code: Vec<[u8; 8]>,
}

impl Assembler {
    /// `to = value`
    pub fn set(&mut self, to: Register, value: i32) {
        self.push(MOV_IMM, to, 0, 0, value);
    }

    /// `to = from`
    pub fn copy(&mut self, to: Register, from: Register) {
        self.push(MOV, to, from, 0, 0);
    }

    /// `to += value`
    pub fn add(&mut self, to: Register, value: i32) {
        self.push(ADD_IMM, to, 0, 0, value);
    }

    /// `to = &map`
    pub fn map(&mut self, to: Register, map: impl AsFd) {
        self.push(LD_IMM64, to, MAP_FD, 0, map.as_fd().as_raw_fd());
        self.push(0, 0, 0, 0, 0);
    }

    /// `to = frame + offset`
    pub fn frame(&mut self, to: Register, offset: i32) {
        self.copy(to, 10);
        self.add(to, offset);
    }

    /// `to = *(from + offset)`
    pub fn load(&mut self, size: Size, to: Register, from: Register, offset: i16) {
        self.push(LDX_MEM | size as u8, to, from, offset, 0);
    }

    /// `*(to + offset) = from`
    pub fn store(&mut self, size: Size, to: Register, offset: i16, from: Register) {
        self.push(STX_MEM | size as u8, to, from, offset, 0);
    }

    /// `r0 = helper(r1, ...)`
    pub fn call(&mut self, helper: i32) {
        self.push(CALL, 0, 0, 0, helper);
    }

    /// Returns r0.
    pub fn exit(&mut self) {
        self.push(EXIT, 0, 0, 0, 0);
    }

    /// Jumps if `register == value`. The target is the place where [`land`](Self::land) is called
    /// with the result.
    pub fn if_equal(&mut self, register: Register, value: i32) -> usize {
        self.push(JUMP_IF_EQUAL, register, 0, 0, value);
        self.code.len()
    }

    /// The place of the next instruction.
    pub fn here(&self) -> usize {
        self.code.len()
    }

    /// Jumps back to `place` if `register != value`.
    pub fn back_unless(&mut self, register: Register, value: i32, place: usize) {
        let back = i16::try_from(self.code.len() + 1 - place).expect("a short program");
        self.push(JUMP_IF_NOT_EQUAL, register, 0, -back, value);
    }

    /// `to = &function`. The function begins where [`begin`](Self::begin) is called with the
    /// result.
    pub fn function(&mut self, to: Register) -> usize {
        self.push(LD_IMM64, to, FUNCTION, 0, 0);
        self.push(0, 0, 0, 0, 0);
        self.code.len() - 1
    }

    /// The jump that gave `jump` leads here.
    pub fn land(&mut self, jump: usize) {
        let offset = i16::try_from(self.code.len() - jump).expect("a short program");
        self.code[jump - 1][2..4].copy_from_slice(&offset.to_ne_bytes());
    }

    /// The function whose address gave `reference` begins here.
    pub fn begin(&mut self, reference: usize) {
        let distance = i32::try_from(self.code.len() - reference).expect("a short program");
        self.code[reference - 1][4..8].copy_from_slice(&distance.to_ne_bytes());
    }

    /// The instructions in the kernel's layout.
    pub(crate) fn code(&self) -> &[[u8; 8]] {
        &self.code
    }

    /// `struct bpf_insn`: the registers are bit fields, whose order follows that of the bytes.
    fn push(&mut self, code: u8, to: Register, from: Register, offset: i16, value: i32) {
        let registers = if cfg!(target_endian = "big") { to << 4 | from } else { from << 4 | to };
        let [o0, o1] = offset.to_ne_bytes();
        let [v0, v1, v2, v3] = value.to_ne_bytes();
        self.code.push([code, registers, o0, o1, v0, v1, v2, v3]);
    }
}
