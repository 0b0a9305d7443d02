//! Repositories and their charts.

use super::App;
use super::bodies::RepositoryBody;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::watch::watched;
use crate::auth::Caller;
use crate::catalogue::{NewRepository, Search, Upload, Versions};
use crate::store::Kind;
use models::file::REPOSITORY_BODY;
use models::slice::{Chart, ChartFrom};
use serde_json::{Value, json};
use std::collections::BTreeMap;
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
    let body: RepositoryBody = input.read(&REPOSITORY_BODY)?;
    let name = input.new_name()?;
    let upload = |chart: &super::bodies::ChartBody| Ok(Upload { name: chart.name.clone(), archive: chart.archive()? });
    let uploads = body.charts.iter().map(upload).collect::<Result<Vec<_>, Problem>>()?;
    let new = NewRepository { name, spec: body.spec, uploads, credentials: body.credentials.map(Into::into) };
    let (repository, rev) = app.repositories.put(&caller.admin()?, new, &input.expect).await?;
    Ok(Reply::ok(&repository)?.etag(rev))
}

pub(crate) async fn update(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.write()?;
    let (repository, rev) = app.repositories.update(&input.name("name")?, &input.expect).await?;
    Ok(Reply::ok(&repository)?.etag(rev))
}

/// Charts of all repositories. A repository that cannot be asked is a warning, not the end of the search.
pub(crate) async fn search(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.read()?;
    let search = Search {
        text: input.query("query").unwrap_or_default().to_owned(),
        repository: input.query_name("repository")?,
        versions: if input.flag("versions")? { Versions::All } else { Versions::Newest },
    };
    let found = app.repositories.search(&search).await?;
    Ok(page(&input, "/api/v1/charts", ranked(found.items))?.also("warnings", json!(found.warnings)))
}

/// In order of repository and name, and a chart's versions as they came: newest first.
fn ranked(items: Vec<Value>) -> Vec<(String, Value)> {
    let mut ranks: BTreeMap<String, usize> = BTreeMap::new();
    let key = |item: &Value| format!("{}/{}", item["repository"], item["name"]);
    let rank = |item: Value| {
        let rank = ranks.entry(key(&item)).or_default();
        *rank += 1;
        (format!("{}/{rank:09}", key(&item)), item)
    };
    let mut all: Vec<(String, Value)> = items.into_iter().map(rank).collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all
}

pub(crate) async fn show(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.read()?;
    let chart = Chart {
        from: ChartFrom::Repository(input.name("repository")?),
        name: input.text("name").to_owned(),
        version: input.query("version").filter(|version| !version.is_empty()).map(str::to_owned),
    };
    Reply::ok(&app.repositories.show(&chart).await?)
}

pub(crate) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    app.repositories.delete(&caller.admin()?, &input.name("name")?, &input.expect).await?;
    Ok(Reply::none())
}
