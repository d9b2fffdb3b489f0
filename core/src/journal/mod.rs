//! Facts to canonical, chained JSON lines and back.
//!
//! Pure: values in, values out. A line that leaves here is sealed; a line that comes in is believed only after
//! its text, its hash and its place in the chain were checked. No port, no clock and no randomness lives here.

mod chain;
mod facts;
mod known;
mod line;
mod render;
mod replay;

pub use chain::{Chain, verify};
pub use facts::{Decoded, Facts, decode, names, seal_facts};
pub use line::{Entry, FORMAT, MAX_DEPTH, MAX_LINE_BYTES, Stamp, Unsealed, seal, unseal, upgrade};
pub use replay::{PAGE_LINES, Recorded, Replay};
