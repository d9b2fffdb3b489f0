//! What the Rust examples share. The programs are in `examples/`, how to test your own automation in `tests/`.

use keywheel::memory::FaultPlan;
use keywheel::model::KeyVersionId;
use keywheel::testkit::Lab;
use keywheel::{Result, Rotated, Rotator};

/// A team's own automation: what it runs every night. This stands for your code.
pub struct NightlyJob {
    rotator: Rotator,
}

impl NightlyJob {
    /// A job over a rotator: `Rotator::from_config` in production, a lab's in tests.
    #[must_use]
    pub fn new(rotator: Rotator) -> Self {
        Self { rotator }
    }

    /// Rotates what is due and says what a person must look at, one line each.
    pub async fn run(&self) -> Result<Vec<String>> {
        let mut worries = Vec::new();
        for (key, rotated) in self.rotator.rotate_due().await? {
            match rotated {
                Ok(Rotated::Paused { why, do_next, .. }) => worries.push(format!("{key} waits: {why}; {do_next}")),
                Err(error) => worries.push(format!("{key} failed: {error}")),
                Ok(_) => {}
            }
        }
        Ok(worries)
    }
}

/// Lets the answer to the next mint get lost, or nothing at all.
pub fn lose_the_next_answer(lab: &Lab, lost: bool) {
    let plan = FaultPlan::new();
    lab.world.faults(if lost { plan.lose_answer("create_version", 1) } else { plan });
}

/// The versions that buckets hang on, one for each bucket.
#[must_use]
pub fn versions_in_use(lab: &Lab) -> Vec<Option<KeyVersionId>> {
    lab.buckets.iter().map(|bucket| lab.world.wrapping_version(bucket)).collect()
}
