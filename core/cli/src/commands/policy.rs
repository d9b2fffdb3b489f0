//! `policy`: prints the IAM statements that a config needs. Asks nobody and writes nothing.

use std::path::Path;

use keywheel::Result;
use keywheel::config::Config;

use crate::args::PolicyArgs;
use crate::exit::Exit;
use crate::render::Output;

/// `keywheel policy`.
pub(crate) fn run(path: &Path, args: PolicyArgs, output: &Output) -> Result<Exit> {
    let config = Config::load(path)?;
    let policy = keywheel::iam_policy(&config, args.subject, args.keys_in.as_ref());
    output.show("policy", &policy, || policy.to_string().trim_end().to_owned());
    Ok(Exit::Done)
}
