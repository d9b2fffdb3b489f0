//! Clusters, node pools and instance configurations under the key: what goes wrong with them, what others do to them, and
//! policies that let the services use the key and perhaps not its successor.
//!
//! The dice here are their own: a seed that has none of it is the seed it always was.

use super::dice::Dice;
use super::scenario::{Event, Fault, Oke, Scenario, What};
use super::stage::{DependentTruth, HolderTruth, Stage, region};
use crate::memory::HolderState;
use crate::model::{Kind, ResourceId, Risk, Settings};
use crate::ports::Clock;
use crate::testkit::lab::{ELSEWHERE, HOME};

/// One ordinary seed in so many has them; of the long lane's fewer, since each pass then lists three kinds more.
const ONE_IN: u64 = 4;
const ONE_IN_MANY: u64 = 24;
/// Where the long lane's seeds begin.
const MANY: u64 = 1_000_000;

const READS: &[&str] =
    &["list_clusters", "list_node_pools", "get_node_pool", "get_cluster_work_request", "get_cluster"];

/// What may be denied for a while.
pub(super) const DENIED: &[&str] = &["list_clusters", "get_node_pool", "update_node_pool", "list_policies"];

/// Gives a share of the seeds clusters and the like, and them their own faults.
pub(super) fn mix(scenario: &mut Scenario) {
    let dice = Dice::new(scenario.seed, 5);
    if !dice.one_in(if scenario.seed < MANY { ONE_IN } else { ONE_IN_MANY }) {
        return;
    }
    let some = |most| usize::try_from(dice.range(0, most)).unwrap_or(0);
    let pools = 1 + some(2);
    scenario.oke = Oke { clusters: some(2), configurations: some(2), pools, ..Oke::default() };
    for _ in 0..dice.range(1, 4) {
        let fault = draw(scenario, &dice);
        scenario.faults.push(fault);
    }
    if dice.one_in(3) {
        scenario.oke.asks_policies = true;
        scenario.oke.accepts_pins = !dice.one_in(3);
        // Before the first look, or while a rotation moves things.
        let at = if dice.one_in(2) { dice.secs(0, 2) } else { dice.secs(5, 600) };
        scenario.faults.push(Fault::At(at, Event::PinPolicy(dice.secs(60, 3600))));
    }
    if dice.one_in(3) {
        // Somebody changes a pool while our change of it is on its way.
        let late = What::DelayProcessing(dice.secs(20, 58));
        scenario.faults.push(Fault::Call("update_node_pool", 1, 1, late));
        scenario.oke.is_meddled = true;
    }
}

fn draw(scenario: &Scenario, dice: &Dice) -> Fault {
    let nth = u32::try_from(dice.pick(&[1u64, 1, 1, 2, 3])).unwrap_or(1);
    let count = u32::try_from(dice.pick(&[1u64, 1, 2, 8])).unwrap_or(1);
    match dice.range(1, 10) {
        1..=4 => Fault::Call("update_node_pool", nth, count, update(dice)),
        5 => Fault::Call(dice.pick(READS), nth, count, read(dice)),
        _ => Fault::At(dice.secs(1, 900), event(scenario, dice)),
    }
}

fn update(dice: &Dice) -> What {
    match dice.range(1, 12) {
        1 => What::LoseAnswer,
        2 => What::LoseRequest,
        3..=4 => What::DelayProcessing(dice.secs(1, 58)),
        5 => What::Delay(dice.secs(1, 1200)),
        6 => What::After(500),
        7 => What::Before(429, "TooManyRequests"),
        8 => What::Before(412, "NoEtagMatch"),
        9 => What::Before(409, "IncorrectState"),
        10 => What::WorkRequestFails,
        11 => What::WorkRequestLost,
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
    let Oke { clusters, configurations, pools, .. } = scenario.oke;
    let (any, pool) = (dice.index(clusters + configurations + pools), dice.index(pools));
    match dice.range(1, 12) {
        1..=2 => Event::AddPool,
        3 => Event::AddCluster,
        4..=6 => Event::UpdatePool(pool),
        7 => Event::CyclePool(pool),
        8..=9 => Event::MoveHolder(any),
        10 => Event::DeleteHolder(any),
        11 => Event::ReassignPool(pool),
        _ => Event::DenyOperation(dice.pick(DENIED), dice.secs(20, 900)),
    }
}

/// Puts them on the stage: pools first, every third of them with node cycling on.
pub(super) fn seed(stage: &Stage) {
    let Oke { clusters, configurations, pools, .. } = stage.scenario.oke;
    for number in 0..pools {
        add(stage, &Kind::NodePool, number);
    }
    for number in pools..pools + clusters {
        add(stage, &Kind::Cluster, number);
    }
    for number in pools + clusters..pools + clusters + configurations {
        add(stage, &Kind::InstanceConfiguration, number);
    }
    if stage.scenario.oke.asks_policies {
        stage.world.configure(|world| world.needs_service_grants = true);
        let root = stage.world.tenancy_id();
        for place in [HOME, ELSEWHERE] {
            let statement = format!("Allow service objectstorage-{place} to use keys in compartment keys");
            stage.world.add_policy(&root, "object storage", &[&statement]);
        }
        let policy = stage.world.add_policy(&root, "the others", &[&statement(stage, Pinned::No)]);
        *stage.policy.borrow_mut() = Some(policy);
    }
}

/// What an owner says who knows of the pin.
pub(super) fn settle(scenario: &Scenario, settings: &mut Settings) {
    if scenario.oke.accepts_pins {
        settings.policy.accept_risks.insert(Risk::PinnedPolicies);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pinned {
    No,
    Yes,
}

fn statement(stage: &Stage, pinned: Pinned) -> String {
    let only = match pinned {
        Pinned::No => String::new(),
        Pinned::Yes => format!(" where target.key.id = '{}'", stage.key),
    };
    format!("Allow service blockstorage, oke to use keys in compartment keys{only}")
}

/// Somebody narrows the policy to the key itself, or mends it.
pub(super) fn pin(stage: &Stage, pinned: Pinned) {
    if let Some(policy) = &*stage.policy.borrow() {
        stage.world.others_rewrite_policy(policy, &[&statement(stage, pinned)]);
    }
}

fn add(stage: &Stage, kind: &Kind, number: usize) {
    let world = &stage.world;
    let place = region(if stage.scenario.is_replicated && number % 4 == 3 { ELSEWHERE } else { HOME });
    let compartment = &stage.compartments[number % stage.compartments.len()];
    let name = format!("h{number:03}");
    let seed = match kind {
        Kind::Cluster => world.add_cluster(&place, compartment, &name),
        Kind::InstanceConfiguration => world.add_instance_configuration(&place, compartment, &name),
        _ => world.add_node_pool(&place, compartment, &name),
    };
    let settings = format!("{{\"size\":{},\"labels\":{{\"of\":\"{name}\"}}}}", number + 1);
    let is_seeded = number < stage.scenario.oke.all();
    let seed = if is_seeded { seed } else { seed.created(Clock::now(&stage.clock)) };
    let is_cycling = *kind == Kind::NodePool && is_seeded && number % 3 == 2;
    let seed = if is_cycling { seed.cycling() } else { seed };
    let truth = DependentTruth {
        id: seed.key(&stage.key).settings(&settings).done(),
        name,
        region: place,
        compartment: compartment.clone(),
        steady_since: Some(world.requests()),
        exists: true,
    };
    stage.holders.borrow_mut().push(HolderTruth { truth, kind: kind.clone(), settings });
}

/// Somebody changes a pool's own matters at the moment when our change of it has been accepted and not acted yet.
pub(super) async fn meddle_in_between(stage: &Stage) {
    if !stage.scenario.oke.is_meddled {
        return;
    }
    while !stage.healed.get() {
        let is_on_its_way = stage.world.with_log(|log| {
            let sent = log.iter().rev().take(40).find(|entry| entry.operation == "update_node_pool");
            sent.is_some_and(|entry| entry.note == Some(crate::memory::Note::Lost))
        });
        if is_on_its_way {
            stage.strike("a pool is changed while our change is on its way");
            return meddle(stage, Event::UpdatePool(0));
        }
        stage.sleep(std::time::Duration::from_secs(7)).await;
    }
}

/// Somebody else changes one of them, or makes one.
pub(super) fn meddle(stage: &Stage, event: Event) {
    let world = &stage.world;
    let number = stage.holders.borrow().len();
    let index = match event {
        Event::AddCluster => return add(stage, &Kind::Cluster, number),
        Event::AddPool => return add(stage, &Kind::NodePool, number),
        Event::CyclePool(index)
        | Event::DeleteHolder(index)
        | Event::MoveHolder(index)
        | Event::ReassignPool(index)
        | Event::UpdatePool(index) => index,
        _ => return,
    };
    let mark = world.requests();
    let mut holders = stage.holders.borrow_mut();
    let Some(holder) = holders.get_mut(index).filter(|holder| holder.truth.exists) else { return };
    let id: ResourceId = holder.truth.id.clone();
    let truth = &mut holder.truth;
    match event {
        Event::CyclePool(_) => drop(world.others_cycle_pool(&id, true)),
        Event::DeleteHolder(_) => {
            let is_changing = world.holder(&id).is_some_and(|info| info.state == HolderState::Updating);
            if !is_changing {
                world.others_delete_holder(&id);
                (truth.exists, truth.steady_since) = (false, None);
            }
        }
        Event::MoveHolder(_) => {
            let to = &stage.compartments[(index + 1) % stage.compartments.len()];
            world.others_move_holder(&id, to);
            truth.compartment = to.clone();
            truth.steady_since = truth.steady_since.map(|_| mark);
        }
        Event::ReassignPool(_) => {
            let to = (index % 2 == 0).then_some(&stage.other_key);
            if world.others_assign_pool(&id, to) {
                truth.steady_since = None;
            }
        }
        _ => {
            let settings = format!("{{\"size\":{},\"by\":\"somebody else\"}}", mark + 10);
            if world.others_update_pool(&id, &settings) {
                holder.settings = settings;
            }
        }
    }
}
