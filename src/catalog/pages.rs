//! Sorted listings in bounded memory. A store lists in any order, and all at once; a page is the least names after
//! those that were given, as many as there is room for. When it is used up the store is listed again.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::iter::Watch;
use crate::options::Control;

/// How many bytes the names of a page may take: some hundred thousand ids.
pub(super) const ROOM: usize = 8 << 20;

/// What a name takes besides its text, about.
const OVERHEAD: usize = 48;

/// Names of one listing, each once.
pub(super) struct Pages {
    room: usize,
    /// The greatest name that was given.
    after: Option<String>,
    /// The next names, the least at the end.
    page: Vec<String>,
    /// No name follows those of the page.
    is_last: bool,
}

impl Pages {
    pub(super) fn new(room: usize) -> Self {
        Pages { room, after: None, page: Vec::new(), is_last: false }
    }

    /// The next name of what `list` lists; `None` at the end.
    ///
    /// # Errors
    /// Those of `list`; `Deadline`, `Cancelled`.
    pub(super) fn next(
        &mut self,
        control: &Control,
        doing: &'static str,
        list: impl FnOnce(&mut dyn FnMut(&str) -> bool) -> Result<()>,
    ) -> Result<Option<String>> {
        if self.page.is_empty() && !self.is_last {
            self.fill(control, doing, list)?;
        }
        let next = self.page.pop();
        if self.page.is_empty() && !self.is_last {
            self.after.clone_from(&next);
        }
        Ok(next)
    }

    fn fill(
        &mut self,
        control: &Control,
        doing: &'static str,
        list: impl FnOnce(&mut dyn FnMut(&str) -> bool) -> Result<()>,
    ) -> Result<()> {
        let mut least = BTreeSet::<String>::new();
        let mut taken = 0;
        let mut left_out = false;
        let after = self.after.as_deref();
        let mut watch = Watch::new(control, doing);
        list(&mut |name| {
            let is_past = after.is_none_or(|after| name > after);
            // A name above one that there was no room for must not come before it.
            let is_least = !left_out || least.last().is_some_and(|last| name < &**last);
            if is_past && is_least && !least.contains(name) {
                taken += name.len() + OVERHEAD;
                least.insert(name.to_owned());
                while taken > self.room && least.len() > 1 {
                    taken -= least.pop_last().map_or(0, |last| last.len() + OVERHEAD);
                    left_out = true;
                }
            }
            watch.goes_on()
        })?;
        watch.verdict()?;
        self.is_last = !left_out;
        self.page = least.into_iter().rev().collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{CallOptions, CancelToken};

    fn all(room: usize, names: &[String]) -> (Vec<String>, usize) {
        let control = Control::start(&CallOptions::default());
        let mut pages = Pages::new(room);
        let (mut given, mut listings, mut most) = (Vec::new(), 0, 0);
        loop {
            let next = pages.next(&control, "testing", |each| {
                listings += 1;
                names.iter().all(|name| each(name));
                Ok(())
            });
            most = most.max(pages.page.len());
            match next.unwrap() {
                Some(name) => given.push(name),
                None => break,
            }
        }
        assert!(most <= (room / (OVERHEAD + 1)).max(1), "{most} names at once");
        (given, listings)
    }

    #[test]
    fn every_name_comes_once_and_in_order_whatever_the_room() {
        // 7919 has no divisor in common with 1000: a shuffle. Each name is listed twice.
        let names: Vec<String> = (0..2000_u32).map(|i| format!("{:03}", i * 7919 % 1000)).collect();
        let expected: Vec<String> = (0..1000).map(|i| format!("{i:03}")).collect();
        for (room, listings) in [(0, 1000), (10 * 51, 100), (1000 * 51, 1), (ROOM, 1)] {
            assert_eq!(all(room, &names), (expected.clone(), listings), "{room}");
        }
        assert_eq!(all(0, &[]), (Vec::new(), 1));
    }

    #[test]
    fn a_listing_stops_when_it_is_cancelled() {
        let cancel = CancelToken::new();
        let control = Control::start(&CallOptions { deadline: None, cancel: Some(cancel.clone()) });
        let mut seen = 0;
        let stopped = Pages::new(ROOM).next(&control, "testing", |each| {
            while each("x") {
                seen += 1;
                if seen == 5 {
                    cancel.cancel();
                }
            }
            Ok(())
        });
        assert_eq!(stopped.unwrap_err().message(), "cancelled while testing");
        assert_eq!(seen, 5);
    }
}
