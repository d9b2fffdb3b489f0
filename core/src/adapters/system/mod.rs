//! What the machine itself offers: its clock, its random source, a stream and a file to write to.
//!
//! Always compiled, on any executor: no runtime, no network. The only place of core, with the other
//! adapters, that may read the present or draw a random number.

mod clock;
mod file_sink;
mod print;
mod random;

pub use clock::SystemClock;
pub use file_sink::FileSink;
pub use print::{StderrNotifier, StdoutNotifier};
pub use random::SystemRandom;
