//! Discarding a part.

use super::commit::{WantedParts, random};
use super::{Inner, Part};
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::history::Id;

impl Part {
    /// Removes the files of a part that will not be committed; files that do not exist any more are no
    /// failure. After a commit that ended with `CommitUnknown` that one is to be resolved first: what it may
    /// have committed must stay.
    ///
    /// # Errors
    /// `PartCommitted` if a snapshot holds it; `Deadline`, `Cancelled`, `Aborted`; the store's failures. It
    /// may be repeated.
    pub fn discard(&self, options: &CallOptions) -> Result<()> {
        let dataset = &self.inner.dataset;
        let context = dataset.begin(options);
        self.discard_within(&context).map_err(|error| dataset.named(error))
    }

    fn discard_within(&self, context: &Context) -> Result<()> {
        context.check("discarding a part")?;
        if let Some(id) = self.snapshot_that_holds_it(context)? {
            let message = format!(
                "the part {} is committed: the snapshot {id} holds it, so that its files stay",
                self.inner.id
            );
            return Err(Error::new(Status::PartCommitted, message).with_snapshot_id(&*id));
        }
        let backend = self.inner.dataset.store().backend();
        for file in &self.inner.files {
            context.check("discarding a part")?;
            backend.delete(context, &file.path)?;
        }
        Ok(())
    }

    /// The snapshot that names the part, be it published or not.
    fn snapshot_that_holds_it(&self, context: &Context) -> Result<Option<Id>> {
        let Inner { dataset, id, .. } = &*self.inner;
        let wanted = WantedParts { ids: [(random(id), id.clone())].into(), oldest: id.clone() };
        let history = dataset.history(context);
        let Some(head) = history.head()? else {
            return Ok(None);
        };
        let mut head = Id::from(head.manifest.snapshot_id);
        // What is decided may not be published yet.
        let mut seen = None;
        while let Some(decision) = history.slot(Some(&*head))? {
            head = decision.slot.child.clone();
            let names = decision.slot.has_own_payload()
                && wanted.named_by(dataset, &history, &head, Some(&decision))?.is_some_and(|id| id == head);
            if names {
                return Ok(Some(head));
            }
            seen = Some(decision);
        }
        wanted.named_by(dataset, &history, &head, seen.as_ref())
    }
}
