//! A whole tenancy: regions, compartments, many keys, and what reports say of it against what is so.
//!
//! Everything here is in memory and in virtual time. What is expected is worked out from World's own truth and from
//! what the builder put there, never from anything that keywheel says.

mod build;
mod coverage;
mod enroll;
mod outages;
mod report;
