//! The fates: they let the scenario's faults happen, and mend everything at the end.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::scenario::{Broken, Event, Fault, What};
use super::stage::{Stage, Whose, region};
use super::{mixed, oke};
use crate::memory::{Caller, Failure, FaultPlan, Strikes, World};
use crate::model::{KeyState, Request, Tags, Timestamp, When};
use crate::ports::Clock;
use crate::testkit::lab::ELSEWHERE;
use crate::{Rotator, Started};

/// Faults that strike calls, as World's plan.
pub(super) fn plan(stage: &Stage) {
    let mut plan = FaultPlan::new();
    for fault in &stage.scenario.faults {
        let Fault::Call(operation, nth, count, what) = *fault else { continue };
        for strikes in (nth..nth + count).map(Strikes::Nth) {
            plan = match what {
                What::After(status) => plan.status_after(operation, strikes, status, "InternalServerError"),
                What::Before(status, code) => plan.status_before(operation, strikes, status, code),
                What::Delay(by) => plan.delay(operation, strikes, by),
                What::DelayProcessing(by) => plan.delay_processing(operation, strikes, by),
                What::FlipLate(by) => plan.flip_late(strikes, by),
                What::InvalidateToken => plan.invalidate_token(operation, strikes),
                What::LoseAnswer => plan.lose_answer(operation, strikes),
                What::LoseRequest => plan.lose_request(operation, strikes),
                What::SilentNoOp if operation.starts_with("update_") => plan.silent_no_op_on(operation, strikes),
                What::SilentNoOp => plan.silent_no_op(strikes),
                What::WorkRequestFails if operation == "update_node_pool" => plan.pool_work_fails(strikes),
                What::WorkRequestLost if operation == "update_node_pool" => plan.pool_work_lost(strikes),
                What::WorkRequestFails => plan.work_request_fails(strikes),
                What::WorkRequestLost => plan.work_request_lost(strikes),
            };
        }
    }
    stage.world.faults(plan);
    for fault in &stage.scenario.faults {
        if let Fault::Skew(runner, by_ms) = fault {
            stage.clocks[*runner].set(*by_ms);
            stage.strike(fault.kind());
        }
    }
}

/// Counts which faults of the plan struck. To be asked before the plan is taken out of force.
fn count_struck(stage: &Stage) {
    let mut hits = stage.world.struck().into_iter();
    for fault in &stage.scenario.faults {
        let Fault::Call(_, _, count, _) = fault else { continue };
        let times: u32 = hits.by_ref().take(*count as usize).sum();
        for _ in 0..times {
            stage.strike(fault.kind());
        }
    }
}

/// What is to be mended when its time is over.
enum Mend {
    AllowCompartment,
    AllowOperation(&'static str),
    Disk,
    Key,
    Pinned,
    Planted,
    Region,
}

/// Lets events happen, each at its time, then mends everything.
pub(super) async fn run(stage: Rc<Stage>) {
    let start = stage.clock.now();
    let mut agenda: Vec<(Timestamp, usize, Todo)> = Vec::new();
    for (order, fault) in stage.scenario.faults.iter().enumerate() {
        if let Fault::At(after, event) = fault {
            if *event == Event::Restore {
                // An early one was made before the first mint, so that its intent is forgotten.
                let early = Duration::from_secs(12);
                let made = if *after < early * 50 { early.min(*after / 2) } else { *after / 2 };
                agenda.push((start + made, order, Todo::Backup));
            }
            agenda.push((start + *after, order, Todo::Happen(*event)));
        }
    }
    loop {
        agenda.sort_by_key(|(at, order, _)| (*at, *order));
        if agenda.is_empty() || agenda[0].0 >= stage.heals_at {
            break;
        }
        let (at, order, todo) = agenda.remove(0);
        Clock::sleep_until(&stage.clock, at).await;
        match todo {
            Todo::Backup => *stage.backup.borrow_mut() = stage.journal.lengths(),
            Todo::Mend(mend) => undo(&stage, &mend),
            Todo::Happen(event) => {
                stage.strike(Fault::At(Duration::ZERO, event).kind());
                if let Some((lasting, mend)) = happen(&stage, event).await {
                    agenda.push((stage.clock.now() + lasting, order, Todo::Mend(mend)));
                }
            }
        }
    }
    Clock::sleep_until(&stage.clock, stage.heals_at).await;
    heal(&stage);
}

enum Todo {
    Backup,
    Happen(Event),
    Mend(Mend),
}

fn heal(stage: &Stage) {
    count_struck(stage);
    stage.world.faults(FaultPlan::new());
    let of_buckets = ["create_key_version", "get_key", "reencrypt_bucket", "get_bucket", "list_key_versions"];
    for operation in of_buckets.iter().chain(mixed::DENIED).chain(oke::DENIED) {
        stage.world.allow_operation(&Caller::keywheel(), operation);
    }
    for mend in [Mend::AllowCompartment, Mend::Disk, Mend::Key, Mend::Pinned, Mend::Planted, Mend::Region] {
        undo(stage, &mend);
    }
    stage.journal.fail_no_more();
    for clock in &stage.clocks {
        clock.set(0);
    }
    stage.healed.set(true);
}

fn undo(stage: &Stage, mend: &Mend) {
    match mend {
        Mend::AllowCompartment => stage.world.allow_compartment(&Caller::keywheel(), &stage.compartments[0]),
        Mend::AllowOperation(operation) => stage.world.allow_operation(&Caller::keywheel(), operation),
        Mend::Disk => stage.disk.store(0, Ordering::Relaxed),
        Mend::Key => {
            if stage.world.key(&stage.key).is_some_and(|key| key.state == KeyState::Disabled) {
                stage.world.others_set_key_state(&stage.key, KeyState::Enabled);
            }
        }
        Mend::Pinned => oke::pin(stage, oke::Pinned::No),
        Mend::Planted => mixed::unplant(stage),
        Mend::Region => stage.world.region_up(&region(ELSEWHERE)),
    }
}

async fn happen(stage: &Rc<Stage>, event: Event) -> Option<(Duration, Mend)> {
    let world = &stage.world;
    match event {
        Event::AddVolume
        | Event::BackUp(_)
        | Event::CloneVolume(_)
        | Event::MoveVolume(_)
        | Event::ReassignVolume(_)
        | Event::TerminateVolume(_) => mixed::meddle(stage, event),
        Event::AddCluster
        | Event::AddPool
        | Event::CyclePool(_)
        | Event::DeleteHolder(_)
        | Event::MoveHolder(_)
        | Event::ReassignPool(_)
        | Event::UpdatePool(_) => oke::meddle(stage, event),
        Event::PinPolicy(lasting) => {
            oke::pin(stage, oke::Pinned::Yes);
            return Some((lasting, Mend::Pinned));
        }
        Event::AddBucket => {
            let number = stage.buckets.borrow().len();
            stage.add_bucket(number, Whose::Ours);
        }
        Event::AmbiguousNotStored(times) => {
            (0..times).for_each(|_| stage.journal.fail_next(Failure::AmbiguousNotStored));
        }
        Event::AmbiguousStored(times) => (0..times).for_each(|_| stage.journal.fail_next(Failure::AmbiguousStored)),
        Event::AutoRotate => drop(world.auto_rotate(&stage.key)),
        Event::Cancel => operate(stage, Operate::Cancel).await,
        Event::ClaimLost => stage.journal.lose_claims(),
        Event::Compromise => operate(stage, Operate::Compromise).await,
        Event::ClockJump(runner, by_ms) => stage.clocks[runner].set(by_ms),
        Event::DeleteBucket(_)
        | Event::MoveBucket(_)
        | Event::MoveToOracle(_)
        | Event::Retag(_)
        | Event::TakeUnderKey(_) => meddle(stage, event),
        Event::DeleteTarget => delete_target(stage),
        Event::DenyCompartment(lasting) => {
            world.deny_compartment(&Caller::keywheel(), &stage.compartments[0]);
            return Some((lasting, Mend::AllowCompartment));
        }
        Event::DenyOperation(operation, lasting) => {
            world.deny_operation(&Caller::keywheel(), operation);
            return Some((lasting, Mend::AllowOperation(operation)));
        }
        Event::DisableKey(lasting) => {
            world.others_set_key_state(&stage.key, KeyState::Disabled);
            return Some((lasting, Mend::Key));
        }
        Event::DiskFull(lasting) => {
            stage.disk.store(1, Ordering::Relaxed);
            return Some((lasting, Mend::Disk));
        }
        Event::ForeignMint => drop(world.foreign_mint(&stage.key)),
        Event::JournalDown(lasting) => {
            stage.disk.store(2, Ordering::Relaxed);
            return Some((lasting, Mend::Disk));
        }
        Event::Kill(runner) => stage.kills[runner].set(true),
        Event::Pause => operate(stage, Operate::Pause).await,
        Event::PlantSuccessor(lasting) => {
            mixed::plant(stage).await;
            return Some((lasting, Mend::Planted));
        }
        Event::RegionDown(lasting) => {
            world.region_down(&region(ELSEWHERE));
            return Some((lasting, Mend::Region));
        }
        Event::ReplicationStuck(by) => world.others_stall_replication(&stage.key, by),
        Event::Restore => restore(stage),
        Event::StaleRead(times) => stage.journal.read_stale(times),
    }
    None
}

/// Somebody else changes a bucket.
fn meddle(stage: &Stage, event: Event) {
    let world: &World = &stage.world;
    let mark = world.requests();
    let mut buckets = stage.buckets.borrow_mut();
    let index = match event {
        // The three that begin under Oracle's key stand behind the first ones.
        Event::TakeUnderKey(index) => stage.scenario.buckets + index,
        Event::DeleteBucket(index) | Event::MoveBucket(index) | Event::MoveToOracle(index) | Event::Retag(index) => {
            index
        }
        _ => return,
    };
    let Some(bucket) = buckets.get_mut(index).filter(|bucket| bucket.exists) else { return };
    match event {
        Event::DeleteBucket(_) => {
            world.others_delete_bucket(&bucket.id);
            (bucket.exists, bucket.steady_since) = (false, None);
        }
        Event::MoveBucket(_) => {
            let to = &stage.compartments[(index + 1) % stage.compartments.len()];
            world.others_move_bucket(&bucket.id, to);
            bucket.compartment = to.clone();
            bucket.steady_since = bucket.steady_since.map(|_| mark);
        }
        Event::MoveToOracle(_) => {
            let to = (index % 2 == 0).then_some(&stage.other_key);
            world.others_assign_key(&bucket.id, to);
            bucket.steady_since = None;
        }
        Event::TakeUnderKey(_) => {
            world.others_assign_key(&bucket.id, Some(&stage.key));
            bucket.steady_since = Some(mark);
        }
        _ => {
            let mut tags = Tags::default();
            if index.is_multiple_of(2) {
                tags.freeform.insert("backup-encryption".to_owned(), "true".to_owned());
            }
            world.others_retag(&bucket.id, tags);
        }
    }
}

/// Somebody schedules the deletion of a version that waits to become current; OCI lets nobody do that to the
/// current one.
fn delete_target(stage: &Stage) {
    // A journal that has forgotten that version is right to ask for a person, and here nobody comes.
    if stage.scenario.broken == Some(Broken::Restored) {
        return;
    }
    let current = stage.world.current_version(&stage.key);
    let now = stage.clock.now();
    let truths = stage.world.version_truths(&stage.key);
    let is_waiting = |v: &&crate::memory::VersionTruth| {
        v.id != current && v.flips > now && v.condemned.is_none() && v.minted_by == "keywheel"
    };
    if let Some(version) = truths.iter().rfind(is_waiting) {
        stage.world.others_schedule_deletion(&stage.key, &version.id);
        stage.strike("the target was there to delete");
    }
}

/// The journal is set back; every runner dies, and starts again when its scheduler pleases. Nobody tells them.
fn restore(stage: &Stage) {
    stage.put_back.set(Some(stage.journal.tape().len()));
    stage.journal.restore_from_backup(&stage.backup.borrow());
    stage.kills.iter().for_each(|kill| kill.set(true));
}

enum Operate {
    Cancel,
    Compromise,
    Pause,
}

/// An operator with a rotator of their own.
async fn operate(stage: &Rc<Stage>, what: Operate) {
    let clock = Arc::new(stage.clock.clone());
    let rotator = Rotator::with_ports(stage.settings.clone(), stage.ports(clock, 7 + stage.world.requests()));
    if matches!(what, Operate::Compromise) {
        let when = When::Now { supersedes: Some(stage.world.current_version(&stage.key)), request_id: None };
        let request = Request { key: stage.key.clone(), when, actor: None };
        if let Ok(Started::Open(_)) = rotator.start(&request).await {
            stage.strike("it was superseded at once");
        }
        return;
    }
    let Ok(open) = rotator.list().await else { return };
    for summary in open {
        let done = match what {
            Operate::Cancel => rotator.cancel(&summary.rotation, None).await,
            Operate::Compromise | Operate::Pause => rotator.pause(&summary.rotation, "an operator says stop").await,
        };
        // Too late, or the disk is full: the operator shrugs.
        let _ = done;
    }
}
