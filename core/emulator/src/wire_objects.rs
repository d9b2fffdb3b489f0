//! Objects on the wire: conditional writes, reads, listing by name.
//!
//! PutObject's signature covers no body headers; that exception is the server's, not made here.

use axum::http::StatusCode;
use data_encoding::BASE64;
use keywheel::memory::{ObjectInfo, ObjectQuery, World};
use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::errors::{Answered, HttpAnswer, HttpRefusal};
use crate::shared::http_date;
use crate::wire::{heard, heard_json, instant};
use crate::wire_buckets::{bucket_in_path, wants_field};

/// The name of the object in the path.
fn object_name<'a>(asked: &'a Asked<'_>) -> &'a str {
    asked.path(2)
}

fn md5_base64(bytes: &[u8]) -> String {
    BASE64.encode(&Md5::digest(bytes))
}

pub(crate) fn put_object(world: &World, asked: &Asked<'_>) -> Answered {
    let at = bucket_in_path(asked)?;
    let md5 = md5_base64(asked.body);
    if asked.header("if-none-match").is_some_and(|value| value != "*") {
        return Err(HttpRefusal::invalid("if-none-match", "must be *").into());
    }
    if asked.header("content-md5").is_some_and(|given| given != md5) {
        return Err(HttpRefusal::new(400, "UnmatchedContentMD5", "content-md5 is not the MD5 of the body").into());
    }
    let told = world.put_object(&asked.call(), &at, object_name(asked), asked.body.to_vec());
    let modified = told.as_ref().ok().map(|answer| http_date(answer.date));
    heard(told, |()| {
        Ok(HttpAnswer::empty(StatusCode::OK).with("opc-content-md5", md5).maybe("last-modified", modified))
    })
}

pub(crate) fn get_object(world: &World, asked: &Asked<'_>) -> Answered {
    let told = world.get_object(&asked.call(), &bucket_in_path(asked)?, object_name(asked));
    let is_known =
        is_known(asked, told.as_ref().ok().and_then(|answer| answer.etag.as_ref()).map(|etag| etag.as_str()));
    heard(told, |bytes| {
        if is_known {
            return Ok(HttpAnswer::empty(StatusCode::NOT_MODIFIED));
        }
        let md5 = md5_base64(&bytes);
        Ok(HttpAnswer::bytes(bytes, "application/octet-stream").with("content-md5", md5))
    })
}

pub(crate) fn head_object(world: &World, asked: &Asked<'_>) -> Answered {
    let told = world.head_object(&asked.call(), &bucket_in_path(asked)?, object_name(asked));
    let is_known =
        is_known(asked, told.as_ref().ok().and_then(|answer| answer.etag.as_ref()).map(|etag| etag.as_str()));
    heard(told, |info| {
        let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let answer = HttpAnswer::empty(status).with("content-type", "application/octet-stream");
        let answer = answer.with("last-modified", http_date(info.time_modified));
        // HEAD has no body; the length says how long it would be.
        Ok(if is_known { answer } else { answer.with("content-length", info.size.to_string()) })
    })
}

/// Whether the caller has this etag already and only asked for another.
fn is_known(asked: &Asked<'_>, etag: Option<&str>) -> bool {
    let wanted = asked.header("if-none-match");
    wanted.is_some_and(|wanted| wanted == "*" || Some(wanted) == etag)
}

pub(crate) fn list_objects(world: &World, asked: &Asked<'_>) -> Answered {
    let at = bucket_in_path(asked)?;
    if asked.query("delimiter").is_some() {
        let message = "the emulator lists objects by name, without a delimiter";
        return Err(HttpRefusal::new(501, "MethodNotImplemented", message).into());
    }
    let query = ObjectQuery {
        prefix: asked.query("prefix").map(str::to_owned),
        start: asked.query("start").map(str::to_owned),
        limit: asked.page_query()?.limit,
    };
    heard_json(world.list_objects(&asked.call(), &at, &query), |listing| {
        let objects: Vec<Value> = listing.objects.iter().map(|object| object_json(asked, object)).collect();
        json!({ "objects": objects, "prefixes": [], "nextStartWith": listing.next_start_with })
    })
}

/// The name always; the rest only if `fields` asks for it.
fn object_json(asked: &Asked<'_>, object: &ObjectInfo) -> Value {
    let mut shown = json!({ "name": object.name });
    if wants_field(asked, "size") {
        shown["size"] = json!(object.size);
    }
    if wants_field(asked, "etag") {
        shown["etag"] = json!(object.etag);
    }
    if wants_field(asked, "timeModified") {
        shown["timeModified"] = json!(instant(object.time_modified));
    }
    shown
}
