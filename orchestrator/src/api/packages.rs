//! NFV packages.

use super::App;
use super::bodies::PackageBody;
use super::listing::{Part, page, part, partial};
use super::problem::Problem;
use super::reply::{Input, Reply};
use crate::auth::Caller;
use crate::catalogue::NewPackage;
use models::file::PACKAGE_BODY;
use models::package::OperationalState;
use serde_json::json;
use std::sync::Arc;

const PATH: &str = "/api/v1/packages";

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    match part(&input, PATH)? {
        Some(Part { after, limit }) => {
            let (some, last) = app.packages.part(&permit, (after.as_deref(), limit)).await?;
            partial(&input, PATH, (some.iter().map(|package| json!(package)).collect(), last))
        }
        None => {
            let all = app.packages.list(&permit).await?;
            page(&input, PATH, all.iter().map(|p| (p.package.name.to_string(), json!(p))).collect())
        }
    }
}

pub(crate) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (package, rev) = app.packages.get(&caller.read()?, &input.name("name")?).await?;
    Ok(Reply::ok(&package)?.etag(rev))
}

pub(crate) async fn put(app: Arc<App>, caller: Caller, mut input: Input) -> Result<Reply, Problem> {
    let name = input.new_name()?;
    let (file, bytes) = match input.kind.as_deref() {
        None | Some("application/json") => {
            let body: PackageBody = input.read(&PACKAGE_BODY)?;
            let bytes = body.archive()?;
            (body.file, bytes)
        }
        // The body is the package itself.
        Some(_) => (input.query("file").map(str::to_owned), std::mem::take(&mut input.body)),
    };
    let file = file.unwrap_or_else(|| name.to_string());
    let (package, rev) = app.packages.put(&caller.write()?, NewPackage { name, file, bytes }, &input.expect).await?;
    Ok(Reply::ok(&package)?.etag(rev))
}

pub(crate) async fn enable(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    set(app, caller, input, OperationalState::Enabled).await
}

pub(crate) async fn disable(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    set(app, caller, input, OperationalState::Disabled).await
}

async fn set(app: Arc<App>, caller: Caller, input: Input, state: OperationalState) -> Result<Reply, Problem> {
    let name = input.name("name")?;
    let (package, rev) = app.packages.set(&caller.write()?, (&name, state), &input.expect).await?;
    Ok(Reply::ok(&package)?.etag(rev))
}

pub(crate) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    app.packages.delete(&caller.write()?, &input.name("name")?, &input.expect).await?;
    Ok(Reply::none())
}
