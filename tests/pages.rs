//! The pages of the repository lead where they say: every link, every page and section that source files
//! cite, every path in the pages, and every test that `docs/guarantees.md` names as a proof.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// What may cite a page.
const SOURCES: &[&str] = &["rs", "c", "h", "hpp", "py", "go", "sh", "toml", "in"];

/// The folders whose paths, written as code in a page, must exist.
const FOLDERS: &[&str] = &[
    "benches/",
    "bindings/",
    "crates/",
    "docs/",
    "examples-c/",
    "examples-cpp/",
    "examples-hosts/",
    "fuzz/",
    "include/",
    "packaging/",
    "src/",
    "tests/",
];

/// The texts of the repository, by their paths from its root.
struct Tree {
    texts: BTreeMap<String, String>,
    /// Every file and folder.
    paths: BTreeSet<String>,
}

impl Tree {
    fn of(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree { texts: BTreeMap::new(), paths: BTreeSet::new() };
        for (path, text) in files {
            tree.add(path, (*text).to_owned());
        }
        tree
    }

    fn of_the_repository() -> Tree {
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

    fn has(&self, path: &str) -> bool {
        self.paths.contains(path.trim_end_matches('/'))
    }

    fn pages(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().filter(|(path, _)| path.ends_with(".md")).map(|(path, text)| (&**path, &**text))
    }

    fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_source = |path: &str| {
            let extension = Path::new(path).extension().unwrap_or_default().to_string_lossy().into_owned();
            path.ends_with("Makefile") || SOURCES.contains(&&*extension)
        };
        // The examples at the end of this file cite what is not there.
        self.texts
            .iter()
            .filter(move |(path, _)| is_source(path) && *path != file!())
            .map(|(path, text)| (&**path, &**text))
    }
}

/// What builds and checks leave in the tree.
fn is_built(path: &str) -> bool {
    ["target", "build", "fuzz/target", "fuzz/corpus", "fuzz/artifacts"].contains(&path)
        || path.ends_with("__pycache__")
}

/// The lines of a page outside its blocks of code.
fn prose(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    page.lines().enumerate().filter_map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            inside = !inside;
            return None;
        }
        (!inside).then_some((number + 1, line))
    })
}

/// The headings of a page, as they are shown.
fn headings(page: &str) -> Vec<String> {
    let heading = |line: &str| {
        let text = line.trim_start_matches('#');
        (text.len() < line.len() && text.starts_with(' ')).then(|| text.trim().replace('`', ""))
    };
    prose(page).filter_map(|(_, line)| heading(line)).collect()
}

/// The anchors of a page, by GitHub's rules: lower case, blanks as hyphens, no punctuation, a number behind
/// repetitions.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut anchors = BTreeSet::new();
    for heading in headings(page) {
        let anchor: String = heading
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let count = seen.entry(anchor.clone()).or_default();
        anchors.insert(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
        *count += 1;
    }
    anchors
}

/// The targets of a page's links, with their lines.
fn links(page: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(page) {
        for (at, _) in line.match_indices("](") {
            if let Some((target, _)) = line[at + 2..].split_once(')') {
                links.push((number, target.to_owned()));
            }
        }
    }
    links
}

/// What a page shows as code, with the lines.
fn code_spans(page: &str) -> Vec<(usize, String)> {
    let spans = |(number, line): (usize, &str)| {
        let spans: Vec<_> =
            line.split('`').skip(1).step_by(2).map(|span| (number, span.to_owned())).collect();
        spans
    };
    prose(page).flat_map(spans).collect()
}

/// A path from the folder of `from`, without `.` and `..`.
fn resolve(from: &str, target: &str) -> String {
    let mut segments: Vec<&str> = from.split('/').collect();
    segments.pop();
    for segment in target.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments.join("/")
}

/// The links that lead nowhere.
fn broken_links(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, page) in tree.pages() {
        for (number, link) in links(page) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if target.is_empty() { path.to_owned() } else { resolve(path, target) };
            if !tree.has(&target) {
                broken.push(format!("{path}:{number}: {link}: there is no {target}"));
            } else if !anchor.is_empty()
                && !anchors(tree.texts.get(&target).map_or("", |text| text)).contains(anchor)
            {
                broken.push(format!("{path}:{number}: {link}: {target} has no heading for #{anchor}"));
            }
        }
    }
    broken
}

/// The paths that pages show as code, and that do not exist.
fn broken_paths(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, page) in tree.pages() {
        for (number, span) in code_spans(page) {
            for word in span.split_whitespace() {
                let is_path = FOLDERS.iter().any(|folder| word.starts_with(folder));
                let is_pattern = word.contains(|c: char| "<>*{}$…".contains(c));
                if is_path && !is_pattern && !tree.has(word) {
                    broken.push(format!("{path}:{number}: there is no {word}"));
                }
            }
        }
    }
    broken
}

/// The text of a source file as one line, without the marks that begin its comments.
fn unwrapped(source: &str) -> String {
    let mut out = String::new();
    for line in source.lines() {
        let text = line.trim_start().trim_start_matches(['/', '!', '*', '#']).trim();
        out.push_str(text);
        out.push(' ');
    }
    out
}

/// A page that a source file cites, and the sections of it.
fn citations(source: &str) -> Vec<(String, Vec<String>)> {
    let text = unwrapped(source);
    let mut citations = Vec::new();
    for (at, _) in text.match_indices(".md") {
        let end = at + ".md".len();
        if text[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let is_part = |c: char| c.is_alphanumeric() || "/._-:".contains(c);
        let page = text[..end].rsplit(|c: char| !is_part(c)).next().unwrap_or_default();
        if page == ".md" || page.contains("://") {
            continue;
        }
        let mut sections = Vec::new();
        let mut rest = text[end..].trim_start_matches('`');
        while let Some(after) =
            [", section \"", " and section \""].iter().find_map(|mark| rest.strip_prefix(mark))
        {
            let Some((section, after)) = after.split_once('"') else { break };
            sections.push(section.to_owned());
            rest = after;
        }
        citations.push((page.to_owned(), sections));
    }
    citations
}

/// The citations in source files that lead nowhere.
fn broken_citations(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, source) in tree.sources() {
        for (page, sections) in citations(source) {
            let beside = resolve(path, &page);
            let Some(text) = tree.texts.get(&page).or_else(|| tree.texts.get(&beside)) else {
                broken.push(format!("{path}: it cites {page}, which does not exist"));
                continue;
            };
            let headings = headings(text);
            for section in sections.iter().filter(|section| !headings.contains(section)) {
                broken.push(format!("{path}: it cites {page}, which has no section {section:?}"));
            }
        }
    }
    broken
}

/// The path from the folder of its package.
fn in_package(path: &str) -> &str {
    path.strip_prefix("crates/").and_then(|rest| rest.split_once('/')).map_or(path, |(_, rest)| rest)
}

/// The full names of the tests in Rust, `module::function`, with their files.
fn rust_tests(tree: &Tree) -> Vec<(&str, String)> {
    let mut tests = Vec::new();
    for (path, source) in tree.sources().filter(|(path, _)| path.ends_with(".rs")) {
        let module = in_package(path)
            .trim_start_matches("src/")
            .trim_end_matches(".rs")
            .trim_end_matches("/mod")
            .replace('/', "::");
        // Tests beside what they test stand in a module of their own.
        let inner = if source.contains("\nmod tests {") { "::tests" } else { "" };
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if line.trim() == "#[test]"
                && let Some(function) = lines.find_map(|line| line.trim_start().strip_prefix("fn "))
                && let Some((name, _)) = function.split_once('(')
            {
                tests.push((path, format!("{module}{inner}::{name}")));
            }
        }
    }
    tests
}

/// The values of the variables that a shell script sets to a text between double quotes.
fn shell_variables(script: &str) -> HashMap<&str, &str> {
    let mut variables = HashMap::new();
    for (at, _) in script.match_indices("=\"") {
        let name =
            script[..at].rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        let value = script[at + 2..].split('"').next().unwrap_or_default();
        variables.insert(name, value);
    }
    variables
}

/// The names of the checks that the runner of C tests knows: those of lines such as `check NAME COMMAND`,
/// also in a loop over a list.
fn shell_checks(tree: &Tree) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, script) in
        tree.sources().filter(|(path, _)| path.starts_with("tests/c/") && path.ends_with(".sh"))
    {
        let variables = shell_variables(script);
        let mut listed: Vec<&str> = Vec::new();
        for line in script.lines().map(str::trim) {
            if let Some((_, list)) = line.strip_prefix("for ").and_then(|rest| rest.split_once(" in ")) {
                let list = list.split(';').next().unwrap_or_default().split_whitespace();
                let value = |word: &str| word.strip_prefix('$').and_then(|name| variables.get(name)).copied();
                listed = list.flat_map(|word| value(word).unwrap_or(word).split_whitespace()).collect();
            } else if let Some(name) = line.strip_prefix("check ").and_then(|rest| rest.split(' ').next()) {
                match name.trim_matches('"').split_once('$') {
                    Some((prefix, _)) => names.extend(listed.iter().map(|name| format!("{prefix}{name}"))),
                    None => drop(names.insert(name.to_owned())),
                }
            }
        }
    }
    names
}

/// The targets of the Makefile.
fn make_targets(tree: &Tree) -> BTreeSet<&str> {
    let makefile = tree.texts.get("Makefile").map_or("", |text| text);
    makefile.lines().filter_map(|line| line.split_once(':')).map(|(target, _)| target).collect()
}

/// Why a command shown in a page runs nothing; `None`: it runs a test, a check or a target of the Makefile,
/// or is another command, or has a word in capitals, which stands for any.
fn fault_of_command(tree: &Tree, command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    if words.iter().any(|word| word.contains(char::is_uppercase) && !word.contains(char::is_lowercase)) {
        return None;
    }
    if let ["tests/c/run.sh", names @ ..] = &*words {
        let checks = shell_checks(tree);
        let is_there = |name: &str| match name.strip_suffix('*') {
            Some(prefix) => checks.iter().any(|check| check.starts_with(prefix)),
            None => checks.contains(name),
        };
        return names
            .iter()
            .find(|name| !is_there(name.trim_matches('\'')))
            .map(|name| format!("no check {name}"));
    }
    if let ["make", targets @ ..] = &*words {
        let known = make_targets(tree);
        let is_there = |word: &&&str| word.contains('=') || known.contains(**word);
        return targets
            .iter()
            .find(|word| !is_there(word))
            .map(|name| format!("the Makefile has no target {name}"));
    }
    let ["cargo", "test", arguments @ ..] = &*words else { return None };
    // Where the tests are; empty: in the root package.
    let (mut folder, mut filter, mut options) = (String::new(), "", arguments.iter());
    while let Some(word) = options.next() {
        match *word {
            "-p" | "--package" => match options.next().copied().unwrap_or_default() {
                "lode" => {}
                package => {
                    folder = package.replacen("lode-", "crates/", 1) + "/";
                    if !tree.has(&folder) {
                        return Some(format!("no package {package:?}"));
                    }
                }
            },
            "--test" => {
                folder = format!("tests/{}", options.next().copied().unwrap_or_default());
                if !tree.has(&format!("{folder}.rs")) && !tree.has(&format!("{folder}/main.rs")) {
                    return Some(format!("no test target {folder}"));
                }
            }
            "--workspace" | "--lib" => {}
            word => filter = word,
        }
    }
    let is_meant = |path: &str| match &*folder {
        "" => arguments.contains(&"--workspace") || !path.starts_with("crates/"),
        folder => path.starts_with(folder),
    };
    let matches = rust_tests(tree).iter().any(|(path, name)| is_meant(path) && name.contains(filter));
    (!matches).then(|| format!("no test matches {command:?}"))
}

/// The commands in pages that run no test.
fn broken_commands(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, page) in tree.pages() {
        for (number, span) in code_spans(page) {
            if let Some(fault) = fault_of_command(tree, &span) {
                broken.push(format!("{path}:{number}: {fault}"));
            }
        }
    }
    broken
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let tree = Tree::of_the_repository();
    assert!(tree.pages().map(|(_, page)| links(page).len()).sum::<usize>() > 50, "links are found");
    assert_none(&broken_links(&tree));
}

#[test]
fn every_path_in_a_page_exists() {
    assert_none(&broken_paths(&Tree::of_the_repository()));
}

#[test]
fn every_page_and_section_that_a_source_file_cites_exists() {
    let tree = Tree::of_the_repository();
    let sections: usize =
        tree.sources().flat_map(|(_, source)| citations(source)).map(|(_, sections)| sections.len()).sum();
    assert!(sections > 20, "citations are found: {sections}");
    assert_none(&broken_citations(&tree));
}

#[test]
fn every_test_that_a_page_names_exists() {
    assert_none(&broken_commands(&Tree::of_the_repository()));
}

// ---- The checks themselves, on small trees. ----

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = "# A page\n\n## What `x` is\n\n[a](b.md) [b](docs/b.md#two-words) [c](#what-x-is) [d](https://example.org/no.md)\n";
    let broken = |page: &str| {
        broken_links(&Tree::of(&[("README.md", page), ("docs/b.md", "## Two words\n[up](../README.md)")]))
    };
    assert_eq!(broken(page), ["README.md:5: b.md: there is no b.md"]);
    assert_eq!(
        broken("[a](docs/b.md#two)"),
        ["README.md:1: docs/b.md#two: docs/b.md has no heading for #two"]
    );
    assert_eq!(broken("[a](#none)"), ["README.md:1: #none: README.md has no heading for #none"]);
    assert_eq!(broken("```\n[a](none.md)\n```\n[b](docs) [c](docs/b.md)"), [""; 0]);
}

#[test]
fn anchors_follow_the_rules_of_github() {
    let page = "# One, two: `three`!\n## Same\n## Same\n```\n# no heading\n```\n#no heading\n";
    let expected = ["one-two-three", "same", "same-1"].map(str::to_owned);
    assert_eq!(anchors(page), BTreeSet::from(expected));
}

#[test]
fn a_path_that_is_not_there_is_found() {
    let broken = |page: &str| broken_paths(&Tree::of(&[("README.md", page), ("src/lib.rs", "")]));
    assert_eq!(broken("`src/lib.rs`, `src/`, `src/<noun>.rs`, `lib/none.rs`"), [""; 0]);
    assert_eq!(broken("see `sh src/none.rs now`"), ["README.md:1: there is no src/none.rs"]);
}

#[test]
fn a_citation_that_leads_nowhere_is_found() {
    let page = "# Page\n## One thing\n## Another\n";
    let broken = |path: &str, source: &str| {
        broken_citations(&Tree::of(&[("docs/a.md", page), ("tests/README.md", ""), (path, source)]))
    };
    for right in [
        "//! Words (`docs/a.md`, section \"One thing\" and section \"Another\").",
        "/// Words (`docs/a.md`, section\n    /// \"One\n    /// thing\").",
        "// https://example.org/none.md",
        "//! `docs/a.md`",
        "x.mdx",
    ] {
        assert_eq!(broken("src/x.rs", right), [""; 0], "{right}");
    }
    assert_eq!(broken("tests/x.py", "# README.md"), [""; 0]);
    assert_eq!(broken("src/x.rs", "//! `a.md`, One"), ["src/x.rs: it cites a.md, which does not exist"]);
    assert_eq!(
        broken("src/x.c", " * docs/a.md, section \"One\n * thing else\""),
        ["src/x.c: it cites docs/a.md, which has no section \"One thing else\""]
    );
    assert_eq!(
        broken("x.sh", "# docs/a.md, section \"One thing\" and section \"None\""),
        ["x.sh: it cites docs/a.md, which has no section \"None\""]
    );
}

#[test]
fn a_command_that_runs_no_test_is_found() {
    let core = "#[cfg(test)]\nmod tests {\n    #[test]\n    #[cfg(unix)]\n    fn it_holds() {}\n}\n";
    let checks =
        "TESTS=\"one\n    two\"\nfor test in $TESTS three; do\n    check \"memcheck_$test\" memcheck\ndone\n";
    let tree = Tree::of(&[
        ("crates/core/src/store/disk.rs", core),
        ("crates/core/src/store/tests/power.rs", "#[test]\nfn a_cut() {}"),
        ("Makefile", "check: examples\n\techo done\n"),
        ("tests/interop/main.rs", ""),
        ("tests/interop/alternation.rs", "#[test]\nfn they_alternate() {}"),
        ("tests/c/run.sh", "check() {\n    true\n}\ncheck alone alone\n"),
        ("tests/c/checks/programs.sh", checks),
    ]);
    for right in [
        "cargo test -p lode-core store::disk::tests::it_holds",
        "cargo test -p lode-core power",
        "cargo test --workspace a_cut",
        "cargo test --test interop",
        "cargo test --test interop they_alternate",
        "tests/c/run.sh alone",
        "tests/c/run.sh memcheck_two memcheck_three",
        "tests/c/run.sh 'memcheck_*'",
        "cargo build",
        "cargo test NAME",
        "make check",
    ] {
        assert_eq!(fault_of_command(&tree, right), None, "{right}");
    }
    for wrong in [
        "cargo test -p lode-core none",
        "cargo test a_cut",
        "cargo test -p lode a_cut",
        "cargo test -p other",
        "cargo test --test none",
        "cargo test --test interop a_cut",
        "make none",
        "tests/c/run.sh none",
        "tests/c/run.sh memcheck_alone",
        "tests/c/run.sh 'none*'",
    ] {
        assert!(fault_of_command(&tree, wrong).is_some(), "{wrong}");
    }
}
