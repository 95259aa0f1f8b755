//! Reading `files`, or a volume's `blocks`, the manifest's longest field: one element at a time.

use std::marker::PhantomData;

use super::*;

/// What a manifest has many of.
pub(super) trait Element: Sized {
    /// The field that holds them.
    const FIELD: &'static str;
    /// The schema of a manifest that has them.
    const SCHEMA_NAME: &'static str;
    /// The Go library writes null for none.
    const NULL_IS_EMPTY: bool;
    /// Many of them, for messages.
    const ITEMS: &'static str;

    /// Reads one.
    fn read(json: &str, reading: &mut Reading<'_>) -> Read<Self>;
}

/// Reads the elements of an array as the text is visited.
pub(super) struct ArrayOf<'r, 'a, T> {
    reading: &'r mut Reading<'a>,
    element: PhantomData<T>,
}

impl<'r, 'a, T> ArrayOf<'r, 'a, T> {
    pub fn new(reading: &'r mut Reading<'a>) -> Self {
        ArrayOf { reading, element: PhantomData }
    }
}

impl Element for FileRef {
    const FIELD: &'static str = FILES;
    const SCHEMA_NAME: &'static str = SCHEMA_NAME;
    const NULL_IS_EMPTY: bool = true;
    const ITEMS: &'static str = "an array of files";

    fn read(json: &str, reading: &mut Reading<'_>) -> Read<FileRef> {
        read_file(json, reading)
    }
}

impl<'de, T: Element> DeserializeSeed<'de> for ArrayOf<'_, '_, T> {
    type Value = Read<Vec<T>>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Of what is no array only the kind is told.
macro_rules! no_array {
    ($($method:ident($($type:ty)?): $found:literal;)*) => {
        $(fn $method<E: serde::de::Error>(self $(, _: $type)?) -> std::result::Result<Self::Value, E> {
            Ok(fault(T::FIELD, concat!("expected an array, found ", $found)))
        })*
    };
}

impl<'de, T: Element> Visitor<'de> for ArrayOf<'_, '_, T> {
    type Value = Read<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::ITEMS)
    }

    /// The Go library writes null for no files.
    fn visit_unit<E>(self) -> std::result::Result<Self::Value, E> {
        match T::NULL_IS_EMPTY {
            true => Ok(Ok(Vec::new())),
            false => Ok(fault(T::FIELD, "expected an array, found null")),
        }
    }

    no_array! {
        visit_bool(bool): "a boolean";
        visit_i64(i64): "a number";
        visit_u64(u64): "a number";
        visit_f64(f64): "a number";
        visit_str(&str): "a string";
    }

    fn visit_map<A: MapAccess<'de>>(self, _map: A) -> std::result::Result<Self::Value, A::Error> {
        self.reading.stop = fault::<(), _>(T::FIELD, "expected an array, found an object").err();
        Err(serde::de::Error::custom("stopped"))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> std::result::Result<Self::Value, A::Error> {
        let (reading, field) = (self.reading, T::FIELD);
        let mut files = Vec::new();
        let mut first = None;
        let mut elements = Elements {
            each: |json: &'de str| {
                let index = files.len();
                let read = || {
                    reading.step()?;
                    reading.make_room(&mut files, first.get_or_insert(json), json)?;
                    T::read(json, reading)
                };
                let mut read = read;
                match read() {
                    Ok(file) => {
                        files.push(file);
                        ControlFlow::Continue(())
                    }
                    Err(stop) => ControlFlow::Break(stop.within(format_args!("{field}[{index}]"))),
                }
            },
            broke: None,
        };
        let visited = (&mut elements).visit_seq(seq);
        if let Some(stop) = elements.broke {
            reading.stop = Some(stop);
        }
        visited.map(|()| Ok(files))
    }
}

fn read_file(json: &str, reading: &mut Reading<'_>) -> Read<FileRef> {
    let known = object(json, &["path", "size_bytes", "checksum", "stats"])?;
    let path = known.required_text("path")?;
    if path.len() > PATH_MAX {
        return fault("path", format_args!("it has {} bytes, at most {PATH_MAX} are possible", path.len()));
    }
    if let Err(error) = key::check(&path) {
        return Err(FieldError::caused("path", error.message().to_owned(), error).into());
    }
    if !path.starts_with(&reading.prefix) {
        let (path, prefix) = (shown(&path), &reading.prefix);
        let what = format_args!("{path} is not a file of this dataset, whose files lie below {prefix:?}");
        return fault("path", what);
    }
    Ok(FileRef {
        path: reading.owned(path)?,
        size_bytes: known.count("size_bytes")?,
        checksum: match known.optional_text("checksum")? {
            Some(checksum) => Some(reading.owned(checksum)?),
            None => None,
        },
        stats: match known.get("stats") {
            Some(json) => Some(read_stats(json, reading).map_err(|stop| stop.within(format_args!("stats")))?),
            None => None,
        },
    })
}

fn read_stats(json: &str, reading: &mut Reading<'_>) -> Read<FileStats> {
    const COLUMNS: &str = "columns";
    let known = object(json, &["row_count", COLUMNS])?;
    let row_count = known.count("row_count")?;
    let mut columns = Vec::new();
    let Some(json) = known.get(COLUMNS) else { return Ok(FileStats { row_count, columns }) };
    if !json.starts_with('[') {
        return fault(COLUMNS, format_args!("expected an array, found {}", json::kind(json)));
    }
    let mut first = None;
    let broke = json::elements(json, |json| {
        let index = columns.len();
        let mut read = || {
            reading.step()?;
            reading.make_room(&mut columns, first.get_or_insert(json), json)?;
            read_column(json, reading)
        };
        match read() {
            Ok(column) => {
                columns.push(column);
                ControlFlow::Continue(())
            }
            Err(stop) => ControlFlow::Break(stop.within(format_args!("{COLUMNS}[{index}]"))),
        }
    });
    match broke {
        Ok(None) => Ok(FileStats { row_count, columns }),
        Ok(Some(stop)) => Err(stop),
        Err(error) => Err(FieldError::caused(COLUMNS, error.to_string(), error).into()),
    }
}

fn read_column(json: &str, reading: &mut Reading<'_>) -> Read<ColumnStats> {
    let known = object(json, &["name", "min", "max", "null_count", "distinct_count"])?;
    let mut value = |name: &str| match known.get(name) {
        Some(json) => reading.owned(Cow::Owned(json::compact(json))).map(Some),
        None => Ok(None),
    };
    let (min, max) = (value("min")?, value("max")?);
    Ok(ColumnStats {
        name: reading.owned(known.optional_text("name")?.unwrap_or_default())?,
        min,
        max,
        null_count: known.count("null_count")?,
        distinct_count: known.count("distinct_count")?,
    })
}
