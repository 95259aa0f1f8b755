//! What adoption writes beside its slots: syncs of what the Go library left in the cache, and the manifest of
//! a noop where there is no snapshot.

use std::sync::Arc;

use crate::commit::Target;
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::history::slot::ROOT;
use crate::history::{Id, Slot, copies};
use crate::layout::Layout;
use crate::manifest::{AddressSpace, Manifest, Metadata};

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
            for path in stored.manifest.data_paths() {
                // A file that is lost stays lost: readers of the snapshot are told.
                if history.exists(&path)? {
                    self.backend().persist(context, &path)?;
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
    ///
    /// # Errors
    /// `InvalidArgument` for a volume of which no length was said.
    pub fn empty_manifest(&self, slot: &Slot) -> Result<Manifest> {
        let mut metadata = Metadata::empty();
        metadata.set_noop(ROOT);
        let plain = Manifest::new(self.layout, self.dataset, &slot.child, slot.created_at, self.format);
        let address_space = match (self.layout, self.total_length) {
            (Layout::Volume, Some(total_length)) => {
                Some(AddressSpace { total_length, blocks: Arc::default() })
            }
            (Layout::Volume, None) => {
                let message =
                    "the volume has no snapshot yet: open it with its total_length for the first commit";
                return Err(Error::new(Status::InvalidArgument, message));
            }
            _ => None,
        };
        Ok(Manifest { metadata, address_space, ..plain })
    }
}
