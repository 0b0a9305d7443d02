//! `sliceway-lab`: reads the environment and the command line, and tells how it ended. It decides nothing.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use labs::{Cli, LabError, Surroundings};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let surroundings = match std::env::current_exe() {
        Ok(program) => Surroundings {
            program,
            home: std::env::var_os("HOME"),
            lab_dir: std::env::var_os("SLICEWAY_LAB_DIR"),
            cache: std::env::var_os("SLICEWAY_CACHE"),
        },
        Err(error) => {
            eprintln!("error: this program cannot find itself: {error}");
            return ExitCode::FAILURE;
        }
    };
    match labs::run(cli, &surroundings) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tell(&error);
            ExitCode::FAILURE
        }
    }
}

fn tell(error: &LabError) {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    eprintln!("error: {words}");
    if let Some(next) = error.next() {
        eprintln!("next:  {next}");
    }
}
