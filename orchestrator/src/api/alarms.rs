//! Alarms: what does not stand as it was left.

use super::App;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use crate::assurance::Assurance;
use crate::auth::Caller;
use models::Alarm;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let of = input.names("slice")?;
    let mut all = Assurance::alarms(&app.store, caller.read()?.tenant()).await?;
    all.retain(|alarm| of.is_empty() || of.contains(&alarm.slice));
    page(
        &input,
        "/api/v1/alarms",
        all.iter().map(|alarm| (format!("{}/{}", alarm.uid, alarm.id), view(alarm))).collect(),
    )
}

fn view(alarm: &Alarm) -> Value {
    json!({
        "id": alarm.id.to_string(),
        "slice": alarm.slice,
        "cluster": alarm.id.target.to_string(),
        "drift": alarm.drift.as_str(),
        "places": alarm.places,
        "since": alarm.since,
        "healed": alarm.healed,
        "next": alarm.next,
    })
}
