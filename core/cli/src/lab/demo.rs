//! `keywheel demo`: a whole rotation before one's eyes, killed in the middle and resumed.
//!
//! The emulator lives in this process; what rotates is a child of it, the very program one would
//! run against a tenancy. What is claimed at the end is read from World's own books, not from the journal.

#![allow(
    clippy::disallowed_methods,
    reason = "the demo lives by the wall clock and looks at World many times a second"
)]

use std::process::Stdio;
use std::time::{Duration, Instant};

use keywheel::config::show_duration;
use keywheel::memory::{FaultPlan, WorldSettings};
use keywheel::model::{KeyVersionId, Margins, ResourceId, Timestamp};
use keywheel::{Error, ErrorKind, Result};
use serde_json::json;
use tokio::process::{Child, Command};

use super::emulate::Lab;
use super::files::{Folder, TenancyState};
use super::seed::{KEY_AGE, Seed};
use crate::args::DemoArgs;
use crate::exit::Exit;
use crate::render::{Colour, Output};

const BUCKETS: u32 = 160;
const VOLUMES: u32 = 16;
const CLUSTERS: u32 = 1;
const COMPARTMENTS: u32 = 8;
/// The child dies once this share of the buckets, in percent, has been re-keyed.
const KILL_AT_PERCENT: usize = 60;

/// `keywheel demo`.
pub(crate) async fn run(args: &DemoArgs, output: &Output) -> Result<Exit> {
    let folder = Folder::make(&args.dir)?;
    let state = if args.fresh { None } else { folder.read_state() };
    if state.is_none() {
        folder.forget()?;
    }
    let seed = Seed {
        at: state.as_ref().map_or_else(Timestamp::now, |state| state.seeded_at),
        buckets: BUCKETS,
        volumes: if state.is_none() { VOLUMES } else { 0 },
        clusters: CLUSTERS,
        compartments: COMPARTMENTS,
        minted: state.as_ref().map(|state| state.minted.clone()),
        successor: state.as_ref().map(|state| state.successor.clone()),
        settings: world(),
    };
    let seeded_at = seed.at;
    let lab = Lab::start(folder, seed.grow(Timestamp::now)).await?;
    let program = std::env::current_exe().map_err(|error| failed("this program does not know its own path", error))?;
    let demo = Demo { lab, program, output: *output };
    match state {
        Some(state) => demo.again(&state).await,
        None => demo.first(seeded_at).await,
    }
}

/// Work requests of a second, the rest as in every lab.
fn world() -> WorldSettings {
    WorldSettings {
        work_request_wait: Duration::from_millis(100),
        work_request_duration: Duration::from_millis(900),
        kms_per_second: Some(10),
        ..WorldSettings::lab()
    }
}

struct Demo {
    lab: Lab,
    program: std::path::PathBuf,
    output: Output,
}

impl Demo {
    async fn first(&self, seeded_at: Timestamp) -> Result<Exit> {
        let (tenancy, output) = (&self.lab.tenancy, &self.output);
        let superseded = tenancy.world.current_version(&tenancy.key);
        output.say(&format!(
            "An emulated tenancy: {} and {}, {COMPARTMENTS} compartments, a vault with a replica, and one key whose version is {}\n\
             days old; the cryptoperiod is 90 days. It protects {BUCKETS} buckets, {VOLUMES} volumes, {} backups and an OKE cluster.\n\
             Block storage forbids several versions of a key: volumes and backups move to a successor key first, then the key gets\n\
             its version. No call moves a cluster: it is reported for a person.\n",
            tenancy.home,
            tenancy.replica,
            KEY_AGE.as_secs() / 86_400,
            tenancy.blocks.len() - VOLUMES as usize,
        ));
        self.say_margins();
        let started = Instant::now();

        // The service will say yes to one backup's new key and change nothing.
        tenancy.world.faults(FaultPlan::new().silent_no_op_on("update_volume_backup", 1));
        self.step("keywheel rotate --yes");
        let status = self.child(&["rotate", "--yes"])?.wait().await;
        let status = status.map_err(|error| failed("rotate cannot be waited for", error))?;
        if status.success() || tenancy.world.versions(&tenancy.key).len() > 1 {
            output.failure("a version was minted although a backup was still on the key");
            return Ok(Exit::Failed);
        }
        tenancy.world.faults(FaultPlan::new());
        let late = tenancy.world.add_volume(&tenancy.home, &tenancy.compartment, "late").key(&tenancy.key).done();
        output.say(
            "\n-- One backup's service said yes and changed nothing. It was read back, so no second version was minted\n   \
             under it. Meanwhile somebody made another volume under the key. --",
        );

        self.step("keywheel resume");
        let mut child = self.child(&["resume"])?;
        let moved = self.run_until_half_done(&mut child, &superseded).await?;
        child.start_kill().map_err(|error| failed("the child cannot be killed", error))?;
        child.wait().await.map_err(|error| failed("the child cannot be waited for", error))?;
        let killed = output.paint(Colour::Red, "kill -9");
        output.show("killed", &json!({ "rekeyed": moved, "buckets": BUCKETS }), || {
            format!("\n-- {killed}: the process is gone, {moved} of {BUCKETS} buckets were moved --")
        });

        self.step("keywheel resume");
        let status =
            self.child(&["resume"])?.wait().await.map_err(|error| failed("resume cannot be waited for", error))?;
        if status.code() != Some(i32::from(Exit::Exceptions.code())) {
            output.failure(&format!(
                "resume ended with {status}; the journal is {}",
                self.lab.folder.journal().display()
            ));
            return Ok(Exit::Failed);
        }
        let reported = self.reported().await?;
        if reported.len() != tenancy.clusters.len() {
            output.failure(&format!("{} of {CLUSTERS} clusters were reported for a person", reported.len()));
            return Ok(Exit::Failed);
        }
        let exit = self.verify(&superseded, &late, started)?;
        let versions = tenancy.world.versions(&tenancy.key);
        let minted = versions.last().expect("a key has a version");
        let successor = tenancy.successors().pop().and_then(|key| tenancy.world.key(&key));
        let successor = successor.ok_or_else(|| Error::bug("demo", "there is no successor"))?;
        let state = TenancyState {
            seeded_at,
            minted: (minted.id.clone(), minted.time_created),
            successor: (successor.id, successor.current_version, successor.time_created),
        };
        self.lab.folder.write_state(&state)?;

        self.step("keywheel due");
        self.due().await?;
        self.say_where();
        Ok(exit)
    }

    async fn again(&self, state: &TenancyState) -> Result<Exit> {
        self.output.say(&format!(
            "This tenancy was rotated by an earlier demo (version minted {}); --fresh starts over.\n",
            state.minted.1
        ));
        self.step("keywheel due");
        self.due().await?;
        self.step("keywheel history");
        let history = self.child(&["history"])?.wait().await;
        history.map_err(|error| failed("history cannot be waited for", error))?;
        self.say_where();
        Ok(Exit::Done)
    }

    /// Waits until enough buckets are on another version, by World's books.
    async fn run_until_half_done(&self, child: &mut Child, superseded: &KeyVersionId) -> Result<usize> {
        loop {
            let moved = self.lab.tenancy.buckets_off(superseded);
            if moved * 100 >= BUCKETS as usize * KILL_AT_PERCENT {
                return Ok(moved);
            }
            if let Ok(Some(status)) = child.try_wait() {
                let message = format!("the rotation ended with {status} before it could be killed");
                return Err(Error::new(ErrorKind::Bug, "demo", message));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Says what World's own books show.
    fn verify(&self, superseded: &KeyVersionId, late: &ResourceId, started: Instant) -> Result<Exit> {
        let tenancy = &self.lab.tenancy;
        let minted: Vec<_> =
            tenancy.world.versions(&tenancy.key).into_iter().filter(|version| version.id != *superseded).collect();
        let current = tenancy.world.current_version(&tenancy.key);
        let left = tenancy.buckets_off(&current);
        let successors = tenancy.successors();
        let is_moved =
            |key| tenancy.blocks_off(key) == 0 && tenancy.world.wrapping(late).is_some_and(|w| w.key == *key);
        let blocks_are_moved = matches!(successors.as_slice(), [one] if is_moved(one));
        let is_sound = minted.len() == 1 && current == minted[0].id && left == 0 && blocks_are_moved;
        let value = json!({
            "minted": minted.len(), "current": current, "buckets": BUCKETS, "not_moved": left,
            "successors": successors, "blocks": tenancy.blocks.len() + 1, "blocks_are_moved": blocks_are_moved,
        });
        self.output.show("verified", &value, || {
            let word = if is_sound {
                self.output.paint(Colour::Green, "sound")
            } else {
                self.output.paint(Colour::Red, "NOT sound")
            };
            format!(
                "\nThe emulator's own books: {} successor with {} volumes and backups, {} version with {} of {BUCKETS} buckets: {word} ({:.1} s)",
                successors.len(),
                if blocks_are_moved { tenancy.blocks.len() + 1 } else { 0 },
                minted.len(),
                BUCKETS as usize - left,
                started.elapsed().as_secs_f32()
            )
        });
        Ok(if is_sound { Exit::Done } else { Exit::Failed })
    }

    /// What the rotation left to people, asked of the program itself: the clusters' remedies.
    async fn reported(&self) -> Result<Vec<String>> {
        let asked = |args: &[&str]| self.command(args).arg("--json").stdout(Stdio::piped()).output();
        let heard = |error| failed("the child cannot be heard", error);
        let history = asked(&["history"]).await.map_err(heard)?.stdout;
        let rotation = lines_of(&history, "rotation").pop().and_then(|row| Some(row["rotation"].as_str()?.to_owned()));
        let rotation = rotation.ok_or_else(|| Error::bug("demo", "the journal knows no rotation"))?;
        let status = asked(&["status", &rotation, "--dependents"]).await.map_err(heard)?.stdout;
        let rows = lines_of(&status, "dependents").pop().unwrap_or_default();
        let manual = rows["value"].as_array().into_iter().flatten().filter(|row| row["outcome"]["outcome"] == "manual");
        let remedies: Vec<String> = manual
            .filter(|row| self.lab.tenancy.clusters.iter().any(|id| row["dependent"]["id"] == id.as_str()))
            .filter_map(|row| Some(row["outcome"]["remedy"].as_str()?.to_owned()))
            .collect();
        for remedy in &remedies {
            let value = json!({ "kind": "cluster", "remedy": remedy });
            self.output.show("manual", &value, || format!("\n-- One OKE cluster is left to a person: {remedy} --"));
        }
        Ok(remedies)
    }

    async fn due(&self) -> Result<()> {
        let status = self.child(&["due", "--exit-code"])?.wait().await;
        let status = status.map_err(|error| failed("due cannot be waited for", error))?;
        match status.code() {
            Some(0) => Ok(()),
            code => {
                let message =
                    format!("after the rotation something is still due (exit code {code:?}); --fresh starts over");
                Err(Error::new(ErrorKind::Bug, "demo", message))
            }
        }
    }

    /// This very program as a child, against the emulator.
    fn child(&self, args: &[&str]) -> Result<Child> {
        let mut command = self.command(args);
        if self.output.json {
            command.arg("--json");
        }
        command.spawn().map_err(|error| failed("the child cannot be started", error))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(self.lab.folder.config()).args(args);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn step(&self, command: &str) {
        self.output.say(&format!("\n{} {command}", self.output.paint(Colour::Dim, "$")));
    }

    fn say_margins(&self) {
        let (lab, production) = (Margins::lab(), Margins::production());
        let row = |name: &str, short: Duration, long: Duration| {
            format!("  {name:<44} {} instead of {}", show_duration(short), show_duration(long))
        };
        self.output.say(&format!(
            "So that you need not wait, margins are shortened (never outside a rehearsal on loopback):\n{}\n{}\n{}\n{}",
            row("quiet period after a lost answer to a mint", lab.quiet_period(), production.quiet_period()),
            row("a signature is refused after", lab.skew_limit, production.skew_limit),
            row("a new version may stay unlisted for", lab.list_lag, production.list_lag),
            row("search may lag by", lab.search_lag, production.search_lag),
        ));
    }

    fn say_where(&self) {
        let folder = &self.lab.folder;
        let value = json!({ "journal": folder.journal(), "config": folder.config() });
        self.output.show("files", &value, || {
            format!("\njournal  {}\nconfig   {}", folder.journal().display(), folder.config().display())
        });
    }
}

/// The lines of a child's `--json` output that are of one type.
fn lines_of(output: &[u8], name: &str) -> Vec<serde_json::Value> {
    let lines = output.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    lines.filter(|line: &serde_json::Value| line["type"] == name).collect()
}

fn failed(message: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "demo", message).caused_by(error)
}
