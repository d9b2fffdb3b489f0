//! keywheel on the command line: parse, call one `Rotator` call, show what it answered.
//!
//! No decision about keys is taken here. Whatever this program knows, an embedding application
//! can know through the same calls.

mod args;
mod commands;
mod exit;
#[cfg(feature = "lab")]
mod lab;
mod render;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::args::Cli;
use crate::exit::Exit;
use crate::render::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::detect(cli.json);
    log_to_stderr();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&format!("the runtime cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = commands::run(cli, &output) => ended,
            // Dropping the command is a crash for the rotation, and a crash is safe.
            _ = tokio::signal::ctrl_c() => {
                output.failure("interrupted; nothing is lost: `keywheel list` shows what is open, `keywheel resume` goes on");
                Ok(Exit::Interrupted)
            }
        }
    });
    let exit = ended.unwrap_or_else(|error| {
        output.error(&error);
        Exit::of(&error)
    });
    // A thread that sleeps or a request in flight must not keep the program from ending.
    runtime.shutdown_background();
    exit.into()
}

/// Log lines go to standard error; `KEYWHEEL_LOG=debug` shows more of them.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("KEYWHEEL_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
}
