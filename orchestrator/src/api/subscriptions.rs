//! Who is told of what happens, and how far: the subscriptions of SOL005, as an operator sees them.

use super::App;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use crate::auth::Caller;
use crate::notify::{Delivery, Subscription};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct SubscriptionShown {
    #[serde(flatten)]
    subscription: Subscription,
    delivery: Delivery,
}

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    let mut all = Vec::new();
    for subscription in app.subscriptions.list(&permit).await? {
        let (subscription, delivery, _) = app.subscriptions.get(&permit, &subscription.id).await?;
        all.push((subscription.id.clone(), json!(SubscriptionShown { subscription, delivery })));
    }
    page(&input, "/api/v1/subscriptions", all)
}

pub(crate) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (subscription, delivery, _) = app.subscriptions.get(&caller.read()?, input.text("id")).await?;
    Reply::ok(&SubscriptionShown { subscription, delivery })
}

pub(crate) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    app.subscriptions.delete(&caller.write()?, input.text("id"), &input.expect).await?;
    Ok(Reply::none())
}
