//! Buckets and work requests on the wire.
//!
//! Object Storage has habits of its own: the namespace is a bare JSON string, UpdateBucket is a POST,
//! a work request ends COMPLETED and its id travels in a header only.

use axum::http::StatusCode;
use keywheel::memory::{
    BucketAddress, BucketInfo, BucketUpdate, RetentionRule, Span, WorkRequestInfo, WorkStatus, World,
};
use keywheel::model::{CompartmentId, NamespaceName, WorkRequestId};
use serde_json::{Value, json};

use crate::asked::{Asked, Fields};
use crate::errors::{Answered, HttpAnswer, HttpRefusal};
use crate::wire::{heard, heard_array, heard_json, instant};

/// What GetWorkRequest says about when to ask again; the shortest that the header can say.
const RETRY_AFTER_S: &str = "1";

/// The namespace in a path; one that is no name is nobody's.
pub(crate) fn namespace_in_path(asked: &Asked<'_>) -> Result<NamespaceName, HttpRefusal> {
    let refused = || HttpRefusal::new(404, "NamespaceNotFound", "you do not own this namespace, or it does not exist");
    asked.path(0).parse().map_err(|_| refused())
}

/// The bucket a path names.
pub(crate) fn bucket_in_path(asked: &Asked<'_>) -> Result<BucketAddress, HttpRefusal> {
    Ok(BucketAddress {
        region: asked.region().clone(),
        namespace: namespace_in_path(asked)?,
        name: asked.path(1).to_owned(),
    })
}

/// Whether a comma-separated `fields` parameter names this.
pub(crate) fn wants_field(asked: &Asked<'_>, name: &str) -> bool {
    asked.query("fields").is_some_and(|fields| fields.split(',').any(|field| field.trim() == name))
}

pub(crate) fn get_namespace(world: &World, asked: &Asked<'_>) -> Answered {
    heard_json(world.get_namespace(&asked.call(), asked.region()), |namespace| json!(namespace))
}

pub(crate) fn list_buckets(world: &World, asked: &Asked<'_>) -> Answered {
    let (namespace, compartment): (_, CompartmentId) = (namespace_in_path(asked)?, asked.query_id("compartmentId")?);
    let told = world.list_buckets(&asked.call(), asked.region(), &namespace, &compartment, &asked.page_query()?);
    let with_tags = wants_field(asked, "tags");
    heard_array(told, |bucket| {
        // The key is not told here: whoever wants it asks GetBucket for each.
        let mut summary = json!({
            "namespace": namespace, "name": bucket.name, "compartmentId": bucket.compartment, "createdBy": "seed",
            "timeCreated": instant(bucket.time_created), "etag": bucket.etag,
            "freeformTags": null, "definedTags": null,
        });
        if with_tags {
            summary["freeformTags"] = json!(bucket.tags.freeform);
            summary["definedTags"] = json!(bucket.tags.defined);
        }
        summary
    })
}

fn bucket_json(world: &World, bucket: &BucketInfo, etag: Option<&str>) -> Value {
    let versioning = if world.is_versioned(&bucket.id) { "Enabled" } else { "Disabled" };
    json!({
        "namespace": bucket.address.namespace, "name": bucket.address.name, "id": bucket.id,
        "compartmentId": bucket.compartment, "metadata": {}, "createdBy": "seed",
        "timeCreated": instant(bucket.time_created), "etag": etag, "publicAccessType": "NoPublicAccess",
        "storageTier": bucket.storage_tier, "objectEventsEnabled": false, "kmsKeyId": bucket.key,
        "isBucketKeyEnabled": false, "objectLifecyclePolicyEtag": null, "approximateCount": null,
        "approximateSize": null, "replicationEnabled": bucket.is_read_only, "isReadOnly": bucket.is_read_only,
        "versioning": versioning, "autoTiering": "Disabled", "bucketScope": "REGION",
        "freeformTags": bucket.tags.freeform, "definedTags": bucket.tags.defined,
    })
}

pub(crate) fn get_bucket(world: &World, asked: &Asked<'_>) -> Answered {
    let told = world.get_bucket(&asked.call(), &bucket_in_path(asked)?);
    let etag = told.as_ref().ok().and_then(|answer| answer.etag.clone());
    heard_json(told, |bucket| bucket_json(world, &bucket, etag.as_ref().map(|etag| etag.as_str())))
}

/// Wrapped in `items`, unlike the lists beside it.
pub(crate) fn list_retention_rules(world: &World, asked: &Asked<'_>) -> Answered {
    heard_json(world.list_retention_rules(&asked.call(), &bucket_in_path(asked)?), |rules| {
        let rule = |rule: &RetentionRule| {
            let duration = rule.span.map(|span| match span {
                Span::Days(amount) => json!({ "timeAmount": amount, "timeUnit": "DAYS" }),
                Span::Years(amount) => json!({ "timeAmount": amount, "timeUnit": "YEARS" }),
            });
            json!({
                "id": rule.id, "displayName": rule.name, "duration": duration, "etag": rule.id,
                "timeRuleLocked": rule.locked_at.map(instant), "timeCreated": instant(rule.time_created),
                "timeModified": instant(rule.time_created),
            })
        };
        json!({ "items": rules.iter().map(rule).collect::<Vec<_>>() })
    })
}

/// Fields of UpdateBucketDetails that World does not have; accepting them would be a lie.
const NOT_SERVED: &[&str] = &[
    "autoTiering",
    "compartmentId",
    "isBucketKeyEnabled",
    "metadata",
    "objectEventsEnabled",
    "publicAccessType",
    "versioning",
];

pub(crate) fn update_bucket(world: &World, asked: &Asked<'_>) -> Answered {
    let at = bucket_in_path(asked)?;
    let body: Fields = asked.json()?;
    if let Some(field) = NOT_SERVED.iter().find(|field| body.has(field)) {
        let message = format!("the emulator does not change a bucket's {field}");
        return Err(HttpRefusal::new(501, "MethodNotImplemented", message).into());
    }
    if body.text("name")?.is_some_and(|name| name != at.name) {
        return Err(HttpRefusal::new(501, "MethodNotImplemented", "the emulator does not rename buckets").into());
    }
    let change = BucketUpdate {
        key: body.text("kmsKeyId")?.map(str::to_owned),
        freeform: body.freeform_tags()?,
        defined: body.defined_tags()?,
    };
    let told = world.update_bucket(&asked.call(), &at, change);
    let etag = told.as_ref().ok().and_then(|answer| answer.etag.clone());
    heard_json(told, |bucket| bucket_json(world, &bucket, etag.as_ref().map(|etag| etag.as_str())))
}

pub(crate) fn reencrypt_bucket(world: &World, asked: &Asked<'_>) -> Answered {
    let at = bucket_in_path(asked)?;
    if asked.query_flag("isReencryptBucketKeyOnly")? {
        let message = "the emulator knows no bucket keys, so it re-wraps everything or nothing";
        return Err(HttpRefusal::new(501, "MethodNotImplemented", message).into());
    }
    heard(world.reencrypt_bucket(&asked.call(), &at), |id| {
        Ok(HttpAnswer::empty(StatusCode::ACCEPTED).with("opc-work-request-id", id.as_str()))
    })
}

fn work_request_json(work: &WorkRequestInfo) -> Value {
    let BucketAddress { region, namespace, name } = &work.address;
    let resource = json!({
        "actionType": if work.status == WorkStatus::Completed { "WRITTEN" } else { "IN_PROGRESS" },
        "entityType": "bucket", "identifier": work.bucket, "entityUri": format!("/n/{namespace}/b/{name}"),
        "metadata": { "REGION": region, "NAMESPACE": namespace, "BUCKET": name },
    });
    json!({
        "id": work.id, "operationType": "REENCRYPT", "status": work.status.word(), "compartmentId": work.compartment,
        "resources": [resource], "percentComplete": f64::from(work.percent_complete),
        "timeAccepted": instant(work.time_accepted), "timeStarted": work.time_started.map(instant),
        "timeFinished": work.time_finished.map(instant),
    })
}

fn work_request_in_path(asked: &Asked<'_>) -> Result<WorkRequestId, HttpRefusal> {
    asked.path_id(0)
}

pub(crate) fn get_work_request(world: &World, asked: &Asked<'_>) -> Answered {
    let told = world.get_work_request(&asked.call(), asked.region(), &work_request_in_path(asked)?);
    heard(told, |work| {
        let retry_after = work.time_finished.is_none().then_some(RETRY_AFTER_S);
        Ok(HttpAnswer::json(&work_request_json(&work)).maybe("retry-after", retry_after))
    })
}

pub(crate) fn list_work_requests(world: &World, asked: &Asked<'_>) -> Answered {
    let compartment: CompartmentId = asked.query_id("compartmentId")?;
    let told = world.list_work_requests(&asked.call(), asked.region(), &compartment, &asked.page_query()?);
    heard_array(told, |work| work_request_json(&work))
}

pub(crate) fn list_work_request_errors(world: &World, asked: &Asked<'_>) -> Answered {
    let told = world.get_work_request(&asked.call(), asked.region(), &work_request_in_path(asked)?);
    heard_json(told, |work| {
        if work.status != WorkStatus::Failed {
            return json!([]);
        }
        let message = "the bucket could not be re-encrypted; its key may be unusable";
        json!([{ "code": "ReencryptFailed", "message": message, "timestamp": work.time_finished.map(instant) }])
    })
}

pub(crate) fn list_work_request_logs(world: &World, asked: &Asked<'_>) -> Answered {
    let told = world.get_work_request(&asked.call(), asked.region(), &work_request_in_path(asked)?);
    heard_json(told, |work| {
        let entry = |message: &str, at| json!({ "message": message, "timestamp": instant(at) });
        let mut entries = vec![entry("accepted", work.time_accepted)];
        entries.extend(work.time_started.map(|at| entry("started", at)));
        entries.extend(work.time_finished.map(|at| entry(work.status.word(), at)));
        Value::Array(entries)
    })
}
