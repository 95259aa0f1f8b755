//! Checking a dataset against what the protocol promises (`docs/upkeep.md`, section "Verify"). Nothing is
//! repaired, and nothing is written.
//!
//! [`walk`] follows the commit slots from the root, [`beside`] checks what stands beside that path, [`files`]
//! checks the data files that a snapshot names.

mod beside;
mod files;
mod walk;

use crate::context::CallOptions;
use crate::dataset::Dataset;
use crate::error::{Error, Result, Status};
use walk::Walk;

/// How much of a dataset is checked; each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Slots, manifests, their copies and the pointer: that the history is one whole chain. No data file is
    /// touched.
    #[default]
    Structure,
    /// Each data file is there with its size: one request a file.
    Sizes,
    /// Each data file is read, and has its checksum.
    Checksums,
    /// Each data file is decoded, and holds as many records as its manifest says.
    Records,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// What is wrong with an object. The numbers are those of the C API and never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum FindingKind {
            $($(#[$doc])* $name = $code,)*
        }

        impl FindingKind {
            /// Every kind, in the order of the table.
            pub const ALL: &[FindingKind] = &[$(FindingKind::$name),*];

            /// Its name, such as `file-missing`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(FindingKind::$name => $text,)* }
            }
        }
    };
}

kinds! {
    /// The store fails to read an object of this dataset, for a reason that concerns this object.
    Unreadable = 1, "unreadable";
    /// A commit slot, or its payload object, is not what a writer wrote.
    SlotInvalid = 2, "slot-invalid";
    /// A commit slot to which the path of slots does not lead.
    SlotOffPath = 3, "slot-off-path";
    /// A manifest that must be there is missing.
    ManifestMissing = 4, "manifest-missing";
    /// A manifest is not one; the message names the field.
    ManifestInvalid = 5, "manifest-invalid";
    /// A manifest is not the one that its commit slot decided.
    ManifestDiffers = 6, "manifest-differs";
    /// A manifest to which the path of slots does not lead.
    ManifestOffPath = 7, "manifest-off-path";
    /// Two snapshots have one parent.
    Fork = 8, "fork";
    /// The copy of a manifest beside a partition's files is missing.
    CopyMissing = 9, "copy-missing";
    /// The copy of a manifest beside a partition's files is not that manifest.
    CopyDiffers = 10, "copy-differs";
    /// A copy of a manifest of a snapshot to which the path of slots does not lead.
    CopyOffPath = 11, "copy-off-path";
    /// There is no pointer to the newest snapshot, though there are several snapshots.
    PointerMissing = 12, "pointer-missing";
    /// The pointer names no snapshot that can be read.
    PointerWrong = 13, "pointer-wrong";
    /// A data file is missing.
    FileMissing = 14, "file-missing";
    /// A data file has another size than its manifest says.
    FileSize = 15, "file-size";
    /// A data file has another checksum than its manifest says.
    FileChecksum = 16, "file-checksum";
    /// A data file cannot be decoded, or holds another number of records than its manifest says.
    FileRecords = 17, "file-records";
    /// This build cannot check it: it lacks a codec, compressor or checksum, or a newer version wrote it.
    Unsupported = 18, "unsupported";
    /// A snapshot of a volume lacks a block that its parent has.
    BlockDropped = 19, "block-dropped";
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// The store key of the object that it concerns.
    pub path: String,
    /// The snapshot that it concerns, if there is one.
    pub snapshot_id: Option<String>,
    /// What is wrong, as text for people.
    pub message: String,
}

/// What a check went through, and how many findings it had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// How many snapshots are on the path, those of the Go library that no slot has adopted yet included.
    pub snapshots: u64,
    /// How many data files were checked; 0 at [`Level::Structure`].
    pub files: u64,
    /// How many bytes of data files were read; 0 below [`Level::Checksums`].
    pub bytes: u64,
    /// How many findings there were.
    pub findings: u64,
    /// The newest snapshot, if it is decided and not published yet, because its writer died or is at work:
    /// no damage, the next commit publishes it.
    pub unpublished: Option<String>,
    /// The first finding.
    pub first: Option<Finding>,
}

impl Verification {
    /// Fails if there was any finding.
    ///
    /// # Errors
    /// `Corrupt`: how many findings there were, and the first of them.
    pub fn verdict(&self) -> Result<()> {
        let Some(first) = &self.first else { return Ok(()) };
        let message = format!("{} findings, the first at {}: {}", self.findings, first.path, first.message);
        let error = Error::new(Status::Corrupt, message).with_path(&first.path);
        Err(match &first.snapshot_id {
            Some(id) => error.with_snapshot_id(id),
            None => error,
        })
    }
}

impl Dataset {
    /// Checks the whole dataset, the oldest snapshot first, and tells `each` of everything that is wrong; it
    /// answers `false` to stop the call. Nothing is repaired, nothing is written. Writers may be at work:
    /// what they commit meanwhile is checked or not. Memory grows with the number of snapshots, by some 100
    /// bytes each, and holds one manifest, in the hive layout two. Progress tells of snapshots and files, and
    /// of the bytes read.
    ///
    /// # Errors
    /// A finding is no error: [`Verification::verdict`] makes one of it. `NoSnapshots` if the dataset does
    /// not exist; `LayoutMismatch` if it has another layout; `Aborted` if `each` or the progress callback
    /// stops the call; `Deadline`, `Cancelled`; `NoMemory`; a failure of the store that concerns no object.
    pub fn verify(
        &self,
        level: Level,
        options: &CallOptions,
        each: &mut dyn FnMut(&Finding) -> bool,
    ) -> Result<Verification> {
        let context = self.begin(options);
        Walk::new(self, &context, level, each).run().map_err(|error| self.named(error))
    }
}
