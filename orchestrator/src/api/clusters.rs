//! Clusters: what is returned never holds a kubeconfig.

use super::App;
use super::bodies::ClusterBody;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::watch::{Feed, Watcher};
use crate::auth::Caller;
use crate::catalogue::NewCluster;
use crate::store::{Kind, Revision};
use std::sync::Arc;

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.read()?;
    if input.is_set("watch") {
        return feed(&app, (Kind::Cluster, String::new()), (&caller, &input)).await;
    }
    let all = app.clusters.list().await?;
    let items = all.into_iter().map(|(cluster, _)| (cluster.name.to_string(), serde_json::json!(cluster))).collect();
    page(&input, "/api/v1/clusters", items)
}

/// A watch of one kind within one tenant, from a revision or from now.
pub(super) async fn feed(
    app: &App,
    (kind, tenant): (Kind, String),
    (caller, input): (&Caller, &Input),
) -> Result<Reply, Problem> {
    let now = *app.store.changed().borrow();
    let after = input.number("revision")?.map_or(now, Revision);
    if after > now {
        return Err(Problem::bad(format!("revision: {after} is ahead of the newest, {now}")));
    }
    let watcher = Watcher { tokens: app.tokens.clone(), tenants: app.tenants.clone(), caller: caller.clone() };
    let feed = Feed { store: Arc::clone(&app.store), kind, tenant, after, watcher };
    Ok(Reply::Events(Box::new(feed.open().await?)))
}

pub(crate) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.read()?;
    let (cluster, rev) = app.clusters.get(&input.name("name")?).await?;
    Ok(Reply::ok(&cluster)?.etag(rev))
}

pub(crate) async fn put(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let body: ClusterBody = input.json()?;
    let name = input.text("name").parse().map_err(|error| Problem::bad(format!("name: {error}")))?;
    let new = NewCluster { name, labels: body.labels, spec: body.spec, kubeconfig: body.kubeconfig };
    let permit = caller.admin()?;
    let at = input.at(app.clusters.revision(&new.name).await?)?;
    Reply::ok(&app.clusters.put(&permit, new, at).await?)
}

pub(crate) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, name) = (caller.admin()?, input.name("name")?);
    let at = input.at(app.clusters.revision(&name).await?)?;
    app.clusters.delete(&permit, &name, at).await?;
    Ok(Reply::none())
}
