//! What every store promises, driven through the trait alone: an engine that passes this list may stand below the
//! product. It must never look into an engine.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends so")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use orchestrator::store::{
    Clock, Event, Key, Kind, Op, Options, Precondition, Query, Revision, Sqlite, Store, StoreError, Txn,
};
use serde_json::json;
use tempfile::TempDir;

/// A store in a folder that goes with it.
struct Fresh {
    store: Arc<dyn Store>,
    _folder: TempDir,
}

fn fresh(change: impl FnOnce(&mut Options)) -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(Clock::system());
    change(&mut options);
    let store = Arc::new(Sqlite::open(&folder.path().join("data"), options).unwrap());
    Fresh { store, _folder: folder }
}

fn slice(id: &str) -> Key {
    Key::new(Kind::Slice, "acme", id)
}

async fn ids(store: &dyn Store, query: &Query) -> Vec<String> {
    let objects = store.list(query).await.unwrap();
    objects.into_iter().map(|o| format!("{}/{}", o.key.tenant, o.key.id)).collect()
}

fn found_in(error: StoreError) -> Option<Revision> {
    match error {
        StoreError::Conflict { found, .. } => found,
        other => panic!("expected a conflict, got: {other}"),
    }
}

#[tokio::test]
async fn what_was_put_is_read_back_with_the_revision_of_its_commit() {
    let Fresh { store, _folder } = fresh(|_| {});
    let doc = json!({"zeta": 1, "alpha": ["ü", null, 1.5], "n": 18_446_744_073_709_551_615_u64});
    let rev = store.commit(Txn::new().put(slice("a"), doc.clone())).await.unwrap();
    let object = store.get(&slice("a")).await.unwrap().unwrap();
    assert_eq!((object.rev, object.key, &object.doc), (rev, slice("a"), &doc));
    assert_eq!(object.doc.to_string(), doc.to_string(), "the order of fields is kept");
    assert_eq!(store.get(&slice("b")).await.unwrap(), None);
}

#[tokio::test]
async fn every_put_of_a_transaction_has_its_revision_and_revisions_grow() {
    let Fresh { store, _folder } = fresh(|_| {});
    let first = store.commit(Txn::new().put(slice("a"), json!(1)).put(slice("b"), json!(2))).await.unwrap();
    let second = store.commit(Txn::new().put(slice("b"), json!(3))).await.unwrap();
    assert!(second > first);
    assert_eq!(store.get(&slice("a")).await.unwrap().unwrap().rev, first);
    assert_eq!(store.get(&slice("b")).await.unwrap().unwrap().rev, second);
    assert_eq!(*store.changed().borrow(), second);
}

/// A change is announced while the results that it rests on are still on their way: theirs come first.
#[tokio::test]
async fn commits_keep_the_order_in_which_they_were_begun() {
    let Fresh { store, _folder } = fresh(|options| options.group = 3);
    for round in 0..30 {
        let mut begun = Vec::new();
        for n in 0..8 {
            let mut commit = store.commit(Txn::new().put(slice(&format!("{n}")), json!(round)));
            assert!(futures::poll!(&mut commit).is_pending());
            begun.push(commit);
        }
        let revisions: Vec<Revision> =
            futures::future::join_all(begun.into_iter().rev()).await.into_iter().map(Result::unwrap).collect();
        assert!(revisions.is_sorted_by(|later, earlier| later > earlier), "{revisions:?}");
    }
}

#[tokio::test]
async fn absent_is_refused_where_something_stands() {
    let Fresh { store, _folder } = fresh(|_| {});
    let create = || Txn::new().absent(slice("a")).put(slice("a"), json!(1));
    let rev = store.commit(create()).await.unwrap();
    assert_eq!(found_in(store.commit(create()).await.unwrap_err()), Some(rev));
}

#[tokio::test]
async fn at_is_refused_after_another_write() {
    let Fresh { store, _folder } = fresh(|_| {});
    let old = store.commit(Txn::new().put(slice("a"), json!(1))).await.unwrap();
    let new = store.commit(Txn::new().at(slice("a"), old).put(slice("a"), json!(2))).await.unwrap();
    let refused = store.commit(Txn::new().at(slice("a"), old).put(slice("a"), json!(3))).await.unwrap_err();
    assert!(!refused.retryable());
    assert_eq!(found_in(refused), Some(new));
    assert_eq!(store.get(&slice("a")).await.unwrap().unwrap().doc, json!(2));
    assert_eq!(found_in(store.commit(Txn::new().at(slice("b"), old)).await.unwrap_err()), None);
}

#[tokio::test]
async fn exists_is_refused_where_nothing_stands() {
    let Fresh { store, _folder } = fresh(|_| {});
    let write = || Txn::new().exists(slice("a")).put(slice("b"), json!(1));
    assert_eq!(found_in(store.commit(write()).await.unwrap_err()), None);
    store.commit(Txn::new().put(slice("a"), json!(1))).await.unwrap();
    store.commit(write()).await.unwrap();
}

#[tokio::test]
async fn a_refused_transaction_leaves_no_trace() {
    let Fresh { store, _folder } = fresh(|_| {});
    let before = store.commit(Txn::new().put(slice("a"), json!(1))).await.unwrap();
    let txn = Txn::new().put(slice("b"), json!(1)).delete(slice("a")).absent(slice("a"));
    assert_eq!(txn.when, [Precondition::Absent(slice("a"))]);
    found_in(store.commit(txn).await.unwrap_err());
    assert_eq!(ids(&*store, &Query::all(Kind::Slice)).await, ["acme/a"]);
    assert_eq!(store.events(before, 10).await.unwrap(), []);
    assert_eq!(*store.changed().borrow(), before);
}

#[tokio::test]
async fn deleting_what_is_absent_succeeds_and_changes_nothing() {
    let Fresh { store, _folder } = fresh(|_| {});
    let rev = store.commit(Txn::new().put(slice("a"), json!(1))).await.unwrap();
    assert_eq!(store.commit(Txn::new().delete(slice("b"))).await.unwrap(), rev);
    assert_eq!(store.commit(Txn::new()).await.unwrap(), rev);
    assert_eq!(store.events(rev, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_key_twice_in_one_transaction_is_refused_with_words() {
    let Fresh { store, _folder } = fresh(|_| {});
    let error = store.commit(Txn::new().put(slice("a"), json!(1)).delete(slice("a"))).await.unwrap_err();
    assert_eq!(error.to_string(), "slice `a` of tenant `acme` stands twice in one transaction");
    let error = store.commit(Txn::new().put(slice(""), json!(1))).await.unwrap_err();
    assert_eq!(error.to_string(), "a slice needs an id");
}

#[tokio::test]
async fn a_document_over_the_limit_is_refused_before_it_is_written() {
    let Fresh { store, _folder } = fresh(|o| o.document_bytes = 100);
    let error = store.commit(Txn::new().put(slice("a"), json!("x".repeat(99)))).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { bytes: 101, limit: 100, .. }), "{error}");
    store.commit(Txn::new().put(slice("a"), json!("x".repeat(98)))).await.unwrap();
}

#[tokio::test]
async fn lists_are_ordered_by_tenant_and_id_and_paged_without_gap() {
    let Fresh { store, _folder } = fresh(|_| {});
    let mut txn = Txn::new().put(Key::installation(Kind::Cluster, "x"), json!(0));
    for tenant in ["", "acme", "zeta"] {
        for id in ["b", "a", "é", "a-2", "B"] {
            txn = txn.put(Key::new(Kind::Slice, tenant, id), json!(id));
        }
    }
    store.commit(txn).await.unwrap();
    let order = ["B", "a", "a-2", "b", "é"];
    let every: Vec<String> =
        ["", "acme", "zeta"].iter().flat_map(|t| order.iter().map(move |id| format!("{t}/{id}"))).collect();
    for (query, expected) in [(Query::all(Kind::Slice), &every[..]), (Query::of(Kind::Slice, "acme"), &every[5..10])] {
        assert_eq!(ids(&*store, &query).await, expected);
        for size in 1..=expected.len() {
            assert_eq!(pages(&*store, query.clone().limit(size)).await, expected, "pages of {size}");
        }
    }
    assert_eq!(ids(&*store, &Query::of(Kind::Slice, "acme").limit(0)).await, Vec::<String>::new());
    let foreign = Query::of(Kind::Slice, "acme");
    assert_eq!(ids(&*store, &foreign.clone().after(&Key::new(Kind::Slice, "zeta", "a"))).await, Vec::<String>::new());
    assert_eq!(ids(&*store, &foreign.after(&Key::new(Kind::Slice, "", "b"))).await, every[5..10]);
}

async fn pages(store: &dyn Store, mut query: Query) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let page = store.list(&query).await.unwrap();
        let Some(last) = page.last() else { return all };
        assert!(page.len() <= query.limit);
        query = query.after(&last.key);
        all.extend(page.into_iter().map(|o| format!("{}/{}", o.key.tenant, o.key.id)));
    }
}

#[tokio::test]
async fn what_an_id_goes_on_with_is_found_whatever_it_begins_with() {
    let Fresh { store, _folder } = fresh(|_| {});
    let all = [
        ("acme", "1/a:x"),
        ("acme", "1/ab:x"),
        ("acme", "2/a:/y"),
        ("acme", "2/b:x"),
        ("zeta", "0/a:x"),
        ("zeta", "a:x"),
    ];
    let put = |txn: Txn, (tenant, id): &(&str, &str)| {
        txn.put(Key::new(Kind::Resource, *tenant, *id), json!(1)).put(Key::new(Kind::Change, *tenant, *id), json!(1))
    };
    store.commit(all.iter().fold(Txn::new(), put)).await.unwrap();
    let query = Query::of_tail(Kind::Resource, "a:");
    let expected = ["acme/2/a:/y", "acme/1/a:x", "zeta/0/a:x", "zeta/a:x"];
    assert_eq!(ids(&*store, &query).await, expected);
    for size in 1..=expected.len() {
        assert_eq!(pages(&*store, query.clone().limit(size)).await, expected, "pages of {size}");
    }
    assert_eq!(ids(&*store, &Query::of_tail(Kind::Orphan, "a:")).await, Vec::<String>::new());
    let refused = store.list(&Query::of_tail(Kind::Change, "a:")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Invalid(_)), "{refused}");
}

#[tokio::test]
async fn a_prefix_is_taken_to_the_letter() {
    let Fresh { store, _folder } = fresh(|_| {});
    let all = ["a", "a%", "a%b", "a_b", "ab", "b", "\u{d7ff}x", "\u{10ffff}", "\u{10ffff}\u{10ffff}z"];
    let txn = all.iter().fold(Txn::new(), |txn, id| txn.put(slice(id), json!(1)));
    store.commit(txn).await.unwrap();
    for prefix in ["", "a", "a%", "ab", "c", "\u{d7ff}", "\u{10ffff}", "\u{10ffff}\u{10ffff}"] {
        let expected: Vec<_> = all.iter().filter(|id| id.starts_with(prefix)).map(|id| format!("acme/{id}")).collect();
        let query = Query::of(Kind::Slice, "acme").prefix(prefix);
        assert_eq!(ids(&*store, &query).await, expected, "prefix {prefix:?} of one tenant");
        assert_eq!(pages(&*store, query.limit(1)).await, expected, "prefix {prefix:?} page by page");
        assert_eq!(ids(&*store, &Query::all(Kind::Slice).prefix(prefix)).await, expected, "prefix {prefix:?} of all");
    }
}

#[tokio::test]
async fn events_tell_every_change_in_order() {
    let Fresh { store, _folder } = fresh(|_| {});
    let one = store.commit(Txn::new().put(slice("a"), json!(1)).put(slice("b"), json!(2))).await.unwrap();
    let two = store.commit(Txn::new().delete(slice("a")).put(slice("b"), json!(3))).await.unwrap();
    let put = |rev, id, doc| Event { rev, key: slice(id), op: Op::Put, doc: Some(doc) };
    let gone = Event { rev: two, key: slice("a"), op: Op::Delete, doc: None };
    let second = [put(two, "b", json!(3)), gone];
    assert_eq!(store.events(one, 10).await.unwrap(), second);
    let all: Vec<Event> = [put(one, "a", json!(1)), put(one, "b", json!(2))].into_iter().chain(second).collect();
    assert_eq!(store.events(Revision(0), 10).await.unwrap(), all);
}

#[tokio::test]
async fn a_transaction_is_never_cut_in_two_by_the_limit_of_events() {
    let Fresh { store, _folder } = fresh(|_| {});
    for n in 0..3 {
        let txn = (0..5).fold(Txn::new(), |txn, id| txn.put(slice(&format!("{id}")), json!(n)));
        store.commit(txn).await.unwrap();
    }
    for (limit, expected) in [(0, 0), (1, 5), (5, 5), (6, 10), (10, 10), (11, 15), (99, 15), (usize::MAX, 15)] {
        assert_eq!(store.events(Revision(0), limit).await.unwrap().len(), expected, "limit {limit}");
    }
}

#[tokio::test]
async fn a_watcher_that_is_too_late_is_told_so() {
    let Fresh { store, _folder } = fresh(|o| o.event_rows = 10);
    let mut newest = Revision(0);
    for n in 0..200 {
        newest = store.commit(Txn::new().put(slice("a"), json!(n))).await.unwrap();
    }
    let Err(StoreError::Gone { mut oldest }) = store.events(Revision(0), 10).await else { panic!("still kept") };
    // The writer may be forgetting more at this very moment.
    let kept = loop {
        match store.events(oldest, usize::MAX).await {
            Ok(kept) => break kept,
            Err(StoreError::Gone { oldest: later }) if later > oldest => oldest = later,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(kept.iter().map(|event| event.rev.0).collect::<Vec<_>>(), (oldest.0 + 1..=newest.0).collect::<Vec<_>>());
}

#[tokio::test]
async fn events_older_than_the_bound_are_forgotten() {
    let hours = Arc::new(AtomicU64::new(500_000));
    let moved = hours.clone();
    let Fresh { store, _folder } = fresh(|o| {
        o.clock = Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(3600 * moved.load(Ordering::Relaxed)));
        o.event_keep = Duration::from_secs(2 * 3600);
    });
    let many = |doc: i32| (0..1000).fold(Txn::new(), |txn, n| txn.put(slice(&n.to_string()), json!(doc)));
    let old = store.commit(many(1)).await.unwrap();
    hours.fetch_add(1, Ordering::Relaxed);
    let kept = store.commit(many(2)).await.unwrap();
    assert_eq!(store.events(Revision(0), 1).await.unwrap().len(), 1000);
    hours.fetch_add(2, Ordering::Relaxed);
    // The second of these is served when the pruning after the first is over.
    store.commit(many(3)).await.unwrap();
    store.commit(many(4)).await.unwrap();
    assert!(matches!(store.events(Revision(0), 1).await, Err(StoreError::Gone { oldest }) if oldest == old));
    assert_eq!(store.events(old, 1).await.unwrap()[0].rev, kept);
    assert_eq!(ids(&*store, &Query::all(Kind::Slice)).await.len(), 1000, "objects stay");
}

#[tokio::test]
async fn events_do_not_grow_without_bound_under_load() {
    let Fresh { store, _folder } = fresh(|o| o.event_rows = 2000);
    let mut newest = Revision(0);
    for n in 0..40 {
        newest =
            store.commit((0..500).fold(Txn::new(), |txn, id| txn.put(slice(&id.to_string()), json!(n)))).await.unwrap();
    }
    let Err(StoreError::Gone { oldest }) = store.events(Revision(0), 1).await else { panic!("all kept") };
    assert!((newest.0 - oldest.0) * 500 <= 2000 + 1000 + 500, "{oldest} of {newest}");
}

#[tokio::test]
async fn a_watcher_from_the_future_is_told_to_list_again() {
    let Fresh { store, _folder } = fresh(|_| {});
    let rev = store.commit(Txn::new().put(slice("a"), json!(1))).await.unwrap();
    assert!(matches!(store.events(Revision(rev.0 + 1), 10).await, Err(StoreError::Gone { .. })));
}

#[tokio::test]
async fn a_commit_wakes_who_watches() {
    let Fresh { store, _folder } = fresh(|_| {});
    let mut changed = store.changed();
    let writer = store.clone();
    let commit = tokio::spawn(async move { writer.commit(Txn::new().put(slice("a"), json!(1))).await.unwrap() });
    tokio::time::timeout(Duration::from_secs(10), changed.changed()).await.unwrap().unwrap();
    assert_eq!(*changed.borrow(), commit.await.unwrap());
}

#[tokio::test]
async fn a_document_that_is_not_what_its_kind_promises_is_named() {
    let Fresh { store, _folder } = fresh(|_| {});
    store.commit(Txn::new().put(slice("a"), json!({"n": "seven"}))).await.unwrap();
    let object = store.get(&slice("a")).await.unwrap().unwrap();
    let error = object.read::<std::collections::BTreeMap<String, u64>>().unwrap_err().to_string();
    assert!(error.starts_with("slice `a` of tenant `acme` at revision 1 cannot be read: "), "{error}");
}

/// Counters that many tasks raise by compare-and-swap: not one may be lost, and no reader may see a pair that differs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_writers_lose_nothing_and_readers_see_whole_transactions() {
    let Fresh { store, _folder } = fresh(|_| {});
    store.commit(Txn::new().put(slice("left"), json!(0)).put(slice("right"), json!(0))).await.unwrap();
    let writers: Vec<_> = (0..64).map(|_| tokio::spawn(raise(store.clone()))).collect();
    let reader = store.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let watching = tokio::spawn(async move {
        let mut reads = 0;
        while stopped.try_recv().is_err() {
            let pair = reader.list(&Query::of(Kind::Slice, "acme")).await.unwrap();
            assert_eq!(pair[0].doc, pair[1].doc);
            assert_eq!(pair[0].rev, pair[1].rev);
            reads += 1;
        }
        reads
    });
    for writer in writers {
        tokio::time::timeout(Duration::from_secs(20), writer).await.unwrap().unwrap();
    }
    stop.send(()).unwrap();
    assert!(watching.await.unwrap() > 0);
    assert_eq!(store.get(&slice("left")).await.unwrap().unwrap().doc, json!(64));
}

async fn raise(store: Arc<dyn Store>) {
    loop {
        let left = store.get(&slice("left")).await.unwrap().unwrap();
        let next = json!(left.doc.as_u64().unwrap() + 1);
        let txn =
            Txn::new().at(slice("left"), left.rev).put(slice("left"), next.clone()).put(slice("right"), next.clone());
        match store.commit(txn).await {
            Ok(_) => return,
            Err(StoreError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
