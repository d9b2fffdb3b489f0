//! The conformance suites against keywheel's OCI adapters, over HTTP, in two kinds of World.
//!
//! The same promises hold for the memory views (`core/tests/conformance.rs`); here every call is
//! signed, sent, verified and answered in Oracle's wire format. Nothing about an adapter may be known.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use keywheel::ErrorKind;
use keywheel::adapters::layers::PacePolicy;
use keywheel::adapters::oci::{Catalog, Client, ClientSettings, Endpoints, Rekeyers, Topic, VaultKeyStore};
use keywheel::memory::{Caller, NotYet, World, WorldSettings};
use keywheel::model::{Kind, Margins, Region, ReplicaState, ReplicaStatus, RetryToken, Timestamp};
use keywheel::ports::{KeyStore, VersionMint};
use keywheel::testkit::conformance::world::{Place, PortsUnderTest, WorldFixture};
use keywheel_emulator::{Emulator, EmulatorSettings, OciConfig};

/// A World behind HTTP, and a fixture whose ports reach it only that way.
struct Far {
    fixture: WorldFixture,
    emulator: Emulator,
    config: OciConfig,
    _files: tempfile::TempDir,
}

impl Far {
    /// A key store that knows where these regions are.
    fn key_store_in(&self, regions: &[Region]) -> VaultKeyStore {
        VaultKeyStore::new(client(&self.emulator, &self.config, regions))
    }
}

fn client(emulator: &Emulator, config: &OciConfig, regions: &[Region]) -> Arc<Client> {
    let endpoints = regions.iter().fold(Endpoints::production(), |endpoints, region| {
        let url = emulator.region_url(region).expect("a port");
        endpoints.with_override(region.clone(), &url).expect("a loopback URL")
    });
    let config_file = Some(config.config_path.clone());
    // Nobody shares this tenancy.
    let pace = PacePolicy { start: 500.0, kms_max: 500.0 };
    Client::from_config_file(ClientSettings { config_file, endpoints, pace, ..ClientSettings::default() })
        .expect("a config")
}

async fn far(settings: WorldSettings) -> Far {
    let home = Region::parse("us-ashburn-1").expect("a region");
    let world = World::new(Timestamp::now, &home, settings);
    let place = Place::seed(&world);
    let emulator = Emulator::start(EmulatorSettings::new(Arc::clone(&world))).await.expect("free ports");
    let files = tempfile::tempdir().expect("a folder");
    let config = emulator.new_user().write_config(files.path()).expect("a config");
    let client = || client(&emulator, &config, &world.regions());
    let shared = client();
    // As another process would have it: nothing is remembered between two catalogs.
    let catalogs: Vec<_> = (0..2).map(|_| client()).collect();
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let ports = PortsUnderTest {
        key_store: Arc::new(VaultKeyStore::new(Arc::clone(&shared))),
        catalog: Box::new(move || {
            let next = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % catalogs.len();
            Arc::new(Catalog::new(Arc::clone(&catalogs[next])))
        }),
        rekeyer: Arc::new(Rekeyers::new(Arc::clone(&shared))),
        notifier: Arc::new(Topic::new(shared, place.topic.clone())),
    };
    let pass = Box::new(|by: Duration| {
        let done: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(tokio::time::sleep(by));
        done
    });
    let mut fixture = WorldFixture::new(&world, place, ports, Margins::lab(), pass);
    fixture.caller = Caller::new(&config.user);
    Far { fixture, emulator, config, _files: files }
}

/// Worlds that differ in what a port must not depend on; both within the bounds of `Margins::lab`.
async fn fars(suite: &str) -> (Far, Far) {
    let lab = WorldSettings::lab();
    // Only mints are fenced by their date. What reads a lot must not fail because a busy machine sends it late.
    let skew_limit = if suite == "key_store" { lab.skew_limit } else { Duration::from_secs(120) };
    let lagging = WorldSettings { kms_per_second: None, messages_per_minute: None, skew_limit, ..lab };
    let paged = WorldSettings { page_size: 2, empty_pages: true, skew_limit, ..WorldSettings::instant() };
    tokio::join!(far(lagging), far(paged))
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

macro_rules! promises {
    ($suite:ident of $kinds:expr => $($promise:ident)*) => {
        promises!($suite: $suite of $kinds => $($promise)*);
    };
    ($name:ident: $suite:ident of $kinds:expr => $($promise:ident)*) => {
        mod $name {
            #[allow(unused_imports, reason = "not every list of kinds names one of these")]
            use super::{BLOCK_STORAGE, Kind, ONLY_READ, TAGGED};
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                use keywheel::testkit::conformance::$suite::$promise as holds;
                // Each kind has clouds of its own, so all may wait for their lags together.
                let local = tokio::task::LocalSet::new();
                let mut all = Vec::new();
                for kind in $kinds {
                    all.push(local.spawn_local(async move {
                        let (mut lagging, mut paged) = super::fars(stringify!($suite)).await;
                        (lagging.fixture.kind, paged.fixture.kind) = (kind.clone(), kind);
                        tokio::join!(holds(&lagging.fixture), holds(&paged.fixture));
                    }));
                }
                local.await;
                for held in all {
                    held.await.expect("the promise holds for every kind");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_key_seen_first_at_its_replica_is_minted_at_its_primary() {
    let far = far(WorldSettings { kms_per_second: None, ..WorldSettings::lab() }).await;
    let (world, port) = (&far.fixture.world, &far.fixture.key_store);
    let (near, primary) = (far.fixture.place.region.clone(), Region::parse("us-phoenix-1").expect("a region"));
    // The replica is in the client's own region, so that is where it looks first.
    let vault = world.add_vault(&primary, &far.fixture.place.compartment, "dr").replica(&near).done();
    let a_year_ago = Timestamp::now() - Duration::from_secs(365 * 86_400);
    let key = world.add_key(&vault, &far.fixture.place.compartment, "k", a_year_ago).done();
    assert!(world.regions().contains(&primary), "the vault subscribed the tenancy to its region");

    let error = port.describe_key(&key).await.expect_err("the client was not told where the second region is");
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let port = far.key_store_in(&[near.clone(), primary.clone()]);
    let found = port.describe_key(&key).await.expect("the key is found").value;
    assert_eq!((found.region, found.is_primary), (primary, Some(true)));
    let mint = VersionMint {
        key: key.clone(),
        token: RetryToken::parse("replica-lab-1").expect("a token"),
        date: keywheel::model::to_seconds(world.now()),
        body: String::new(),
    };
    let minted = port.create_version(&mint).await.expect("the primary mints").value;
    let (mut waited, limit) = (Duration::ZERO, Duration::from_secs(20));
    loop {
        let told = port.replication(&key, &minted.id).await;
        let regions = told.map(|reply| reply.value).unwrap_or_default();
        if regions == [ReplicaStatus { region: near.clone(), state: ReplicaState::Replicated }] {
            break;
        }
        assert!(waited < limit, "the version reached the replica region: {regions:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        waited += Duration::from_millis(200);
    }
    assert!(world.not_yets(NotYet::Replica) > 0, "the first answer was not yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_wait_out_a_rate_limit() {
    // A limit lower than what is published: the pace has to find it out.
    let far = far(WorldSettings { kms_per_second: Some(3), ..WorldSettings::instant() }).await;
    let key =
        far.fixture.world.add_key(&far.fixture.place.vault, &far.fixture.place.compartment, "k", Timestamp::now());
    let key = key.done();
    for _ in 0..25 {
        far.fixture.key_store.describe_key(&key).await.expect("a throttled read is read again");
    }
    assert!(far.fixture.world.log().iter().any(|entry| entry.status == 429), "it was throttled");
}
