//! Room oci.
