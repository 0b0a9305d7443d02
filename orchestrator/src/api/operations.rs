//! Operations and the operator's moves.

use super::App;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::watch::watched;
use crate::auth::Caller;
use crate::ops::{ChangeDoc, Move, OpsError, Outlook};
use crate::store::Kind;
use models::ChangeState;
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

/// What it waits for, since when and until when, which steps are open, and what each move would come to.
pub(crate) async fn explain(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    let view = app.engine.get(permit.tenant(), input.text("id")).await?;
    let outlooks = app.engine.outlooks(permit.tenant(), input.text("id")).await?;
    let moves: Vec<Value> = outlooks.iter().map(told).collect();
    let operation = &view.operation;
    let open = view.steps.iter().filter(|step| is_open(step.record.state));
    let step = |step: &ChangeDoc| {
        json!({
            "seq": step.record.change.seq, "id": step.record.change.id.to_string(), "state": step.record.state,
            "since": step.record.started, "said": step.record.log.last().map(|line| &line.text),
            "error": step.record.error,
        })
    };
    let waiting = operation
        .waiting_for
        .as_ref()
        .map(|text| json!({"for": text, "since": operation.waiting_since, "until": operation.waiting_until}));
    Reply::ok(&json!({
        "operation": operation,
        "waiting": waiting,
        "steps": open.map(step).collect::<Vec<_>>(),
        "moves": moves,
        "supersede": !operation.state.is_final(),
    }))
}

fn is_open(state: ChangeState) -> bool {
    match state {
        ChangeState::Doing | ChangeState::Undoing | ChangeState::Failed => true,
        ChangeState::Pending | ChangeState::Done | ChangeState::Skipped | ChangeState::Left | ChangeState::Undone => {
            false
        }
    }
}

fn told(outlook: &Result<Outlook, OpsError>) -> Value {
    match outlook {
        Ok(outlook) => json!(outlook),
        Err(error) => json!({"refused": error.to_string()}),
    }
}

macro_rules! moves {
    ($($name:ident $word:ident)*) => {$(
        pub(crate) async fn $name(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
            let (permit, id) = (caller.write()?, input.text("id"));
            if input.flag("dryRun")? {
                return Reply::ok(&app.engine.outlook(permit.tenant(), (id, Move::$word)).await?);
            }
            let operation = app.engine.$name(permit.tenant(), id).await?;
            begun(json!(operation))
        }
    )*};
}

moves!(retry Retry rollback Rollback carry_on Continue fail Fail cancel Cancel);

fn begun(operation: Value) -> Result<Reply, Problem> {
    let location = format!("/api/v1/operations/{}", operation["id"].as_str().unwrap_or_default());
    Ok(Reply::with(202, &operation)?.location(location))
}
