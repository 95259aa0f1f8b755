//! Objects in which nothing is nested or escaped, as most records are: a key is found as bytes, without a
//! look at each member.

use memchr::memmem::Finder;

/// A key that is looked for in flat documents.
#[derive(Debug)]
pub struct FlatKey(Finder<'static>);

impl FlatKey {
    /// `None` if this key cannot be looked for: what follows a string's last quote must not be taken for a
    /// key.
    pub fn new(key: &str) -> Option<Self> {
        let can_find = !key.starts_with([',', ':', '}', ' ', '\t', '\n', '\r']) && !key.contains(['"', '\\']);
        can_find.then(|| FlatKey(Finder::new(&format!("\"{key}\"")).into_owned()))
    }
}

/// A document that a [`super::Checker`] has accepted, and that is an object without containers in it and
/// without escapes. Wherever a key stands between quotes there, with a colon after it, it is a key of the
/// object.
#[derive(Clone, Copy, Debug)]
pub struct Flat<'a>(&'a [u8]);

impl<'a> Flat<'a> {
    /// `document` if it is flat; a container's bracket within a string, too, makes it none.
    pub fn of(document: &'a [u8]) -> Option<Self> {
        let brace = document.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let inner = document.get(brace + 1..)?;
        let is_flat = document[brace] == b'{' && memchr::memchr3(b'{', b'[', b'\\', inner).is_none();
        is_flat.then_some(Flat(document))
    }

    /// The value of the last member with this key, given with its quotes, and where the value begins.
    pub fn last_value(&self, FlatKey(finder): &FlatKey) -> Option<(&'a [u8], usize)> {
        let (mut from, mut last) = (0, None);
        while let Some(at) = self.0.get(from..).and_then(|rest| finder.find(rest)) {
            last = self.value_after(from + at + finder.needle().len()).or(last);
            from += at + 1;
        }
        last
    }

    /// The value, if a colon comes next at `at`.
    fn value_after(&self, at: usize) -> Option<(&'a [u8], usize)> {
        let colon = self.token(at)?;
        let begin = self.token(colon + 1).filter(|_| self.0[colon] == b':')?;
        let rest = &self.0[begin..];
        let len = match rest[0] {
            b'"' => rest[1..].iter().position(|byte| *byte == b'"')? + 2,
            _ => rest.iter().position(|byte| matches!(byte, b',' | b'}') || byte.is_ascii_whitespace())?,
        };
        Some((&rest[..len], begin))
    }

    fn token(&self, from: usize) -> Option<usize> {
        Some(from + self.0.get(from..)?.iter().position(|byte| !byte.is_ascii_whitespace())?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::Members;
    use super::*;

    #[test]
    fn only_objects_with_nothing_nested_and_nothing_escaped_are_flat() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(70));
        for document in ["{}", " \r\n{ } ", r#"{"a":1,"b":"]}"}"#, &long] {
            assert!(Flat::of(document.as_bytes()).is_some(), "{document}");
            for place in 2..document.len() {
                for byte in [b'{', b'[', b'\\'] {
                    let mut other = document.as_bytes().to_vec();
                    other[place] = byte;
                    assert!(
                        place <= document.find('{').unwrap() || Flat::of(&other).is_none(),
                        "{document}: {place}"
                    );
                }
            }
        }
        for document in ["", " ", "1", "[1]", "\"a\"", "null"] {
            assert!(Flat::of(document.as_bytes()).is_none(), "{document}");
        }
    }

    /// What a walk over all members says.
    fn expected<'a>(document: &'a [u8], key: &str) -> Option<(&'a [u8], usize)> {
        let members = Members::of(document)?.filter(|member| member.key == key.as_bytes());
        members.last().map(|member| (member.value, member.offset))
    }

    #[test]
    fn the_last_value_of_a_key_is_that_of_a_walk_over_all_members() {
        let keys = ["", "a", "ab", "origin", "a key of more than sixteen bytes", "żó", "x,", "0:", ":", ","];
        let values = [
            "1",
            "-2.5e3",
            "true",
            "null",
            "\"\"",
            "\"a\"",
            "\"origin\"",
            "\":,\"",
            "\"żó\"",
            "\"a very long text, longer than a block\"",
        ];
        let mut random = 7_u32;
        let mut next = move |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        let mut found = 0;
        for _ in 0..20_000 {
            let space = ["", " ", "\n\t "][next(3)];
            let members: Vec<String> = (0..next(9))
                .map(|_| {
                    format!(
                        "{space}\"{}\"{space}:{space}{}{space}",
                        keys[next(keys.len())],
                        values[next(values.len())]
                    )
                })
                .collect();
            let document = format!("{space}{{{}}}{space}", members.join(","));
            let flat = Flat::of(document.as_bytes()).unwrap();
            for (key, wanted) in keys.iter().filter_map(|key| Some((key, FlatKey::new(key)?))) {
                let value = flat.last_value(&wanted);
                assert_eq!(value, expected(document.as_bytes(), key), "{key:?} in {document}");
                found += usize::from(value.is_some());
            }
        }
        assert!(found > 20_000, "{found}");
    }
}
