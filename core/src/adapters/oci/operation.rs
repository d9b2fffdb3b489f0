//! The operations table.
