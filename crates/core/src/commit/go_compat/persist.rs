//! What adoption writes beside its slots: syncs of what the Go library left in the cache, and the manifest of
//! a noop where there is no snapshot.

use crate::commit::Target;
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::history::slot::ROOT;
use crate::history::{Id, Slot, copies};
use crate::manifest::{Manifest, Metadata};

impl Target<'_> {
    /// Syncs what the Go library, which does not, has written: these snapshots' data, then their manifests.
    ///
    /// # Errors
    /// The store's; `Deadline`, `Cancelled`.
    pub fn persist_adopted(&self, ids: &[Id], context: &Context) -> Result<()> {
        for id in ids {
            context.check("making adopted snapshots durable")?;
            let history = self.history(context);
            let key = history.manifest_key(id)?;
            let Some(stored) = history.whole_manifest(id)? else {
                let message = format!("the manifest {key} has gone while it was being adopted");
                return Err(Error::new(Status::Corrupt, message).with_path(key));
            };
            for file in &stored.manifest.files {
                // A file that is lost stays lost: readers of the snapshot are told.
                if history.exists(&file.path)? {
                    self.backend().persist(context, &file.path)?;
                }
            }
            for copy in copies(self.layout, self.dataset, &stored.manifest) {
                // Its writer may have died before it put all of them.
                if history.exists(&copy)? {
                    self.backend().persist(context, &copy)?;
                }
            }
            self.backend().persist(context, &key)?;
        }
        Ok(())
    }

    /// The manifest of a noop where there is no snapshot yet: empty, in this dataset's settings.
    pub fn empty_manifest(&self, slot: &Slot) -> Manifest {
        let mut metadata = Metadata::empty();
        metadata.set_noop(ROOT);
        let plain = Manifest::new(self.layout, self.dataset, &slot.child, slot.created_at, self.format);
        Manifest { metadata, ..plain }
    }
}
