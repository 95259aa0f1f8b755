//! How much memory reading a manifest takes: at most three times its size, its own bytes included. A process
//! of its own, because the allocator that counts is the whole process's.

use std::alloc::{GlobalAlloc, Layout as Block, System};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use lode_core::Status;
use lode_core::context::CallOptions;
use lode_core::dataset::{Dataset, DatasetOptions};
use lode_core::store::{Store, StoreOptions};

/// The system's allocator, with the bytes that are held and the most that were.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn took(bytes: usize) {
    MOST.fetch_max(HELD.fetch_add(bytes, Ordering::Relaxed) + bytes, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, block: Block) -> *mut u8 {
        took(block.size());
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(block) }
    }

    unsafe fn dealloc(&self, at: *mut u8, block: Block) {
        HELD.fetch_sub(block.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, block) }
    }

    // The system moves pages of what is large; it does not hold both.
    unsafe fn realloc(&self, at: *mut u8, block: Block, size: usize) -> *mut u8 {
        HELD.fetch_sub(block.size(), Ordering::Relaxed);
        took(size);
        // SAFETY: as above.
        unsafe { System.realloc(at, block, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ID: &str = "1700000000000000001";
const MIB: usize = 1 << 20;

/// A store in a folder that goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("lode-manifest-memory-{}", std::process::id()));
        fs::create_dir_all(path.join("datasets/events/snapshots").join(ID)).expect("a folder");
        fs::write(path.join("datasets/events/latest"), ID).expect("a pointer");
        Folder(path)
    }

    fn put_manifest(&self, metadata: &str, files: &str, more: &str) -> usize {
        let manifest = format!(
            "{{\"schema_name\":\"lode-manifest\",\"format_version\":\"1.0.0\",\"dataset_id\":\"events\",\
             \"snapshot_id\":\"{ID}\",\"created_at\":\"2023-11-14T22:13:20Z\",\"metadata\":{metadata},\
             \"files\":{files},\"row_count\":0,\"compressor\":\"noop\",\"partitioner\":\"noop\"{more}}}"
        );
        let path = self.0.join("datasets/events/snapshots").join(ID).join("manifest.json");
        fs::write(path, &manifest).expect("a manifest");
        manifest.len()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Pieces, as many as make so many MiB, with commas between.
fn pieces(mib: usize, piece: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(mib * MIB + 4096);
    for number in 0.. {
        if text.len() >= mib * MIB {
            break;
        }
        if number > 0 {
            text.push(',');
        }
        text.push_str(&piece(number));
    }
    text
}

/// A file as the Go library writes it, with the shortest entry that it may have, or with all that it may
/// have.
fn file(number: usize, rest: &str) -> String {
    format!(
        "\n    {{\n      \"path\": \"datasets/events/partitions/p={number:07}/segments/{ID}/data/data\",\n      \
         \"size_bytes\": 12{rest}\n    }}"
    )
}

#[test]
fn reading_a_long_manifest_takes_at_most_three_times_its_size() {
    let folder = Folder::new();
    let store = Store::open_filesystem(folder.0.to_str().expect("UTF-8"), StoreOptions::default())
        .expect("the store opens");
    let dataset = Dataset::open(&store, "events", DatasetOptions::default()).expect("the dataset opens");
    let call = CallOptions::default();

    let checksum = ",\n      \"checksum\": \"0011223344556677\"";
    let columns = pieces(40, |number| {
        format!(
            "{{\"name\":\"c{number}\",\"min\":{number},\"max\":\"z\",\"null_count\":0,\"distinct_count\":2}}"
        )
    });
    let cases = [
        ("files", "{}".to_owned(), format!("[{}]", pieces(200, |number| file(number, ""))), String::new()),
        (
            "checksums",
            "{}".to_owned(),
            format!("[{}]", pieces(40, |number| file(number, checksum))),
            String::new(),
        ),
        (
            "columns",
            "{}".to_owned(),
            format!("[{}]", file(0, &format!(",\"stats\":{{\"row_count\":1,\"columns\":[{columns}]}}"))),
            String::new(),
        ),
        (
            "members of the metadata",
            format!("{{{}}}", pieces(40, |number| format!("\"{number:09}\":{number}"))),
            "[]".to_owned(),
            String::new(),
        ),
        ("one text", format!("{{\"a\":\"{}\"}}", "x".repeat(200 * MIB)), "[]".to_owned(), String::new()),
        (
            "one escaped text",
            format!("{{\"a\":\"{}\"}}", "\\n".repeat(20 * MIB)),
            "[]".to_owned(),
            String::new(),
        ),
        (
            "nesting",
            format!("{{\"a\":{}{}}}", "[".repeat(20 * MIB), "]".repeat(20 * MIB)),
            "[]".to_owned(),
            String::new(),
        ),
        (
            "an unknown key",
            "{}".to_owned(),
            "[]".to_owned(),
            format!(",\"later\":[{}]", pieces(40, |n| n.to_string())),
        ),
    ];
    for (what, metadata, files, more) in cases {
        let size = folder.put_manifest(&metadata, &files, &more);
        drop((metadata, files, more));
        let before = HELD.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let snapshot = dataset.latest(&call).unwrap_or_else(|error| panic!("{what}: {error:.500}"));
        let most = MOST.load(Ordering::Relaxed) - before;
        assert_eq!(snapshot.manifest_json().len(), size, "{what}");
        assert!(most <= 3 * size, "{what}: {} MiB of memory for {} MiB", most / MIB, size / MIB);
        println!("{what}: {:.2} times the size", most as f64 / size as f64);
    }

    // What would take more is refused before it does.
    let dense = [
        (
            "files",
            "{}".to_owned(),
            format!("[{}]", pieces(40, |_| "{\"path\":\"datasets/events/x\"}".to_owned())),
        ),
        (
            "metadata",
            format!("{{{}}}", pieces(40, |number| format!("\"{}\":0", 9_999_999 - number))),
            "[]".to_owned(),
        ),
    ];
    for (what, metadata, files) in dense {
        let size = folder.put_manifest(&metadata, &files, "");
        drop((metadata, files));
        let before = HELD.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let error = dataset.latest(&call).err().expect(what);
        let most = MOST.load(Ordering::Relaxed) - before;
        assert_eq!(error.status(), Status::ManifestInvalid, "{what}: {error}");
        assert!(error.message().contains("three times the manifest's size"), "{what}: {error}");
        assert!(most <= 3 * size, "{what}: {} MiB of memory for {} MiB", most / MIB, size / MIB);
    }
}
