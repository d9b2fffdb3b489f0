//! Tables and reports for people.

use std::collections::BTreeMap;

use comfy_table::{ContentArrangement, Table};
use keywheel::model::{DependentReport, DueKey, DueState, Finding, FindingKind, Outcome, Report, RotationSummary};

use super::escape::{Advice, Foreign, lines};
use crate::exit::Exit;

pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// What is due, most urgent first.
pub(crate) fn due(keys: &[DueKey]) -> String {
    if keys.is_empty() {
        return "no key can be seen; name keys or vaults under [scope] in the config".to_owned();
    }
    let mut table = table(["STATE", "NAME", "NEXT", "KEY", "WHY"]);
    for key in keys {
        let next = key.due.next.map(|next| next.to_string()).unwrap_or_default();
        let name = Foreign(&key.name).to_string();
        table.add_row([key.due.state.word(), &name, &next, key.key.as_str(), &Foreign(&key.due.why).to_string()]);
    }
    table.trim_fmt()
}

/// Rotations, one per row.
pub(crate) fn rotations(rows: &[RotationSummary]) -> String {
    let mut table = table(["ROTATION", "PHASE", "DEPENDENTS", "OUTCOMES", "OPENED", "CLOSED", "KEY"]);
    for row in rows {
        let phase = if row.paused.is_some() { format!("{} (paused)", row.phase) } else { row.phase.clone() };
        let closed = row.closed_at.map(|at| at.to_string()).unwrap_or_default();
        table.add_row([
            row.rotation.to_string(),
            phase,
            row.dependents.to_string(),
            outcomes(row),
            row.opened_at.to_string(),
            closed,
            row.key.to_string(),
        ]);
    }
    let paused: String = rows
        .iter()
        .filter_map(|row| row.paused.as_ref().map(|why| format!("\n{}: {}", row.rotation, Foreign(why))))
        .collect();
    format!("{}{paused}", table.trim_fmt())
}

fn outcomes(row: &RotationSummary) -> String {
    let mut words = BTreeMap::<&str, u64>::new();
    for tally in row.counts.0.values() {
        for (word, count) in &tally.outcomes {
            *words.entry(word).or_default() += count;
        }
    }
    words.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// Dependents with what became of each.
pub(crate) fn dependents(rows: &[DependentReport]) -> String {
    let mut table = table(["OUTCOME", "EVIDENCE", "KIND", "REGION", "NAME", "RESOURCE", "WHY"]);
    for row in rows {
        let word = row.outcome.as_ref().map_or("open", Outcome::word);
        let evidence = row.outcome.as_ref().and_then(Outcome::evidence);
        let grade = evidence.map(|evidence| format!("{} of {}", evidence.grade.word(), evidence.scope.words()));
        let why = match &row.outcome {
            Some(Outcome::Blocked { why }) => why,
            Some(Outcome::Manual { remedy }) => remedy,
            Some(Outcome::Partial { what }) => what,
            Some(Outcome::Excluded { policy }) => policy,
            Some(Outcome::Gone { how }) => how,
            _ => evidence.and_then(|evidence| evidence.caveat.as_deref()).unwrap_or_default(),
        };
        table.add_row([
            word.to_owned(),
            grade.unwrap_or_default(),
            row.dependent.kind.to_string(),
            row.dependent.region.to_string(),
            Foreign(&row.dependent.name).to_string(),
            row.dependent.id.to_string(),
            Advice(why).to_string(),
        ]);
    }
    table.trim_fmt()
}

/// The longest list of findings that is shown in full.
const FINDINGS_SHOWN: usize = 5;

/// Findings one by one, or by kind when there are many.
pub(crate) fn findings(findings: &[Finding]) -> Vec<String> {
    if findings.len() <= FINDINGS_SHOWN {
        return findings.iter().map(|one| format!("{}: {}", Foreign(&one.subject), Foreign(&one.text))).collect();
    }
    let mut kinds = BTreeMap::<FindingKind, (usize, &str)>::new();
    for finding in findings {
        kinds.entry(finding.kind).or_insert((0, &finding.text)).0 += 1;
    }
    kinds.into_values().map(|(count, text)| format!("{count} times: {} (--json names each)", Foreign(text))).collect()
}

/// The longest list of exceptions that is shown in full.
const EXCEPTIONS_SHOWN: usize = 10;

/// A report as its own `Display` says it, with findings of one kind folded when there are many.
pub(crate) fn report(report: &Report) -> String {
    let mut shown = report.clone();
    let census = &report.census;
    let folded = findings(&std::mem::take(&mut shown.findings));
    let exceptions = std::mem::take(&mut shown.exceptions);
    let more = std::mem::take(&mut shown.exceptions_unnamed) + exceptions.len().saturating_sub(EXCEPTIONS_SHOWN) as u64;
    let mut text = format!(
        "{}\n  census      {} by us, {} presumed ours, {} by others",
        lines(&shown.to_string()),
        census.ours,
        census.presumed,
        census.others
    );
    for exception in exceptions.iter().take(EXCEPTIONS_SHOWN) {
        text.push_str(&format!("\n  exception   {}", Foreign(&exception.to_string())));
    }
    if more > 0 {
        text.push_str(&format!(
            "\n  exception   and {more} more; `keywheel status {} --dependents` names them",
            report.summary.rotation
        ));
    }
    for line in folded {
        text.push_str(&format!("\n  finding     {line}"));
    }
    if let Some(why) = &report.summary.paused {
        text.push_str(&format!("\n  paused      {}", Foreign(why)));
    }
    text
}

/// What a state of `due` means for the exit code of `rotate`.
pub(crate) fn exit_of(state: &DueState) -> Exit {
    match state {
        DueState::Blocked | DueState::Manual => Exit::Refused,
        _ => Exit::Done,
    }
}

/// Whether `due --exit-code` speaks up.
pub(crate) fn is_owed(state: &DueState) -> bool {
    matches!(state, DueState::Due | DueState::Behind | DueState::Open(_))
}
