//! The parsers of requests, for the fuzzer: what is refused is a problem of the client's, in words.

use super::bodies::{AdoptionBody, ClusterBody, PackageBody, RepositoryBody, TokenBody};
use super::idempotency::Keyed;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::table::{Endpoint, Match, TABLE, find};
use super::{conditions, headers, listing, params, slices};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use models::file::{ADOPTION_BODY, CLUSTER_BODY, PACKAGE_BODY, REPOSITORY_BODY, TENANT_BODY, TOKEN_BODY, TenantSpec};
use serde_json::{Value, json};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn worded<T>(result: Result<T, Problem>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(problem) => {
            assert!((400..500).contains(&problem.status), "{problem:?}");
            assert!(!problem.detail.is_empty() && problem.body().is_object(), "{problem:?}");
            None
        }
    }
}

/// `METHOD PATH?QUERY`.
pub fn request_line(bytes: &[u8]) {
    let (method, target) = text(bytes).split_once(' ').unwrap_or(("GET", text(bytes)));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(pairs) = worded(params::pairs(query)) else { return };
    let again: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{}={}", params::escape(key), params::escape(value))).collect();
    assert_eq!(params::pairs(&again.join("&")).ok().as_ref(), Some(&pairs), "{query:?}");
    let (endpoint, parts) = match find(method, path) {
        Match::Found(endpoint, parts) => (endpoint, parts),
        Match::OtherMethods(methods) => return assert!(!methods.is_empty()),
        Match::None => return,
    };
    assert!(parts.values().all(|part| !part.is_empty() && !part.contains('/')), "{parts:?}");
    if worded(params::check(endpoint, &pairs)).is_some() {
        read(endpoint, Input { path: parts, query: pairs, ..Input::default() });
    }
}

/// Whatever a handler may ask of the query.
fn read(endpoint: &Endpoint, input: Input) {
    for (name, _) in endpoint.query {
        worded(input.number(name));
        worded(input.flag(name));
        worded(input.names(name));
    }
    for key in input.path.keys() {
        worded(input.name(key));
    }
    worded(slices::options(&input));
    let items: Vec<(String, Value)> =
        (0..7).map(|n| (format!("k{n}"), json!({"n": n, "labels": {"odd": (n % 2 == 1).to_string()}}))).collect();
    let Some(Reply::Json { body, .. }) = worded(listing::page(&input, endpoint.path, items.clone())) else { return };
    let Some(next) = body["next"].as_str() else { return };
    // The next page is one of this list, and goes on.
    let mut query = input.query.clone();
    query.retain(|(key, _)| key != "marker");
    query.push(("marker".into(), next.into()));
    let page = listing::page(&Input { query, ..input }, endpoint.path, items);
    assert!(matches!(&page, Ok(Reply::Json { body: more, .. }) if more["items"] != body["items"]), "{next}");
}

/// The first line is `METHOD PATH`, every other one a header.
pub fn request_headers(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = text(lines.next().unwrap_or_default());
    let mut all = HeaderMap::new();
    for line in lines {
        let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(at);
        let value = HeaderValue::from_bytes(value.strip_prefix(b":").unwrap_or_default());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
            all.append(name, value);
        }
    }
    let (method, path) = first.split_once(' ').unwrap_or(("PUT", first));
    let endpoint = match find(method, path) {
        Match::Found(endpoint, _) => endpoint,
        Match::OtherMethods(_) | Match::None => &TABLE[first.len() % TABLE.len()],
    };
    worded(conditions::expect(endpoint, &all));
    worded(headers::last_event(&all));
    worded(headers::one(&all, headers::TENANT));
    assert!(headers::bearer(&all).is_none_or(|token| token.trim() == token));
    let Some(Some(key)) = worded(headers::one(&all, headers::IDEMPOTENCY_KEY)) else { return };
    if let Ok(tenant) = "acme".parse() {
        worded(Keyed::new(&tenant, key, (method, path, b"{}")).map(drop));
    }
}

/// The first byte chooses the endpoint.
pub fn request_body(bytes: &[u8]) {
    let Some((which, body)) = bytes.split_first() else { return };
    let input = Input { body: body.to_vec(), ..Input::default() };
    match which % 7 {
        0 => drop(worded(input.read::<TenantSpec>(&TENANT_BODY))),
        1 => drop(worded(input.read::<TokenBody>(&TOKEN_BODY))),
        2 => drop(worded(input.read::<ClusterBody>(&CLUSTER_BODY))),
        3 => {
            let body = worded(input.read::<RepositoryBody>(&REPOSITORY_BODY));
            for chart in body.into_iter().flat_map(|body| body.charts) {
                // Its form was judged before.
                assert!(chart.archive().is_ok());
            }
        }
        4 => {
            let body = worded(input.read::<AdoptionBody>(&ADOPTION_BODY));
            if let (Some(body), Ok(name)) = (body, "one".parse()) {
                worded(body.adoption(name, None).map(drop));
            }
        }
        5 => {
            let body = worded(input.read::<PackageBody>(&PACKAGE_BODY));
            assert!(body.is_none_or(|body| body.archive().is_ok()));
        }
        _ => drop(worded(slices::document(&input).map(drop))),
    }
}
