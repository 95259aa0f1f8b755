//! What pages and source files say: links, paths, citations and names.

use std::collections::{BTreeSet, HashMap};

use super::tree::Tree;

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
pub fn links(page: &str) -> Vec<(usize, String)> {
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
pub fn code_spans(page: &str) -> Vec<(usize, String)> {
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
pub fn broken_links(tree: &Tree) -> Vec<String> {
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
pub fn broken_paths(tree: &Tree) -> Vec<String> {
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
pub fn citations(source: &str) -> Vec<(String, Vec<String>)> {
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
        let mut marks = [", section \"", ", sections \""].as_slice();
        while let Some(after) = marks.iter().find_map(|mark| rest.strip_prefix(mark)) {
            let Some((section, after)) = after.split_once('"') else { break };
            sections.push(section.to_owned());
            (rest, marks) = (after, &[" and section \"", " and \"", ", section \"", ", \""]);
        }
        citations.push((page.to_owned(), sections));
    }
    citations
}

/// The citations in source files that lead nowhere.
pub fn broken_citations(tree: &Tree) -> Vec<String> {
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

/// Words that look like names of the C library, and are none: a prefix, a JSON key, a CMake target, a crate,
/// the environment.
const NOT_IN_THE_HEADER: &[&str] = &[
    "lode_",
    "lode_slot",
    "lode_static",
    "lode_core",
    "LODE_STRICT",
    "LODE_INCLUDE_DIR",
    "LODE_LIB_DIR",
    "LODE_0",
    "LODE_STORE_SETTINGS",
];

/// The names of functions, types and constants in pages that the header does not have. The changelog names
/// older ones, too.
pub fn broken_names(tree: &Tree) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = |text: &str| text.split(|c: char| !is_word(c)).map(str::to_owned).collect::<BTreeSet<_>>();
    let header = words(tree.texts.get("include/lode.h").map_or("", |text| text));
    let mut broken = Vec::new();
    for (path, page) in tree.pages().filter(|(path, _)| *path != "CHANGELOG.md") {
        for (number, span) in code_spans(page) {
            for word in words(&span) {
                let is_name = word.starts_with("lode_") || word.starts_with("LODE_");
                if is_name && !header.contains(&word) && !NOT_IN_THE_HEADER.contains(&&*word) {
                    broken.push(format!("{path}:{number}: include/lode.h has no {word}"));
                }
            }
        }
    }
    broken
}

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
        "//! `docs/a.md`, sections \"One thing\" and\n//! \"Another\".",
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
fn a_name_that_the_header_does_not_have_is_found() {
    let header = "lode_status lode_store_get(lode_store *store);\n#define LODE_OK 0\n";
    let broken = |page: &str| broken_names(&Tree::of(&[("README.md", page), ("include/lode.h", header)]));
    assert_eq!(
        broken("`lode_store_get(store)`, `LODE_OK`, `lode::lode_static`, `{\"lode_slot\":1}`"),
        [""; 0]
    );
    assert_eq!(broken("`lode_store_got`"), ["README.md:1: include/lode.h has no lode_store_got"]);
    assert_eq!(broken("`LODE_O`"), ["README.md:1: include/lode.h has no LODE_O"]);
}
