//! How far an input was read, as the text that a producer's commits carry.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::input::Input;

/// A place in an input. A file is known by its device and inode, since its name may be another's after a
/// rotation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The input's name, for a person and for telling inputs that are no files apart.
    pub input: String,
    /// Bytes from its beginning.
    pub offset: u64,
    /// The device of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<u64>,
    /// The inode of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
}

impl Position {
    /// Where the input stands.
    pub fn of(input: &Input) -> Result<Self> {
        let file = input.file().map(|file| file.metadata()).transpose();
        let file = file
            .map_err(|error| Failure::system(format_args!("read the inode of {}", input.name()), &error))?;
        Ok(Position {
            input: input.name().to_owned(),
            offset: input.offset(),
            device: file.as_ref().map(MetadataExt::dev),
            inode: file.as_ref().map(MetadataExt::ino),
        })
    }

    /// Whether it is a place in the file that has this name now.
    pub fn is_in(&self, path: &Path) -> bool {
        std::fs::metadata(path)
            .is_ok_and(|file| (Some(file.dev()), Some(file.ino())) == (self.device, self.inode))
    }

    /// As the text of a commit.
    pub fn to_text(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Failure::other(format_args!("cannot write a position: {error}")))
    }

    /// Reads what [`Position::to_text`] has written.
    pub fn from_text(producer: &str, text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Failure::other(format_args!(
                "the position of producer {producer:?} was not written by lode ingest ({error}): {text}\nUse another \
                 --producer"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_as_it_was() {
        let file =
            Position { input: "/var/log/é".into(), offset: u64::MAX, device: Some(1), inode: Some(2) };
        let pipe = Position { input: "standard input".into(), offset: 7, device: None, inode: None };
        for position in [file, pipe] {
            assert_eq!(Position::from_text("p", &position.to_text().unwrap()).unwrap(), position);
        }
        let failure = Position::from_text("other", "12345").unwrap_err();
        assert!(
            matches!(failure, Failure::Other(message) if message.contains("other") && message.contains("12345"))
        );
    }
}
