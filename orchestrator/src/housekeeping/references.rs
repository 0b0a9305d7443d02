//! Every blob that the store refers to, wherever a document names it. It must never miss one: a document that moves while
//! it reads is found among the events of that time.

use crate::store::{Digest, Kind, Query, Revision, Store, StoreError};
use serde_json::Value;
use std::collections::HashSet;

/// Documents that are read at once.
const PAGE: usize = 200;

pub(super) async fn collect(store: &dyn Store) -> Result<HashSet<Digest>, StoreError> {
    let begun = *store.changed().borrow();
    let mut found = HashSet::new();
    for kind in Kind::ALL {
        let mut query = Query::all(*kind).limit(PAGE);
        loop {
            let page = store.list(&query).await?;
            page.iter().for_each(|object| gather(&object.doc, &mut found));
            match page.last() {
                Some(last) if page.len() == PAGE => query = query.after(&last.key),
                _ => break,
            }
        }
    }
    since(store, begun, &mut found).await?;
    Ok(found)
}

/// What was written while the pages were read: a reference may have moved from a page to come to one that was read.
async fn since(store: &dyn Store, begun: Revision, found: &mut HashSet<Digest>) -> Result<(), StoreError> {
    let end = *store.changed().borrow();
    let mut at = begun;
    while at < end {
        let events = store.events(at, PAGE).await?;
        let Some(last) = events.last() else { return Ok(()) };
        at = last.rev;
        events.iter().filter_map(|event| event.doc.as_ref()).for_each(|doc| gather(doc, found));
    }
    Ok(())
}

/// Every text that is the name of a blob, at any depth: what a later version stores elsewhere is found as well.
fn gather(doc: &Value, found: &mut HashSet<Digest>) {
    match doc {
        Value::String(text) => found.extend(text.parse::<Digest>().ok()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slices::ChartPin;
    use models::repository::{IndexRead, Repository, RepositorySpec, StoredChart};
    use serde_json::json;

    #[test]
    fn charts_of_a_repository_its_index_and_what_an_operation_pinned_are_found() {
        let [chart, index, pinned] = [&b"chart"[..], b"index", b"pinned"].map(Digest::of);
        let stored = StoredChart {
            name: "web".into(),
            version: "1.0.0".into(),
            digest: chart.to_string(),
            dependencies: vec![],
        };
        let read =
            IndexRead { charts: 1, versions: 1, read_at: jiff::Timestamp::UNIX_EPOCH, digest: index.to_string() };
        let repository = Repository {
            name: "lab".parse().unwrap(),
            spec: RepositorySpec::default(),
            charts: vec![stored],
            credentials: None,
            index: Some(read),
        };
        let pin = ChartPin {
            name: "web".into(),
            version: "1.0.0".into(),
            digest: pinned.to_string(),
            repository: None,
            package: None,
            asked: None,
            source: None,
            dependencies: vec![],
        };
        let mut found = HashSet::new();
        gather(&json!(repository), &mut found);
        gather(&json!({"wish": {"charts": {"it": pin}}}), &mut found);
        assert_eq!(found, HashSet::from([chart, index, pinned]));
    }

    #[test]
    fn a_digest_is_found_at_any_depth_and_nothing_else_is_taken_for_one() {
        let (one, two) = (Digest::of(b"one"), Digest::Sealed([7; 32]));
        let doc = json!({"a": [{"digest": one}], "b": {"c": [[two.to_string()]]}, "d": "sha256:short", "e": 1, "f": null,
            "image": format!("registry/app@{one}")});
        let mut found = HashSet::new();
        gather(&doc, &mut found);
        assert_eq!(found, HashSet::from([one, two]));
    }
}
