//! The page on statuses: each status of the header with its number, action and meaning, and each failure once
//! among what hosts are told.

use super::tree::Tree;

/// Name, number, action and meaning of each status, as the header's table has them.
fn in_header(header: &str) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    for line in header.lines() {
        let mut words = line.trim_start_matches([' ', '*']).split_whitespace();
        if let (Some(name), Some(number), Some(action)) = (words.next(), words.next(), words.next())
            && line.starts_with(" *")
            && name.starts_with("LODE_")
            && number.parse::<i32>().is_ok()
        {
            let action = action.to_lowercase().replace('_', " ");
            rows.push([name.to_owned(), number.to_owned(), action, words.collect::<Vec<_>>().join(" ")]);
        }
    }
    rows
}

/// The cells of the rows of a section's tables.
fn rows_of<'a>(page: &'a str, section: &str) -> Vec<Vec<&'a str>> {
    let heading = format!("\n## {section}\n");
    let text =
        page.split_once(&*heading).map_or("", |(_, rest)| rest.split("\n## ").next().unwrap_or_default());
    let cells = |line: &'a str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    text.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

/// What the page lacks, has twice, or has otherwise than the header.
fn faults(header: &str, page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let expected: Vec<Vec<String>> = in_header(header)
        .into_iter()
        .map(|[name, number, action, meaning]| vec![format!("`{name}`"), number, action, meaning])
        .collect();
    let shown = rows_of(page, "Every status");
    for row in &expected {
        if !shown.iter().any(|found| found == row) {
            faults.push(format!("no row | {} |", row.join(" | ")));
        }
    }
    if shown.len() != expected.len() {
        faults.push(format!("{} statuses, and the header has {}", shown.len(), expected.len()));
    }
    let told = rows_of(page, "What hosts are told");
    for row in expected.iter().filter(|row| row[1].starts_with('-')) {
        let count = told.iter().filter(|cells| cells[0].split(", ").any(|name| name == row[0])).count();
        if count != 1 {
            faults.push(format!("hosts are told {count} times what to do about {}", row[0]));
        }
    }
    if told.iter().any(|cells| cells.len() != 5) {
        faults.push("a row of what hosts are told has not five cells".to_owned());
    }
    faults
}

#[test]
fn the_page_on_statuses_has_each_with_what_it_means_and_what_hosts_are_told() {
    let tree = Tree::of_the_repository();
    let (header, page) = (&tree.texts["include/lode.h"], &tree.texts["docs/statuses.md"]);
    assert!(in_header(header).len() > 50, "the header's table is found");
    super::assert_none(&faults(header, page));
}

#[test]
fn a_status_that_is_missing_or_told_otherwise_is_found() {
    let header = " *   LODE_OK    0  NONE     done\n *   LODE_ERR_IO  -20  GIVE_UP  it failed\n#define LODE_ERR_IO (-20)\n";
    let page = |meaning: &str, told: &str| {
        format!(
            "\n## Every status\n| `LODE_OK` | 0 | none | done |\n| `LODE_ERR_IO` | -20 | give up | {meaning} |\n\
             \n## What hosts are told\n{told}\n"
        )
    };
    let told = "| `LODE_ERR_A`, `LODE_ERR_IO` | no | a | b | c |";
    assert_eq!(faults(header, &page("it failed", told)), [""; 0]);
    assert_eq!(
        faults(header, &page("it worked", told)),
        ["no row | `LODE_ERR_IO` | -20 | give up | it failed |"]
    );
    assert_eq!(
        faults(header, &page("it failed", "")),
        ["hosts are told 0 times what to do about `LODE_ERR_IO`"]
    );
    assert_eq!(faults(header, &page("it failed", &format!("{told}\n{told}"))).len(), 1);
    assert_eq!(faults(header, "").len(), 4, "two rows, their number, and what hosts are told");
}
