//! One deterministic cloud in memory, and every port as a view over it (design §9).
//!
//! [`World`] speaks at the level of OCI operations and knows no wire format: the emulator puts HTTP
//! over it, the views put the ports over it. Nothing here reads a clock of the machine, draws
//! randomness, sleeps or spawns.

mod answer;
mod audit;
mod audit_events;
mod backup_policies;
mod blocks;
mod buckets;
mod clock;
mod custom_logs;
mod faults;
mod grants;
mod holders;
mod iam;
mod identity;
mod journal;
mod kms;
mod kms_mint;
mod kms_state;
mod limits;
mod log;
mod meddle;
mod meddle_block;
mod meddle_holder;
mod meters;
mod monitoring;
mod node_pools;
mod notifier;
mod objects;
mod ons;
mod operations;
mod paging;
mod random;
mod retention;
mod search;
mod search_query;
mod search_types;
mod seed;
mod seed_block;
mod seed_bucket;
mod settings;
mod translate;
mod view_backup_policies;
mod view_catalog;
mod view_key_store;
mod view_rekeyer;
mod view_rekeyer_block;
mod view_rekeyer_bucket;
mod view_rekeyer_holder;
mod view_rekeyer_pool;
mod work_requests;
mod world;

pub use answer::{Answer, Call, Caller, Listing, PageQuery, Refusal, Told, VaultEndpoint};
pub use audit::MemoryAuditSink;
pub use audit_events::AuditRecord;
pub use backup_policies::{AssignmentInfo, BackupPolicyInfo, VolumeGroupInfo};
pub use blocks::{BlockAddress, BlockInfo, BlockState, ReplicaInfo, Wrapping};
pub use buckets::{BucketAddress, BucketInfo, BucketSummary, BucketUpdate};
pub use clock::{ManualClock, Skew, SkewedClock, WorldClock};
pub use custom_logs::LogLine;
pub use faults::{FaultPlan, Strikes};
pub use holders::{HolderAddress, HolderInfo, HolderSeed, HolderState};
pub use identity::{CompartmentInfo, Depth, PolicyInfo, Subscription, Tenancy};
pub use journal::{Failure, FailureHook, Marker, MemoryJournal};
pub use kms::{VaultInfo, VaultReplica, VersionInfo};
pub use kms_mint::{KeyUpdate, NewKey};
pub use log::{LogEntry, NotYet, Note};
pub use meddle::VersionTruth;
pub use meddle_holder::PoolTruth;
pub use meters::{Calls, IDLE, Meters, Stretch};
pub use monitoring::PostedMetric;
pub use node_pools::{PoolChange, PoolWorkInfo, PoolWorkStatus};
pub use notifier::RecordingNotifier;
pub use objects::{ObjectInfo, ObjectListing, ObjectQuery};
pub use ons::{Message, TopicInfo};
pub use random::SeededRandom;
pub use retention::{RetentionRule, Span};
pub use search::ResourceSummary;
pub use search_types::ResourceType;
pub use seed::{KeySeed, VaultSeed};
pub use seed_block::BlockSeed;
pub use seed_bucket::BucketSeed;
pub use settings::WorldSettings;
pub use work_requests::{WorkRequestInfo, WorkStatus, WorkTruth};
pub use world::World;

#[cfg(test)]
mod tests;
