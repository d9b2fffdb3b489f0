//! keywheel as a client: one rotation with a journal in a file, and what a signed call costs beside a bare signature.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom as Dice;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use keywheel::adapters::layers::PacePolicy;
use keywheel::adapters::oci::{Catalog, Client, ClientSettings, Endpoints, Rekeyers, VaultKeyStore};
use keywheel::adapters::sqlite::SqliteJournal;
use keywheel::adapters::system::{SystemClock, SystemRandom};
use keywheel::model::{KeyId, Margins, Region, Request, Settings, When};
use keywheel::ports::Ports;
use keywheel::{Rotated, Rotator, Started};
use serde_json::{Value, json};

use crate::{HOME, bad};

const SIGNATURES: u32 = 1_000;

fn text(place: &Value, name: &str) -> std::io::Result<String> {
    place[name].as_str().map(str::to_owned).ok_or_else(|| bad(format!("no {name}")))
}

/// A client that begins with so many requests a second.
pub(crate) fn connect(place: &Value, start: f64) -> std::io::Result<Arc<Client>> {
    let home = Region::parse(HOME).expect("a region");
    let endpoints = Endpoints::production().with_override(home, &text(place, "url")?).map_err(bad)?;
    let settings = ClientSettings {
        config_file: Some(text(place, "config")?.into()),
        endpoints,
        pace: PacePolicy { start, ..PacePolicy::default() },
        ..ClientSettings::default()
    };
    Client::from_config_file(settings).map_err(bad)
}

/// Rotates the key once and says what it took.
pub(crate) async fn rotate(dir: &Path, place: &Value) -> std::io::Result<Value> {
    let key = text(place, "key")?;
    let dependents = place["size"]["dependents"].as_u64().unwrap_or_default();
    // As in production: nothing is known of any limit, and of key management's ten a fifth is left to people.
    let client = connect(place, PacePolicy::default().start)?;
    let ports = Ports {
        key_store: Arc::new(VaultKeyStore::new(Arc::clone(&client))),
        catalog: Arc::new(Catalog::new(Arc::clone(&client))),
        rekeyer: Arc::new(Rekeyers::new(Arc::clone(&client))),
        audit: Vec::new(),
        notifiers: Vec::new(),
        metrics: Vec::new(),
        journal: SqliteJournal::open(dir.join("journal.sqlite")).map_err(bad)?,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        audit_log: None,
        examiner: None,
        pace: Some(client.pace()),
    };
    let key = KeyId::parse(key).map_err(bad)?;
    let second = Duration::from_secs(1);
    let mut settings = Settings::lab();
    // What goes on is asked for as often as in production.
    let Margins { poll_min, poll_max, .. } = Margins::production();
    let margins = Margins { poll_min, poll_max, ..settings.margins };
    settings.margins = Margins { processing: second, list_lag: second, clock_error: second, ..margins };
    settings.budgets.blast_radius = u32::try_from(dependents * 2 + 1_000).unwrap_or(u32::MAX);
    settings.scope.keys.insert(key.clone());
    let rotator = Rotator::with_ports(settings, ports);

    let (began, cpu) = (Instant::now(), cpu_seconds());
    let current = rotator.ports().key_store.describe_key(&key).await.map_err(bad)?.value.current_version;
    let when = When::Now { supersedes: Some(current), request_id: None };
    let request = Request { key, when, actor: None };
    let Started::Open(rotation) = rotator.start(&request).await.map_err(bad)? else {
        return Err(bad("no rotation was opened"));
    };
    let rotated = rotator.run_for(&rotation, Duration::from_secs(6 * 3600)).await.map_err(bad)?;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let Rotated::Completed(report) = rotated else { return Err(bad(format!("{rotated:?}"))) };
    let failed =
        report.summary.counts.total() - report.summary.counts.with("rekeyed") - report.summary.counts.with("already");
    let signature = bare_signature(&dir.join("key.pem"))?;
    Ok(json!({
        "moved": report.summary.counts.total() - failed, "failed": failed, "seconds": seconds, "cpu": cpu,
        "signature_cpu": signature, "verdict": report.verdict,
    }))
}

/// CPU seconds of one RSA signature with this key and nothing around it, in this very process.
pub(crate) fn bare_signature(file: &Path) -> std::io::Result<f64> {
    let pem = std::fs::read_to_string(file)?;
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = data_encoding::BASE64.decode(base64.as_bytes()).map_err(bad)?;
    let pair = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der)).map_err(bad)?;
    let (dice, mut signature) = (Dice::new(), vec![0; pair.public_modulus_len()]);
    let before = cpu_seconds();
    for number in 0..SIGNATURES {
        pair.sign(&RSA_PKCS1_SHA256, &dice, &number.to_be_bytes(), &mut signature).map_err(bad)?;
    }
    Ok((cpu_seconds() - before) / f64::from(SIGNATURES))
}

/// CPU time of this process, where Linux tells.
pub(crate) fn cpu_seconds() -> f64 {
    let spent = || -> Option<f64> {
        // Nanoseconds on a CPU, of each thread: finer than the ticks of `stat`.
        let mut sum = 0.0;
        for task in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            sum += text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9;
        }
        Some(sum)
    };
    spent().unwrap_or_default()
}
