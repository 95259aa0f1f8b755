//! Columns of Arrow types beyond the portable ones: in and out as Arrow, lists and structs as records, too.

use ::arrow_array::builder::{
    FixedSizeListBuilder, Int32Builder, LargeListBuilder, ListBuilder, MapBuilder, StringBuilder,
};
use ::arrow_array::cast::AsArray;
use ::arrow_array::types::{Int8Type, UInt8Type};
use ::arrow_array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Date64Array, Decimal32Array, Decimal64Array,
    Decimal128Array, Decimal256Array, DictionaryArray, DurationMicrosecondArray, FixedSizeBinaryArray,
    Float16Array, Float64Array, Int8Array, Int32Array, Int64Array, IntervalDayTimeArray,
    IntervalMonthDayNanoArray, IntervalYearMonthArray, LargeBinaryArray, LargeStringArray, ListArray,
    NullArray, RecordBatch, StringArray, StringViewArray, StructArray, Time32MillisecondArray,
    Time32SecondArray, Time64NanosecondArray, TimestampMicrosecondArray, TimestampSecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use ::arrow_buffer::{IntervalDayTime, IntervalMonthDayNano, NullBuffer, OffsetBuffer, i256};
use ::arrow_schema::{DataType, Field, Fields, Schema as ArrowSchema};
use ::arrow_select::concat::concat_batches;

use super::arrow::{batches, held, write};
use super::*;
use crate::columns::{Comparison, Literal, Operator, SchemaTypes};
use crate::error::Status;

/// How many rows each array has.
const ROWS: usize = 5;

fn arrow_options(schema: Option<&ArrowSchema>) -> ColumnOptions {
    let schema = schema.map(|schema| Arc::new(Schema::from_arrow(schema, SchemaTypes::Arrow).unwrap()));
    ColumnOptions { schema, types: SchemaTypes::Arrow, ..ColumnOptions::default() }
}

fn lists() -> ArrayRef {
    let mut lists = ListBuilder::new(Int32Builder::new());
    lists.append_value([Some(1), None, Some(3)]);
    lists.append_null();
    lists.append_value([]);
    lists.append_value([Some(-1)]);
    lists.append_value([None]);
    Arc::new(lists.finish())
}

fn structs() -> ArrayRef {
    let fields = Fields::from(vec![
        Field::new("n", DataType::Int64, false),
        Field::new("list", lists().data_type().clone(), true),
    ]);
    let numbers = Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5]));
    let nulls = NullBuffer::from(vec![true, true, false, true, true]);
    Arc::new(StructArray::try_new(fields, vec![numbers, lists()], Some(nulls)).unwrap())
}

/// An array of every type that is stored, under a name that sorts in another order than it stands here.
fn every_type() -> Vec<(String, ArrayRef)> {
    let mut large = LargeListBuilder::new(StringBuilder::new());
    let mut fixed = FixedSizeListBuilder::new(Int32Builder::new(), 2);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in 0..ROWS {
        large.values().append_value("x".repeat(row));
        large.append(row != 1);
        (0..2).for_each(|_| fixed.values().append_option((row != 2).then_some(row as i32)));
        fixed.append(row != 3);
        map.keys().append_value("key");
        map.values().append_option((row != 2).then_some(row as i32));
        map.append(row != 4).unwrap();
    }
    let some = |row: usize| row != 1;
    let of = |value: i64| (0..ROWS).map(move |row| some(row).then_some(value * row as i64));
    let texts: Vec<Option<&str>> =
        vec![Some("a"), None, Some("né"), Some(""), Some("a text of more than twelve")];
    let bytes: Vec<Option<&[u8]>> =
        vec![Some(b"\xff"), None, Some(b""), Some(b"ab"), Some(b"0123456789abcdef")];
    let keyed: DictionaryArray<UInt8Type> = texts.iter().copied().collect();
    let times = TimestampMicrosecondArray::from_iter(of(1_000_000_007)).with_timezone("Europe/Berlin");
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int8Array::from_iter(of(7).map(|value| value.map(|value| value as i8)))),
        Arc::new(UInt8Array::from_iter(of(60).map(|value| value.map(|value| value as u8)))),
        Arc::new(UInt16Array::from_iter(of(16_000).map(|value| value.map(|value| value as u16)))),
        Arc::new(UInt32Array::from_iter(of(1 << 30).map(|value| value.map(|value| value as u32)))),
        Arc::new(UInt64Array::from_iter(of(i64::MAX / 4).map(|value| value.map(|value| value as u64)))),
        Arc::new(Int64Array::from_iter(of(-5))),
        Arc::new(Float16Array::from_iter((0..ROWS).map(|row| some(row).then(|| half(row as f32))))),
        Arc::new(Float64Array::from_iter(of(3).map(|value| value.map(|value| value as f64 / 7.0)))),
        Arc::new(BooleanArray::from_iter(of(1).map(|value| value.map(|value| value % 2 == 0)))),
        Arc::new(TimestampSecondArray::from_iter(of(1 << 40))),
        Arc::new(times),
        Arc::new(Date32Array::from_iter(of(-10_000).map(|value| value.map(|value| value as i32)))),
        Arc::new(Date64Array::from_iter(of(86_400_000))),
        Arc::new(Time32SecondArray::from_iter(of(100).map(|value| value.map(|value| value as i32)))),
        Arc::new(Time32MillisecondArray::from_iter(of(100).map(|value| value.map(|value| value as i32)))),
        Arc::new(Time64NanosecondArray::from_iter(of(100))),
        Arc::new(DurationMicrosecondArray::from_iter(of(-100))),
        Arc::new(IntervalYearMonthArray::from_iter(of(5).map(|value| value.map(|value| value as i32)))),
        Arc::new(IntervalDayTimeArray::from_iter(
            of(5).map(|value| value.map(|value| IntervalDayTime::new(value as i32, 7))),
        )),
        Arc::new(
            Decimal32Array::from_iter(of(-5).map(|value| value.map(|value| value as i32)))
                .with_precision_and_scale(7, 2)
                .unwrap(),
        ),
        Arc::new(Decimal64Array::from_iter(of(-5)).with_precision_and_scale(16, 0).unwrap()),
        Arc::new(
            Decimal128Array::from_iter(
                of(i64::MAX / 4).map(|value| value.map(|value| i128::from(value) * 1000)),
            )
            .with_precision_and_scale(38, 10)
            .unwrap(),
        ),
        Arc::new(
            Decimal256Array::from_iter(of(-9).map(|value| value.map(|value| i256::from_i128(value.into()))))
                .with_precision_and_scale(50, 3)
                .unwrap(),
        ),
        Arc::new(StringArray::from(texts.clone())),
        Arc::new(LargeStringArray::from(texts.clone())),
        Arc::new(StringViewArray::from(texts)),
        Arc::new(LargeBinaryArray::from(bytes.clone())),
        Arc::new(BinaryViewArray::from(bytes)),
        Arc::new(
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                (0..ROWS).map(|row| some(row).then_some([row as u8; 3])),
                3,
            )
            .unwrap(),
        ),
        Arc::new(NullArray::new(ROWS)),
        Arc::new(keyed),
        lists(),
        Arc::new(large.finish()),
        Arc::new(fixed.finish()),
        structs(),
        Arc::new(map.finish()),
    ];
    let count = arrays.len();
    arrays
        .into_iter()
        .enumerate()
        .map(|(number, array)| (format!("c{}", count - number + 100), array))
        .collect()
}

fn half(value: f32) -> <::arrow_array::types::Float16Type as ::arrow_array::ArrowPrimitiveType>::Native {
    <::arrow_array::types::Float16Type as ::arrow_array::ArrowPrimitiveType>::Native::from_f32(value)
}

fn batch_of(columns: &[(String, ArrayRef)]) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(name, array.data_type().clone(), true)).collect();
    let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

/// The array; of a dictionary, its values.
fn plain(array: &ArrayRef) -> ArrayRef {
    match array.as_any_dictionary_opt() {
        Some(array) => ::arrow_select::take::take(array.values(), array.keys(), None).unwrap(),
        None => array.clone(),
    }
}

/// What is read of a snapshot, as one batch.
fn all_of(dataset: &Dataset, snapshot: &Snapshot) -> RecordBatch {
    let found = batches(dataset, snapshot, ArrowReadOptions::default()).unwrap();
    concat_batches(&found[0].schema(), &found).unwrap()
}

#[test]
fn every_type_that_parquet_stores_is_given_back_as_it_came() {
    let columns = every_type();
    let rows = batch_of(&columns);
    let store = memory();
    let declared = arrow_options(Some(&rows.schema()));
    for options in [declared, arrow_options(None)] {
        let dataset = open_parquet(&store, options);
        // Slices of many lengths, some of them empty, which together are more than one batch.
        let mut source = Vec::new();
        for round in 0..8_000 {
            let from = round % (ROWS + 1);
            source.push(rows.slice(from, (round / 7) % (ROWS + 1 - from)));
        }
        let expected = concat_batches(&rows.schema(), &source).unwrap();
        let snapshot = write(&dataset, &mut held(source)).unwrap();
        let found = all_of(&dataset, &snapshot);
        assert_eq!(found.num_rows(), expected.num_rows());
        assert!(found.num_rows() > 8_192, "{}", found.num_rows());
        let mut names: Vec<&str> = columns.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        let schema = found.schema();
        let file_order: Vec<&str> = schema.fields().iter().map(|field| &**field.name()).collect();
        assert_eq!(file_order, names, "bytewise");
        for name in names {
            let (found, expected) =
                (found.column_by_name(name).unwrap(), expected.column_by_name(name).unwrap());
            if let DataType::Dictionary(_, values) = expected.data_type() {
                let keys = DataType::Dictionary(Box::new(DataType::Int32), values.clone());
                assert_eq!(*found.data_type(), keys, "its keys hold those of any batch");
            }
            assert_eq!(&plain(found), &plain(expected), "{name}");
        }
        let manifest = snapshot.manifest();
        assert_eq!(manifest.metadata.value("lode.schema"), Some("\"arrow\""));
        let stats = manifest.files[0].stats.as_ref().unwrap();
        let of = |name: &str| stats.columns.iter().find(|column| column.name == name).unwrap();
        for (name, array) in &columns {
            let expected = expected.column_by_name(name).unwrap();
            assert_eq!(
                of(name).null_count,
                expected.logical_null_count() as u64,
                "{name} {}",
                array.data_type()
            );
        }
        let number = columns.iter().find(|(_, array)| *array.data_type() == DataType::Int64).unwrap();
        assert_eq!(of(&number.0).min.as_deref(), Some("-20"));
    }
}

#[test]
fn how_arrays_come_leaves_no_trace_in_the_file() {
    let rows = batch_of(&every_type());
    let whole = concat_batches(&rows.schema(), &vec![rows.clone(); 4_000]).unwrap();
    let store = memory();
    let dataset = open_parquet(&store, arrow_options(Some(&rows.schema())));
    let file_of = |source: Vec<RecordBatch>| {
        let snapshot = write(&dataset, &mut held(source)).unwrap();
        stored(&dataset, &snapshot)
    };
    let expected = file_of(vec![whole.clone()]);
    assert!(file_of(vec![rows; 4_000]) == expected);
    let cut = [0, 1, 8_191, 8_193, 17_000, 20_000];
    let parts = cut.windows(2).map(|at| whole.slice(at[0], at[1] - at[0])).collect();
    assert!(file_of(parts) == expected);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    for at in cut.windows(2) {
        let (taken, outcome) = writer.append_arrow(&whole.slice(at[0], at[1] - at[0]));
        outcome.unwrap();
        assert_eq!(taken, at[1] - at[0]);
    }
    let commit = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
    assert!(stored(&dataset, &commit.snapshot) == expected);
}

#[test]
fn a_type_that_parquet_does_not_store_is_refused_before_anything_is_pulled() {
    let interval: ArrayRef =
        Arc::new(IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(1, 2, 3)]));
    let nested: ArrayRef = Arc::new(
        StructArray::try_new(
            Fields::from(vec![Field::new("i", interval.data_type().clone(), true)]),
            vec![interval.clone()],
            None,
        )
        .unwrap(),
    );
    let dataset = open_parquet(&memory(), arrow_options(None));
    for array in [interval, nested] {
        let rows = batch_of(&[("odd".to_owned(), array)]);
        let mut source = held(vec![rows]);
        let error = write(&dataset, &mut source).map(drop).unwrap_err();
        assert_eq!((error.status(), source.pulled()), (Status::ArrowType, 0), "{error}");
        assert!(
            error.message().contains("\"odd\"") && error.message().contains("Parquet does not store"),
            "{error}"
        );
    }
    let deep =
        (0..16).fold(DataType::Int32, |item, _| DataType::List(Arc::new(Field::new("item", item, true))));
    let schema = ArrowSchema::new(vec![Field::new("deep", deep, true)]);
    let error = Schema::from_arrow(&schema, SchemaTypes::Arrow).unwrap_err();
    assert_eq!(error.status(), Status::SchemaInvalid);
    assert!(error.message().contains("\"deep\" is nested 33 levels deep, 30 at most"), "{error}");
    let wide: Fields = (0..10_001).map(|n| Field::new(format!("f{n}"), DataType::Int8, true)).collect();
    let schema = ArrowSchema::new(vec![Field::new("wide", DataType::Struct(wide), true)]);
    let error = Schema::from_arrow(&schema, SchemaTypes::Arrow).unwrap_err();
    assert_eq!(error.status(), Status::SchemaInvalid);
    assert!(error.message().contains("10001 columns"), "{error}");
}

#[test]
fn a_portable_dataset_refuses_other_types_and_says_how_to_store_them() {
    let dataset = open_parquet(&memory(), ColumnOptions::default());
    let rows = batch_of(&[("list".to_owned(), lists())]);
    let error = write(&dataset, &mut held(vec![rows])).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::ArrowType, "{error}");
    for part in ["\"list\"", "\"+l\"", "open the dataset with the Arrow schema types"] {
        assert!(error.message().contains(part), "{error}");
    }
}

/// A list whose items are called otherwise, and of which none is null.
fn other_lists(items: Vec<Option<i32>>) -> ArrayRef {
    let field = Arc::new(Field::new("element", DataType::Int32, items.iter().any(Option::is_none)));
    let offsets = OffsetBuffer::new(vec![0, items.len() as i32].into());
    Arc::new(ListArray::try_new(field, offsets, Arc::new(Int32Array::from(items)), None).unwrap())
}

#[test]
fn arrays_whose_parts_are_called_otherwise_are_taken_and_nulls_within_are_not() {
    let item = Arc::new(Field::new("item", DataType::Int32, false));
    let schema = ArrowSchema::new(vec![
        Field::new("list", DataType::List(item), true),
        Field::new("text", DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)), true),
    ]);
    let dataset = open_parquet(&memory(), arrow_options(Some(&schema)));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["plain"]));
    let keyed: DictionaryArray<Int8Type> = ["keyed"].into_iter().collect();
    let rows =
        |list: ArrayRef, text: ArrayRef| batch_of(&[("list".to_owned(), list), ("text".to_owned(), text)]);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append_arrow(&rows(other_lists(vec![Some(1), Some(2)]), texts.clone())).1.unwrap();
    let (taken, refused) = writer.append_arrow(&rows(other_lists(vec![Some(3), None]), texts.clone()));
    let error = refused.unwrap_err();
    assert_eq!((taken, error.status()), (0, Status::SchemaViolation), "{error}");
    assert!(
        error.message().contains("\"list\"") && error.message().contains("null that is not nullable"),
        "{error}"
    );
    let (_, refused) = writer.append_arrow(&rows(Arc::new(Int32Array::from(vec![1])), texts));
    let error = refused.unwrap_err();
    assert_eq!(error.status(), Status::ArrowType, "{error}");
    assert!(error.message().contains("Int32, which a column of type List("), "{error}");
    writer.append_arrow(&rows(other_lists(vec![Some(4)]), Arc::new(keyed))).1.unwrap();
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    let expected = [r#"{"list":[1,2],"text":"plain"}"#, r#"{"list":[4],"text":"keyed"}"#];
    assert_eq!(read(&dataset, &snapshot).unwrap(), expected);
    let found = all_of(&dataset, &snapshot);
    let lists = found.column_by_name("list").unwrap().as_list::<i32>();
    assert_eq!(lists.values().as_primitive::<::arrow_array::types::Int32Type>().values(), &[1, 2, 4]);
}

/// Lists and structs of every portable type.
fn nested_schema() -> ArrowSchema {
    let time = DataType::Timestamp(::arrow_schema::TimeUnit::Nanosecond, Some("UTC".into()));
    let scalars = Fields::from(vec![
        Field::new("i", DataType::Int32, true),
        Field::new("l", DataType::Int64, false),
        Field::new("f", DataType::Float32, true),
        Field::new("d", DataType::Float64, true),
        Field::new("s", DataType::Utf8, true),
        Field::new("b", DataType::Boolean, true),
        Field::new("z", DataType::Binary, true),
        Field::new("t", time, true),
    ]);
    let list = |item: DataType, nullable| DataType::List(Arc::new(Field::new("item", item, nullable)));
    ArrowSchema::new(vec![
        Field::new("all", DataType::Struct(scalars.clone()), true),
        Field::new("id", DataType::Int64, false),
        Field::new("many", list(DataType::Struct(scalars), true), true),
        Field::new("rows", list(list(DataType::Int32, false), true), true),
        Field::new("tags", list(DataType::Utf8, true), false),
    ])
}

const NESTED: [&str; 3] = [
    r#"{"all":{"i":-1,"l":9007199254740993,"f":0.5,"d":1e-7,"s":"né \" 😀","b":true,"z":"zz","t":"2024-02-29T12:00:00.5Z"},"id":1,"many":[{"i":null,"l":7,"f":null,"d":null,"s":"","b":false,"z":"","t":null},null],"rows":[[1,2],[],null,[3]],"tags":["a",null,""]}"#,
    r#"{"all":null,"id":2,"many":[],"rows":null,"tags":[]}"#,
    r#"{"all":{"i":null,"l":0,"f":null,"d":null,"s":null,"b":null,"z":null,"t":null},"id":3,"many":null,"rows":[],"tags":["]}"]}"#,
];

#[test]
fn lists_and_structs_of_the_portable_types_come_and_go_as_records() {
    let store = memory();
    let dataset = open_parquet(&store, arrow_options(Some(&nested_schema())));
    let spaced = NESTED[0].replace(',', " ,\n").replace(':', " : ").replace("12 : 00 : 00", "12:00:00");
    let snapshot = commit(&dataset, &[&NESTED[..], &[&spaced]].concat());
    let expected = [&NESTED[..], &[NESTED[0]]].concat();
    assert_eq!(read(&dataset, &snapshot).unwrap(), expected);
    // What was read as Arrow is written as Arrow, beside records, and read the same again.
    let rows = all_of(&dataset, &snapshot);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    for round in 0..3 {
        writer.append(NESTED[1].as_bytes(), None).unwrap();
        writer.append_arrow(&rows.slice(round, 1)).1.unwrap();
        writer.append(NESTED[2].as_bytes(), None).unwrap();
    }
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    let expected: Vec<&str> = (0..3).flat_map(|round| [NESTED[1], NESTED[round], NESTED[2]]).collect();
    assert_eq!(read(&dataset, &snapshot).unwrap(), expected);
    // JSON lines with the same schema take and give the same.
    let lines = DatasetOptions { columns: arrow_options(Some(&nested_schema())), ..options() };
    let lines = Dataset::open(&store, "lines", lines).unwrap();
    let snapshot = write(&lines, &mut held(vec![rows.clone()])).unwrap();
    assert_eq!(read(&lines, &snapshot).unwrap()[..3], NESTED);
    assert_eq!(all_of(&lines, &snapshot).columns(), rows.columns());
}

#[test]
fn members_that_are_unknown_twice_or_escaped_are_taken_as_at_the_top() {
    let schema = ArrowSchema::new(vec![Field::new(
        "a",
        DataType::Struct(Fields::from(vec![Field::new("x", DataType::Int32, true)])),
        true,
    )]);
    let dataset = open_parquet(&memory(), arrow_options(Some(&schema)));
    let snapshot = commit(
        &dataset,
        &[
            r#"{"a":{"x":1,"y":[1,{"x":9}],"x":2}}"#,
            r#"{"a":{"\u0078":3}}"#,
            r#"{"a":{}}"#,
            r#"{"a":{"x":1.0}}"#,
            "{}",
        ],
    );
    let expected =
        [r#"{"a":{"x":2}}"#, r#"{"a":{"x":3}}"#, r#"{"a":{"x":null}}"#, r#"{"a":{"x":1}}"#, r#"{"a":null}"#];
    assert_eq!(read(&dataset, &snapshot).unwrap(), expected);
}

#[test]
fn a_record_that_does_not_fit_within_leaves_no_trace() {
    let dataset = open_parquet(&memory(), arrow_options(Some(&nested_schema())));
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(NESTED[0].as_bytes(), None).unwrap();
    for (record, words) in [
        (r#"{"id":1,"tags":"a"}"#, "the field \"tags\" (List("),
        (r#"{"id":1,"tags":{}}"#, "expected an array"),
        (r#"{"id":1,"tags":["a",1]}"#, "expected a string"),
        (r#"{"id":1,"tags":["a",["b"]]}"#, "expected a string"),
        (r#"{"id":1,"tags":[],"rows":[[1],[1.5]]}"#, "has a fraction"),
        (
            r#"{"id":1,"tags":[],"rows":[[1,2],[3,null]]}"#,
            "within which a value is null or missing that is not",
        ),
        (r#"{"id":1,"tags":[],"all":{}}"#, "a value is null or missing that is not nullable"),
        (r#"{"id":1,"tags":[],"all":[]}"#, "expected an object"),
        (r#"{"id":1,"tags":[],"all":{"l":1,"i":2147483648}}"#, "beyond the range of int32"),
        (r#"{"id":1,"tags":[],"all":{"l":1,"f":1e39}}"#, "beyond the range of float32"),
        (r#"{"id":1,"tags":[],"all":{"l":1,"t":"yesterday"}}"#, "RFC 3339"),
        (r#"{"id":1,"tags":[],"all":{"l":1,"b":1}}"#, "expected true or false"),
        (r#"{"id":1,"tags":null}"#, "and is not nullable"),
        (r#"{"id":1}"#, "the field \"tags\""),
        (r#"{"id":"1","tags":[]}"#, "expected a whole number"),
    ] {
        let error = writer.append(record.as_bytes(), None).unwrap_err();
        assert_eq!(error.status(), Status::SchemaViolation, "{record}: {error}");
        let words = words.replace("within which a", "in which a");
        assert!(error.message().contains(&words), "{record}: {error}");
    }
    for broken in [r#"{"id":1,"tags":["a",]}"#, r#"{"id":1,"tags":[01]}"#] {
        assert_eq!(writer.append(broken.as_bytes(), None).unwrap_err().status(), Status::InvalidRecord);
    }
    writer.append(NESTED[1].as_bytes(), None).unwrap();
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    assert_eq!(read(&dataset, &snapshot).unwrap(), NESTED[..2]);
}

#[test]
fn records_have_no_values_of_other_types_and_are_told_so() {
    let schema = ArrowSchema::new(vec![
        Field::new("day", DataType::Date32, true),
        Field::new("id", DataType::Int64, false),
    ]);
    let store = memory();
    let dataset = open_parquet(&store, arrow_options(Some(&schema)));
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    let error = writer.append(br#"{"id":1}"#, None).unwrap_err();
    assert_eq!(error.status(), Status::ArrowType, "{error}");
    for part in ["\"day\"", "\"tdD\"", "write and read such columns as Arrow"] {
        assert!(error.message().contains(part), "{error}");
    }
    let days = batch_of(&[
        ("day".to_owned(), Arc::new(Date32Array::from(vec![1])) as ArrayRef),
        ("id".to_owned(), Arc::new(Int64Array::from(vec![1]))),
    ]);
    let snapshot = write(&dataset, &mut held(vec![days.clone()])).unwrap();
    let error = read(&dataset, &snapshot).unwrap_err();
    assert_eq!(error.status(), Status::ArrowType, "{error}");
    assert!(error.message().contains("write and read such columns as Arrow"), "{error}");
    let lines = DatasetOptions { columns: arrow_options(Some(&schema)), ..options() };
    let error =
        write(&Dataset::open(&store, "lines", lines).unwrap(), &mut held(vec![days])).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::ArrowType, "{error}");
}

#[test]
fn narrow_numbers_and_large_texts_are_read_as_records_where_any_type_is() {
    let dataset = open_parquet(&memory(), arrow_options(None));
    let rows = batch_of(&[
        ("a".to_owned(), Arc::new(Int8Array::from(vec![Some(-7), None])) as ArrayRef),
        ("b".to_owned(), Arc::new(LargeStringArray::from(vec!["x", "y"]))),
        ("c".to_owned(), lists().slice(0, 2)),
    ]);
    let snapshot = write(&dataset, &mut held(vec![rows])).unwrap();
    let expected = [r#"{"a":-7,"b":"x","c":[1,null,3]}"#, r#"{"a":null,"b":"y","c":null}"#];
    assert_eq!(read(&dataset, &snapshot).unwrap(), expected);
}

#[test]
fn huge_values_within_lists_end_batches_as_huge_texts_do() {
    let text = "x".repeat(3 << 20);
    let mut lists = ListBuilder::new(StringBuilder::new());
    for _ in 0..8 {
        lists.append_value([Some(&text), None]);
    }
    let rows = batch_of(&[("list".to_owned(), Arc::new(lists.finish()) as ArrayRef)]);
    let options = ColumnOptions { row_group_bytes: 8 << 20, ..arrow_options(Some(&rows.schema())) };
    let dataset = open_parquet(&memory(), options);
    let snapshot = write(&dataset, &mut held(vec![rows.clone()])).unwrap();
    assert_eq!(all_of(&dataset, &snapshot).columns(), rows.columns());
}

#[test]
fn row_groups_are_left_out_by_the_column_that_is_compared_whatever_stands_before_it() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![100, 200, 300, 400, 500]));
    let rows = batch_of(&[("a".to_owned(), structs()), ("n".to_owned(), numbers)]);
    let dataset = open_parquet(&memory(), arrow_options(Some(&rows.schema())));
    let snapshot = write(&dataset, &mut held(vec![rows])).unwrap();
    let found = |operator, value| {
        let comparison = Comparison { column: "n".into(), operator, value: Literal::Whole(value) };
        let options = ArrowReadOptions { comparisons: vec![comparison], ..ArrowReadOptions::default() };
        let found = batches(&dataset, &snapshot, options).unwrap();
        found.iter().map(RecordBatch::num_rows).sum::<usize>()
    };
    assert_eq!(found(Operator::Greater, 450), ROWS);
    assert_eq!(found(Operator::Less, 50), 0, "no row can be less");
}

#[test]
fn rows_of_any_type_go_into_partitions() {
    let rows = batch_of(&every_type());
    let rows = concat_batches(&rows.schema(), &[rows.clone(), rows]).unwrap();
    let keys: Vec<&str> = (0..rows.num_rows()).map(|row| if row % 3 == 1 { "b" } else { "a" }).collect();
    let of = |key: &str| {
        let places = (0..keys.len()).filter(|row| keys[*row] == key).map(|row| row as u64);
        ::arrow_select::take::take_record_batch(&rows, &UInt64Array::from_iter_values(places)).unwrap()
    };
    let expected = concat_batches(&rows.schema(), &[of("a"), of("b")]).unwrap();
    let mut columns: Vec<(String, ArrayRef)> = rows
        .schema()
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(f, array)| (f.name().clone(), array.clone()))
        .collect();
    columns.push(("p".to_owned(), Arc::new(StringArray::from(keys.clone()))));
    let options = DatasetOptions {
        codec: Codec::Parquet,
        layout: Layout::Hive,
        partition_keys: vec!["p".to_owned()],
        partition_streaming: true,
        columns: arrow_options(Some(&rows.schema())),
        ..options()
    };
    let dataset = Dataset::open(&memory(), "events", options).unwrap();
    let snapshot = write(&dataset, &mut held(vec![batch_of(&columns)])).unwrap();
    assert_eq!(snapshot.manifest().files.len(), 2);
    let found = all_of(&dataset, &snapshot);
    for (name, _) in &columns[..columns.len() - 1] {
        let (found, expected) = (found.column_by_name(name).unwrap(), expected.column_by_name(name).unwrap());
        assert_eq!(&plain(found), &plain(expected), "{name}");
    }
}
