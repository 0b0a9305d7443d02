//! Lists of the standard (SOL013 5): filters, selectors, and pages whose markers survive what comes and goes. A request looks
//! at no more than so many things, whatever there is: the rest is on the next page.

use crate::api::listing::{unwrap, wrap};
use crate::api::params;
use crate::api::problem::Problem;
use crate::api::reply::{Input, Reply};
use serde_json::Value;
use sol005::sol013::{Attributes, Filter, SELECTORS, Selector};

pub(super) const MARKER: &str = "nextpage_opaque_marker";

/// Things on a page.
const PAGE: usize = 100;
/// Things that one request looks at for a page.
const LOOKED: usize = 2_000;

pub(super) struct Pages<'i> {
    input: &'i Input,
    attributes: &'static Attributes,
    filter: Filter,
    selector: Selector,
    items: Vec<Value>,
    /// How many of a source may be looked at yet.
    left: usize,
    after: Option<String>,
    more: bool,
}

impl<'i> Pages<'i> {
    /// `left_out` is what the list leaves out unless it is asked for.
    pub(super) fn begin(input: &'i Input, attributes: &'static Attributes, left_out: &[&str]) -> Result<Self, Problem> {
        let selector = Selector::read(&input.query, (attributes, left_out)).map_err(|error| wrong("fields", error))?;
        let after = input.query(MARKER).map(|marker| unwrap(marker, (input, &input.at))).transpose()?;
        let filter = filter(input, attributes)?;
        Ok(Self { input, attributes, filter, selector, items: vec![], left: LOOKED, after, more: true })
    }

    /// Where to go on, and how many things to look at.
    pub(super) fn wants(&self) -> Option<(Option<String>, usize)> {
        let open = self.more && self.left > 0 && self.items.len() < PAGE;
        // Of a list without a filter everything is taken.
        let looked = if self.filter.is_empty() { PAGE - self.items.len() } else { PAGE * 2 };
        open.then(|| (self.after.clone(), looked.min(self.left)))
    }

    /// What was found there; `last` is where it ended, if there is more.
    pub(super) fn take(
        &mut self,
        found: impl Iterator<Item = (String, Value)>,
        (looked, last): (usize, Option<String>),
    ) {
        self.left = self.left.saturating_sub(looked);
        (self.more, self.after) = (last.is_some(), last);
        let mut taken = None;
        for (name, value) in found.filter(|(_, value)| self.filter.fits(value)) {
            if self.items.len() == PAGE {
                self.more = true;
                break;
            }
            self.items.push(self.selector.apply(value, self.attributes));
            taken = Some(name);
        }
        if self.items.len() == PAGE && self.more {
            // The next page begins behind what this one has.
            self.after = taken.or_else(|| self.after.take());
        }
    }

    pub(super) fn reply(self) -> Result<Reply, Problem> {
        let next = self.after.filter(|_| self.more).map(|after| {
            let marker = wrap(&after, (self.input, &self.input.at));
            let kept = self.input.query.iter().filter(|(key, _)| key != MARKER);
            let pairs = kept.map(|(key, value)| match value.is_empty() {
                true => format!("{}&", params::escape(key)),
                false => format!("{}={}&", params::escape(key), params::escape(value)),
            });
            format!("<{}?{}{MARKER}={marker}>; rel=\"next\"", self.input.at, pairs.collect::<String>())
        });
        Ok(Reply::ok(&self.items)?.link(next))
    }
}

/// The parameter `filter`, or, as up to SOL005 2.4.1, every parameter that has no other meaning.
fn filter(input: &Input, attributes: &Attributes) -> Result<Filter, Problem> {
    let known = |name: &str| name == "filter" || name == MARKER || SELECTORS.contains(&name);
    let old: Vec<(String, String)> = input.query.iter().filter(|(name, _)| !known(name)).cloned().collect();
    match input.query("filter") {
        Some(_) if !old.is_empty() => {
            Err(wrong("filter", format!("filter and {} in one query: say all of it in filter", old[0].0)))
        }
        Some(text) => Filter::read(text, attributes).map_err(|error| wrong("filter", error)),
        None => Filter::read_old(&old, attributes).map_err(|error| wrong("filter", error)),
    }
}

fn wrong(parameter: &str, error: String) -> Problem {
    params::value(parameter, error)
}
