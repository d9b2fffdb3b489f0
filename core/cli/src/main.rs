//! The program `keywheel`: its arguments in, its exit code out. Everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(keywheel_cli::run(std::env::args_os()))
}
