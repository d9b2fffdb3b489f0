//! Rotates a key of a tenancy in memory and prints the report: nothing to configure, nothing to install.
//!
//! Run it with `cargo run -p keywheel-examples --example rotate_in_memory`. Time is virtual: it takes no time and
//! prints the same every time.

use keywheel::testkit::Lab;
use keywheel::{Result, Rotated};

/// A vault with a replica, a key of 100 days, five buckets in two regions; rotated.
pub(crate) fn rotate() -> Result<String> {
    let lab = Lab::with_buckets(5);
    let rotator = lab.rotator();
    let plan = lab.run(rotator.plan(&lab.key))?;
    Ok(match lab.run(rotator.rotate(&lab.key))? {
        Rotated::Completed(report) => format!("{} dependents planned\n{report}", plan.total()),
        other => format!("{other:?}"),
    })
}

fn main() -> Result<()> {
    println!("{}", rotate()?);
    Ok(())
}
