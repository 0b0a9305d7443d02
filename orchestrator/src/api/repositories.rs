//! Repositories and their charts.

use super::App;
use super::bodies::RepositoryBody;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use crate::auth::Caller;
use crate::catalogue::{NewRepository, Search, Upload, Versions};
use models::slice::Chart;
use serde_json::json;
use std::sync::Arc;

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.read()?;
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
    let new = NewRepository { name, spec: body.spec, uploads, credentials: body.credentials.map(Into::into) };
    Reply::ok(&app.repositories.put(&caller.admin()?, new).await?)
}

pub(crate) async fn update(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.write()?;
    Reply::ok(&app.repositories.update(&input.name("name")?).await?)
}

/// Charts of all repositories. A repository that cannot be asked is a warning, not the end of the search.
pub(crate) async fn search(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.read()?;
    let repository = input.query("repository").map(str::parse).transpose();
    let search = Search {
        text: input.query("query").unwrap_or_default().to_owned(),
        repository: repository.map_err(|error| Problem::bad(format!("repository: {error}")))?,
        versions: if input.is_set("versions") { Versions::All } else { Versions::Newest },
    };
    let found = app.repositories.search(&search).await?;
    Reply::ok(&json!({"items": found.items, "warnings": found.warnings}))
}

pub(crate) async fn show(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.read()?;
    let chart = Chart {
        repository: input.name("repository")?,
        name: input.text("name").to_owned(),
        version: input.query("version").filter(|version| !version.is_empty()).map(str::to_owned),
    };
    Reply::ok(&app.repositories.show(&chart).await?)
}

pub(crate) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    app.repositories.delete(&caller.admin()?, &input.name("name")?).await?;
    Ok(Reply::none())
}
