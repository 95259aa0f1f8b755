//! Sorted listings in bounded memory. Most stores list in any order, and all at once; a page is the first
//! names after those that were given, as many as there is room for. When it is used up the store is listed
//! again.

use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::iter::Watch;

/// How many bytes the names of a page may take, and half of what they take while it is made: some ten
/// thousand ids.
pub(crate) const ROOM: usize = 4 << 20;

/// What a name takes besides its text, about.
const OVERHEAD: usize = 48;

/// In which order names are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

impl Order {
    fn precedes(self, a: &str, b: &str) -> bool {
        match self {
            Order::Ascending => a < b,
            Order::Descending => a > b,
        }
    }
}

/// Names of one listing, each once.
pub(crate) struct Pages {
    room: usize,
    order: Order,
    /// The listing is in ascending order, so that it need not go on beyond a full page.
    is_sorted: bool,
    /// The last name that was given.
    after: Option<String>,
    /// The next names, the first at the end.
    page: Vec<String>,
    /// No name follows those of the page.
    is_last: bool,
}

impl Pages {
    /// The names in this order, of a listing in any.
    pub(crate) fn new(room: usize, order: Order) -> Self {
        Pages { room, order, is_sorted: false, after: None, page: Vec::new(), is_last: false }
    }

    /// The names in ascending order; `is_sorted`: in which they are listed, too.
    pub(crate) fn ascending(room: usize, is_sorted: bool) -> Self {
        Pages { is_sorted, ..Pages::new(room, Order::Ascending) }
    }

    /// The next name of what `list` lists; `None` at the end. `list` is given a name: of an ascending listing
    /// those up to it may be left out.
    ///
    /// # Errors
    /// Those of `list`; `NoMemory`, `Deadline`, `Cancelled`, `Aborted`.
    pub(crate) fn next(
        &mut self,
        context: &Context,
        doing: &'static str,
        list: impl FnOnce(Option<&str>, &mut dyn FnMut(&str) -> bool) -> Result<()>,
    ) -> Result<Option<String>> {
        self.fill(context, doing, list)?;
        let next = self.page.pop();
        if self.page.is_empty() && !self.is_last {
            self.after.clone_from(&next);
        }
        Ok(next)
    }

    /// Lists the next names, if there may be any and all that were listed are used up.
    ///
    /// # Errors
    /// Those of [`Pages::next`].
    pub(crate) fn fill(
        &mut self,
        context: &Context,
        doing: &'static str,
        list: impl FnOnce(Option<&str>, &mut dyn FnMut(&str) -> bool) -> Result<()>,
    ) -> Result<()> {
        if self.is_last || !self.page.is_empty() {
            return Ok(());
        }
        let (order, after) = (self.order, self.after.as_deref());
        let mut first =
            First { room: self.room, order, names: Vec::new(), taken: 0, bound: None, no_memory: false };
        let mut watch = Watch::new(context, doing);
        list(after.filter(|_| order == Order::Ascending), &mut |name| {
            if after.is_none_or(|after| order.precedes(after, name)) {
                first.take(name);
            }
            let is_enough = first.no_memory || (self.is_sorted && first.bound.is_some());
            !is_enough && watch.goes_on()
        })?;
        watch.verdict()?;
        if first.no_memory {
            return Err(Error::new(Status::NoMemory, format_args!("no memory for the names, {doing}")));
        }
        first.trim();
        self.is_last = first.bound.is_none();
        self.page = first.names;
        self.page.reverse();
        Ok(())
    }
}

/// [`Backend::list_names`](super::Backend::list_names) for a store that lists keys alone, in any order:
/// `list` calls what it is given for every key below `prefix`, until that answers `false`. Names come once,
/// in order. Memory stays bounded: where there are very many names, the store is listed again.
///
/// # Errors
/// Those of `list`; `NoMemory`, `Deadline`, `Cancelled`, `Aborted`.
pub fn list_names_by_keys(
    context: &Context,
    prefix: &str,
    list: impl Fn(&mut dyn FnMut(&str) -> bool) -> Result<()>,
    each: &mut dyn FnMut(&str) -> bool,
) -> Result<()> {
    let mut names = Pages::new(ROOM, Order::Ascending);
    let mut next = || {
        names.next(context, "listing names", |_, each| {
            // Of sorted listings, the usual ones, each name is taken once.
            let mut last = String::new();
            list(&mut |key| {
                let rest = key.strip_prefix(prefix).unwrap_or(key);
                let name = rest.split_once('/').map_or(rest, |(name, _)| name);
                if name == last {
                    return true;
                }
                last.clear();
                last.push_str(name);
                each(name)
            })
        })
    };
    while let Some(name) = next()? {
        if !each(&name) {
            break;
        }
    }
    Ok(())
}

/// The first names of a listing: once they take twice the room, those beyond it are dropped.
struct First {
    room: usize,
    order: Order,
    names: Vec<String>,
    taken: usize,
    /// The last name that is kept, once any was dropped.
    bound: Option<String>,
    no_memory: bool,
}

impl First {
    fn take(&mut self, name: &str) {
        // A name beyond one that there was no room for must not come before it.
        if self.bound.as_deref().is_some_and(|bound| !self.order.precedes(name, bound)) {
            return;
        }
        let mut copy = String::new();
        if self.names.try_reserve(1).is_err() || copy.try_reserve_exact(name.len()).is_err() {
            self.no_memory = true;
            return;
        }
        copy.push_str(name);
        self.names.push(copy);
        self.taken += name.len() + OVERHEAD;
        if self.taken / 2 > self.room {
            self.trim();
        }
    }

    /// Sorts the names, and drops those that are twice or have no room.
    fn trim(&mut self) {
        self.names.sort_unstable();
        if self.order == Order::Descending {
            self.names.reverse();
        }
        self.names.dedup();
        self.taken = 0;
        for (index, name) in self.names.iter().enumerate() {
            let taken = self.taken + name.len() + OVERHEAD;
            if index > 0 && taken > self.room {
                self.names.truncate(index);
                self.bound = self.names.last().cloned();
                break;
            }
            self.taken = taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{CallOptions, CancelToken};

    fn all(room: usize, order: Order, names: &[String]) -> (Vec<String>, usize) {
        let context = Context::start(&CallOptions::default());
        let mut pages = Pages::new(room, order);
        let (mut given, mut listings, mut most) = (Vec::new(), 0, 0);
        loop {
            let next = pages.next(&context, "testing", |_, each| {
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
    fn every_name_comes_once_and_in_order_in_any_room() {
        // 7919 has no divisor in common with 1000: a shuffle. Each name is listed twice.
        let names: Vec<String> = (0..2000_u32).map(|i| format!("{:03}", i * 7919 % 1000)).collect();
        let expected: Vec<String> = (0..1000).map(|i| format!("{i:03}")).collect();
        let mut reversed = expected.clone();
        reversed.reverse();
        for (room, listings) in [(0, 1000), (10 * 51, 100), (1000 * 51, 1), (ROOM, 1)] {
            assert_eq!(all(room, Order::Ascending, &names), (expected.clone(), listings), "{room}");
            assert_eq!(all(room, Order::Descending, &names), (reversed.clone(), listings), "{room}");
        }
        assert_eq!(all(0, Order::Ascending, &[]), (Vec::new(), 1));
    }

    #[test]
    fn a_sorted_listing_ends_with_a_full_page_and_goes_on_behind_it() {
        let context = Context::start(&CallOptions::default());
        let names: Vec<String> = (0..1000).map(|i| format!("{i:03}")).collect();
        let (mut pages, mut listed, mut given) = (Pages::ascending(10 * 51, true), 0, Vec::new());
        while let Some(name) = pages
            .next(&context, "testing", |after, each| {
                let rest = names.iter().filter(|name| after.is_none_or(|after| ***name > *after));
                rest.inspect(|_| listed += 1).all(|name| each(name));
                Ok(())
            })
            .unwrap()
        {
            given.push(name);
        }
        assert_eq!(given, names);
        assert!(listed < 3 * names.len(), "{listed} names were listed for pages of ten, in twice their room");
    }

    #[test]
    fn names_are_made_of_keys_in_any_order_and_their_memory_is_bounded() {
        // Longer names than there is room for at once, each with keys that lie far apart.
        let name = |number: usize| format!("{:0500}", number * 7919 % 20_000);
        let listings = std::cell::Cell::new(0);
        let list = |each: &mut dyn FnMut(&str) -> bool| {
            listings.set(listings.get() + 1);
            for part in ["a", "b/c"] {
                if !(0..20_000).all(|number| each(&format!("below/{}/{part}", name(number)))) {
                    return Ok(());
                }
            }
            Ok(())
        };
        let mut given = 0;
        let context = Context::unlimited();
        list_names_by_keys(context, "below/", list, &mut |name| {
            assert_eq!(*name, format!("{given:0500}"));
            given += 1;
            true
        })
        .unwrap();
        assert_eq!(given, 20_000);
        assert!((2..5).contains(&listings.get()), "{} listings", listings.get());
        let mut first = Vec::new();
        list_names_by_keys(context, "below/", list, &mut |name| {
            first.push(name.len());
            first.len() < 3
        })
        .unwrap();
        assert_eq!(first, [500; 3]);
    }

    #[test]
    fn a_listing_stops_when_it_is_cancelled() {
        let cancel = CancelToken::new();
        let context = Context::start(&CallOptions {
            deadline: None,
            cancel: Some(cancel.clone()),
            ..CallOptions::default()
        });
        let mut seen = 0;
        let stopped = Pages::new(ROOM, Order::Ascending).next(&context, "testing", |_, each| {
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
