//! Where the objects of a dataset lie (`docs/format.md`, section "Layouts"): from ids to store keys.
//!
//! The ids have been checked by then (see [`crate::id`]), and the partitions are escaped, so the keys need no
//! escaping.

use std::num::NonZeroU64;

/// How a dataset's objects are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// All of a snapshot under `datasets/<ds>/snapshots/<snap>/`.
    #[default]
    Default,
    /// Partitioned by fields of the records: a partition's files under
    /// `datasets/<ds>/partitions/<part>/segments/<snap>/`, the manifests under
    /// `datasets/<ds>/segments/<snap>/`, with a copy beside each partition's files.
    Hive,
    /// All of a snapshot under `<ds>/<snap>/`: the shortest paths, whose datasets cannot be listed.
    Flat,
    /// Of a volume, and of no dataset: manifests under `volumes/<vol>/snapshots/`, blocks under
    /// `volumes/<vol>/data/`.
    Volume,
}

/// What the key of a block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPath {
    /// Where its range begins.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// What tells it from another object of the same range.
    pub tail: Option<NonZeroU64>,
}

/// What the key of a data file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataPath<'a> {
    /// The partition, such as `day=2024-01-01/region=eu`; empty: none.
    pub partition: &'a str,
    /// The id that the file lies under: that of its snapshot, or the one that it was staged under.
    pub snapshot: &'a str,
    /// What the file is called.
    pub file: &'a str,
}

/// In the hive layout, the folder of snapshots, of the whole dataset's or of a partition's.
pub(crate) const SEGMENTS: &str = "segments";

impl Layout {
    /// The name that commit slots carry.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Layout::Default => "default",
            Layout::Hive => "hive",
            Layout::Flat => "flat",
            Layout::Volume => "volume",
        }
    }

    /// What lies there, in messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Layout::Default | Layout::Hive | Layout::Flat => "dataset",
            Layout::Volume => "volume",
        }
    }

    /// The name of the partitioner that manifests carry.
    #[must_use]
    pub fn partitioner(self) -> &'static str {
        match self {
            Layout::Default | Layout::Flat | Layout::Volume => "noop",
            Layout::Hive => "hive",
        }
    }

    /// Under which all of the dataset lies; ends in `/`, so that `foo/` does not match `foobar/`.
    #[must_use]
    pub fn dataset_prefix(self, dataset: &str) -> String {
        match self {
            Layout::Default | Layout::Hive => format!("datasets/{dataset}/"),
            Layout::Flat => format!("{dataset}/"),
            Layout::Volume => format!("volumes/{dataset}/"),
        }
    }

    /// Under which all datasets of a store lie; ends in `/`. The flat layout has no such place.
    pub(crate) fn datasets_prefix(self) -> &'static str {
        match self {
            Layout::Default | Layout::Hive => "datasets/",
            Layout::Flat => "",
            Layout::Volume => "volumes/",
        }
    }

    /// What a dataset in this layout is known as among all of a store's.
    pub(crate) fn known_as(self, dataset: &str) -> String {
        format!("{} {dataset}", self.name())
    }

    /// Under which the dataset's manifests lie; ends in `/`.
    #[must_use]
    pub fn snapshots_prefix(self, dataset: &str) -> String {
        let dataset = self.dataset_prefix(dataset);
        match self {
            Layout::Default | Layout::Volume => format!("{dataset}snapshots/"),
            Layout::Hive => format!("{dataset}{SEGMENTS}/"),
            Layout::Flat => dataset,
        }
    }

    /// Whether a name directly below [`Layout::snapshots_prefix`] may be a snapshot's: in the flat layout
    /// other objects stand there, too.
    #[must_use]
    pub fn may_be_snapshot(self, name: &str) -> bool {
        self != Layout::Flat || !matches!(name, "_commits" | "latest" | "latest.lock")
    }

    /// Under which a snapshot's data files lie, those of no partition; ends in `/`.
    #[must_use]
    pub fn data_prefix(self, dataset: &str, snapshot: &str) -> String {
        format!("{}{snapshot}/data/", self.snapshots_prefix(dataset))
    }

    /// The data file of a snapshot that is called `file`, such as `data.gz` or `blob`.
    #[must_use]
    pub fn data_path(self, dataset: &str, snapshot: &str, file: &str) -> String {
        format!("{}{file}", self.data_prefix(dataset, snapshot))
    }

    /// Under which the partitions of a hive dataset lie; ends in `/`.
    #[must_use]
    pub fn partitions_prefix(self, dataset: &str) -> String {
        format!("{}partitions/", self.dataset_prefix(dataset))
    }

    /// The data file of a partition that is called `file`, in the hive layout; of no partition:
    /// [`Layout::data_path`].
    #[must_use]
    pub fn partition_data_path(self, dataset: &str, partition: &str, snapshot: &str, file: &str) -> String {
        if partition.is_empty() {
            return self.data_path(dataset, snapshot, file);
        }
        let partitions = self.partitions_prefix(dataset);
        format!("{partitions}{partition}/{SEGMENTS}/{snapshot}/data/{file}")
    }

    /// What the key of a data file says; `None` if `key` has not exactly the shape of one.
    #[must_use]
    pub fn parse_data_path<'a>(self, dataset: &str, key: &'a str) -> Option<DataPath<'a>> {
        let below = key.strip_prefix(&*self.dataset_prefix(dataset))?;
        let (folder, file) = below.rsplit_once("/data/")?;
        let (partition, snapshot) = match self {
            // A volume's blocks lie under no snapshot.
            Layout::Volume => return None,
            Layout::Default => ("", folder.strip_prefix("snapshots/")?),
            Layout::Flat => ("", folder),
            Layout::Hive => match folder.strip_prefix("partitions/") {
                Some(folder) => folder.rsplit_once("/segments/")?,
                None => ("", folder.strip_prefix("segments/")?),
            },
        };
        let is_name = |name: &str| !name.is_empty() && !name.contains('/');
        let is_whole = is_name(file) && is_name(snapshot) && self.may_be_snapshot(snapshot);
        let in_partition = self == Layout::Hive && folder.starts_with("partitions/");
        (is_whole && in_partition != partition.is_empty()).then_some(DataPath { partition, snapshot, file })
    }

    /// The copy of a manifest beside a partition's files, in the hive layout.
    #[must_use]
    pub fn partition_manifest_path(self, dataset: &str, partition: &str, snapshot: &str) -> String {
        format!("{}{partition}/{SEGMENTS}/{snapshot}/manifest.json", self.partitions_prefix(dataset))
    }

    /// The partition, such as `day=2024-01-01/region=eu`, that a data file of this hive dataset belongs to;
    /// `None`: to none.
    #[must_use]
    pub fn partition_of<'a>(self, dataset: &str, file: &'a str) -> Option<&'a str> {
        if self != Layout::Hive {
            return None;
        }
        let rest = file.strip_prefix(&*self.partitions_prefix(dataset))?;
        let (partition, _) = rest.split_once("/segments/")?;
        (!partition.is_empty()).then_some(partition)
    }

    /// Under which the blocks of a volume lie; ends in `/`.
    #[must_use]
    pub fn blocks_prefix(volume: &str) -> String {
        format!("{}data/", Layout::Volume.dataset_prefix(volume))
    }

    /// The object of a volume's block; `tail` where another object has the plain name.
    #[must_use]
    pub fn block_path(volume: &str, offset: u64, length: u64, tail: Option<NonZeroU64>) -> String {
        let prefix = Layout::blocks_prefix(volume);
        match tail {
            None => format!("{prefix}{offset}-{length}.bin"),
            Some(tail) => format!("{prefix}{offset}-{length}-{tail:016x}.bin"),
        }
    }

    /// What the key of a volume's block says; `None` if `key` has not exactly the shape of one.
    #[must_use]
    pub fn parse_block_path(volume: &str, key: &str) -> Option<BlockPath> {
        let name = key.strip_prefix("volumes/")?.strip_prefix(volume)?.strip_prefix("/data/")?;
        let mut parts = name.strip_suffix(".bin")?.split('-');
        let mut number = || {
            let text = parts.next()?;
            let is_plain =
                text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            is_plain.then(|| text.parse::<u64>().ok()).flatten()
        };
        let (offset, length) = (number()?, number()?);
        let tail = match parts.next() {
            None => None,
            Some(text) => {
                let is_hex =
                    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                Some(is_hex.then(|| u64::from_str_radix(text, 16).ok().and_then(NonZeroU64::new)).flatten()?)
            }
        };
        parts.next().is_none().then_some(BlockPath { offset, length, tail })
    }

    /// The manifest whose presence makes the snapshot exist.
    #[must_use]
    pub fn manifest_path(self, dataset: &str, snapshot: &str) -> String {
        format!("{}{snapshot}/manifest.json", self.snapshots_prefix(dataset))
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

    /// The folders directly below the dataset in which only another layout that shares its place has objects.
    #[must_use]
    pub fn folders_of_others(self) -> &'static [&'static str] {
        match self {
            Layout::Default => &["partitions", SEGMENTS],
            Layout::Hive => &["snapshots"],
            Layout::Flat | Layout::Volume => &[],
        }
    }

    /// The snapshot whose manifest lies at `key`; `None` if `key` has not exactly a manifest's shape. In the
    /// hive layout the copies of partitions have it, too.
    #[must_use]
    pub fn parse_manifest_path<'a>(self, dataset: &str, key: &'a str) -> Option<&'a str> {
        let below = key.strip_prefix(&*self.dataset_prefix(dataset))?.strip_suffix("/manifest.json")?;
        let (snapshot, named) = match self {
            Layout::Default | Layout::Volume => (below.strip_prefix("snapshots/")?, true),
            Layout::Flat => (below, self.may_be_snapshot(below)),
            Layout::Hive => {
                let (folder, snapshot) = below.rsplit_once('/')?;
                let partition =
                    folder.strip_prefix("partitions/").and_then(|it| it.strip_suffix("/segments"));
                (snapshot, folder == SEGMENTS || partition.is_some_and(|partition| !partition.is_empty()))
            }
        };
        (named && !snapshot.is_empty() && !snapshot.contains('/')).then_some(snapshot)
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
            (layout.data_path("events", "17", "data"), "datasets/events/snapshots/17/data/data"),
            (layout.data_path("events", "17", "data.gz"), "datasets/events/snapshots/17/data/data.gz"),
            (layout.data_path("events", "17", "data.zst"), "datasets/events/snapshots/17/data/data.zst"),
            (layout.data_path("events", "17", "blob"), "datasets/events/snapshots/17/data/blob"),
            (layout.data_path("events", "17", "blob.zst"), "datasets/events/snapshots/17/data/blob.zst"),
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

    #[test]
    fn hive_layout_puts_objects_where_the_format_says() {
        let (layout, part) = (Layout::Hive, "day=1/region=eu");
        assert_eq!((layout.name(), layout.partitioner()), ("hive", "hive"));
        for (path, expected) in [
            (layout.dataset_prefix("events"), "datasets/events/"),
            (layout.snapshots_prefix("events"), "datasets/events/segments/"),
            (layout.data_path("events", "17", "data.gz"), "datasets/events/segments/17/data/data.gz"),
            (
                layout.partition_data_path("events", part, "17", "data.zst"),
                "datasets/events/partitions/day=1/region=eu/segments/17/data/data.zst",
            ),
            (layout.partition_data_path("events", "", "17", "data"), "datasets/events/segments/17/data/data"),
            (layout.manifest_path("events", "17"), "datasets/events/segments/17/manifest.json"),
            (
                layout.partition_manifest_path("events", part, "17"),
                "datasets/events/partitions/day=1/region=eu/segments/17/manifest.json",
            ),
            (layout.latest_path("events"), "datasets/events/latest"),
            (layout.slot_path("events", "root"), "datasets/events/_commits/root"),
        ] {
            assert_eq!(path, expected);
        }
        let of = |file| layout.partition_of("events", file);
        assert_eq!(of("datasets/events/partitions/day=1/region=eu/segments/17/data/data"), Some(part));
        assert_eq!(of("datasets/events/segments/17/data/data"), None);
        assert_eq!(of("datasets/events/partitions//segments/17/data/data"), None);
        assert_eq!(of("datasets/other/partitions/day=1/segments/17/data/data"), None);
        assert_eq!(
            Layout::Default.partition_of("events", "datasets/events/partitions/a=1/segments/1/d"),
            None
        );
        let parse = |key| layout.parse_manifest_path("foo", key);
        assert_eq!(parse("datasets/foo/segments/17/manifest.json"), Some("17"));
        assert_eq!(parse("datasets/foo/partitions/a=1/b=2/segments/17/manifest.json"), Some("17"));
        for key in [
            "datasets/foobar/segments/17/manifest.json",
            "datasets/foo/segments/manifest.json",
            "datasets/foo/segments/17/data/manifest.json",
            "datasets/foo/partitions/segments/17/manifest.json",
            "datasets/foo/partitions//segments/17/manifest.json",
            "datasets/foo/snapshots/17/manifest.json",
            "datasets/foo/manifest.json",
        ] {
            assert_eq!(parse(key), None, "{key:?}");
        }
    }

    #[test]
    fn only_the_exact_shape_is_a_data_file() {
        let path = |partition, snapshot, file| Some(DataPath { partition, snapshot, file });
        for (layout, key, expected) in [
            (Layout::Default, "datasets/foo/snapshots/17/data/data.gz", path("", "17", "data.gz")),
            (Layout::Hive, "datasets/foo/segments/17/data/data", path("", "17", "data")),
            (
                Layout::Hive,
                "datasets/foo/partitions/a=1/b=2/segments/17/data/data-2",
                path("a=1/b=2", "17", "data-2"),
            ),
            (Layout::Flat, "foo/17/data/data", path("", "17", "data")),
            (Layout::Default, "datasets/foobar/snapshots/17/data/data", None),
            (Layout::Default, "datasets/foo/snapshots/17/manifest.json", None),
            (Layout::Default, "datasets/foo/snapshots/17/data/", None),
            (Layout::Default, "datasets/foo/snapshots//data/data", None),
            (Layout::Default, "datasets/foo/snapshots/1/7/data/data", None),
            (Layout::Default, "datasets/foo/snapshots/17/data/x/y", None),
            (Layout::Default, "datasets/foo/segments/17/data/data", None),
            (Layout::Hive, "datasets/foo/partitions/segments/17/data/data", None),
            (Layout::Hive, "datasets/foo/partitions//segments/17/data/data", None),
            (Layout::Hive, "datasets/foo/snapshots/17/data/data", None),
            (Layout::Flat, "foo/_commits/data/data", None),
            (Layout::Flat, "foo/latest/data/data", None),
        ] {
            assert_eq!(layout.parse_data_path("foo", key), expected, "{key}");
        }
    }

    #[test]
    fn volumes_put_objects_where_the_format_says() {
        let layout = Layout::Volume;
        let tail = NonZeroU64::new(0xab);
        for (path, expected) in [
            (layout.dataset_prefix("disk"), "volumes/disk/"),
            (layout.manifest_path("disk", "17"), "volumes/disk/snapshots/17/manifest.json"),
            (layout.latest_path("disk"), "volumes/disk/latest"),
            (layout.slot_path("disk", "root"), "volumes/disk/_commits/root"),
            (Layout::block_path("disk", 0, 10, None), "volumes/disk/data/0-10.bin"),
            (Layout::block_path("disk", 7, 10, tail), "volumes/disk/data/7-10-00000000000000ab.bin"),
        ] {
            assert_eq!(path, expected);
        }
        assert_eq!(layout.parse_manifest_path("disk", "volumes/disk/snapshots/17/manifest.json"), Some("17"));
        let parse = |name: &str| Layout::parse_block_path("disk", &format!("volumes/disk/data/{name}"));
        assert_eq!(parse("7-10.bin"), Some(BlockPath { offset: 7, length: 10, tail: None }));
        assert_eq!(parse("0-1-00000000000000ab.bin"), Some(BlockPath { offset: 0, length: 1, tail }));
        for name in [
            "",
            "7.bin",
            "7-.bin",
            "-7-1.bin",
            "07-1.bin",
            "7-1",
            "7-1.bin.bin",
            "7-1-ab.bin",
            "+7-1.bin",
            "7-1-00000000000000AB.bin",
            "7-1-0000000000000000.bin",
            "7-1-00000000000000ab-1.bin",
            "18446744073709551616-1.bin",
            "a/7-1.bin",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
        assert_eq!(Layout::parse_block_path("dis", "volumes/disk/data/7-1.bin"), None);
    }

    #[test]
    fn flat_layout_puts_objects_where_the_format_says() {
        let layout = Layout::Flat;
        assert_eq!((layout.name(), layout.partitioner()), ("flat", "noop"));
        for (path, expected) in [
            (layout.dataset_prefix("events"), "events/"),
            (layout.snapshots_prefix("events"), "events/"),
            (layout.data_path("events", "17", "data.gz"), "events/17/data/data.gz"),
            (layout.manifest_path("events", "17"), "events/17/manifest.json"),
            (layout.latest_path("events"), "events/latest"),
            (layout.slot_path("events", "17"), "events/_commits/17"),
            (layout.payload_path("events", "17-a", "0f"), "events/_commits/17-a-0f.payload"),
        ] {
            assert_eq!(path, expected);
        }
        let parse = |key| layout.parse_manifest_path("foo", key);
        assert_eq!(parse("foo/17/manifest.json"), Some("17"));
        for key in [
            "foobar/17/manifest.json",
            "foo/manifest.json",
            "foo//manifest.json",
            "foo/17/data/manifest.json",
            "foo/latest/manifest.json",
            "foo/_commits/manifest.json",
            "datasets/foo/17/manifest.json",
        ] {
            assert_eq!(parse(key), None, "{key:?}");
        }
    }
}
