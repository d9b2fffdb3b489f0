//! A rehearsal for one test: a seeded tenancy behind an emulator in this process, and `keywheel` as a child.
//!
//! What a test claims is read from World's own books and from the journal's bytes, never from what the child said.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "children run by the wall clock")]

#[path = "../../src/lab/files.rs"]
pub(crate) mod files;
#[path = "../../src/lab/seed.rs"]
pub(crate) mod seed;

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use keywheel::adapters::sqlite::SqliteJournal;
use keywheel::config::FoundKey;
use keywheel::journal;
use keywheel::memory::WorldSettings;
use keywheel::model::{KeyId, KeyVersionId, StreamId, Timestamp};
use keywheel::ports::Journal as _;
use keywheel_emulator::{Emulator, EmulatorSettings};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use files::Folder;
use seed::{Seed, Tenancy};

/// Longer than any child needs on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Buckets of a rig: several pages in several compartments and both regions.
pub(crate) const BUCKETS: u32 = 18;
/// Volumes of a rig whose key is mixed: of both kinds, in several compartments, every other one with a backup.
pub(crate) const VOLUMES: u32 = 6;

/// One tenancy, one emulator, one folder.
pub(crate) struct Rig {
    pub(crate) emulator: Emulator,
    pub(crate) tenancy: Tenancy,
    pub(crate) folder: Folder,
    pub(crate) superseded: KeyVersionId,
    _dir: TempDir,
}

impl Rig {
    /// The usual tenancy with the usual key.
    pub(crate) async fn start() -> Self {
        Self::started(WorldSettings::lab(), now, |tenancy| tenancy.key.clone()).await
    }

    /// The usual tenancy, whose key protects volumes and backups beside its buckets.
    pub(crate) async fn mixed() -> Self {
        Self::grown(WorldSettings::lab(), VOLUMES, now, |tenancy| tenancy.key.clone()).await
    }

    /// A tenancy with these settings and this clock; the key to manage is chosen or made by `key`.
    pub(crate) async fn started(
        settings: WorldSettings,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        key: impl FnOnce(&Tenancy) -> KeyId,
    ) -> Self {
        Self::grown(settings, 0, clock, key).await
    }

    async fn grown(
        settings: WorldSettings,
        volumes: u32,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        key: impl FnOnce(&Tenancy) -> KeyId,
    ) -> Self {
        let settings = WorldSettings { kms_per_second: None, ..settings };
        let seed = Seed {
            at: now(),
            buckets: BUCKETS,
            volumes,
            clusters: 0,
            compartments: 3,
            minted: None,
            successor: None,
            settings,
        };
        let tenancy = seed.grow(clock);
        let key = key(&tenancy);
        let dir = tempfile::tempdir().expect("a folder");
        let folder = Folder::make(dir.path()).expect("a folder");
        let emulator = Emulator::start(EmulatorSettings::new(tenancy.world.clone())).await.expect("loopback ports");
        let written = emulator.new_user().write_config(&dir.path().join("oci")).expect("a folder");
        let endpoint = |region| (Clone::clone(region), emulator.region_url(region).expect("a port"));
        let endpoints = tenancy.world.regions().iter().map(endpoint).collect();
        let found = FoundKey {
            id: key,
            name: "key".to_owned(),
            vault: tenancy.vault.clone(),
            vault_name: "main".to_owned(),
            region: tenancy.home.clone(),
            unusable: None,
        };
        folder.write_config(&written.config_path, endpoints, found).expect("a config");
        let superseded = tenancy.world.current_version(&tenancy.key);
        let rig = Self { emulator, tenancy, folder, superseded, _dir: dir };
        rig.edit_config("page_size = 10 ", "page_size = 4 ");
        rig
    }

    /// Replaces a piece of the config.
    pub(crate) fn edit_config(&self, from: &str, to: &str) {
        edit(&self.folder.config(), from, to);
    }

    /// Replaces a piece of the OCI config.
    pub(crate) fn edit_oci_config(&self, from: &str, to: &str) {
        edit(&self.folder.0.join("oci/config"), from, to);
    }

    /// A child that has not been started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keywheel"));
        command.arg("--config").arg(self.folder.config()).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs a child to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Output {
        let ended = timeout(PATIENCE, self.command(args).output()).await;
        ended.unwrap_or_else(|_| panic!("keywheel {args:?} did not end")).expect("the program starts")
    }

    /// Rotates until the kill point and kills the child there.
    pub(crate) async fn kill_at(&self, point: &str) {
        self.kill_during(&["rotate", "--yes"], point).await;
    }

    /// Runs `args` until the kill point and kills the child there.
    pub(crate) async fn kill_during(&self, args: &[&str], point: &str) {
        let mut command = self.command(args);
        let mut child = command.env("KEYWHEEL_KILL_POINT", point).stdout(Stdio::null()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut said = Vec::new();
        let reached = timeout(PATIENCE, async {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.starts_with("kill point reached") {
                    return true;
                }
                said.push(line);
            }
            false
        });
        assert!(reached.await.unwrap_or(false), "{point} was never reached; the child said:\n{}", said.join("\n"));
        kill(child).await;
        self.assert_in_order();
    }

    /// Runs a child that writes JSON lines and kills it after this many; `false` if it ended before.
    pub(crate) async fn kill_after_lines(&self, args: &[&str], count: usize) -> bool {
        let mut child = self.command(args).stderr(Stdio::null()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut last = String::new();
        for _ in 0..count {
            match timeout(PATIENCE, lines.next_line()).await.expect("the child goes on").expect("a pipe") {
                Some(line) => last = line,
                None => {
                    let status = child.wait().await.expect("it ended");
                    assert_eq!(status.code(), Some(0), "{args:?} ended with {status}, last: {last}");
                    return false;
                }
            }
        }
        kill(child).await;
        self.assert_in_order();
        true
    }

    /// Resumes and requires that everything is as it must be.
    pub(crate) async fn resume_and_check(&self) {
        let output = self.run(&["resume"]).await;
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        self.assert_sound().await;
    }

    /// One version minted, every bucket on it; of a mixed key one successor, every volume and backup on it; every
    /// chain whole.
    pub(crate) async fn assert_sound(&self) {
        let world = &self.tenancy.world;
        let versions = world.versions(&self.tenancy.key);
        assert_eq!(versions.len(), 2, "exactly one version is minted: {versions:?}");
        let current = world.current_version(&self.tenancy.key);
        assert_ne!(current, self.superseded);
        for bucket in &self.tenancy.buckets {
            assert_eq!(world.wrapping_version(bucket).as_ref(), Some(&current), "{bucket} is on the new version");
        }
        self.assert_succeeded();
        self.assert_chains().await;
        let due = self.run(&["due", "--exit-code"]).await;
        assert_eq!(due.status.code(), Some(0), "nothing is due afterwards: {}", said(&due));
        let closed = self.run(&["list", "--json"]).await;
        assert!(closed.stdout.is_empty(), "no rotation is open afterwards: {}", said(&closed));
    }

    /// What holds at every instant: at most one successor, at most one version more, and that one only once no volume
    /// and no backup is left on the key.
    fn assert_in_order(&self) {
        let (tenancy, versions) = (&self.tenancy, self.tenancy.world.versions(&self.tenancy.key));
        let successors = tenancy.successors();
        assert!(versions.len() <= 2, "one rotation mints one version: {versions:?}");
        assert!(successors.len() <= 1, "a key has one successor: {successors:?}");
        if versions.len() > 1 {
            let left = tenancy.blocks_off(successors.first().unwrap_or(&tenancy.key));
            assert_eq!(left, 0, "block storage is still on a key that has two versions");
        }
    }

    /// A key of buckets has no successor. A mixed one has one, with one version, and block storage is on it.
    fn assert_succeeded(&self) {
        let (tenancy, successors) = (&self.tenancy, self.tenancy.successors());
        if tenancy.blocks.is_empty() {
            assert_eq!(successors, [], "a key of buckets keeps its place");
            return;
        }
        let [successor] = successors.as_slice() else { panic!("exactly one successor is minted: {successors:?}") };
        let versions = tenancy.world.versions(successor);
        assert_eq!(versions.len(), 1, "block storage wants a key with one version: {versions:?}");
        for block in &tenancy.blocks {
            let wrapping = tenancy.world.wrapping(block);
            let key = wrapping.as_ref().map(|wrapping| &wrapping.key);
            assert_eq!(key, Some(successor), "{block} is on the successor");
        }
    }

    /// Every line of every stream follows the one before it and hashes to what it says.
    pub(crate) async fn assert_chains(&self) {
        let journal = SqliteJournal::open(self.folder.journal()).expect("the journal opens");
        journal.check_links().await.expect("the file is whole");
        let streams = journal.streams("", None, 10_000).await.expect("streams");
        assert!(streams.contains(&StreamId::registry()), "{streams:?}");
        for stream in streams {
            let lines = journal.read(&stream, 0, 100_000).await.expect("lines");
            journal::verify(&lines).unwrap_or_else(|error| panic!("{stream}: {error}"));
        }
        journal.close().await.expect("it closes");
    }
}

/// SIGKILL, and proof that it was that.
async fn kill(mut child: Child) {
    child.start_kill().expect("it lives");
    let status = child.wait().await.expect("it ends");
    assert_eq!(status.signal(), Some(9), "the child was killed, it did not end: {status}");
}

/// The wall clock, which the emulator and its clients live by.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// What a child wrote.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).expect("a file");
    assert!(text.contains(from), "{from:?} stands in {text}");
    std::fs::write(path, text.replace(from, to)).expect("a file");
}
