//! What the bindings say of their data is made from the model: stale files are rewritten by `make heal`.
//!
//! Nothing is written here by hand that the model says; how a language spells it lives in the file of that language.
#![allow(clippy::disallowed_methods, reason = "`make heal` asks for healing through the environment")]

mod python;

use std::path::{Path, PathBuf};

use keywheel::model::{
    Checkup, DependentReport, Due, DueKey, Margins, Metric, Plan, Report, Request, RotationSummary, Vault, VaultUsage,
};
use keywheel::ports::{
    AuditEntry, Begun, CatalogPage, KeyMint, KeyStorePromises, KindSpec, LastHeld, Notice, Observation, Scopes,
    Selector, StepRequest, TicketReport, VersionMint,
};
use keywheel::{Progress, Rotated};
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// Everything that crosses the border, under the name of its type.
fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    macro_rules! every {
        ($($name:ty),* $(,)?) => {{ $(drop(generator.subschema_for::<$name>());)* }};
    }
    every!(
        AuditEntry,
        Begun,
        CatalogPage,
        Checkup,
        DependentReport,
        Due,
        DueKey,
        KeyMint,
        KeyStorePromises,
        KindSpec,
        LastHeld,
        Margins,
        Metric,
        Notice,
        Observation,
        Plan,
        Progress,
        Report,
        Request,
        Rotated,
        RotationSummary,
        Scopes,
        Selector,
        StepRequest,
        TicketReport,
        Vault,
        VaultUsage,
        VersionMint,
        keywheel::model::Key,
        keywheel::model::KeySummary,
        keywheel::model::KeyVersion,
        keywheel::model::ReplicaStatus,
        keywheel::model::VaultSummary,
    );
    Value::Object(generator.take_definitions(true))
}

/// Compares a generated file with what stands in the tree; `make heal` writes it.
fn healed(path: &str, text: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return;
    }
    assert!(std::env::var_os("KEYWHEEL_HEAL").is_some(), "{} is stale: run `make heal`", path.display());
    std::fs::write(&path, text).expect("a generated file can be written");
}

#[test]
fn the_schema_is_healed() {
    healed("core/bridge/schema.json", &(serde_json::to_string_pretty(&schema()).expect("a schema is JSON") + "\n"));
}

#[test]
fn the_types_of_python_are_healed() {
    let schema = schema();
    healed("bindings-python/python/keywheel/types.py", &python::module(schema.as_object().expect("definitions")));
}
