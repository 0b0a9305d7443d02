//! Operations and the operator's moves.

use super::App;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::watch::watched;
use crate::auth::Caller;
use crate::store::Kind;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    if let Some(feed) = watched((&app, &caller), &input, (Kind::Operation, permit.tenant().to_string())).await? {
        return Ok(feed);
    }
    let all = app.engine.list(permit.tenant()).await?;
    page(&input, "/api/v1/operations", all.into_iter().map(|(o, _)| (o.id.clone(), json!(o))).collect())
}

pub(crate) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let view = app.engine.get(caller.read()?.tenant(), input.text("id")).await?;
    Ok(Reply::ok(&view)?.etag(view.rev))
}

macro_rules! moves {
    ($($name:ident)*) => {$(
        pub(crate) async fn $name(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
            let operation = app.engine.$name(caller.write()?.tenant(), input.text("id")).await?;
            begun(json!(operation))
        }
    )*};
}

moves!(retry rollback carry_on fail cancel);

fn begun(operation: Value) -> Result<Reply, Problem> {
    let location = format!("/api/v1/operations/{}", operation["id"].as_str().unwrap_or_default());
    Ok(Reply::with(202, &operation)?.location(location))
}
