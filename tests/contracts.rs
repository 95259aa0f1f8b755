//! What `include/lode.h` has and the tests must have, too: every status of a failure is reached by a test
//! that checks its message, by a C test or by a unit test of the boundary where C cannot reach it; every
//! function that takes a length is given one that no object can have, by `tests/c/lengths.c`; every call on a
//! handle that belongs to one process is made after a fork, by `tests/c/fork.c`.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a directory whose names end so.
fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found
}

/// The names of the failures that the header defines.
fn statuses(header: &str) -> Vec<&str> {
    let names = header.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' '));
    names.map(|(name, _)| name).filter(|name| name.starts_with("LODE_ERR_")).collect()
}

/// Whether a test expects this status together with a part of the message: `STATUS, "…"`, or from a table
/// `STATUS, row.fragment`, as the checks of `tests/c/check.h` have it.
fn is_expected_with_its_message(status: &str, test: &str) -> bool {
    test.match_indices(status).any(|(at, _)| {
        let after = test[at + status.len()..].strip_prefix(',').map(str::trim_start);
        after.is_some_and(|after| {
            let argument = after.split([',', ')']).next().unwrap_or_default();
            after.starts_with('"') && !after.starts_with("\"\"") || argument.ends_with(".fragment")
        })
    })
}

/// The text from the first unit test on.
fn unit_tests(source: &str) -> &str {
    source.find("#[cfg(test)]\nmod tests {").map_or("", |at| &source[at..])
}

fn tests() -> Vec<String> {
    let mut tests: Vec<String> = files(&root().join("tests/c"), ".c").iter().map(|path| read(path)).collect();
    for path in files(&root().join("src"), ".rs") {
        let source = read(&path);
        let all = path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests");
        tests.push(if all { source } else { unit_tests(&source).to_owned() });
    }
    tests
}

#[test]
fn every_failure_is_reached_by_a_test_that_checks_its_message() {
    let (header, tests) = (read(&root().join("include/lode.h")), tests());
    let statuses = statuses(&header);
    assert!(statuses.len() > 30, "{statuses:?}");
    let missing: Vec<&str> = statuses
        .into_iter()
        .filter(|status| !tests.iter().any(|test| is_expected_with_its_message(status, test)))
        .collect();
    assert!(
        missing.is_empty(),
        "no test expects these with a part of their message (as in REFUSED(STATUS, \"part\", call) of \
         tests/c/check.h): {missing:?}"
    );
}

/// The functions of the header, each with its parameters.
fn functions(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|declaration| {
        // The comment before a declaration may have brackets.
        let declaration = declaration.rsplit_once("*/").map_or(declaration, |(_, after)| after);
        let (before, parameters) = declaration.split_once('(')?;
        let name = before.rsplit([' ', '*', '\n']).next().unwrap_or_default();
        name.starts_with("lode_").then_some((name, parameters))
    })
}

/// Those that take a length, a count, a size or an index.
fn functions_with_a_length(header: &str) -> Vec<&str> {
    let takes_one = |parameters: &str| {
        parameters.split(',').any(|parameter| {
            parameter.trim_start().strip_prefix("size_t ").is_some_and(|name| !name.starts_with('*'))
        })
    };
    functions(header).filter(|(_, parameters)| takes_one(parameters)).map(|(name, _)| name).collect()
}

/// What belongs to the process that made it.
const OF_ONE_PROCESS: [&str; 6] = [
    "lode_record_writer",
    "lode_blob_writer",
    "lode_record_reader",
    "lode_blob_reader",
    "lode_snapshot_iterator",
    "lode_string_iterator",
];

/// Those that take such a handle.
fn functions_of_one_process(header: &str) -> Vec<&str> {
    let takes_one = |parameters: &str| {
        OF_ONE_PROCESS.iter().any(|handle| {
            let handle = parameters.trim_start_matches("const ").strip_prefix(handle);
            handle.is_some_and(|rest| rest.starts_with(" *") && !rest.starts_with(" **"))
        })
    };
    functions(header).filter(|(_, parameters)| takes_one(parameters)).map(|(name, _)| name).collect()
}

#[test]
fn every_call_on_a_handle_of_one_process_is_made_after_a_fork() {
    let (header, test) = (read(&root().join("include/lode.h")), read(&root().join("tests/c/fork.c")));
    let functions = functions_of_one_process(&header);
    for handle in OF_ONE_PROCESS {
        assert!(functions.contains(&&*format!("{handle}_free")), "{handle} is not found: {functions:?}");
    }
    let missing: Vec<&str> =
        functions.into_iter().filter(|name| !test.contains(&format!("{name}("))).collect();
    assert!(missing.is_empty(), "not in tests/c/fork.c: {missing:?}");
}

#[test]
fn every_function_that_takes_a_length_is_given_one_that_cannot_be() {
    let (header, test) = (read(&root().join("include/lode.h")), read(&root().join("tests/c/lengths.c")));
    let functions = functions_with_a_length(&header);
    assert!(functions.len() > 20, "{functions:?}");
    let is_there = |name: &str| {
        let initialised = name.strip_suffix("_init").map(|name| format!("UNWRITTEN({name})"));
        test.contains(&format!("{name}(")) || initialised.is_some_and(|init| test.contains(&init))
    };
    let missing: Vec<&str> = functions.into_iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "not in tests/c/lengths.c: {missing:?}");
}

/// A struct with an initialiser has a function and a macro for it, which a test compares.
#[test]
fn every_struct_that_grows_is_initialised_by_function_and_macro_alike() {
    let (header, test) = (read(&root().join("include/lode.h")), read(&root().join("tests/c/api_misuse.c")));
    let names: Vec<&str> = functions(&header).filter_map(|(name, _)| name.strip_suffix("_init")).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let compared = format!("DEFINE_INIT({name}, {}_INIT)", name.to_uppercase());
        assert!(test.contains(&compared), "not in tests/c/api_misuse.c: {compared}");
        assert!(
            test.contains(&format!("STRUCT({name}, ")),
            "{name} is not in the table of tests/c/api_misuse.c"
        );
    }
}

#[test]
fn functions_are_found_by_what_they_take() {
    let header = "/* f(size_t a); */\nint lode_a(int x);\n\nlode_status lode_b(const void *data,\n    size_t len);\n\
                  size_t lode_c(void);\nvoid lode_d(size_t *len);\nvoid *lode_e(size_t index);\n";
    assert_eq!(functions_with_a_length(header), ["lode_b", "lode_e"]);
    let header = "void lode_a(lode_record_writer *writer);\nint64_t lode_b(const lode_blob_reader *reader, int x);\n\
                  lode_status lode_c(lode_store *store, lode_record_writer **writer);\n\
                  void lode_d(lode_record_writer_options *options);\n";
    assert_eq!(functions_of_one_process(header), ["lode_a", "lode_b"]);
}

#[test]
fn a_status_without_its_message_is_noticed() {
    let header = "#define LODE_OK 0\n#define LODE_ERR_A (-1)\n#define LODE_ERR_AB (-2)\n";
    assert_eq!(statuses(header), ["LODE_ERR_A", "LODE_ERR_AB"]);
    for (test, expected) in [
        ("REFUSED(LODE_ERR_A, \"part\", call)", true),
        ("{1, LODE_ERR_A,\n \"part\"}", true),
        ("REFUSED(LODE_ERR_A, table[i].fragment, call)", true),
        ("REFUSED(LODE_ERR_A, NULL, call)", false),
        ("REFUSED(LODE_ERR_A, \"\", call)", false),
        ("REFUSED(LODE_ERR_AB, \"part\", call)", false),
        ("status == LODE_ERR_A", false),
    ] {
        assert_eq!(is_expected_with_its_message("LODE_ERR_A", test), expected, "{test}");
    }
    assert_eq!(
        unit_tests("(LODE_ERR_A, \"x\")\n#[cfg(test)]\nmod tests {\n}"),
        "#[cfg(test)]\nmod tests {\n}"
    );
}
