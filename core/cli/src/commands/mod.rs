//! One file per verb, each a few lines around one `Rotator` call.

mod doctor;
mod init;
mod policy;
mod rotate;
mod steer;
mod view;

use std::path::Path;

use keywheel::{Result, Rotator};

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::render::Output;

/// Does what was asked for.
pub(crate) async fn run(cli: Cli, output: &Output) -> Result<Exit> {
    let config = cli.config.as_path();
    match cli.command {
        Command::Init(args) => init::run(config, &args, output).await,
        Command::Due(args) => view::due(&open(config).await?, &args, output).await,
        Command::Plan(args) => view::plan(&open(config).await?, &args, output).await,
        Command::Rotate(args) => {
            rotate::may_go(&args, output)?;
            rotate::rotate(&open(config).await?, args, output).await
        }
        Command::Status(args) => view::status(&open(config).await?, &args, output).await,
        Command::List => view::list(&open(config).await?, output).await,
        Command::History(args) => view::history(&open(config).await?, &args, output).await,
        Command::Metrics => view::metrics(&open(config).await?, output).await,
        Command::Pause(args) => steer::pause(&open(config).await?, &args, output).await,
        Command::Resume(args) => rotate::resume(&open(config).await?, &args, output).await,
        Command::Cancel(args) => steer::cancel(&open(config).await?, &args, output).await,
        Command::Doctor(args) => {
            doctor::may_go(&args, output)?;
            doctor::run(&open(config).await?, &args, output).await
        }
        Command::Policy(args) => policy::run(config, args, output),
        #[cfg(feature = "lab")]
        Command::Emulate(args) => crate::lab::emulate::run(&args, output).await,
        #[cfg(feature = "lab")]
        Command::Demo(args) => crate::lab::demo::run(&args, output).await,
    }
}

/// Opens what the config describes; in a lab build, with a kill point where one was asked for.
async fn open(config: &Path) -> Result<Rotator> {
    #[cfg(feature = "lab")]
    if let Some(rotator) = crate::lab::kill::armed(config).await? {
        return Ok(rotator);
    }
    Rotator::from_config(config).await
}
