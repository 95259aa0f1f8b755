//! Writing: rows are gathered into batches, batches encoded into a row group, and a row group handed on when
//! it is full.
//!
//! What is finished waits in pieces until the pipe has room: a row group's bytes and its pages are then never
//! in memory twice, and a store that has no space left loses nothing. A batch with a huge value waits until
//! all pieces before it are taken, and is encoded then.

use std::ops::Range;

use super::writer::FileWriter;
use crate::codec::json::wanted::Wanted;
use crate::codec::{Checked, EncoderOptions, Rejection};
use crate::columns::{Columns, RecordParser, Refusal, Source};
use crate::error::{Error, Result, Status};
use crate::manifest::FileStats;

/// Writes records as rows.
pub struct Encoder {
    max_record_bytes: u64,
    wanted: Wanted,
    inner: Box<Inner>,
}

struct Inner {
    parser: RecordParser,
    columns: Columns,
    writer: FileWriter,
    is_finished: bool,
}

impl crate::codec::Encoder for Encoder {
    const NAME: &'static str = "parquet";
    const FILE_NAME: &'static str = "data";
    const HOLDS_BACK: bool = true;

    fn new(options: &EncoderOptions<'_>) -> Result<Self> {
        let schema = options.columns.schema.as_ref().ok_or_else(|| {
            let message = "Parquet stores typed columns: open the dataset with a schema to write to it";
            Error::new(Status::SchemaRequired, message)
        })?;
        let row_group_bytes = usize::try_from(options.columns.row_group_bytes).unwrap_or(usize::MAX);
        let columns = Columns::new(schema, &schema.file_order()).for_row_groups_of(row_group_bytes);
        Ok(Encoder {
            max_record_bytes: options.max_record_bytes,
            wanted: Wanted::new(options.wanted),
            inner: Box::new(Inner {
                parser: RecordParser::new(columns.fields())?,
                writer: FileWriter::new(&columns, options.columns)?,
                columns,
                is_finished: false,
            }),
        })
    }

    fn check(&mut self, record: &[u8]) -> std::result::Result<Checked, Rejection> {
        self.parse(record).map(|()| Checked::default())
    }

    fn values(&mut self, record: &[u8]) -> &[Option<(usize, usize)>] {
        self.wanted.search(record)
    }

    fn encode_checked(
        &mut self,
        record: &[u8],
        _checked: Checked,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), Rejection> {
        self.encode(record, out)
    }

    #[inline]
    fn encode(&mut self, record: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), Rejection> {
        if self.inner.columns.is_full() {
            self.inner.write_batch().map_err(|error| rejected(&error))?;
        }
        self.parse(record)?;
        let inner = &mut *self.inner;
        inner
            .columns
            .push(&inner.parser, record)
            .map_err(|_| Rejection::NoMemory { len: record.len() as u64 })?;
        if inner.columns.is_full() {
            // What a record's texts were decoded into is not needed beside what they are encoded into.
            inner.parser.release();
            inner.end_batch().map_err(|error| rejected(&error))?;
            // The pipe takes the rest before the next record.
            if let Some(piece) = inner.writer.next_piece() {
                out.extend_from_slice(&piece);
            }
        }
        Ok(())
    }

    fn extend(&mut self, sources: &[Source<'_>], rows: Range<usize>) -> Result<(usize, usize)> {
        let inner = &mut *self.inner;
        if inner.columns.is_full() {
            inner.write_batch()?;
        }
        // Rows that are a batch by themselves are encoded where they are.
        if inner.writer.encodes_at_once()
            && let Some((batch, bytes)) = inner.columns.next_whole(sources, &rows)?
        {
            let taken = (batch.num_rows(), bytes);
            return inner.writer.write(batch, 0).map(|()| taken);
        }
        let taken = inner.columns.extend(sources, rows)?;
        if inner.columns.is_full() {
            inner.end_batch()?;
        }
        Ok(taken)
    }

    fn drain(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let inner = &mut *self.inner;
        if !inner.writer.has_pieces() && inner.columns.is_full() {
            inner.write_batch()?;
        }
        let piece = inner.writer.next_piece();
        if let Some(piece) = &piece {
            out.extend_from_slice(piece);
        }
        Ok(piece.is_some())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let inner = &mut *self.inner;
        if !inner.is_finished && !inner.writer.has_pieces() {
            if inner.columns.rows() > 0 {
                inner.end_batch()?;
            }
            if inner.columns.rows() == 0 {
                inner.writer.finish()?;
                inner.is_finished = true;
            }
        }
        if let Some(piece) = inner.writer.next_piece() {
            out.extend_from_slice(&piece);
        }
        Ok(inner.writer.has_pieces() || !inner.is_finished)
    }

    fn statistics(&mut self, records: u64) -> Option<FileStats> {
        let columns = self.inner.writer.statistics(self.inner.columns.declared());
        Some(FileStats { row_count: records, columns })
    }
}

impl Encoder {
    #[inline(always)]
    fn parse(&mut self, record: &[u8]) -> std::result::Result<(), Rejection> {
        let (len, limit) = (record.len() as u64, self.max_record_bytes);
        if len > limit {
            return Err(Rejection::TooLarge { len, limit });
        }
        self.inner.parser.parse(record).map_err(|refusal| match refusal {
            Refusal::Fault(fault) => Rejection::InvalidRecord(fault),
            Refusal::Violation(violation) => Rejection::Violation(violation),
            Refusal::ArrowType(message) => Rejection::Failed { status: Status::ArrowType, message },
        })
    }
}

impl Inner {
    /// Encodes the batch, or, if it has a huge value that does not fit into the row group, ends the row group
    /// alone: its pieces are taken first.
    fn end_batch(&mut self) -> Result<()> {
        let excess = self.columns.excess();
        if excess > 0 && self.writer.make_room(excess)? { Ok(()) } else { self.write_batch() }
    }

    fn write_batch(&mut self) -> Result<()> {
        let excess = self.columns.excess();
        let batch = self.columns.finish_batch()?;
        self.writer.write(batch, excess)
    }
}

/// The batch could not be encoded: a failure is memory's, or a bug.
#[cold]
fn rejected(error: &Error) -> Rejection {
    Rejection::Failed { status: error.status(), message: error.message().to_owned() }
}
