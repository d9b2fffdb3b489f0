//! Exit codes: what a script may learn without reading.

use std::process::ExitCode;

use keywheel::{Error, ErrorKind};

/// Shown under `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
    0  done, or nothing to do
    1  failed; the message says whether it may have taken effect and whether to try again
    2  the command line or the config cannot be used
    3  paused: a person must act, then `keywheel resume`
    4  completed with exceptions: see the findings
    5  something is due (`due --exit-code`)
    6  refused for a stated reason before anything was changed
    7  still open: the time given ran out; `keywheel resume` goes on
    8  `doctor` found an assumption broken, an endpoint that does not serve, or a right denied
    9  a vault, key or version is scheduled for deletion (`due --exit-code`)
  130  interrupted; nothing is lost, `keywheel resume` goes on";

/// How a run of the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Done,
    /// Something is due.
    SomethingDue,
    /// Somebody scheduled a deletion.
    DeletionPending,
    /// Completed with exceptions.
    Exceptions,
    /// An assumption is broken.
    Broken,
    /// Still open.
    StillOpen,
    /// A person must act.
    Paused,
    /// A stated refusal.
    Refused,
    /// The command line or the config cannot be used.
    Usage,
    /// An error.
    Failed,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Paused => 3,
            Self::Exceptions => 4,
            Self::SomethingDue => 5,
            Self::Refused => 6,
            Self::StillOpen => 7,
            Self::Broken => 8,
            Self::DeletionPending => 9,
            Self::Interrupted => 130,
        }
    }

    /// The code an error ends the program with.
    pub(crate) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Config => Self::Usage,
            ErrorKind::Refused => Self::Refused,
            _ => Self::Failed,
        }
    }

    /// The worse of two ends, for commands that do several things.
    pub(crate) fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_in_the_help() {
        let all = [
            Exit::Done,
            Exit::SomethingDue,
            Exit::DeletionPending,
            Exit::Exceptions,
            Exit::Broken,
            Exit::StillOpen,
            Exit::Paused,
            Exit::Refused,
            Exit::Usage,
            Exit::Failed,
            Exit::Interrupted,
        ];
        for exit in all {
            let start = format!("{} ", exit.code());
            assert!(HELP.lines().any(|line| line.trim_start().starts_with(&start)), "{exit:?}");
        }
    }

    #[test]
    fn the_worse_end_wins() {
        assert_eq!(Exit::Done.and(Exit::Paused).and(Exit::Exceptions), Exit::Paused);
    }
}
