//! `doctor`: what observations mean for the assumptions A1 to A7, and what it writes down.
//!
//! Pure, like the rest of the room: `engine::doctor` looks and sends, this judges. Nothing here is read by a rotation.

mod count;
mod fact;
mod fit;
mod judge;
mod rights;
mod seen;
mod shown;
mod surroundings;
mod trial;
mod words;

pub use fact::{Begun, DoctorFact, Notes};
pub use fit::{Subject, busy, unfit};
pub use judge::{assumptions, clock_verdict, journal_verdict};
pub use rights::{RightsAsked, rights};
pub use seen::{Answer, ClockSample, Contender, JournalProbe, ListedKey, Look, Observed, Sent, Step, Told, Trial};
pub use shown::{LastWord, PageSteps, Shown};
pub use surroundings::{connectivity, permissions};
