//! The other machines: which kernels, in which emulator, with programs for what.

use super::apt::AMD64;
use super::boot::{Emulator, X86_64};
use super::kernels::Flavours;
use crate::packages::Package;

/// What `--arch` calls the kernels that are run without it.
pub(crate) const NATIVE: &str = "x86-64";
/// All of it.
pub(crate) const ALL: &str = "all";

/// One machine: a kernel's architecture and page size, and what its processes are.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Debian's name of the kernel's architecture.
    pub(crate) debian: &'static str,
    pub(crate) flavours: Flavours,
    pub(crate) which: Which,
    pub(crate) emulator: Emulator,
    pub(crate) target: &'static Target,
    /// What must be found there: bytes of a page, bits of the kernel's `unsigned long`.
    pub(crate) page: u32,
    pub(crate) bits: u32,
}

/// Which kernels of those that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The oldest and the newest.
    Ends,
    /// One of each minor release, and the oldest.
    Each,
}

/// What a program is built for, and with.
#[derive(Debug)]
pub(crate) struct Target {
    /// rustc's name.
    pub(crate) rust: &'static str,
    pub(crate) linker: &'static str,
    /// Debian's name, for the shell that the programs have beside them.
    pub(crate) debian: &'static str,
    packages: &'static [Package],
}

impl Case {
    /// The packages that it needs besides those of the x86-64 kernels.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &'static Package> {
        let emulators = EMULATORS.iter().filter(|package| package.runs(self.emulator.program));
        emulators.chain(self.target.packages)
    }

    /// What its programs are told to expect, on the kernel's command line. On a busy machine an
    /// emulator stands still for longer than the kernel waits before it complains of a stall.
    pub(crate) fn expectations(&self) -> String {
        let Self { page, bits, .. } = self;
        format!(
            "RINGBUF_EXPECT_PAGE={page} RINGBUF_EXPECT_BITS={bits} \
             rcupdate.rcu_cpu_stall_suppress=1"
        )
    }
}

/// The words that `--arch` takes.
pub(crate) fn names() -> Vec<&'static str> {
    let cases = CASES.iter().map(|case| case.name);
    [NATIVE].into_iter().chain(cases).chain([ALL]).collect()
}

/// All packages that any case needs in Debian's archive, by architecture: the kernels' flavours.
pub(crate) fn flavours(debian: &str) -> Flavours {
    match debian {
        "arm64" => &["-arm64-16k", "-cloud-arm64"],
        AMD64 => super::kernels::AMD64,
        other => {
            let case = CASES.iter().find(|case| case.debian == other);
            case.map_or(&[], |case| case.flavours)
        }
    }
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "arm64-16k",
        debian: "arm64",
        flavours: &["-arm64-16k"],
        which: Which::Ends,
        emulator: ARM64,
        target: &AARCH64,
        page: 16384,
        bits: 64,
    },
    Case {
        name: "ppc64el-64k",
        debian: "ppc64el",
        flavours: &["-powerpc64le-64k"],
        which: Which::Ends,
        emulator: Emulator {
            program: "qemu-system-ppc64",
            args: &[
                "-machine",
                "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off",
                "-cpu",
                "power9",
                "-m",
                "2048",
                "-vga",
                "none",
            ],
            append: "console=hvc0",
        },
        target: &POWERPC64LE,
        page: 65536,
        bits: 64,
    },
    Case {
        name: "s390x",
        debian: "s390x",
        flavours: &["-s390x"],
        which: Which::Ends,
        emulator: Emulator {
            program: "qemu-system-s390x",
            args: &["-machine", "s390-ccw-virtio", "-cpu", "max", "-m", "1024"],
            append: "console=ttysclp0",
        },
        target: &S390X,
        page: 4096,
        bits: 64,
    },
    Case {
        name: "riscv64",
        debian: "riscv64",
        flavours: &["-riscv64"],
        which: Which::Ends,
        emulator: Emulator {
            program: "qemu-system-riscv64",
            args: &["-machine", "virt", "-cpu", "rv64", "-m", "1024"],
            append: "console=ttyS0 sysctl.net.core.bpf_jit_enable=1",
        },
        target: &RISCV64,
        page: 4096,
        bits: 64,
    },
    Case {
        name: "i386",
        debian: "i386",
        flavours: &["-686"],
        which: Which::Each,
        emulator: Emulator {
            program: "qemu-system-i386",
            // The kernel complains of two processors of the model that "max" claims to be.
            args: &["-machine", "pc", "-cpu", "max,vendor=GenuineIntel", "-m", "1024"],
            append: X86_64.append,
        },
        target: &I686,
        page: 4096,
        bits: 32,
    },
    Case {
        name: "armhf",
        debian: "armhf",
        flavours: &["-armmp"],
        which: Which::Each,
        emulator: Emulator {
            program: "qemu-system-arm",
            args: &["-machine", "virt", "-cpu", "cortex-a15", "-m", "1024"],
            append: "console=ttyAMA0",
        },
        target: &ARMV7,
        page: 4096,
        bits: 32,
    },
    Case {
        name: "i686-on-amd64",
        debian: AMD64,
        flavours: super::kernels::AMD64,
        which: Which::Ends,
        emulator: X86_64,
        target: &I686,
        page: 4096,
        bits: 64,
    },
    Case {
        name: "armv7-on-arm64",
        debian: "arm64",
        flavours: &["-cloud-arm64"],
        which: Which::Ends,
        emulator: ARM64,
        target: &ARMV7,
        page: 4096,
        bits: 64,
    },
    Case {
        name: "armv7-on-arm64-16k",
        debian: "arm64",
        flavours: &["-arm64-16k"],
        which: Which::Ends,
        emulator: ARM64,
        target: &ARMV7,
        page: 16384,
        bits: 64,
    },
];

const ARM64: Emulator = Emulator {
    program: "qemu-system-aarch64",
    args: &["-machine", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on", "-m", "1024"],
    append: "console=ttyAMA0",
};

const EMULATORS: &[Package] = &[
    Package::running("qemu-system-arm", "boots kernels for ARM", "qemu-system-arm"),
    Package::running("qemu-system-arm", "boots kernels for ARM", "qemu-system-aarch64"),
    Package::running("qemu-system-ppc", "boots kernels for POWER", "qemu-system-ppc64"),
    Package::running("qemu-system-misc", "boots kernels for s390x", "qemu-system-s390x"),
    Package::running("qemu-system-misc", "boots kernels for RISC-V", "qemu-system-riscv64"),
    Package::running("qemu-system-x86", "boots the kernels", "qemu-system-i386"),
];

const LINKS: &str = "links programs for that architecture";
const STATIC: &str = "is the C library of that architecture";

static AARCH64: Target = Target {
    rust: "aarch64-unknown-linux-gnu",
    linker: "aarch64-linux-gnu-gcc",
    debian: "arm64",
    packages: &[
        Package::running("gcc-aarch64-linux-gnu", LINKS, "aarch64-linux-gnu-gcc"),
        Package::with("libc6-dev-arm64-cross", STATIC, &["/usr/aarch64-linux-gnu/lib/libc.a"]),
    ],
};
static POWERPC64LE: Target = Target {
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
};
static S390X: Target = Target {
    rust: "s390x-unknown-linux-gnu",
    linker: "s390x-linux-gnu-gcc",
    debian: "s390x",
    packages: &[
        Package::running("gcc-s390x-linux-gnu", LINKS, "s390x-linux-gnu-gcc"),
        Package::with("libc6-dev-s390x-cross", STATIC, &["/usr/s390x-linux-gnu/lib/libc.a"]),
    ],
};
static RISCV64: Target = Target {
    rust: "riscv64gc-unknown-linux-gnu",
    linker: "riscv64-linux-gnu-gcc",
    debian: "riscv64",
    packages: &[
        Package::running("gcc-riscv64-linux-gnu", LINKS, "riscv64-linux-gnu-gcc"),
        Package::with("libc6-dev-riscv64-cross", STATIC, &["/usr/riscv64-linux-gnu/lib/libc.a"]),
    ],
};
static I686: Target = Target {
    rust: "i686-unknown-linux-gnu",
    linker: "i686-linux-gnu-gcc",
    debian: "i386",
    packages: &[
        Package::running("gcc-i686-linux-gnu", LINKS, "i686-linux-gnu-gcc"),
        Package::with("libc6-dev-i386-cross", STATIC, &["/usr/i686-linux-gnu/lib/libc.a"]),
    ],
};
static ARMV7: Target = Target {
    rust: "armv7-unknown-linux-gnueabihf",
    linker: "arm-linux-gnueabihf-gcc",
    debian: "armhf",
    packages: &[
        Package::running("gcc-arm-linux-gnueabihf", LINKS, "arm-linux-gnueabihf-gcc"),
        Package::with("libc6-dev-armhf-cross", STATIC, &["/usr/arm-linux-gnueabihf/lib/libc.a"]),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_can_be_fetched_and_started() {
        for case in CASES {
            let all = flavours(case.debian);
            assert!(case.flavours.iter().all(|flavour| all.contains(flavour)), "{}", case.name);
            assert!(case.packages().count() >= 2, "{}", case.name);
            assert!(case.emulator.append.contains("console="), "{}", case.name);
        }
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CASES.len() + 2);
    }
}
