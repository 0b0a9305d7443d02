//! NS instances (SOL005 6.4): slices, and what was created and does not run. A function is a VNF, whoever may be reached is on
//! a virtual link, and where devices come in is a SAP.

use super::pages::Pages;
use super::{read, root};
use crate::api::App;
use crate::api::problem::Problem;
use crate::api::reply::{Input, Reply};
use crate::auth::Caller;
use crate::catalogue::{Instance, NewInstance};
use models::package::{DescriptorKind, Package};
use models::slice::{DEVICES, Gateway, Workload};
use models::{Name, Slice};
use serde_json::json;
use sol005::sol013::Attributes;
use sol005::types::common::Link;
use sol005::types::nslcm::{
    Affinity, AffinityOrAntiAffinityRule, AffinityScope, CreateNsRequest, InstantiatedVnfInfo, LEFT_OUT, NsInstance,
    NsInstanceLinks, NsState, NsVirtualLinkInfo, ResourceHandle, SapInfo, ScaleInfo, VnfInstance,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

pub(super) const ID: &str = "nsInstanceId";
/// The one deployment flavour.
pub(super) const FLAVOUR: &str = "default";

/// What slices are made of, by name.
pub(super) type Known = BTreeMap<Name, Package>;

fn attributes() -> &'static Attributes {
    static ATTRIBUTES: OnceLock<Attributes> = OnceLock::new();
    ATTRIBUTES.get_or_init(Attributes::of::<NsInstance>)
}

pub(super) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    let mut pages = Pages::begin(&input, attributes(), LEFT_OUT)?;
    while let Some((after, looked)) = pages.wants() {
        let (found, last) = app.services.instances(&permit, (after.as_deref(), looked)).await?;
        let known = known(&app, permit.tenant(), &found).await?;
        let each = found.iter().map(|found| (found.name.to_string(), json!(info(found, (&known, &input)))));
        pages.take(each, (looked, last));
    }
    pages.reply()
}

pub(super) async fn create(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let CreateNsRequest { nsd_id, ns_name, ns_description, .. } = read(&input)?;
    let permit = caller.write()?;
    let new = NewInstance { nsd: nsd_id, title: ns_name, description: ns_description };
    let made = app.services.create(&permit, new).await?;
    let known = known(&app, permit.tenant(), std::slice::from_ref(&made)).await?;
    let info = info(&made, (&known, &input));
    Ok(Reply::with(201, &info)?.location(info.links.this.href))
}

pub(super) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    let found = app.services.instance(&permit, input.text(ID)).await?;
    let known = known(&app, permit.tenant(), std::slice::from_ref(&found)).await?;
    Ok(Reply::ok(&info(&found, (&known, &input)))?.etag(found.rev))
}

pub(super) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let found = app.services.instance(&caller.read()?, input.text(ID)).await?;
    app.services.forget(&caller.write()?, &found, &input.expect).await?;
    Ok(Reply::none())
}

async fn known(app: &App, tenant: &Name, all: &[Instance]) -> Result<Known, Problem> {
    let mut names: BTreeSet<&Name> = all.iter().filter_map(|one| Some(&one.service.as_ref()?.package)).collect();
    names.extend(all.iter().filter_map(|one| one.slice.as_ref()).flat_map(|slice| slice.spec.packages()));
    Ok(app.services.packages_of(tenant, &names).await?)
}

fn info(of: &Instance, (known, input): (&Known, &Input)) -> NsInstance {
    let service = of.service.as_ref();
    let made_of = of.slice.as_ref().and_then(|slice| slice.spec.service.as_ref()).map(|made| &made.package);
    let package = made_of.or(service.map(|service| &service.package));
    // A slice's template of OSM is no NSD.
    let is_nsd = |package: &&Package| package.descriptor.kind == DescriptorKind::Nsd;
    let nsd = package.and_then(|name| known.get(name)).filter(is_nsd);
    let title = service.map(|service| service.title.clone()).filter(|title| !title.is_empty());
    NsInstance {
        id: of.name.to_string(),
        ns_instance_name: title.unwrap_or_else(|| of.name.to_string()),
        ns_instance_description: service.map(|service| service.description.clone()).unwrap_or_default(),
        nsd_id: nsd.map(|package| package.descriptor.id.clone()).unwrap_or_default(),
        nsd_info_id: nsd.map(|package| package.name.to_string()).unwrap_or_default(),
        flavour_id: of.slice.is_some().then(|| FLAVOUR.to_owned()),
        vnf_instance: of.slice.as_ref().map(|slice| vnfs(slice, known)).unwrap_or_default(),
        virtual_link_info: of.slice.as_ref().map(links).unwrap_or_default(),
        sap_info: of.slice.as_ref().map(saps).unwrap_or_default(),
        ns_state: if of.slice.is_some() { NsState::Instantiated } else { NsState::NotInstantiated },
        ns_scale_status: vec![],
        additional_affinity_or_anti_affinity_rule: of.slice.as_ref().map(rules).unwrap_or_default(),
        links: tasks(of, &format!("{}/ns_instances/{}", root(input), of.name)),
    }
}

/// Only those that are open now.
fn tasks(of: &Instance, this: &str) -> NsInstanceLinks {
    let slice = of.slice.as_ref();
    let task = |open: bool, name: &str| open.then(|| Link::to(format!("{this}/{name}")));
    let is_service = slice.is_some_and(|slice| slice.spec.service.is_some() && slice.spec.template.is_none());
    NsInstanceLinks {
        this: Link::to(this),
        instantiate: task(slice.is_none(), "instantiate"),
        terminate: task(slice.is_some(), "terminate"),
        update: task(is_service, "update"),
        scale: task(is_service, "scale"),
        heal: task(slice.is_some(), "heal"),
    }
}

/// The id of a function's VNF.
pub(super) fn vnf_id(slice: &Name, function: &Name) -> String {
    format!("{slice}.{function}")
}

fn vnfs(slice: &Slice, known: &Known) -> Vec<VnfInstance> {
    slice.spec.workloads().iter().map(|workload| vnf(slice, workload, known)).collect()
}

fn vnf(slice: &Slice, workload: &Workload<'_>, known: &Known) -> VnfInstance {
    let package = workload.chart.package().and_then(|name| known.get(name));
    let of = |text: fn(&models::package::Descriptor) -> &String| {
        package.map(|package| text(&package.descriptor).clone()).unwrap_or_default()
    };
    let said = slice.spec.service.iter().flat_map(|service| &service.functions);
    let said = said.into_iter().find(|(id, _)| *id == workload.name.as_str()).map(|(_, said)| said);
    let levels = said.into_iter().flat_map(|said| &said.scale);
    let status = levels.map(|(aspect, level)| ScaleInfo { aspect_id: aspect.clone(), scale_level: *level }).collect();
    let parameters = said.map(|said| said.parameters.clone()).filter(|parameters| !parameters.is_empty());
    VnfInstance {
        id: vnf_id(&slice.name, workload.name),
        vnf_instance_name: Some(workload.name.to_string()),
        vnfd_id: of(|descriptor| &descriptor.id),
        vnf_provider: of(|descriptor| &descriptor.provider),
        vnf_product_name: of(|descriptor| &descriptor.name),
        vnf_software_version: of(|descriptor| &descriptor.software_version),
        vnfd_version: of(|descriptor| &descriptor.version),
        vnf_pkg_id: package.map(|package| package.name.to_string()).unwrap_or_default(),
        vnf_configurable_properties: parameters,
        vim_id: slice.placed.get(workload.name.as_str()).cloned(),
        instantiation_state: NsState::Instantiated,
        instantiated_vnf_info: Some(InstantiatedVnfInfo {
            flavour_id: FLAVOUR.into(),
            vnf_state: "STARTED".into(),
            scale_status: status,
        }),
    }
}

/// One for each function that others reach: by a rule, or because gateways send to it.
fn links(slice: &Slice) -> Vec<NsVirtualLinkInfo> {
    let by_rule = slice.spec.access.iter().map(|rule| &rule.to);
    let by_gateway = slice.spec.gateways.iter().flat_map(Gateway::attached);
    let reached: BTreeSet<&Name> = by_rule.chain(by_gateway).collect();
    let link = |function: &Name| NsVirtualLinkInfo {
        id: format!("{}.to-{function}", slice.name),
        ns_virtual_link_desc_id: format!("to-{function}"),
        ns_virtual_link_profile_id: format!("to-{function}"),
        resource_handle: vec![ResourceHandle {
            vim_id: slice.placed.get(function.as_str()).cloned(),
            resource_id: slice.namespace(),
            vim_level_resource_type: Some("Namespace".into()),
        }],
    };
    reached.into_iter().map(link).collect()
}

/// What was asked beside the descriptor.
fn rules(slice: &Slice) -> Vec<AffinityOrAntiAffinityRule> {
    let Some(said) = &slice.spec.service else { return vec![] };
    let rule = |affinity: Affinity| {
        move |group: &BTreeSet<String>| AffinityOrAntiAffinityRule {
            vnf_profile_id: group.iter().cloned().collect(),
            affinity_or_anti_affiinty: affinity,
            scope: AffinityScope::NfviPop,
        }
    };
    let together = said.together.iter().map(rule(Affinity::Affinity));
    together.chain(said.apart.iter().map(rule(Affinity::AntiAffinity))).collect()
}

fn saps(slice: &Slice) -> Vec<SapInfo> {
    let open = slice.spec.access.iter().filter(|rule| rule.from.as_str() == DEVICES).map(|rule| &rule.to);
    let open: BTreeSet<&Name> = open.chain(slice.spec.devices.iter().map(|device| &device.gateway)).collect();
    let sap = |function: &Name| SapInfo {
        id: format!("{}.sap-{function}", slice.name),
        sapd_id: format!("to-{function}-sap"),
        sap_name: format!("devices to {function}"),
    };
    open.into_iter().map(sap).collect()
}
