//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(channelsync::cli::main(std::env::args_os()).code())
}
