//! The targets of the programs, and the tools that build them.

use super::apt::AMD64;
use crate::packages::{self, Package};

/// The target of a program, and the tools that build it.
#[derive(Debug)]
pub(crate) struct Target {
    /// rustc's name.
    pub(crate) rust: &'static str,
    pub(crate) linker: &'static str,
    /// Debian's name of the architecture, for the shell in the same file system.
    pub(crate) debian: &'static str,
    pub(crate) packages: &'static [Package],
    /// Further flags of rustc.
    pub(crate) flags: &'static [&'static str],
}

impl Target {
    /// The processor: it follows the name of a suite for another kind of process.
    pub(crate) fn processor(&self) -> &'static str {
        self.rust.split('-').next().unwrap_or(self.rust)
    }
}

const LINKS: &str = "links programs for that architecture";
const STATIC: &str = "is the C library of that architecture";

/// Otherwise the segments of a program are 4 KiB apart, and two of them would share a page of 16
/// KiB. Such a program dies before its first instruction.
const ALIGNED: &[&str] = &["-C", "link-arg=-Wl,-z,max-page-size=65536"];

/// This target has more tests, with the C part, and its standard library is installed.
pub(crate) static X86_64: Target = Target {
    rust: "x86_64-unknown-linux-gnu",
    linker: "gcc",
    debian: AMD64,
    packages: packages::BPF,
    flags: &[],
};

pub(crate) static AARCH64: Target = Target {
    rust: "aarch64-unknown-linux-gnu",
    linker: "aarch64-linux-gnu-gcc",
    debian: "arm64",
    packages: &[
        Package::running("gcc-aarch64-linux-gnu", LINKS, "aarch64-linux-gnu-gcc"),
        Package::with("libc6-dev-arm64-cross", STATIC, &["/usr/aarch64-linux-gnu/lib/libc.a"]),
    ],
    flags: &[],
};
pub(crate) static POWERPC64LE: Target = Target {
    rust: "powerpc64le-unknown-linux-gnu",
    linker: "powerpc64le-linux-gnu-gcc",
    debian: "ppc64el",
    packages: &[
        Package::running("gcc-powerpc64le-linux-gnu", LINKS, "powerpc64le-linux-gnu-gcc"),
        Package::with(
            "libc6-dev-ppc64el-cross",
            STATIC,
            &["/usr/powerpc64le-linux-gnu/lib/libc.a"],
        ),
    ],
    flags: &[],
};
pub(crate) static S390X: Target = Target {
    rust: "s390x-unknown-linux-gnu",
    linker: "s390x-linux-gnu-gcc",
    debian: "s390x",
    packages: &[
        Package::running("gcc-s390x-linux-gnu", LINKS, "s390x-linux-gnu-gcc"),
        Package::with("libc6-dev-s390x-cross", STATIC, &["/usr/s390x-linux-gnu/lib/libc.a"]),
    ],
    flags: &[],
};
pub(crate) static RISCV64: Target = Target {
    rust: "riscv64gc-unknown-linux-gnu",
    linker: "riscv64-linux-gnu-gcc",
    debian: "riscv64",
    packages: &[
        Package::running("gcc-riscv64-linux-gnu", LINKS, "riscv64-linux-gnu-gcc"),
        Package::with("libc6-dev-riscv64-cross", STATIC, &["/usr/riscv64-linux-gnu/lib/libc.a"]),
    ],
    flags: &[],
};
pub(crate) static I686: Target = Target {
    rust: "i686-unknown-linux-gnu",
    linker: "i686-linux-gnu-gcc",
    debian: "i386",
    packages: &[
        Package::running("gcc-i686-linux-gnu", LINKS, "i686-linux-gnu-gcc"),
        Package::with("libc6-dev-i386-cross", STATIC, &["/usr/i686-linux-gnu/lib/libc.a"]),
    ],
    flags: &[],
};
pub(crate) static ARMV7: Target = Target {
    rust: "armv7-unknown-linux-gnueabihf",
    linker: "arm-linux-gnueabihf-gcc",
    debian: "armhf",
    packages: &[
        Package::running("gcc-arm-linux-gnueabihf", LINKS, "arm-linux-gnueabihf-gcc"),
        Package::with("libc6-dev-armhf-cross", STATIC, &["/usr/arm-linux-gnueabihf/lib/libc.a"]),
    ],
    flags: ALIGNED,
};
