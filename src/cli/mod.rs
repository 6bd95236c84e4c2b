//! The command line: one file per subcommand.

pub mod exit;
pub mod run;
