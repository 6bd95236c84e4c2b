//! Exit codes and how errors look.
#![expect(clippy::print_stderr, reason = "this is where errors are printed")]

use std::process::ExitCode;

use crate::daemon::StartError;
use crate::settings::Faults;

/// Found something: drift, a failed verify.
pub const FOUND: u8 = 1;
/// Wrong usage.
pub const USAGE: u8 = 2;
/// Something needed is not there.
pub const UNAVAILABLE: u8 = 69;
/// Try again.
pub const TRY_AGAIN: u8 = 75;
/// Wrong configuration.
pub const CONFIGURATION: u8 = 78;

/// Prints an error and what to do next.
pub fn error(what: &str, help: Option<&str>) {
    eprintln!("error: {what}");
    if let Some(help) = help {
        eprintln!("help: {help}");
    }
}

/// All faults of the configuration.
pub fn configuration(faults: &Faults) -> ExitCode {
    eprintln!("{faults}");
    ExitCode::from(CONFIGURATION)
}

/// Why the daemon did not start.
pub fn start(fault: &StartError) -> ExitCode {
    error(&fault.what, fault.help.as_deref());
    ExitCode::from(UNAVAILABLE)
}
