//! Codecs: how records become the bytes of a data file, and how they are found in them again.
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
mod rejection;

pub use rejection::Rejection;

use crate::error::Result;
use crate::manifest::FileStats;

/// The longest record accepted unless the dataset says otherwise, in bytes, its line break not counted: with
/// the line break it fills the 10 MiB that the Go library reads a line into.
pub const MAX_RECORD_BYTES_DEFAULT: u64 = 10 * 1024 * 1024 - 1;

/// What a raw blob's file is called, the compressor's extension left out.
const BLOB_FILE_NAME: &str = "blob";

/// What an encoder has to know of the dataset.
#[derive(Clone, Copy, Debug)]
pub struct EncoderOptions {
    /// The longest record, in bytes, its line break not counted.
    pub max_record_bytes: u64,
    /// Whether statistics of the columns are wanted, where the codec does not gather them anyway.
    pub statistics: bool,
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

    /// An encoder for one data file.
    ///
    /// # Errors
    /// `NoMemory`.
    fn new(options: &EncoderOptions) -> Result<Self>;

    /// Checks a record and takes nothing of it.
    ///
    /// # Errors
    /// Why it would not be taken.
    fn check(&mut self, record: &[u8]) -> std::result::Result<Checked, Rejection>;

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

    /// Ends the file: what was held back, and what stands at a file's end.
    ///
    /// # Errors
    /// `NoMemory`, after which the encoder is of no use.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()>;

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
}

/// Finds the records in one data file.
pub trait Decoder: Send {
    /// Replaces the batch's records by the next ones, at least one and at most `most`; by none at the file's
    /// end only. The batch keeps its bytes from call to call, and comes with those of the file before.
    ///
    /// # Errors
    /// Those of `input`; `RecordTooLarge`; `NoMemory`. The records before the failure come first.
    fn decode(&mut self, input: &mut dyn Input, batch: &mut Batch, most: usize) -> Result<()>;
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
    ($($(#[$doc:meta])* $variant:ident: $module:ident;)+) => {
        /// How records are laid out in a data file.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum Codec {
            /// No records: raw blobs.
            #[default]
            None,
            $($(#[$doc])* $variant,)+
        }

        impl Codec {
            /// The manifest's `codec`; `None` for raw blobs.
            #[must_use]
            pub const fn manifest_name(self) -> Option<&'static str> {
                match self {
                    Codec::None => None,
                    $(Codec::$variant => Some(<$module::Encoder as Encoder>::NAME),)+
                }
            }

            /// The codec that a manifest's `codec` names; `None` if this build does not know it.
            #[must_use]
            pub fn from_manifest_name(name: &str) -> Option<Self> {
                [$(Codec::$variant),+].into_iter().find(|codec| codec.manifest_name() == Some(name))
            }

            /// What its data files are called, the compressor's extension left out.
            #[must_use]
            pub const fn file_name(self) -> &'static str {
                match self {
                    Codec::None => BLOB_FILE_NAME,
                    $(Codec::$variant => <$module::Encoder as Encoder>::FILE_NAME,)+
                }
            }

            /// An encoder for one data file; none for a raw blob.
            ///
            /// # Errors
            /// `NoMemory`.
            pub(crate) fn encoder(self, options: &EncoderOptions) -> Result<Option<FileEncoder>> {
                match self {
                    Codec::None => Ok(None),
                    $(Codec::$variant => Encoder::new(options).map(FileEncoder::$variant).map(Some),)+
                }
            }

            /// A decoder for one data file that hands out no record longer than `max_record_bytes`; none for
            /// a raw blob.
            pub(crate) fn decoder(self, max_record_bytes: u64) -> Option<Box<dyn Decoder>> {
                match self {
                    Codec::None => None,
                    $(Codec::$variant => Some(Box::new($module::Decoder::new(max_record_bytes))),)+
                }
            }
        }

        /// An encoder of any codec; its methods are those of [`Encoder`].
        pub(crate) enum FileEncoder {
            $($variant($module::Encoder),)+
        }

        impl FileEncoder {
            #[inline(always)]
            pub fn check(&mut self, record: &[u8]) -> std::result::Result<Checked, Rejection> {
                match self { $(FileEncoder::$variant(encoder) => encoder.check(record),)+ }
            }

            #[inline(always)]
            pub fn encode_checked(
                &mut self,
                record: &[u8],
                checked: Checked,
                out: &mut Vec<u8>,
            ) -> std::result::Result<(), Rejection> {
                match self { $(FileEncoder::$variant(encoder) => encoder.encode_checked(record, checked, out),)+ }
            }

            #[inline(always)]
            pub fn encode(&mut self, record: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), Rejection> {
                match self { $(FileEncoder::$variant(encoder) => encoder.encode(record, out),)+ }
            }

            #[inline(always)]
            pub fn encode_line(&mut self, data: &[u8], out: &mut Vec<u8>) -> Option<(usize, usize)> {
                match self { $(FileEncoder::$variant(encoder) => encoder.encode_line(data, out),)+ }
            }

            pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
                match self { $(FileEncoder::$variant(encoder) => encoder.finish(out),)+ }
            }

            pub fn statistics(&mut self, records: u64) -> Option<FileStats> {
                match self { $(FileEncoder::$variant(encoder) => encoder.statistics(records),)+ }
            }
        }
    };
}

codecs! {
    /// One JSON document a line.
    Jsonl: jsonl;
}
