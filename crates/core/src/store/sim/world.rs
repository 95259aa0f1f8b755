//! The state of the simulated disk: what processes see, and what of it is synced.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::disk::{Errno, Io, Kind};

/// The root directory's inode number.
pub(super) const ROOT: u64 = 1;

#[derive(Clone, Debug)]
pub(super) enum Node {
    File(FileNode),
    Dir(DirNode),
}

#[derive(Clone, Debug, Default)]
pub(super) struct FileNode {
    pub(super) data: Vec<u8>,
    /// The bytes as of the last sync.
    pub(super) synced: Vec<u8>,
    /// A sync failed: no later one keeps anything, though it may say so.
    pub(super) stuck: bool,
    /// When it was last written, by the disk's clock.
    pub(super) modified: i128,
}

#[derive(Clone, Debug, Default)]
pub(super) struct DirNode {
    pub(super) entries: BTreeMap<String, u64>,
    /// The entries as of the last sync.
    pub(super) synced: BTreeMap<String, u64>,
    /// What names have meant since then, the present meaning last; `None`: nothing.
    pub(super) changes: BTreeMap<String, Vec<Option<u64>>>,
    /// Names that were unsynced when a sync failed: no later sync makes them durable.
    pub(super) stuck: BTreeSet<String>,
    pub(super) removed: bool,
}

/// Who holds a file's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// The open file.
    pub(super) handle: u64,
    pub(super) process: u64,
    /// Others may hold the lock, too.
    pub(super) shares: bool,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) nodes: BTreeMap<u64, Node>,
    pub(super) next: u64,
    /// Locked file to those who hold its lock: one alone, or several who share it.
    pub(super) locks: BTreeMap<u64, Vec<Holder>>,
    /// In nanoseconds; it stands still unless a test moves it.
    pub(super) clock: i128,
    pub(super) hard_links: bool,
    pub(super) rename_noreplace: bool,
    pub(super) lockable: bool,
}

impl World {
    pub(super) fn new() -> Self {
        World {
            nodes: BTreeMap::from([(ROOT, Node::Dir(DirNode::default()))]),
            next: ROOT + 1,
            locks: BTreeMap::new(),
            clock: 0,
            hard_links: true,
            rename_noreplace: true,
            lockable: true,
        }
    }

    pub(super) fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Gives this holder the lock, in place of one that the same open file has.
    pub(super) fn lock(&mut self, inode: u64, holder: Holder) -> Io<()> {
        if !self.lockable {
            return Err(Errno::OPNOTSUPP);
        }
        let holders = self.locks.entry(inode).or_default();
        let is_same = |other: &Holder| (other.handle, other.process) == (holder.handle, holder.process);
        let excludes = |other: &Holder| !other.shares || !holder.shares;
        if holders.iter().any(|other| !is_same(other) && excludes(other)) {
            return Err(Errno::WOULDBLOCK);
        }
        holders.retain(|other| !is_same(other));
        holders.push(holder);
        Ok(())
    }

    /// Takes the locks back that `held` tells of.
    pub(super) fn release(&mut self, held: impl Fn(u64, &Holder) -> bool) {
        self.locks.retain(|inode, holders| {
            holders.retain(|holder| !held(*inode, holder));
            !holders.is_empty()
        });
    }

    pub(super) fn kind(&self, inode: u64) -> Kind {
        match self.nodes.get(&inode) {
            Some(Node::Dir(_)) => Kind::Directory,
            _ => Kind::File,
        }
    }

    pub(super) fn dir(&mut self, inode: u64) -> Io<&mut DirNode> {
        match self.nodes.get_mut(&inode) {
            Some(Node::Dir(dir)) => Ok(dir),
            Some(Node::File(_)) => Err(Errno::NOTDIR),
            None => Err(Errno::NOENT),
        }
    }

    pub(super) fn file(&mut self, inode: u64) -> Io<&mut FileNode> {
        match self.nodes.get_mut(&inode) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Dir(_)) => Err(Errno::ISDIR),
            None => Err(Errno::NOENT),
        }
    }

    pub(super) fn lookup(&mut self, dir: u64, name: &str) -> Io<u64> {
        if name.len() > 255 {
            return Err(Errno::NAMETOOLONG);
        }
        self.dir(dir)?.entries.get(name).copied().ok_or(Errno::NOENT)
    }

    pub(super) fn resolve(&mut self, path: &str) -> Io<u64> {
        let mut at = ROOT;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            at = self.lookup(at, segment)?;
        }
        Ok(at)
    }

    /// Changes what a name means.
    pub(super) fn set(&mut self, dir: u64, name: &str, to: Option<u64>) -> Io<()> {
        let dir = self.dir(dir)?;
        if dir.removed && to.is_some() {
            return Err(Errno::NOENT);
        }
        match to {
            Some(inode) => dir.entries.insert(name.to_owned(), inode),
            None => dir.entries.remove(name),
        };
        dir.changes.entry(name.to_owned()).or_default().push(to);
        Ok(())
    }

    pub(super) fn add(&mut self, dir: u64, name: &str, node: Node) -> Io<u64> {
        match self.lookup(dir, name) {
            Ok(_) => return Err(Errno::EXIST),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        let inode = self.next;
        self.set(dir, name, Some(inode))?;
        self.nodes.insert(inode, node);
        self.next += 1;
        Ok(inode)
    }

    pub(super) fn link(&mut self, dir: u64, from: &str, to: &str) -> Io<()> {
        let inode = self.lookup(dir, from)?;
        match self.lookup(dir, to) {
            Ok(_) => Err(Errno::EXIST),
            Err(Errno::NOENT) if self.hard_links => self.set(dir, to, Some(inode)),
            Err(Errno::NOENT) => Err(Errno::PERM),
            Err(errno) => Err(errno),
        }
    }

    pub(super) fn rename(&mut self, dir: u64, from: &str, to: &str, replace: bool) -> Io<()> {
        if !replace && !self.rename_noreplace {
            return Err(Errno::INVAL);
        }
        let inode = self.lookup(dir, from)?;
        match self.lookup(dir, to) {
            Ok(_) if !replace => return Err(Errno::EXIST),
            Ok(there) if self.kind(there) == Kind::Directory => return Err(Errno::ISDIR),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        self.set(dir, from, None)?;
        self.set(dir, to, Some(inode))
    }

    pub(super) fn unlink(&mut self, dir: u64, name: &str) -> Io<()> {
        let inode = self.lookup(dir, name)?;
        if self.kind(inode) == Kind::Directory {
            return Err(Errno::ISDIR);
        }
        self.set(dir, name, None)
    }

    pub(super) fn remove_dir(&mut self, dir: u64, name: &str) -> Io<()> {
        let inode = self.lookup(dir, name)?;
        let node = self.dir(inode)?;
        if !node.entries.is_empty() {
            return Err(Errno::NOTEMPTY);
        }
        node.removed = true;
        self.set(dir, name, None)
    }

    pub(super) fn sync_dir(&mut self, inode: u64) -> Io<()> {
        let dir = self.dir(inode)?;
        let changes = std::mem::take(&mut dir.changes);
        for (name, values) in changes {
            if dir.stuck.contains(&name) {
                dir.changes.insert(name, values);
            } else if let Some(Some(inode)) = values.last() {
                dir.synced.insert(name, *inode);
            } else {
                dir.synced.remove(&name);
            }
        }
        Ok(())
    }

    pub(super) fn sync_file(&mut self, inode: u64) -> Io<()> {
        if let Some(Node::Dir(_)) = self.nodes.get(&inode) {
            return self.sync_dir(inode);
        }
        let file = self.file(inode)?;
        if !file.stuck {
            file.synced.clone_from(&file.data);
        }
        Ok(())
    }

    /// What a sync was to keep may now be lost, although later syncs succeed.
    pub(super) fn fail_sync(&mut self, inode: u64) {
        match self.nodes.get_mut(&inode) {
            Some(Node::File(file)) => file.stuck |= file.synced != file.data,
            Some(Node::Dir(dir)) => {
                let unsynced: Vec<_> = dir.changes.keys().cloned().collect();
                dir.stuck.extend(unsynced);
            }
            None => {}
        }
    }

    fn walk(&self, mut each: impl FnMut(&str, &Node)) {
        let mut stack = vec![(String::new(), ROOT)];
        while let Some((path, inode)) = stack.pop() {
            let Some(node) = self.nodes.get(&inode) else { continue };
            each(&path, node);
            if let Node::Dir(dir) = node {
                for (name, inode) in &dir.entries {
                    let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                    stack.push((below, *inode));
                }
            }
        }
    }

    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        self.walk(|path, node| {
            if let Node::File(file) = node {
                files.insert(path.to_owned(), file.data.clone());
            }
        });
        files
    }

    pub(super) fn directories(&self) -> Vec<String> {
        let mut dirs = Vec::new();
        self.walk(|path, node| {
            if matches!(node, Node::Dir(_)) && !path.is_empty() {
                dirs.push(path.to_owned());
            }
        });
        dirs.sort();
        dirs
    }

    pub(super) fn remove(&mut self, path: &str) {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let dir = self.resolve(above).expect("a directory");
        self.unlink(dir, name).expect("a file");
    }

    pub(super) fn append(&mut self, path: &str, data: &[u8]) {
        let inode = self.resolve(path).expect("a path");
        self.file(inode).expect("a file").data.extend_from_slice(data);
    }

    pub(super) fn plant(&mut self, path: &str, data: &[u8]) {
        let mut dir = ROOT;
        let mut segments = path.split('/').peekable();
        while let Some(name) = segments.next() {
            let last = segments.peek().is_none();
            let existing = self.lookup(dir, name).ok().filter(|_| !last);
            let inode = existing.unwrap_or_else(|| {
                let inode = self.fresh();
                let node = if last {
                    let (data, synced) = (data.to_vec(), data.to_vec());
                    Node::File(FileNode { data, synced, stuck: false, modified: self.clock })
                } else {
                    Node::Dir(DirNode::default())
                };
                self.nodes.insert(inode, node);
                inode
            });
            if let Ok(dir) = self.dir(dir) {
                dir.entries.insert(name.to_owned(), inode);
                dir.synced.insert(name.to_owned(), inode);
                dir.changes.remove(name);
            }
            dir = inode;
        }
    }
}
