//! The conformance suites against the memory views: each promise of each port, in three kinds of World.
//!
//! Nothing about a view may be known here; what a promise says stands in `testkit::conformance`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use keywheel::memory::{ManualClock, MemoryAuditSink, World, WorldSettings};
use keywheel::model::{Kind, LineHash, Margins, Region, Timestamp};
use keywheel::ports::AuditSink;
use keywheel::testkit::conformance::audit_sink;
use keywheel::testkit::conformance::audit_sink::AuditSinkFixture;
use keywheel::testkit::conformance::world::{Place, PortsUnderTest, WorldFixture};

fn start() -> Timestamp {
    "2026-11-22T08:00:00.25Z".parse().expect("an instant")
}

fn fixture(settings: WorldSettings, margins: Margins) -> WorldFixture {
    let clock = ManualClock::new(start());
    let home = Region::parse("us-ashburn-1").expect("a region");
    let world = World::new(clock.clone(), &home, settings);
    let place = Place::seed(&world);
    let ports = PortsUnderTest::views(&world, &place);
    let pass = Box::new(move |by: Duration| {
        clock.advance(by);
        let done: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async {});
        done
    });
    WorldFixture::new(&world, place, ports, margins, pass)
}

/// Worlds that differ in everything a port must not depend on.
fn fixtures() -> Vec<WorldFixture> {
    let unlimited = |settings: WorldSettings| WorldSettings { kms_per_second: None, ..settings };
    let paged = WorldSettings { page_size: 2, empty_pages: true, ..WorldSettings::instant() };
    vec![
        fixture(WorldSettings::instant(), Margins::production()),
        fixture(unlimited(WorldSettings::lab()), Margins::lab()),
        fixture(unlimited(WorldSettings::production()), Margins::production()),
        fixture(paged, Margins::production()),
    ]
}

const BLOCK_STORAGE: [Kind; 4] = [Kind::BlockVolume, Kind::BootVolume, Kind::BlockVolumeBackup, Kind::BootVolumeBackup];

/// What can be found by its tags.
const TAGGED: [Kind; 10] = [
    Kind::BlockVolume,
    Kind::BootVolume,
    Kind::BlockVolumeBackup,
    Kind::BootVolumeBackup,
    Kind::BlockVolumeReplica,
    Kind::BootVolumeReplica,
    Kind::Cluster,
    Kind::InstanceConfiguration,
    Kind::Bucket,
    Kind::NodePool,
];

const ONLY_READ: [Kind; 5] = [
    Kind::BackupPolicyAssignment,
    Kind::BlockVolumeReplica,
    Kind::BootVolumeReplica,
    Kind::Cluster,
    Kind::InstanceConfiguration,
];

/// The same Worlds once for each of these kinds.
fn fixtures_of(kinds: &[Kind]) -> Vec<WorldFixture> {
    let mut all = Vec::new();
    for kind in kinds {
        for mut fixture in fixtures() {
            fixture.kind = kind.clone();
            all.push(fixture);
        }
    }
    all
}

macro_rules! promises {
    ($suite:ident of $kinds:expr => $($promise:ident)*) => {
        promises!($suite: $suite of $kinds => $($promise)*);
    };
    ($name:ident: $suite:ident of $kinds:expr => $($promise:ident)*) => {
        mod $name {
            #[allow(unused_imports, reason = "not every list of kinds names one of these")]
            use super::{BLOCK_STORAGE, Kind, ONLY_READ, TAGGED};
            $(#[tokio::test]
            async fn $promise() {
                for fixture in super::fixtures_of(&$kinds) {
                    keywheel::testkit::conformance::$suite::$promise(&fixture).await;
                }
            })*
        }
    };
}

promises!(key_store of [Kind::Bucket] =>
    keys_read_what_was_minted
    a_mint_is_sent_once
    a_lost_answer_says_maybe
    one_token_one_version
    a_stale_date_is_refused
    a_replica_refuses_to_mint
    paging_is_complete
    answers_carry_witnesses
    a_stale_etag_changes_nothing);

promises!(catalog of [&BLOCK_STORAGE[..], &ONLY_READ, &[Kind::Bucket, Kind::NodePool]].concat() =>
    every_pass_ends_with_coverage
    what_is_listed_is_found
    a_denied_compartment_is_a_verdict
    a_cursor_survives_its_process
    pages_are_homogeneous
    what_is_terminated_is_left_out
    a_hint_is_the_services_word
    policies_are_read_up_to_the_root
    policies_that_may_not_be_listed_are_named
    a_copy_without_a_key_is_told);

promises!(catalog_by_tag: catalog of TAGGED =>
    a_candidate_keeps_its_id
    tags_are_checked_again);

promises!(rekeyer of [Kind::Bucket] =>
    describe_is_constant
    observe_sees_the_owning_service
    a_stale_etag_changes_nothing
    a_lost_answer_says_maybe
    a_ticket_can_be_polled
    find_shows_what_was_begun
    tickets_are_polled_together);

promises!(rekeyer_assign of BLOCK_STORAGE =>
    describe_is_constant
    observe_sees_the_owning_service
    a_stale_etag_changes_nothing
    there_is_no_rewrap
    the_same_key_again_is_done_only_where_it_is_described
    a_lost_answer_says_maybe
    done_is_done
    what_is_being_made_is_busy
    what_is_terminated_is_said_to_be);

promises!(rekeyer_read of ONLY_READ =>
    a_kind_without_steps_says_what_a_person_does
    observe_sees_the_owning_service
    what_is_being_made_is_busy
    what_is_terminated_is_said_to_be);

promises!(rekeyer_source of [Kind::NodePool] =>
    a_pool_gets_its_key_when_its_work_request_has_ended
    everything_else_is_sent_back_as_it_was
    a_stale_etag_changes_nothing
    a_lost_answer_says_maybe
    a_pool_that_would_replace_its_nodes_is_left_alone
    find_shows_what_was_begun);

promises!(notifier of [Kind::Bucket] =>
    a_notice_carries_its_dedupe_key
    ok_means_accepted);

struct MemorySink(Arc<MemoryAuditSink>);

#[async_trait::async_trait]
impl AuditSinkFixture for MemorySink {
    fn reopened(&self) -> Arc<dyn AuditSink> {
        Arc::clone(&self.0) as Arc<dyn AuditSink>
    }

    async fn recorded(&self) -> Vec<LineHash> {
        self.0.entries().into_iter().map(|entry| entry.id).collect()
    }
}

#[tokio::test]
async fn an_entry_may_come_twice() {
    audit_sink::an_entry_may_come_twice(&MemorySink(MemoryAuditSink::new())).await;
}

#[tokio::test]
async fn a_fork_is_refused() {
    audit_sink::a_fork_is_refused(&MemorySink(MemoryAuditSink::new())).await;
}

#[tokio::test]
async fn recorded_means_durable() {
    audit_sink::recorded_means_durable(&MemorySink(MemoryAuditSink::new())).await;
}

#[tokio::test]
async fn what_is_held_last_is_told_or_not_known() {
    audit_sink::what_is_held_last_is_told_or_not_known(&MemorySink(MemoryAuditSink::new())).await;
}
