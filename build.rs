//! Link settings of the shared library: its soname, that it is never unloaded (a `dlclose` would take the
//! code away under threads that still run in it), and what keeps it small.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    match env::var("CARGO_CFG_TARGET_OS").unwrap_or_default().as_str() {
        "macos" | "ios" => link_arg("-install_name,@rpath/liblode.0.dylib"),
        "windows" => {}
        _ => {
            link_arg("-soname,liblode.so.0");
            link_arg("-z,nodelete");
            // Equal functions once: of generic code, many are.
            if linker_takes("--icf=all") {
                link_arg("--icf=all");
            }
        }
    }
}

fn link_arg(argument: &str) {
    println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
}

/// Whether the linker that rustc is going to use knows the argument: links an empty library with it.
fn linker_takes(argument: &str) -> bool {
    let try_it = || -> Option<bool> {
        let directory = PathBuf::from(env::var_os("OUT_DIR")?);
        let source = directory.join("empty.rs");
        std::fs::write(&source, "").ok()?;
        let mut rustc = Command::new(env::var_os("RUSTC")?);
        rustc.args(["--crate-type", "cdylib", "--target"]).arg(env::var_os("TARGET")?);
        rustc.arg(format!("-Clink-arg=-Wl,{argument}")).arg("--out-dir").arg(&directory).arg(&source);
        if let Some(linker) = env::var_os("RUSTC_LINKER") {
            let mut option = std::ffi::OsString::from("-Clinker=");
            option.push(linker);
            rustc.arg(option);
        }
        let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
        rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
        Some(rustc.stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?.success())
    };
    try_it().unwrap_or(false)
}
