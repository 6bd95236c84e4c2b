//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return ExitCode::from(69);
    };
    let dir = std::env::args().nth(1).unwrap_or_default();
    runtime.block_on(channelsync::cli::run::run(std::path::Path::new(&dir)))
}
