//! `cargo run -p local`.

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let options = local::Options::parse();
    let ended = match functions::log::start(std::io::stderr) {
        Ok(()) => local::run(options).await.map_err(|error| session_store::chain(&error)),
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
