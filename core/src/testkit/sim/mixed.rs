//! Mixed keys: volumes and backups beside the buckets, what goes wrong with them, and what others do to them.
//!
//! The dice here are their own: a seed that has no volumes is the seed it always was.

use std::sync::Arc;

use super::dice::Dice;
use super::scenario::{Broken, Event, Fault, Scenario, What};
use super::stage::{DependentTruth, Stage, region};
use crate::Rotator;
use crate::memory::World;
use crate::model::{KeyState, Kind, ResourceId, Tags};
use crate::testkit::lab::{ELSEWHERE, HOME};

/// One ordinary seed in so many has a mixed key.
const ONE_IN: u64 = 4;
/// The same for the long lane's seeds: a mixed key costs several times as much, and there they are many.
const ONE_IN_MANY: u64 = 24;
/// Where the long lane's seeds begin.
const MANY: u64 = 1_000_000;

const UPDATES: &[&str] = &["update_volume_kms_key", "update_boot_volume_kms_key", "update_volume_backup"];
const READS: &[&str] = &["list_keys", "list_volumes", "list_boot_volumes", "list_volume_backups", "get_volume"];

/// What may be denied for a while.
pub(super) const DENIED: &[&str] = &["create_key", "get_volume", "list_volumes", "update_volume_kms_key"];

/// Gives a share of the seeds a mixed key, and it its own faults.
pub(super) fn mix(scenario: &mut Scenario) {
    let dice = Dice::new(scenario.seed, 3);
    if !dice.one_in(if scenario.seed < MANY { ONE_IN } else { ONE_IN_MANY }) {
        return;
    }
    scenario.volumes = usize::try_from(dice.range(2, 4)).unwrap_or(2);
    scenario.world.creation_delay = dice.secs(0, 90);
    for _ in 0..dice.range(1, 4) {
        let fault = draw(scenario, &dice);
        scenario.faults.push(fault);
    }
}

fn draw(scenario: &Scenario, dice: &Dice) -> Fault {
    let nth = u32::try_from(dice.pick(&[1u64, 1, 1, 2, 3])).unwrap_or(1);
    let count = u32::try_from(dice.pick(&[1u64, 1, 2, 8])).unwrap_or(1);
    match dice.range(1, 10) {
        1..=3 => Fault::Call("create_key", nth.min(2), count.min(2), mint(scenario, dice)),
        4..=5 => Fault::Call(dice.pick(UPDATES), nth, count, update(dice)),
        6 => Fault::Call(dice.pick(READS), nth, count, read(dice)),
        _ => Fault::At(dice.secs(1, 900), event(scenario, dice)),
    }
}

fn mint(scenario: &Scenario, dice: &Dice) -> What {
    match dice.range(1, 10) {
        1..=3 => What::LoseAnswer,
        4 => What::LoseRequest,
        5 => What::Delay(dice.secs(1, 1200)),
        6 => What::DelayProcessing(dice.secs(1, 58)),
        7 => What::After(dice.pick(&[500, 503])),
        8 => What::Before(503, "ServiceUnavailable"),
        9 => What::Before(429, "TooManyRequests"),
        // As for a version: with a bound broken too, a new generation would be two faults at once.
        _ if scenario.broken.is_none() => What::InvalidateToken,
        _ => What::LoseAnswer,
    }
}

fn update(dice: &Dice) -> What {
    match dice.range(1, 9) {
        1 => What::LoseAnswer,
        2 => What::LoseRequest,
        3 => What::DelayProcessing(dice.secs(1, 58)),
        4 => What::After(500),
        5 => What::Before(429, "TooManyRequests"),
        6 => What::Before(412, "NoEtagMatch"),
        7 => What::Before(409, "IncorrectState"),
        _ => What::SilentNoOp,
    }
}

fn read(dice: &Dice) -> What {
    match dice.range(1, 4) {
        1 => What::LoseAnswer,
        2 => What::Before(503, "ServiceUnavailable"),
        3 => What::Before(404, "NotAuthorizedOrNotFound"),
        _ => What::Before(401, "NotAuthenticated"),
    }
}

fn event(scenario: &Scenario, dice: &Dice) -> Event {
    let volume = dice.index(scenario.volumes);
    match dice.range(1, 12) {
        1..=3 => Event::AddVolume,
        4..=5 => Event::BackUp(volume),
        6 => Event::CloneVolume(volume),
        7 => Event::MoveVolume(volume),
        8 => Event::ReassignVolume(volume),
        9 => Event::TerminateVolume(volume),
        10 => Event::DenyOperation(dice.pick(DENIED), dice.secs(20, 900)),
        // A rotation that forgets that it is open cannot be planted on.
        _ if scenario.broken == Some(Broken::Restored) => Event::AddVolume,
        _ => Event::PlantSuccessor(dice.secs(60, 900)),
    }
}

/// Puts the volumes on the stage, every third of them a boot volume, every second with a backup.
pub(super) fn seed(stage: &Stage) {
    for number in 0..stage.scenario.volumes {
        let volume = add_volume(stage, number);
        if number % 2 == 0 {
            back_up(stage, &volume, true);
        }
    }
}

fn add_volume(stage: &Stage, number: usize) -> ResourceId {
    let world = &stage.world;
    let place = region(if stage.scenario.is_replicated && number % 4 == 3 { ELSEWHERE } else { HOME });
    let compartment = &stage.compartments[number % stage.compartments.len()];
    let name = format!("v{number:03}");
    let is_seeded = number < stage.scenario.volumes;
    let seed = match number % 3 {
        2 => world.add_boot_volume(&place, compartment, &name),
        _ => world.add_volume(&place, compartment, &name),
    };
    let seed = if is_seeded { seed } else { seed.created(crate::ports::Clock::now(&stage.clock)) };
    let id = seed.key(&stage.key).done();
    note(stage, &id);
    id
}

fn back_up(stage: &Stage, volume: &ResourceId, is_old: bool) {
    let name = format!("s{:03}", stage.blocks.borrow().len());
    let id = match is_old {
        true => stage.world.add_backup(volume, &name).done(),
        false => stage.world.others_back_up(volume, &name),
    };
    note(stage, &id);
}

/// Remembers a volume or backup that has just been made.
fn note(stage: &Stage, id: &ResourceId) {
    let info = stage.world.block(id).expect("it has just been made");
    let is_ours = info.key.as_ref() == Some(&stage.key);
    stage.blocks.borrow_mut().push(DependentTruth {
        id: info.id,
        name: info.name,
        region: info.region,
        compartment: info.compartment,
        steady_since: is_ours.then(|| stage.world.requests()),
        exists: true,
    });
}

/// Somebody else changes a volume, or makes one.
pub(super) fn meddle(stage: &Stage, event: Event) {
    let world: &World = &stage.world;
    let number = stage.blocks.borrow().len();
    let volume =
        |index: usize| stage.blocks.borrow().get(index).filter(|found| found.exists).map(|found| found.id.clone());
    match event {
        Event::AddVolume => drop(add_volume(stage, number)),
        Event::BackUp(index) | Event::CloneVolume(index) => {
            let source = volume(index).and_then(|id| world.block(&id));
            let Some(source) = source.filter(|source| matches!(source.kind, Kind::BlockVolume | Kind::BootVolume))
            else {
                return;
            };
            match event {
                Event::BackUp(_) => back_up(stage, &source.id, false),
                _ => note(stage, &world.others_clone(&source.id, &format!("k{number:03}"))),
            }
        }
        Event::MoveVolume(index) | Event::ReassignVolume(index) | Event::TerminateVolume(index) => {
            let Some(id) = volume(index) else { return };
            let mark = world.requests();
            let truth = &mut stage.blocks.borrow_mut()[index];
            match event {
                Event::MoveVolume(_) => {
                    let to = &stage.compartments[(index + 1) % stage.compartments.len()];
                    world.others_move_block(&id, to);
                    truth.compartment = to.clone();
                    truth.steady_since = truth.steady_since.map(|_| mark);
                }
                Event::ReassignVolume(_) => {
                    world.others_assign_key(&id, Some(&stage.other_key));
                    truth.steady_since = None;
                }
                _ => {
                    world.others_terminate(&id);
                    (truth.exists, truth.steady_since) = (false, None);
                }
            }
        }
        _ => {}
    }
}

/// Somebody makes a key that claims to be the successor of a rotation that is open, and is none: it has another shape.
pub(super) async fn plant(stage: &Stage) {
    let clock = Arc::new(stage.clock.clone());
    let rotator = Rotator::with_ports(stage.settings.clone(), stage.ports(clock, 11));
    let Ok(open) = rotator.list().await else { return };
    let (Some(rotation), Some(key)) = (open.first(), stage.world.key(&stage.key)) else { return };
    let mut tags = Tags::default();
    let lineage = &stage.settings.policy.lineage_tag;
    let ours = tags.defined.entry(lineage.namespace.clone()).or_default();
    ours.insert(lineage.key.clone(), crate::rotation::lineage_value(&stage.key, &rotation.rotation));
    let now = crate::ports::Clock::now(&stage.clock);
    let fake = stage.world.add_key(&key.vault, &key.compartment, "fake", now).shape("AES", 16).tags(tags).done();
    stage.fakes.borrow_mut().push(fake);
    stage.strike("a successor was planted on an open rotation");
}

/// What was planted is thrown away.
pub(super) fn unplant(stage: &Stage) {
    for fake in stage.fakes.borrow().iter() {
        stage.world.others_set_key_state(fake, KeyState::PendingDeletion);
    }
}
