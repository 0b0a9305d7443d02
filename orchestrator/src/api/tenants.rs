//! Tenants, tokens, and who is calling.

use super::App;
use super::bodies::TokenBody;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::watch::watched;
use crate::auth::{Caller, Revoked, Wish};
use crate::store::Kind;
use models::file::{TENANT_BODY, TOKEN_BODY, TenantSpec};
use models::tenant::Tenant;
use serde_json::json;
use std::sync::Arc;

pub(crate) async fn whoami(_: Arc<App>, caller: Caller, _: Input) -> Result<Reply, Problem> {
    Reply::ok(&json!({"tenant": caller.tenant(), "role": caller.role(), "token": caller.token()}))
}

pub(crate) async fn metrics(app: Arc<App>, caller: Caller, _: Input) -> Result<Reply, Problem> {
    caller.read()?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(Reply::Text { status: 200, kind, body: app.metrics.text(app.clusters.calls()) })
}

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.admin()?;
    if let Some(feed) = watched((&app, &caller), &input, (Kind::Tenant, String::new())).await? {
        return Ok(feed);
    }
    let all = app.tenants.list(&permit).await?;
    page(&input, "/api/v1/tenants", all.into_iter().map(|t| (t.name.to_string(), json!(t))).collect())
}

pub(crate) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (tenant, rev) = app.tenants.get(&caller.admin()?, &input.name("name")?).await?;
    Ok(Reply::ok(&tenant)?.etag(rev))
}

pub(crate) async fn put(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let TenantSpec { description, require_signature, trusted_signers } = input.read(&TENANT_BODY)?;
    let tenant = Tenant { name: input.new_name()?, description, require_signature, trusted_signers };
    let rev = app.tenants.put(&caller.admin()?, &tenant, &input.expect).await?;
    Ok(Reply::ok(&tenant)?.etag(rev))
}

pub(crate) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, name) = (caller.admin()?, input.name("name")?);
    if !app.tokens.outlives(&name).await? {
        return Err(last_administrator("the last administrator is of this tenant"));
    }
    app.tenants.delete(&permit, &name, &input.expect).await?;
    Ok(Reply::none())
}

fn last_administrator(why: &str) -> Problem {
    Problem::new(409, "last-administrator", format!("{why}: nobody could make another token"))
        .next("make another administrator first: sliceway token create --role admin --tenant T")
}

pub(crate) async fn tokens(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let mut all = app.tokens.list(&caller.admin()?).await?;
    all.sort_by(|a, b| a.id.cmp(&b.id));
    page(&input, "/api/v1/tokens", all.into_iter().map(|t| (t.id.clone(), json!(t))).collect())
}

pub(crate) async fn token(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let id = input.text("id");
    let found = app.tokens.list(&caller.admin()?).await?.into_iter().find(|token| token.id == id);
    Reply::ok(&found.ok_or_else(|| Problem::not_found(format!("token {id:?}")))?)
}

pub(crate) async fn create_token(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.admin()?;
    let body: TokenBody = input.read(&TOKEN_BODY)?;
    let tenant = body.tenant.unwrap_or_else(|| caller.tenant().clone());
    if !app.tenants.exists(&tenant).await? {
        return Err(Problem::not_found(format!("tenant {tenant}")));
    }
    if body.ends.is_some_and(|end| end <= app.engine.now()) {
        let finding = models::Problem::at("ends", "is over already").mend("write a moment that is to come");
        return Err(Problem::findings(&[finding]));
    }
    let wish = Wish { tenant, role: body.role, description: body.description, ends: body.ends };
    let issued = app.tokens.create(&permit, wish).await?;
    Reply::with(201, &json!({"token": issued.token.as_str(), "record": issued.record}))
}

pub(crate) async fn revoke_token(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    match app.tokens.revoke(&caller.admin()?, input.text("id")).await? {
        Revoked::Done => Ok(Reply::none()),
        Revoked::NotThere => Err(Problem::not_found(format!("token {}", input.text("id")))),
        Revoked::Last => Err(last_administrator("it is the last administrator's token")),
    }
}
