//! OCI as the far end: signing, credentials, endpoints, transport, and one adapter per port.
//!
//! Only the operations of the table can be called. No environment variable is read here, no process
//! is started, and nothing decides what a rotation does next.

pub mod operation;
