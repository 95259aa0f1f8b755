//! Link settings of the shared library: its soname, and that it is never unloaded (a `dlclose` would take the
//! code away under threads that still run in it).

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The major version alone, 0 included: within it the ABI only grows.
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    match env::var("CARGO_CFG_TARGET_OS").unwrap_or_default().as_str() {
        "macos" | "ios" => link_arg(&format!("-install_name,@rpath/liblode.{major}.dylib")),
        "windows" => {}
        _ => {
            link_arg(&format!("-soname,liblode.so.{major}"));
            link_arg("-z,nodelete");
        }
    }
}

fn link_arg(argument: &str) {
    println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
}
