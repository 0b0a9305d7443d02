//! Gateways, servers, functions and devices: parts of slices, seen on their own.

use super::App;
use super::listing::page;
use super::params;
use super::problem::Problem;
use super::reply::{Input, Reply};
use crate::auth::Caller;
use models::Slice;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) async fn gateways(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let part = |slice: &Slice| slice.spec.gateways.iter().map(|g| (g.name.to_string(), json!(g))).collect();
    parts(&app, &caller, &input, ("gateways", part)).await
}

pub(crate) async fn servers(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let part = |slice: &Slice| slice.spec.servers.iter().map(|s| (s.name.to_string(), json!(s))).collect();
    parts(&app, &caller, &input, ("servers", part)).await
}

pub(crate) async fn functions(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let part = |slice: &Slice| slice.spec.functions.iter().map(|f| (f.name.to_string(), json!(f))).collect();
    parts(&app, &caller, &input, ("functions", part)).await
}

pub(crate) async fn devices(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let part = |slice: &Slice| slice.spec.devices.iter().map(|d| (d.name.to_string(), json!(d))).collect();
    parts(&app, &caller, &input, ("devices", part)).await
}

type PartsOf = fn(&Slice) -> Vec<(String, Value)>;

async fn parts(app: &App, caller: &Caller, input: &Input, (noun, of): (&str, PartsOf)) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    let mut items = Vec::new();
    for (slice, _) in app.slices.list(permit.tenant()).await? {
        if input.query("slice").is_some_and(|wanted| wanted != slice.name.as_str()) {
            continue;
        }
        for (name, mut body) in of(&slice) {
            if let Some(body) = body.as_object_mut() {
                body.insert("slice".into(), json!(slice.name));
                body.insert("cluster".into(), json!(slice.placed.get(&name)));
            }
            items.push((format!("{}/{name}", slice.name), body));
        }
    }
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    page(input, &format!("/api/v1/{noun}"), items)
}

pub(crate) async fn credentials(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.write()?;
    let slice = input.query("slice").map(str::parse).transpose();
    let slice = slice.map_err(|error: models::name::BadName| params::value("slice", format!("slice: {error}")))?;
    let files = app.slices.credentials(permit.tenant(), slice.as_ref(), &input.name("name")?).await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let files: serde_json::Map<String, Value> =
        files.iter().map(|(name, content)| (name.clone(), json!(text(content)))).collect();
    Reply::ok(&json!({"files": files}))
}
