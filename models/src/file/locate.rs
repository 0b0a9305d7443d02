//! From the path of a field to its place in the source, for problems that are found long after reading.

use super::finding::At;
use super::node::{Entry, Node, Tree};

/// The place of `path`, or of the nearest ancestor that is there. Keys with dots are found plain and as `["a.b"]`.
pub(crate) fn locate(root: &Node, path: &str) -> At {
    let (mut node, mut at, mut rest) = (root, root.at, path);
    while let Some((next, place, after)) = step(node, rest) {
        (node, at, rest) = (next, place, after);
    }
    at
}

fn step<'n, 'p>(node: &'n Node, rest: &'p str) -> Option<(&'n Node, At, &'p str)> {
    if rest.is_empty() {
        return None;
    }
    if let Some(inside) = rest.strip_prefix('[')
        && let Some((index, after)) = inside.split_once(']')
        && let Ok(index) = index.parse::<usize>()
    {
        let item = node.items().get(index)?;
        return Some((item, item.at, after));
    }
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    let begins = node.entries().iter().filter_map(|entry| Some((entry, after(entry, rest)?)));
    let (entry, after) = begins.max_by_key(|(entry, _)| entry.key.len())?;
    Some((&entry.node, place(entry), after))
}

/// What follows the key in the path, if the path goes on with this key.
fn after<'p>(entry: &Entry, rest: &'p str) -> Option<&'p str> {
    let quoted = || rest.strip_prefix(format!("[{}]", super::finding::quoted(&entry.key)).as_str());
    let plain = || {
        let after = rest.strip_prefix(entry.key.as_str())?;
        (after.is_empty() || after.starts_with(['.', '['])).then_some(after)
    };
    plain().or_else(quoted)
}

/// A scalar where it stands; what spreads over lines where its key stands.
fn place(entry: &Entry) -> At {
    match entry.node.value {
        Tree::Null | Tree::List(_) | Tree::Map(_) => entry.at,
        Tree::Bool(_) | Tree::Number(..) | Tree::Text(_) => entry.node.at,
    }
}
