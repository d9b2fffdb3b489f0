//! `make bench`: keywheel and the official Python SDK against the same throttled emulator, row by row, in one run on one machine.
//!
//! Measures and prints, and asserts nothing: a time on a shared machine means nothing by itself. Each row has a far end of its own,
//! a process beside the client's, and what is said about a client is what the far end counted. Not shipped.
#![allow(clippy::disallowed_methods, reason = "a benchmark lives by the wall clock, has children and a command line")]

mod client;
mod server;
mod signed;
mod table;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use table::{Row, Signed};

/// Where everything is.
pub(crate) const HOME: &str = "us-ashburn-1";

/// What is under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dependents {
    Buckets,
    Volumes,
}

/// How large the tenancy is, and how many requests per second each service takes of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) dependents: usize,
    pub(crate) per_second: u32,
    pub(crate) kind: Dependents,
}

/// Who turns the key.
#[derive(Debug, Clone, Copy)]
enum Who {
    Keywheel,
    /// keywheel once more, with the journal of the run before.
    KeywheelAgain,
    Python {
        threads: u32,
        retries: &'static str,
    },
}

const WHO: [Who; 5] = [
    Who::Keywheel,
    Who::KeywheelAgain,
    Who::Python { threads: 16, retries: "none" },
    Who::Python { threads: 16, retries: "default" },
    Who::Python { threads: 64, retries: "default" },
];

#[expect(clippy::needless_pass_by_value, reason = "it is what errors are mapped with")]
pub(crate) fn bad(why: impl ToString) -> std::io::Error {
    std::io::Error::other(why.to_string())
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match words.as_slice() {
        ["serve", dir, size] => runtime.block_on(server::serve(Path::new(dir), serde_json::from_str(size)?)),
        ["rotate", dir, place] => {
            let place: Value = serde_json::from_slice(&std::fs::read(place)?)?;
            let told = runtime.block_on(client::rotate(Path::new(dir), &place))?;
            println!("{told}");
            Ok(())
        }
        ["calls", dir, place] => {
            let place: Value = serde_json::from_slice(&std::fs::read(place)?)?;
            // On one thread: what threads cost each other is the embedder's choice, not a call's.
            let single = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            println!("{}", single.block_on(signed::calls(Path::new(dir), &place))?);
            Ok(())
        }
        rest => bench(rest),
    }
}

fn bench(words: &[&str]) -> std::io::Result<()> {
    let number = |name: &str, usual: usize| -> std::io::Result<usize> {
        match words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)) {
            Some(text) => text.parse().map_err(|_| bad(format!("{name} needs a number, not {text}"))),
            None => Ok(usual),
        }
    };
    let (dependents, per_second) = (number("--dependents", 3_000)?, number("--per-second", 50)?);
    let is_json = words.contains(&"--json");
    let python = std::env::var_os("KEYWHEEL_PYTHON").map(PathBuf::from);
    let dir = std::env::temp_dir().join(format!("keywheel-bench-{}", std::process::id()));
    let mut rows = Vec::new();
    let only = words.iter().position(|word| *word == "--only").and_then(|at| words.get(at + 1));
    for kind in [Dependents::Buckets, Dependents::Volumes] {
        if only.is_some_and(|only| !kind_name(kind).starts_with(only)) {
            continue;
        }
        let size = Size { dependents, per_second: u32::try_from(per_second).map_err(bad)?, kind };
        let mut far: Option<Far> = None;
        for who in WHO {
            if matches!(who, Who::Python { .. }) && python.is_none() {
                eprintln!("not measured: {}; set KEYWHEEL_PYTHON to a Python that has the package oci", name(who));
                continue;
            }
            // Once more is the same tenancy; everybody else gets a fresh one.
            let mut there = match (who, far.take()) {
                (Who::KeywheelAgain, Some(far)) => far,
                (_, before) => {
                    drop(before);
                    Far::start(&dir, size)?
                }
            };
            eprintln!("{}: {} {} ...", name(who), dependents, kind_name(kind));
            let before = there.begin()?;
            let client = there.run(who, python.as_deref());
            let counted = there.ask("count")?;
            rows.push(Row::of(name(who), size, &before, &counted, client));
            far = Some(there);
        }
    }
    let size = Size { dependents: 1, per_second: u32::MAX, kind: Dependents::Buckets };
    let far = Far::start(&dir, size)?;
    eprintln!("signed calls ...");
    let mut signed = vec![Signed { who: "keywheel", told: far.told(&mut far.command("calls")?) }];
    if let Some(python) = &python {
        let mut peer = far.peer(python);
        signed.push(Signed { who: "Python SDK", told: far.told(peer.arg("16").arg("calls")) });
    }
    drop(far);
    let _ = std::fs::remove_dir_all(&dir);
    if is_json {
        println!("{}", json!({ "machine": table::machine(), "rows": rows, "signed": signed }));
    } else {
        print!("{}", table::text(&rows, &signed));
    }
    Ok(())
}

fn kind_name(kind: Dependents) -> &'static str {
    match kind {
        Dependents::Buckets => "buckets",
        Dependents::Volumes => "volumes and backups",
    }
}

fn name(who: Who) -> String {
    match who {
        Who::Keywheel => "keywheel, nothing known".to_owned(),
        Who::KeywheelAgain => "keywheel, rate remembered".to_owned(),
        Who::Python { threads, retries: "none" } => format!("Python SDK, {threads} threads, no retry"),
        Who::Python { threads, .. } => format!("Python SDK, {threads} threads, default retry"),
    }
}

/// A far end in a process of its own. It ends when this end of its standard input is dropped.
struct Far {
    dir: PathBuf,
    place: PathBuf,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Far {
    fn start(dir: &Path, size: Size) -> std::io::Result<Self> {
        let _ = std::fs::remove_dir_all(dir);
        std::fs::create_dir_all(dir)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg(dir)
            .arg(serde_json::to_string(&size)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or_else(|| bad("no standard output"))?);
        let mut far = Self { dir: dir.to_owned(), place: dir.join("place.json"), child, input, output };
        let place = far.hear()?;
        std::fs::write(&far.place, place.to_string())?;
        Ok(far)
    }

    fn hear(&mut self) -> std::io::Result<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|_| bad(format!("the far end said {line:?}")))
    }

    fn ask(&mut self, what: &str) -> std::io::Result<Value> {
        let input = self.input.as_mut().ok_or_else(|| bad("no standard input"))?;
        writeln!(input, "{what}")?;
        input.flush()?;
        self.hear()
    }

    /// Has the far end count anew; the key may be another one than at first.
    fn begin(&mut self) -> std::io::Result<Value> {
        let before = self.ask("anew")?;
        let mut place: Value = serde_json::from_slice(&std::fs::read(&self.place)?)?;
        place["key"] = before["key"].clone();
        std::fs::write(&self.place, place.to_string())?;
        Ok(before)
    }

    /// This very program, told what to do there.
    fn command(&self, what: &str) -> std::io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(what).arg(&self.dir).arg(&self.place);
        Ok(command)
    }

    fn peer(&self, python: &Path) -> Command {
        let mut command = Command::new(python);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bench/peer.py");
        command.arg(script).arg(&self.place);
        command
    }

    /// Runs a client to its end; what it says of itself.
    fn run(&self, who: Who, python: Option<&Path>) -> Result<Value, String> {
        match (who, python) {
            (Who::Python { threads, retries }, Some(python)) => {
                self.told(self.peer(python).arg(threads.to_string()).arg(retries))
            }
            _ => self.told(&mut self.command("rotate").map_err(|error| error.to_string())?),
        }
    }

    fn told(&self, command: &mut Command) -> Result<Value, String> {
        let output =
            command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(text.lines().last().unwrap_or_default())
            .map_err(|_| format!("{} and said {text:?}", output.status))
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        drop(self.input.take());
        // It was ours and holds nothing that anybody needs.
        let _ = self.child.wait();
    }
}
