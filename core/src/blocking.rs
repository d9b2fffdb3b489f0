//! The same calls without async: for programs and bindings that have no executor of their own.
//!
//! Owns one multi-thread tokio runtime on its own threads and hands every call over to it, so that it may be
//! used from any thread, also from inside somebody else's runtime.

use std::future::Future;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::model::{
    Checkup, DependentReport, DueKey, KeyId, Metric, Plan, Report, Request, RotationId, RotationSummary, Settings,
    Timestamp,
};
use crate::ports::Ports;
use crate::rotator::{Rotated, Started};
use crate::{Error, ErrorKind, ProgressStream, Result};

/// A rotator that blocks the calling thread.
#[derive(Clone)]
pub struct Rotator {
    inner: crate::Rotator,
    runtime: Arc<Runtime>,
}

/// The runtime, and the process that made it: threads do not survive a fork.
struct Runtime {
    tokio: Option<tokio::runtime::Runtime>,
    process: u32,
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Waiting for tasks here would hang a process that is being torn down; a crash is safe.
        if let Some(tokio) = self.tokio.take() {
            tokio.shutdown_background();
        }
    }
}

impl Runtime {
    fn new() -> Result<Arc<Self>> {
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("keywheel")
            .enable_all()
            .build()
            .map_err(|error| Error::new(ErrorKind::Unavailable, "runtime", "no threads to be had").caused_by(error))?;
        Ok(Arc::new(Self { tokio: Some(tokio), process: std::process::id() }))
    }

    fn run<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        if self.process != std::process::id() {
            return Err(Error::new(
                ErrorKind::Refused,
                "runtime",
                "this rotator was made before a fork; its threads did not come along: make one in this process",
            ));
        }
        let Some(tokio) = &self.tokio else {
            return Err(Error::bug("runtime", "used after it was dropped"));
        };
        let (sender, receiver) = mpsc::channel();
        tokio.spawn(async move {
            // The caller waits below; it cannot have gone away.
            let _ = sender.send(work.await);
        });
        receiver.recv().map_err(|_| Error::bug("runtime", "the call panicked"))?
    }
}

/// Makes a future `'static` by giving it its own handle of the rotator.
macro_rules! call {
    ($self:ident, |$rotator:ident| $work:expr) => {{
        let $rotator = $self.inner.clone();
        $self.runtime.run(async move { $work.await })
    }};
}

impl Rotator {
    /// A rotator over ports of your choice.
    pub fn with_ports(settings: Settings, ports: Ports) -> Result<Self> {
        Ok(Self { inner: crate::Rotator::with_ports(settings, ports), runtime: Runtime::new()? })
    }

    /// A rotator from something that makes one on the runtime it will run on.
    pub fn made_by<F>(make: F) -> Result<Self>
    where
        F: Future<Output = Result<crate::Rotator>> + Send + 'static,
    {
        let runtime = Runtime::new()?;
        Ok(Self { inner: runtime.run(make)?, runtime })
    }

    /// See [`crate::Rotator::rotate`].
    pub fn rotate(&self, key: &KeyId) -> Result<Rotated> {
        let key = key.clone();
        call!(self, |rotator| rotator.rotate(&key))
    }

    /// See [`crate::Rotator::rotate_due`].
    pub fn rotate_due(&self) -> Result<Vec<(KeyId, Result<Rotated>)>> {
        call!(self, |rotator| rotator.rotate_due())
    }

    /// See [`crate::Rotator::plan`].
    pub fn plan(&self, key: &KeyId) -> Result<Plan> {
        let key = key.clone();
        call!(self, |rotator| rotator.plan(&key))
    }

    /// See [`crate::Rotator::doctor`].
    pub fn doctor(&self, live: Option<&KeyId>) -> Result<Checkup> {
        let live = live.cloned();
        call!(self, |rotator| rotator.doctor(live.as_ref()))
    }

    /// See [`crate::Rotator::doctor_for`].
    pub fn doctor_for(&self, live: Option<&KeyId>, subject: &str) -> Result<Checkup> {
        let (live, subject) = (live.cloned(), subject.to_owned());
        call!(self, |rotator| rotator.doctor_for(live.as_ref(), &subject))
    }

    /// See [`crate::Rotator::due`].
    pub fn due(&self) -> Result<Vec<DueKey>> {
        call!(self, |rotator| rotator.due())
    }

    /// See [`crate::Rotator::metrics`].
    pub fn metrics(&self) -> Result<Vec<Metric>> {
        call!(self, |rotator| rotator.metrics())
    }

    /// See [`crate::Rotator::raise_alarms`].
    pub fn raise_alarms(&self, rows: &[DueKey]) -> Result<usize> {
        let rows = rows.to_vec();
        call!(self, |rotator| async move { Ok(rotator.raise_alarms(&rows).await) })
    }

    /// See [`crate::Rotator::end_tick`].
    pub fn end_tick(&self, keys: usize, failed: usize) -> Result<()> {
        call!(self, |rotator| async move {
            rotator.end_tick(keys, failed).await;
            Ok(())
        })
    }

    /// See [`crate::Rotator::status`].
    pub fn status(&self, rotation: &RotationId) -> Result<Report> {
        let rotation = rotation.clone();
        call!(self, |rotator| rotator.status(&rotation))
    }

    /// See [`crate::Rotator::dependents`].
    pub fn dependents(&self, rotation: &RotationId) -> Result<Vec<DependentReport>> {
        let rotation = rotation.clone();
        call!(self, |rotator| rotator.dependents(&rotation))
    }

    /// See [`crate::Rotator::list`].
    pub fn list(&self) -> Result<Vec<RotationSummary>> {
        call!(self, |rotator| rotator.list())
    }

    /// See [`crate::Rotator::history`].
    pub fn history(&self, key: Option<&KeyId>) -> Result<Vec<RotationSummary>> {
        let key = key.cloned();
        call!(self, |rotator| rotator.history(key.as_ref()))
    }

    /// See [`crate::Rotator::find`].
    pub fn find(&self, prefix: &str) -> Result<RotationId> {
        let prefix = prefix.to_owned();
        call!(self, |rotator| rotator.find(&prefix))
    }

    /// See [`crate::Rotator::start`].
    pub fn start(&self, request: &Request) -> Result<Started> {
        let request = request.clone();
        call!(self, |rotator| rotator.start(&request))
    }

    /// See [`crate::Rotator::run_for`].
    pub fn run_for(&self, rotation: &RotationId, duration: Duration) -> Result<Rotated> {
        let rotation = rotation.clone();
        call!(self, |rotator| rotator.run_for(&rotation, duration))
    }

    /// See [`crate::Rotator::pause`].
    pub fn pause(&self, rotation: &RotationId, why: &str) -> Result<()> {
        let (rotation, why) = (rotation.clone(), why.to_owned());
        call!(self, |rotator| rotator.pause(&rotation, &why))
    }

    /// See [`crate::Rotator::resume`].
    pub fn resume(&self, rotation: &RotationId) -> Result<Rotated> {
        let rotation = rotation.clone();
        call!(self, |rotator| rotator.resume(&rotation))
    }

    /// See [`crate::Rotator::cancel`].
    pub fn cancel(&self, rotation: &RotationId, until: Option<Timestamp>) -> Result<()> {
        let rotation = rotation.clone();
        call!(self, |rotator| rotator.cancel(&rotation, until))
    }

    /// See [`crate::Rotator::recover`].
    pub fn recover(&self) -> Result<Vec<(RotationId, Result<Rotated>)>> {
        call!(self, |rotator| rotator.recover())
    }

    /// See [`crate::Rotator::verify_journal`].
    pub fn verify_journal(&self) -> Result<u64> {
        call!(self, |rotator| rotator.verify_journal())
    }

    /// See [`crate::Rotator::progress`].
    #[must_use]
    pub fn progress(&self) -> ProgressStream {
        self.inner.progress()
    }
}
