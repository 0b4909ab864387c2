//! The machines: which kernels, in which emulator, with programs for what.

use super::apt::AMD64;
use super::boot::{Emulator, X86_64};
use super::kernels::{self, Flavours};
use super::targets::{self, Target};
use crate::packages::Package;

/// What `--arch` calls the kernels that are run without it.
pub(crate) const NATIVE: &str = "x86-64";
/// All of it.
pub(crate) const ALL: &str = "all";

/// A kernel's architecture and page size, and the kinds of processes that it runs.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    /// Debian's name of the kernel's architecture.
    pub(crate) debian: &'static str,
    pub(crate) flavours: Flavours,
    pub(crate) which: Which,
    pub(crate) emulator: Emulator,
    /// The kernel's own kind of process, and its shell.
    pub(crate) native: &'static Target,
    /// Processes of 32 bits, beside its own in the same boot, with what `--arch` calls them.
    pub(crate) narrow: Option<(&'static str, &'static Target)>,
    /// The values that the tests must find there: bytes of a page, bits of the kernel's `unsigned
    /// long`.
    pub(crate) page: u32,
    pub(crate) bits: u32,
}

/// Which of the available kernels run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The oldest and the newest.
    Ends,
    /// One of each minor release, and the oldest.
    Each,
}

impl Machine {
    /// Returns true if all suites run there, and not only those without libbpf.
    pub(crate) fn is_native(&self) -> bool {
        self.name == NATIVE
    }

    /// The kinds of processes that `--arch` asks for with these words.
    pub(crate) fn targets(&self, words: &[String]) -> Vec<&'static Target> {
        let wanted = |name: &str| words.iter().any(|word| word == name || word == ALL);
        let all = [(self.name, self.native)].into_iter().chain(self.narrow);
        all.filter(|(name, _)| wanted(name)).map(|(_, target)| target).collect()
    }

    /// The packages that it needs besides those of every machine.
    pub(crate) fn packages(
        &self,
        targets: &[&'static Target],
    ) -> impl Iterator<Item = &'static Package> {
        let emulators = EMULATORS.iter().filter(|package| package.runs(self.emulator.program));
        emulators.chain(targets.iter().flat_map(|target| target.packages))
    }

    /// The values that its programs must expect, for the kernel's command line.
    pub(crate) fn expectations(&self) -> String {
        let Self { page, bits, .. } = self;
        let stall = if self.is_native() { "" } else { NO_STALL };
        format!("RINGBUF_EXPECT_PAGE={page} RINGBUF_EXPECT_BITS={bits}{stall}")
    }
}

/// On a busy machine an emulator may pause for so long that the kernel reports a stall.
const NO_STALL: &str = " rcupdate.rcu_cpu_stall_suppress=1";

/// The words that `--arch` takes.
pub(crate) fn names() -> Vec<&'static str> {
    let machines = MACHINES.iter().map(|machine| machine.name);
    let narrow = MACHINES.iter().filter_map(|machine| Some(machine.narrow?.0));
    machines.chain(narrow).chain([ALL]).collect()
}

/// All packages that any machine needs in Debian's archive, by architecture: the kernels' flavours.
pub(crate) fn flavours(debian: &str) -> Flavours {
    match debian {
        "arm64" => &["-arm64-16k", "-cloud-arm64"],
        other => {
            let machine = MACHINES.iter().find(|machine| machine.debian == other);
            machine.map_or(&[], |machine| machine.flavours)
        }
    }
}

/// In the order of the table.
pub(crate) const MACHINES: &[Machine] = &[
    Machine {
        name: NATIVE,
        debian: AMD64,
        flavours: kernels::AMD64,
        which: Which::Each,
        emulator: X86_64,
        native: &targets::X86_64,
        narrow: Some(("i686-on-amd64", &targets::I686)),
        page: 4096,
        bits: 64,
    },
    Machine {
        name: "arm64",
        debian: "arm64",
        flavours: &["-cloud-arm64"],
        which: Which::Each,
        emulator: ARM64,
        native: &targets::AARCH64,
        narrow: Some(("armv7-on-arm64", &targets::ARMV7)),
        page: 4096,
        bits: 64,
    },
    Machine {
        name: "arm64-16k",
        debian: "arm64",
        flavours: &["-arm64-16k"],
        which: Which::Ends,
        emulator: ARM64,
        native: &targets::AARCH64,
        narrow: Some(("armv7-on-arm64-16k", &targets::ARMV7)),
        page: 16384,
        bits: 64,
    },
    Machine {
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
        native: &targets::POWERPC64LE,
        narrow: None,
        page: 65536,
        bits: 64,
    },
    Machine {
        name: "s390x",
        debian: "s390x",
        flavours: &["-s390x"],
        which: Which::Ends,
        emulator: Emulator {
            program: "qemu-system-s390x",
            args: &["-machine", "s390-ccw-virtio", "-cpu", "max", "-m", "1024"],
            append: "console=ttysclp0",
        },
        native: &targets::S390X,
        narrow: None,
        page: 4096,
        bits: 64,
    },
    Machine {
        name: "riscv64",
        debian: "riscv64",
        flavours: &["-riscv64"],
        which: Which::Ends,
        emulator: Emulator {
            program: "qemu-system-riscv64",
            args: &["-machine", "virt", "-cpu", "rv64", "-m", "1024"],
            append: "console=ttyS0 sysctl.net.core.bpf_jit_enable=1",
        },
        native: &targets::RISCV64,
        narrow: None,
        page: 4096,
        bits: 64,
    },
    Machine {
        name: "i386",
        debian: "i386",
        flavours: &["-686"],
        which: Which::Each,
        emulator: Emulator {
            program: "qemu-system-i386",
            // With the model "max" and two processors, the kernel prints complaints.
            args: &["-machine", "pc", "-cpu", "max,vendor=GenuineIntel", "-m", "1024"],
            append: X86_64.append,
        },
        native: &targets::I686,
        narrow: None,
        page: 4096,
        bits: 32,
    },
    Machine {
        name: "armhf",
        debian: "armhf",
        flavours: &["-armmp"],
        which: Which::Each,
        emulator: Emulator {
            program: "qemu-system-arm",
            args: &["-machine", "virt", "-cpu", "cortex-a15", "-m", "1024"],
            append: "console=ttyAMA0",
        },
        native: &targets::ARMV7,
        narrow: None,
        page: 4096,
        bits: 32,
    },
];

const ARM64: Emulator = Emulator {
    program: "qemu-system-aarch64",
    // Signed pointers cost a fifth of the time, and test nothing of ours.
    args: &["-machine", "virt,gic-version=3", "-cpu", "max,pauth=off,sve=off", "-m", "1024"],
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_can_be_fetched_and_started() {
        for machine in MACHINES {
            let all = flavours(machine.debian);
            assert!(machine.flavours.iter().all(|f| all.contains(f)), "{}", machine.name);
            assert!(machine.packages(&[machine.native]).count() >= 2, "{}", machine.name);
            assert!(machine.emulator.append.contains("console="), "{}", machine.name);
        }
        let mut names = names();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_64_bit_kernel_that_can_run_a_32_bit_program_does() {
        for machine in MACHINES {
            let can = machine.name == NATIVE || machine.debian == "arm64";
            assert_eq!(machine.narrow.is_some(), can, "{}", machine.name);
        }
    }

    #[test]
    fn words_name_machines_and_processes_on_them() {
        let targets = |machine: &Machine, words: &[&str]| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            machine.targets(&words).iter().map(|target| target.processor()).collect::<Vec<_>>()
        };
        let [x86, arm] = [&MACHINES[0], &MACHINES[1]];
        assert_eq!(targets(x86, &[NATIVE]), ["x86_64"]);
        assert_eq!(targets(x86, &["i686-on-amd64"]), ["i686"]);
        assert_eq!(targets(x86, &["i686-on-amd64", NATIVE]), ["x86_64", "i686"]);
        assert_eq!(targets(arm, &[NATIVE]), [""; 0]);
        assert_eq!(targets(arm, &[ALL]), ["aarch64", "armv7"]);
        assert!(x86.expectations().contains("BITS=64") && !x86.expectations().contains("stall"));
    }
}
