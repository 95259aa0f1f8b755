//! The commands that pages show, and the tests, checks and targets that they run.

use std::collections::{BTreeSet, HashMap};

use super::text::code_spans;
use super::tree::Tree;

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
                folder = format!("{folder}tests/{}", options.next().copied().unwrap_or_default());
                if !tree.has(&format!("{folder}.rs")) && !tree.has(&format!("{folder}/main.rs")) {
                    return Some(format!("no test target {folder}"));
                }
            }
            "--features" => {
                options.next();
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
pub fn broken_commands(tree: &Tree) -> Vec<String> {
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
