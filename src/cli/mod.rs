//! The command line: one file per subcommand.

pub mod exit;
pub mod run;
pub mod sandbox;
pub mod demo;
pub mod audit;
pub mod probe;
