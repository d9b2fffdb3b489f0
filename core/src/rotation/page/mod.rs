//! One page of dependents: its own stream, its own fold, its own decisions (design §6, "Pages").
//!
//! A page belongs to one region, compartment and kind, and never grows: late arrivals open new pages.
//! Pure like its parent; the engine performs, and only what a page decided.

mod absence;
mod apply;
mod conclude;
mod decide;
mod fact;
mod state;

pub use absence::{Listed, conclude_listed, conclude_sought, conclude_unlisted};
pub use apply::{PageViolation, apply};
pub use conclude::{
    Goal, Later, Looked, Polled, ReadBack, conclude_begun, conclude_failure, conclude_found, conclude_looked,
    conclude_observed, conclude_polled, conclude_unread,
};
pub use decide::{PageDecision, PageEffect, decide, intent};
pub use fact::{Inventory, Item, PageFact, StepBegun, StepCompleted, StepFailed, StepIntended, StepSettled};
pub use state::{Progress, State, StepState};
