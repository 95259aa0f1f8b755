//! `include/lode.h` is made from `src` by cbindgen, and committed, as is `abi/symbols`, the list of its
//! functions: this compares them. With `LODE_WRITE_HEADER=1` it writes both instead, which is what `make
//! header` does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn committed_path() -> PathBuf {
    root().join("include/lode.h")
}

fn symbols_path() -> PathBuf {
    root().join("abi/symbols")
}

/// The committed header; written anew first if that was asked for.
fn committed() -> String {
    static WRITTEN: Once = Once::new();
    if writing() {
        WRITTEN.call_once(|| {
            let header = generated();
            std::fs::write(symbols_path(), functions(&header)).expect("abi/symbols cannot be written");
            std::fs::write(committed_path(), header).expect("include/lode.h cannot be written");
        });
    }
    std::fs::read_to_string(committed_path()).expect("include/lode.h cannot be read: make header writes it")
}

/// The header as the source has it now.
fn generated() -> String {
    let config =
        cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml cannot be read");
    let bindings = cbindgen::Builder::new()
        .with_src(root().join("src/lib.rs"))
        .with_config(config)
        .generate()
        .expect("cbindgen cannot make the header");
    let mut text = Vec::new();
    bindings.write(&mut text);
    let text = String::from_utf8(text).expect("the header is no UTF-8");
    with_initialisers(&with_must_check(&tidied(&text)))
}

/// Marks each function that can fail; giving up needs no check.
fn with_must_check(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("\nlode_status lode_").map(|at| at + 1) {
        let end = start + rest[start..].find(';').expect("a declaration ends");
        out.push_str(&rest[..start]);
        let declared = &rest[start..end];
        if declared.contains("lode_error **error") && !declared.contains("_abort(") {
            out.push_str("LODE_MUST_CHECK\n");
        }
        out.push_str(declared);
        rest = &rest[end..];
    }
    out + rest
}

/// After each struct that begins with its size, a macro that initialises one with the defaults: every field
/// is listed, lest a compiler warn of those that are missing.
fn with_initialisers(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("\ntypedef struct lode_").map(|at| at + 1) {
        let first_line = rest[start..].find('\n').map_or(rest.len(), |at| start + at);
        let Some(name) =
            rest[start..first_line].strip_prefix("typedef struct ").and_then(|l| l.strip_suffix(" {"))
        else {
            out.push_str(&rest[..first_line]);
            rest = &rest[first_line..];
            continue;
        };
        let closing = format!("\n}} {name};\n");
        let end = first_line + rest[first_line..].find(&closing).expect("a struct ends");
        let body = without_comments(&rest[first_line..end]);
        let fields: Vec<&str> = body.split(';').map(str::trim).filter(|field| !field.is_empty()).collect();
        out.push_str(&rest[..end + closing.len()]);
        rest = &rest[end + closing.len()..];
        if fields[0] != "size_t struct_size" {
            continue;
        }
        let values = fields[1..].iter().map(|field| if field.contains('*') { "NULL" } else { "0" });
        let values: Vec<&str> = values.collect();
        let define = format!("#define {}_INIT", name.to_uppercase());
        out.push_str(&format!(
            "\n/** Initialises a {name} with the defaults, as {name}_init does. */\n{define} \\\n    {{sizeof({name}), {}}}\n",
            values.join(", ")
        ));
    }
    out + rest
}

/// What cbindgen has no option for: short comments on one line, negative constants in parentheses (so that
/// `x-LODE_ERR_IO` is not read as `x--20`), types by their names alone, and no comments that C90 does not
/// know.
fn tidied(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut out = String::new();
    let mut at = 0;
    while at < lines.len() {
        let indent = &lines[at][..lines[at].len() - lines[at].trim_start().len()];
        let comment = (lines[at].trim() == "/**" && lines.get(at + 2).is_some_and(|end| end.trim() == "*/"))
            .then(|| lines[at + 1].trim().trim_start_matches("* "));
        match (comment, lines[at].split_once(" // ")) {
            (Some(comment), _) if indent.len() + comment.len() + 7 <= 110 => {
                out.push_str(&format!("{indent}/** {comment} */"));
                at += 2;
            }
            (_, Some((code, comment))) => out.push_str(&format!("{code} /* {comment} */")),
            _ => match lines[at].strip_prefix("#define ").and_then(|define| define.split_once(" -")) {
                Some((name, number)) => out.push_str(&format!("#define {name} (-{number})")),
                None if lines[at].starts_with("typedef struct") => out.push_str(lines[at]),
                None => out.push_str(&lines[at].replace("struct lode_", "lode_")),
            },
        }
        out.push('\n');
        at += 1;
    }
    out
}

/// Whether the header is to be written, not compared.
fn writing() -> bool {
    std::env::var_os("LODE_WRITE_HEADER").is_some_and(|value| value == "1")
}

#[test]
fn the_committed_header_is_that_of_the_source() {
    let generated = generated();
    let committed = committed();
    for (number, (expected, found)) in generated.lines().zip(committed.lines()).enumerate() {
        assert_eq!(found, expected, "include/lode.h:{} is out of date: run make header", number + 1);
    }
    assert!(committed == generated, "include/lode.h is out of date: run make header");
}

/// The names of the functions that a header declares, one a line, in the order of their bytes.
fn functions(header: &str) -> String {
    let code = without_comments(header);
    let declared = code.lines().filter_map(|line| {
        // A declaration begins its line; fields and further lines are indented.
        if line.starts_with([' ', '#']) || line.starts_with("typedef") {
            return None;
        }
        let name = line.split_once('(')?.0.rsplit([' ', '*']).next()?;
        name.starts_with("lode_").then_some(name)
    });
    declared.collect::<BTreeSet<_>>().into_iter().map(|name| format!("{name}\n")).collect()
}

#[test]
fn the_list_of_symbols_is_that_of_the_header() {
    let header = committed();
    let committed =
        std::fs::read_to_string(symbols_path()).expect("abi/symbols cannot be read: make header writes it");
    let declared = functions(&header);
    assert!(declared.contains("lode_version\n"), "the header declares no function");
    for name in declared.lines() {
        assert!(committed.lines().any(|line| line == name), "abi/symbols lacks {name}: run make header");
    }
    assert_eq!(
        committed, declared,
        "abi/symbols lists what the header lacks, or out of order: run make header"
    );
}

/// The `#define`s of the header, without those that have no value.
fn defines(header: &str) -> Vec<(&str, &str)> {
    header.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' ')).collect()
}

/// The header's table of statuses: name, number, action.
fn status_table(header: &str) -> Vec<(&str, i32, &str)> {
    fn row(line: &str) -> Option<(&str, i32, &str)> {
        let mut words = line.strip_prefix(" *   ")?.split_whitespace();
        let name = words.next().filter(|name| name.starts_with("LODE_"))?;
        let number = words.next()?.parse().ok()?;
        Some((name, number, words.next()?))
    }
    header.lines().filter_map(row).collect()
}

#[test]
fn the_table_of_statuses_is_that_of_the_library() {
    let header = committed();
    let table = status_table(&header);
    let failures: Vec<_> = table.iter().filter(|(_, number, _)| *number < 0).copied().collect();
    let expected: Vec<_> = lode_core::Status::ALL
        .iter()
        .map(|status| {
            let action = match status.action() {
                lode_core::Action::Retry => "RETRY",
                lode_core::Action::Resolve => "RESOLVE",
                lode_core::Action::Rebase => "REBASE",
                lode_core::Action::GiveUp => "GIVE_UP",
            };
            (format!("LODE_ERR_{}", status.name()), *status as i32, action)
        })
        .collect();
    let expected: Vec<_> =
        expected.iter().map(|(name, number, action)| (&**name, *number, *action)).collect();
    assert_eq!(failures, expected);
    let successes: Vec<_> = table.iter().filter(|(_, number, _)| *number >= 0).collect();
    assert!(successes.iter().all(|(_, _, action)| *action == "NONE"), "{successes:?}");
    let defines = defines(&header);
    for (name, number, _) in &table {
        let value = if *number < 0 { format!("({number})") } else { number.to_string() };
        assert!(defines.contains(&(name, &value)), "no #define {name} {value}");
    }
    let listed: BTreeSet<&str> = table.iter().map(|(name, _, _)| *name).collect();
    let numbers: BTreeSet<i32> = table.iter().map(|(_, number, _)| *number).collect();
    assert_eq!((listed.len(), numbers.len()), (table.len(), table.len()), "a name or number twice");
    for (name, _) in defines.iter().filter(|(name, _)| name.starts_with("LODE_ERR_")) {
        assert!(listed.contains(name), "{name} is missing in the table of statuses");
    }
}

#[test]
fn the_header_needs_nothing_but_two_standard_ones() {
    let header = committed();
    let includes: Vec<&str> = header.lines().filter(|line| line.starts_with("#include")).collect();
    assert_eq!(includes, ["#include <stddef.h>", "#include <stdint.h>"]);
    let code = without_comments(&header);
    for word in ["enum", "bool", "long", "union", "...", "static", "inline"] {
        let found =
            code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).any(|token| token == word);
        assert!(!found, "the header uses {word}");
    }
}

/// A declaration of the header: its comment and its code.
struct Declaration {
    comment: String,
    code: String,
}

/// What the header declares outside structs: each begins at the left margin.
fn declarations(header: &str) -> Vec<Declaration> {
    let body = header.split_once("#include <stdint.h>").expect("the header has no body").1;
    let (mut found, mut comment, mut code) = (Vec::new(), String::new(), String::new());
    let (mut in_comment, mut depth) = (false, 0_usize);
    for line in body.lines() {
        if in_comment || (depth == 0 && code.is_empty() && line.starts_with("/**")) {
            comment.push_str(line);
            comment.push('\n');
            in_comment = !line.contains("*/");
            continue;
        }
        let is_start =
            line.starts_with("#define LODE_") || line.starts_with(|c: char| c.is_ascii_lowercase());
        if code.is_empty() && (!is_start || line.starts_with("extern")) {
            continue;
        }
        depth = depth + line.matches('{').count() - line.matches('}').count();
        code.push_str(line.trim());
        code.push(' ');
        if depth == 0 && (line.ends_with(';') || line.starts_with("#define")) {
            found
                .push(Declaration { comment: std::mem::take(&mut comment), code: std::mem::take(&mut code) });
        }
    }
    found
}

/// Parameters of a function, of which those that are functions themselves have only their names left.
fn without_callbacks_parameters(parameters: &str) -> String {
    let mut text = parameters.to_owned();
    while let Some((before, name, after)) = text.split_once("(*").and_then(|(before, rest)| {
        let (name, rest) = rest.split_once(")(")?;
        Some((before, name, rest.split_once(')')?.1))
    }) {
        text = format!("{before}{name}{after}");
    }
    text
}

#[test]
fn every_function_type_and_constant_is_documented() {
    let header = committed();
    let (mut functions, mut types, mut constants) = (0, 0, 0);
    for Declaration { comment, code } in declarations(&header) {
        assert!(!comment.is_empty(), "no comment above: {code}");
        if code.starts_with("#define") {
            constants += 1;
            continue;
        }
        // Those of Arrow have no typedefs, as Arrow's own headers print them.
        if code.starts_with("typedef") || code.starts_with("struct Arrow") {
            types += 1;
            continue;
        }
        functions += 1;
        for words in ["Since 0.1.0.", "hread"] {
            assert!(comment.contains(words), "the comment lacks {words:?}: {code}");
        }
        let (before, parameters) = code.split_once('(').expect("a function has parameters");
        let parameters = without_callbacks_parameters(parameters);
        for parameter in
            parameters.trim_end().trim_end_matches(");").split(',').filter(|name| *name != "void")
        {
            let name =
                parameter.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
            assert!(comment.contains(&format!("@param {name} ")), "{name} is not documented: {code}");
        }
        assert_eq!(comment.contains("@return"), !before.starts_with("void "), "what it returns: {code}");
    }
    let exported = header.lines().filter(|line| line.contains(" lode_") || line.contains("*lode_"));
    let exported =
        exported.filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains('('));
    assert_eq!(functions, exported.count());
    assert!(
        functions > 60 && types > 15 && constants > 60,
        "{functions} functions, {types} types, {constants} constants"
    );
}

#[test]
fn the_example_in_the_header_compiles() {
    let header = committed();
    let start = header.find(" *   #include <lode.h>").expect("the header has no example");
    let length = header[start..].find(" *\n * CONVENTIONS").expect("the example has no end");
    let example: String = header[start..start + length]
        .lines()
        .map(|line| line.trim_start_matches(" *").to_owned() + "\n")
        .collect();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let source = folder.join("header_example.c");
    std::fs::write(&source, example).expect("the example cannot be written");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let result = Command::new(compiler)
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I"])
        .arg(root().join("include"))
        .arg(&source)
        .output();
    match result {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) if std::env::var_os("LODE_STRICT").is_some_and(|value| value == "1") => {
            panic!("the C compiler cannot be run: {error}")
        }
        Err(error) => eprintln!("skipped, the C compiler cannot be run: {error}"),
    }
}

fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        code.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    code.push_str(rest);
    code
}
