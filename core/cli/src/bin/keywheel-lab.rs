//! The program `keywheel-lab`: the same with `emulate` and `demo`, under a name of its own, so that it can be installed
//! beside a `keywheel` that has neither.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(keywheel_cli::run(std::env::args_os()))
}
