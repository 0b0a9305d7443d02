//! NS descriptors (SOL005 5.4): packages of services, and resources that wait for one.

use super::lifecycle::raw;
use super::pages::Pages;
use super::{content, failure, read, root};
use crate::api::App;
use crate::api::problem::Problem;
use crate::api::reply::{Input, Reply};
use crate::auth::Caller;
use crate::catalogue::{Described, Modified, PackageShown};
use models::package::{self, DescriptorKind};
use serde_json::json;
use sol005::sol013::Attributes;
use sol005::types::common::{KeyValuePairs, Link, OnboardingState, OperationalState, UsageState};
use sol005::types::nsd::{CreateNsdInfoRequest, LEFT_OUT, NsdInfo, NsdInfoLinks, NsdInfoModifications};
use std::sync::{Arc, OnceLock};

const KIND: DescriptorKind = DescriptorKind::Nsd;
const ID: &str = "nsdInfoId";

fn attributes() -> &'static Attributes {
    static ATTRIBUTES: OnceLock<Attributes> = OnceLock::new();
    ATTRIBUTES.get_or_init(Attributes::of::<NsdInfo>)
}

pub(super) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    let mut pages = Pages::begin(&input, attributes(), LEFT_OUT)?;
    while let Some((after, looked)) = pages.wants() {
        let (found, last) = app.packages.resources(&permit, KIND, (after.as_deref(), looked)).await?;
        let each = found.iter().map(|found| (found.name().to_string(), json!(info(found, &input))));
        pages.take(each, (looked, last));
    }
    pages.reply()
}

pub(super) async fn create(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let CreateNsdInfoRequest { user_defined_data } = read(&input)?;
    let (made, _) = app.packages.create(&caller.write()?, (KIND, user_defined_data.unwrap_or_default())).await?;
    let info = info(&made, &input);
    Ok(Reply::with(201, &info)?.location(info.links.this.href))
}

pub(super) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (found, rev) = app.packages.resource(&caller.read()?, (KIND, input.text(ID))).await?;
    Ok(Reply::ok(&info(&found, &input))?.etag(rev))
}

pub(super) async fn modify(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let body: NsdInfoModifications = read(&input)?;
    let cleared = nothing(&input);
    let modified = modified((body.nsd_operational_state, body.user_defined_data.clone()), cleared);
    app.packages.modify(&caller.write()?, (KIND, input.text(ID), &modified), &input.expect).await?;
    Reply::ok(&body)
}

pub(super) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    app.packages.discard(&caller.write()?, (KIND, input.text(ID)), &input.expect).await?;
    Ok(Reply::none())
}

pub(super) async fn upload(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let name = input.text(ID).to_owned();
    app.packages.fill(&caller.write()?, (KIND, &name), (name.clone(), input.body)).await?;
    Ok(Reply::none())
}

pub(super) async fn content(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    content::of((&app, &caller, &input), (KIND, input.text(ID)), |wanted, package, bytes| {
        content::package(wanted, (&package.descriptor.entry, bytes))
    })
    .await
}

pub(super) async fn descriptor(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    content::of((&app, &caller, &input), (KIND, input.text(ID)), |wanted, package, bytes| {
        content::descriptor(wanted, (&package.descriptor.entry, bytes))
    })
    .await
}

pub(super) async fn manifest(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    content::of((&app, &caller, &input), (KIND, input.text(ID)), |wanted, _, bytes| content::manifest(wanted, bytes))
        .await
}

pub(super) async fn artifact(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    content::of((&app, &caller, &input), (KIND, input.text(ID)), |wanted, _, bytes| content::artifact(wanted, bytes))
        .await
}

/// What is changed of a package of either kind.
pub(super) fn modified((state, data): (Option<OperationalState>, Option<KeyValuePairs>), cleared: Cleared) -> Modified {
    let operational = state.map(|state| match state {
        OperationalState::Enabled => package::OperationalState::Enabled,
        OperationalState::Disabled => package::OperationalState::Disabled,
    });
    Modified { operational, user_defined: data, clear: cleared == Cleared::All }
}

/// Whether all of the user's data is to go: `null`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cleared {
    All,
    Nothing,
}

pub(super) fn nothing(input: &Input) -> Cleared {
    match raw(input).get("userDefinedData") {
        Some(serde_json::Value::Null) => Cleared::All,
        _ => Cleared::Nothing,
    }
}

/// The states of a package that is there.
pub(super) fn states(shown: &PackageShown) -> (OperationalState, UsageState) {
    let operational = match shown.package.operational {
        package::OperationalState::Enabled => OperationalState::Enabled,
        package::OperationalState::Disabled => OperationalState::Disabled,
    };
    let usage = match shown.usage {
        package::UsageState::InUse => UsageState::InUse,
        package::UsageState::NotInUse => UsageState::NotInUse,
    };
    (operational, usage)
}

/// What waits for its content, or failed to take it: the first major version has no word for the latter.
pub(super) fn awaiting(failed: bool, input: &Input) -> OnboardingState {
    let first = input.spoken.is_some_and(|spoken| spoken.version.0 == 1);
    if failed && !first { OnboardingState::Error } else { OnboardingState::Created }
}

fn info(found: &Described, input: &Input) -> NsdInfo {
    let this = format!("{}/ns_descriptors/{}", root(input), found.name());
    let links = NsdInfoLinks { nsd_content: Link::to(format!("{this}/nsd_content")), this: Link::to(this) };
    let nothing = NsdInfo {
        id: found.name().to_string(),
        nsd_id: None,
        nsd_name: None,
        nsd_version: None,
        nsd_designer: None,
        nsd_invariant_id: None,
        vnf_pkg_ids: vec![],
        pnfd_info_ids: vec![],
        nested_nsd_info_ids: vec![],
        nsd_onboarding_state: OnboardingState::Created,
        onboarding_failure_details: None,
        nsd_operational_state: OperationalState::Disabled,
        nsd_usage_state: UsageState::NotInUse,
        user_defined_data: None,
        links,
    };
    let data = |data: &KeyValuePairs| (!data.is_empty()).then(|| data.clone());
    match found {
        Described::Awaited(awaited) => NsdInfo {
            nsd_onboarding_state: awaiting(!awaited.failure.is_empty(), input),
            onboarding_failure_details: failure(&awaited.failure),
            user_defined_data: data(&awaited.user_defined),
            ..nothing
        },
        Described::Package(shown) => {
            let (of, (operational, usage)) = (&shown.package.descriptor, states(shown));
            let said = |text: &String| (!text.is_empty()).then(|| text.clone());
            NsdInfo {
                nsd_id: said(&of.id),
                nsd_name: said(&of.name),
                nsd_version: said(&of.version),
                nsd_designer: said(&of.provider),
                nsd_onboarding_state: OnboardingState::Onboarded,
                nsd_operational_state: operational,
                nsd_usage_state: usage,
                user_defined_data: data(&shown.package.user_defined),
                ..nothing
            }
        }
    }
}
