//! What is new: the snapshots after a given one, found by walking parents from the head. Nothing is listed,
//! so the cost is that of what is new, independent of the history's length.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::{Dataset, Snapshot, Snapshots};
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::id;
use crate::iter::Steps;

/// How many bytes of manifests are kept from the walk: those of the oldest snapshots, which are given first.
/// The others are read again when they are reached.
const KEPT: usize = 1 << 20;

const WALKING: &str = "walking the history";

impl Dataset {
    /// The snapshots after `since`, oldest first, up to the head of this moment; `None`: from the first one.
    /// Those that only seal the slot of another (they repeat its content) are left out. `since` being the
    /// head, or committed but not published yet, there are none.
    ///
    /// The walk costs one manifest for each snapshot after `since`, and of more than a few hundred a second
    /// one. Memory grows with their ids alone, some 40 bytes each.
    ///
    /// # Errors
    /// `SnapshotNotFound` if `since` is no ancestor of the head; `InvalidArgument` for what no id can be;
    /// `Corrupt` if a parent is missing or does not sort below its child; otherwise as [`Dataset::latest`],
    /// but a dataset without snapshots gives none.
    pub fn changes_since(&self, since: Option<&str>, options: &CallOptions) -> Result<Snapshots> {
        if let Some(id) = since {
            id::check_snapshot_id(id)?;
        }
        let context = self.begin(options);
        let changes = self.walk(since, &context).map_err(|error| self.named(error))?;
        Ok(Snapshots::new(changes, options))
    }

    fn walk(&self, since: Option<&str>, context: &Context) -> Result<Changes> {
        let mut changes = Changes::none(self);
        let Some(mut at) = self.find_latest(context)? else {
            return match since {
                None => Ok(changes),
                Some(id) => Err(not_found(id, "it has no snapshot yet")),
            };
        };
        let head = at.id().to_owned();
        let no_ancestor = |id| not_found(id, &format!("it is not among the ancestors of the head {head}"));
        loop {
            // Ids rise along the history, so that a walk below `since` cannot meet it any more.
            match since.map(|since| (since, since.cmp(at.id()))) {
                Some((_, Ordering::Equal)) => return Ok(changes),
                Some((since, Ordering::Greater)) => {
                    let is_ahead = at.id() == head && self.is_ahead(&head, since, context)?;
                    return if is_ahead { Ok(changes) } else { Err(no_ancestor(since)) };
                }
                Some((_, Ordering::Less)) | None => {}
            }
            let parent = self.parent_of(&at)?;
            changes.push(at)?;
            let Some(parent) = parent else {
                return since.map_or(Ok(changes), |since| Err(no_ancestor(since)));
            };
            if since == Some(&*parent) {
                return Ok(changes);
            }
            context.step(WALKING)?;
            at = self.ancestor(&parent, context)?;
        }
    }

    /// The parent's id, which is any text until it proves to be one: it must sort below the child, or
    /// the walk might never end.
    fn parent_of(&self, child: &Snapshot) -> Result<Option<String>> {
        let Some(parent) = &child.manifest().parent_snapshot_id else { return Ok(None) };
        let fault = match id::check_snapshot_id(parent) {
            Err(error) => format!("names a parent that cannot be one: {error}"),
            Ok(()) if **parent >= *child.id() => {
                format!("names the parent {parent}, which does not sort below it: the history has no order")
            }
            Ok(()) => return Ok(Some(parent.clone())),
        };
        let path = self.options().layout.manifest_path(self.id(), child.id());
        let error = Error::new(Status::Corrupt, format_args!("the manifest {path} {fault}"));
        Err(error.with_path(path).with_snapshot_id(child.id()))
    }

    fn ancestor(&self, id: &str, context: &Context) -> Result<Snapshot> {
        self.find(id, context)?.ok_or_else(|| {
            let path = self.options().layout.manifest_path(self.id(), id);
            let message =
                format!("the history has the snapshot {id}, but its manifest {path} is missing or torn");
            Error::new(Status::Corrupt, message).with_path(path).with_snapshot_id(id)
        })
    }

    /// Whether `id` is committed beyond the head that the pointer names: a writer could not publish it.
    fn is_ahead(&self, head: &str, id: &str, context: &Context) -> Result<bool> {
        let mut at = head.to_owned();
        while *at < *id {
            context.step(WALKING)?;
            match self.history(context).slot(Some(&at))? {
                Some(decision) if *decision.slot.child > *at => at = decision.slot.child.to_string(),
                _ => return Ok(false),
            }
        }
        Ok(*at == *id)
    }
}

fn not_found(id: &str, why: &str) -> Error {
    let message = format!("no changes can be told since the snapshot {id}: {why}");
    Error::new(Status::SnapshotNotFound, message).with_snapshot_id(id)
}

/// What a walk has found, in the order in which it was found: the oldest at the end.
struct Changes {
    dataset: Dataset,
    ids: Ids,
    /// The last of `ids`, as many as [`KEPT`] allows.
    kept: VecDeque<Snapshot>,
    kept_bytes: usize,
}

impl Changes {
    fn none(dataset: &Dataset) -> Self {
        Changes { dataset: dataset.clone(), ids: Ids::default(), kept: VecDeque::new(), kept_bytes: 0 }
    }

    fn push(&mut self, snapshot: Snapshot) -> Result<()> {
        if snapshot.manifest().is_noop().is_some() {
            return Ok(());
        }
        self.ids.push(snapshot.id())?;
        self.kept_bytes += snapshot.manifest_json().len();
        self.kept.push_back(snapshot);
        while self.kept_bytes > KEPT
            && let Some(newest) = self.kept.pop_front()
        {
            self.kept_bytes -= newest.manifest_json().len();
        }
        Ok(())
    }
}

impl Steps for Changes {
    type Item = Snapshot;

    fn doing(&self) -> &'static str {
        "reading what is new"
    }

    fn next(&mut self, context: &Context) -> Result<Option<Snapshot>> {
        let Some(id) = self.ids.pop() else { return Ok(None) };
        match self.kept.pop_back() {
            Some(snapshot) => Ok(Some(snapshot)),
            None => self.dataset.ancestor(&id, context).map(Some).map_err(|error| self.dataset.named(error)),
        }
    }
}

/// Ids, one behind the other in one allocation: each followed by its length, which one byte holds.
#[derive(Default)]
struct Ids(Vec<u8>);

impl Ids {
    fn push(&mut self, id: &str) -> Result<()> {
        let len = u8::try_from(id.len())
            .map_err(|_| Error::new(Status::Internal, format_args!("a snapshot id of {} bytes", id.len())))?;
        self.0.try_reserve(id.len() + 1).map_err(|_| {
            Error::new(Status::NoMemory, "no memory for the ids of the snapshots that are new")
        })?;
        self.0.extend_from_slice(id.as_bytes());
        self.0.push(len);
        Ok(())
    }

    fn pop(&mut self) -> Option<String> {
        let len = usize::from(self.0.pop()?);
        let at = self.0.len().checked_sub(len)?;
        let id = String::from_utf8_lossy(&self.0[at..]).into_owned();
        self.0.truncate(at);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_last_first() {
        let given = ["1700000000000000000", "x", &"é".repeat(127), "1700000000000000001-0123456789abcdef"];
        let mut ids = Ids::default();
        for id in given {
            ids.push(id).unwrap();
        }
        for id in given.iter().rev() {
            assert_eq!(ids.pop().as_deref(), Some(*id));
        }
        assert_eq!(ids.pop(), None);
        assert_eq!(ids.push(&"x".repeat(256)).unwrap_err().status(), Status::Internal);
    }
}
