//! Any bytes as a Parquet file: footer, pages and values end in records or in an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| lode_core::fuzzing::read_parquet(data));
