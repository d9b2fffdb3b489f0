//! What can be said on the command line, and what it means.
//!
//! Parsing only: nothing here acts, reads a file or asks the environment.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use keywheel::adapters::oci::iam::IamSubject;
use keywheel::config::{CredentialKind, parse_duration};
use keywheel::model::{CompartmentId, KeyId, KeyVersionId, Region};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "keywheel",
    version,
    about = "Rotates the keys of an OCI tenancy and proves that it did",
    after_help = crate::exit::HELP,
    max_term_width = 110
)]
pub(crate) struct Cli {
    /// The config file.
    #[arg(long, global = true, value_name = "FILE", default_value = "keywheel.toml")]
    pub(crate) config: PathBuf,

    /// Write JSON lines to standard output, for machines.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look at the tenancy and write a commented config.
    Init(InitArgs),
    /// Say what is due, and when the rest will be.
    Due(DueArgs),
    /// Say what a rotation would do; changes nothing, anywhere.
    Plan(PlanArgs),
    /// Rotate what is due, or one key.
    Rotate(RotateArgs),
    /// Say where a rotation stands, with its evidence.
    Status(StatusArgs),
    /// List rotations that are open.
    List,
    /// List all rotations, of one key or of all.
    History(HistoryArgs),
    /// Say how things stand in numbers, as Prometheus's text format (or JSON lines).
    Metrics,
    /// Let an open rotation rest until somebody resumes it.
    Pause(PauseArgs),
    /// Go on with a rotation that was paused, killed or left.
    Resume(ResumeArgs),
    /// Give up a rotation that has not minted yet.
    Cancel(CancelArgs),
    /// Test what rotations rely on: the assumptions A1 to A7, with values, sources and what was seen.
    Doctor(DoctorArgs),
    /// Print the IAM statements that this config needs, and no more; asks nobody.
    Policy(PolicyArgs),
    /// Run an OCI of one's own on this machine (lab build).
    #[cfg(feature = "lab")]
    Emulate(EmulateArgs),
    /// Rotate a key before your eyes, with a kill in the middle (lab build).
    #[cfg(feature = "lab")]
    Demo(DemoArgs),
}

/// `policy`.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// Who rotates: "dynamic-group NAME", "group NAME" or "any-user".
    #[arg(long, value_name = "SUBJECT", default_value = "dynamic-group keywheel", value_parser = subject)]
    pub(crate) subject: IamSubject,
    /// The compartment of vaults and keys; statements about them hold in the whole tenancy without it.
    #[arg(long, value_name = "OCID")]
    pub(crate) keys_in: Option<CompartmentId>,
}

/// `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The OCI CLI's config file.
    #[arg(long, value_name = "FILE", default_value = "~/.oci/config")]
    pub(crate) oci_config: String,
    /// Its section.
    #[arg(long, default_value = "DEFAULT")]
    pub(crate) profile: String,
    /// A file with the private key's passphrase.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<String>,
    /// Who signs: profile, session_token, instance_principal, resource_principal or workload_identity.
    #[arg(long, value_name = "KIND", default_value = "profile", value_parser = credentials)]
    pub(crate) credentials: CredentialKind,
    /// Look only in these regions.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Vec<Region>,
    /// Rehearse against a loopback endpoint: REGION=http://127.0.0.1:PORT.
    #[arg(long, value_name = "REGION=URL", value_parser = endpoint)]
    pub(crate) endpoint: Vec<(Region, String)>,
    /// Manage this key from the start; the others become comments.
    #[arg(long, value_name = "OCID")]
    pub(crate) key: Vec<KeyId>,
    /// Replace a config that is there already.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `due`.
#[derive(Debug, Args)]
pub(crate) struct DueArgs {
    /// Exit with 5 if something is due, behind or open, with 9 if somebody scheduled a deletion.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The key; all that is due without it.
    pub(crate) key: Option<KeyId>,
}

/// `rotate`.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The key, if it is due; all that is due without it.
    pub(crate) key: Option<KeyId>,
    /// Go ahead without asking.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Rotate the key now, due or not; say which rotation is meant with --supersedes or --request-id.
    #[arg(long, requires = "key")]
    pub(crate) now: bool,
    /// The version to supersede: two people who mean the same rotation say the same.
    #[arg(long, value_name = "OCID", requires = "now", conflicts_with = "request_id")]
    pub(crate) supersedes: Option<KeyVersionId>,
    /// A name for this wish that the journal remembers: asking twice rotates once.
    #[arg(long, value_name = "NAME", requires = "now")]
    pub(crate) request_id: Option<String>,
    /// Stop after this long, all keys together, and leave the rest to `resume`.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) run_for: Option<Duration>,
}

/// `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The rotation; a prefix of its id will do. Without it: every open one.
    pub(crate) rotation: Option<String>,
    /// Name every dependent with what became of it.
    #[arg(long)]
    pub(crate) dependents: bool,
}

/// `history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The key; all keys without it.
    pub(crate) key: Option<KeyId>,
}

/// `pause`.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The rotation; a prefix of its id will do.
    pub(crate) rotation: String,
    /// Why; it is written into the journal.
    #[arg(long, default_value = "asked for on the command line")]
    pub(crate) why: String,
}

/// `resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The rotation; a prefix of its id will do. Without it: the only open one.
    pub(crate) rotation: Option<String>,
    /// Stop after this long.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) run_for: Option<Duration>,
}

/// `cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The rotation; a prefix of its id will do.
    pub(crate) rotation: String,
    /// `due` does not start it again before this instant (2027-01-01T00:00:00Z) or for this long (7d).
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
}

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Test by minting on this key too: it must protect nothing and carry the free-form tag
    /// keywheel-throw-away = true. The versions can never be removed.
    #[arg(long, value_name = "KEY")]
    pub(crate) live: Option<KeyId>,
    /// Mint without asking.
    #[arg(long, short, requires = "live")]
    pub(crate) yes: bool,
    /// Who rotates, as IAM calls it: "dynamic-group NAME", "group NAME" or "any-user". Statements are shown for it, and
    /// policies are read for what allows it too much.
    #[arg(long, value_name = "SUBJECT", value_parser = subject)]
    pub(crate) subject: Option<IamSubject>,
}

/// `emulate`.
#[cfg(feature = "lab")]
#[derive(Debug, Args)]
pub(crate) struct EmulateArgs {
    /// Where the OCI config, its key and a keywheel.toml are written.
    #[arg(long, value_name = "DIR", default_value = "keywheel-lab")]
    pub(crate) dir: PathBuf,
    /// Stop by itself after this long; without it, on Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) run_for: Option<Duration>,
    /// Buckets in the seeded tenancy.
    #[arg(long, default_value_t = 24)]
    pub(crate) buckets: u32,
    /// Volumes and boot volumes under the same key, every second with a backup; they need a successor key.
    #[arg(long, default_value_t = 0)]
    pub(crate) volumes: u32,
}

/// `demo`.
#[cfg(feature = "lab")]
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where the demo keeps its tenancy and its journal.
    #[arg(long, value_name = "DIR", default_value = "target/keywheel-demo")]
    pub(crate) dir: PathBuf,
    /// Start over with a new tenancy.
    #[arg(long)]
    pub(crate) fresh: bool,
}

fn subject(text: &str) -> Result<IamSubject, String> {
    IamSubject::parse(text).map_err(|error| error.to_string())
}

fn credentials(text: &str) -> Result<CredentialKind, &'static str> {
    CredentialKind::named(text).ok_or("there is no such kind of credentials; see --help")
}

fn endpoint(text: &str) -> Result<(Region, String), String> {
    let (region, url) = text.split_once('=').ok_or("write REGION=http://127.0.0.1:PORT")?;
    Ok((Region::parse(region).map_err(|error| error.to_string())?, url.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_request_id_needs_now_and_now_needs_a_key() {
        let parse = |args: &[&str]| Cli::try_parse_from([&["keywheel", "rotate"], args].concat());
        let key = "ocid1.key.oc1.iad.v.k";
        assert!(parse(&[key, "--now", "--request-id", "x"]).is_ok());
        assert!(parse(&[key, "--request-id", "x"]).is_err());
        assert!(parse(&["--now"]).is_err());
        assert!(parse(&["ocid1.vault.oc1.iad.v.k"]).is_err());
    }
}
