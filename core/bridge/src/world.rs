//! A World behind strings: seeds, faults, time and truths by name, its ports, and rotators over it.
//!
//! For tests of a host's own automation. Virtual time passes by itself while a rotator waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use keywheel::Rotator;
use keywheel::memory::{
    Caller, FaultPlan, ManualClock, MemoryAuditSink, MemoryJournal, SeededRandom, Strikes, World as Cloud,
    WorldSettings,
};
use keywheel::model::{
    CompartmentId, KeyId, KeyState, Kind, Margins, Region, ResourceId, Settings, Tags, Timestamp, TopicId, VaultId,
};
use keywheel::ports::Ports;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::door::Guests;
use crate::free::{read, write};
use crate::runtime::Runtime;
use crate::time::Time;
use crate::{Answer, Door, Failure, contained, guests};

/// One deterministic cloud with a clock that stands until somebody waits, and a journal that outlives its rotators.
pub struct World {
    cloud: Arc<Cloud>,
    clock: ManualClock,
    time: Arc<Time>,
    journal: Arc<MemoryJournal>,
    sink: Arc<MemoryAuditSink>,
    settings: WorldSettings,
    margins: Margins,
    home: Region,
    rotators: AtomicU64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWorld {
    home: Region,
    start: Timestamp,
    profile: String,
    settings: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Strike {
    fault: String,
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    nth: Option<u32>,
    #[serde(default)]
    first: Option<u32>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    by: Option<Duration>,
    #[serde(default)]
    region: Option<Region>,
    #[serde(default)]
    compartment: Option<CompartmentId>,
}

/// What one can do to a World and ask of it, by name.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Act {
    AddBackup {
        volume: ResourceId,
        name: String,
    },
    AddBucket {
        region: Region,
        compartment: CompartmentId,
        name: String,
        key: Option<KeyId>,
        tags: Tags,
    },
    AddCompartment {
        name: String,
        parent: Option<CompartmentId>,
    },
    AddKey {
        vault: VaultId,
        compartment: CompartmentId,
        name: String,
        age: Duration,
        versions: Vec<Duration>,
        tags: Tags,
    },
    AddRegion {
        region: Region,
    },
    AddTopic {
        region: Region,
        compartment: CompartmentId,
        name: String,
    },
    AddVault {
        region: Region,
        compartment: CompartmentId,
        name: String,
        replicas: Vec<Region>,
        is_replica: bool,
    },
    AddVolume {
        region: Region,
        compartment: CompartmentId,
        name: String,
        key: Option<KeyId>,
        tags: Tags,
        is_boot: bool,
        ready_in: Option<Duration>,
    },
    Advance {
        by: Duration,
    },
    Allow {
        compartment: CompartmentId,
    },
    AutoRotate {
        key: KeyId,
    },
    CurrentVersion {
        key: KeyId,
    },
    Delete {
        resource: ResourceId,
    },
    Deny {
        compartment: CompartmentId,
    },
    DenyOperation {
        operation: String,
    },
    Faults {
        faults: Vec<Strike>,
    },
    ForeignMint {
        key: KeyId,
    },
    Forget {
        resource: ResourceId,
    },
    Margins {},
    Messages {
        topic: TopicId,
    },
    Now {},
    Place {},
    Recorded {},
    RegionDown {
        region: Region,
    },
    RegionUp {
        region: Region,
    },
    Requests {},
    Resource {
        resource: ResourceId,
    },
    SetKeyState {
        key: KeyId,
        state: KeyState,
    },
    Struck {},
    Versions {
        key: KeyId,
    },
    Wrapping {
        resource: ResourceId,
    },
    Writes {},
}

impl World {
    /// A new World: `{home, start, profile, settings}`.
    pub fn new(arguments: &str) -> Result<Self, Box<Failure>> {
        contained("world", || {
            let NewWorld { home, start, profile, settings } = read("world", arguments)?;
            let (base, margins) = match profile.as_str() {
                "instant" => (WorldSettings::instant(), Margins::lab()),
                "lab" => (WorldSettings::lab(), Margins::lab()),
                "production" => (WorldSettings::production(), Margins::production()),
                other => {
                    let known = "there are instant, lab and production";
                    return Err(Failure::refused("world", format!("there is no profile {other:?}; {known}")));
                }
            };
            let settings: WorldSettings = changed("world", &base, &settings)?;
            let clock = ManualClock::new(start);
            let cloud = Cloud::new(clock.clone(), &home, settings.clone());
            let time = Time::new(clock.clone());
            let (journal, sink) = (MemoryJournal::new(), MemoryAuditSink::new());
            Ok(Self { cloud, clock, time, journal, sink, settings, margins, home, rotators: AtomicU64::new(0) })
        })
    }

    /// Does something to the World or asks something of it. Nothing here waits.
    pub fn call(&self, method: &str, arguments: &str) -> Answer {
        contained(method, || {
            let arguments: Value = read(method, arguments)?;
            let act = serde_json::from_value(json!({ method: arguments })).map_err(|error| {
                Failure::refused(method, format!("the arguments of {method} cannot be used: {error}"))
            })?;
            write(method, &self.act(act)?)
        })
    }

    /// Calls one of the ports through which keywheel sees the World: `key_store`, `catalog`, `rekeyer`, `audit_sink`,
    /// or `notifier/<topic>`.
    pub fn port(&self, port: &str, method: &str, arguments: &str) -> Answer {
        contained(method, || {
            let answered = async {
                match port.split_once('/').unwrap_or((port, "")) {
                    ("key_store", _) => guests::serve_key_store(&*self.cloud.key_store(), method, arguments).await,
                    ("catalog", _) => guests::serve_catalog(&*self.cloud.catalog(), method, arguments).await,
                    ("rekeyer", _) => guests::serve_rekeyer(&*self.rekeyer(), method, arguments).await,
                    ("audit_sink", _) => guests::serve_sink(&*self.sink, method, arguments).await,
                    ("notifier", topic) => {
                        let topic = TopicId::parse(topic).map_err(|e| Failure::refused(method, e.to_string()))?;
                        guests::serve_notifier(&*self.cloud.notifier(&topic), method, arguments).await
                    }
                    _ => Err(Failure::refused(method, format!("a World has no port {port:?}"))),
                }
            };
            answered
                .now_or_never()
                .unwrap_or_else(|| Err(Failure::bug(method, "a view of World's does not wait".to_owned())))
        })
    }

    /// A door to a new rotator over this World and its journal, with ports of the host's in place of its own.
    /// `settings` are merged over those of a lab.
    pub fn open(&self, settings: &str, own: Guests) -> Result<Door, Box<Failure>> {
        let base = Settings { margins: self.margins.clone(), ..Settings::lab() };
        let settings: Settings = changed("open", &base, &read::<Value>("open", settings)?)?;
        let nth = self.rotators.fetch_add(1, Ordering::SeqCst);
        let ports = Ports {
            key_store: self.cloud.key_store(),
            catalog: self.cloud.catalog(),
            rekeyer: self.rekeyer(),
            audit: Vec::new(),
            notifiers: Vec::new(),
            metrics: Vec::new(),
            audit_log: None,
            journal: Arc::clone(&self.journal) as _,
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(SeededRandom::new(self.settings.seed + 1 + nth)),
            examiner: None,
            pace: None,
        };
        let (runtime, abroad) = (Runtime::current()?, Arc::clone(&self.time.abroad));
        let ports = runtime.wait("open", async move { Ok(own.over(ports, &abroad).await?) })?;
        let rotator = contained("open", || Ok(Rotator::with_ports(settings, ports)))?;
        Ok(Door::new(rotator, runtime, Some(Arc::clone(&self.time))))
    }

    fn rekeyer(&self) -> Arc<dyn keywheel::ports::ReKeyer> {
        self.cloud.rekeyer_of(&Cloud::movable_kinds())
    }

    fn act(&self, act: Act) -> Result<Value, Box<Failure>> {
        let cloud = &self.cloud;
        Ok(match act {
            Act::AddBackup { volume, name } => json!(cloud.add_backup(&volume, &name).done()),
            Act::AddBucket { region, compartment, name, key, tags } => {
                let seed = cloud.add_bucket(&region, &compartment, &name);
                let seed = key.iter().fold(seed, keywheel::memory::BucketSeed::key);
                let seed = tags.freeform.iter().fold(seed, |seed, (key, value)| seed.tag(key, value));
                json!(defined(&tags).fold(seed, |seed, (space, key, value)| seed.defined_tag(space, key, value)).done())
            }
            Act::AddCompartment { name, parent } => {
                json!(cloud.add_compartment(&name, &parent.unwrap_or_else(|| cloud.tenancy_id())))
            }
            Act::AddKey { vault, compartment, name, age, versions, tags } => {
                let now = cloud.now();
                let seed = cloud.add_key(&vault, &compartment, &name, now - age).tags(tags);
                json!(versions.iter().fold(seed, |seed, age| seed.version(now - *age)).done())
            }
            Act::AddRegion { region } => {
                cloud.add_region(&region);
                Value::Null
            }
            Act::AddTopic { region, compartment, name } => json!(cloud.add_topic(&region, &compartment, &name)),
            Act::AddVault { region, compartment, name, replicas, is_replica } => {
                let seed = cloud.add_vault(&region, &compartment, &name);
                let seed = replicas.iter().fold(seed, keywheel::memory::VaultSeed::replica);
                json!(if is_replica { seed.is_replica() } else { seed }.done())
            }
            Act::AddVolume { region, compartment, name, key, tags, is_boot, ready_in } => {
                let seed = match is_boot {
                    true => cloud.add_boot_volume(&region, &compartment, &name),
                    false => cloud.add_volume(&region, &compartment, &name),
                };
                let seed = key.iter().fold(seed, keywheel::memory::BlockSeed::key);
                let now = cloud.now();
                let seed = ready_in.iter().fold(seed, |seed, within| seed.created(now).ready(now + *within));
                let seed = tags.freeform.iter().fold(seed, |seed, (key, value)| seed.tag(key, value));
                json!(defined(&tags).fold(seed, |seed, (space, key, value)| seed.defined_tag(space, key, value)).done())
            }
            Act::Advance { by } => {
                self.clock.advance(by);
                cloud.settle();
                json!(cloud.now())
            }
            Act::Allow { compartment } => {
                cloud.allow_compartment(&Caller::keywheel(), &compartment);
                Value::Null
            }
            Act::AutoRotate { key } => json!(cloud.auto_rotate(&key)),
            Act::CurrentVersion { key } => json!(cloud.current_version(&key)),
            Act::Delete { resource } => {
                match cloud.block(&resource) {
                    Some(_) => cloud.others_terminate(&resource),
                    None => cloud.others_delete_bucket(&resource),
                }
                Value::Null
            }
            Act::Deny { compartment } => {
                cloud.deny_compartment(&Caller::keywheel(), &compartment);
                Value::Null
            }
            Act::DenyOperation { operation } => {
                cloud.deny_operation(&Caller::keywheel(), &operation);
                Value::Null
            }
            Act::Faults { faults } => {
                let plan = faults.iter().try_fold(FaultPlan::new(), struck)?;
                cloud.faults(plan);
                Value::Null
            }
            Act::Forget { resource } => {
                match cloud.block(&resource) {
                    Some(_) => cloud.others_forget(&resource),
                    None => cloud.others_delete_bucket(&resource),
                }
                Value::Null
            }
            Act::ForeignMint { key } => json!(cloud.foreign_mint(&key)),
            Act::Margins {} => json!(self.margins),
            Act::Messages { topic } => {
                let messages = cloud.messages(&topic).into_iter();
                messages.map(|m| json!({ "id": m.id, "title": m.title, "body": m.body, "at": m.at })).collect()
            }
            Act::Now {} => json!(cloud.now()),
            Act::Place {} => {
                json!({ "home": self.home, "tenancy": cloud.tenancy_id(), "namespace": cloud.namespace() })
            }
            Act::Recorded {} => json!(self.sink.entries()),
            Act::RegionDown { region } => {
                cloud.region_down(&region);
                Value::Null
            }
            Act::RegionUp { region } => {
                cloud.region_up(&region);
                Value::Null
            }
            Act::Requests {} => json!(cloud.requests()),
            Act::Resource { resource } => self.resource(&resource)?,
            Act::SetKeyState { key, state } => {
                cloud.others_set_key_state(&key, state);
                Value::Null
            }
            Act::Struck {} => json!(cloud.struck()),
            Act::Versions { key } => {
                let ours = Caller::keywheel();
                let versions = cloud.version_truths(&key).into_iter().map(|version| {
                    json!({
                        "id": version.id, "created": version.created, "is_ours": *version.minted_by == *ours.principal,
                        "minted_by": version.minted_by,
                    })
                });
                versions.collect()
            }
            Act::Wrapping { resource } => match cloud.wrapping(&resource) {
                Some(wrapping) => json!({ "key": wrapping.key, "version": wrapping.version }),
                None => Value::Null,
            },
            Act::Writes {} => json!(cloud.writes()),
        })
    }

    /// A resource as the ports speak of it.
    fn resource(&self, resource: &ResourceId) -> Result<Value, Box<Failure>> {
        if let Some(block) = self.cloud.block(resource) {
            return Ok(json!({
                "id": resource, "kind": block.kind, "region": block.region, "compartment": block.compartment,
                "name": block.name, "availability_domain": block.availability_domain, "tags": block.tags,
            }));
        }
        let bucket = self.cloud.bucket(resource).ok_or_else(|| {
            Failure::refused("resource", format!("this World has no bucket, volume or backup {resource}"))
        })?;
        Ok(json!({
            "id": resource, "kind": Kind::Bucket, "region": bucket.address.region, "compartment": bucket.compartment,
            "name": bucket.address.name, "namespace": self.cloud.namespace(), "tags": bucket.tags,
        }))
    }
}

fn defined(tags: &Tags) -> impl Iterator<Item = (&str, &str, &str)> {
    let spaces = tags.defined.iter();
    spaces.flat_map(|(space, tags)| tags.iter().map(move |(key, value)| (space.as_str(), key.as_str(), value.as_str())))
}

/// One fault more. What World would panic at is refused here, or contained above.
fn struck(plan: FaultPlan, strike: &Strike) -> Result<FaultPlan, Box<Failure>> {
    let strikes = match (strike.nth, strike.first) {
        (Some(nth), None) => Strikes::Nth(nth),
        (None, Some(first)) => Strikes::First(first),
        (None, None) => Strikes::Every,
        (Some(_), Some(_)) => return Err(Failure::refused("faults", "nth and first exclude each other".to_owned())),
    };
    let missing = |what: &str| Failure::refused("faults", format!("the fault {:?} needs {what}", strike.fault));
    let operation = || strike.operation.as_deref().ok_or_else(|| missing("an operation"));
    let by = || strike.by.ok_or_else(|| missing("by: how long"));
    let status = || {
        let status = strike.status.ok_or_else(|| missing("a status"))?;
        let code = match status {
            400 => "InvalidParameter",
            401 => "NotAuthenticated",
            404 => "NotAuthorizedOrNotFound",
            409 => "IncorrectState",
            412 => "NoEtagMatch",
            413 => "PayloadTooLarge",
            429 => "TooManyRequests",
            500 => "InternalServerError",
            _ => "ServiceUnavailable",
        };
        Ok::<_, Box<Failure>>((status, code))
    };
    Ok(match strike.fault.as_str() {
        "delay" => plan.delay(operation()?, strikes, by()?),
        "delay_processing" => plan.delay_processing(operation()?, strikes, by()?),
        "deny_compartment" => {
            plan.deny_compartment(&strike.compartment.clone().ok_or_else(|| missing("a compartment"))?)
        }
        "flip_late" => plan.flip_late(strikes, by()?),
        "invalidate_token" => plan.invalidate_token(operation()?, strikes),
        "lose_answer" => plan.lose_answer(operation()?, strikes),
        "lose_request" => plan.lose_request(operation()?, strikes),
        "region_down" => plan.region_down(&strike.region.clone().ok_or_else(|| missing("a region"))?),
        "silent_no_op" => match &strike.operation {
            Some(operation) => plan.silent_no_op_on(operation, strikes),
            None => plan.silent_no_op(strikes),
        },
        "status_after" => {
            let (status, code) = status()?;
            plan.status_after(operation()?, strikes, status, code)
        }
        "status_before" => {
            let (status, code) = status()?;
            plan.status_before(operation()?, strikes, status, code)
        }
        "throttle" => plan.throttle(operation()?, strikes),
        "work_request_fails" => plan.work_request_fails(strikes),
        "work_request_lost" => plan.work_request_lost(strikes),
        other => return Err(Failure::refused("faults", format!("there is no fault {other:?}"))),
    })
}

/// Settings with some of them changed; a key that nobody knows is refused by name.
fn changed<T: Serialize + DeserializeOwned>(method: &str, base: &T, changes: &Value) -> Result<T, Box<Failure>> {
    let mut value = serde_json::to_value(base).expect("settings are plain data");
    merge(&mut value, changes);
    serde_json::from_value(value).map_err(|error| Failure::refused(method, format!("settings: {error}")))
}

fn merge(value: &mut Value, changes: &Value) {
    match (value, changes) {
        (Value::Object(value), Value::Object(changes)) => {
            for (key, change) in changes {
                // A duration is one value, not a section.
                match value.get_mut(key).filter(|inner| inner.is_object() && inner.get("secs").is_none()) {
                    Some(inner) => merge(inner, change),
                    None => drop(value.insert(key.clone(), change.clone())),
                }
            }
        }
        (value, changes) => *value = changes.clone(),
    }
}
