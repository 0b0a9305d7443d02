//! Clusters: what is returned never holds a kubeconfig.

use super::App;
use super::bodies::ClusterBody;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::watch::watched;
use crate::auth::Caller;
use crate::catalogue::NewCluster;
use crate::store::Kind;
use models::cluster::{Cluster, Draining};
use models::file::CLUSTER_BODY;
use models::tenant::Role;
use serde::Deserialize as _;
use serde_json::Value;
use std::sync::Arc;

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.read()?;
    if let Some(feed) = watched((&app, &caller), &input, (Kind::Cluster, String::new())).await? {
        return Ok(feed);
    }
    let all = app.clusters.list().await?.into_iter().map(|(cluster, _)| shown(cluster, &caller));
    let items = all.map(|cluster| (cluster.name.to_string(), serde_json::json!(cluster))).collect();
    page(&input, "/api/v1/clusters", items)
}

pub(crate) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.read()?;
    let (cluster, rev) = app.clusters.get(&input.name("name")?).await?;
    Ok(Reply::ok(&shown(cluster, &caller))?.etag(rev))
}

/// What other tenants have there is for administrators.
fn shown(mut cluster: Cluster, caller: &Caller) -> Cluster {
    if caller.role() != Role::Admin {
        cluster.draining = cluster.draining.map(|draining| draining.seen_by(caller.tenant()));
    }
    cluster
}

/// As [`shown`], of what is stored.
pub(super) fn stored(mut cluster: Value, caller: &Caller) -> Value {
    let draining = cluster.get("draining").and_then(|draining| Draining::deserialize(draining).ok());
    if let Some(draining) = draining.filter(|_| caller.role() != Role::Admin) {
        cluster["draining"] = serde_json::json!(draining.seen_by(caller.tenant()));
    }
    cluster
}

pub(crate) async fn doctor(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    Reply::ok(&app.clusters.examine(&caller.admin()?, &input.name("name")?).await?)
}

pub(crate) async fn put(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let body: ClusterBody = input.read(&CLUSTER_BODY)?;
    let name = input.new_name()?;
    let new = NewCluster { name, labels: body.labels, spec: body.spec, kubeconfig: body.kubeconfig };
    let (cluster, rev) = app.clusters.put(&caller.admin()?, new, &input.expect).await?;
    Ok(Reply::ok(&cluster)?.etag(rev))
}

pub(crate) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, name, forget) = (caller.admin()?, input.name("name")?, input.flag("forget")?);
    match (input.flag("drain")?, forget) {
        (true, _) => {
            let (cluster, rev) = app.clusters.drain(&permit, (&name, forget), &input.expect).await?;
            Ok(Reply::with(202, &cluster)?.etag(rev).location(format!("/api/v1/clusters/{name}")))
        }
        (false, true) => Err(super::params::value("forget", "forget means nothing without drain=true")),
        (false, false) => {
            app.clusters.delete(&permit, &name, &input.expect).await?;
            Ok(Reply::none())
        }
    }
}

pub(crate) async fn take_over(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let asked = (&input.name("name")?, app.engine.epoch());
    let (cluster, rev) = app.clusters.take_over(&caller.admin()?, asked).await?;
    Ok(Reply::ok(&cluster)?.etag(rev))
}

pub(crate) async fn uncordon(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (cluster, rev) = app.clusters.uncordon(&caller.admin()?, &input.name("name")?).await?;
    Ok(Reply::ok(&cluster)?.etag(rev))
}
