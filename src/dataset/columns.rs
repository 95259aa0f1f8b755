//! The options of a dataset that tell of typed columns.

use super::lode_dataset_options;
use crate::call::Call;
#[cfg(feature = "parquet")]
use lode_core::columns::{ColumnOptions, PageCompression, Schema, SchemaTypes};
use lode_core::error::Result;

#[cfg(feature = "parquet")]
impl Call {
    /// The columns of records, and how they are stored.
    ///
    /// # Safety
    /// What `options` points to is as lode.h describes it.
    ///
    /// # Errors
    /// `InvalidArgument`, `SchemaInvalid`, `ArrowType`.
    pub(super) unsafe fn column_options(&self, options: &lode_dataset_options) -> Result<ColumnOptions> {
        use std::sync::Arc;

        use super::{
            LODE_PARQUET_SNAPPY, LODE_PARQUET_UNCOMPRESSED, LODE_PARQUET_ZSTD, LODE_SCHEMA_ARROW,
            LODE_SCHEMA_PORTABLE,
        };

        let types = match options.schema_types {
            LODE_SCHEMA_PORTABLE => SchemaTypes::Portable,
            LODE_SCHEMA_ARROW => SchemaTypes::Arrow,
            other => return Err(self.out_of_range("schema_types", other, "one of LODE_SCHEMA_* (0 or 1)")),
        };
        // SAFETY: as asked of the caller.
        let json = unsafe { self.optional_text(options.schema_json, "options.schema_json")? };
        let schema = match (json, options.arrow_schema.is_null()) {
            (None, true) => None,
            (Some(json), true) => {
                Some(Schema::from_json(json).map_err(|error| error.context("options.schema_json"))?)
            }
            (None, false) => {
                // SAFETY: as asked of the caller.
                let arrow = unsafe { self.arrow_schema(options.arrow_schema, "options.arrow_schema")? };
                Some(
                    Schema::from_arrow(&arrow, types)
                        .map_err(|error| error.context("options.arrow_schema"))?,
                )
            }
            (Some(_), false) => {
                return Err(
                    self.invalid("options.schema_json and options.arrow_schema are both given: give one")
                );
            }
        };
        let page_compression = match options.parquet_compression {
            LODE_PARQUET_SNAPPY => PageCompression::Snappy,
            LODE_PARQUET_UNCOMPRESSED => PageCompression::None,
            LODE_PARQUET_ZSTD => PageCompression::Zstd,
            other => {
                return Err(self.out_of_range(
                    "parquet_compression",
                    other,
                    "one of LODE_PARQUET_* (0 to 2)",
                ));
            }
        };
        let row_group_bytes = match u64::try_from(options.row_group_bytes) {
            Ok(0) => ColumnOptions::default().row_group_bytes,
            Ok(bytes) => bytes,
            Err(_) => {
                let expected = "0 (the default) or 1 MiB to 1 GiB";
                return Err(self.out_of_range("row_group_bytes", options.row_group_bytes, expected));
            }
        };
        Ok(ColumnOptions { schema: schema.map(Arc::new), types, page_compression, row_group_bytes })
    }
}

#[cfg(not(feature = "parquet"))]
impl Call {
    /// This build has no columns.
    ///
    /// # Errors
    /// `Unsupported`, naming the field that asks for them.
    pub(super) fn no_column_options(&self, options: &lode_dataset_options) -> Result<()> {
        let asked = [
            ("schema_json", !options.schema_json.is_null()),
            ("arrow_schema", !options.arrow_schema.is_null()),
            ("row_group_bytes", options.row_group_bytes != 0),
            ("schema_types", options.schema_types != 0),
            ("parquet_compression", options.parquet_compression != 0),
        ];
        match asked.iter().find(|(_, is_asked)| *is_asked) {
            None => Ok(()),
            Some((field, _)) => Err(self.not_in_this_build(field, "typed columns (feature \"parquet\")")),
        }
    }
}
