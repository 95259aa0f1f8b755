//! Top-level members that the check of a document finds on its way.

use super::members::Members;
use crate::manifest::json::unescape;

/// Stands for a key that the document does not have.
const ABSENT: usize = usize::MAX;

/// Keys, and where the values begin that the document checked last has for them. If a key occurs twice, the
/// last counts.
#[derive(Debug, Default)]
pub struct Wanted {
    keys: Vec<String>,
    /// Of each key: where its value begins and how long it is; a length of 0 is not known yet, and white
    /// space may come before the value.
    found: Vec<(usize, usize)>,
    /// Of each key: where its value begins and how long it is.
    values: Vec<Option<(usize, usize)>>,
}

impl Wanted {
    /// These keys, at most 255.
    pub fn new(keys: &[String]) -> Self {
        debug_assert!(keys.len() <= usize::from(u8::MAX), "a key's mark is a byte");
        Wanted { keys: keys.to_vec(), found: vec![(ABSENT, 0); keys.len()], values: vec![None; keys.len()] }
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Forgets the values of the document before.
    #[inline(always)]
    pub(super) fn begin(&mut self) {
        self.found.fill((ABSENT, 0));
    }

    /// The mark of a key as it stands between its quotes: which of the keys it is, counted from 1; 0 if it is
    /// none.
    #[inline(never)]
    pub(super) fn mark(&self, key: &[u8]) -> u8 {
        let place = if key.contains(&b'\\') {
            std::str::from_utf8(key).ok().map(unescape).and_then(|text| self.place(text.as_bytes()))
        } else {
            self.place(key)
        };
        place.map_or(0, |place| place as u8 + 1)
    }

    fn place(&self, key: &[u8]) -> Option<usize> {
        self.keys.iter().position(|wanted| wanted.as_bytes() == key)
    }

    /// Notes where the value of the key with this mark begins, and how long it is if that is known, else 0.
    #[inline(always)]
    pub(super) fn found(&mut self, mark: u8, offset: usize, len: usize) {
        if mark != 0 {
            self.found[usize::from(mark) - 1] = (offset, len);
        }
    }

    /// Where each key's value begins in `document`, which was checked last and accepted, and how long it is.
    #[inline]
    pub fn values(&mut self, document: &[u8]) -> &[Option<(usize, usize)>] {
        for (found, value) in self.found.iter().zip(&mut self.values) {
            *value = match *found {
                (ABSENT, _) => None,
                (begin, 0) => Members::value_at(document, begin),
                known => Some(known),
            };
        }
        &self.values
    }

    /// The same for a document that was accepted by another check.
    #[cfg(feature = "parquet")]
    pub fn search(&mut self, document: &[u8]) -> &[Option<(usize, usize)>] {
        self.begin();
        if !self.is_empty() {
            for member in Members::of(document).into_iter().flatten() {
                self.found(self.mark(member.key), member.offset, member.value.len());
            }
        }
        self.values(document)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Checker;
    use super::*;

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    /// What a walk over all members says.
    fn expected(document: &[u8], keys: &[String]) -> Vec<Option<(usize, usize)>> {
        let value_of = |key: &String| {
            let members = Members::of(document)?
                .filter(|member| unescape(std::str::from_utf8(member.key).expect("it was checked")) == **key);
            members.last().map(|member| (member.offset, member.value.len()))
        };
        keys.iter().map(value_of).collect()
    }

    #[test]
    fn values_are_those_of_the_members_at_the_top_and_the_last_of_each_key() {
        let wanted = keys(&["a", "b", "a long key of more than thirty-two bytes", "\"", "żó"]);
        let mut checker = Checker::new(&wanted).unwrap();
        for document in [
            "{}",
            r#"{"a":1}"#,
            r#"{"a":1,"a":2,"b":[1],"a":{"a":3}}"#,
            r#"{"x":{"a":1,"b":2},"b":"x\"y"}"#,
            r#"[{"a":1}]"#,
            r#"[[{"a":1}],{"b":1}]"#,
            "\"a\"",
            " { \"a\" :\n 1.5e3 , \"\\u0061\"\t:\r\"\\u0061\" } ",
            r#"{"a long key of more than thirty-two bytes":true,"żó":"żó","\"":null}"#,
            r#"{"a\u0000":1,"":2,"A":3,"ab":4}"#,
        ] {
            checker.check(document.as_bytes()).unwrap();
            let found = checker.values(document.as_bytes());
            assert_eq!(found, expected(document.as_bytes(), &wanted), "{document}");
        }
    }

    /// The keys of documents before are remembered by their place: no value may be missed or made up by that.
    #[test]
    fn values_do_not_depend_on_the_documents_before() {
        let wanted = keys(&["a", "origin", "żó", "a key that is not so short"]);
        let names = ["a", "ab", "origin", "\\u0061", "żó", "", "a key that is not so short", "other"];
        let values = [
            "1",
            "-2.5e3",
            "true",
            "null",
            "\"\"",
            "\"a\"",
            "\"\\\"a\\\":\"",
            "\"a very long text, longer than two of the blocks\"",
            r#"{"a":1,"origin":"x"}"#,
            r#"[{"a":1},{"origin":[2]}]"#,
        ];
        let mut random = 7_u32;
        let mut next = move |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        let mut checker = Checker::new(&wanted).unwrap();
        let mut found = 0;
        for _ in 0..40_000 {
            let shift = next(3);
            let space = ["", "", " ", "\n\t "][next(4)];
            let members: Vec<String> = (0..next(9))
                .map(|place| {
                    // Most often the same keys at the same places, as records have them.
                    let name = if next(4) == 0 { next(names.len()) } else { (place + shift) % names.len() };
                    let (name, value) = (names[name], values[next(values.len())]);
                    format!("{space}\"{name}\"{space}:{space}{value}{space}")
                })
                .collect();
            let document = format!("{space}{{{}}}{space}", members.join(","));
            if next(8) == 0 {
                // One that is refused half-way leaves nothing behind.
                assert!(
                    checker.check(document.replacen(':', ";", 1).as_bytes()).is_err() || members.is_empty()
                );
            }
            checker.check(document.as_bytes()).unwrap();
            let values = checker.values(document.as_bytes());
            assert_eq!(values, expected(document.as_bytes(), &wanted), "{document}");
            found += values.iter().flatten().count();
        }
        assert!(found > 40_000, "{found}");
    }
}
