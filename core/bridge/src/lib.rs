//! The door through which language bindings enter: a method's name and JSON in, JSON out.
//!
//! Nothing is decided here and nothing waits here that the rotator does not wait for. A binding adds its
//! language's manners (exceptions, promises) and no logic; whatever needs logic belongs in core.

mod conformance;
mod door;
mod error;
mod foreign;
mod free;
mod guests;
mod logs;
mod runtime;
mod signer;
mod time;
mod world;

pub use conformance::{SUITES, check};
pub use door::{Door, Guests, Hear, METHODS, Principal};
pub use error::Failure;
pub use foreign::{Foreign, Reply, Thrown};
pub use free::METHODS as FREE_METHODS;
pub use logs::{log_level, log_to};
pub use runtime::{Call, shutdown};
pub use world::World;

/// What a call gives back: JSON either way.
pub type Answer = Result<String, Box<Failure>>;

/// Calls a function that needs no rotator; see [`FREE_METHODS`].
///
/// `arguments` is a JSON object; fields nobody knows are refused. A panic below arrives as a failure of kind `bug`.
pub fn call(method: &str, arguments: &str) -> Answer {
    contained(method, || free::call(method, arguments))
}

/// Runs `work` so that a panic becomes a failure instead of unwinding into a foreign stack.
fn contained<T>(method: &str, work: impl FnOnce() -> Result<T, Box<Failure>>) -> Result<T, Box<Failure>> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(method, &*panic)))
}

/// What a panic becomes.
fn panicked(method: &str, panic: &(dyn std::any::Any + Send)) -> Box<Failure> {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned());
    Failure::bug(method, format!("keywheel panicked; please report it: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_arrives_as_a_bug_and_not_as_an_abort() {
        let failure = contained::<()>("due", || panic!("a broken invariant")).expect_err("it panicked");
        assert_eq!((failure.kind.as_str(), failure.operation.as_str()), ("bug", "due"));
        assert_eq!(failure.landed, "maybe", "nobody knows how far it came");
        assert!(failure.message.contains("a broken invariant"), "{}", failure.message);
    }

    #[test]
    fn a_method_nobody_knows_is_refused_by_name() {
        let failure = call("rotate_everything", "{}").expect_err("there is no such method");
        assert_eq!(failure.kind, "refused");
        assert!(failure.message.contains("rotate_everything"), "{}", failure.message);
    }
}
