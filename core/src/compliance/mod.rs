//! Room compliance.
