//! The binary `sliceway`: the server, the CLI, and the data path's service. What is ambient (TLS provider, environment,
//! clock, randomness) is taken here and handed on.

use clap::Parser;
use orchestrator::cli::{Cli, completions, run};
use std::process::ExitCode;
use std::time::Duration;

/// Documents are trees of small pieces: the C library's allocator took a third of what the server computes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The only provider that is built in; a second call would be the only way to fail.
    let _ = rustls::crypto::ring::default_provider().install_default();
    completions();
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(run(cli));
            // What still waits somewhere holds up no end.
            runtime.shutdown_timeout(Duration::from_secs(1));
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!("error: no runtime: {error}");
            ExitCode::FAILURE
        }
    }
}
