//! I14: a journal that was put back from a backup waits for what it has forgotten.

use super::{Evidence, MainLine};
use crate::memory::LogEntry;
use crate::model::KeyVersionId;
use crate::rotation::Fact;

/// No mint is intended within the quiet period after one that was sent, that would supersede the same version, and that
/// the journal does not know any more. What supersedes another version is another rotation: each is superseded once.
pub(super) fn judge(evidence: &mut Evidence<'_>) {
    let stage = evidence.stage;
    let Some(put_back) = stage.put_back.get() else { return };
    let backup = stage.backup.borrow();
    let mut complaints = Vec::new();
    let of_rotations = || evidence.books.main.values().filter_map(|lines| Some((superseded(lines)?, lines)));
    for (version, line) in of_rotations().flat_map(|(version, lines)| lines.iter().map(move |line| (version, line))) {
        let Fact::MintIntended(forgotten) = &line.fact else { continue };
        let kept = backup.get(&line.entry.stream).copied().unwrap_or(0) as u64;
        if line.place >= put_back || line.entry.seq < kept {
            continue;
        }
        let is_it = |entry: &LogEntry| {
            entry.operation == "create_key_version"
                && entry.token.as_deref() == Some(forgotten.token.as_str())
                && entry.date == Some(forgotten.date)
        };
        if !evidence.log.iter().any(is_it) {
            continue;
        }
        let quiet_from = forgotten.date + stage.settings.margins.quiet_period();
        let same = of_rotations().filter(|(other, _)| *other == version).flat_map(|(_, lines)| lines);
        let later = same.filter(|line| line.place >= put_back);
        let hasty = later.filter_map(|line| match &line.fact {
            Fact::MintIntended(intent) if intent.date <= quiet_from => Some(intent.date),
            _ => None,
        });
        complaints.extend(hasty.map(|date| format!("dated {date}, after one of {} that is forgotten", forgotten.date)));
    }
    drop(backup);
    for what in complaints {
        evidence.fail("I14 a restored journal waits", what);
    }
}

/// The version that a rotation supersedes.
fn superseded(lines: &[MainLine]) -> Option<&KeyVersionId> {
    lines.iter().find_map(|line| match &line.fact {
        Fact::Opened(opened) => Some(&opened.name.superseded),
        _ => None,
    })
}
