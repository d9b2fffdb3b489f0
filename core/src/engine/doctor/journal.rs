//! The test of A4 on doctor's own stream: two appends want one place, and what was acknowledged is read back.
//!
//! The winner's line stays, a proper line like any other; of the loser's nothing may.

use futures_util::future::join;

use super::super::Engine;
use crate::journal::{Stamp, seal_facts};
use crate::model::{Head, StreamId};
use crate::ports::Append;
use crate::rotation::doctor::{Contender, DoctorFact, JournalProbe, Told};
use crate::{Error, ErrorKind, Landed, Result};

/// Rounds in which somebody else may be quicker than both.
const ROUNDS_MAX: usize = 5;
/// Lines to read back: ours, and what others appended meanwhile.
const READ_MAX: usize = 64;

impl Engine {
    pub(super) async fn probe_journal(&self) -> JournalProbe {
        self.examine("the journal", None);
        let mut last = JournalProbe::default();
        for _ in 0..ROUNDS_MAX {
            last = self.round().await.unwrap_or_else(|error| JournalProbe::Failed(error.to_string()));
            let lost = |one: &Contender| one.told == Told::Conflict && !one.is_there;
            if !matches!(&last, JournalProbe::Round(one, other) if lost(one) && lost(other)) {
                break;
            }
        }
        last
    }

    async fn round(&self) -> Result<JournalProbe> {
        let (journal, stream) = (&self.ports.journal, StreamId::doctor());
        let expected = journal.head(&stream).await?;
        let stamp =
            Stamp { epoch: 0, at: self.ports.clock.now(), server_time: None, runner: self.runner.clone(), actor: None };
        let contender = |contender: u32| -> Result<Append> {
            let fact = DoctorFact::JournalProbed { contender };
            let (lines, _) = seal_facts(&stream, &expected, &stamp, self.nonce(), &[fact])?;
            Ok(Append { expected: expected.clone(), lines, fence: None })
        };
        let (one, other) = (contender(1)?, contender(2)?);
        let (told_one, told_other) = join(journal.append(&one), journal.append(&other)).await;
        let stored = journal.read(&stream, expected.next_seq, READ_MAX).await?;
        let is_there = |append: &Append| append.lines.iter().all(|line| stored.contains(line));
        let one = Contender { told: told(told_one), is_there: is_there(&one) };
        let other = Contender { told: told(told_other), is_there: is_there(&other) };
        Ok(JournalProbe::Round(one, other))
    }
}

fn told(answer: Result<Head>) -> Told {
    let text = |error: &Error| error.to_string();
    match answer {
        Ok(_) => Told::Stored,
        Err(error) if error.landed() != Landed::No => Told::Doubtful(text(&error)),
        Err(error) if error.kind() == ErrorKind::Conflict => Told::Conflict,
        Err(error) => Told::Failed(text(&error)),
    }
}
