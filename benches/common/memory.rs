//! What the system says about this process's memory.

/// Resident bytes, now and at the most so far.
pub(crate) struct Memory {
    /// `VmRSS`.
    pub(crate) now: f64,
    /// `VmHWM`.
    pub(crate) most: f64,
}

/// Reads both, in MiB.
pub(crate) fn memory() -> Memory {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.unwrap_or(f64::NAN) / 1024.0
    };
    Memory {
        now: mib("VmRSS:"),
        most: mib("VmHWM:"),
    }
}
