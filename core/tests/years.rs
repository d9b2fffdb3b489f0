//! Two years of quarterly rotations of a mixed key, in World: lineage, quota and outcomes as an independent table
//! predicts them.
//!
//! The table is arithmetic over what OCI's documents demand; nothing in it asks keywheel.

use std::time::Duration;

use keywheel::Rotated;
use keywheel::memory::World;
use keywheel::model::{DueState, KeyId, Kind, Region, ResourceId, Verdict};
use keywheel::testkit::{HOME, Lab};

const DAY: Duration = Duration::from_secs(86_400);
const QUARTERS: usize = 8;

/// What must be so after a quarter's rotations.
#[derive(Debug, PartialEq, Eq)]
struct Quarter {
    /// Rotations that ran to their end in it.
    rotations: usize,
    /// Keys of the lineage, the first one included.
    lineage: usize,
    /// Versions of the first key: the buckets' material.
    versions_of_first: usize,
    /// Versions of all keys: what the vault's quota counts.
    versions_in_vault: usize,
    /// Keys that something took over from and that protect nothing any more.
    predecessors: usize,
    /// Volumes and backups on the head of the lineage.
    on_head: usize,
    /// Buckets on the first key's current version.
    on_version: usize,
    /// Node pools that make their nodes under the head of the lineage, with all else that they had.
    pools_on_head: usize,
    /// Clusters and instance configurations that were left to a person, in all reports of it.
    manual: u64,
    /// Rotations that ended with exceptions.
    with_exceptions: usize,
}

/// In this quarter somebody does as told: a configuration that names the head, in place of the one that names the first key.
const RENEWED: usize = 5;

/// The prediction. The first key keeps its buckets and gets a version each quarter. Block storage moves to a new key
/// each quarter: in the first from the first key, afterwards from the head; node pools go with it. Each key is retained.
///
/// A cluster stays on the first key for ever and is a person's each time. A configuration is so in each rotation of the
/// key that it names, and no more once that key has a successor and nothing of it is rotated.
fn predicted(quarter: usize, buckets: usize, blocks: usize, pools: usize) -> Quarter {
    Quarter {
        pools_on_head: pools,
        manual: if quarter <= RENEWED { 2 } else { 1 },
        with_exceptions: if quarter == RENEWED { 2 } else { 1 },
        rotations: if quarter == 1 { 1 } else { 2 },
        lineage: quarter + 1,
        versions_of_first: quarter + 1,
        versions_in_vault: (quarter + 1) + quarter,
        predecessors: quarter - 1,
        on_head: blocks,
        on_version: buckets,
    }
}

/// What a pool makes its nodes with: World reads nothing of it, and no update may drop any.
const SETTINGS: &str = "{\"size\":7,\"labels\":{\"tier\":\"a\"}}";

struct Years {
    lab: Lab,
    buckets: Vec<ResourceId>,
    blocks: Vec<ResourceId>,
    pools: Vec<ResourceId>,
}

impl Years {
    fn keys(&self) -> Vec<KeyId> {
        self.lab.world.keys_of_vault(&self.lab.vault)
    }

    fn is_whole_on(&self, pool: &ResourceId, key: &KeyId) -> bool {
        let pool = self.lab.world.holder(pool).expect("nobody deletes it");
        pool.key.as_ref() == Some(key) && pool.settings == SETTINGS
    }

    fn add_pool(&mut self, name: &str) {
        let home = Region::parse(HOME).expect("valid");
        let seed = self.lab.world.add_node_pool(&home, &self.lab.compartments[1], name);
        self.pools.push(seed.key(&self.lab.key).settings(SETTINGS).done());
    }

    /// Rotates what is owed, as a scheduler would, and says what is so then.
    fn quarter(&mut self) -> Quarter {
        let lab = &self.lab;
        lab.clock.advance(91 * DAY);
        let (mut rotations, mut manual, mut with_exceptions) = (0, 0, 0);
        for (key, rotated) in lab.run(lab.rotator().rotate_due()).expect("a read") {
            match rotated {
                Ok(Rotated::Completed(report)) => {
                    let left = report.summary.counts.with("manual");
                    let verdict = if left == 0 { Verdict::Clean } else { Verdict::WithExceptions };
                    assert_eq!(report.verdict, Some(verdict), "{key}: {report}");
                    rotations += 1;
                    manual += left;
                    with_exceptions += usize::from(left > 0);
                }
                Ok(Rotated::NotDue { due, .. }) => assert_eq!(due.state, DueState::Predecessor, "{key}: {due}"),
                other => panic!("{key}: {other:?}"),
            }
        }
        let keys = self.keys();
        let head = keys.last().expect("a key");
        let versions: Vec<usize> = keys.iter().map(|key| lab.world.versions(key).len()).collect();
        let due = lab.run(lab.rotator().due()).expect("a read");
        let is = |row: &&keywheel::model::DueKey| row.due.state == DueState::Predecessor;
        Quarter {
            rotations,
            lineage: keys.len(),
            versions_of_first: versions[0],
            versions_in_vault: versions.iter().sum(),
            predecessors: due.iter().filter(is).count(),
            on_head: self.blocks.iter().filter(|block| lab.wrapping_key(block).as_ref() == Some(head)).count(),
            on_version: self.buckets.len() - lab.not_on(&lab.current()).len(),
            pools_on_head: self.pools.iter().filter(|pool| self.is_whole_on(pool, head)).count(),
            manual,
            with_exceptions,
        }
    }
}

#[test]
fn two_years_of_quarters_leave_the_lineage_the_quota_and_the_outcomes_that_were_predicted() {
    let oke = [Kind::Cluster, Kind::InstanceConfiguration, Kind::NodePool];
    let lab = Lab::mixed(3, 4).moving([World::movable_kinds(), oke.to_vec()].concat());
    lab.add_holder(&Kind::Cluster, HOME, 0, "cluster");
    let configuration = lab.add_holder(&Kind::InstanceConfiguration, HOME, 1, "configuration");
    let (buckets, blocks) = (lab.buckets.clone(), [lab.volumes.clone(), lab.backups.clone()].concat());
    let mut years = Years { lab, buckets, blocks, pools: Vec::new() };
    years.add_pool("first");
    for quarter in 1..=QUARTERS {
        if quarter == 3 {
            // Somebody's template still names the first key.
            let home = Region::parse(HOME).expect("valid");
            let seed = years.lab.world.add_volume(&home, &years.lab.compartments[0], "from-a-template");
            years.blocks.push(seed.key(&years.lab.key).done());
        }
        if quarter == 4 {
            years.add_pool("from-a-template");
        }
        if quarter == RENEWED {
            let (world, head) = (&years.lab.world, years.keys().pop().expect("a key"));
            world.others_delete_holder(&configuration);
            let home = Region::parse(HOME).expect("valid");
            let seed = world.add_instance_configuration(&home, &years.lab.compartments[1], "renewed");
            let _ = seed.key(&head).done();
        }
        if quarter == 5 {
            let volume = years.blocks[0].clone();
            years.blocks.push(years.lab.world.others_back_up(&volume, "before-a-release"));
        }
        let expected = predicted(quarter, years.buckets.len(), years.blocks.len(), years.pools.len());
        assert_eq!(years.quarter(), expected, "quarter {quarter}");
    }
    let lab = &years.lab;
    lab.run(lab.rotator().verify_journal()).expect("the chain is whole");
    assert_eq!(lab.run(lab.rotator().list()).expect("a read"), [], "nothing is left open");
    let reserved = lab.run(lab.rotator().plan(&lab.key)).expect("a read").versions_reserved;
    assert_eq!(reserved, 0, "every reservation was given back");
}

#[test]
fn a_volume_that_a_template_puts_under_a_predecessor_is_swept_at_the_next_look() {
    let years = {
        let lab = Lab::mixed(0, 2);
        let blocks = [lab.volumes.clone(), lab.backups.clone()].concat();
        Years { lab, buckets: Vec::new(), blocks, pools: Vec::new() }
    };
    years.lab.clock.advance(DAY);
    let rotated = years.lab.run(years.lab.rotator().rotate(&years.lab.key)).expect("it is due");
    assert!(matches!(rotated, Rotated::Completed(_)), "{rotated:?}");
    let late = years.lab.add_volume(&Kind::BlockVolume, HOME, 1, "from-a-template");
    years.lab.clock.advance(2 * DAY);
    let rows = years.lab.run(years.lab.rotator().rotate_due()).expect("a read");
    assert!(rows.iter().any(|(_, rotated)| matches!(rotated, Ok(Rotated::Completed(_)))), "{rows:?}");
    assert_eq!(years.lab.wrapping_key(&late).as_ref(), years.keys().last());
    assert_eq!(years.keys().len(), 2, "no second successor");
}
