//! Why a history needs a person's decision, as a value and as text.

use crate::commit::Target;
use crate::error::{Error, Status};
use crate::history::Id;

/// How many heads a message names.
const HEADS_NAMED: usize = 8;

/// Why a history needs a person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Repair {
    /// There are snapshots of our form, but not the first commit's slot.
    NoSlots,
    /// No slot names this snapshot of our form.
    Unnamed(Id),
    /// A parent (`None`: the beginning) has several children.
    Fork(Option<Id>),
    /// The head is this, but there is a greater snapshot, or one built on it.
    NotTheGreatest(Id),
    /// The head leads back to a snapshot whose child the slots decided to be this.
    Beside(Id),
    /// This manifest ends in the middle.
    Torn(Id),
    /// The pointer names this id, which no snapshot has.
    Dangling(Id),
    /// The parent of this snapshot is not the one that the slots decided.
    OtherParent(Id),
    /// The caller chose this snapshot, but the slots lead elsewhere.
    NotTheEnd(Id),
}

impl Target<'_> {
    /// The error for a history that needs a person's decision.
    pub fn repair_error(&self, repair: &Repair, heads: &[Id]) -> Error {
        let manifest = |id: &str| self.layout.manifest_path(self.dataset, id);
        let mut path = None;
        let why = match repair {
            Repair::NoSlots => {
                "there are snapshots of this library's, but no commit slot leads to them from the beginning"
                    .to_owned()
            }
            Repair::Unnamed(id) => {
                format!("the snapshot {id} is there, but no commit slot names it: the slot was lost")
            }
            Repair::Fork(None) => {
                "its history forks: there is more than one first snapshot, written by concurrent writers of the Go \
                 library"
                    .to_owned()
            }
            Repair::Fork(Some(parent)) => format!(
                "its history forks: the snapshot {parent} has more than one child, written by concurrent writers of \
                 the Go library"
            ),
            Repair::NotTheGreatest(greatest) => format!(
                "the pointer does not name the newest snapshot: {greatest} sorts after it, or is built on it"
            ),
            Repair::Beside(decided) => format!(
                "a writer of the Go library has built on a snapshot whose child the commit slots decided to be \
                 {decided}"
            ),
            Repair::Torn(id) => {
                path = Some(manifest(id));
                format!("the manifest {} ends in the middle: its writer died, or lost it", manifest(id))
            }
            Repair::Dangling(id) => format!("the pointer names {id}, and no snapshot has that id"),
            Repair::OtherParent(id) => {
                path = Some(manifest(id));
                format!(
                    "the manifest {} names another parent than its place in the history wants; if it came late from a \
                     writer of the Go library that had timed out, move it away, and commit again",
                    manifest(id)
                )
            }
            Repair::NotTheEnd(end) => {
                format!(
                    "what the commit slots decided stays, and they lead to the snapshot {end}: choose that one"
                )
            }
        };
        let named: Vec<&str> = heads.iter().take(HEADS_NAMED).map(|id| &**id).collect();
        let more = match heads.len().saturating_sub(HEADS_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "{why}. Heads: {}{more}. It can be read; to write, adopt the head that is to stay",
            named.join(", ")
        );
        let mut error = Error::new(Status::NeedsRepair, message);
        if let Some(head) = heads.first() {
            error = error.with_snapshot_id(&**head);
        }
        match path {
            Some(path) => error.with_path(path),
            None => error,
        }
    }
}
