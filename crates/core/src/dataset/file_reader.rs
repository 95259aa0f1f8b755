//! Reading one data file: its stored bytes are hashed and decompressed as they stream, and checked against
//! what its manifest says. Records and blobs are read through it.

use crate::checksum::{Checksum, Hasher};
use crate::compress::{Compressor, DecompressStream};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::manifest::FileRef;
use crate::store::{Object, Store};

use super::Verify;

/// How many stored bytes are read at once.
pub(super) const CHUNK: usize = 256 << 10;

/// A data file, open for reading.
pub(super) struct FileReader {
    file: FileRef,
    object: Box<dyn Object>,
    /// Up to where the stored bytes have been read.
    offset: u64,
    hasher: Option<Hasher>,
    decompression: Option<Decompression>,
}

/// Compressed bytes, and what decompresses them.
struct Decompression {
    stream: DecompressStream,
    input: Box<[u8]>,
    start: usize,
    end: usize,
}

impl FileReader {
    pub fn open(store: &Store, file: FileRef, compressor: Compressor, context: &Context) -> Result<Self> {
        let corrupt = |what: String| {
            let message = format!("the data file {} {what}", file.path);
            Error::new(Status::Corrupt, message).with_path(&*file.path)
        };
        let object = store.backend().open(context, &file.path)?;
        let object = object.ok_or_else(|| corrupt("is missing".into()))?;
        if object.size() != file.size_bytes {
            return Err(corrupt(format!("has {} bytes, expected {}", object.size(), file.size_bytes)));
        }
        FileReader::over(object, file, compressor)
    }

    /// A file of which `object` is known to have the right size.
    pub fn over(object: Box<dyn Object>, file: FileRef, compressor: Compressor) -> Result<Self> {
        let decompression = match compressor {
            Compressor::None => None,
            compressor => {
                let input = buffer(CHUNK)?.into_boxed_slice();
                Some(Decompression { stream: DecompressStream::new(compressor)?, input, start: 0, end: 0 })
            }
        };
        Ok(FileReader { file, object, offset: 0, hasher: None, decompression })
    }

    pub fn path(&self) -> &str {
        &self.file.path
    }

    /// Its size as it is stored, unless it is compressed.
    pub fn size(&self) -> Option<u64> {
        self.decompression.is_none().then_some(self.file.size_bytes)
    }

    /// Whether there is no checksum left to be compared.
    pub fn is_checked(&self) -> bool {
        self.hasher.is_none()
    }

    /// Says what is checked while it is read; with [`Verify::First`] it is checked at once.
    pub fn check_by(&mut self, checksum: Option<Checksum>, verify: Verify, context: &Context) -> Result<()> {
        if let (Some(checksum), Some(_)) = (checksum, &self.file.checksum) {
            self.hasher = checksum.hasher();
            if verify == Verify::First {
                self.verify(context)?;
            }
        }
        Ok(())
    }

    /// Stored bytes from `offset` on, as many as there are room and bytes for; they are not checked.
    pub fn read_stored(&mut self, offset: u64, room: &mut [u8], context: &Context) -> Result<usize> {
        let left = usize::try_from(self.file.size_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let most = room.len().min(left);
        if most == 0 {
            return Ok(0);
        }
        let read = self.object.read_at(context, offset, &mut room[..most]);
        match read.map_err(|error| error.with_path(&*self.file.path))? {
            0 => Err(self.corrupt(format!("ends at byte {offset}, expected {}", self.file.size_bytes))),
            read => Ok(read),
        }
    }

    /// Checks all of it before the first record.
    fn verify(&mut self, context: &Context) -> Result<()> {
        let mut chunk = buffer(CHUNK)?;
        while self.read_hashed(&mut chunk, context)? > 0 {
            context.check("verifying a data file")?;
        }
        self.check_sum()?;
        self.offset = 0;
        Ok(())
    }

    /// The next stored bytes, which are hashed.
    fn read_hashed(&mut self, room: &mut [u8], context: &Context) -> Result<usize> {
        let read = self.read_stored(self.offset, room, context)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&room[..read]);
        }
        self.offset += read as u64;
        Ok(read)
    }

    /// Decompressed bytes into `room`, which is not empty; 0 once the file has ended and been found right.
    pub fn read(&mut self, room: &mut [u8], context: &Context) -> Result<usize> {
        let Some(mut through) = self.decompression.take() else {
            let read = self.read_hashed(room, context)?;
            return if read > 0 { Ok(read) } else { self.check_sum().map(|()| 0) };
        };
        let read = self.decompress(&mut through, room, context);
        self.decompression = Some(through);
        read
    }

    fn decompress(
        &mut self,
        through: &mut Decompression,
        room: &mut [u8],
        context: &Context,
    ) -> Result<usize> {
        loop {
            let input = &through.input[through.start..through.end];
            let decoded = through.stream.decompress(input, room).map_err(|error| self.in_file(error))?;
            through.start += decoded.consumed;
            if decoded.produced > 0 {
                return Ok(decoded.produced);
            }
            if through.start == through.end {
                through.start = 0;
                through.end = self.read_hashed(&mut through.input, context)?;
                if through.end == 0 {
                    through.stream.finish().map_err(|error| self.in_file(error))?;
                    return self.check_sum().map(|()| 0);
                }
            } else if decoded.consumed == 0 {
                return Err(self.corrupt("cannot be decompressed any further".into()));
            }
        }
    }

    fn check_sum(&mut self) -> Result<()> {
        let (Some(hasher), Some(expected)) = (self.hasher.take(), &self.file.checksum) else { return Ok(()) };
        let found = hasher.finish();
        if found.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        Err(self.corrupt(format!("has the checksum {found}, expected {expected}")))
    }

    fn in_file(&self, error: Error) -> Error {
        error.context(format_args!("the data file {}", self.file.path)).with_path(&*self.file.path)
    }

    fn corrupt(&self, what: String) -> Error {
        Error::new(Status::Corrupt, format_args!("the data file {} {what}", self.file.path))
            .with_path(&*self.file.path)
    }
}

/// A buffer of this number of bytes, all zero.
pub(crate) fn buffer(bytes: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer
        .try_reserve_exact(bytes)
        .map_err(|_| Error::new(Status::NoMemory, format_args!("no memory for a buffer of {bytes} bytes")))?;
    buffer.resize(bytes, 0);
    Ok(buffer)
}
