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

use std::ffi::OsString;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::args::Cli;
use crate::exit::Exit;
use crate::render::Output;

/// Runs the program with these arguments, its own name first; returns the exit code.
///
/// Whoever embeds it (the Python package does) has nothing to do but to hand them over and to end with the code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(said) => {
            // Help and version are said this way too. Standard output may be closed, which is no failure of ours.
            let _ = said.print();
            return u8::try_from(said.exit_code()).unwrap_or(2);
        }
    };
    let output = Output::detect(cli.json);
    log_to_stderr();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&format!("the runtime cannot start: {error}"));
            return Exit::Failed.code();
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
    exit.code()
}

/// Log lines go to standard error; `KEYWHEEL_LOG=debug` shows more of them.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("KEYWHEEL_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // An embedding program may have a subscriber of its own.
    let _ = tracing_subscriber::util::SubscriberInitExt::try_init(lines);
}
