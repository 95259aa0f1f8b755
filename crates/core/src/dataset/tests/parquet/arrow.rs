//! Arrow batches in and out, beside records in and out.

use ::arrow_array::cast::AsArray;
use ::arrow_array::types::Int64Type;
use ::arrow_array::{
    Array, ArrayRef, DictionaryArray, Int16Array, LargeStringArray, RecordBatch, StringArray,
    StringViewArray, TimestampMillisecondArray, UInt32Array,
};
use ::arrow_schema::{DataType, Field, Schema as ArrowSchema, SchemaRef};

use super::*;
use crate::columns::{Comparison, Literal, Operator};
use crate::error::Status;

/// Batches that are held, which fail at the end with `failure`, if there is one.
pub(super) struct Held {
    schema: SchemaRef,
    batches: std::vec::IntoIter<RecordBatch>,
    failure: Option<Error>,
    pulled: usize,
}

pub(super) fn held(batches: Vec<RecordBatch>) -> Held {
    let schema = batches[0].schema();
    Held { schema, batches: batches.into_iter(), failure: None, pulled: 0 }
}

impl Held {
    /// How many times it was asked.
    pub(super) fn pulled(&self) -> usize {
        self.pulled
    }
}

impl BatchSource for Held {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.pulled += 1;
        match self.batches.next() {
            None => self.failure.take().map_or(Ok(None), Err),
            batch => Ok(batch),
        }
    }
}

pub(super) fn write(dataset: &Dataset, source: &mut Held) -> Result<Snapshot> {
    let commit = dataset.stream_write_arrow(source, Metadata::empty(), CommitOptions::default())?;
    Ok(commit.snapshot)
}

pub(super) fn batches(
    dataset: &Dataset,
    snapshot: &Snapshot,
    options: ArrowReadOptions,
) -> Result<Vec<RecordBatch>> {
    let mut reader = dataset.read_arrow(snapshot, options)?;
    let mut batches = Vec::new();
    while let Some(batch) = reader.next()? {
        assert_eq!(batch.schema(), reader.schema());
        batches.push(batch);
    }
    Ok(batches)
}

fn rows(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

pub(super) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

/// A batch of one column `n`.
pub(super) fn numbers(count: i64) -> RecordBatch {
    batch(vec![("n", Arc::new(::arrow_array::Int64Array::from_iter_values(0..count)))])
}

/// A generator of numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A random schema and so many records of it, as they are read back.
fn random_records(random: &mut Random, count: usize) -> (String, Vec<String>) {
    let types = ["int32", "int64", "float32", "float64", "string", "bool", "bytes", "timestamp"];
    let mut fields: Vec<(String, usize, bool)> = (0..1 + random.below(10))
        .map(|n| {
            (
                format!("{}{n}", ["x", "A", "_", "é"][random.below(4) as usize]),
                random.below(8) as usize,
                random.below(2) == 0,
            )
        })
        .collect();
    let declared: Vec<String> = fields
        .iter()
        .map(|(name, kind, nullable)| {
            format!(r#"{{"name":"{name}","type":"{}","nullable":{nullable}}}"#, types[*kind])
        })
        .collect();
    fields.sort();
    let records = (0..count).map(|_| {
        let members: Vec<String> = fields
            .iter()
            .map(|(name, kind, nullable)| {
                let number = random.below(1 << 31);
                let value = match kind {
                    _ if *nullable && random.below(4) == 0 => "null".to_owned(),
                    0 => (number as i64 - (1 << 30)).to_string(),
                    1 => (number as i64 * 4_294_967_311 - (1 << 61)).to_string(),
                    2 => serde_json::to_string(&(number as f32 / 16.0)).unwrap(),
                    3 => serde_json::to_string(&(number as f64 / 1024.0)).unwrap(),
                    5 => number.is_multiple_of(2).to_string(),
                    7 => {
                        let mut text = b"\"".to_vec();
                        crate::columns::push_timestamp(number as i64 * 1_000_000_007, &mut text);
                        String::from_utf8(text).unwrap() + "\""
                    }
                    _ => format!("\"é{}\"", "y".repeat((number % 50) as usize)),
                };
                format!("\"{name}\":{value}")
            })
            .collect();
        format!("{{{}}}", members.join(","))
    });
    let records = records.collect();
    (format!(r#"{{"fields":[{}]}}"#, declared.join(",")), records)
}

#[test]
fn what_goes_in_as_records_or_as_arrow_comes_out_equal_as_either() {
    let mut random = Random(7);
    for round in 0..12 {
        let (schema, texts) = random_records(&mut random, [0, 1, 700, 20_000][round % 4]);
        let columns = ColumnOptions { row_group_bytes: 1 << 20, ..columns(&schema) };
        let dataset = open_parquet(&memory(), columns.clone());
        let by_records = commit(&dataset, &texts.iter().map(|text| &**text).collect::<Vec<_>>());
        assert_eq!(read(&dataset, &by_records).unwrap(), texts, "{schema}");
        // Out as Arrow, in again in other pieces, into Parquet and into JSON lines.
        let batch_rows = [1, 100, 0][round % 3];
        let options = ArrowReadOptions { batch_rows, ..ArrowReadOptions::default() };
        let out = batches(&dataset, &by_records, options).unwrap();
        assert_eq!(rows(&out), texts.len());
        if out.is_empty() {
            continue;
        }
        let by_arrow = write(&dataset, &mut held(out.clone())).unwrap();
        assert!(stored(&dataset, &by_arrow) == stored(&dataset, &by_records), "{schema}: the files differ");
        assert_eq!(by_arrow.manifest().files[0].stats, by_records.manifest().files[0].stats);
        let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
        for batch in &out {
            let (taken, outcome) = writer.append_arrow(batch);
            outcome.unwrap();
            assert_eq!(taken, batch.num_rows());
        }
        assert_eq!(writer.records(), texts.len() as u64);
        let pushed = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
        assert!(stored(&dataset, &pushed) == stored(&dataset, &by_records), "{schema}: the files differ");

        let options = DatasetOptions { codec: Codec::Jsonl, columns, ..options_of_lines() };
        let lines = Dataset::open(&memory(), "lines", options).unwrap();
        let as_lines = write(&lines, &mut held(out)).unwrap();
        let found = batches(&lines, &as_lines, ArrowReadOptions::default()).unwrap();
        let again = write(&dataset, &mut held(found)).unwrap();
        assert_eq!(read(&dataset, &again).unwrap(), texts, "{schema}");
    }
}

#[test]
fn whole_batches_of_an_array_leave_no_trace_in_the_file() {
    // Nulls in one stretch alone, with values under them that are not to be seen; a zone of the producer's
    // own.
    let schema = r#"{"fields":[{"name":"at","type":"timestamp","nullable":true},{"name":"n","type":"int32"},
        {"name":"text","type":"string","nullable":true},{"name":"x","type":"float64","nullable":true}]}"#;
    let dataset = open_parquet(&memory(), columns(schema));
    let count = 40_000;
    let is_null = |row: usize| (20_000..20_100).contains(&row) && row.is_multiple_of(3);
    let nulls = Some(::arrow_buffer::NullBuffer::from_iter((0..count).map(|row| !is_null(row))));
    let text = |row: usize| "t".repeat(row % 7) + &(row % 1000).to_string();
    let (offsets, data, _) = StringArray::from_iter_values((0..count).map(text)).into_parts();
    let at = |row: usize| row as i64 * 1_000_000_000;
    let moments = ::arrow_array::TimestampNanosecondArray::from_iter_values((0..count).map(at));
    let moments = ::arrow_array::TimestampNanosecondArray::new(moments.values().clone(), nulls.clone());
    let all = batch(vec![
        ("n", Arc::new(::arrow_array::Int32Array::from_iter_values(0..count as i32))),
        ("text", Arc::new(StringArray::new(offsets, data, nulls.clone()))),
        ("at", Arc::new(moments.with_timezone("+02:00"))),
        ("x", Arc::new(::arrow_array::Float64Array::new(vec![f64::NAN; count].into(), None))),
    ]);
    let all_numbers =
        Arc::new(::arrow_array::Float64Array::from_iter_values((0..count).map(|row| row as f64)));
    let mut arrays = all.columns().to_vec();
    arrays[3] = all_numbers;
    let numbered = RecordBatch::try_new(all.schema(), arrays).unwrap();
    let records: Vec<String> = (0..count)
        .map(|row| {
            let mut moment = b"\"".to_vec();
            crate::columns::push_timestamp(at(row), &mut moment);
            let (moment, text) = (String::from_utf8(moment).unwrap() + "\"", format!("\"{}\"", text(row)));
            let or_null = |value: String| if is_null(row) { "null".to_owned() } else { value };
            format!(r#"{{"at":{},"n":{row},"text":{},"x":{row}.0}}"#, or_null(moment), or_null(text))
        })
        .collect();
    let by_records = commit(&dataset, &records.iter().map(|text| &**text).collect::<Vec<_>>());
    let expected = stored(&dataset, &by_records);
    for rows in [count, 20_000, 8192, 8191, 9000] {
        let parts = (0..count).step_by(rows).map(|row| numbered.slice(row, rows.min(count - row)));
        let snapshot = write(&dataset, &mut held(parts.collect())).unwrap();
        assert!(stored(&dataset, &snapshot) == expected, "in batches of {rows}");
        assert_eq!(snapshot.manifest().files[0].stats, by_records.manifest().files[0].stats);
    }
    assert!(read(&dataset, &by_records).unwrap() == records);
    // One that is no number leaves no least and greatest.
    let snapshot = write(&dataset, &mut held(vec![all])).unwrap();
    let stats = snapshot.manifest().files[0].stats.clone().unwrap();
    assert_eq!((stats.columns[3].min.clone(), stats.columns[3].null_count), (None, 0));
}

fn options_of_lines() -> DatasetOptions {
    super::options()
}

#[test]
fn narrower_and_other_forms_of_a_type_are_widened() {
    let dataset = open_parquet(
        &memory(),
        columns(
            r#"{"fields":[{"name":"a","type":"int32","nullable":true},{"name":"b","type":"int64"},{"name":"s","type":"string","nullable":true},
                {"name":"l","type":"string"},{"name":"v","type":"bytes"},{"name":"t","type":"timestamp"}]}"#,
        ),
    );
    let dictionary: DictionaryArray<::arrow_array::types::Int8Type> =
        vec![Some("x"), None, Some("x")].into_iter().collect();
    let views = StringViewArray::from(vec!["short", "a text that no view holds by itself", ""]);
    let binary = ::arrow_array::BinaryViewArray::from(
        views.iter().map(|text| text.map(str::as_bytes)).collect::<Vec<_>>(),
    );
    let given = batch(vec![
        ("more", Arc::new(StringArray::from(vec!["ignored"; 3]))),
        ("t", Arc::new(TimestampMillisecondArray::from(vec![0, 1, -1]).with_timezone("+05:00"))),
        ("v", Arc::new(binary)),
        ("l", Arc::new(LargeStringArray::from(vec!["é", "", "z"]))),
        ("s", Arc::new(dictionary)),
        ("b", Arc::new(UInt32Array::from(vec![u32::MAX, 0, 1]))),
        ("a", Arc::new(Int16Array::from(vec![Some(-7), None, Some(i16::MAX)]))),
    ]);
    let expected = [
        r#"{"a":-7,"b":4294967295,"l":"é","s":"x","t":"1970-01-01T00:00:00Z","v":"short"}"#,
        r#"{"a":null,"b":0,"l":"","s":null,"t":"1970-01-01T00:00:00.001Z","v":"a text that no view holds by itself"}"#,
        r#"{"a":32767,"b":1,"l":"z","s":"x","t":"1969-12-31T23:59:59.999Z","v":""}"#,
    ];
    let snapshot = write(&dataset, &mut held(vec![given.slice(0, 1), given.slice(1, 2)])).unwrap();
    assert_eq!(read(&dataset, &snapshot).unwrap(), expected);
}

#[test]
fn columns_that_do_not_fit_are_refused_before_the_first_batch() {
    let dataset = open_parquet(&memory(), columns(r#"{"fields":[{"name":"a","type":"int32"}]}"#));
    let ints = || Arc::new(Int16Array::from(vec![1])) as ArrayRef;
    for (given, words) in [
        (batch(vec![("b", ints())]), "has no field \"a\""),
        (batch(vec![("a", Arc::new(UInt32Array::from(vec![1])))]), "UInt32"),
        (batch(vec![("a", Arc::new(StringArray::from(vec!["1"])))]), "does not take"),
        (batch(vec![("a", Arc::new(::arrow_array::Date32Array::from(vec![1])))]), "\"tdD\""),
        (batch(vec![("a", ints()), ("a", ints())]), "several fields \"a\""),
    ] {
        let mut source = held(vec![given]);
        let error = write(&dataset, &mut source).map(drop).unwrap_err();
        assert_eq!((error.status(), source.pulled), (Status::ArrowType, 0), "{error}");
        assert!(error.message().contains(words), "{error}");
    }
}

#[test]
fn values_that_do_not_fit_name_their_row_and_leave_the_writer_usable() {
    let dataset = open_parquet(
        &memory(),
        columns(
            r#"{"fields":[{"name":"a","type":"int32"},{"name":"t","type":"timestamp","nullable":true}]}"#,
        ),
    );
    let given = |numbers: Vec<Option<i16>>, times: Vec<Option<i64>>| {
        batch(vec![
            ("a", Arc::new(Int16Array::from(numbers)) as ArrayRef),
            ("t", Arc::new(TimestampMillisecondArray::from(times).with_timezone("UTC"))),
        ])
    };
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(br#"{"a":1}"#, None).unwrap();
    for (bad, row) in [
        (given(vec![Some(1), None], vec![None, None]), 2),
        (given(vec![Some(1), Some(2), Some(3)], vec![Some(0), None, Some(i64::MAX)]), 3),
    ] {
        let (taken, outcome) = writer.append_arrow(&bad);
        let error = outcome.unwrap_err();
        assert_eq!(
            (taken, error.status(), error.record()),
            (0, Status::SchemaViolation, Some(row)),
            "{error}"
        );
    }
    let (taken, outcome) = writer.append_arrow(&given(vec![Some(2), Some(3)], vec![Some(5), None]));
    outcome.unwrap();
    assert_eq!((taken, writer.records()), (2, 3));
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    let expected =
        [r#"{"a":1,"t":null}"#, r#"{"a":2,"t":"1970-01-01T00:00:00.005Z"}"#, r#"{"a":3,"t":null}"#];
    assert_eq!(read(&dataset, &snapshot).unwrap(), expected);
}

#[test]
fn a_source_that_fails_commits_nothing() {
    let dataset = open_parquet(&memory(), columns(r#"{"fields":[{"name":"a","type":"int32"}]}"#));
    let mut source = held(vec![batch(vec![("a", Arc::new(Int16Array::from(vec![1; 30_000])))])]);
    source.failure = Some(Error::new(Status::Iterator, "it broke"));
    let error = write(&dataset, &mut source).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::Iterator);
    assert_eq!(dataset.latest(&CallOptions::default()).map(drop).unwrap_err().status(), Status::NoSnapshots);
}

#[test]
fn a_stream_brings_its_schema_where_none_is_declared() {
    let dataset = open_parquet(&memory(), ColumnOptions::default());
    let given = batch(vec![
        ("z", Arc::new(StringArray::from(vec![Some("x"), None])) as ArrayRef),
        ("a", Arc::new(Int16Array::from(vec![1, 2]))),
    ]);
    let snapshot = write(&dataset, &mut held(vec![given])).unwrap();
    assert_eq!(read(&dataset, &snapshot).unwrap(), [r#"{"a":1,"z":"x"}"#, r#"{"a":2,"z":null}"#]);
    let names: Vec<_> = snapshot.manifest().files[0]
        .stats
        .clone()
        .unwrap()
        .columns
        .into_iter()
        .map(|column| column.name)
        .collect();
    assert_eq!(names, ["z", "a"], "in the order of the stream's schema");
}

#[test]
fn columns_are_chosen_and_row_groups_left_out() {
    let columns = ColumnOptions {
        row_group_bytes: 1 << 20,
        page_compression: crate::columns::PageCompression::None,
        ..columns(
            r#"{"fields":[{"name":"n","type":"int64"},{"name":"pad","type":"string"},{"name":"f","type":"float64"},{"name":"t","type":"timestamp"}]}"#,
        )
    };
    let dataset = open_parquet(&memory(), columns);
    let mut random = Random(3);
    let texts: Vec<String> = (0..8000_u64)
        .map(|n| {
            let pad: String = (0..64).map(|_| format!("{:08x}", random.below(1 << 31))).collect();
            format!(
                r#"{{"n":{n},"pad":"{pad}","f":{n}.5,"t":"2024-01-01T00:{:02}:{:02}Z"}}"#,
                n / 60 % 60,
                n % 60
            )
        })
        .collect();
    let snapshot = commit(&dataset, &texts.iter().map(|text| &**text).collect::<Vec<_>>());
    let chosen = |comparisons: Vec<Comparison>| {
        let options =
            ArrowReadOptions { columns: Some(vec!["n".into()]), comparisons, ..ArrowReadOptions::default() };
        let batches = batches(&dataset, &snapshot, options).unwrap();
        assert!(batches.iter().all(|batch| batch.num_columns() == 1));
        batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect::<Vec<_>>()
    };
    let compare = |column: &str, operator, value| Comparison { column: column.into(), operator, value };
    assert_eq!(chosen(vec![]).len(), 8000);
    for (comparison, holds) in [
        (compare("n", Operator::Equal, Literal::Whole(5)), (|n| n == 5) as fn(i64) -> bool),
        (compare("n", Operator::Less, Literal::Whole(100)), |n| n < 100),
        (compare("n", Operator::GreaterOrEqual, Literal::Whole(7990)), |n| n >= 7990),
        (compare("f", Operator::Greater, Literal::Float(7990.0)), |n| n >= 7990),
        (compare("f", Operator::LessOrEqual, Literal::Whole(10)), |n| n < 10),
    ] {
        let found = chosen(vec![comparison.clone()]);
        assert!(found.len() < 8000, "{comparison:?}: no row group was left out");
        let expected: Vec<i64> = (0..8000).filter(|n| holds(*n)).collect();
        assert!(expected.iter().all(|n| found.contains(n)), "{comparison:?}: a row was lost");
    }
    assert_eq!(chosen(vec![compare("n", Operator::Equal, Literal::Whole(-1))]), [0_i64; 0]);
    assert_eq!(
        chosen(vec![compare("t", Operator::Less, Literal::Text("2023-01-01T00:00:00Z".into()))]),
        [0_i64; 0]
    );
    assert_eq!(chosen(vec![compare("n", Operator::NotEqual, Literal::Whole(5))]).len(), 8000);
    for (options, words) in [
        (
            ArrowReadOptions { columns: Some(vec!["x".into()]), ..ArrowReadOptions::default() },
            "no column \"x\"",
        ),
        (
            ArrowReadOptions { columns: Some(vec!["n".into(), "n".into()]), ..ArrowReadOptions::default() },
            "twice",
        ),
        (
            ArrowReadOptions {
                comparisons: vec![compare("n", Operator::Equal, Literal::Text("5".into()))],
                ..ArrowReadOptions::default()
            },
            "not compared",
        ),
    ] {
        let error = batches(&dataset, &snapshot, options).map(drop).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument, "{error}");
        assert!(error.message().contains(words), "{error}");
    }
}

#[test]
fn an_arrow_reader_keeps_what_it_needs_and_reports_the_checksum_with_the_end() {
    let store = memory();
    let dataset = open_parquet(&store, columns(r#"{"fields":[{"name":"a","type":"int32"}]}"#));
    let snapshot = commit(&dataset, &[r#"{"a":1}"#, r#"{"a":2}"#]);
    let path = snapshot.manifest().files[0].path.clone();
    let mut bytes = stored(&dataset, &snapshot);
    // The version in the footer's `created_by`: nothing that is decoded.
    let at = bytes.windows(6).rposition(|part| part == b"lode-c").unwrap();
    bytes[at] = b'L';
    let context = Context::default();
    store.backend().delete(&context, &path).unwrap();
    let put = store.backend().put_if_absent(&context, &path, &bytes, crate::store::Durability::Process);
    assert!(matches!(put, crate::store::Put::Done));
    let mut reader = dataset.read_arrow(&snapshot, ArrowReadOptions::default()).unwrap();
    drop((dataset.clone(), snapshot.clone()));
    assert_eq!(reader.next().unwrap().map(|batch| batch.num_rows()), Some(2));
    for _ in 0..2 {
        assert_eq!(reader.next().map(drop).unwrap_err().status(), Status::Corrupt, "and it stays");
    }
    let read = ReadOptions { verify: Verify::SizeOnly, ..ReadOptions::default() };
    assert_eq!(
        rows(
            &batches(&dataset, &snapshot, ArrowReadOptions { read, ..ArrowReadOptions::default() }).unwrap()
        ),
        2
    );
}

/// The snapshot with a file of another program in the place of its own.
pub(super) fn with_file(dataset: &Dataset, snapshot: &Snapshot, file: &[u8]) -> Snapshot {
    let mut manifest = snapshot.manifest().clone();
    manifest.files[0].size_bytes = file.len() as u64;
    manifest.files[0].checksum = None;
    let context = Context::default();
    let (path, backend) = (manifest.files[0].path.clone(), dataset.store().backend());
    backend.delete(&context, &path).unwrap();
    let put = backend.put_if_absent(&context, &path, file, crate::store::Durability::Process);
    assert!(matches!(put, crate::store::Put::Done));
    dataset.assemble(manifest, Vec::new())
}

/// A file of one column `at` of the type INT96, which tells moments by days and nanoseconds.
fn moments_of_96_bits(writer: &str, moments: &[(i64, i64)]) -> Vec<u8> {
    use ::parquet::data_type::{Int96, Int96Type};
    use ::parquet::file::{properties::WriterProperties, writer::SerializedFileWriter};
    let schema = ::parquet::schema::parser::parse_message_type("message spark_schema { required int96 at; }");
    let properties = WriterProperties::builder().set_created_by(writer.into()).build();
    let mut file = Vec::new();
    let mut out =
        SerializedFileWriter::new(&mut file, Arc::new(schema.unwrap()), Arc::new(properties)).unwrap();
    let mut group = out.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let value = |(days, nanos): &(i64, i64)| {
        let mut value = Int96::new();
        // Days are counted from a beginning 2,440,588 days before 1970.
        value.set_data(*nanos as u32, (*nanos >> 32) as u32, (*days + 2_440_588) as u32);
        value
    };
    let values: Vec<Int96> = moments.iter().map(value).collect();
    column.typed::<Int96Type>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    out.close().unwrap();
    file
}

#[test]
fn timestamps_of_spark_are_moments_and_those_out_of_range_are_refused() {
    let dataset = open_parquet(&memory(), columns(r#"{"fields":[{"name":"a","type":"int32"}]}"#));
    let snapshot = commit(&dataset, &[r#"{"a":1}"#, r#"{"a":2}"#]);
    let spark = "parquet-mr version 1.15.2 (build 0)";
    let near = [(0, 1_000), (-1, 86_399_000_000_000)];
    let snapshot = with_file(&dataset, &snapshot, &moments_of_96_bits(spark, &near));
    let expected = [r#"{"at":"1970-01-01T00:00:00.000001Z"}"#, r#"{"at":"1969-12-31T23:59:59Z"}"#];
    assert_eq!(read(&dataset, &snapshot).unwrap(), expected);
    let found = batches(&dataset, &snapshot, ArrowReadOptions::default()).unwrap();
    let moments = found[0].column(0).as_primitive::<::arrow_array::types::TimestampNanosecondType>();
    assert_eq!(
        (moments.values()[0], moments.values()[1], moments.timezone()),
        (1000, -1_000_000_000, Some("UTC"))
    );
    // A writer of nanoseconds.
    let snapshot =
        with_file(&dataset, &snapshot, &moments_of_96_bits("parquet-cpp-arrow", &[(0, 1), (1, 0)]));
    let expected = [r#"{"at":"1970-01-01T00:00:00.000000001Z"}"#, r#"{"at":"1970-01-02T00:00:00Z"}"#];
    assert_eq!(read(&dataset, &snapshot).unwrap(), expected);
    // The year 9999, which many programs mean by "never".
    let far = [(0, 0), (2_932_896, 0)];
    let snapshot = with_file(&dataset, &snapshot, &moments_of_96_bits(spark, &far));
    for error in [
        read(&dataset, &snapshot).map(drop).unwrap_err(),
        batches(&dataset, &snapshot, ArrowReadOptions::default()).map(drop).unwrap_err(),
    ] {
        assert_eq!((error.status(), error.record()), (Status::SchemaViolation, Some(1)), "{error}");
        assert!(error.message().contains("\"at\""), "{error}");
    }
}

#[test]
fn a_type_that_is_not_portable_is_read_only_where_the_dataset_allows_it() {
    let store = memory();
    let dates = batch(vec![("day", Arc::new(::arrow_array::Date32Array::from(vec![1, 2])))]);
    let mut file = Vec::new();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(&mut file, dates.schema(), None).unwrap();
    writer.write(&dates).unwrap();
    writer.close().unwrap();
    let dataset = open_parquet(&store, columns(r#"{"fields":[{"name":"a","type":"int32"}]}"#));
    let snapshot = commit(&dataset, &[r#"{"a":1}"#, r#"{"a":2}"#]);
    let snapshot = with_file(&dataset, &snapshot, &file);
    let path = snapshot.manifest().files[0].path.clone();
    for error in [
        read(&dataset, &snapshot).map(drop).unwrap_err(),
        batches(&dataset, &snapshot, ArrowReadOptions::default()).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.status(), Status::ArrowType, "{error}");
        assert!(error.message().contains("\"day\"") && error.path() == Some(&*path), "{error}");
    }
    let any = ColumnOptions { types: crate::columns::SchemaTypes::Arrow, ..ColumnOptions::default() };
    let found = batches(&open_parquet(&store, any), &snapshot, ArrowReadOptions::default()).unwrap();
    assert_eq!(found[0].column(0).data_type(), &DataType::Date32);
}
