//! Every block of code in a page is one that a check compiles, runs or parses.

use super::tree::Tree;

/// Where blocks of these languages are run by the check of their binding.
const OF_A_BINDING: &[(&str, &str)] = &[("cpp", "docs/cpp.md"), ("go", "docs/go.md"), ("zig", "docs/zig.md")];

/// Why no check runs the block that begins with this line; `None`: one does, or it is no code.
fn fault_of(path: &str, info: &str) -> Option<String> {
    let (language, how) = info.split_once(' ').unwrap_or((info, ""));
    match (language, how) {
        ("text" | "c" | "json" | "python", "") | ("sh", "" | "background") => None,
        ("sh", how) if how.strip_prefix("norun: ").is_some_and(|reason| reason.len() > 5) => None,
        _ if OF_A_BINDING.contains(&(info, path)) => None,
        ("", _) => Some("a block without a language: text, if it is no code".to_owned()),
        _ => Some(format!("no check runs a block that begins with {info:?} here")),
    }
}

/// The blocks that no check runs. The changelog's are of its time.
fn not_run(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, page) in tree.pages().filter(|(path, _)| path.starts_with("docs/") || !path.contains('/')) {
        let mut inside = false;
        for (number, line) in page.lines().enumerate() {
            let Some(info) = line.trim_start().strip_prefix("```") else { continue };
            inside = !inside;
            if inside && let Some(fault) = fault_of(path, info) {
                faults.push(format!("{path}:{}: {fault}", number + 1));
            }
        }
    }
    faults
}

#[test]
fn every_block_of_code_is_one_that_a_check_runs() {
    super::assert_none(&not_run(&Tree::of_the_repository()));
}

#[test]
fn a_block_that_no_check_runs_is_found() {
    let faults = |page: &str| {
        not_run(&Tree::of(&[("docs/go.md", page), ("docs/a/b.md", "```sh norun: root is needed\n```")]))
    };
    assert_eq!(faults("```go\nx\n```\n```sh background\n```\n"), [""; 0]);
    assert_eq!(
        faults("```zig\n```\n"),
        ["docs/go.md:1: no check runs a block that begins with \"zig\" here"]
    );
    assert_eq!(
        faults("text\n```\n```\n"),
        ["docs/go.md:2: a block without a language: text, if it is no code"]
    );
    assert_eq!(faults("```sh norun\n```\n").len(), 1, "it needs a reason");
}
