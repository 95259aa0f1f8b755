//! The compressor library alone: the yardstick of the compressed writes. The same crates with the same
//! features and the same release profile as liblode's, on the same bytes, handed over in the same pieces and
//! ending on the same disk, durably; nothing is checked, hashed or committed.
//!
//! `compressors gzip|zstd LEVEL INPUT DIRECTORY` prints one JSON object: `ns` for all of it, `compress_ns`
//! until the last compressed byte was handed to the system, `stored` for the compressed size. Reading INPUT
//! is not timed. `benches/run.py` runs it; without these arguments, as `cargo bench` starts it, it does
//! nothing but say so.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Bytes handed to the compressor, and by it to the system, at a time.
const CHUNK: usize = 256 * 1024;

fn feed(mut compressor: impl Write, input: &[u8]) -> io::Result<()> {
    input.chunks(CHUNK).try_for_each(|chunk| compressor.write_all(chunk))
}

fn gzip(input: &[u8], level: u32, out: impl Write) -> io::Result<()> {
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(level));
    feed(&mut encoder, input)?;
    encoder.finish()?.flush()
}

fn zstd(input: &[u8], level: i32, out: impl Write) -> io::Result<()> {
    let mut encoder = zstd::stream::write::Encoder::new(out, level)?;
    feed(&mut encoder, input)?;
    encoder.finish()?.flush()
}

/// Compresses the file at `input` into a new file of `directory`, durably; gives the result's JSON.
fn run(compressor: &str, level: &str, input: &str, directory: &Path) -> Result<String, Box<dyn Error>> {
    let bytes = fs::read(input).map_err(|error| format!("read {input}: {error}"))?;
    let (temporary, last) = (directory.join("data.tmp"), directory.join("data"));
    let start = Instant::now();
    let file = File::create_new(&temporary)?;
    let out = BufWriter::with_capacity(CHUNK, &file);
    match compressor {
        "gzip" => gzip(&bytes, level.parse()?, out)?,
        "zstd" => zstd(&bytes, level.parse()?, out)?,
        other => return Err(format!("unknown compressor {other:?}: gzip or zstd").into()),
    }
    let compressed = start.elapsed().as_nanos();
    file.sync_all()?;
    let stored = file.metadata()?.len();
    drop(file);
    fs::rename(&temporary, &last)?;
    File::open(directory)?.sync_all()?;
    let durable = start.elapsed().as_nanos();
    let length = bytes.len();
    Ok(format!(r#"{{"ns":{durable},"compress_ns":{compressed},"bytes":{length},"stored":{stored}}}"#))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [compressor, level, input, directory] = arguments.as_slice() else {
        println!("compressors: benches/run.py runs this; arguments: gzip|zstd LEVEL INPUT DIRECTORY");
        return ExitCode::SUCCESS;
    };
    match run(compressor, level, input, Path::new(directory)) {
        Ok(result) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("compressors: {error}");
            ExitCode::FAILURE
        }
    }
}
