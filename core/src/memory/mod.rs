//! Room memory.

mod journal;

pub use journal::{Failure, FailureHook, MemoryJournal};
