//! Room sqlite.
