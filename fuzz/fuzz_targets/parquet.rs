//! Any bytes as a Parquet file: footer, pages and values end in records or in an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// Lets the library catch a panic of the crates that decode, which it reports as a damaged file. Any other
/// panic ends the process at once, and so does one that the library does not catch.
fn abort_on_panics_of_our_own() {
    let abort = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", |location| location.file());
        if !["/parquet-", "/arrow-"].iter().any(|decoder| file.contains(decoder)) {
            abort(panic);
        }
    }));
}

fuzz_target!(init: abort_on_panics_of_our_own(), |data| lode_core::fuzzing::read_parquet(data));
