//! Link settings of the shared library: its soname, that it is never unloaded (a `dlclose` would take the
//! code away under threads that still run in it), and what keeps it small.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// zstd's block compressors for use with a dictionary, which lode never has, as `(name, suffix)`. Each is
/// linked as its sibling without the suffix, which compresses the same blocks and only ignores the
/// dictionary; a third of zstd's code is then left out, which no macro of zstd's does.
const DICTIONARY_COMPRESSORS: [(&str, &str); 17] = [
    ("fast", "_dictMatchState"),
    ("doubleFast", "_dictMatchState"),
    ("greedy", "_dictMatchState"),
    ("greedy", "_dedicatedDictSearch"),
    ("lazy", "_dictMatchState"),
    ("lazy", "_dedicatedDictSearch"),
    ("lazy2", "_dictMatchState"),
    ("lazy2", "_dedicatedDictSearch"),
    ("greedy_row", "_dictMatchState"),
    ("greedy_row", "_dedicatedDictSearch"),
    ("lazy_row", "_dictMatchState"),
    ("lazy_row", "_dedicatedDictSearch"),
    ("lazy2_row", "_dictMatchState"),
    ("lazy2_row", "_dedicatedDictSearch"),
    ("btlazy2", "_dictMatchState"),
    ("btopt", "_dictMatchState"),
    ("btultra", "_dictMatchState"),
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    match env::var("CARGO_CFG_TARGET_OS").unwrap_or_default().as_str() {
        "macos" | "ios" => link_arg("-install_name,@rpath/liblode.0.dylib"),
        "windows" => {}
        _ => {
            link_arg("-soname,liblode.so.0");
            link_arg("-z,nodelete");
            for (name, suffix) in DICTIONARY_COMPRESSORS {
                let (stem, row) = name.strip_suffix("_row").map_or((name, ""), |stem| (stem, "_row"));
                let unused = format!("ZSTD_compressBlock_{stem}{suffix}{row}");
                link_arg(&format!("--wrap={unused}"));
                link_arg(&format!("--defsym=__wrap_{unused}=ZSTD_compressBlock_{name}"));
            }
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
