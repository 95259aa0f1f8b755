//! Rows of Arrow batches on their way into the files of partitions: each batch is split into the rows of
//! each.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use arrow_array::{RecordBatch, UInt64Array};
use arrow_select::take::take_record_batch;

use crate::columns::{Assignment, Field, Schema, Source};
use crate::error::{Error, Result, Status};

/// Rows that were taken, partition by partition.
#[derive(Default)]
pub(super) struct WaitingRows {
    parts: VecDeque<Rows>,
}

/// Rows of one partition.
struct Rows {
    partition: usize,
    batch: RecordBatch,
    /// How many of them are in.
    done: usize,
}

impl WaitingRows {
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Splits a batch: row for row, `partitions` tells where it belongs. Rows of one partition keep their
    /// order.
    ///
    /// # Errors
    /// `Internal`; nothing was added.
    pub fn add(&mut self, batch: &RecordBatch, partitions: &[usize]) -> Result<()> {
        let mut places: HashMap<usize, usize> = HashMap::new();
        let mut split: Vec<(usize, Vec<u64>)> = Vec::new();
        for (row, partition) in partitions.iter().enumerate() {
            let place = *places.entry(*partition).or_insert_with(|| {
                split.push((*partition, Vec::new()));
                split.len() - 1
            });
            split[place].1.push(row as u64);
        }
        let parts = split.into_iter().map(|(partition, rows)| {
            let (first, count) = (rows[0] as usize, rows.len());
            let is_run = rows[count - 1] as usize - first + 1 == count;
            let batch = match is_run {
                true => batch.slice(first, count),
                false => take_record_batch(batch, &UInt64Array::from(rows)).map_err(|error| {
                    Error::new(Status::Internal, format_args!("a batch cannot be split: {error}"))
                })?,
            };
            Ok(Rows { partition, batch, done: 0 })
        });
        self.parts.extend(parts.collect::<Result<Vec<_>>>()?);
        Ok(())
    }

    /// Gives all rows to `extend`, which takes some of a partition's and says how many.
    ///
    /// # Errors
    /// Those of `extend`: what it has not taken stays.
    pub fn put(
        &mut self,
        schema: Option<&Schema>,
        mut extend: impl FnMut(usize, &[Source<'_>], Range<usize>) -> Result<usize>,
    ) -> Result<()> {
        let order = schema.map_or_else(Vec::new, Schema::file_order);
        let fields: Vec<&Field> = order.iter().filter_map(|number| schema?.fields().get(*number)).collect();
        let assignment = Assignment::identity(fields.len());
        while let Some(Rows { partition, batch, done }) = self.parts.front_mut() {
            let sources = assignment
                .sources(fields.iter().copied(), batch)
                .map_err(|(row, violation)| violation.into_error(row as u64))?;
            while *done < batch.num_rows() {
                *done += extend(*partition, &sources, *done..batch.num_rows())?;
            }
            self.parts.pop_front();
        }
        Ok(())
    }
}
