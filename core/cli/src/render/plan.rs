//! A plan in words: what would happen, what speaks against it, what it costs in calls and waiting.

use keywheel::config::show_duration;
use keywheel::model::{Plan, Strategy};

use super::escape::Foreign;
use super::tables;

/// Versions of the vault's limit, in percent, from which the quota is worth a word.
const QUOTA_LOW_PERCENT: u32 = 80;

/// The whole plan.
pub(crate) fn text(plan: &Plan) -> String {
    let mut lines = vec![format!("plan for {} ({})", plan.key, Foreign(&plan.name))];
    let mut row = |name: &str, text: String| lines.push(format!("  {name:<11} {text}"));
    row("due", format!("{}: {}", plan.due.state.word(), Foreign(&plan.due.why)));
    if plan.is_sweep {
        row("sweeps", format!("data that may hang on {} to the current version; nothing is minted", plan.superseded));
    } else {
        row("supersedes", plan.superseded.to_string());
    }
    if let Some(refusal) = &plan.refusal {
        row("REFUSED", Foreign(refusal).to_string());
    }
    let strategies: Vec<_> = plan.strategies.iter().map(strategy).collect();
    if !strategies.is_empty() && !plan.is_sweep {
        row("strategy", strategies.join(", then "));
    }
    let kinds: Vec<_> = plan.dependents.iter().map(|(kind, count)| format!("{count} of kind {kind}")).collect();
    row("dependents", if kinds.is_empty() { "none that can be seen".to_owned() } else { kinds.join(", ") });
    if !plan.regions.is_empty() {
        let regions: Vec<_> = plan.regions.iter().map(|(region, count)| format!("{count} in {region}")).collect();
        row("regions", regions.join(", "));
    }
    if !plan.replicas.is_empty() {
        let replicas: Vec<_> = plan.replicas.iter().map(ToString::to_string).collect();
        row("replicas", format!("waits until {} has the new version", replicas.join(", ")));
    }
    for hole in &plan.holes {
        let kind = hole.kind.as_ref().map(|kind| format!("{kind}s: ")).unwrap_or_default();
        let place = hole.compartment.as_ref().map(|place| format!("{place}, ")).unwrap_or_default();
        row("not seen", format!("{kind}{:?} in {place}{}", hole.state, hole.region));
    }
    for finding in tables::findings(&plan.findings) {
        row("finding", finding);
    }
    row("calls", format!("about {} reads, {} writes", plan.calls_read, plan.calls_write));
    row("quota", quota(plan));
    let shortened = if plan.is_shortened { " (shortened: a rehearsal)" } else { "" };
    row("lost answer", format!("would cost {} of waiting{shortened}", show_duration(plan.quiet_period)));
    lines.join("\n")
}

fn strategy(strategy: &Strategy) -> &'static str {
    match strategy {
        Strategy::NewVersion => "a new version of the same key",
        Strategy::NewKey => "a successor key",
        _ => "a strategy this program does not know",
    }
}

fn quota(plan: &Plan) -> String {
    let used = plan.versions_held + plan.versions_reserved;
    let left = plan.versions_limit.saturating_sub(used);
    let warning =
        if used * 100 >= plan.versions_limit * QUOTA_LOW_PERCENT { "; LOW, ask for a higher limit" } else { "" };
    let reserved = match plan.versions_reserved {
        0 => String::new(),
        count => format!(", {count} reserved"),
    };
    let full = plan.vault_full_on.map(|at| format!(", full about {}", at.strftime("%F"))).unwrap_or_default();
    format!(
        "{} of {} versions{reserved}: enough for {left} more{full}{warning}",
        plan.versions_held, plan.versions_limit
    )
}
