//! Listing: a walk with its own stack of open directories, as deep as the tree, so that its memory does not
//! grow with the number of objects. Symbolic links are not followed and not shown, as no key leads through
//! one.

use super::{Core, join};
use crate::context::Context;
use crate::error::Result;
use crate::store::disk::{Entries, Errno, Kind, retry};
use crate::store::key::{self, is_temporary};

/// After how many entries of a listing the context is checked.
const ENTRIES_PER_CHECK: u32 = 1024;

/// Counts the entries that a listing has passed, shown or not.
#[derive(Default)]
struct Passed(u32);

impl Passed {
    fn one(&mut self, context: &Context) -> Result<()> {
        self.0 += 1;
        if self.0 < ENTRIES_PER_CHECK {
            return Ok(());
        }
        self.0 = 0;
        context.check("listing a store")
    }
}

impl Core {
    /// The directory that a prefix names, opened; `None` if nothing lies there.
    fn open_prefix(&self, prefix: &str) -> Result<Option<(String, Entries)>> {
        let path = prefix.strip_suffix('/').unwrap_or(prefix);
        if !path.is_empty() {
            key::check(path)?;
        }
        match retry(|| self.disk.open_dir(path).and_then(|dir| dir.entries())) {
            Ok(entries) => {
                if path.is_empty() {
                    self.absent(".")?;
                }
                Ok(Some((path.to_owned(), entries)))
            }
            Err(Errno::NOENT) => self.absent(path).map(|()| None),
            Err(errno @ Errno::NOTDIR) => match self.obstacle(path) {
                Some((_, Kind::Symlink)) => Err(self.failure("list", path, errno)),
                _ => Ok(None),
            },
            Err(errno) => Err(self.failure("list", path, errno)),
        }
    }

    pub(super) fn list(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        self.walk(context, prefix, &mut |dir, name| {
            if is_temporary(name) {
                return Ok(true);
            }
            let key = join(dir, name);
            Ok(start_after.is_some_and(|after| *key <= *after) || each(&key))
        })
    }

    /// Calls `each` with the directory and the name of every file below a prefix, temporary ones included,
    /// until it answers `false`.
    pub(super) fn walk(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&str, &str) -> Result<bool>,
    ) -> Result<()> {
        let mut passed = Passed::default();
        let mut stack: Vec<_> = self.open_prefix(prefix)?.into_iter().collect();
        while let Some((path, entries)) = stack.last_mut() {
            passed.one(context)?;
            let entry = match entries.next() {
                None => {
                    stack.pop();
                    continue;
                }
                Some(Err(Errno::INTR)) => continue,
                Some(Err(errno)) => return Err(self.failure("list", path, errno)),
                Some(Ok(entry)) => entry,
            };
            match entry.kind {
                Kind::File => {
                    if !each(path, &entry.name)? {
                        return Ok(());
                    }
                }
                Kind::Directory => {
                    let below = join(path, &entry.name);
                    match retry(|| self.disk.open_dir(&below).and_then(|dir| dir.entries())) {
                        Ok(entries) => stack.push((below, entries)),
                        // Gone or replaced since, or deeper than any key can reach.
                        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => {}
                        Err(errno) => return Err(self.failure("list", &below, errno)),
                    }
                }
                Kind::Symlink | Kind::Other => {}
            }
        }
        Ok(())
    }

    pub(super) fn list_names(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        let mut passed = Passed::default();
        let Some((path, entries)) = self.open_prefix(prefix)? else { return Ok(()) };
        for entry in entries {
            passed.one(context)?;
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(self.failure("list", &path, errno)),
            };
            let shown = match entry.kind {
                Kind::File => !is_temporary(&entry.name),
                Kind::Directory => true,
                Kind::Symlink | Kind::Other => false,
            };
            if shown && !each(&entry.name) {
                return Ok(());
            }
        }
        Ok(())
    }
}
