//! What a file shows of how it was made, and how it is read.

use super::*;
use crate::error::Status;
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};

const TWO: &str = r#"{"fields":[{"name":"text","type":"string"},{"name":"n","type":"int64"}]}"#;

fn two(number: usize) -> String {
    format!(r#"{{"n":{number},"text":"{}"}}"#, "x".repeat(number % 97))
}

fn metadata(bytes: Vec<u8>) -> ::parquet::file::metadata::ParquetMetaData {
    SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("it is Parquet").metadata().clone()
}

#[test]
fn columns_stand_in_the_order_of_their_names_under_a_root_called_record() {
    let dataset = open_parquet(&memory(), columns(ALL_TYPES));
    let snapshot = commit(&dataset, &[r#"{"int64":1,"float64":1,"base64":""}"#]);
    let metadata = metadata(stored(&dataset, &snapshot));
    let schema = metadata.file_metadata().schema();
    let mut text = Vec::new();
    ::parquet::schema::printer::print_schema(&mut text, schema);
    assert_eq!(
        String::from_utf8(text).unwrap().lines().collect::<Vec<_>>(),
        [
            "message record {",
            "  OPTIONAL INT64 at (TIMESTAMP(NANOS,true));",
            "  REQUIRED BYTE_ARRAY base64;",
            "  OPTIONAL BOOLEAN bool;",
            "  OPTIONAL BYTE_ARRAY bytes;",
            "  OPTIONAL FLOAT float32;",
            "  REQUIRED DOUBLE float64;",
            "  OPTIONAL INT32 int32 (INTEGER(32,true));",
            "  REQUIRED INT64 int64 (INTEGER(64,true));",
            "  OPTIONAL BYTE_ARRAY string (STRING);",
            "}"
        ]
    );
    assert_eq!(
        metadata.file_metadata().created_by(),
        Some(&*format!("lode-c {}", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(metadata.file_metadata().key_value_metadata(), None, "no Arrow schema");
    let column = metadata.row_group(0).column(0);
    assert!(column.offset_index_offset().is_none() && column.column_index_offset().is_none());
    assert!(column.statistics().is_some());
}

#[test]
fn appends_batches_and_rejected_records_leave_no_trace_in_the_file() {
    let columns = ColumnOptions { row_group_bytes: 1 << 20, ..columns(TWO) };
    let texts: Vec<String> = (0..30_000).map(two).collect();
    let lines: Vec<&str> = texts.iter().map(|text| &**text).collect();
    let dataset = open_parquet(&memory(), columns.clone());
    let expected = stored(&dataset, &commit(&dataset, &lines));
    assert!(metadata(expected.clone()).num_row_groups() == 1);

    let dataset = open_parquet(&memory(), columns);
    let mut writer = dataset
        .record_writer(WriterOptions { bad_records: BadRecords::Skip, ..WriterOptions::default() })
        .unwrap();
    for (number, piece) in lines.chunks(777).enumerate() {
        let buffer = piece.concat();
        let lengths: Vec<usize> = piece.iter().map(|line| line.len()).collect();
        writer.append_batch(buffer.as_bytes(), &lengths, None).1.unwrap();
        let broken = [r#"{"n":1.5,"text":"xyz"}"#, r#"{"n":7,"text":null}"#, r#"{"n":7,"text":"x"} 1"#, "[]"];
        writer.append(broken[number % 4].as_bytes(), None).unwrap();
    }
    assert_eq!(writer.skipped(), 39);
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    assert!(stored(&dataset, &snapshot) == expected, "the file shows how its records came");
    assert_eq!(read(&dataset, &snapshot).unwrap(), texts);
}

#[test]
fn a_refused_append_leaves_the_writer_usable_and_names_the_record() {
    let dataset = open_parquet(&memory(), columns(TWO));
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(br#"{"n":1,"text":"a"}"#, None).unwrap();
    let error = writer.append(br#"{"n":2.5,"text":"b"}"#, None).unwrap_err();
    assert_eq!(
        (error.status(), error.record(), error.offset()),
        (Status::SchemaViolation, Some(1), Some(5)),
        "{error}"
    );
    let lines = b"{\"n\":2,\"text\":\"b\"}\n{\"n\":\"x\",\"text\":\"c\"}\n";
    let (consumed, outcome) = writer.append_lines(lines);
    assert_eq!((consumed, outcome.unwrap_err().status()), (19, Status::SchemaViolation));
    writer.append(br#"{"n":3,"text":"c"}"#, None).unwrap();
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    let expected = [r#"{"n":1,"text":"a"}"#, r#"{"n":2,"text":"b"}"#, r#"{"n":3,"text":"c"}"#];
    assert_eq!(read(&dataset, &snapshot).unwrap(), expected);
}

#[test]
fn a_row_group_ends_when_its_encoded_columns_are_full() {
    let columns = ColumnOptions {
        row_group_bytes: 1 << 20,
        page_compression: crate::columns::PageCompression::None,
        ..columns(TWO)
    };
    let dataset = open_parquet(&memory(), columns);
    let mut random = 1_u64;
    let texts: Vec<String> = (0..6000)
        .map(|number| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!(r#"{{"n":{number},"text":"{}"}}"#, format!("{random:016x}").repeat(64))
        })
        .collect();
    let snapshot = commit(&dataset, &texts.iter().map(|text| &**text).collect::<Vec<_>>());
    let file = stored(&dataset, &snapshot);
    let groups = metadata(file).row_groups().to_vec();
    assert!(groups.len() >= 3, "{} row groups", groups.len());
    for group in &groups {
        // A batch more, which is a mebibyte.
        assert!(group.compressed_size() <= 2 << 20, "{}", group.compressed_size());
    }
    assert_eq!(read(&dataset, &snapshot).unwrap(), texts);
}

#[test]
fn records_of_ten_mebibytes_and_ten_thousand_columns_are_stored() {
    let dataset = open_parquet(&memory(), columns(TWO));
    let huge = format!(r#"{{"n":1,"text":"{}"}}"#, "é".repeat(5 * 1024 * 1024 - 16));
    let snapshot = commit(&dataset, &[&huge, r#"{"n":2,"text":""}"#, &huge]);
    assert_eq!(read(&dataset, &snapshot).unwrap(), [&*huge, r#"{"n":2,"text":""}"#, &huge]);
    let pages = pages(&stored(&dataset, &snapshot), 1);
    assert!(pages.iter().all(|(bytes, values)| *bytes <= 1 << 20 || *values == 1), "{pages:?}");
    let over = format!(r#"{{"n":1,"text":"{}"}}"#, "x".repeat(10 * 1024 * 1024));
    let mut source = records(&[&over]);
    let error =
        dataset.stream_write_records(&mut source, Metadata::empty(), CommitOptions::default()).map(drop);
    assert_eq!(error.unwrap_err().status(), Status::RecordTooLarge);

    let fields: Vec<String> =
        (0..10_000).map(|n| format!(r#"{{"name":"c{n:05}","type":"int32","nullable":true}}"#)).collect();
    let wide = columns(&format!(r#"{{"fields":[{}]}}"#, fields.join(",")));
    let dataset = open_parquet(&memory(), wide);
    let record: Vec<String> = (0..10_000).map(|n| format!(r#""c{n:05}":{n}"#)).collect();
    let record = format!("{{{}}}", record.join(","));
    let snapshot = commit(&dataset, &[&record, &record]);
    assert_eq!(read(&dataset, &snapshot).unwrap(), [&*record, &record]);
}

#[test]
fn row_groups_of_ten_thousand_columns_are_no_larger_than_asked_for() {
    let fields: Vec<String> =
        (0..10_000).map(|n| format!(r#"{{"name":"c{n:05}","type":"int64"}}"#)).collect();
    let schema = columns(&format!(r#"{{"fields":[{}]}}"#, fields.join(",")));
    let record = |row: usize| {
        let members: Vec<String> =
            (0..10_000).map(|n| format!(r#""c{n:05}":{}"#, row * 10_007 + n)).collect();
        format!("{{{}}}", members.join(","))
    };
    let texts: Vec<String> = (0..40).map(record).collect();
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    let dataset = open_parquet(&memory(), ColumnOptions { row_group_bytes: 1 << 20, ..schema });
    let snapshot = commit(&dataset, &texts);
    let parquet = metadata(stored(&dataset, &snapshot));
    assert!(parquet.num_row_groups() >= 3, "{}", parquet.num_row_groups());
    for group in parquet.row_groups() {
        // As their values are, and the headers of their pages.
        let values = 8 * group.num_columns() as i64 * group.num_rows();
        assert!(values <= (1 << 20) + 80_000, "{} rows", group.num_rows());
        assert!(group.total_byte_size() <= values + 60 * 10_000, "{}", group.total_byte_size());
    }
    assert_eq!(read(&dataset, &snapshot).unwrap(), texts);
}

#[test]
fn a_page_has_a_mebibyte_at_most() {
    let options = ColumnOptions { page_compression: crate::columns::PageCompression::None, ..columns(TWO) };
    let dataset = open_parquet(&memory(), options);
    let texts: Vec<String> = (0..300_000_usize)
        .map(|n| format!(r#"{{"n":{n},"text":"{:032x}"}}"#, n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    let snapshot = commit(&dataset, &texts.iter().map(|text| &**text).collect::<Vec<_>>());
    let file = stored(&dataset, &snapshot);
    for column in 0..2 {
        let pages = pages(&file, column);
        assert!(pages.len() > 2, "{pages:?}");
        assert_eq!(pages.iter().map(|(_, values)| *values).sum::<u32>(), 300_000);
        // The encoder checks the limit after each 1024 values.
        assert!(pages.iter().all(|(bytes, _)| *bytes <= (1 << 20) + 1024 * 36), "{pages:?}");
    }
}

/// The bytes and values of all data pages of a column.
fn pages(file: &[u8], column: usize) -> Vec<(usize, u32)> {
    let file = SerializedFileReader::new(bytes::Bytes::copy_from_slice(file)).expect("it is Parquet");
    let of_group = |group: usize| {
        let group = file.get_row_group(group).unwrap();
        let mut pages = group.get_column_page_reader(column).unwrap();
        let data = std::iter::from_fn(|| pages.get_next_page().unwrap())
            .filter(|page| !matches!(page, ::parquet::column::page::Page::DictionaryPage { .. }));
        data.map(|page| (page.buffer().len(), page.num_values())).collect::<Vec<_>>()
    };
    (0..file.num_row_groups()).flat_map(of_group).collect()
}

#[test]
fn row_groups_of_many_columns_hold_what_they_are_to_hold_however_their_rows_come() {
    // Numbers, texts and nulls in turn.
    let field = |n: usize| match n % 3 {
        0 => format!(r#"{{"name":"c{n:05}","type":"int64"}}"#),
        1 => format!(r#"{{"name":"c{n:05}","type":"string"}}"#),
        _ => format!(r#"{{"name":"c{n:05}","type":"float64","nullable":true}}"#),
    };
    let fields: Vec<String> = (0..1000).map(field).collect();
    let schema = format!(r#"{{"fields":[{}]}}"#, fields.join(","));
    let options = ColumnOptions { row_group_bytes: 1 << 20, ..columns(&schema) };
    let dataset = open_parquet(&memory(), options);
    let value = |row: usize, n: usize| match n % 3 {
        0 => (row * n).to_string(),
        1 => format!("\"{}\"", row + n),
        _ if row.is_multiple_of(5) => "null".to_owned(),
        _ => format!("{}.5", row * n),
    };
    let texts: Vec<String> = (0..700)
        .map(|row| {
            let members: Vec<String> = (0..1000).map(|n| format!(r#""c{n:05}":{}"#, value(row, n))).collect();
            format!("{{{}}}", members.join(","))
        })
        .collect();
    let snapshot = commit(&dataset, &texts.iter().map(|text| &**text).collect::<Vec<_>>());
    assert!(read(&dataset, &snapshot).unwrap() == texts);
    let expected = stored(&dataset, &snapshot);
    let parquet = metadata(expected.clone());
    assert!(parquet.num_row_groups() > 3, "{}", parquet.num_row_groups());
    for group in parquet.row_groups() {
        // As they wait, and a batch more.
        assert!(group.total_byte_size() <= (1 << 20) + (1 << 19), "{}", group.total_byte_size());
        assert!(group.columns().iter().all(|column| column.statistics().is_some()));
    }
    let stats = snapshot.manifest().files[0].stats.clone().unwrap();
    let told = |place: usize| (stats.columns[place].min.clone(), stats.columns[place].max.clone());
    assert_eq!(told(999), (Some("0".into()), Some((699 * 999).to_string())));
    assert_eq!(told(997), (Some("\"1000\"".into()), Some("\"999\"".into())));
    assert_eq!(told(998), (Some("998.5".into()), Some(format!("{}.5", 699 * 998))));
    assert_eq!(stats.columns[998].null_count, 140);
    for batch_rows in [0, 13] {
        let options = ArrowReadOptions { batch_rows, ..ArrowReadOptions::default() };
        let mut reader = dataset.read_arrow(&snapshot, options).unwrap();
        let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
        while let Some(batch) = reader.next().unwrap() {
            writer.append_arrow(&batch).1.unwrap();
        }
        let as_arrow = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
        assert!(stored(&dataset, &as_arrow) == expected, "the file shows that its rows came as Arrow");
    }
}

#[test]
fn records_are_divided_into_files_of_row_groups_and_none_is_lost() {
    let options = DatasetOptions {
        codec: Codec::Parquet,
        target_file_bytes: 4 << 20,
        columns: ColumnOptions {
            row_group_bytes: 1 << 20,
            page_compression: crate::columns::PageCompression::None,
            ..columns(TWO)
        },
        ..options()
    };
    let dataset = Dataset::open(&memory(), "events", options).unwrap();
    let mut random = 1_u64;
    let texts: Vec<String> = (0..12_000)
        .map(|number| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!(r#"{{"n":{number},"text":"{}"}}"#, format!("{random:016x}").repeat(64))
        })
        .collect();
    let snapshot = commit(&dataset, &texts.iter().map(|text| &**text).collect::<Vec<_>>());
    let rows: Vec<u64> =
        snapshot.manifest().files.iter().map(|file| file.stats.as_ref().unwrap().row_count).collect();
    assert!(rows.len() >= 2 && rows.iter().all(|rows| *rows > 1000), "{rows:?}");
    assert_eq!(rows.iter().sum::<u64>(), 12_000);
    assert_eq!(read(&dataset, &snapshot).unwrap(), texts);
}

#[test]
fn huge_texts_make_row_groups_of_few_rows_however_they_come() {
    let columns = ColumnOptions { page_compression: crate::columns::PageCompression::None, ..columns(TWO) };
    let dataset = open_parquet(&memory(), columns);
    let row = |number: usize| match number {
        // Of 9, 2 and 3 MiB, the last with escapes.
        600 | 601 => format!(r#"{{"n":{number},"text":"{}"}}"#, "y".repeat(9 << 20)),
        1000..1030 => format!(r#"{{"n":{number},"text":"{}"}}"#, "z".repeat(2 << 20)),
        1100 => format!(r#"{{"n":{number},"text":"{}"}}"#, "\\n".repeat(3 << 20)),
        _ => format!(r#"{{"n":{number},"text":"a{number}"}}"#),
    };
    let texts: Vec<String> = (0..1200).map(row).collect();
    let snapshot = commit(&dataset, &texts.iter().map(|text| &**text).collect::<Vec<_>>());
    let expected = stored(&dataset, &snapshot);
    let parquet = metadata(expected.clone());
    let groups = parquet.row_groups();
    let rows: Vec<i64> = groups.iter().map(|group| group.num_rows()).collect();
    assert_eq!(rows, [601, 1, 414, 184], "a row group ends with a text of 9 MiB");
    for group in groups {
        assert!(group.compressed_size() <= (32 << 20) + (4 << 20), "{}", group.compressed_size());
        let statistics = group.column(0).statistics().expect("numbers always have them");
        assert!(statistics.min_bytes_opt().is_some(), "{group:?}");
    }
    let told: Vec<(&[u8], &[u8])> = groups
        .iter()
        .map(|group| group.column(1).statistics().expect("texts, too"))
        .map(|of| (of.min_bytes_opt().unwrap(), of.max_bytes_opt().unwrap()))
        .collect();
    let (y, z) = (format!("{}z", "y".repeat(63)), format!("{}{{", "z".repeat(63)));
    assert_eq!(told[0], (&b"a0"[..], y.as_bytes()), "a huge text is told by a bound");
    assert_eq!(told[1], ("y".repeat(64).as_bytes(), y.as_bytes()));
    assert_eq!(told[2], (&b"a602"[..], z.as_bytes()));
    assert_eq!(told[3], ("\n".repeat(64).as_bytes(), z.as_bytes()));
    let stats = snapshot.manifest().files[0].stats.clone().unwrap();
    assert_eq!(stats.columns.iter().map(|column| column.null_count).sum::<u64>(), 0);
    assert_eq!(read(&dataset, &snapshot).unwrap(), texts);
    // Pushed in lines, and as Arrow.
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    let lines = texts.join("\n") + "\n";
    let mut rest = lines.as_bytes();
    while !rest.is_empty() {
        let (consumed, outcome) = writer.append_lines(&rest[..rest.len().min(10_500_000)]);
        outcome.unwrap();
        assert!(consumed > 0);
        rest = &rest[consumed..];
    }
    let pushed = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    assert!(stored(&dataset, &pushed) == expected, "the file shows how its records came");
    let mut reader = dataset.read_arrow(&snapshot, ArrowReadOptions::default()).unwrap();
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    while let Some(batch) = reader.next().unwrap() {
        writer.append_arrow(&batch).1.unwrap();
    }
    let as_arrow = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    assert!(stored(&dataset, &as_arrow) == expected, "the file shows that its rows came as Arrow");
}

fn read_columns(dataset: &Dataset, snapshot: &Snapshot, read: ReadOptions) -> Result<()> {
    let mut reader =
        dataset.read_arrow(snapshot, ArrowReadOptions { read, ..ArrowReadOptions::default() })?;
    while reader.next()?.is_some() {}
    Ok(())
}

#[test]
fn a_damaged_file_is_refused_wherever_the_damage_is() {
    let store = memory();
    let dataset = open_parquet(&store, columns(TWO));
    let texts: Vec<String> = (0..300).map(two).collect();
    let snapshot = commit(&dataset, &texts.iter().map(|text| &**text).collect::<Vec<_>>());
    let path = snapshot.manifest().files[0].path.clone();
    let good = stored(&dataset, &snapshot);
    let context = Context::default();
    let backend = store.backend();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x5a;
        backend.delete(&context, &path).unwrap();
        let put = backend.put_if_absent(&context, &path, &bad, crate::store::Durability::Process);
        assert!(matches!(put, crate::store::Put::Done));
        let error = read(&dataset, &snapshot).map(drop).unwrap_err();
        let fine = matches!(
            error.status(),
            Status::InvalidFormat
                | Status::Corrupt
                | Status::ArrowType
                | Status::Unsupported
                | Status::SchemaViolation
                | Status::RecordTooLarge
        );
        assert!(fine, "byte {at}: {error:?}");
        assert_eq!(error.path(), Some(&*path), "byte {at}: {error:?}");
        let first = ReadOptions { verify: Verify::First, ..ReadOptions::default() };
        let error =
            dataset.read(&snapshot, first).and_then(|mut reader| reader.next().map(|_| ())).unwrap_err();
        assert_eq!(
            error.status(),
            Status::Corrupt,
            "the checksum comes before the footer is trusted: {error}"
        );
        // As columns, which come as they are decoded.
        let error = read_columns(&dataset, &snapshot, ReadOptions::default()).unwrap_err();
        let fine = matches!(
            error.status(),
            Status::InvalidFormat | Status::Corrupt | Status::ArrowType | Status::Unsupported
        );
        assert!(fine && error.path() == Some(&*path), "byte {at}: {error:?}");
        // Sizes only: what is read then may be wrong, but it ends.
        let sizes = ReadOptions { verify: Verify::SizeOnly, ..ReadOptions::default() };
        if let Ok(mut reader) = dataset.read(&snapshot, sizes.clone()) {
            while let Ok(Some(_)) = reader.next() {}
        }
        let _ = read_columns(&dataset, &snapshot, sizes);
    }
}

#[test]
fn a_disk_that_is_full_for_a_while_loses_no_row() {
    use super::super::faults::store_of;
    use crate::store::sim::{Errno, Fault, Op, SimDisk};

    let mut random = 1_u64;
    let texts: Vec<String> = (0..4000)
        .map(|number| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!(r#"{{"n":{number},"text":"{}"}}"#, format!("{random:016x}").repeat(32))
        })
        .collect();
    for (op, number) in [(Op::Write, 0), (Op::Write, 2), (Op::Write, 5), (Op::Link, 0)] {
        let disk = SimDisk::new();
        let process = disk.process();
        let columns = ColumnOptions {
            row_group_bytes: 1 << 20,
            page_compression: crate::columns::PageCompression::None,
            ..columns(TWO)
        };
        let dataset = open_parquet(&store_of(&process), columns);
        let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
        process.fault_on(op, number, Fault::Fail(Errno::NOSPC));
        let mut full = 0;
        for text in &texts {
            while let Err(error) = writer.append(text.as_bytes(), None) {
                assert_eq!(error.status(), Status::NoSpace, "{error}");
                full += 1;
            }
        }
        let commit = loop {
            match writer.commit(Metadata::empty(), CommitOptions::default()) {
                Ok(commit) => break commit,
                Err(error) => assert_eq!(error.status(), Status::NoSpace, "{error}"),
            }
            full += 1;
        };
        assert_eq!(full, 1, "{op:?} {number}");
        assert!(read(&dataset, &commit.snapshot).unwrap() == texts, "{op:?} {number}");
    }
}
