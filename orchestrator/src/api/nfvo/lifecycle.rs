//! Tasks of NS instances (SOL005 6.4): what is asked becomes what is said of the service, and the engine's operation.

use super::instances::{FLAVOUR, ID};
use super::updates::{meaning, updated};
use super::{read, root};
use crate::api::App;
use crate::api::problem::Problem;
use crate::api::reply::{Input, Reply};
use crate::api::services::said as said_of;
use crate::auth::{Caller, WritePermit};
use crate::catalogue::{Composed, Instance, Opened, Scaling, Step, Taken};
use crate::slices::{Ask, AskOptions, Goal, NoPlace, Started, Supersede};
use crate::store::Expect;
use models::labels::Labels;
use models::labels::Selector;
use models::operation::{Asked, LcmOperation};
use models::slice::{FunctionUse, ServiceUse};
use models::{Name, Problem as Finding, Slice, SliceSpec};
use serde_json::{Map, Value, json};
use sol005::types::nslcm::{Affinity, AffinityOrAntiAffinityRule, AffinityScope};
use sol005::types::requests::{
    HealNsRequest, InstantiateNsRequest, LocationConstraints, ScaleNsRequest, ScaleType, ScaleVnfData, ScaleVnfType,
    TerminateNsRequest, UpdateNsRequest, is_said,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Among additional parameters of a function: the one cluster where it stands.
pub(super) const CLUSTER: &str = "sliceway.cluster";

pub(super) async fn instantiate(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, found) = found(&app, &caller, &input).await?;
    if found.slice.is_some() {
        return Err(illegal(format!("{} is INSTANTIATED already", found.name), "update it, or terminate it first"));
    }
    let body: InstantiateNsRequest = read(&input)?;
    let Some(service) = &found.service else { return Err(Problem::not_found(format!("service {}", found.name))) };
    let said = instantiated(service.package.clone(), &body).map_err(|problems| Problem::findings(&problems))?;
    let spec = SliceSpec { service: Some(said), ..SliceSpec::default() };
    let composed = app.packages.expand((permit.tenant(), &spec), (Taken::Kept(None), "")).await?;
    let wish = Wish { found: &found, asked: asked(LcmOperation::Instantiate, &body)?, composed };
    begin(&app, &permit, (&input, wish)).await
}

pub(super) async fn scale(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, found) = found(&app, &caller, &input).await?;
    let (slice, mut said) = changeable(&found)?;
    let body: ScaleNsRequest = read(&input)?;
    if body.scale_type == ScaleType::ScaleNs {
        let message = "no NSD here has scaling aspects of its own: an NS scales by its functions";
        return Err(Problem::findings(&[Finding::at("scaleType", message).mend("SCALE_VNF, with scaleVnfData")]));
    }
    refuse(&[("scaleNsData", &body.scale_ns_data), ("scaleTime", &body.scale_time)])?;
    let opened = app.packages.open(permit.tenant(), (&said, Taken::Kept(Some(&slice.spec)))).await?;
    let data = body.scale_vnf_data.clone().unwrap_or_default();
    if data.is_empty() {
        return Err(Problem::findings(&[Finding::at("scaleVnfData", "is missing").mend("say which functions")]));
    }
    for (at, one) in data.iter().enumerate() {
        said = scaled((&opened, &slice), said, one).map_err(|problem| {
            let field = format!("scaleVnfData[{at}].{}", problem.field);
            Problem::findings(&[Finding { field: field.trim_end_matches('.').to_owned(), ..problem }])
        })?;
    }
    let composed = opened.whole((&said_of(&slice, said.clone()), &said), "")?;
    let wish = Wish { found: &found, asked: asked(LcmOperation::Scale, &body)?, composed };
    begin(&app, &permit, (&input, wish)).await
}

pub(super) async fn update(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, found) = found(&app, &caller, &input).await?;
    meaning(&input)?;
    let (slice, said) = changeable(&found)?;
    let body: UpdateNsRequest = read(&input)?;
    refuse(&[("updateTime", &body.update_time)])?;
    let opened = app.packages.open(permit.tenant(), (&said, Taken::Kept(Some(&slice.spec)))).await?;
    let said = updated(&app, (permit.tenant(), &slice), (&opened, said, &body)).await?;
    let taken = Taken::Kept(Some(&slice.spec));
    let composed = app.packages.expand((permit.tenant(), &said_of(&slice, said)), (taken, "")).await?;
    let wish = Wish { found: &found, asked: asked(LcmOperation::Update, &body)?, composed };
    begin(&app, &permit, (&input, wish)).await
}

/// The same again: what was changed by hand is put back, what failed is made.
pub(super) async fn heal(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, found) = found(&app, &caller, &input).await?;
    let body: HealNsRequest = read(&input)?;
    let slice = running(&found)?;
    let composed = Composed { spec: slice.spec.clone(), warnings: vec![] };
    let wish = Wish { found: &found, asked: asked(LcmOperation::Heal, &body)?, composed };
    begin(&app, &permit, (&input, wish)).await
}

pub(super) async fn terminate(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, found) = found(&app, &caller, &input).await?;
    let body: TerminateNsRequest = if input.body.is_empty() { TerminateNsRequest::default() } else { read(&input)? };
    let slice = running(&found)?;
    app.services.follow(&permit, &found.name, slice).await?;
    let late = ("terminationTime", &body.termination_time);
    refuse(&[late, ("terminateNsData", &body.terminate_ns_data), ("terminateVnfData", &body.terminate_vnf_data)])?;
    let mut options = options(asked(LcmOperation::Terminate, &body)?, Expect::Exists);
    if let (Some(_), Some(slice)) = (&found.service, &found.slice) {
        // Everything of an NS goes, its data too. Of a slice that its file made, its owner says so.
        options.allow_data_loss = slice.spec.workloads().iter().map(|workload| workload.name.clone()).collect();
    }
    let ask = Ask { name: found.name.clone(), goal: Goal::Delete, options };
    carried_out(&app, &permit, (&input, &ask)).await
}

struct Wish<'f> {
    found: &'f Instance,
    asked: Asked,
    composed: Composed,
}

async fn found(app: &App, caller: &Caller, input: &Input) -> Result<(WritePermit, Instance), Problem> {
    let permit = caller.write()?;
    let found = app.services.instance(&caller.read()?, input.text(ID)).await?;
    Ok((permit, found))
}

fn running(found: &Instance) -> Result<&Slice, Problem> {
    let idle = || illegal(format!("{} is NOT_INSTANTIATED", found.name), "instantiate it first");
    found.slice.as_ref().ok_or_else(idle)
}

/// A service of which something may be said here: what follows from a file or a template is changed there.
fn changeable(found: &Instance) -> Result<(Slice, ServiceUse), Problem> {
    let slice = running(found)?;
    if let Some(template) = &slice.spec.template {
        let message =
            format!("{} is of template {}: what may be said of it the template says", found.name, template.name);
        return Err(illegal(message, format!("sliceway template change {}", found.name)));
    }
    let Some(service) = slice.spec.service.clone() else {
        let message = format!("{} was made of no NSD: it is changed by its file", found.name);
        return Err(illegal(message, format!("sliceway slice export {}, then sliceway apply -f FILE", found.name)));
    };
    Ok((slice.clone(), service))
}

fn illegal(message: impl Into<String>, next: impl Into<String>) -> Problem {
    Problem::new(409, "illegal-state", message).next(next)
}

/// Attributes that are known and mean nothing here.
pub(super) fn refuse(said: &[(&str, &Option<Value>)]) -> Result<(), Problem> {
    let wrong = said.iter().filter(|(_, value)| is_said(value));
    let problem = |(name, _): &(&str, &Option<Value>)| {
        Finding::at(*name, "has no meaning for functions of containers here").mend("leave it out")
    };
    let problems: Vec<Finding> = wrong.map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(Problem::findings(&problems)) }
}

fn asked(operation: LcmOperation, body: &impl serde::Serialize) -> Result<Asked, Problem> {
    let params = serde_json::to_value(body).map_err(|error| Problem::new(500, "internal", error.to_string()))?;
    Ok(Asked { operation, params: params.as_object().cloned().unwrap_or_default() })
}

fn options(asked: Asked, expect: Expect) -> AskOptions {
    AskOptions {
        supersede: Supersede::Never,
        no_place: NoPlace::Wait,
        expect,
        asked: Some(asked),
        ..AskOptions::default()
    }
}

async fn begin(app: &App, permit: &WritePermit, (input, wish): (&Input, Wish<'_>)) -> Result<Reply, Problem> {
    let Wish { found, asked, composed } = wish;
    let labels = found.slice.as_ref().map_or_else(Labels::new, |slice| slice.labels.clone());
    // What was read is what is changed.
    let expect = found.slice_rev.map_or(Expect::Absent, |rev| Expect::At(vec![rev]));
    let goal = Goal::Apply { labels, spec: Box::new(composed.spec) };
    let ask = Ask { name: found.name.clone(), goal, options: options(asked, expect) };
    carried_out(app, permit, (input, &ask)).await
}

async fn carried_out(app: &App, permit: &WritePermit, (input, ask): (&Input, &Ask)) -> Result<Reply, Problem> {
    let started = app.slices.start(permit.tenant(), ask).await.map_err(Problem::from);
    // Nobody said which revision was meant: it is another's operation that was first.
    let started = started.map_err(|problem| match problem.status {
        412 => Problem { status: 409, ..problem },
        _ => problem,
    })?;
    match started {
        Started::Operation { operation, .. } => {
            let location = format!("{}/ns_lcm_op_occs/{}", root(input), operation.id);
            Ok(Reply::Accepted { location })
        }
        // Whoever speaks the standard is always given an operation.
        Started::Unchanged { .. } => Err(Problem::new(500, "internal", "nothing was begun")),
    }
}

/// What is said of the service that an InstantiateNsRequest asks for.
fn instantiated(package: Name, body: &InstantiateNsRequest) -> Result<ServiceUse, Vec<Finding>> {
    let mut problems = Vec::new();
    let unmeant = [
        ("addpnfData", &body.addpnf_data),
        ("vnfInstanceData", &body.vnf_instance_data),
        ("nestedNsInstanceData", &body.nested_ns_instance_data),
        ("nestedNsLocationConstraints", &body.nested_ns_location_constraints),
        ("additionalParamForNestedNs", &body.additional_param_for_nested_ns),
        ("wanConnectionData", &body.wan_connection_data),
        ("startTime", &body.start_time),
    ];
    for (name, _) in unmeant.iter().filter(|(_, value)| is_said(value)) {
        problems.push(Finding::at(*name, "has no meaning for functions of containers here").mend("leave it out"));
    }
    let flavours = [("nsFlavourId", &body.ns_flavour_id), ("nsInstantiationLevelId", &body.ns_instantiation_level_id)];
    for (name, said) in flavours {
        let known = [FLAVOUR, "default-df", "default-level"];
        if let Some(other) = said.as_deref().filter(|said| !known.contains(said)) {
            problems.push(
                Finding::at(name, format!("there is no {other:?}")).mend(format!("leave it out, or write {FLAVOUR}")),
            );
        }
    }
    let mut functions: BTreeMap<String, FunctionUse> = BTreeMap::new();
    for one in body.location_constraints.iter().flatten() {
        if let Some(place) = &one.location_constraints {
            functions.entry(one.vnf_profile_id.clone()).or_default().select = Some(select(place));
        }
    }
    for (key, value) in body.additional_params_for_ns.iter().flatten() {
        match key.split_once('.') {
            Some((function, path)) => {
                parameter(functions.entry(function.to_owned()).or_default(), (path, value), &mut problems)
            }
            None => problems.push(
                Finding::at(format!("additionalParamsForNs.{key}"), "names no function").mend("write FUNCTION.PATH"),
            ),
        }
    }
    for one in body.additional_params_for_vnf.iter().flatten() {
        let of = functions.entry(one.vnf_profile_id.clone()).or_default();
        for (path, value) in one.vnf_configurable_properties.iter().chain(&one.additional_params).flatten() {
            parameter(of, (path, value), &mut problems);
        }
    }
    let (together, apart) = groups(body.additional_affinity_or_anti_affinity_rule.iter().flatten(), &mut problems);
    if problems.is_empty() { Ok(ServiceUse { package, functions, together, apart }) } else { Err(problems) }
}

/// A cluster that has these labels.
fn select(place: &LocationConstraints) -> Selector {
    let country = place.country_code.iter().map(|code| ("country".to_owned(), code.clone()));
    let civic = place.civic_address_element.iter().flatten();
    let civic = civic.map(|element| (format!("ca-{}", element.ca_type), element.ca_value.clone()));
    Selector { labels: country.chain(civic).collect() }
}

pub(super) fn parameter(of: &mut FunctionUse, (path, value): (&str, &Value), problems: &mut Vec<Finding>) {
    if path != CLUSTER {
        of.parameters.insert(path.to_owned(), value.clone());
        return;
    }
    match value.as_str().and_then(|name| name.parse().ok()) {
        Some(name) => (of.cluster, of.select) = (Some(name), None),
        None => problems
            .push(Finding::at(CLUSTER, format!("{value} is no name of a cluster")).mend("write a cluster's name")),
    }
}

type Groups = Vec<BTreeSet<String>>;

fn groups<'r>(
    rules: impl Iterator<Item = &'r AffinityOrAntiAffinityRule>,
    problems: &mut Vec<Finding>,
) -> (Groups, Groups) {
    let (mut together, mut apart) = (vec![], vec![]);
    for (at, rule) in rules.enumerate() {
        let field = format!("additionalAffinityOrAntiAffinityRule[{at}]");
        if rule.scope != AffinityScope::NfviPop {
            let message = "functions are kept together and apart by clusters only";
            problems.push(Finding::at(format!("{field}.scope"), message).mend("write NFVI_POP"));
        }
        let group: BTreeSet<String> = rule.vnf_profile_id.iter().cloned().collect();
        if group.len() < 2 {
            problems
                .push(Finding::at(format!("{field}.vnfProfileId"), "names no two functions").mend("name two or more"));
        }
        match rule.affinity_or_anti_affiinty {
            Affinity::Affinity => together.push(group),
            Affinity::AntiAffinity => apart.push(group),
        }
    }
    (together, apart)
}

/// The function of a VNF's id, as the descriptor calls it. `field` is where it is said.
pub(super) fn member(opened: &Opened, slice: &Slice, id: &str) -> Result<String, Finding> {
    let function = id.strip_prefix(&format!("{}.", slice.name)).and_then(|name| name.parse::<Name>().ok());
    let found = function.and_then(|name| opened.member((&slice.spec, &name)));
    found.ok_or_else(|| {
        let known: Vec<String> =
            slice.spec.workloads().iter().map(|of| format!("{}.{}", slice.name, of.name)).collect();
        Finding::at("vnfInstanceId", format!("there is no VNF {id:?}")).mend(format!("there are {}", known.join(", ")))
    })
}

fn scaled((opened, slice): (&Opened, &Slice), said: ServiceUse, data: &ScaleVnfData) -> Result<ServiceUse, Finding> {
    let function = member(opened, slice, &data.vnf_instance_id)?;
    let missing = |field: &str| Finding::at(field, "is missing").mend(format!("say {field}"));
    let by = |step: fn(u32) -> Step| {
        let steps = data.scale_by_step_data.as_ref().ok_or_else(|| missing("scaleByStepData"))?;
        let step = step(steps.number_of_steps.unwrap_or(1));
        Ok(Scaling { function: function.clone(), aspect: Some(steps.aspect_id.clone()), step })
    };
    match data.scale_vnf_type {
        ScaleVnfType::ScaleOut => opened.scaled(&said, &by(Step::Out)?),
        ScaleVnfType::ScaleIn => opened.scaled(&said, &by(Step::In)?),
        ScaleVnfType::ScaleToScaleLevels => {
            let levels = data.scale_to_level_data.as_ref().and_then(|data| data.vnf_scale_info.as_ref());
            let levels = levels.ok_or_else(|| missing("scaleToLevelData"))?;
            levels.iter().try_fold(said, |said, level| {
                let step = Step::To(level.scale_level);
                opened
                    .scaled(&said, &Scaling { function: function.clone(), aspect: Some(level.aspect_id.clone()), step })
            })
        }
        ScaleVnfType::ScaleToInstantiationLevel => {
            let level = data.scale_to_level_data.as_ref().and_then(|data| data.vnf_instantiation_level_id.clone());
            let level = level.ok_or_else(|| missing("scaleToLevelData"))?;
            let mut said = said;
            let of = said.functions.entry(function).or_default();
            (of.level, of.scale) = (Some(level), BTreeMap::new());
            Ok(said)
        }
    }
}

/// The body before it is read as its type: an attribute that says nothing is told from one that is not said.
pub(super) fn raw(input: &Input) -> Map<String, Value> {
    let body: Value = input.body_text().ok().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(json!({}));
    body.as_object().cloned().unwrap_or_default()
}
