//! Room rotation.
