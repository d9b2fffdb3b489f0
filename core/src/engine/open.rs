//! Opening, pausing, resuming, cancelling: facts that people cause, appended under the same rules as ours.

use std::collections::HashSet;

use super::backoff::Pace;
use super::book::Book;
use super::drive::Ending;
use super::turns::Turn;
use super::walk::Walk;
use super::{Done, Engine};
use crate::model::{Due, DueState, KeyId, KeyVersionId, Kind, Request, RotationId, StreamId, Timestamp, When};
use crate::ports::Fence;
use crate::rotation::history::{FirstSeen, KeyFact, KnownKey, behind};
use crate::rotation::registry::{RegisteredOpening, Registry, RegistryFact};
use crate::rotation::{
    self, DueView, Fact, Opened, Paused, Purpose, State, due, grant, may_overtake, refusal, rid, wants_successor,
};
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
    pub async fn open(&self, request: &Request, turn: &Turn) -> Result<Opening> {
        self.recall_rates().await;
        let mut pace = Pace::default();
        let mut throttled = 0;
        loop {
            match self.try_open(request).await {
                Err(error) if error.kind() == ErrorKind::Conflict && error.operation() == "append" => {}
                Err(error) if error.kind() == ErrorKind::Throttled && throttled < self.settings.budgets.attempts => {
                    throttled += 1;
                    turn.rest(self.ports.clock.sleep_until(pace.after_throttle(self, &error))).await;
                }
                other => return other,
            }
        }
    }

    /// One look and at most one append to the registry, R6's lock. `Conflict`: somebody else did first.
    async fn try_open(&self, request: &Request) -> Result<Opening> {
        let key = &request.key;
        let mut registry = self.registry().await?;
        let open = open_rotation(&registry, &known(&registry).root_of(key));
        if let Some(rid) = &open {
            let main = self.main_book(rid).await?;
            let now = self.ports.clock.now();
            if !may_overtake(self.state(&main)?, &request.when, &self.settings, now) {
                return Ok(Opening::Open(rid.clone()));
            }
        }
        let asked = match &request.when {
            When::Now { request_id: Some(id), .. } => Some(id.clone()),
            _ => None,
        };
        if let Some(ended) = asked.as_ref().and_then(|id| remembered(&registry, key, id)) {
            return Ok(ended);
        }
        let seen = self.look(key, None).await?;
        let known_key = self.known_key(key).await?;
        // Other keys were opened and closed while the cloud answered; only what became of this lineage matters.
        registry.catch_up(self).await?;
        if open_rotation(&registry, &known(&registry).root_of(key)) != open {
            return Err(Error::new(
                ErrorKind::Conflict,
                "append",
                "somebody opened or closed a rotation of this lineage",
            ));
        }
        if let Some(ended) = asked.as_ref().and_then(|id| remembered(&registry, key, id)) {
            return Ok(ended);
        }
        let now = self.ports.clock.now();
        let view = self.due_view(&seen, &registry, &known_key, None);
        let owed = due(&view, &self.settings, now);
        let purpose = match (&request.when, &owed.state, &view.behind) {
            (When::IfDue, DueState::Behind, Some(earlier)) if open.is_none() => Wish::Sweep(earlier.clone()),
            (When::IfDue, DueState::Due, _) | (When::Now { .. }, ..) => Wish::Rotate,
            (When::IfDue, DueState::Predecessor, _) if open.is_none() => match &view.successor {
                Some(head) if self.has_movable(key).await? => {
                    Wish::ToHead(seen.key.current_version.clone(), head.clone())
                }
                _ => {
                    self.seen_empty(known_key).await?;
                    return Ok(Opening::NotDue(owed));
                }
            },
            // The open one goes on; only an age of its own makes the next one due.
            (When::IfDue, ..) if open.is_some() => return Ok(Opening::Open(open.expect("it is some"))),
            // What is not owed needs no refusal: a young key in a full vault is simply young.
            (When::IfDue, DueState::Waiting, _) => {
                self.first_seen(known_key, &seen).await?;
                return Ok(Opening::NotDue(owed));
            }
            (When::IfDue, ..) => match refusal(&seen, Purpose::Rotate, &self.settings) {
                Some(error) => {
                    if owed.state == DueState::AutoRotated {
                        // Whatever OCI mints from here on is followed by a sweep.
                        self.first_seen(known_key, &seen).await?;
                    }
                    return Err(error);
                }
                None => return Ok(Opening::NotDue(owed)),
            },
        };
        match (refusal(&seen, purpose.purpose(), &self.settings), &open, &request.when) {
            (Some(_), Some(rid), When::IfDue) => return Ok(Opening::Open(rid.clone())),
            (Some(error), ..) => return Err(error),
            (None, ..) => {}
        }
        grant(key, &request.when, &view, &self.settings, now)?;
        self.first_seen(known_key, &seen).await?;
        let opened = self.opened(&registry, &seen, &purpose, asked, open.clone());
        let name = rid(&opened.name);
        let closed = open.as_ref().map(|rid| Ending::overtaken().fact(rid));
        let opening = RegisteredOpening { rid: name.clone(), opened };
        let facts: Vec<_> = closed.into_iter().chain([RegistryFact::RotationOpened(Box::new(opening))]).collect();
        registry.append(self, None, &facts).await?;
        self.main_book(&name).await?;
        if let Some(before) = open {
            self.end_overtaken(&before, &name).await?;
        }
        Ok(Opening::Open(name))
    }

    fn opened(
        &self,
        registry: &Book<Registry>,
        seen: &rotation::Seen,
        wish: &Wish,
        request_id: Option<String>,
        overtakes: Option<RotationId>,
    ) -> Opened {
        let superseded = match wish {
            Wish::Rotate => &seen.key.current_version,
            Wish::Sweep(earlier) | Wish::ToHead(earlier, _) => earlier,
        };
        let head = match wish {
            Wish::ToHead(_, head) => Some(head.clone()),
            _ => None,
        };
        Opened {
            name: known(registry).next_name(&seen.key.id, superseded),
            vault: seen.vault.id.clone(),
            region: seen.key.region.clone(),
            compartment: seen.key.compartment.clone(),
            lineage_root: known(registry).root_of(&seen.key.id),
            is_sweep: wish.purpose() != Purpose::Rotate,
            head,
            overtakes,
            request_id,
            is_test: self.settings.is_test,
        }
    }

    async fn known_key(&self, key: &KeyId) -> Result<Book<KnownKey>> {
        Book::open(self, StreamId::key(key)).await
    }

    /// Writes down what a key is like that nobody had looked at yet.
    async fn first_seen(&self, mut book: Book<KnownKey>, seen: &rotation::Seen) -> Done {
        while book.state().is_none_or(|known| known.first_seen.is_none()) {
            let fact = KeyFact::FirstSeen(FirstSeen::of(&seen.key, &seen.versions));
            match book.append(self, None, &[fact]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Whether anything hangs on a predecessor that a step moves to the head. Reads the catalog until something does.
    /// What only a person can move would be swept for ever.
    async fn has_movable(&self, key: &KeyId) -> Result<bool> {
        let mut walk = Walk::new(self, key, self.regions_of(key).await?).await?;
        let known = HashSet::new();
        while let Some(groups) = walk.next(&known).await? {
            if groups.iter().any(|group| self.leaves_predecessor(&group.kind)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn leaves_predecessor(&self, kind: &Kind) -> bool {
        let spec = self.kind_spec(kind).filter(|spec| !spec.steps_new_key.is_empty());
        let policy = self.settings.policy.strategy;
        spec.is_some_and(|spec| wants_successor(Some(spec.class), Purpose::ToHead, policy))
    }

    async fn seen_empty(&self, mut book: Book<KnownKey>) -> Done {
        let at = self.ports.clock.now();
        match book.append(self, None, &[KeyFact::SeenEmpty { at }]).await {
            // Somebody else looked too, or a sink's cursor came between: the next look writes it.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            other => other,
        }
    }

    /// Whether a predecessor is to be looked at for late arrivals: not more often than policy says.
    pub async fn is_look_owed(&self, key: &KeyId) -> Result<bool> {
        let last = self.known_key(key).await?.state().and_then(|known| known.seen_empty);
        let period = self.settings.policy.predecessor_look;
        Ok(last.is_none_or(|at| self.ports.clock.now() >= at + period))
    }

    fn due_view<'a>(
        &self,
        seen: &'a rotation::Seen,
        registry: &Book<Registry>,
        known_key: &Book<KnownKey>,
        open: Option<RotationId>,
    ) -> DueView<'a> {
        let registry = known(registry);
        let not_before = registry.held_until(&seen.key.id);
        let policy = self.settings.policy.history;
        let nothing = KnownKey::default();
        let known_key = known_key.state().unwrap_or(&nothing);
        let behind = behind(&seen.key, &seen.versions, known_key, registry, policy);
        let successor = registry.head_after(&seen.key.id).filter(|_| registry.is_predecessor(&seen.key.id)).cloned();
        DueView { seen, open, not_before, behind, successor }
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
        let paused = Paused::new(why, "resume when you are ready");
        // A rest that the next run would end by itself is no rest that a person asked for.
        let is_wanted = |state: &State| state.paused.as_ref().is_none_or(|paused| paused.is_outage);
        self.intervene(rid, |state| Ok(is_wanted(state).then(|| Fact::Paused(paused.clone())))).await
    }

    /// Lets a paused rotation go on. Does not drive it.
    pub async fn unpause(&self, rid: &RotationId) -> Done {
        // One that ended but whose runner died before it gave its lineage free: whoever drives it does that.
        let main = self.main_book(rid).await?;
        if self.state(&main)?.is_terminal() {
            return Ok(());
        }
        self.intervene(rid, |state| Ok(state.paused.is_some().then_some(Fact::Resumed { by_run: false }))).await
    }

    /// Gives a rotation up, if no mint was intended yet. `due` does not start it again before `until`.
    pub async fn cancel(&self, rid: &RotationId, until: Option<Timestamp>) -> Done {
        self.intervene(rid, |state| {
            if state.is_past_pivot() && is_on(Safeguard::CancelBeforePivotOnly) {
                return Err(Error::refused(
                    "cancel",
                    "a version was minted, or may have been, or data moves already: only forward from here; pause it if it must stop",
                )
                .with("rotation", rid));
            }
            Ok(Some(Fact::Cancelled { until }))
        })
        .await?;
        let vault = self.main_book(rid).await?.state().map(|state| state.opened.vault.clone());
        match vault {
            Some(vault) => self.unregister(rid, &vault, &Ending { until, ..Ending::how("cancelled") }).await,
            None => Ok(()),
        }
    }

    /// Appends what a person wants, raising the epoch so that every driver sees it at its next append.
    pub(super) async fn intervene(&self, rid: &RotationId, wish: impl Fn(&State) -> Result<Option<Fact>>) -> Done {
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

    /// The same, patiently: the tenancy's ten reads a second are everybody's.
    pub(super) async fn due_unhurried(&self, key: &KeyId) -> Result<(Due, rotation::Seen, Option<KeyVersionId>)> {
        let mut pace = Pace::default();
        for _ in 0..self.settings.budgets.attempts {
            match self.due(key).await {
                Err(error) if error.kind() == ErrorKind::Throttled => {
                    self.ports.clock.sleep_until(pace.after_throttle(self, &error)).await;
                }
                other => return other,
            }
        }
        self.due(key).await
    }

    /// What is owed to one key, from the cloud and the journal; and what a sweep of it would move data from.
    pub async fn due(&self, key: &KeyId) -> Result<(Due, rotation::Seen, Option<KeyVersionId>)> {
        let registry = self.registry().await?;
        let known_key = self.known_key(key).await?;
        let seen = self.look(key, None).await?;
        let open = known(&registry).open_for(&known(&registry).root_of(key)).cloned();
        let view = self.due_view(&seen, &registry, &known_key, open);
        let owed = due(&view, &self.settings, self.ports.clock.now());
        let sweeps = view.behind.filter(|_| owed.state == DueState::Behind);
        Ok((owed, seen, sweeps))
    }
}

/// What a new rotation is for.
enum Wish {
    /// To supersede the current version.
    Rotate,
    /// To move data from this version, and every earlier one, to the current one.
    Sweep(KeyVersionId),
    /// To move what hangs on a predecessor with this version to the head of its lineage.
    ToHead(KeyVersionId, KeyId),
}

impl Wish {
    fn purpose(&self) -> Purpose {
        match self {
            Self::Rotate => Purpose::Rotate,
            Self::Sweep(_) => Purpose::Sweep,
            Self::ToHead(..) => Purpose::ToHead,
        }
    }
}

fn open_rotation(registry: &Book<Registry>, root: &KeyId) -> Option<RotationId> {
    known(registry).open_for(root).cloned().filter(|_| is_on(Safeguard::OneOpenRotation))
}

/// A rotation that was asked for under this request id before.
fn remembered(registry: &Book<Registry>, key: &KeyId, request_id: &str) -> Option<Opening> {
    let rid = known(registry).requests.get(&(key.clone(), request_id.to_owned()))?;
    Some(Opening::Ended(rid.clone()))
}

fn known(registry: &Book<Registry>) -> &Registry {
    registry.state().expect("an opened registry has a state, an empty one at least")
}
