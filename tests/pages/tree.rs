//! The files of the repository, or a few made up for a test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What may cite a page.
const SOURCES: &[&str] = &["rs", "c", "h", "hpp", "py", "go", "sh", "toml", "in"];

/// The texts of the repository, by their paths from its root.
pub struct Tree {
    pub texts: BTreeMap<String, String>,
    /// Every file and folder.
    paths: BTreeSet<String>,
}

impl Tree {
    pub fn of(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree { texts: BTreeMap::new(), paths: BTreeSet::new() };
        for (path, text) in files {
            tree.add(path, (*text).to_owned());
        }
        tree
    }

    pub fn of_the_repository() -> Tree {
        let mut tree = Tree::of(&[]);
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder of the repository can be listed") {
                let path = entry.expect("an entry can be read").path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let shown =
                    path.strip_prefix(&root).expect("it lies below the root").to_string_lossy().into_owned();
                if name.starts_with('.') || is_built(&shown) {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(text) = fs::read_to_string(&path) {
                    tree.add(&shown, text);
                } else {
                    tree.add(&shown, String::new());
                }
            }
        }
        tree
    }

    fn add(&mut self, path: &str, text: String) {
        for (at, _) in path.match_indices('/') {
            self.paths.insert(path[..at].to_owned());
        }
        self.paths.insert(path.to_owned());
        self.texts.insert(path.to_owned(), text);
    }

    pub fn has(&self, path: &str) -> bool {
        self.paths.contains(path.trim_end_matches('/'))
    }

    pub fn pages(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().filter(|(path, _)| path.ends_with(".md")).map(|(path, text)| (&**path, &**text))
    }

    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_source = |path: &str| {
            let extension = Path::new(path).extension().unwrap_or_default().to_string_lossy().into_owned();
            path.ends_with("Makefile") || SOURCES.contains(&&*extension)
        };
        // The examples in these tests cite what is not there.
        self.texts
            .iter()
            .filter(move |(path, _)| is_source(path) && !path.starts_with("tests/pages/"))
            .map(|(path, text)| (&**path, &**text))
    }
}

/// What builds and checks leave in the tree.
fn is_built(path: &str) -> bool {
    ["target", "build", "fuzz/target", "fuzz/corpus", "fuzz/artifacts"].contains(&path)
        || path.ends_with("__pycache__")
}
