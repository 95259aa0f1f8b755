//! The pages of the repository lead where they say: every link, every page and section that source files
//! cite, every path, command and C name in the pages; every block of code is one that a check runs; the page
//! on statuses is complete. Each check is also tested on a small tree with a fault in it.

mod blocks;
mod commands;
mod statuses;
mod text;
mod tree;

use commands::broken_commands;
use text::{broken_citations, broken_links, broken_names, broken_paths, citations, links};
use tree::Tree;

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

#[test]
fn every_name_of_the_c_library_in_a_page_is_in_the_header() {
    assert_none(&broken_names(&Tree::of_the_repository()));
}
