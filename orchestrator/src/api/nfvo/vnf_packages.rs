//! VNF packages (SOL005 9.4): packages of functions, and resources that wait for one.

use super::descriptors::{awaiting, modified, nothing, states};
use super::pages::Pages;
use super::{content, failure, read, root};
use crate::api::App;
use crate::api::problem::Problem;
use crate::api::reply::{Input, Reply};
use crate::auth::Caller;
use crate::catalogue::Described;
use models::package::DescriptorKind;
use serde_json::json;
use sol005::sol013::Attributes;
use sol005::types::common::{Checksum, KeyValuePairs, Link, OnboardingState, OperationalState, UsageState};
use sol005::types::vnfpkgm::{CreateVnfPkgInfoRequest, LEFT_OUT, VnfPkgInfo, VnfPkgInfoLinks, VnfPkgInfoModifications};
use std::sync::{Arc, OnceLock};

const KIND: DescriptorKind = DescriptorKind::Vnfd;
const ID: &str = "vnfPkgId";

fn attributes() -> &'static Attributes {
    static ATTRIBUTES: OnceLock<Attributes> = OnceLock::new();
    ATTRIBUTES.get_or_init(Attributes::of::<VnfPkgInfo>)
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
    let CreateVnfPkgInfoRequest { user_defined_data } = read(&input)?;
    let (made, _) = app.packages.create(&caller.write()?, (KIND, user_defined_data.unwrap_or_default())).await?;
    let info = info(&made, &input);
    Ok(Reply::with(201, &info)?.location(info.links.this.href))
}

pub(super) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (found, rev) = app.packages.resource(&caller.read()?, (KIND, input.text(ID))).await?;
    let mut info = info(&found, &input);
    if let Described::Package(shown) = &found {
        let bytes = app.packages.content(&caller.read()?, (KIND, input.text(ID))).await?.1;
        let entry = shown.package.descriptor.entry.clone();
        info.additional_artifacts = app.packages.apart(move || content::told(&bytes, &entry)).await??;
    }
    Ok(Reply::ok(&info)?.etag(rev))
}

pub(super) async fn modify(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let body: VnfPkgInfoModifications = read(&input)?;
    let modified = modified((body.operational_state, body.user_defined_data.clone()), nothing(&input));
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
    Ok(Reply::Empty { status: 202 })
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

pub(super) async fn artifacts(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    content::of((&app, &caller, &input), (KIND, input.text(ID)), |wanted, package, bytes| {
        content::artifacts(wanted, (&package.descriptor.entry, bytes))
    })
    .await
}

pub(super) async fn artifact(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    content::of((&app, &caller, &input), (KIND, input.text(ID)), |wanted, _, bytes| content::artifact(wanted, bytes))
        .await
}

fn info(found: &Described, input: &Input) -> VnfPkgInfo {
    let this = format!("{}/vnf_packages/{}", root(input), found.name());
    let has = matches!(found, Described::Package(_));
    let links = VnfPkgInfoLinks {
        vnfd: has.then(|| Link::to(format!("{this}/vnfd"))),
        package_content: Link::to(format!("{this}/package_content")),
        this: Link::to(this),
    };
    let nothing = VnfPkgInfo {
        id: found.name().to_string(),
        vnfd_id: None,
        vnf_provider: None,
        vnf_product_name: None,
        vnf_software_version: None,
        vnfd_version: None,
        checksum: None,
        software_images: vec![],
        additional_artifacts: vec![],
        onboarding_state: OnboardingState::Created,
        onboarding_failure_details: None,
        operational_state: OperationalState::Disabled,
        usage_state: UsageState::NotInUse,
        user_defined_data: None,
        links,
    };
    let data = |data: &KeyValuePairs| (!data.is_empty()).then(|| data.clone());
    match found {
        Described::Awaited(awaited) => VnfPkgInfo {
            onboarding_state: awaiting(!awaited.failure.is_empty(), input),
            onboarding_failure_details: failure(&awaited.failure),
            user_defined_data: data(&awaited.user_defined),
            ..nothing
        },
        Described::Package(shown) => {
            let (of, (operational, usage)) = (&shown.package.descriptor, states(shown));
            let said = |text: &String| (!text.is_empty()).then(|| text.clone());
            let hash = shown.package.digest.strip_prefix("sha256:").unwrap_or_default().to_owned();
            VnfPkgInfo {
                vnfd_id: said(&of.id),
                vnf_provider: said(&of.provider),
                vnf_product_name: said(&of.name),
                vnf_software_version: said(&of.software_version),
                vnfd_version: said(&of.version),
                checksum: Some(Checksum { algorithm: "SHA-256".into(), hash }),
                onboarding_state: OnboardingState::Onboarded,
                operational_state: operational,
                usage_state: usage,
                user_defined_data: data(&shown.package.user_defined),
                ..nothing
            }
        }
    }
}
