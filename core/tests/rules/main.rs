//! The rules of the rotation (design §6, R1 to R7) as sentences, told by a lab: the real rotator over a World in
//! memory, in virtual time.
//!
//! Judged by World's truth, World's log and the journal's lines; a rule's file never looks into the engine.

mod story;

mod backup_policies;
mod behind;
mod classes;
mod due;
mod fast;
mod gone;
mod legs;
mod lineage;
mod mint;
mod policies;
mod read_back;
mod register;
mod report;
mod restored;
mod scope;
mod settle;
mod steer;
mod target;
mod waiting;
