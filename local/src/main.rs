//! The program `local`: `cargo run -p local` starts it.

use std::process::ExitCode;

use clap::Parser;
use local::Command;

#[tokio::main]
async fn main() -> ExitCode {
    let options = local::Options::parse();
    let ended = match functions::log::start(std::io::stderr) {
        Ok(()) => match &options.command {
            None => local::run(options).await,
            Some(Command::Sweep(options)) => local::sweep(options).await,
        }
        .map_err(|error| session_store::error_chain(&error)),
        Err(error) => Err(error.to_string()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
