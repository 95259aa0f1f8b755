//! Link settings of the shared library: its soname, and that it is never unloaded (a `dlclose` would take the
//! code away under threads that still run in it).

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    match env::var("CARGO_CFG_TARGET_OS").unwrap_or_default().as_str() {
        "macos" | "ios" => link_arg("-install_name,@rpath/liblode.0.dylib"),
        "windows" => {}
        _ => {
            link_arg("-soname,liblode.so.0");
            link_arg("-z,nodelete");
        }
    }
}

fn link_arg(argument: &str) {
    println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
}
