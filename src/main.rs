//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
enum Cli {
    Run {
        #[arg(long)]
        config: std::path::PathBuf,
    },
    Demo(channelsync::cli::demo::DemoArgs),
    Sandbox(channelsync::cli::sandbox::SandboxArgs),
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return ExitCode::from(69);
    };
    match Cli::parse() {
        Cli::Run { config } => runtime.block_on(channelsync::cli::run::run(&config)),
        Cli::Demo(args) => runtime.block_on(channelsync::cli::demo::run(args)),
        Cli::Sandbox(args) => runtime.block_on(channelsync::cli::sandbox::run(args)),
    }
}
