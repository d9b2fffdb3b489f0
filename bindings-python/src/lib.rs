//! The native half of the Python package: the door, without the GIL.
//!
//! Strings in, strings out; exceptions, classes and documentation are made in `python/keywheel`.
//! No logic lives here.

use std::sync::Arc;

use keywheel_bridge::{Answer, Failure};
use pyo3::prelude::*;

/// An answer as Python gets it: whether it went well, and JSON either way.
fn landed(answer: Answer) -> (bool, String) {
    match answer {
        Ok(json) => (true, json),
        Err(failure) => (false, failure.to_json()),
    }
}

/// Hands something to Python from a thread of ours. A process that is ending has nobody left to hear it.
fn tell(callback: &Py<PyAny>, arguments: impl for<'py> pyo3::call::PyCallArgs<'py>) {
    Python::try_attach(|py| {
        if let Err(error) = callback.call1(py, arguments) {
            // An event loop that was closed meanwhile is no failure of ours; Python shows it as it shows such things.
            error.write_unraisable(py, Some(callback.bind(py)));
        }
    });
}

/// Something that Python implements: called as `host(method, arguments, reply)`.
struct Host(Py<PyAny>);

impl keywheel_bridge::Foreign for Host {
    fn invoke(&self, method: &str, arguments: &str, reply: keywheel_bridge::Reply) {
        // Without an interpreter nobody answers, and the reply says so by being dropped.
        Python::try_attach(|py| {
            let reply = Bound::new(py, _keywheel::Reply::new(reply))?;
            if let Err(error) = self.0.call1(py, (method, arguments, &reply)) {
                reply.get().answer(false, &error.to_string())?;
            }
            PyResult::Ok(())
        });
    }
}

fn host(host: Py<PyAny>) -> Arc<dyn keywheel_bridge::Foreign> {
    Arc::new(Host(host))
}

/// The native module; private, its names may change at any time.
#[pymodule]
mod _keywheel {
    use std::collections::BTreeMap;
    use std::ffi::OsString;
    use std::path::PathBuf;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::{self, RecvTimeoutError};
    use std::time::Duration;

    use keywheel_bridge::{Principal, Thrown};
    use pyo3::exceptions::PyRuntimeError;

    use super::*;

    /// Whether the interpreter is ending.
    static IS_ENDING: AtomicBool = AtomicBool::new(false);
    /// How long a blocked call lets Ctrl-C wait.
    const HEARS_SIGNALS_EVERY: Duration = Duration::from_millis(50);
    /// How long a call that was given up may take to let go of what it held.
    const LETS_GO_WITHIN: Duration = Duration::from_secs(1);

    /// Calls a function that needs no rotator.
    #[pyfunction]
    fn call(py: Python<'_>, method: &str, arguments: &str) -> (bool, String) {
        py.detach(|| landed(keywheel_bridge::call(method, arguments)))
    }

    /// Gives up every call of this process and stops its threads; for the end of the process.
    #[pyfunction]
    fn shutdown(py: Python<'_>) {
        IS_ENDING.store(true, Ordering::SeqCst);
        py.detach(keywheel_bridge::shutdown);
    }

    /// The command line tool; its arguments begin with its own name. Returns the exit code.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        py.detach(|| keywheel_cli::run(arguments))
    }

    /// Hands log lines to `hear(level, target, text)`, in threads of ours; `False` if somebody else has them.
    #[pyfunction]
    fn log_to(py: Python<'_>, hear: Py<PyAny>) -> bool {
        py.detach(|| keywheel_bridge::log_to(move |level, target, text| tell(&hear, (level, target, text))))
    }

    /// How many of them are wanted: 0 none, 1 errors … 5 everything.
    #[pyfunction]
    fn log_level(wanted: usize) {
        keywheel_bridge::log_level(wanted);
    }

    /// A call on its way.
    #[pyclass(frozen)]
    struct Call(keywheel_bridge::Call);

    #[pymethods]
    impl Call {
        /// Gives it up where it stands.
        fn cancel(&self) {
            self.0.cancel();
        }
    }

    /// Where a host's answer goes, once.
    #[pyclass(frozen)]
    pub(super) struct Reply(Mutex<Option<keywheel_bridge::Reply>>);

    impl Reply {
        pub(super) fn new(reply: keywheel_bridge::Reply) -> Self {
            Self(Mutex::new(Some(reply)))
        }
    }

    #[pymethods]
    impl Reply {
        /// The answer as JSON; or, if it did not go well, a failure as JSON or an exception in words.
        pub(super) fn answer(&self, went_well: bool, text: &str) -> PyResult<()> {
            let reply = self.0.lock().map_err(|_| PyRuntimeError::new_err("a reply is answered once"))?.take();
            let reply = reply.ok_or_else(|| PyRuntimeError::new_err("a reply is answered once"))?;
            reply.answer(match (went_well, serde_json::from_str::<Failure>(text)) {
                (true, _) => Ok(text.to_owned()),
                (false, Ok(failure)) => Err(Thrown::Error(Box::new(failure))),
                (false, Err(_)) => Err(Thrown::Other(text.to_owned())),
            });
            Ok(())
        }
    }

    /// Tries every promise of a port that Python implements.
    #[pyfunction]
    fn check(py: Python<'_>, suite: &str, port: Py<PyAny>) -> (bool, String) {
        py.detach(|| landed(keywheel_bridge::check(suite, host(port))))
    }

    /// Ports that Python implements itself.
    #[derive(FromPyObject)]
    #[pyo3(from_item_all)]
    struct Guests {
        key_store: Option<Py<PyAny>>,
        catalog: Option<Py<PyAny>>,
        rekeyer: Option<Py<PyAny>>,
        audit_sinks: Vec<Py<PyAny>>,
        notifiers: Vec<Py<PyAny>>,
        profile: Option<String>,
        oci: Option<BTreeMap<String, String>>,
        signer: Option<Py<PyAny>>,
    }

    impl From<Guests> for keywheel_bridge::Guests {
        fn from(guests: Guests) -> Self {
            Self {
                key_store: guests.key_store.map(host),
                catalog: guests.catalog.map(host),
                rekeyer: guests.rekeyer.map(host),
                audit_sinks: guests.audit_sinks.into_iter().map(host).collect(),
                notifiers: guests.notifiers.into_iter().map(host).collect(),
                principal: match (guests.signer, guests.oci, guests.profile) {
                    (Some(signer), ..) => Some(Principal::Signer(host(signer))),
                    (None, Some(values), _) => Some(Principal::Map(values)),
                    (None, None, profile) => profile.map(Principal::Profile),
                },
            }
        }
    }

    /// What opening a door gives: the door, or the failure as JSON.
    type Opened = (Option<Door>, Option<String>);

    fn opened(opened: Result<keywheel_bridge::Door, Box<Failure>>) -> Opened {
        match opened {
            Ok(door) => (Some(Door(door)), None),
            Err(failure) => (None, Some(failure.to_json())),
        }
    }

    /// A cloud in memory behind strings.
    #[pyclass(frozen)]
    struct World(keywheel_bridge::World);

    #[pymethods]
    impl World {
        /// A new World, or the failure as JSON.
        #[staticmethod]
        fn make(py: Python<'_>, arguments: &str) -> (Option<Self>, Option<String>) {
            match py.detach(|| keywheel_bridge::World::new(arguments)) {
                Ok(world) => (Some(Self(world)), None),
                Err(failure) => (None, Some(failure.to_json())),
            }
        }

        /// Does something to it or asks something of it.
        fn call(&self, py: Python<'_>, method: &str, arguments: &str) -> (bool, String) {
            py.detach(|| landed(self.0.call(method, arguments)))
        }

        /// Calls one of its ports.
        fn port(&self, py: Python<'_>, port: &str, method: &str, arguments: &str) -> (bool, String) {
            py.detach(|| landed(self.0.port(port, method, arguments)))
        }

        /// Opens the door of a rotator over it.
        fn open(&self, py: Python<'_>, settings: &str, guests: Guests) -> Opened {
            py.detach(|| opened(self.0.open(settings, guests.into())))
        }
    }

    fn heard(hear: Py<PyAny>) -> keywheel_bridge::Hear {
        Box::new(move |event| tell(&hear, (event,)))
    }

    /// A rotator behind strings.
    #[pyclass(frozen)]
    struct Door(keywheel_bridge::Door);

    #[pymethods]
    impl Door {
        /// Opens the door of a config file.
        #[staticmethod]
        #[allow(clippy::needless_pass_by_value, reason = "arguments come out of Python by value")]
        fn open(py: Python<'_>, config: PathBuf, guests: Guests) -> Opened {
            py.detach(|| opened(keywheel_bridge::Door::open_with(&config, guests.into())))
        }

        /// Calls a method and waits for its answer; Ctrl-C gives the call up. `tick` is called now and then meanwhile,
        /// in this thread, `hear(json)` for every event, in a thread of ours.
        #[pyo3(signature = (method, arguments, tick=None, hear=None))]
        #[allow(clippy::needless_pass_by_value, reason = "arguments come out of Python by value")]
        fn call(
            &self,
            py: Python<'_>,
            method: &str,
            arguments: &str,
            tick: Option<Py<PyAny>>,
            hear: Option<Py<PyAny>>,
        ) -> PyResult<(bool, String)> {
            let (sender, receiver) = mpsc::channel();
            let done = move |answer| drop(sender.send(landed(answer)));
            let call = py.detach(|| self.0.start_heard(method, arguments, hear.map(heard), done));
            // A receiver may be lent to one thread only; while we wait without the GIL, this one has it.
            let receiver = Mutex::new(receiver);
            let wait = |within| {
                py.detach(|| receiver.lock().map_or(Err(RecvTimeoutError::Disconnected), |r| r.recv_timeout(within)))
            };
            loop {
                match wait(HEARS_SIGNALS_EVERY) {
                    // A daemon thread of an interpreter that is ending: there is nobody left to tell, and nothing to do.
                    Ok(_) if IS_ENDING.load(Ordering::SeqCst) => py.detach(|| {
                        loop {
                            std::thread::park();
                        }
                    }),
                    Ok(answer) => return Ok(answer),
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => {
                        let ticked = tick.as_ref().map_or(Ok(()), |tick| tick.call0(py).map(drop));
                        if let Err(error) = py.check_signals().and(ticked) {
                            call.cancel();
                            let _ = wait(LETS_GO_WITHIN);
                            return Err(error);
                        }
                    }
                }
            }
            Err(PyRuntimeError::new_err("the call ended without an answer"))
        }

        /// Starts a call; `done(ok, json)` is called once, `hear(json)` for every event before it, in a thread of ours.
        #[pyo3(signature = (method, arguments, done, hear=None))]
        fn start(
            &self,
            py: Python<'_>,
            method: &str,
            arguments: &str,
            done: Py<PyAny>,
            hear: Option<Py<PyAny>>,
        ) -> Call {
            let done = move |answer| tell(&done, landed(answer));
            py.detach(|| Call(self.0.start_heard(method, arguments, hear.map(heard), done)))
        }
    }
}
