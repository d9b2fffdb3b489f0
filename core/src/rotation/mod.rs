//! The state machine: what has happened (`apply`) and what comes next (`decide`), as pure functions.
//!
//! No async, no clock, no chance, no I/O: `now` is an argument, observations are arguments. `apply` is
//! frozen, it must read every journal ever written; `decide` and `conclude` are free to improve.
//! Rules R1 to R10 are those of the design; `core/docs/state-machine.md` walks through them.

pub mod announced;
mod apply;
pub mod attribution;
mod classes;
mod conclude;
mod decide;
pub mod deletion;
pub mod deletion_by;
pub mod doctor;
mod due;
mod effect;
mod fact;
mod fast;
pub mod history;
mod legs;
pub mod meta;
mod mint;
mod overtake;
pub mod page;
mod pinned;
mod preflight;
mod register;
pub mod registry;
mod scope;
mod state;
mod successor;
mod token;
pub mod vault;

pub use apply::{Recorded, Violation, apply};
pub use classes::{Override, override_findings};
pub use conclude::{Conclusion, Survey, Witness, conclude_failure, conclude_flip, conclude_replicas};
pub use decide::{Decision, Rest, decide};
pub use due::{DueView, due, grant};
pub use effect::{Effect, EffectClass};
pub use fact::{
    Accounted, Adopted, Author, Checked, Completed, Created, EffectFailed, Fact, InUse, JournalBehind, LegPlan,
    MintDeferred, MintInDoubt, MintIntended, MintRefused, NOT_SENT, NoticeIntended, NoticeSent, Opened, PageClosed,
    PageOpened, PassEnded, Paused, Replicated, Sighted,
};
pub use fast::trusted_token;
pub use legs::{Classes, wants_successor};
pub use mint::{awaits_answer, conclude_created, conclude_settle, conclude_survey};
pub use overtake::may_overtake;
pub use pinned::{has_successor, judge_policies};
pub use preflight::{Preflight, Purpose, Seen, preflight, refusal};
pub use register::{Reading, Register, RegisterWrite, conclude_unannounced, read_register};
pub use state::{Leg, LegPhase, MintAttempt, MintOutcome, PageRef, Phase, State, UNMOVED};
pub use successor::{
    Claimant, SuccessorSurvey, claimed_makers, conclude_key_created, conclude_successor_in_use,
    conclude_successor_settle, conclude_successor_survey,
};
pub use token::{checkup_token, lineage_mark, lineage_value, retry_token, rid};
