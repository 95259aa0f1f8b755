//! Codecs: how records become the bytes of a data file, and are read from them again.
//!
//! A codec is a folder here with an [`Encoder`] and a [`Decoder`], and one line in `codecs!` below. Pipe,
//! writers and readers know none by name: batching, statistics and what a data file is called are the
//! codec's. A record of any codec comes in as one JSON document, which `json` checks.
//!
//! Encoders are called for each record, so they are dispatched by a `match` that the compiler inlines, in
//! `FileEncoder`; decoders are called for each batch, through `dyn Decoder`.

pub(crate) mod json;
pub(crate) mod jsonl;
pub(crate) mod lines;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
mod rejection;

pub use rejection::Rejection;

use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "parquet")]
use crate::columns::{ColumnOptions, Source};
use crate::error::Result;
use crate::manifest::FileStats;

/// The longest record accepted unless the dataset says otherwise, in bytes, its line break not counted: with
/// the line break it fills the 10 MiB that the Go library reads a line into.
pub const MAX_RECORD_BYTES_DEFAULT: u64 = 10 * 1024 * 1024 - 1;

/// What a raw blob's file is called, the compressor's extension left out.
const BLOB_FILE_NAME: &str = "blob";

/// What an encoder has to know of the dataset.
#[derive(Clone, Copy, Debug)]
pub struct EncoderOptions<'a> {
    /// The longest record, in bytes, its line break not counted.
    pub max_record_bytes: u64,
    /// Whether statistics of the columns are wanted, where the codec does not gather them anyway.
    pub statistics: bool,
    /// The top-level keys, at most 255, whose values [`Encoder::values`] gives.
    pub wanted: &'a [String],
    /// The columns of records, and how they are stored.
    #[cfg(feature = "parquet")]
    pub columns: &'a ColumnOptions,
}

/// What a decoder has to know of the dataset.
#[derive(Clone, Copy, Debug)]
pub struct DecoderOptions<'a> {
    /// The longest record that is handed out, in bytes, its line break not counted.
    pub max_record_bytes: u64,
    /// How bytes are written as JSON.
    #[cfg(feature = "parquet")]
    pub columns: &'a ColumnOptions,
    /// Nothing else is borrowed.
    #[cfg(not(feature = "parquet"))]
    pub columns: std::marker::PhantomData<&'a ()>,
}

/// What the check of a record found that its encoding needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// It has line breaks between its tokens.
    pub has_line_breaks: bool,
}

/// Turns records into the bytes of one data file.
///
/// What it has ready it appends to `out`, from where the pipe sends it on; how many records it gathers before
/// that it decides itself. JSON lines are ready at once; a columnar codec holds back a group of rows.
pub trait Encoder: Sized + Send {
    /// The codec's name in a manifest.
    const NAME: &'static str;
    /// What its data files are called, the compressor's extension left out.
    const FILE_NAME: &'static str;
    /// Whether it holds records back, and with them much memory for each file that is being written.
    const HOLDS_BACK: bool = false;
    /// Whether a record becomes a line of its own without its line breaks, however the others are, so that
    /// several encoders may check the records of one file; statistics are gathered by one alone.
    const RECORDS_STAND_ALONE: bool = false;

    /// An encoder for one data file.
    ///
    /// # Errors
    /// `NoMemory`; `SchemaRequired` if the codec needs a schema and there is none.
    fn new(options: &EncoderOptions<'_>) -> Result<Self>;

    /// Checks a record and takes nothing of it.
    ///
    /// # Errors
    /// Why it would not be taken.
    fn check(&mut self, record: &[u8]) -> std::result::Result<Checked, Rejection>;

    /// Of each wanted key: where the value begins that this record has for it at the top, and how long it is.
    /// [`Encoder::check`] has accepted the record, and no other since.
    fn values(&mut self, record: &[u8]) -> &[Option<(usize, usize)>];

    /// Takes a record that [`Encoder::check`] of an encoder with the same options has accepted.
    ///
    /// # Errors
    /// Why it was not taken; nothing of it was, and `out` is as it was.
    fn encode_checked(
        &mut self,
        record: &[u8],
        checked: Checked,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), Rejection>;

    /// Takes a record.
    ///
    /// # Errors
    /// Why it was not taken; nothing of it was, and `out` is as it was.
    #[inline(always)]
    fn encode(&mut self, record: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), Rejection> {
        let checked = self.check(record)?;
        self.encode_checked(record, checked, out)
    }

    /// Takes the record on the first line of `data` where checking it and finding its end is one pass: gives
    /// the record's length and, with its line break, the line's. `None`: nothing was taken, and the line is
    /// to be found first and given to [`Encoder::encode`].
    fn encode_line(&mut self, _data: &[u8], _out: &mut Vec<u8>) -> Option<(usize, usize)> {
        None
    }

    /// Takes rows of Arrow arrays, which were checked, in the order of the file's columns: as many as it can
    /// before what is ready is to be sent on by [`Encoder::drain`]. Gives how many, and how many bytes they
    /// have.
    ///
    /// # Errors
    /// `Internal` of a codec whose records are no rows; `NoMemory`. The encoder is then of no use.
    #[cfg(feature = "parquet")]
    fn extend(&mut self, _sources: &[Source<'_>], _rows: std::ops::Range<usize>) -> Result<(usize, usize)> {
        Err(crate::error::Error::new(crate::error::Status::Internal, "this codec takes no columns"))
    }

    /// Appends a piece of what is ready to `out`; false: there is nothing. Called until there is nothing
    /// before a record or row is given that finds `out` full.
    ///
    /// # Errors
    /// `NoMemory`; `Internal`. The encoder is then of no use.
    #[cfg(feature = "parquet")]
    fn drain(&mut self, _out: &mut Vec<u8>) -> Result<bool> {
        Ok(false)
    }

    /// Ends the file: what was held back, and what stands at a file's end. True: there is more than this
    /// piece, and it is to be called again.
    ///
    /// # Errors
    /// `NoMemory`, after which the encoder is of no use.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<bool>;

    /// What the codec has counted of the file, which has `records` records. Asked once, after
    /// [`Encoder::finish`].
    fn statistics(&mut self, records: u64) -> Option<FileStats>;
}

/// A data file that is being read, checked on the way against what its manifest says.
pub trait Input {
    /// The next decompressed bytes into `room`, which is not empty; 0 once, when the file has ended and all
    /// that was to be checked has been found right.
    ///
    /// # Errors
    /// `Corrupt`, after all bytes before the damage; `Deadline`, `Cancelled`, `Aborted`; the store's failure.
    fn read(&mut self, room: &mut [u8]) -> Result<usize>;

    /// How many bytes the file has as it is stored, or `None` if it is compressed: it can then only be read
    /// from front to back.
    fn size(&self) -> Option<u64>;

    /// Stored bytes from `offset` on into `room`, at least one unless `offset` is at the end, for a codec
    /// whose files have a directory of their own. They are not checked: such a decoder reads the file to its
    /// end by [`Input::read`], which does not move with this, before it reports the end.
    ///
    /// # Errors
    /// `Unsupported` for a file without a size; otherwise as [`Input::read`].
    fn read_at(&mut self, offset: u64, room: &mut [u8]) -> Result<usize>;

    /// Whether nothing is left that [`Input::read`] would check, so that it need not be read to its end.
    fn is_checked(&self) -> bool {
        false
    }
}

/// An [`Input`] of which a decoder may keep a share.
#[derive(Clone)]
pub struct SharedInput(Arc<Mutex<dyn Input + Send>>);

impl SharedInput {
    /// A share of this input.
    pub fn of(input: Arc<Mutex<dyn Input + Send>>) -> Self {
        SharedInput(input)
    }

    fn input<T>(&self, with: impl FnOnce(&mut dyn Input) -> T) -> T {
        // An input whose call panicked gives what it gives: its bytes are checked in any case.
        with(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As [`Input::read`].
    ///
    /// # Errors
    /// As [`Input::read`].
    pub fn read(&self, room: &mut [u8]) -> Result<usize> {
        self.input(|input| input.read(room))
    }

    /// As [`Input::size`].
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.input(|input| input.size())
    }

    /// As [`Input::is_checked`].
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.input(|input| input.is_checked())
    }

    /// As [`Input::read_at`].
    ///
    /// # Errors
    /// As [`Input::read_at`].
    pub fn read_at(&self, offset: u64, room: &mut [u8]) -> Result<usize> {
        self.input(|input| input.read_at(offset, room))
    }
}

/// Finds the records in one data file.
pub trait Decoder: Send {
    /// Replaces the batch's records by the next ones, at least one and at most `most`; by none at the file's
    /// end only. The batch keeps its bytes from call to call, and comes with those of the file before.
    /// `input` is the same in each call.
    ///
    /// # Errors
    /// Those of `input`; `RecordTooLarge`; `NoMemory`; what is wrong with the file. The records before the
    /// failure come first.
    fn decode(&mut self, input: &SharedInput, batch: &mut Batch, most: usize) -> Result<()>;
}

/// Records, and the bytes that they lie in.
#[derive(Debug, Default)]
pub struct Batch {
    /// Records, and what else the decoder keeps there.
    pub bytes: Vec<u8>,
    /// Where each record begins in `bytes`, and how long it is.
    pub spans: Vec<(usize, usize)>,
}

/// Registers codecs: the variant of [`Codec`] and the module with its `Encoder` and `Decoder`.
macro_rules! codecs {
    ($($(#[doc = $doc:literal])* $(#[cfg($cfg:meta)])? $variant:ident: $module:ident;)+) => {
        /// How records are laid out in a data file.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum Codec {
            /// No records: raw blobs.
            #[default]
            None,
            $($(#[doc = $doc])* $(#[cfg($cfg)])? $variant,)+
        }

        impl Codec {
            /// The manifest's `codec`; `None` for raw blobs.
            #[must_use]
            pub const fn manifest_name(self) -> Option<&'static str> {
                match self {
                    Codec::None => None,
                    $($(#[cfg($cfg)])? Codec::$variant => Some(<$module::Encoder as Encoder>::NAME),)+
                }
            }

            /// The codec that a manifest's `codec` names; `None` if this build does not know it.
            #[must_use]
            pub fn from_manifest_name(name: &str) -> Option<Self> {
                [$($(#[cfg($cfg)])? Codec::$variant),+].into_iter().find(|codec| codec.manifest_name() == Some(name))
            }

            /// What its data files are called, the compressor's extension left out.
            #[must_use]
            pub const fn file_name(self) -> &'static str {
                match self {
                    Codec::None => BLOB_FILE_NAME,
                    $($(#[cfg($cfg)])? Codec::$variant => <$module::Encoder as Encoder>::FILE_NAME,)+
                }
            }

            /// Whether its encoder holds records back, and with them much memory.
            pub(crate) const fn holds_back(self) -> bool {
                match self {
                    Codec::None => false,
                    $($(#[cfg($cfg)])? Codec::$variant => <$module::Encoder as Encoder>::HOLDS_BACK,)+
                }
            }

            /// [`Encoder::RECORDS_STAND_ALONE`].
            pub(crate) const fn records_stand_alone(self) -> bool {
                match self {
                    Codec::None => false,
                    $($(#[cfg($cfg)])? Codec::$variant => <$module::Encoder as Encoder>::RECORDS_STAND_ALONE,)+
                }
            }

            /// An encoder for one data file; none for a raw blob.
            ///
            /// # Errors
            /// `NoMemory`; `SchemaRequired`.
            pub(crate) fn encoder(self, options: &EncoderOptions<'_>) -> Result<Option<FileEncoder>> {
                match self {
                    Codec::None => Ok(None),
                    $($(#[cfg($cfg)])? Codec::$variant => Encoder::new(options).map(FileEncoder::$variant).map(Some),)+
                }
            }

            /// A decoder for one data file; none for a raw blob.
            pub(crate) fn decoder(self, options: &DecoderOptions<'_>) -> Option<Box<dyn Decoder>> {
                match self {
                    Codec::None => None,
                    $($(#[cfg($cfg)])? Codec::$variant => Some(Box::new($module::Decoder::new(options))),)+
                }
            }
        }

        /// An encoder of any codec; its methods are those of [`Encoder`].
        pub(crate) enum FileEncoder {
            $($(#[cfg($cfg)])? $variant($module::Encoder),)+
        }

        impl FileEncoder {
            #[inline(always)]
            pub fn check(&mut self, record: &[u8]) -> std::result::Result<Checked, Rejection> {
                match self { $($(#[cfg($cfg)])? FileEncoder::$variant(encoder) => encoder.check(record),)+ }
            }

            #[inline(always)]
            pub fn values(&mut self, record: &[u8]) -> &[Option<(usize, usize)>] {
                match self { $($(#[cfg($cfg)])? FileEncoder::$variant(encoder) => encoder.values(record),)+ }
            }

            #[inline(always)]
            pub fn encode_checked(
                &mut self,
                record: &[u8],
                checked: Checked,
                out: &mut Vec<u8>,
            ) -> std::result::Result<(), Rejection> {
                match self { $($(#[cfg($cfg)])? FileEncoder::$variant(encoder) => encoder.encode_checked(record, checked, out),)+ }
            }

            #[inline(always)]
            pub fn encode(&mut self, record: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), Rejection> {
                match self { $($(#[cfg($cfg)])? FileEncoder::$variant(encoder) => encoder.encode(record, out),)+ }
            }

            #[inline(always)]
            pub fn encode_line(&mut self, data: &[u8], out: &mut Vec<u8>) -> Option<(usize, usize)> {
                match self { $($(#[cfg($cfg)])? FileEncoder::$variant(encoder) => encoder.encode_line(data, out),)+ }
            }

            #[cfg(feature = "parquet")]
            pub fn extend(&mut self, sources: &[Source<'_>], rows: std::ops::Range<usize>) -> Result<(usize, usize)> {
                match self { $($(#[cfg($cfg)])? FileEncoder::$variant(encoder) => encoder.extend(sources, rows),)+ }
            }

            #[cfg(feature = "parquet")]
            pub fn drain(&mut self, out: &mut Vec<u8>) -> Result<bool> {
                match self { $($(#[cfg($cfg)])? FileEncoder::$variant(encoder) => encoder.drain(out),)+ }
            }

            pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<bool> {
                match self { $($(#[cfg($cfg)])? FileEncoder::$variant(encoder) => encoder.finish(out),)+ }
            }

            pub fn statistics(&mut self, records: u64) -> Option<FileStats> {
                match self { $($(#[cfg($cfg)])? FileEncoder::$variant(encoder) => encoder.statistics(records),)+ }
            }
        }
    };
}

codecs! {
    /// One JSON document a line.
    Jsonl: jsonl;
    /// Apache Parquet: typed columns.
    #[cfg(feature = "parquet")]
    Parquet: parquet;
}
