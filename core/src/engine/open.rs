//! Opening, pausing, resuming, cancelling: facts that people cause, appended under the same rules as ours.

use super::book::Book;
use super::{Done, Engine};
use crate::model::{Due, DueState, KeyId, Request, RotationId, StreamId, Timestamp, When};
use crate::ports::Fence;
use crate::rotation::registry::{RegisteredOpening, Registry, RegistryFact};
use crate::rotation::{self, DueView, Fact, Opened, Paused, State, due, grant, lineage_root, refusal, rid};
use crate::safeguard::{Safeguard, is_on};
use crate::{Error, ErrorKind, Result};

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// A rotation is open: a new one, or the one that was open already.
    Open(RotationId),
    /// A rotation that the journal remembers under this request id has ended.
    Ended(RotationId),
    /// Nothing is owed.
    NotDue(Due),
}

impl Engine {
    /// Opens a rotation, or finds the open one of the key's lineage (R6).
    pub async fn open(&self, request: &Request) -> Result<Opening> {
        let key = &request.key;
        let root = lineage_root(key);
        let mut registry = self.registry().await?;
        if let Some(rid) = open_rotation(&registry, &root) {
            self.exists(&rid).await?;
            return Ok(Opening::Open(rid));
        }
        let asked = match &request.when {
            When::Now { request_id: Some(id), .. } => Some(id.clone()),
            _ => None,
        };
        if let Some(rid) = asked.as_ref().and_then(|id| known(&registry).requests.get(&(key.clone(), id.clone()))) {
            return Ok(Opening::Ended(rid.clone()));
        }
        let seen = self.look(key, None).await?;
        let now = self.ports.clock.now();
        let view = DueView { seen: &seen, open: None, not_before: known(&registry).held_until(key) };
        let owed = due(&view, &self.settings, now);
        // What is not owed needs no refusal: a young key in a full vault is simply young.
        if request.when == When::IfDue && owed.state == DueState::Waiting {
            return Ok(Opening::NotDue(owed));
        }
        if let Some(error) = refusal(&seen, &self.settings) {
            return Err(error);
        }
        match &request.when {
            When::IfDue => {
                if owed.state != DueState::Due {
                    return Ok(Opening::NotDue(owed));
                }
            }
            wish @ When::Now { .. } => grant(key, wish, &view, &self.settings, now)?,
        }
        loop {
            if let Some(rid) = open_rotation(&registry, &root) {
                self.exists(&rid).await?;
                return Ok(Opening::Open(rid));
            }
            let opened = self.opened(&registry, &seen, asked.clone());
            let name = rid(&opened.name);
            let opening = RegisteredOpening { rid: name.clone(), opened };
            match registry.append(self, None, &[RegistryFact::RotationOpened(Box::new(opening))]).await {
                Ok(()) => {
                    self.main_book(&name).await?;
                    return Ok(Opening::Open(name));
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn opened(&self, registry: &Book<Registry>, seen: &rotation::Seen, request_id: Option<String>) -> Opened {
        Opened {
            name: known(registry).next_name(&seen.key.id, &seen.key.current_version),
            vault: seen.vault.id.clone(),
            region: seen.key.region.clone(),
            compartment: seen.key.compartment.clone(),
            lineage_root: lineage_root(&seen.key.id),
            request_id,
            is_test: self.settings.is_test,
        }
    }

    /// Creates a rotation's own stream if the registry names it and it has no line yet. Whoever drives it folds it.
    async fn exists(&self, rid: &RotationId) -> Done {
        if self.ports.journal.head(&StreamId::rotation(rid)).await?.next_seq == 0 {
            self.main_book(rid).await?;
        }
        Ok(())
    }

    /// Opens a rotation's own stream; one that the registry names but that has no line yet is created.
    pub(super) async fn main_book(&self, rid: &RotationId) -> Result<Book<State>> {
        let mut main = Book::<State>::open(self, StreamId::rotation(rid)).await?;
        while main.state().is_none() {
            let registry = self.registry().await?;
            let Some(registered) = known(&registry).rotations.get(rid) else {
                return Err(
                    Error::new(ErrorKind::NotFound, "open", "the journal has no such rotation").with("rotation", rid)
                );
            };
            match main.append(self, None, &[Fact::Opened(registered.opened.clone())]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => other?,
            }
        }
        Ok(main)
    }

    /// Stops a rotation at its next append, whoever drives it.
    pub async fn pause(&self, rid: &RotationId, why: &str) -> Done {
        let paused = Paused { why: why.to_owned(), do_next: "resume when you are ready".to_owned() };
        self.intervene(rid, |state| Ok(state.paused.is_none().then(|| Fact::Paused(paused.clone())))).await
    }

    /// Lets a paused rotation go on. Does not drive it.
    pub async fn unpause(&self, rid: &RotationId) -> Done {
        // One that ended but whose runner died before it gave its lineage free: whoever drives it does that.
        let main = self.main_book(rid).await?;
        if self.state(&main)?.is_terminal() {
            return Ok(());
        }
        self.intervene(rid, |state| Ok(state.paused.is_some().then_some(Fact::Resumed {}))).await
    }

    /// Gives a rotation up, if no mint was intended yet. `due` does not start it again before `until`.
    pub async fn cancel(&self, rid: &RotationId, until: Option<Timestamp>) -> Done {
        self.intervene(rid, |state| {
            if state.is_past_pivot() && is_on(Safeguard::CancelBeforePivotOnly) {
                return Err(Error::refused(
                    "cancel",
                    "a version was minted, or may have been: only forward from here; pause it if it must stop",
                )
                .with("rotation", rid));
            }
            Ok(Some(Fact::Cancelled { until }))
        })
        .await?;
        let vault = self.main_book(rid).await?.state().map(|state| state.opened.vault.clone());
        match vault {
            Some(vault) => self.unregister(rid, &vault, "cancelled", until).await,
            None => Ok(()),
        }
    }

    /// Appends what a person wants, raising the epoch so that every driver sees it at its next append.
    async fn intervene(&self, rid: &RotationId, wish: impl Fn(&State) -> Result<Option<Fact>>) -> Done {
        let scope = StreamId::rotation(rid);
        loop {
            let epoch = self.ports.journal.epoch(&scope).await?;
            let mut main = self.main_book(rid).await?;
            let state = self.state(&main)?;
            if state.is_terminal() {
                return Err(Error::refused("intervene", "the rotation has ended").with("rotation", rid));
            }
            let Some(fact) = wish(state)? else {
                return Ok(());
            };
            let fence = Fence { scope: scope.clone(), epoch, raises: true };
            match main.append(self, Some(fence), std::slice::from_ref(&fact)).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => {
                    other?;
                    self.said(&main, &[fact]);
                    return Ok(());
                }
            }
        }
    }

    /// What is owed to one key, from the cloud and the journal.
    pub async fn due(&self, key: &KeyId) -> Result<(Due, rotation::Seen)> {
        let registry = self.registry().await?;
        let seen = self.look(key, None).await?;
        let open = known(&registry).open_for(&lineage_root(key)).cloned();
        let view = DueView { seen: &seen, open, not_before: known(&registry).held_until(key) };
        Ok((due(&view, &self.settings, self.ports.clock.now()), seen))
    }
}

fn open_rotation(registry: &Book<Registry>, root: &KeyId) -> Option<RotationId> {
    known(registry).open_for(root).cloned().filter(|_| is_on(Safeguard::OneOpenRotation))
}

fn known(registry: &Book<Registry>) -> &Registry {
    registry.state().expect("an opened registry has a state, an empty one at least")
}
