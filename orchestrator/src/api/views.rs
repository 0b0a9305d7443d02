//! Gateways, servers, functions and devices: parts of slices, seen on their own.

use super::App;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use crate::auth::Caller;
use models::Slice;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

macro_rules! nouns {
    ($($plural:ident $one:ident)*) => {$(
        pub(crate) async fn $plural(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
            page(&input, concat!("/api/v1/", stringify!($plural)), parts(&app, &caller, &input, of::$plural).await?)
        }

        pub(crate) async fn $one(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
            one(stringify!($one), &input, parts(&app, &caller, &input, of::$plural).await?)
        }
    )*};
}

nouns! { gateways gateway servers server functions function devices device }

/// The parts of a slice by their names.
mod of {
    use super::{Slice, Value, json};

    pub(super) fn gateways(slice: &Slice) -> Vec<(String, Value)> {
        slice.spec.gateways.iter().map(|g| (g.name.to_string(), json!(g))).collect()
    }

    pub(super) fn servers(slice: &Slice) -> Vec<(String, Value)> {
        slice.spec.servers.iter().map(|s| (s.name.to_string(), json!(s))).collect()
    }

    pub(super) fn functions(slice: &Slice) -> Vec<(String, Value)> {
        slice.spec.functions.iter().map(|f| (f.name.to_string(), json!(f))).collect()
    }

    pub(super) fn devices(slice: &Slice) -> Vec<(String, Value)> {
        slice.spec.devices.iter().map(|d| (d.name.to_string(), json!(d))).collect()
    }
}

type PartsOf = fn(&Slice) -> Vec<(String, Value)>;

/// In order of `slice/name`.
async fn parts(app: &App, caller: &Caller, input: &Input, of: PartsOf) -> Result<Vec<(String, Value)>, Problem> {
    let permit = caller.read()?;
    let wanted = input.query_name("slice")?;
    let mut items = Vec::new();
    for (slice, _) in app.slices.list(permit.tenant()).await? {
        if wanted.as_ref().is_some_and(|wanted| *wanted != slice.name) {
            continue;
        }
        let of_slice = of(&slice);
        let has_devices = of_slice.iter().any(|(_, body)| body.get("gateway").is_some());
        let endpoints =
            if has_devices { app.slices.endpoints(permit.tenant(), &slice).await? } else { BTreeMap::new() };
        for (name, mut body) in of_slice {
            if let Some(body) = body.as_object_mut() {
                body.insert("slice".into(), json!(slice.name));
                // A device stands where its gateway stands.
                let stands = body.get("gateway").and_then(Value::as_str).unwrap_or(&name);
                let cluster = json!(slice.placed.get(stands));
                let endpoint =
                    endpoints.iter().find(|(gateway, _)| gateway.as_str() == stands).map(|(_, at)| json!(at));
                body.extend(endpoint.map(|at| ("endpoint".to_owned(), at)));
                body.insert("cluster".into(), cluster);
            }
            items.push((format!("{}/{name}", slice.name), body));
        }
    }
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(items)
}

/// The only one of that name; a name is its slice's own.
fn one(noun: &str, input: &Input, items: Vec<(String, Value)>) -> Result<Reply, Problem> {
    let name = input.text("name");
    let mut found = items.into_iter().map(|(_, body)| body).filter(|body| body["name"] == name);
    match (found.next(), found.next()) {
        (Some(one), None) => Reply::ok(&one),
        (Some(_), Some(_)) => {
            Err(Problem::new(409, "ambiguous", format!("several slices have a {noun} called {name}"))
                .next(format!("say which: sliceway get {noun} {name} --slice NAME")))
        }
        (None, _) => Err(Problem::not_found(format!("{noun} {name:?}"))),
    }
}

pub(crate) async fn credentials(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.write()?;
    let slice = input.query_name("slice")?;
    let files = app.slices.credentials(permit.tenant(), slice.as_ref(), &input.name("name")?).await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let files: serde_json::Map<String, Value> =
        files.iter().map(|(name, content)| (name.clone(), json!(text(content)))).collect();
    Reply::ok(&json!({"files": files}))
}
