//! What was counted, as rows, and the rows as a table. Ratios and counts; a time stands beside what it is a ratio to.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::{Dependents, Size, kind_name};

/// One client against one tenancy.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    who: String,
    size: Size,
    /// From the first call to the last.
    seconds: f64,
    /// What the busiest service needs for the calls it served, using every token.
    ideal: f64,
    /// P1 with everything in it: quiet periods, flips, what Search lags behind.
    whole: f64,
    /// P1: without the stretches in which nobody asked anything for two seconds.
    paced: f64,
    /// P2: calls that took a token, by dependent; discovery included.
    calls: f64,
    /// 429s among all calls.
    wasted: f64,
    /// What the client says that failed.
    failed: u64,
    /// What World says that is not on the new material.
    not_moved: u64,
    /// Versions that were made.
    versions: u64,
    /// The most that key management saw within one second.
    kms_second: u64,
    /// CPU of the client's whole process by call, its journal included, beside a bare RSA-2048 signature in the same process.
    cpu: Option<f64>,
    /// Why the client did not come to an end.
    broken: Option<String>,
    /// By operation.
    operations: Value,
    /// What the client said.
    told: Value,
}

impl Row {
    pub(crate) fn of(who: String, size: Size, before: &Value, counted: &Value, client: Result<Value, String>) -> Self {
        let sum = |name: &str| -> u64 {
            let operations = counted["operations"].as_object().into_iter().flatten();
            operations.map(|(_, calls)| calls[name].as_u64().unwrap_or_default()).sum()
        };
        let (served, throttled) = (sum("served") + sum("failed"), sum("throttled"));
        let services = counted["services"].as_array().cloned().unwrap_or_default();
        let of = |service: &Value, name: &str| -> f64 {
            let stretches = service["stretches"].as_array().into_iter().flatten();
            stretches.filter_map(|one| one[name].as_f64()).sum()
        };
        let is_kms = |service: &&Value| service["service"] == "kms";
        let busiest = services
            .iter()
            .filter(|service| !is_kms(service))
            .max_by(|one, other| of(one, "taken").total_cmp(&of(other, "taken")));
        let (ideal, busy) = busiest.map_or((0.0, 0.0), |one| (of(one, "ideal"), of(one, "seconds")));
        let seconds = counted["seconds"].as_f64().unwrap_or_default();
        let (broken, told) = match client {
            Ok(told) => (None, told),
            Err(why) => (Some(why), Value::Null),
        };
        let cpu = told["signature_cpu"]
            .as_f64()
            .filter(|one| *one > 0.0)
            .and_then(|signature| Some(told["cpu"].as_f64()? / (served + throttled).max(1) as f64 / signature));
        let number = |value: &Value, name: &str| value[name].as_u64().unwrap_or_default();
        Self {
            who,
            size,
            seconds,
            ideal,
            whole: seconds / ideal.max(0.001),
            paced: busy / ideal.max(0.001),
            calls: served as f64 / size.dependents.max(1) as f64,
            wasted: throttled as f64 / (served + throttled).max(1) as f64,
            failed: number(&told, "failed"),
            not_moved: number(counted, "behind"),
            versions: number(counted, "versions").saturating_sub(number(before, "versions")),
            kms_second: number(&counted["busiest_second"], "kms"),
            cpu,
            broken,
            operations: counted["operations"].clone(),
            told,
        }
    }
}

/// P4: what a client says of its signed calls.
#[derive(Debug, Serialize)]
pub(crate) struct Signed {
    pub(crate) who: &'static str,
    pub(crate) told: Result<Value, String>,
}

impl Signed {
    fn text(&self) -> String {
        let micros = |told: &Value, name: &str| told[name].as_f64().unwrap_or_default() * 1e6;
        match &self.told {
            Ok(told) => {
                let (call, signature) = (micros(told, "call_cpu"), micros(told, "signature_cpu"));
                format!(
                    "{:<38} {:>7.2}   {call:.0} us a call, {signature:.0} us a signature, {} calls\n",
                    self.who,
                    call / signature.max(0.001),
                    told["calls"]
                )
            }
            Err(why) => format!("{:<38} did not come to its end: {why}\n", self.who),
        }
    }
}

/// The table, and the machine it is from.
pub(crate) fn text(rows: &[Row], signed: &[Signed]) -> String {
    let mut text = format!("{}\n", machine());
    for kind in [Dependents::Buckets, Dependents::Volumes] {
        let rows: Vec<_> = rows.iter().filter(|row| row.size.kind == kind).collect();
        let Some(first) = rows.first() else { continue };
        let Size { dependents, per_second, .. } = first.size;
        let _ = writeln!(
            text,
            "\n{dependents} {}, every service takes {per_second} requests a second\n\n{:<38} {:>8} {:>8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9} {:>9} {:>6} {:>7}",
            kind_name(kind),
            "",
            "seconds",
            "ideal",
            "P1 all",
            "P1",
            "P2",
            "429s",
            "failed",
            "not moved",
            "versions",
            "KMS/s",
            "CPU",
        );
        for row in rows {
            let cpu = row.cpu.map_or("-".to_owned(), |cpu| format!("{cpu:.2}"));
            let _ = writeln!(
                text,
                "{:<38} {:>8.1} {:>8.1} {:>7.3} {:>7.3} {:>7.2} {:>6.1}% {:>7} {:>9} {:>9} {:>6} {:>7}",
                row.who,
                row.seconds,
                row.ideal,
                row.whole,
                row.paced,
                row.calls,
                row.wasted * 100.0,
                row.failed,
                row.not_moved,
                row.versions,
                row.kms_second,
                cpu,
            );
            if let Some(broken) = &row.broken {
                let _ = writeln!(text, "  did not come to its end: {broken}");
            }
        }
    }
    let _ = writeln!(text, "\nP4: CPU by signed call, by a bare RSA-2048 signature in the same process");
    text.extend(signed.iter().map(Signed::text));
    text + "\nP1 all: seconds by ideal. P1: the same without pauses of the client's of two seconds and more (quiet period, flip). P2: calls that
took a token, by dependent, discovery included. 429s: of all calls. failed: what the client gave up. not moved: by the far end's
books. KMS/s: the most within one second; the tenancy has ten. CPU: of the client's whole process, its journal included, by call,
by the CPU of a bare signature.\n"
}

/// What this was measured on.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": a CPU that has no name");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = read("/proc/loadavg");
    let load: Vec<_> = load.split_whitespace().take(3).collect();
    let build = if cfg!(debug_assertions) { "a debug build, whose P4 means nothing" } else { "a release build" };
    let at = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    format!(
        "{at}, {cores} cores,{} , load {} at the end, {build}",
        model.trim_start_matches(['\t', ':']),
        load.join(" ")
    )
}
