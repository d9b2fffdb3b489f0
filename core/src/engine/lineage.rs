//! One key of a lineage at a time, within one process: what is opened and driven for one, the others of it wait for.
//!
//! Processes are kept apart by claims, but a claim does not hold its own runner off: two tasks would take one rotation from
//! each other. This saves work and keeps order; what makes it safe is compare-and-append, here as everywhere.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, Weak};

use futures_util::lock::{Mutex, OwnedMutexGuard};

use super::Engine;
use super::turns::Turn;
use crate::Result;
use crate::model::KeyId;

/// A place in line for each lineage that somebody works on, by its root.
#[derive(Default)]
pub(super) struct Lineages(std::sync::Mutex<HashMap<KeyId, Weak<Mutex<()>>>>);

impl Lineages {
    fn line(&self, root: KeyId) -> Arc<Mutex<()>> {
        // Entries are added and removed whole.
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(&root).and_then(Weak::upgrade) {
            return line;
        }
        lines.retain(|_, line| line.strong_count() > 0);
        let line = Arc::new(Mutex::new(()));
        lines.insert(root, Arc::downgrade(&line));
        line
    }
}

impl Engine {
    /// Waits until nobody else in this process works on the key's lineage; the turn is somebody else's meanwhile.
    pub async fn alone_in_lineage(&self, key: &KeyId, turn: &Turn) -> Result<OwnedMutexGuard<()>> {
        let registry = self.registry().await?;
        let root = registry.state().map_or_else(|| key.clone(), |registry| registry.root_of(key));
        let line = self.lineages.line(root);
        match line.try_lock_owned() {
            Some(alone) => Ok(alone),
            None => Ok(turn.rest(line.lock_owned()).await),
        }
    }
}
