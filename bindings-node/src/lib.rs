//! The native half of the Node package: the door, on libuv's worker threads.
//!
//! Strings in, strings out; promises, classes and types are made in `index.cjs`. No logic lives
//! here, and nothing that runs on the event loop's thread may wait.

use keywheel_bridge::Answer;
use napi::bindgen_prelude::AsyncTask;
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
    method: String,
    arguments: String,
}

impl Task for Call {
    type Output = Landed;
    type JsValue = Landed;

    fn compute(&mut self) -> Result<Landed> {
        Ok(keywheel_bridge::call(&self.method, &self.arguments).into())
    }

    fn resolve(&mut self, _: Env, landed: Landed) -> Result<Landed> {
        Ok(landed)
    }
}

/// Calls a function that needs no rotator.
#[napi]
pub fn call(method: String, arguments: String) -> AsyncTask<Call> {
    AsyncTask::new(Call { method, arguments })
}
