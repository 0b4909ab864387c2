//! The machine on which the figures were taken.

use std::fmt;
use std::fs;

use ringbuf_tests::online_cpus;
use serde::Serialize;

/// The facts to know before a comparison with another machine.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor, as it names itself.
    pub processor: String,
    /// CPUs online.
    pub cpus: usize,
    /// The kernel's release.
    pub kernel: String,
    /// Whether a hypervisor is underneath.
    pub virtualised: bool,
    /// Tasks that ran or waited to run, over the last minute.
    pub load: f64,
    /// The clock's source.
    pub clock: String,
}

impl Machine {
    /// This machine, now.
    pub fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let cpuinfo = read("/proc/cpuinfo");
        let field = |name| {
            let lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
            let mut named = lines.filter(|(key, _)| key.trim() == name);
            named.next().map(|(_, value)| value.trim().to_owned())
        };
        let flags = field("flags").unwrap_or_default();
        let load = read("/proc/loadavg");
        let clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        Self {
            processor: field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cpus: online_cpus().len(),
            kernel: read("/proc/sys/kernel/osrelease"),
            virtualised: flags.split_whitespace().any(|flag| flag == "hypervisor"),
            load: load.split_whitespace().next().and_then(|l| l.parse().ok()).unwrap_or(0.0),
            clock: read(clock),
        }
    }

    /// Reasons to trust the figures less than usual.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.load > 0.5 {
            let load = self.load;
            warnings.push(format!("load average {load:.2}: other work shares the CPUs"));
        }
        if self.virtualised {
            warnings.push("virtual machine: interrupts cost more, CPUs move".to_owned());
        }
        if !["tsc", "kvm-clock", "arch_sys_counter"].contains(&self.clock.as_str()) {
            let clock = &self.clock;
            warnings.push(format!("clock source {clock}: reading the time may be a system call"));
        }
        warnings
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.virtualised { "virtual machine" } else { "no hypervisor" };
        let Self { processor, cpus, kernel, load, clock, .. } = self;
        write!(f, "{processor}, {cpus} CPUs, {kind}; Linux {kernel}; clock {clock}; ")?;
        write!(f, "load {load:.2}")
    }
}
