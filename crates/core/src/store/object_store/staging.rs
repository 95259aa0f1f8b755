//! Where the bytes of an upload wait until they are sent: in memory, or in a file that no directory names.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::error::{Error, Result, Status};
use crate::store::key;

/// An unlinked file for the bytes of one upload.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    size: u64,
}

/// A failure of the spool file.
fn failed(doing: &str, directory: Option<&str>, error: &std::io::Error) -> Error {
    let status = match error.kind() {
        std::io::ErrorKind::StorageFull
        | std::io::ErrorKind::QuotaExceeded
        | std::io::ErrorKind::FileTooLarge => Status::NoSpace,
        std::io::ErrorKind::NotFound => Status::NotFound,
        _ => Status::Io,
    };
    let place =
        directory.map(|directory| format!(" in the spool directory {directory:?}")).unwrap_or_default();
    let failed = Error::new(status, format_args!("cannot {doing} a spool file{place}: {error}"));
    match error.raw_os_error() {
        Some(errno) => failed.with_errno(errno),
        None => failed,
    }
}

impl Spool {
    /// An empty file in this directory.
    ///
    /// # Errors
    /// `NotFound`, `NoSpace`, `Io`.
    pub fn create(directory: &str) -> Result<Self> {
        let path = Path::new(directory).join(key::temporary_name());
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = file.map_err(|error| failed("make", Some(directory), &error))?;
        std::fs::remove_file(&path).map_err(|error| failed("unlink", Some(directory), &error))?;
        Ok(Spool { file, size: 0 })
    }

    /// Adds all of these bytes, or none.
    ///
    /// # Errors
    /// `NoSpace`, `Io`.
    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        self.file.write_all_at(data, self.size).map_err(|error| failed("write to", None, &error))?;
        self.size += data.len() as u64;
        Ok(())
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes from here on, at most so many.
    ///
    /// # Errors
    /// `NoMemory`, `Io`.
    pub fn read(&self, offset: u64, most: usize) -> Result<Vec<u8>> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = reserved(left.min(most))?;
        bytes.resize(left.min(most), 0);
        self.file.read_exact_at(&mut bytes, offset).map_err(|error| failed("read from", None, &error))?;
        Ok(bytes)
    }
}

/// An empty buffer with room for so many bytes.
///
/// # Errors
/// `NoMemory`.
pub(super) fn reserved(bytes: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(bytes).map_err(|_| {
        Error::new(
            Status::NoMemory,
            format_args!("no memory for {bytes} bytes on their way to an object store"),
        )
    })?;
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_file_has_no_name_and_gives_its_bytes_back() {
        let directory = std::env::temp_dir().join(format!("lode-spool-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&directory).unwrap();
        let mut spool = Spool::create(directory.to_str().unwrap()).unwrap();
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
        spool.write(b"0123").unwrap();
        spool.write(b"456").unwrap();
        assert_eq!(spool.size(), 7);
        assert_eq!(spool.read(2, 3).unwrap(), b"234");
        assert_eq!(spool.read(5, 100).unwrap(), b"56");
        assert_eq!(spool.read(9, 100).unwrap(), b"");
        std::fs::remove_dir(&directory).unwrap();
        let error = Spool::create(directory.to_str().unwrap()).unwrap_err();
        assert_eq!(error.status(), Status::NotFound);
        assert!(error.message().contains("spool directory"), "{error}");
    }
}
