//! Any bytes as a zstd file: see `lode_fuzz::decoder`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lode_core::compress::Compressor;

fuzz_target!(|data: &[u8]| lode_fuzz::decoder::check(Compressor::Zstd, data));
