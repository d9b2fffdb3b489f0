//! Room system.
