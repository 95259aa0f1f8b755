//! `lode cp`: a dataset or a volume in another store, verified on the way.

use std::collections::HashSet;

use lode_core::catalog::Catalog;
use lode_core::checksum::Checksum;
use lode_core::context::{CallOptions, Context};
use lode_core::dataset::{BlobReader, Dataset, ReadOptions, Snapshot};
use lode_core::layout::Layout;
use lode_core::manifest::Manifest;
use lode_core::store::{Durability, Put, Store};
use lode_core::{Error, Status};
use serde_json::json;

use crate::args::Cp;
use crate::failure::{Failure, Result};
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::signals::Interrupts;
use crate::store;

/// How many bytes are copied at once.
const PIECE: usize = 1 << 20;

/// The slot of the first commit.
const ROOT: &str = "root";

/// Runs the subcommand.
pub fn run(options: &Cp) -> Result<()> {
    let interrupts = Interrupts::catch(true)?;
    let from = store::open(&options.from, false)?;
    let (dataset, head) = if options.volume {
        let volume = store::open_volume(&from, &options.dataset)?;
        let head = volume.latest(&CallOptions::default())?;
        (volume, head)
    } else {
        store::open_existing(&from, &options.dataset, options.layout)?
    };
    let to = store::open(&options.to, true)?;
    let call = CallOptions { cancel: Some(interrupts.cancel_token()), ..CallOptions::default() };
    let chain = chain(&dataset, &head, &call)?;
    let stored = stored(&chain)?;
    let total = stored.iter().map(|object| object.size).sum();
    let mut copy = Copy {
        layout: dataset.options().layout,
        dataset: options.dataset.as_str(),
        from: &from,
        to: &to,
        call,
        progress: Progress::new(options.quiet, Some(total)),
        seen: 0,
        written: 0,
        objects: 0,
    };
    copy.refuse_another_history(&chain)?;
    let result = copy.run(&chain, &stored);
    interrupts.check()?;
    result?;
    let (objects, written) = (copy.objects, copy.written);
    drop(copy);
    let mut output = Output::new();
    if options.json {
        let described = json!({
            "head": head.id(),
            "snapshots": chain.len(),
            "bytes": total,
            "written_objects": objects,
            "written_bytes": written,
        });
        output.json(&described)?;
    } else {
        output.line(&format!(
            "{} snapshots, {}, verified; {} objects with {} were written; the head is {}",
            output::number(chain.len() as u64),
            output::bytes(total),
            output::number(objects),
            output::bytes(written),
            head.id()
        ))?;
    }
    output.flush()
}

/// The snapshot and its ancestors, the oldest first.
fn chain(dataset: &Dataset, head: &Snapshot, call: &CallOptions) -> Result<Vec<Snapshot>> {
    let mut chain = vec![head.clone()];
    while let Some(parent) = chain.last().and_then(|last| last.manifest().parent_snapshot_id.clone()) {
        chain.push(dataset.snapshot(&parent, call)?);
    }
    chain.reverse();
    Ok(chain)
}

/// An object that holds data.
struct Stored {
    path: String,
    size: u64,
    /// Its checksum, and what that is computed by.
    checksum: Option<(Checksum, String)>,
}

/// The data files and blocks of all snapshots, each once.
fn stored(chain: &[Snapshot]) -> Result<Vec<Stored>> {
    let (mut all, mut met) = (Vec::new(), HashSet::new());
    for manifest in chain.iter().map(Snapshot::manifest) {
        for file in manifest.files.iter().filter(|file| met.insert(file.path.clone())) {
            let algorithm = checksum_of(manifest)?;
            let checksum = algorithm.and_then(|algorithm| Some((algorithm, file.checksum.clone()?)));
            all.push(Stored { path: file.path.clone(), size: file.size_bytes, checksum });
        }
        for block in manifest.address_space.iter().flat_map(|space| space.blocks.as_slice()) {
            let path = block.path(&manifest.dataset_id);
            if met.insert(path.clone()) {
                let checksum =
                    block.sum.checksum().and_then(|algorithm| Some((algorithm, block.sum.text()?)));
                all.push(Stored { path, size: block.length, checksum });
            }
        }
    }
    Ok(all)
}

struct Copy<'a> {
    layout: Layout,
    dataset: &'a str,
    from: &'a Store,
    to: &'a Store,
    call: CallOptions,
    progress: Progress,
    /// Bytes of data files that are known to be there.
    seen: u64,
    /// Bytes that were written.
    written: u64,
    /// Objects that were written.
    objects: u64,
}

impl Copy<'_> {
    /// A dataset of this name that is not an older copy must not be mixed with it.
    fn refuse_another_history(&self, chain: &[Snapshot]) -> Result<()> {
        let (what, there) = match self.layout {
            Layout::Volume => ("volume", store::open_volume(self.to, self.dataset)?),
            layout => ("dataset", store::open_to_read(self.to, self.dataset, layout)?),
        };
        match there.latest(&self.call) {
            Ok(theirs) if chain.iter().any(|snapshot| snapshot.id() == theirs.id()) => Ok(()),
            Ok(theirs) => Err(Failure::other(format_args!(
                "the {what} {:?} that is there already has the newest snapshot {}, which is not in the history that is to \
                 be copied",
                self.dataset,
                theirs.id()
            ))),
            Err(error) if error.status() == Status::NoSnapshots => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Data before slots, slots before manifests, the pointer last: as a commit does it.
    fn run(&mut self, chain: &[Snapshot], stored: &[Stored]) -> Result<()> {
        stored.iter().try_for_each(|object| self.data(object))?;
        self.slots(chain)?;
        for snapshot in chain {
            for key in self.manifest_keys(snapshot.manifest()) {
                self.small_object(&key)?;
            }
        }
        self.pointer(chain)
    }

    fn data(&mut self, object: &Stored) -> Result<()> {
        let before = self.seen;
        let context = Context::start(&self.call);
        let backend = self.to.backend();
        // An upload may replace what is there.
        if backend.head(&context, &object.path)?.is_some() {
            self.seen += object.size;
            self.progress.set(self.seen, object.path.as_str());
            return self.compare(&object.path);
        }
        let mut upload = backend.upload(&context, &object.path, Durability::Full)?;
        let mut reader = self.reader(self.from, &object.path)?;
        let mut hasher = object.checksum.as_ref().and_then(|(algorithm, _)| algorithm.hasher());
        let mut buffer = vec![0; PIECE];
        loop {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            if let Some(hasher) = &mut hasher {
                hasher.update(&buffer[..count]);
            }
            upload.write(&context, &buffer[..count])?;
            self.seen += count as u64;
            self.progress.set(self.seen, object.path.as_str());
        }
        let size = self.seen - before;
        check(object, size, hasher.map(lode_core::checksum::Hasher::finish))?;
        match upload.finish(&context) {
            Put::Done => {
                self.objects += 1;
                self.written += size;
                Ok(())
            }
            Put::Exists => self.compare(&object.path),
            Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error) => Err(error.into()),
        }
    }

    fn reader(&self, store: &Store, key: &str) -> Result<BlobReader> {
        let options = ReadOptions { call: self.call.clone(), ..ReadOptions::default() };
        Ok(Catalog::open(store, self.layout).object(key, options)?)
    }

    /// What is there already must be the same.
    fn compare(&self, key: &str) -> Result<()> {
        let (mut ours, mut theirs) = (self.reader(self.from, key)?, self.reader(self.to, key)?);
        let (mut a, mut b) = (vec![0; PIECE], vec![0; PIECE]);
        loop {
            let count = ours.read(&mut a)?;
            if count != theirs.read(&mut b)? || a[..count] != b[..count] {
                let message = format!("the object {key:?} is there already with other bytes");
                return Err(Error::new(Status::PathExists, message).with_path(key).into());
            }
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// The slots that decided these snapshots, and the payloads that they name. A slot of the head decides
    /// what comes after it, which is not copied.
    fn slots(&mut self, chain: &[Snapshot]) -> Result<()> {
        let prefix = self.layout.slots_prefix(self.dataset);
        let ids: HashSet<&str> = chain.iter().map(Snapshot::id).collect();
        let head = chain.last().map_or("", Snapshot::id);
        let (mut payloads, mut slots) = (Vec::new(), Vec::new());
        let mut keys = self.from.list(&prefix, &self.call)?;
        while let Some(key) = keys.next()? {
            let Some(name) = key.strip_prefix(&prefix) else { continue };
            match name.strip_suffix(".payload").and_then(|rest| rest.rsplit_once('-')) {
                Some((child, _)) if ids.contains(child) => payloads.push(key),
                Some(_) => {}
                None if name == ROOT || (name != head && ids.contains(name)) => slots.push(key),
                None => {}
            }
        }
        payloads.iter().chain(&slots).try_for_each(|key| self.small_object(key))
    }

    /// Where the manifest lies: the copies of partitions first, the one that counts last.
    fn manifest_keys(&self, manifest: &Manifest) -> Vec<String> {
        let id = &manifest.snapshot_id;
        let partitions =
            manifest.files.iter().filter_map(|file| self.layout.partition_of(self.dataset, &file.path));
        let mut keys: Vec<String> = partitions
            .map(|partition| self.layout.partition_manifest_path(self.dataset, partition, id))
            .collect();
        keys.sort();
        keys.dedup();
        keys.push(self.layout.manifest_path(self.dataset, id));
        keys
    }

    fn small_object(&mut self, key: &str) -> Result<()> {
        let Some(bytes) = self.from.get(key, &self.call)? else { return Ok(()) };
        match self.to.put(key, &bytes, &self.call) {
            Ok(()) => {
                self.objects += 1;
                self.written += bytes.len() as u64;
                Ok(())
            }
            Err(error) if error.status() == Status::PathExists => self.compare(key),
            Err(error) => Err(error.into()),
        }
    }

    fn pointer(&mut self, chain: &[Snapshot]) -> Result<()> {
        let Some(head) = chain.last() else { return Ok(()) };
        let key = self.layout.latest_path(self.dataset);
        let there = self.to.get(&key, &self.call)?.unwrap_or_default();
        if there == head.id().as_bytes() {
            return Ok(());
        }
        self.to.compare_and_swap(&key, &there, head.id().as_bytes(), &self.call)?;
        self.objects += 1;
        Ok(())
    }
}

fn checksum_of(manifest: &Manifest) -> Result<Option<Checksum>> {
    let Some(name) = &manifest.checksum_algorithm else { return Ok(None) };
    let checksum = Checksum::from_name(name).ok_or_else(|| {
        Failure::other(format_args!(
            "snapshot {} has the checksum {name:?}, which cannot be verified",
            manifest.snapshot_id
        ))
    })?;
    Ok(Some(checksum))
}

fn check(object: &Stored, size: u64, checksum: Option<String>) -> Result<()> {
    let message = if size != object.size {
        format!("the object {:?} has {size} bytes, expected {}", object.path, object.size)
    } else if let (Some(found), Some((_, expected))) = (checksum, &object.checksum)
        && found != *expected
    {
        format!("the object {:?} has the checksum {found}, expected {expected}", object.path)
    } else {
        return Ok(());
    };
    Err(Error::new(Status::Corrupt, message).with_path(&object.path).into())
}
