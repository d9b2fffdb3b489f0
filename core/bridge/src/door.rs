//! The rotator's calls by name: arguments and answers as JSON.
//!
//! One row for each call of `blocking::Rotator`. A rotation may be named by the beginning of its id.

use std::path::Path;

use keywheel::blocking::Rotator;
use keywheel::model::{KeyId, RotationId, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::free::{Nothing, read, write};
use crate::{Answer, Failure, contained};

/// The methods that [`Door::call`] knows.
pub const METHODS: &[&str] = &[
    "cancel",
    "dependents",
    "doctor",
    "due",
    "history",
    "list",
    "pause",
    "plan",
    "resume",
    "rotate",
    "rotate_due",
    "status",
    "verify_journal",
];

/// A rotator behind strings. Calls may come from any thread, several at once; each blocks its own.
#[derive(Clone)]
pub struct Door {
    rotator: Rotator,
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

impl Door {
    /// A door to the rotator that a config file describes, with a runtime of its own.
    ///
    /// Reads files and opens the journal; sends nothing.
    pub fn open(config: &Path) -> Result<Self, Box<Failure>> {
        let config = config.to_owned();
        let open = move || {
            let rotator = Rotator::made_by(async move { keywheel::Rotator::from_config(config).await })?;
            Ok(Self::over(rotator))
        };
        contained("open", open)
    }

    /// A door to a rotator that somebody else made.
    #[must_use]
    pub fn over(rotator: Rotator) -> Self {
        Self { rotator }
    }

    /// Calls a method; see [`METHODS`]. Dropping out in the middle is a crash, and a crash is safe.
    pub fn call(&self, method: &str, arguments: &str) -> Answer {
        contained(method, || self.dispatch(method, arguments))
    }

    fn dispatch(&self, method: &str, arguments: &str) -> Answer {
        let rotator = &self.rotator;
        match method {
            "cancel" => {
                let Cancel { rotation, until } = read(method, arguments)?;
                rotator.cancel(&self.find(&rotation)?, until)?;
                write(method, &Value::Null)
            }
            "dependents" => write(method, &rotator.dependents(&self.rotation(method, arguments)?)?),
            "doctor" => {
                let MaybeLive { live } = read(method, arguments)?;
                write(method, &rotator.doctor(live.as_ref())?)
            }
            "due" => {
                let Nothing {} = read(method, arguments)?;
                write(method, &rotator.due()?)
            }
            "history" => {
                let MaybeKey { key } = read(method, arguments)?;
                write(method, &rotator.history(key.as_ref())?)
            }
            "list" => {
                let Nothing {} = read(method, arguments)?;
                write(method, &rotator.list()?)
            }
            "pause" => {
                let Pause { rotation, why } = read(method, arguments)?;
                rotator.pause(&self.find(&rotation)?, &why)?;
                write(method, &Value::Null)
            }
            "plan" => {
                let OneKey { key } = read(method, arguments)?;
                write(method, &rotator.plan(&key)?)
            }
            "resume" => write(method, &rotator.resume(&self.rotation(method, arguments)?)?),
            "rotate" => {
                let OneKey { key } = read(method, arguments)?;
                write(method, &rotator.rotate(&key)?)
            }
            "rotate_due" => {
                let Nothing {} = read(method, arguments)?;
                write(method, &self.rotate_due()?)
            }
            "status" => write(method, &rotator.status(&self.rotation(method, arguments)?)?),
            "verify_journal" => {
                let Nothing {} = read(method, arguments)?;
                write(method, &json!({ "lines": rotator.verify_journal()? }))
            }
            _ => Err(Failure::refused(method, format!("there is no method {method:?}; there are {METHODS:?}"))),
        }
    }

    fn rotation(&self, method: &str, arguments: &str) -> Result<RotationId, Box<Failure>> {
        let OneRotation { rotation } = read(method, arguments)?;
        self.find(&rotation)
    }

    fn find(&self, prefix: &str) -> Result<RotationId, Box<Failure>> {
        Ok(self.rotator.find(prefix)?)
    }

    /// One key's failure does not hide what became of the others.
    fn rotate_due(&self) -> Result<Vec<Value>, Box<Failure>> {
        let rotated = self.rotator.rotate_due()?;
        Ok(rotated
            .into_iter()
            .map(|(key, outcome)| match outcome {
                Ok(rotated) => json!({ "key": key, "rotated": rotated, "error": null }),
                Err(error) => json!({ "key": key, "rotated": null, "error": Box::<Failure>::from(error) }),
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use keywheel::Started;
    use keywheel::model::{Request, When};
    use keywheel::testkit::Lab;

    use super::*;

    fn door(lab: &Lab) -> Door {
        Door::over(Rotator::with_ports(lab.settings.clone(), lab.ports()).expect("a rotator over memory"))
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
