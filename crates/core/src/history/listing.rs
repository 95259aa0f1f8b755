//! Listing a dataset: the parents that have slots, the ids that have manifests, objects of another layout.

use super::slot::{PAYLOAD_SUFFIX, ROOT};
use super::{History, ManifestRead, read_manifest};
use crate::error::{Error, Result, Status};
use crate::id;
use crate::iter::Watch;
use crate::layout::Layout;
use crate::store::pages::{Order, Pages, ROOM};

const LISTING_SLOTS: &str = "listing commit slots";
const LISTING_SNAPSHOTS: &str = "listing snapshots";

impl History<'_> {
    /// Calls `each` for every parent that has a slot, in no order; `None` is the slot of the first commit.
    ///
    /// # Errors
    /// The store's; `Deadline`, `Cancelled`, `Aborted`.
    pub fn list_slots(&self, each: &mut dyn FnMut(Option<&str>)) -> Result<()> {
        let mut watch = Watch::new(self.context, LISTING_SLOTS);
        self.backend().list_names(self.context, &self.layout.slots_prefix(self.dataset), &mut |name| {
            if name == ROOT {
                each(None);
            } else if !name.ends_with(PAYLOAD_SUFFIX) && !name.starts_with('.') {
                each(Some(name));
            }
            watch.goes_on()
        })?;
        watch.verdict()
    }

    /// Calls `each` for every id that may have a canonical manifest, in no order, until it answers `false`.
    /// The caller watches the context.
    ///
    /// # Errors
    /// The store's.
    pub fn list_canonical(&self, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        self.backend().list_names(self.context, &self.layout.snapshots_prefix(self.dataset), &mut |name| {
            !self.layout.may_be_snapshot(name) || id::check_snapshot_id(name).is_err() || each(name)
        })
    }

    /// The ids that may have a manifest, sorted.
    ///
    /// # Errors
    /// The store's; `Deadline`, `Cancelled`, `Aborted`.
    pub fn listed_ids(&self) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        let mut watch = Watch::new(self.context, LISTING_SNAPSHOTS);
        self.list_ids(&mut |id| {
            ids.push(id.to_owned());
            watch.goes_on()
        })?;
        watch.verdict()?;
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The next of the ids that may have a manifest, in the order of `ids`; `None` at the end. Memory stays
    /// bounded.
    ///
    /// # Errors
    /// As [`History::listed_ids`].
    pub fn next_id(&self, ids: &mut Pages) -> Result<Option<String>> {
        ids.next(self.context, LISTING_SNAPSHOTS, |_, each| self.list_ids(each))
    }

    /// Lists what [`History::next_id`] gives first, if it is not at hand.
    ///
    /// # Errors
    /// As [`History::listed_ids`].
    pub fn fill_ids(&self, ids: &mut Pages) -> Result<()> {
        ids.fill(self.context, LISTING_SNAPSHOTS, |_, each| self.list_ids(each))
    }

    /// Calls `each` for every id that may have a manifest, in no order, until it answers `false`; some may
    /// come twice. The caller watches the context.
    fn list_ids(&self, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        let mut goes_on = true;
        self.list_canonical(&mut |id| {
            goes_on = each(id);
            goes_on
        })?;
        match goes_on && self.layout == Layout::Hive {
            true => self.list_ids_without_canonical(each),
            false => Ok(()),
        }
    }

    /// The greatest id whose manifest is there.
    ///
    /// # Errors
    /// As [`History::listed_ids`].
    pub fn greatest_manifest(&self) -> Result<Option<String>> {
        let mut ids = Pages::new(ROOM, Order::Descending);
        while let Some(id) = self.next_id(&mut ids)? {
            self.context.check("looking for the newest manifest")?;
            if self.exists(&self.manifest_key(&id)?)? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// What `inspect` finds at the first id, in order, at which it finds anything; it is given the ids that
    /// may have a canonical manifest. Memory stays bounded.
    ///
    /// # Errors
    /// Those of `inspect`; as [`History::listed_ids`].
    pub fn first_canonical<T>(
        &self,
        doing: &'static str,
        inspect: impl Fn(&str) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let mut pages = Pages::new(ROOM, Order::Ascending);
        while let Some(id) = pages.next(self.context, doing, |_, each| self.list_canonical(each))? {
            self.context.step(doing)?;
            if let Some(found) = inspect(&id)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first snapshot, in the order of ids, that has a canonical manifest, and whether it begins the
    /// history. A manifest that cannot be read counts as one with a parent: reading it is an error.
    ///
    /// # Errors
    /// As [`History::listed_ids`].
    pub(super) fn first_canonical_manifest(&self) -> Result<Option<(&str, bool)>> {
        let known = match self.first_canonical.0.get() {
            Some(known) => known,
            None => {
                let found = self.find_first_canonical_manifest()?;
                self.first_canonical.0.get_or_init(|| found)
            }
        };
        Ok(known.as_ref().map(|(id, begins_history)| (&**id, *begins_history)))
    }

    fn find_first_canonical_manifest(&self) -> Result<Option<(String, bool)>> {
        self.first_canonical(LISTING_SNAPSHOTS, |id| {
            let key = self.layout.manifest_path(self.dataset, id);
            match read_manifest(self.context, self.backend(), self.manifest_at(&key, id)) {
                Ok(ManifestRead::Whole(stored)) => {
                    Ok(Some((id.to_owned(), stored.manifest.parent_snapshot_id.is_none())))
                }
                Ok(ManifestRead::Torn | ManifestRead::Absent) => Ok(None),
                Err(error) if matches!(error.status(), Status::ManifestInvalid | Status::Corrupt) => {
                    Ok(Some((id.to_owned(), false)))
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Whether there is an object with this key.
    ///
    /// # Errors
    /// The store's.
    pub fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.backend().head(self.context, key)?.is_some())
    }

    /// Refuses a dataset that has objects of another layout: default and hive share their prefix.
    ///
    /// # Errors
    /// `LayoutMismatch`; the store's; `Deadline`, `Cancelled`, `Aborted`.
    pub fn refuse_another_layout(&self) -> Result<()> {
        self.backend().check_folder(self.context, &self.layout.snapshots_prefix(self.dataset))?;
        let Some(object) = self.object_of_another_layout()? else { return Ok(()) };
        let message = format!(
            "the dataset was opened with the layout {:?}, but {object} is there, which is of another: open it with the \
             layout that it was written in, or use another dataset",
            self.layout.name()
        );
        Err(Error::new(Status::LayoutMismatch, message).with_path(object))
    }

    fn object_of_another_layout(&self) -> Result<Option<String>> {
        let folders = self.layout.folders_of_others();
        if folders.is_empty() {
            return Ok(None);
        }
        let prefix = self.layout.dataset_prefix(self.dataset);
        let mut there: Vec<&str> = Vec::new();
        let mut watch = Watch::new(self.context, "looking for objects of another layout");
        self.backend().list_names(self.context, &prefix, &mut |name| {
            there.extend(folders.iter().find(|folder| **folder == name));
            watch.goes_on()
        })?;
        watch.verdict()?;
        let mut found = None;
        for folder in there {
            self.backend().list(self.context, &format!("{prefix}{folder}/"), None, &mut |key| {
                found = Some(key.to_owned());
                false
            })?;
            if found.is_some() {
                break;
            }
        }
        Ok(found)
    }
}
