//! Where the objects of a dataset lie (`format.md` 1, `commit.md` "Objects"): ids in, store keys out.
//!
//! The ids have been checked by then (see [`crate::id`]), so the keys need no escaping.

/// How a dataset's objects are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// All of a snapshot under `datasets/<ds>/snapshots/<snap>/`.
    #[default]
    Default,
}

impl Layout {
    /// The name that commit slots carry.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Layout::Default => "default",
        }
    }

    /// Under which all of the dataset lies; ends in `/`, so that `foo/` does not match `foobar/`.
    #[must_use]
    pub fn dataset_prefix(self, dataset: &str) -> String {
        match self {
            Layout::Default => format!("datasets/{dataset}/"),
        }
    }

    /// Under which the dataset's manifests lie; ends in `/`.
    #[must_use]
    pub fn snapshots_prefix(self, dataset: &str) -> String {
        match self {
            Layout::Default => format!("{}snapshots/", self.dataset_prefix(dataset)),
        }
    }

    /// Under which a snapshot's data files lie; ends in `/`.
    #[must_use]
    pub fn data_prefix(self, dataset: &str, snapshot: &str) -> String {
        match self {
            Layout::Default => format!("{}{snapshot}/data/", self.snapshots_prefix(dataset)),
        }
    }

    /// The file of a snapshot's records; `extension` is the compressor's: empty, `.gz` or `.zst`.
    #[must_use]
    pub fn data_path(self, dataset: &str, snapshot: &str, extension: &str) -> String {
        format!("{}data{extension}", self.data_prefix(dataset, snapshot))
    }

    /// The file of a snapshot that is a raw blob; `extension` as for records.
    #[must_use]
    pub fn blob_path(self, dataset: &str, snapshot: &str, extension: &str) -> String {
        format!("{}blob{extension}", self.data_prefix(dataset, snapshot))
    }

    /// The manifest whose presence makes the snapshot exist.
    #[must_use]
    pub fn manifest_path(self, dataset: &str, snapshot: &str) -> String {
        match self {
            Layout::Default => format!("{}{snapshot}/manifest.json", self.snapshots_prefix(dataset)),
        }
    }

    /// The pointer to the newest snapshot: a hint.
    #[must_use]
    pub fn latest_path(self, dataset: &str) -> String {
        format!("{}latest", self.dataset_prefix(dataset))
    }

    /// Under which the commit slots and large payloads lie; ends in `/`.
    #[must_use]
    pub fn slots_prefix(self, dataset: &str) -> String {
        format!("{}_commits/", self.dataset_prefix(dataset))
    }

    /// The slot that decides the child of `parent`, which is `root` for the first commit.
    #[must_use]
    pub fn slot_path(self, dataset: &str, parent: &str) -> String {
        format!("{}{parent}", self.slots_prefix(dataset))
    }

    /// The object of a payload too large for its slot: that of one attempt to commit `child`.
    #[must_use]
    pub fn payload_path(self, dataset: &str, child: &str, nonce: &str) -> String {
        format!("{}{child}-{nonce}.payload", self.slots_prefix(dataset))
    }

    /// The snapshot whose manifest lies at `key`; `None` if `key` has not exactly a manifest's shape.
    #[must_use]
    pub fn parse_manifest_path<'a>(self, dataset: &str, key: &'a str) -> Option<&'a str> {
        match self {
            Layout::Default => {
                let snapshot = key
                    .strip_prefix("datasets/")?
                    .strip_prefix(dataset)?
                    .strip_prefix("/snapshots/")?
                    .strip_suffix("/manifest.json")?;
                (!snapshot.is_empty() && !snapshot.contains('/')).then_some(snapshot)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_layout_puts_objects_where_the_format_says() {
        let layout = Layout::default();
        assert_eq!(layout.name(), "default");
        for (path, expected) in [
            (layout.dataset_prefix("events"), "datasets/events/"),
            (layout.snapshots_prefix("events"), "datasets/events/snapshots/"),
            (layout.data_prefix("events", "17"), "datasets/events/snapshots/17/data/"),
            (layout.data_path("events", "17", ""), "datasets/events/snapshots/17/data/data"),
            (layout.data_path("events", "17", ".gz"), "datasets/events/snapshots/17/data/data.gz"),
            (layout.data_path("events", "17", ".zst"), "datasets/events/snapshots/17/data/data.zst"),
            (layout.blob_path("events", "17", ""), "datasets/events/snapshots/17/data/blob"),
            (layout.blob_path("events", "17", ".zst"), "datasets/events/snapshots/17/data/blob.zst"),
            (layout.manifest_path("events", "17"), "datasets/events/snapshots/17/manifest.json"),
            (layout.latest_path("events"), "datasets/events/latest"),
            (layout.slots_prefix("events"), "datasets/events/_commits/"),
            (layout.slot_path("events", "root"), "datasets/events/_commits/root"),
            (layout.slot_path("events", "17"), "datasets/events/_commits/17"),
            (layout.payload_path("events", "17-a", "0f"), "datasets/events/_commits/17-a-0f.payload"),
        ] {
            assert_eq!(path, expected);
            assert!(path.ends_with('/') || crate::store::key::check(&path).is_ok(), "{path}");
        }
    }

    #[test]
    fn only_the_exact_shape_is_a_manifest() {
        fn parse(key: &str) -> Option<&str> {
            Layout::Default.parse_manifest_path("foo", key)
        }
        assert_eq!(parse("datasets/foo/snapshots/17/manifest.json"), Some("17"));
        assert_eq!(parse(&Layout::Default.manifest_path("foo", "a b")), Some("a b"));
        for key in [
            "datasets/foobar/snapshots/17/manifest.json",
            "datasets/fo/snapshots/17/manifest.json",
            "datasets/foo/snapshots/17/data/manifest.json",
            "datasets/foo/snapshots//manifest.json",
            "datasets/foo/snapshots/manifest.json",
            "datasets/foo/snapshots/17/manifest.json/",
            "datasets/foo/snapshots/17/manifest.json.tmp",
            "datasets/foo/snapshots/17/xmanifest.json",
            "datasets/foo/segments/17/manifest.json",
            "datasets/foo/_commits/17",
            "/datasets/foo/snapshots/17/manifest.json",
            "foo/17/manifest.json",
            "",
        ] {
            assert_eq!(parse(key), None, "{key:?}");
        }
    }
}
