//! Verdicts on documents: by hand, and against another parser on mutated ones.

mod cases;
mod differential;
mod plain;

use super::{Checker, Document, Fault, MAX_DEPTH};

fn check(bytes: &[u8]) -> Result<Document, Fault> {
    Checker::new(&[]).unwrap().check(bytes)
}

#[test]
fn valid_documents_are_accepted() {
    for document in cases::VALID {
        assert!(check(document).is_ok(), "{:?}: {:?}", String::from_utf8_lossy(document), check(document));
    }
}

#[test]
fn invalid_documents_are_refused_where_and_why() {
    for (document, offset, reason) in cases::INVALID {
        let text = String::from_utf8_lossy(document);
        let fault = check(document).expect_err(&text);
        assert_eq!(
            (fault.offset, fault.reason.contains(reason)),
            (*offset, true),
            "{text:?}: {fault:?}, not {reason}"
        );
    }
}

/// What is scanned in words must not depend on where in a word it stands.
#[test]
fn verdicts_do_not_depend_on_alignment() {
    for pad in 0..40 {
        for document in cases::VALID {
            let nested = [b"[\"", &b"x".repeat(pad)[..], b"\",", document, b"]"].concat();
            assert!(check(&nested).is_ok(), "{:?}", String::from_utf8_lossy(&nested));
            let padded = [&b" ".repeat(pad)[..], document, &b"\t".repeat(pad)].concat();
            assert!(check(&padded).is_ok(), "{:?}", String::from_utf8_lossy(&padded));
        }
        for (document, offset, reason) in cases::INVALID {
            if document.starts_with(b"\xef\xbb\xbf")
                || reason.starts_with("empty")
                || reason.starts_with("only")
            {
                continue;
            }
            let padded = [&b" ".repeat(pad)[..], document].concat();
            let fault = check(&padded).expect_err(&String::from_utf8_lossy(&padded));
            assert_eq!(fault.offset, pad + offset, "{:?}: {fault:?}", String::from_utf8_lossy(&padded));
        }
    }
}

#[test]
fn every_prefix_of_a_document_is_refused_at_its_end() {
    let document =
        r#"{"a":[1.5e-3,true,false,null,"x\u00e9\n\\é"],"long key of many bytes":{"n":-0}}"#.as_bytes();
    check(document).unwrap();
    for length in 0..document.len() {
        let fault = check(&document[..length]).unwrap_err();
        if std::str::from_utf8(&document[..length]).is_ok() {
            assert_eq!(fault.offset, length, "{:?}: {fault:?}", String::from_utf8_lossy(&document[..length]));
        }
    }
}

#[test]
fn every_control_character_is_refused_in_a_string_and_allowed_nowhere_else_but_as_white_space() {
    for byte in 0..=0x1f_u8 {
        assert_eq!(check(&[b'"', b'a', byte, b'"']).unwrap_err().offset, 2, "{byte:#x}");
        let is_white_space = matches!(byte, b'\t' | b'\n' | b'\r');
        assert_eq!(check(&[b'[', byte, b']']).is_ok(), is_white_space, "{byte:#x}");
        assert_eq!(check(&[b'1', byte]).is_ok(), is_white_space, "{byte:#x}");
        assert_eq!(check(&[byte, b'1']).is_ok(), is_white_space, "{byte:#x}");
    }
    for byte in 0x20..=0x7f_u8 {
        let is_plain = byte != b'"' && byte != b'\\';
        assert_eq!(check(&[b'"', b'a', byte, b'"']).is_ok(), is_plain, "{byte:#x}");
    }
}

#[test]
fn every_escape_but_the_nine_is_refused() {
    for byte in 0..=255_u8 {
        let known = b"\"\\/bfnrt".contains(&byte);
        assert_eq!(check(&[b'"', b'\\', byte, b'"']).is_ok(), known, "{byte:#x}");
        let hex = byte.is_ascii_hexdigit();
        for place in 3..7 {
            let mut document = *br#""\u0000""#;
            document[place] = byte;
            assert_eq!(check(&document).is_ok(), hex, "{byte:#x} at {place}");
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let mut checker = Checker::new(&[]).unwrap();
    for (open, close) in [("[", "]"), (r#"{"k":"#, "}"), (r#"[{"k":"#, "}]")] {
        let levels = open.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
        for depth in [2, 62, 64, 66, 128, 130, 1000, MAX_DEPTH] {
            let times = depth / levels;
            let document = [open.repeat(times), "1".into(), close.repeat(times)].concat();
            assert!(checker.check(document.as_bytes()).is_ok(), "{depth} of {open}");
            // Each level must be left by its own kind of bracket.
            let swapped = document.replace('}', "?").replace(']', "}").replace('?', "]");
            assert!(checker.check(swapped.as_bytes()).is_err(), "{depth} of {open}");
            let missing = &document[..document.len() - 1];
            assert_eq!(
                checker.check(missing.as_bytes()).unwrap_err().offset,
                missing.len(),
                "{depth} of {open}"
            );
        }
        let document = open.repeat(MAX_DEPTH / levels + 1);
        let fault = checker.check(document.as_bytes()).unwrap_err();
        assert_eq!(fault.offset, open.len() * (MAX_DEPTH / levels), "{open}");
        assert!(fault.reason.contains("10,000 levels"), "{fault:?}");
    }
    assert!(checker.check(&b"[".repeat(5_000_000)).is_err());
}

#[test]
fn numbers_must_fit_a_float64() {
    let long = |digits: usize, rest: &str| format!("1{}{rest}", "0".repeat(digits));
    let finite = [
        "1e308".to_owned(),
        "1.7976931348623157e308".to_owned(),
        "-1.7976931348623157E+308".to_owned(),
        "1e-999".to_owned(),
        "1e-99999999999999999999".to_owned(),
        "0e99999999999999999999".to_owned(),
        "-0.0e999".to_owned(),
        "1e0000000000000000000000000308".to_owned(),
        "5e-324".to_owned(),
        long(308, ""),
        long(308, ".999"),
        long(400, "e-100"),
        long(100_000, "e-100000"),
        format!("0.{}1e400", "0".repeat(399)),
        format!("0.{}1e20001", "0".repeat(20_000)),
        format!("0.{}", "9".repeat(100_000)),
    ];
    for number in finite {
        assert!(check(number.as_bytes()).is_ok(), "{number}");
        assert!(check(format!("[{number}]").as_bytes()).is_ok(), "{number}");
    }
    let infinite = [
        "1e309".to_owned(),
        "1e999".to_owned(),
        "-1e999".to_owned(),
        "1.7976931348623159e308".to_owned(),
        "1E+99999999999999999999".to_owned(),
        "17976931348623159e293".to_owned(),
        long(309, ""),
        long(309, ".5"),
        long(300, "e10"),
    ];
    for number in infinite {
        let fault = check(format!("[0,{number}]").as_bytes()).expect_err(&number);
        assert_eq!((fault.offset, fault.reason), (3, super::fault::TOO_LARGE), "{number}");
    }
}

#[test]
fn line_breaks_between_tokens_are_seen() {
    for (document, expected) in [
        (&b"{\"a\":1}"[..], false),
        (b" {\t\"a\" : 1 }\t", false),
        (br#"{"a\n\r":"\n\r"}"#, false),
        (b"{\"a\":1}\n", true),
        (b"{\"a\":1}\r", true),
        (b"\n1", true),
        (b"[1,\r\n2]", true),
        (b"[1\n,2]", true),
        (b"{\"a\"\n:1}", true),
        (b"{\"a\":\n1}", true),
        (b"{\n}", true),
        (b"[\r]", true),
        (b"[[1]\n]", true),
    ] {
        let verdict = check(document).unwrap();
        assert_eq!(verdict.has_line_breaks, expected, "{:?}", String::from_utf8_lossy(document));
    }
}

#[test]
fn the_first_fault_is_told() {
    for (document, offset) in [
        (&b"[\"\xff\",}"[..], 2),
        (b"[},\"\xff\"]", 1),
        (b"[\"ok\",\xff]", 6),
        (b"\"\xc3\"", 1),
        (b"\"\xe2\x82", 1),
        (b"{\"a\":1e999,\"\xff\":1}", 5),
    ] {
        assert_eq!(check(document).unwrap_err().offset, offset, "{:?}", String::from_utf8_lossy(document));
    }
}

/// Remembered keys must never let another key pass, nor a fault in one.
#[test]
fn remembered_keys_change_no_verdict() {
    let names = [
        "",
        "a",
        "b",
        "ab",
        "abcdefgh",
        "thirteen chrs",
        "é",
        "fourteen chars",
        "twenty-eight characters long",
    ];
    let names =
        names.iter().map(|name| name.to_string()).chain(["x".repeat(29), "y".repeat(30), "z".repeat(70)]);
    let names: Vec<String> = names.collect();
    let mut checker = Checker::new(&[]).unwrap();
    for first in &names {
        for second in &names {
            for colon in [":", " :", "\n:", "", ":\u{1}"] {
                let document = |name: &str, colon: &str| {
                    format!(r#"{{"{name}"{colon}12345678901234567890123456789012}}"#)
                };
                checker.check(document(first, ":").as_bytes()).unwrap();
                let _ = checker.check(document(first, colon).as_bytes());
                let other = document(second, colon);
                assert_eq!(checker.check(other.as_bytes()), check(other.as_bytes()), "{other} after {first}");
                let broken = other.replacen('"', "\"\\q", 1);
                assert_eq!(
                    checker.check(broken.as_bytes()),
                    check(broken.as_bytes()),
                    "{broken} after {first}"
                );
            }
        }
    }
}

#[test]
fn documents_with_ever_new_keys_are_judged_alike_by_a_used_checker() {
    let mut used = Checker::new(&[]).unwrap();
    for round in 0..300 {
        let members: Vec<String> =
            (0..200).map(|n| format!(r#""k{}":{n}"#, n * 7919 % (round + 1))).collect();
        let document = format!("{{\"rows\":[{{{0}}},{{{0}}}],{0}}}", members.join(","));
        assert!(used.check(document.as_bytes()).is_ok(), "{document}");
        let broken = document.replacen(":3,", ":3;", 1);
        assert_eq!(used.check(broken.as_bytes()), check(broken.as_bytes()));
    }
}
