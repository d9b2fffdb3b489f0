//! The rotator's calls by name: arguments and answers as JSON.
//!
//! One row for each call of `Rotator`. A rotation may be named by the beginning of its id.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{FutureExt as _, StreamExt as _};
use keywheel::adapters::oci::credentials::ConfigFile;
use keywheel::adapters::oci::iam::IamSubject;
use keywheel::adapters::system::SystemClock;
use keywheel::compose::Brought;
use keywheel::config::Config;
use keywheel::model::{KeyId, Request, RotationId, Timestamp};
use keywheel::ports::Ports;
use keywheel::{Rotated, Rotator, Started};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::foreign::{Abroad, Guest};
use crate::free::{Nothing, read, write};
use crate::guests::{GuestCatalog, GuestKeyStore, GuestNotifier, GuestReKeyer, GuestSink};
use crate::runtime::Runtime;
use crate::time::Time;
use crate::{Answer, Call, Failure, Foreign};

/// The methods that [`Door::call`] knows.
pub const METHODS: &[&str] = &[
    "cancel",
    "dependents",
    "doctor",
    "due",
    "facts",
    "history",
    "list",
    "metrics",
    "pause",
    "plan",
    "recover",
    "resume",
    "rotate",
    "rotate_due",
    "run_for",
    "start",
    "status",
    "verify_journal",
];

/// A rotator behind strings. Calls may come from any thread, several at once, and run on threads of ours.
#[derive(Clone)]
pub struct Door {
    rotator: Rotator,
    runtime: Arc<Runtime>,
    /// The time it lives by, if that is a World's.
    time: Option<Arc<Time>>,
}

/// Hears an event of progress, JSON.
pub type Hear = Box<dyn Fn(String) + Send + Sync>;

/// Ports that a host language implements itself, in place of those that a config names.
#[derive(Default)]
#[allow(missing_docs, reason = "each field is named after its port")]
pub struct Guests {
    pub key_store: Option<Arc<dyn Foreign>>,
    pub catalog: Option<Arc<dyn Foreign>>,
    pub rekeyer: Option<Arc<dyn Foreign>>,
    /// Besides the config's.
    pub audit_sinks: Vec<Arc<dyn Foreign>>,
    /// Besides the config's.
    pub notifiers: Vec<Arc<dyn Foreign>>,
    /// Who one is, in place of the config's profile.
    pub principal: Option<Principal>,
}

/// Who a host says it is.
pub enum Principal {
    /// Names and values as in `~/.oci/config`.
    Map(BTreeMap<String, String>),
    /// Another profile of the config's OCI config file.
    Profile(String),
    /// A signer that keeps its key to itself: `identity`, `sign`, `refresh`.
    Signer(Arc<dyn Foreign>),
}

impl Guests {
    /// Meets each of them once, in an order that does not change.
    pub(crate) async fn met(self, abroad: &Arc<Abroad>) -> keywheel::Result<Brought> {
        let guest = |foreign| Guest::new(foreign, Arc::clone(abroad));
        let principal = match self.principal {
            Some(Principal::Map(values)) => {
                let clock = Arc::new(SystemClock);
                Some(ConfigFile::from_map(&values, &*clock)?.into_principal(clock))
            }
            Some(Principal::Signer(foreign)) => Some(crate::signer::meet(guest(foreign)).await?),
            // A profile is the config's affair; whoever opens it has changed it there.
            Some(Principal::Profile(_)) | None => None,
        };
        let mut brought = Brought { principal, ..Brought::default() };
        if let Some(foreign) = self.key_store {
            brought.key_store = Some(GuestKeyStore::meet(guest(foreign)).await?);
        }
        brought.catalog = self.catalog.map(|foreign| GuestCatalog::meet(guest(foreign)));
        if let Some(foreign) = self.rekeyer {
            brought.rekeyer = Some(GuestReKeyer::meet(guest(foreign)).await?);
        }
        for foreign in self.audit_sinks {
            brought.audit.push(GuestSink::meet(guest(foreign)).await?);
        }
        for foreign in self.notifiers {
            brought.notifiers.push(GuestNotifier::meet(guest(foreign)).await?);
        }
        Ok(brought)
    }

    pub(crate) async fn over(self, ports: Ports, abroad: &Arc<Abroad>) -> keywheel::Result<Ports> {
        Ok(self.met(abroad).await?.over(ports))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneKey {
    key: KeyId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MaybeKey {
    #[serde(default)]
    key: Option<KeyId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MaybeLive {
    #[serde(default)]
    live: Option<KeyId>,
    #[serde(default)]
    subject: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneRotation {
    rotation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    rotation: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    rotation: String,
    #[serde(default)]
    until: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunFor {
    rotation: String,
    seconds: f64,
}

impl Door {
    /// A door to the rotator that a config file describes.
    ///
    /// Reads files and opens the journal; OCI is not asked, only an instance asks its metadata service who it is, and a pod
    /// its cluster.
    pub fn open(config: &Path) -> Result<Self, Box<Failure>> {
        Self::open_with(config, Guests::default())
    }

    /// The same with ports of the host's.
    pub fn open_with(config: &Path, own: Guests) -> Result<Self, Box<Failure>> {
        let (config, runtime) = (config.to_owned(), Runtime::current()?);
        let make = async move {
            let mut config = Config::load(&config)?;
            if let Some(Principal::Profile(profile)) = &own.principal {
                config.oci.profile.clone_from(profile);
            }
            let ports = Ports::from_config_and(&config, own.met(&Arc::default()).await?).await?;
            Ok(Rotator::with_ports(config.settings, ports))
        };
        let rotator = runtime.wait("open", make)?;
        Ok(Self::new(rotator, runtime, None))
    }

    pub(crate) fn new(rotator: Rotator, runtime: Arc<Runtime>, time: Option<Arc<Time>>) -> Self {
        Self { rotator, runtime, time }
    }

    /// A door to a rotator that somebody else made.
    pub fn over(rotator: Rotator) -> Result<Self, Box<Failure>> {
        Ok(Self::new(rotator, Runtime::current()?, None))
    }

    /// Calls a method and waits; see [`METHODS`].
    pub fn call(&self, method: &str, arguments: &str) -> Answer {
        let (sender, receiver) = mpsc::channel();
        self.start(method, arguments, move |answer| drop(sender.send(answer)));
        receiver.recv().unwrap_or_else(|_| Err(Failure::bug(method, "nothing was answered".to_owned())))
    }

    /// Starts a call; `done` hears its answer, once, on a thread of ours. Dropping out is a crash, and a crash is safe.
    pub fn start(&self, method: &str, arguments: &str, done: impl FnOnce(Answer) + Send + 'static) -> Call {
        self.start_heard(method, arguments, None, done)
    }

    /// The same; `hear` hears every event of progress meanwhile, one JSON text each, before `done` is told.
    pub fn start_heard(
        &self,
        method: &str,
        arguments: &str,
        hear: Option<Hear>,
        done: impl FnOnce(Answer) + Send + 'static,
    ) -> Call {
        let (door, name, arguments) = (self.clone(), method.to_owned(), arguments.to_owned());
        let work = async move {
            match hear {
                Some(hear) => door.heard(&name, &arguments, &hear).await,
                None => door.dispatch(&name, &arguments).await,
            }
        };
        match &self.time {
            Some(time) => self.runtime.start(method, time.passing(work), done),
            None => self.runtime.start(method, work, done),
        }
    }

    async fn heard(&self, method: &str, arguments: &str, hear: &Hear) -> Answer {
        let mut events = self.rotator.progress();
        let mut work = std::pin::pin!(self.dispatch(method, arguments));
        let tell = |event| write("progress", &event).map(hear);
        loop {
            let answered = match select(work.as_mut(), events.next()).await {
                Either::Left((answer, _)) => answer,
                Either::Right((Some(event), _)) => {
                    tell(event)?;
                    continue;
                }
                Either::Right((None, work)) => work.await,
            };
            while let Some(Some(event)) = events.next().now_or_never() {
                tell(event)?;
            }
            return answered;
        }
    }

    async fn dispatch(&self, method: &str, arguments: &str) -> Answer {
        let rotator = &self.rotator;
        match method {
            "cancel" => {
                let Cancel { rotation, until } = read(method, arguments)?;
                rotator.cancel(&self.find(&rotation).await?, until).await?;
                write(method, &Value::Null)
            }
            "dependents" => {
                let rotation = self.rotation(method, arguments).await?;
                write(method, &rotator.dependents(&rotation).await?)
            }
            "doctor" => {
                let MaybeLive { live, subject } = read(method, arguments)?;
                let checkup = match subject {
                    Some(subject) => rotator.doctor_for(live.as_ref(), IamSubject::parse(&subject)?.as_str()).await?,
                    None => rotator.doctor(live.as_ref()).await?,
                };
                write(method, &checkup)
            }
            "due" => {
                let Nothing {} = read(method, arguments)?;
                write(method, &rotator.due().await?)
            }
            "facts" => {
                let rotation = self.rotation(method, arguments).await?;
                write(method, &rotator.facts(&rotation).await?)
            }
            "history" => {
                let MaybeKey { key } = read(method, arguments)?;
                write(method, &rotator.history(key.as_ref()).await?)
            }
            "list" => {
                let Nothing {} = read(method, arguments)?;
                write(method, &rotator.list().await?)
            }
            "metrics" => {
                let Nothing {} = read(method, arguments)?;
                write(method, &rotator.metrics().await?)
            }
            "pause" => {
                let Pause { rotation, why } = read(method, arguments)?;
                rotator.pause(&self.find(&rotation).await?, &why).await?;
                write(method, &Value::Null)
            }
            "plan" => {
                let OneKey { key } = read(method, arguments)?;
                write(method, &rotator.plan(&key).await?)
            }
            "recover" => {
                let Nothing {} = read(method, arguments)?;
                let rows = rotator.recover().await?.into_iter();
                write(method, &rows.map(|(rotation, ended)| row("rotation", &rotation, ended)).collect::<Vec<_>>())
            }
            "resume" => {
                let rotation = self.rotation(method, arguments).await?;
                write(method, &rotator.resume(&rotation).await?)
            }
            "rotate" => {
                let OneKey { key } = read(method, arguments)?;
                write(method, &rotator.rotate(&key).await?)
            }
            "rotate_due" => {
                let Nothing {} = read(method, arguments)?;
                let rows = rotator.rotate_due().await?.into_iter();
                write(method, &rows.map(|(key, ended)| row("key", &key, ended)).collect::<Vec<_>>())
            }
            "run_for" => {
                let RunFor { rotation, seconds } = read(method, arguments)?;
                let duration = Duration::try_from_secs_f64(seconds)
                    .map_err(|error| Failure::refused(method, format!("seconds: {error}")))?;
                write(method, &rotator.run_for(&self.find(&rotation).await?, duration).await?)
            }
            "start" => {
                let request: Request = read(method, arguments)?;
                write(method, &started(rotator.start(&request).await?))
            }
            "status" => {
                let rotation = self.rotation(method, arguments).await?;
                write(method, &rotator.status(&rotation).await?)
            }
            "verify_journal" => {
                let Nothing {} = read(method, arguments)?;
                write(method, &json!({ "lines": rotator.verify_journal().await? }))
            }
            _ => Err(Failure::refused(method, format!("there is no method {method:?}; there are {METHODS:?}"))),
        }
    }

    async fn rotation(&self, method: &str, arguments: &str) -> Result<RotationId, Box<Failure>> {
        let OneRotation { rotation } = read(method, arguments)?;
        self.find(&rotation).await
    }

    async fn find(&self, prefix: &str) -> Result<RotationId, Box<Failure>> {
        Ok(self.rotator.find(prefix).await?)
    }
}

/// One key's or rotation's failure does not hide what became of the others.
fn row(what: &str, id: &impl serde::Serialize, ended: keywheel::Result<Rotated>) -> Value {
    match ended {
        Ok(rotated) => json!({ what: id, "rotated": rotated, "error": null }),
        Err(error) => json!({ what: id, "rotated": null, "error": Box::<Failure>::from(error) }),
    }
}

/// `Started` holds names without a field of their own, which an internally tagged enum cannot write.
fn started(started: Started) -> Value {
    match started {
        Started::Ended(rotation) => json!({ "started": "ended", "rotation": rotation }),
        Started::NotDue(due) => json!({ "started": "not_due", "due": due }),
        Started::Open(rotation) => json!({ "started": "open", "rotation": rotation }),
        _ => json!({ "started": "unknown" }),
    }
}

#[cfg(test)]
mod tests {
    use keywheel::model::When;
    use keywheel::testkit::Lab;

    use super::*;

    fn door(lab: &Lab) -> Door {
        Door::over(lab.rotator()).expect("threads")
    }

    fn answer(door: &Door, method: &str, arguments: &Value) -> Value {
        let answer = door.call(method, &arguments.to_string()).unwrap_or_else(|failure| panic!("{failure:?}"));
        serde_json::from_str(&answer).expect("an answer is JSON")
    }

    #[test]
    fn what_is_due_and_what_it_would_take_come_through_the_door() {
        let lab = Lab::with_buckets(5);
        let door = door(&lab);
        let due = answer(&door, "due", &json!({}));
        assert_eq!((due[0]["key"].as_str(), due[0]["due"]["state"].as_str()), (Some(lab.key.as_str()), Some("due")));
        let plan = answer(&door, "plan", &json!({ "key": lab.key }));
        assert_eq!(plan["dependents"]["bucket"], 5, "{plan}");
        assert_eq!(answer(&door, "list", &json!({})), json!([]));
    }

    #[test]
    fn a_rotation_is_told_by_status_and_history_and_obeys_cancel() {
        let lab = Lab::with_buckets(3);
        let request = Request { key: lab.key.clone(), when: When::IfDue, actor: None };
        let Started::Open(opened) = lab.run(lab.rotator().start(&request)).expect("nothing is in the way") else {
            panic!("it is due");
        };
        let door = door(&lab);
        let history = answer(&door, "history", &json!({ "key": lab.key }));
        assert_eq!(history[0]["rotation"], *opened.as_str(), "{history}");
        let short = json!({ "rotation": &opened.as_str()[..6] });
        let status = answer(&door, "status", &short);
        assert_eq!((&status["summary"]["rotation"], &status["verdict"]), (&history[0]["rotation"], &Value::Null));
        assert!(answer(&door, "verify_journal", &json!({}))["lines"].as_u64() > Some(0));
        assert_eq!(answer(&door, "cancel", &short), Value::Null);
        assert_eq!(answer(&door, "list", &json!({})), json!([]), "list shows what is open");
        assert!(answer(&door, "status", &short)["summary"]["closed_at"].is_string());
    }

    #[test]
    fn a_finished_rotation_is_reported_and_not_done_twice() {
        let lab = Lab::with_buckets(3);
        lab.run(lab.rotator().rotate(&lab.key)).expect("nothing is in the way");
        let door = door(&lab);
        let history = answer(&door, "history", &json!({}));
        let rotation = json!({ "rotation": history[0]["rotation"] });
        assert_eq!(answer(&door, "status", &rotation)["verdict"], "clean");
        assert_eq!(answer(&door, "dependents", &rotation).as_array().map(Vec::len), Some(3));
        assert_eq!(answer(&door, "rotate", &json!({ "key": lab.key }))["rotated"], "not_due");
        assert_eq!(answer(&door, "rotate_due", &json!({})), json!([]));
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "somebody must turn the clock while the call blocks")]
    fn an_examination_comes_through_the_door_and_an_unmarked_key_is_refused() {
        let lab = Lab::with_buckets(1);
        // Calls through the door run on threads of their own: virtual time must pass by itself.
        let (clock, done) = (lab.clock.clone(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let (door, seen) = (door(&lab), std::sync::Arc::clone(&done));
        let turning = std::thread::spawn(move || {
            while !seen.load(std::sync::atomic::Ordering::SeqCst) {
                match clock.next_deadline() {
                    Some(deadline) => clock.advance_to(deadline),
                    None => std::thread::yield_now(),
                }
            }
        });
        let checkup = answer(&door, "doctor", &json!({}));
        let refusal = door.call("doctor", &json!({ "live": lab.key }).to_string());
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        turning.join().expect("the clock turns");
        let section = &checkup["sections"][0];
        assert_eq!(
            (section["name"].as_str(), section["checks"].as_array().map(Vec::len)),
            (Some("assumptions"), Some(7))
        );
        let verdicts = |id: usize| section["checks"][id]["verdict"].as_str().unwrap_or_default().to_owned();
        assert_eq!((verdicts(0).as_str(), verdicts(3).as_str()), ("unknown", "holds"), "{checkup}");
        assert_eq!(refusal.expect_err("the key is in use").kind, "refused");
    }

    #[test]
    fn a_config_that_is_not_there_opens_no_door() {
        let folder = tempfile::tempdir().expect("a folder");
        let failure = Door::open(&folder.path().join("keywheel.toml")).err().expect("there is no such file");
        assert_eq!((failure.kind.as_str(), failure.landed.as_str()), ("config", "no"), "{}", failure.message);
        assert!(failure.message.contains("keywheel.toml"), "{}", failure.message);
    }

    #[test]
    fn a_refusal_says_so_in_words_a_host_can_map() {
        let door = door(&Lab::with_buckets(0));
        let refused = |method: &str, arguments: Value| {
            door.call(method, &arguments.to_string()).expect_err("it is refused").kind.clone()
        };
        assert_eq!(refused("plan", json!({ "key": "my key" })), "refused");
        assert_eq!(refused("plan", json!({ "key": "ocid1.key.oc1.iad.aaaa.k", "force": true })), "refused");
        assert_eq!(refused("delete", json!({})), "refused");
        assert_eq!(refused("status", json!({ "rotation": "zzzz" })), "not_found");
    }
}
