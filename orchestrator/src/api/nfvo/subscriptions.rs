//! Subscriptions of each interface (SOL013 8.3): the callback is tried before anything is kept.

use super::pages::Pages;
use super::{read, root};
use crate::api::App;
use crate::api::problem::Problem;
use crate::api::reply::{Input, Reply};
use crate::auth::Caller;
use crate::notify::{NewSubscription, Subscription, SubscriptionError};
use models::Problem as Finding;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sol005::sol013::Attributes;
use sol005::types::common::Link;
use sol005::types::subscription::{
    AuthType, LifecycleChangeNotificationsFilter, NsdmNotificationsFilter, PkgmNotificationsFilter,
    Subscription as Shown, SubscriptionAuthentication, SubscriptionLinks, SubscriptionRequest, Verbosity,
};
use std::sync::{Arc, OnceLock};
use zeroize::Zeroizing;

const ID: &str = "subscriptionId";

fn attributes() -> &'static Attributes {
    static ATTRIBUTES: OnceLock<Attributes> = OnceLock::new();
    // What is beside the filter is the same for all.
    ATTRIBUTES.get_or_init(Attributes::of::<Shown<LifecycleChangeNotificationsFilter>>)
}

pub(super) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let mut all = app.subscriptions.list(&caller.read()?).await?;
    all.retain(|one| is_of(one, &input));
    all.sort_by(|one, other| one.id.cmp(&other.id));
    let mut pages = Pages::begin(&input, attributes(), &[])?;
    while let Some((after, looked)) = pages.wants() {
        let begin = after.as_ref().map_or(0, |after| all.iter().take_while(|one| one.id <= *after).count());
        let some: Vec<&Subscription> = all[begin..].iter().take(looked).collect();
        let last = some.last().map(|one| one.id.clone()).filter(|_| begin + some.len() < all.len());
        pages.take(some.iter().map(|one| (one.id.clone(), shown(one, &input))), (looked, last));
    }
    pages.reply()
}

pub(super) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (found, _, rev) = app.subscriptions.get(&caller.read()?, input.text(ID)).await?;
    match is_of(&found, &input) {
        true => Ok(Reply::ok(&shown(&found, &input))?.etag(rev)),
        false => Err(SubscriptionError::NotFound(found.id).into()),
    }
}

pub(super) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (found, _, _) = app.subscriptions.get(&caller.read()?, input.text(ID)).await?;
    if !is_of(&found, &input) {
        return Err(SubscriptionError::NotFound(found.id).into());
    }
    app.subscriptions.delete(&caller.write()?, &found.id, &input.expect).await?;
    Ok(Reply::none())
}

pub(super) async fn of_nsd(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    create::<NsdmNotificationsFilter>(app, caller, input).await
}

pub(super) async fn of_packages(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    create::<PkgmNotificationsFilter>(app, caller, input).await
}

pub(super) async fn of_lifecycle(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    create::<LifecycleChangeNotificationsFilter>(app, caller, input).await
}

async fn create<F>(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem>
where
    F: Serialize + DeserializeOwned + JsonSchema,
{
    let body: SubscriptionRequest<F> = read(&input)?;
    let permit = caller.write()?;
    let Some(spoken) = input.spoken else { return Err(Problem::not_found(&input.at)) };
    let (authentication, secrets) = secrets(body.authentication.as_ref())?;
    let filter = body.filter.map(|filter| json!(filter)).filter(|filter| *filter != json!({})).unwrap_or_default();
    let new = NewSubscription {
        interface: spoken.interface.name().to_owned(),
        major: spoken.version.0,
        callback: body.callback_uri,
        filter,
        short: body.verbosity == Some(Verbosity::Short),
        authentication,
        secrets,
    };
    let unreachable = |error: crate::notify::Unreachable| {
        Problem::findings(&[Finding::at("callbackUri", error.to_string()).mend("let it answer GET with 204")])
    };
    app.callbacks.test(&new).await.map_err(unreachable)?;
    match app.subscriptions.create(&permit, new).await {
        Ok(made) => {
            let at = at(&made, &input);
            Ok(Reply::with(201, &shown(&made, &input))?.location(at))
        }
        // What is there already is pointed to.
        Err(SubscriptionError::Same(id)) => {
            Ok(Reply::Elsewhere { location: format!("{}/subscriptions/{id}", root(&input)) })
        }
        Err(other) => Err(other.into()),
    }
}

/// How it says who it is, there; and with what, to be sealed.
type Secrets = (Option<String>, Vec<(String, adapters::Sealed)>);

fn secrets(said: Option<&SubscriptionAuthentication>) -> Result<Secrets, Problem> {
    let Some(said) = said else { return Ok((None, vec![])) };
    let missing = |field: &str| {
        Problem::findings(&[Finding::at(format!("authentication.{field}"), "is missing").mend(format!("say {field}"))])
    };
    let field = |name: &str, value: &Option<String>| {
        value
            .as_ref()
            .map(|value| (name.to_owned(), Zeroizing::new(value.clone().into_bytes())))
            .ok_or_else(|| missing(name))
    };
    if said.auth_type.contains(&AuthType::Oauth2ClientCredentials) {
        let of = said.params_oauth2.as_ref().ok_or_else(|| missing("paramsOauth2ClientCredentials"))?;
        let all = vec![
            field("clientId", &of.client_id)?,
            field("clientPassword", &of.client_password)?,
            field("tokenEndpoint", &of.token_endpoint)?,
        ];
        return Ok((Some("OAUTH2_CLIENT_CREDENTIALS".into()), all));
    }
    if said.auth_type.contains(&AuthType::Basic) {
        let of = said.params_basic.as_ref().ok_or_else(|| missing("paramsBasic"))?;
        return Ok((Some("BASIC".into()), vec![field("userName", &of.user_name)?, field("password", &of.password)?]));
    }
    let message = "certificates of clients are not used here";
    Err(Problem::findings(
        &[Finding::at("authentication.authType", message).mend("BASIC or OAUTH2_CLIENT_CREDENTIALS")],
    ))
}

fn is_of(one: &Subscription, input: &Input) -> bool {
    input.spoken.is_some_and(|spoken| spoken.interface.name() == one.interface && spoken.version.0 == one.major)
}

fn at(one: &Subscription, input: &Input) -> String {
    format!("{}/subscriptions/{}", root(input), one.id)
}

/// Never with what it says who it is by.
fn shown(one: &Subscription, input: &Input) -> Value {
    let filter = Some(one.filter.clone()).filter(|filter| !filter.is_null());
    let verbosity = (one.interface == "nslcm").then_some(if one.short { Verbosity::Short } else { Verbosity::Full });
    json!(Shown {
        id: one.id.clone(),
        filter,
        callback_uri: one.callback.clone(),
        verbosity,
        links: SubscriptionLinks { this: Link::to(at(one, input)) },
    })
}

impl From<SubscriptionError> for Problem {
    fn from(error: SubscriptionError) -> Self {
        let text = error.to_string();
        match error {
            SubscriptionError::NotFound(id) => Self::not_found(format!("subscription {id:?}")),
            SubscriptionError::Same(_) => Self::new(409, "exists", text),
            SubscriptionError::TooMany => Self::new(409, "too-many", text).next("delete those that nobody needs"),
            SubscriptionError::Sealed(_) => {
                Self::new(500, "internal", "what is sealed cannot be opened; the log says more")
            }
            SubscriptionError::Store(error) => error.into(),
        }
    }
}
