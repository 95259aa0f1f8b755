//! How large a batch of Arrow columns is, and how it is decoded, of files with texts of any length.

use std::sync::Mutex;

use ::arrow_array::cast::AsArray;
use ::arrow_array::{Array, ArrayRef, Int32Array, RecordBatch, StringArray};
use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Encoding;
use ::parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use super::arrow::{batch, batches, with_file};
use super::*;
use crate::codec::parquet::{Batches, Selection};
use crate::codec::{Input, SharedInput};
use crate::columns::SchemaTypes;

/// The most bytes of a batch of several rows.
const BATCH_BYTES: usize = 8 << 20;

/// A file of a number and a text, which every tenth row lacks.
fn file_of(texts: &[String], properties: WriterPropertiesBuilder) -> Vec<u8> {
    let text = |(row, text): (usize, &String)| (!row.is_multiple_of(10)).then(|| text.clone());
    let texts: StringArray = texts.iter().enumerate().map(text).collect();
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..texts.len() as i32));
    let rows = batch(vec![("n", numbers), ("text", Arc::new(texts))]);
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, rows.schema(), Some(properties.build())).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    file
}

/// A file in memory.
struct Bytes(Vec<u8>);

impl Input for Bytes {
    fn read(&mut self, _room: &mut [u8]) -> Result<usize> {
        Ok(0)
    }

    fn size(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }

    fn read_at(&mut self, offset: u64, room: &mut [u8]) -> Result<usize> {
        let rest = &self.0[offset as usize..];
        let len = rest.len().min(room.len());
        room[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}

/// Whether the first batch of a file comes with the types that are given out.
fn is_copied(file: &[u8]) -> bool {
    let input = SharedInput::of(Arc::new(Mutex::new(Bytes(file.to_vec()))));
    let mut batches = Batches::open(&input, &Selection { copied: true, ..Selection::default() }).unwrap();
    batches.next(usize::MAX).unwrap().unwrap();
    batches.has_copies()
}

fn bytes_of(batch: &RecordBatch) -> usize {
    let offsets = batch.column(1).as_string::<i32>().value_offsets();
    8 * batch.num_rows() + (offsets[batch.num_rows()] - offsets[0]) as usize
}

/// Reads a file of [`file_of`] with any number of rows a batch, and checks what comes.
fn check(file: &[u8], texts: &[String], types: SchemaTypes, what: &str) -> Vec<usize> {
    let store = memory();
    let dataset = open_parquet(&store, columns(r#"{"fields":[{"name":"a","type":"int32"}]}"#));
    let snapshot = with_file(&dataset, &commit(&dataset, &[r#"{"a":1}"#]), file);
    let dataset = open_parquet(&store, ColumnOptions { types, ..ColumnOptions::default() });
    let read = ReadOptions { verify: Verify::SizeOnly, ..ReadOptions::default() };
    let mut rows_of_all = Vec::new();
    for batch_rows in [0, 999] {
        let options = ArrowReadOptions { batch_rows, read: read.clone(), ..ArrowReadOptions::default() };
        let found = batches(&dataset, &snapshot, options).unwrap();
        rows_of_all =
            if batch_rows == 0 { found.iter().map(RecordBatch::num_rows).collect() } else { rows_of_all };
        let mut row = 0_usize;
        for batch in &found {
            let (rows, bytes) = (batch.num_rows(), bytes_of(batch));
            assert!(rows <= if batch_rows == 0 { 65_536 } else { batch_rows }, "{what}: {rows} rows");
            assert!(bytes <= BATCH_BYTES || rows == 1, "{what}: {rows} rows have {bytes} bytes");
            let numbers = batch.column(0).as_primitive::<::arrow_array::types::Int32Type>();
            assert!(numbers.nulls().is_none(), "{what}: nulls, where there are none");
            let found = batch.column(1).as_string::<i32>();
            for (number, text) in numbers.values().iter().zip(found) {
                assert_eq!(*number, row as i32, "{what}");
                let expected = (!row.is_multiple_of(10)).then_some(&*texts[row]);
                assert!(text == expected, "{what}: row {row} has another text");
                row += 1;
            }
        }
        assert_eq!(row, texts.len(), "{what}");
    }
    rows_of_all
}

#[test]
fn a_batch_is_bounded_however_long_and_however_stored_its_texts_are() {
    let plain = || WriterProperties::builder().set_dictionary_enabled(false);
    let encoded = |encoding| plain().set_column_encoding("text".into(), encoding);
    let short = |row: usize| format!("é{}", row % 1000);
    let all_short: Vec<String> = (0..100_000).map(short).collect();
    for (what, properties) in [
        ("of a dictionary", WriterProperties::builder()),
        ("plain", plain()),
        ("lengths first", encoded(Encoding::DELTA_LENGTH_BYTE_ARRAY)),
    ] {
        let file = file_of(&all_short, properties);
        assert!(is_copied(&file), "{what}");
        assert_eq!(check(&file, &all_short, SchemaTypes::Portable, what), [65_536, 34_464], "{what}");
    }
    // Texts that share their beginnings may be longer than all of their page.
    let file = file_of(&all_short, encoded(Encoding::DELTA_BYTE_ARRAY));
    assert!(!is_copied(&file));
    check(&file, &all_short, SchemaTypes::Portable, "beginnings first");
    let shared: Vec<String> = (0..48).map(|row| format!("{}{row}", "s".repeat(2 << 20))).collect();
    let file = file_of(&shared, encoded(Encoding::DELTA_BYTE_ARRAY));
    assert!(file.len() < 3 << 20, "they are stored once");
    check(&file, &shared, SchemaTypes::Portable, "long beginnings first");
    let input = SharedInput::of(Arc::new(Mutex::new(Bytes(file))));
    for any_type in [false, true] {
        let selection = Selection { any_type, keeps_forms: any_type, ..Selection::default() };
        let mut batches = Batches::open(&input, &selection).unwrap();
        let rows = batches.next(usize::MAX).unwrap().unwrap().num_rows();
        assert!((20..=32).contains(&rows), "{rows} rows of two mebibytes");
    }

    let long: Vec<String> = (0..20_000).map(|row| short(row % 7).repeat(300)).collect();
    let file = file_of(&long, WriterProperties::builder());
    assert!(is_copied(&file));
    // Of 900 bytes each.
    let rows = check(&file, &long, SchemaTypes::Portable, "a dictionary of long texts");
    assert_eq!(rows, [9228, 9228, 1544]);

    // Few texts of a dictionary are long, but they are used much.
    let huge = "h".repeat(100_000);
    let text = |row: usize| if row % 50 == 1 { huge.clone() } else { short(row % 100) };
    let few_long: Vec<String> = (0..20_000).map(text).collect();
    let file = file_of(&few_long, WriterProperties::builder());
    assert!(!is_copied(&file));
    check(&file, &few_long, SchemaTypes::Portable, "a dictionary with a long text");
    let rows = check(&file, &few_long, SchemaTypes::Arrow, "a dictionary with a long text, of any types");
    assert!(rows.iter().all(|rows| *rows <= 83), "{rows:?}");

    // The long ones stand at the ends of their pages.
    let text = |row: usize| if row % 4000 < 3992 { short(row) } else { "l".repeat(1 << 20) };
    let at_ends: Vec<String> = (0..12_000).map(text).collect();
    let pages = plain().set_data_page_size_limit(1 << 30).set_data_page_row_count_limit(4000);
    let file = file_of(&at_ends, pages.set_write_batch_size(4000));
    assert!(is_copied(&file));
    let rows = check(&file, &at_ends, SchemaTypes::Portable, "long texts at the ends of pages");
    assert!(rows.len() > 3, "a batch was divided: {rows:?}");
}
