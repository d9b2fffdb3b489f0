//! The native half of the Node package: the door, on libuv's worker threads.
//!
//! Strings in, strings out; promises, classes and types are made in `index.cjs`. No logic lives
//! here, and nothing that runs on the event loop's thread may wait.

use keywheel_bridge::Answer;
use napi::bindgen_prelude::{AsyncTask, Either};
use napi::{Env, Result, Task};
use napi_derive::napi;

/// An answer as JavaScript gets it.
#[napi(object)]
pub struct Landed {
    /// Whether it went well.
    pub ok: bool,
    /// The answer, or the failure.
    pub json: String,
}

impl From<Answer> for Landed {
    fn from(answer: Answer) -> Self {
        match answer {
            Ok(json) => Self { ok: true, json },
            Err(failure) => Self { ok: false, json: failure.to_json() },
        }
    }
}

/// One call, on its way through a worker thread.
pub struct Call {
    door: Option<keywheel_bridge::Door>,
    method: String,
    arguments: String,
}

impl Task for Call {
    type Output = Landed;
    type JsValue = Landed;

    fn compute(&mut self) -> Result<Landed> {
        Ok(match &self.door {
            Some(door) => door.call(&self.method, &self.arguments),
            None => keywheel_bridge::call(&self.method, &self.arguments),
        }
        .into())
    }

    fn resolve(&mut self, _: Env, landed: Landed) -> Result<Landed> {
        Ok(landed)
    }
}

/// Calls a function that needs no rotator.
#[napi]
pub fn call(method: String, arguments: String) -> AsyncTask<Call> {
    AsyncTask::new(Call { door: None, method, arguments })
}

/// A rotator behind strings.
#[napi]
pub struct Door(keywheel_bridge::Door);

#[napi]
impl Door {
    /// Calls a method of the rotator.
    #[napi]
    pub fn call(&self, method: String, arguments: String) -> AsyncTask<Call> {
        AsyncTask::new(Call { door: Some(self.0.clone()), method, arguments })
    }
}

/// A door being opened on a worker thread.
pub struct Open {
    config: String,
}

impl Task for Open {
    type Output = Either<Door, String>;
    type JsValue = Either<Door, String>;

    fn compute(&mut self) -> Result<Self::Output> {
        Ok(match keywheel_bridge::Door::open(self.config.as_ref()) {
            Ok(door) => Either::A(Door(door)),
            Err(failure) => Either::B(failure.to_json()),
        })
    }

    fn resolve(&mut self, _: Env, opened: Self::Output) -> Result<Self::JsValue> {
        Ok(opened)
    }
}

/// Opens the door of a config file: the door, or the failure as JSON.
#[napi]
pub fn open(config: String) -> AsyncTask<Open> {
    AsyncTask::new(Open { config })
}
