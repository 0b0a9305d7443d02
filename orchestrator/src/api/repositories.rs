//! Repositories and their charts.

use super::App;
use super::bodies::RepositoryBody;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::watch::watched;
use crate::auth::Caller;
use crate::catalogue::Upload;
use crate::store::Kind;
use serde_json::json;
use std::sync::Arc;

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.read()?;
    if let Some(feed) = watched((&app, &caller), &input, (Kind::Repository, String::new())).await? {
        return Ok(feed);
    }
    let all = app.repositories.list().await?;
    page(&input, "/api/v1/repositories", all.into_iter().map(|(r, _)| (r.name.to_string(), json!(r))).collect())
}

pub(crate) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.read()?;
    let (repository, rev) = app.repositories.get(&input.name("name")?).await?;
    Ok(Reply::ok(&repository)?.etag(rev))
}

pub(crate) async fn put(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let body: RepositoryBody = input.json()?;
    let name = input.text("name").parse().map_err(|error| Problem::bad(format!("name: {error}")))?;
    let upload = |chart: &super::bodies::ChartBody| Ok(Upload { name: chart.name.clone(), archive: chart.archive()? });
    let uploads = body.charts.iter().map(upload).collect::<Result<Vec<_>, Problem>>()?;
    let permit = caller.admin()?;
    let (repository, rev) = app.repositories.put(&permit, (name, body.spec, uploads), &input.expect).await?;
    Ok(Reply::ok(&repository)?.etag(rev))
}

pub(crate) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    app.repositories.delete(&caller.admin()?, &input.name("name")?, &input.expect).await?;
    Ok(Reply::none())
}
