//! Asks napi for the linker flags of this platform.
fn main() {
    napi_build::setup();
}
