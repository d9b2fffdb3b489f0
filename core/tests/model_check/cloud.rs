//! The cloud of the model: what happens to a request, what a list shows, when a request is too old.
//!
//! Each assumption is one `if` here. An assumption that does not hold makes more things possible, never fewer.

use std::sync::LazyLock;

use keywheel::model::{KeyId, KeyState, KeyVersion, KeyVersionId, Origin, RequestId, Timestamp};
use keywheel::rotation::{Effect, conclude_created, conclude_failure};
use keywheel::{Error, ErrorKind};

use crate::runner::{Runner, TICK, key, start, tick};
use crate::tenancy::{Tenancy, World};

/// Ticks that a list may lag when A2 does not hold.
const ENDLESS: u8 = 100;

/// A mint in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    /// The date it is signed with, in seconds from the start.
    pub(crate) date: i64,
    /// Stands for its token.
    pub(crate) generation: u32,
    /// How often it can still arrive; more than once only without A7.
    pub(crate) copies: u8,
}

/// A version that was made while the rotation ran.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Version {
    pub(crate) created: u8,
    pub(crate) is_ours: bool,
}

static IDS: LazyLock<Vec<KeyVersionId>> = LazyLock::new(|| {
    let newer = (1..16).map(|place| format!("ocid1.keyversion.oc1.iad.aaaa.n{place}"));
    let all = std::iter::once("ocid1.keyversion.oc1.iad.aaaa.superseded".to_owned()).chain(newer);
    all.map(|text| KeyVersionId::parse(text).expect("valid")).collect()
});

/// The name of the version at this place; 0 is the superseded one.
pub(crate) fn version_id(place: usize) -> KeyVersionId {
    IDS[place].clone()
}

fn as_listed(key: &KeyId, place: usize, time_created: Timestamp) -> KeyVersion {
    KeyVersion {
        id: version_id(place),
        key: key.clone(),
        state: KeyState::Enabled,
        origin: Origin::Internal,
        is_auto_rotated: false,
        time_created,
        time_of_deletion: None,
        replication_id: None,
    }
}

/// A version's time: no two are made in one second.
fn made_at(version: &Version, place: usize) -> Timestamp {
    tick(version.created) + std::time::Duration::from_secs(place as u64)
}

impl Tenancy {
    /// What ListKeyVersions shows: everything, or only what it must show by A2.
    pub(crate) fn list(&self, world: &World, fresh: bool) -> Vec<KeyVersion> {
        let lag = if self.holds.list { 1 } else { ENDLESS };
        let key = key();
        let old = as_listed(&key, 0, start() - std::time::Duration::from_secs(100 * 86_400));
        let shown = world.versions.iter().zip(1..).filter(|(version, place)| {
            // A version that is current is listed, too: only a lag that A2 excludes hides that one.
            fresh || version.created + lag <= world.now || (self.holds.list && *place == world.current)
        });
        std::iter::once(old)
            .chain(shown.map(|(version, place)| as_listed(&key, place, made_at(version, place))))
            .collect()
    }

    /// Whether the fence keeps a request from acting now (A3; P is nothing here).
    pub(crate) fn is_stale(&self, world: &World, request: &Request) -> bool {
        self.holds.fence && (i64::from(world.now) * TICK - request.date).abs() > TICK
    }

    /// A request arrives. Whoever still waits for its answer gets it, if it is heard.
    pub(crate) fn arrive(&self, world: &mut World, at: usize, heard: bool) -> Option<()> {
        let request = self.take(world, at);
        if self.is_stale(world, &request) {
            let refused = Error::from_service("create_version", 401, "NotAuthenticated", "the date is too far off");
            return self.answer_refusal(world, &request, heard, &refused);
        }
        let place = self.act(world, &request);
        if !heard {
            return Some(());
        }
        let runner = waiting(world, &request)?;
        let Runner::Awaiting { from, .. } = &world.runners[runner] else { return None };
        let version = as_listed(&key(), place, made_at(&world.versions[place - 1], place));
        let concluded = conclude_created(&from.state, 1, &version, RequestId::parse("REQ").ok());
        world.runners[runner] = Runner::answered(from.clone(), request.date, concluded.facts);
        Some(())
    }

    /// A request arrives and is refused definitively; without A6 it acts all the same.
    pub(crate) fn refuse(&self, world: &mut World, at: usize) -> Option<()> {
        world.refusals -= 1;
        let request = self.take(world, at);
        if !self.holds.refusal {
            self.act(world, &request);
        }
        let refused = Error::from_service("create_version", 409, "IncorrectState", "the key is being updated");
        self.answer_refusal(world, &request, true, &refused)
    }

    fn take(&self, world: &mut World, at: usize) -> Request {
        let mut request = world.requests.swap_remove(at);
        if request.copies > 1 {
            request.copies -= 1;
            world.requests.push(request.clone());
        }
        request
    }

    /// The effect: a new version, or by A1 the one that this token made before. Returns its place.
    fn act(&self, world: &mut World, request: &Request) -> usize {
        let made = world.tokens.iter().find(|(generation, _)| *generation == request.generation);
        if let Some((_, place)) = made.filter(|_| self.holds.token) {
            return *place;
        }
        world.versions.push(Version { created: world.now, is_ours: true });
        let place = world.versions.len();
        if made.is_none() {
            world.tokens.push((request.generation, place));
        }
        place
    }

    fn answer_refusal(&self, world: &mut World, request: &Request, heard: bool, error: &Error) -> Option<()> {
        let Some(runner) = waiting(world, request).filter(|_| heard) else {
            return (!heard).then_some(());
        };
        let Runner::Awaiting { from, .. } = &world.runners[runner] else { return None };
        // The service's "never again" to a stale date is about this request; a person is asked, and resumes.
        let not_before = tick(world.now);
        let error = if error.kind() == ErrorKind::Denied { refused_again() } else { clone_of(error) };
        let concluded = conclude_failure(&from.state, &Effect::Mint { leg: 1 }, &error, not_before, &self.settings);
        world.runners[runner] = Runner::answered(from.clone(), request.date, concluded.facts);
        Some(())
    }
}

/// A refusal that may be tried again: what a person's resume after a 401 comes to.
fn refused_again() -> Error {
    Error::from_service("create_version", 401, "NotAuthenticated", "the date is too far off").retry_later(None)
}

fn clone_of(error: &Error) -> Error {
    Error::from_service(
        "create_version",
        error.status().expect("it came from a service"),
        error.code().expect("it came from a service"),
        error.message(),
    )
}

/// The runner that waits for the answer to this request.
fn waiting(world: &World, request: &Request) -> Option<usize> {
    world.runners.iter().position(|runner| matches!(runner, Runner::Awaiting { date, .. } if *date == request.date))
}
