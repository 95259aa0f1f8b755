//! One simulated process: its operations on the disk, their count, trace and faults, and its death.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::world::{DirNode, FileNode, Holder, Node, World};
use super::{DEAD, Fault, Op, Step, locked};
use crate::store::disk::{Dir, Disk, Doubts, Entries, Entry, Errno, File, Identity, Io, Kind};
use crate::store::key::is_temporary;

type Plan = Box<dyn FnMut(usize, &Step) -> Option<Fault> + Send>;

/// A process. Clones are the same process.
#[derive(Clone)]
pub(crate) struct SimProcess(Arc<Process>);

struct Process {
    world: Arc<Mutex<World>>,
    id: u64,
    state: Mutex<State>,
    plan: Mutex<Option<Plan>>,
    handles: AtomicU64,
    doubts: Doubts,
}

#[derive(Default)]
struct State {
    trace: Vec<Step>,
    dead: bool,
}

/// How an operation that is not simply refused goes on.
enum Course {
    Well,
    Short(usize),
    Skip,
    Then(Errno),
    ThenDie,
}

impl Process {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn die(&self) {
        self.state().dead = true;
        locked(&self.world).release(|_, holder| holder.process == self.id);
    }

    /// Counts an operation and looks up its fate. `syncs`: what a sync may lose if it fails.
    fn begin(&self, op: Op, path: &str, syncs: Option<u64>) -> Io<Course> {
        let (index, step) = {
            let mut state = self.state();
            if state.dead {
                return Err(DEAD);
            }
            let step = Step { op, path: shown(path) };
            state.trace.push(step.clone());
            (state.trace.len() - 1, step)
        };
        // No lock but the plan's is held, so that a plan may act on the disk through another process.
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        match plan.as_mut().and_then(|plan| plan(index, &step)) {
            None => Ok(Course::Well),
            Some(Fault::Fail(errno)) => {
                if let Some(inode) = syncs.filter(|_| errno != Errno::INTR) {
                    locked(&self.world).fail_sync(inode);
                }
                Err(errno)
            }
            Some(Fault::After(errno)) => Ok(Course::Then(errno)),
            Some(Fault::Short(most)) => Ok(Course::Short(most)),
            Some(Fault::Skip) => Ok(Course::Skip),
            Some(Fault::Crash) => {
                self.die();
                Err(DEAD)
            }
            Some(Fault::CrashAfter) => Ok(Course::ThenDie),
        }
    }

    fn run<T>(
        &self,
        op: Op,
        path: &str,
        syncs: Option<u64>,
        work: impl FnOnce(&mut World, Option<usize>) -> Io<T>,
    ) -> Io<T> {
        let course = self.begin(op, path, syncs)?;
        let most = if let Course::Short(most) = course { Some(most) } else { None };
        let mut world = locked(&self.world);
        let kept = match (syncs, &course) {
            (Some(inode), Course::Skip) => world.nodes.get(&inode).cloned().map(|node| (inode, node)),
            _ => None,
        };
        let done = work(&mut world, most);
        world.nodes.extend(kept);
        drop(world);
        match course {
            Course::Well | Course::Short(_) | Course::Skip => done,
            Course::Then(errno) => done.and(Err(errno)),
            Course::ThenDie => {
                self.die();
                Err(DEAD)
            }
        }
    }
}

fn shown(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    if is_temporary(name) {
        return format!("{}.lode-*.tmp", &path[..path.len() - name.len()]);
    }
    path.to_owned()
}

fn identity(inode: u64) -> Identity {
    Identity { device: 1, inode, born: 0 }
}

impl SimProcess {
    pub(super) fn new(world: Arc<Mutex<World>>, id: u64) -> Self {
        SimProcess(Arc::new(Process {
            world,
            id,
            state: Mutex::default(),
            plan: Mutex::new(None),
            handles: AtomicU64::new(0),
            doubts: Doubts::new(),
        }))
    }

    /// For [`crate::store::filesystem::Filesystem::with_disk`]; several stores may share it.
    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// Asks `plan` before every operation, with its number since the process began or [`Self::forget`]. The
    /// plan may act on the disk through another process.
    pub(crate) fn plan(&self, plan: impl FnMut(usize, &Step) -> Option<Fault> + Send + 'static) {
        *self.0.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(plan));
    }

    /// Lets the operation with this number (from 0) go wrong.
    pub(crate) fn fault_at(&self, number: usize, fault: Fault) {
        self.plan(move |index, _| (index == number).then_some(fault));
    }

    /// Lets the operation of this kind with this number (from 0, counted from now on) go wrong.
    pub(crate) fn fault_on(&self, op: Op, number: usize, fault: Fault) {
        let mut seen = 0;
        self.plan(move |_, step| {
            seen += usize::from(step.op == op);
            (step.op == op && seen == number + 1).then_some(fault)
        });
    }

    /// Lets everything go well again.
    pub(crate) fn heal(&self) {
        *self.0.plan.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Forgets the trace and counts from 0 again.
    pub(crate) fn forget(&self) {
        self.0.state().trace.clear();
    }

    /// The operations so far.
    pub(crate) fn trace(&self) -> Vec<Step> {
        self.0.state().trace.clone()
    }

    /// How many operations there were.
    pub(crate) fn operations(&self) -> usize {
        self.0.state().trace.len()
    }

    /// How many of one kind there were.
    pub(crate) fn count(&self, op: Op) -> usize {
        self.0.state().trace.iter().filter(|step| step.op == op).count()
    }

    /// Ends the process; its locks are free from then on.
    pub(crate) fn kill(&self) {
        self.0.die();
    }

    /// Whether it died.
    pub(crate) fn is_dead(&self) -> bool {
        self.0.state().dead
    }

    fn dir(&self, path: &str, inode: u64) -> Box<dyn Dir> {
        Box::new(SimDir { process: self.clone(), path: path.to_owned(), inode })
    }

    fn file(&self, path: &str, inode: u64) -> Box<dyn File> {
        let handle = self.0.handles.fetch_add(1, Ordering::Relaxed);
        let open = OpenFile { process: self.clone(), inode, handle };
        Box::new(SimFile { path: path.to_owned(), open: Arc::new(open) })
    }
}

impl Disk for SimProcess {
    fn open_dir(&self, path: &str) -> Io<Box<dyn Dir>> {
        let inode = self.0.run(Op::OpenDir, path, None, |world, _| {
            let inode = world.resolve(path)?;
            world.dir(inode).map(|_| inode)
        })?;
        Ok(self.dir(path, inode))
    }

    fn open_read(&self, path: &str) -> Io<Box<dyn File>> {
        let inode = self.0.run(Op::OpenRead, path, None, |world, _| world.resolve(path))?;
        Ok(self.file(path, inode))
    }

    fn root_exists(&self) -> bool {
        true
    }

    fn doubts(&self) -> &Doubts {
        &self.0.doubts
    }

    fn doubt_prefix(&self) -> &str {
        ""
    }
}

struct SimDir {
    process: SimProcess,
    path: String,
    inode: u64,
}

impl SimDir {
    fn below(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }

    fn run<T>(&self, op: Op, name: &str, work: impl FnOnce(&mut World) -> Io<T>) -> Io<T> {
        self.process.0.run(op, &self.below(name), None, |world, _| work(world))
    }
}

impl Dir for SimDir {
    fn identity(&self) -> Io<Identity> {
        self.process.0.run(Op::Identity, &self.path, None, |_, _| Ok(identity(self.inode)))
    }

    fn open_dir(&self, name: &str) -> Io<Box<dyn Dir>> {
        let inode = self.run(Op::OpenDir, name, |world| {
            let inode = world.lookup(self.inode, name)?;
            world.dir(inode).map(|_| inode)
        })?;
        Ok(self.process.dir(&self.below(name), inode))
    }

    fn open_read(&self, name: &str) -> Io<Box<dyn File>> {
        let inode = self.run(Op::OpenRead, name, |world| world.lookup(self.inode, name))?;
        Ok(self.process.file(&self.below(name), inode))
    }

    fn create(&self, name: &str) -> Io<Box<dyn File>> {
        let inode = self.run(Op::Create, name, |world| {
            let node = Node::File(FileNode { modified: world.clock, ..FileNode::default() });
            world.add(self.inode, name, node)
        })?;
        Ok(self.process.file(&self.below(name), inode))
    }

    fn open_lock(&self, name: &str) -> Io<Box<dyn File>> {
        let inode = self.run(Op::OpenLock, name, |world| match world.lookup(self.inode, name) {
            Err(Errno::NOENT) => world.add(self.inode, name, Node::File(FileNode::default())),
            answer => answer,
        })?;
        Ok(self.process.file(&self.below(name), inode))
    }

    fn make_dir(&self, name: &str) -> Io<()> {
        let node = Node::Dir(DirNode::default());
        self.run(Op::MakeDir, name, |world| world.add(self.inode, name, node).map(|_| ()))
    }

    fn remove_dir(&self, name: &str) -> Io<()> {
        self.run(Op::RemoveDir, name, |world| world.remove_dir(self.inode, name))
    }

    fn link(&self, from: &str, to: &str) -> Io<()> {
        self.run(Op::Link, to, |world| world.link(self.inode, from, to))
    }

    fn rename(&self, from: &str, to: &str) -> Io<()> {
        self.run(Op::Rename, to, |world| world.rename(self.inode, from, to, true))
    }

    fn rename_noreplace(&self, from: &str, to: &str) -> Io<()> {
        self.run(Op::RenameNoReplace, to, |world| world.rename(self.inode, from, to, false))
    }

    fn unlink(&self, name: &str) -> Io<()> {
        self.run(Op::Unlink, name, |world| world.unlink(self.inode, name))
    }

    fn stat(&self, name: &str) -> Io<(Kind, Identity)> {
        self.run(Op::Stat, name, |world| {
            let inode = world.lookup(self.inode, name)?;
            Ok((world.kind(inode), identity(inode)))
        })
    }

    fn sync(&self) -> Io<()> {
        let inode = self.inode;
        self.process.0.run(Op::SyncDir, &self.path, Some(inode), |world, _| world.sync_dir(inode))
    }

    fn entries(self: Box<Self>) -> Io<Entries> {
        let entries = self.process.0.run(Op::Entries, &self.path, None, |world, _| {
            let names: Vec<_> = world.dir(self.inode)?.entries.clone().into_iter().collect();
            let entry = |(name, inode)| Ok(Entry { name, kind: world.kind(inode) });
            Ok(names.into_iter().map(entry).collect::<Vec<_>>())
        })?;
        Ok(Box::new(entries.into_iter()))
    }
}

/// What the descriptors of one open file share; the last to be closed gives its lock back.
struct OpenFile {
    process: SimProcess,
    inode: u64,
    handle: u64,
}

impl OpenFile {
    fn holder(&self, shares: bool) -> Holder {
        Holder { handle: self.handle, process: self.process.0.id, shares }
    }

    fn release(&self, world: &mut World) {
        let own = self.holder(false);
        world.release(|inode, holder| {
            inode == self.inode && (holder.handle, holder.process) == (own.handle, own.process)
        });
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.release(&mut locked(&self.process.0.world));
    }
}

struct SimFile {
    path: String,
    open: Arc<OpenFile>,
}

impl SimFile {
    fn run<T>(&self, op: Op, work: impl FnOnce(&mut World, Option<usize>) -> Io<T>) -> Io<T> {
        let syncs = (op == Op::SyncFile).then_some(self.open.inode);
        self.open.process.0.run(op, &self.path, syncs, work)
    }

    fn lock(&self, op: Op, shares: bool) -> Io<()> {
        self.run(op, |world, _| world.lock(self.open.inode, self.open.holder(shares)))
    }
}

impl File for SimFile {
    fn write(&mut self, data: &[u8]) -> Io<usize> {
        self.run(Op::Write, |world, most| {
            let count = most.unwrap_or(data.len()).min(data.len());
            let clock = world.clock;
            let file = world.file(self.open.inode)?;
            file.data.extend_from_slice(&data[..count]);
            file.modified = clock;
            Ok(count)
        })
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Io<usize> {
        self.run(Op::Read, |world, most| {
            let data = &world.file(self.open.inode)?.data;
            let rest = usize::try_from(offset).ok().and_then(|at| data.get(at..)).unwrap_or_default();
            // A read of 0 bytes would mean the end.
            let count = rest.len().min(buffer.len()).min(most.map_or(usize::MAX, |most| most.max(1)));
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
    }

    fn info(&self) -> Io<(Kind, u64)> {
        self.run(Op::Info, |world, _| match world.nodes.get(&self.open.inode) {
            Some(Node::File(file)) => Ok((Kind::File, file.data.len() as u64)),
            _ => Ok((Kind::Directory, 0)),
        })
    }

    fn modified(&self) -> Io<i128> {
        self.run(Op::Info, |world, _| world.file(self.open.inode).map(|file| file.modified))
    }

    fn sync(&mut self) -> Io<()> {
        self.run(Op::SyncFile, |world, _| world.sync_file(self.open.inode))
    }

    fn start_writeback(&mut self, _offset: u64, _length: u64) {
        let _ = self.run(Op::Writeback, |_, _| Ok(()));
    }

    fn try_lock(&mut self) -> Io<()> {
        self.lock(Op::Lock, false)
    }

    fn try_lock_shared(&mut self) -> Io<()> {
        self.lock(Op::LockShared, true)
    }

    fn identity(&self) -> Io<Identity> {
        self.run(Op::Info, |_, _| Ok(identity(self.open.inode)))
    }

    fn unlock(&mut self) -> Io<()> {
        self.run(Op::Unlock, |world, _| {
            self.open.release(world);
            Ok(())
        })
    }

    fn duplicate(&self) -> Io<Box<dyn File>> {
        self.run(Op::Duplicate, |_, _| Ok(()))?;
        Ok(Box::new(SimFile { path: self.path.clone(), open: Arc::clone(&self.open) }))
    }

    fn close(self: Box<Self>) -> Io<()> {
        self.run(Op::Close, |_, _| Ok(()))
    }
}
