//! Operation occurrences (SOL005 6.4): the engine's operations on slices, whoever asked for them, and the operator's moves.

use super::instances::{Known, vnf_id};
use super::pages::Pages;
use super::{read, root};
use crate::api::App;
use crate::api::problem::Problem;
use crate::api::reply::{Input, Reply};
use crate::auth::Caller;
use crate::ops::OperationDoc;
use models::operation::LcmOperation;
use models::slice::Workload;
use models::{Name, OperationKind, OperationState, Slice};
use serde_json::json;
use sol005::LcmOperationState;
use sol005::sol013::Attributes;
use sol005::types::common::{Link, ProblemDetails};
use sol005::types::nslcm::{
    AffectedVnf, CancelMode, LcmOperationType, NsLcmOpOcc, NsLcmOpOccLinks, OCCURRENCE_LEFT_OUT, ResourceChanges,
};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

pub(super) const ID: &str = "nsLcmOpOccId";

fn attributes() -> &'static Attributes {
    static ATTRIBUTES: OnceLock<Attributes> = OnceLock::new();
    ATTRIBUTES.get_or_init(Attributes::of::<NsLcmOpOcc>)
}

pub(super) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    let mut pages = Pages::begin(&input, attributes(), OCCURRENCE_LEFT_OUT)?;
    while let Some((after, looked)) = pages.wants() {
        let (found, last) = app.engine.occurrences(permit.tenant(), (after.as_deref(), looked)).await?;
        let known = known(&app, permit.tenant(), &found).await?;
        let each = found.iter().map(|doc| (doc.operation.id.clone(), json!(occurrence(doc, (&known, &input)))));
        pages.take(each, (looked, last));
    }
    pages.reply()
}

pub(super) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    let (doc, rev) = app.engine.occurrence(permit.tenant(), input.text(ID)).await?;
    let known = known(&app, permit.tenant(), std::slice::from_ref(&doc)).await?;
    Ok(Reply::ok(&occurrence(&doc, (&known, &input)))?.etag(rev))
}

macro_rules! moves {
    ($($name:ident)*) => {$(
        pub(super) async fn $name(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
            let (permit, id) = (caller.write()?, input.text(ID));
            app.engine.occurrence(permit.tenant(), id).await?;
            app.engine.$name(permit.tenant(), id).await?;
            Ok(Reply::Empty { status: 202 })
        }
    )*};
}

moves!(retry rollback carry_on);

pub(super) async fn fail(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, id) = (caller.write()?, input.text(ID));
    app.engine.occurrence(permit.tenant(), id).await?;
    app.engine.fail(permit.tenant(), id).await?;
    let (doc, _) = app.engine.occurrence(permit.tenant(), id).await?;
    let known = known(&app, permit.tenant(), std::slice::from_ref(&doc)).await?;
    Reply::ok(&occurrence(&doc, (&known, &input)))
}

/// Both modes stop at once: what a cluster was told already is looked at again by the next move.
pub(super) async fn cancel(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, id) = (caller.write()?, input.text(ID));
    if !input.body.is_empty() {
        read::<CancelMode>(&input)?;
    }
    app.engine.occurrence(permit.tenant(), id).await?;
    app.engine.cancel(permit.tenant(), id).await?;
    Ok(Reply::Empty { status: 202 })
}

async fn known(app: &App, tenant: &Name, all: &[OperationDoc]) -> Result<Known, Problem> {
    let slices = all.iter().flat_map(|doc| [&doc.before, &doc.after]).flatten();
    Ok(app.services.packages_of(tenant, &slices.flat_map(|slice| slice.spec.packages()).collect()).await?)
}

fn occurrence(doc: &OperationDoc, (known, input): (&Known, &Input)) -> NsLcmOpOcc {
    let of = &doc.operation;
    let first = input.spoken.is_some_and(|spoken| spoken.version.0 == 1);
    let entered = of.entered.unwrap_or(of.created).to_string();
    let error = of.error.as_ref().map(|error| ProblemDetails {
        kind: None,
        title: Some(error.code.clone()),
        status: 500,
        detail: format!("{}; next: {}", error.message, error.next),
        instance: None,
    });
    NsLcmOpOcc {
        id: of.id.clone(),
        operation_state: LcmOperationState::from(of.state),
        state_entered_time: (!first).then(|| entered.clone()),
        status_entered_time: first.then_some(entered),
        ns_instance_id: of.subject.to_string(),
        lcm_operation_type: kind(doc),
        start_time: of.created.to_string(),
        is_automatic_invocation: of.kind == OperationKind::HealSlice,
        operation_params: doc.asked.as_ref().map(|asked| asked.params.clone()).filter(|params| !params.is_empty()),
        is_cancel_pending: false,
        error: error.filter(|_| of.state != OperationState::Completed),
        resource_changes: changes(doc, known),
        links: links(doc, &root(input)),
    }
}

/// Only what is one of these is an occurrence.
fn kind(doc: &OperationDoc) -> LcmOperationType {
    doc.lcm().unwrap_or(LcmOperation::Update).into()
}

/// The moves that are open now.
fn links(doc: &OperationDoc, root: &str) -> NsLcmOpOccLinks {
    let of = &doc.operation;
    let this = format!("{root}/ns_lcm_op_occs/{}", of.id);
    let open = |name: &str| of.state.moves().contains(&name).then(|| Link::to(format!("{this}/{name}")));
    NsLcmOpOccLinks {
        ns_instance: Link::to(format!("{root}/ns_instances/{}", of.subject)),
        cancel: open("cancel"),
        retry: open("retry"),
        rollback: open("rollback"),
        continue_: open("continue"),
        fail: open("fail"),
        this: Link::to(this),
    }
}

/// Of what has ended: which functions came, went, or were changed.
fn changes(doc: &OperationDoc, known: &Known) -> Option<ResourceChanges> {
    let result = match doc.operation.state {
        OperationState::Completed => "COMPLETED",
        OperationState::PartiallyCompleted => "PARTIALLY_COMPLETED",
        OperationState::RolledBack => "ROLLED_BACK",
        OperationState::Failed => "FAILED",
        OperationState::Processing | OperationState::FailedTemp | OperationState::RollingBack => return None,
    };
    let of = |slice: &Option<Slice>| -> BTreeMap<String, (String, serde_json::Value)> {
        let all = slice.iter().flat_map(|slice| slice.spec.workloads());
        all.map(|workload| {
            (workload.name.to_string(), (described(&workload, known), json!([workload.chart, workload.values])))
        })
        .collect()
    };
    let (before, after) = (of(&doc.before), of(&doc.after));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let affected = names.into_iter().filter_map(|name| {
        let change = match (before.get(name), after.get(name)) {
            (None, Some(_)) => "INSTANTIATE",
            (Some(_), None) => "TERMINATE",
            (Some((was, _)), Some((is, _))) if was != is => "CHANGE_VNFPKG",
            (Some((_, was)), Some((_, is))) if was != is => match kind(doc) {
                LcmOperationType::Scale => "SCALE",
                LcmOperationType::Instantiate | LcmOperationType::Update | LcmOperationType::Terminate => {
                    "MODIFY_INFORMATION"
                }
                LcmOperationType::Heal => "HEAL",
            },
            _ if kind(doc) == LcmOperationType::Heal => "HEAL",
            _ => return None,
        };
        let vnfd = after.get(name).or(before.get(name)).map(|(vnfd, _)| vnfd.clone()).unwrap_or_default();
        Some(AffectedVnf {
            vnf_instance_id: vnf_id(&doc.operation.subject, &name.parse().ok()?),
            vnfd_id: vnfd,
            vnf_profile_id: name.clone(),
            vnf_name: name.clone(),
            change_type: change.into(),
            change_result: result.into(),
        })
    });
    let affected: Vec<AffectedVnf> = affected.collect();
    (!affected.is_empty()).then(|| ResourceChanges { affected_vnfs: affected, affected_vls: vec![] })
}

/// The id of its descriptor; empty where it is of none, or of one that is there no more.
fn described(workload: &Workload<'_>, known: &Known) -> String {
    let package = workload.chart.package().and_then(|name| known.get(name));
    package.map(|package| package.descriptor.id.clone()).unwrap_or_default()
}
