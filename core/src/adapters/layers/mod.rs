//! Room layers.
