//! Network services: created of an on-boarded descriptor, instantiated as a slice, and changed by the engine's operations.

use super::App;
use super::bodies::{InstantiateBody, ScaleBody, ServiceBody, UpdateBody};
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::slices::{answer, options, redacted};
use crate::auth::{Caller, WritePermit};
use crate::catalogue::{Composed, NewService, Taken};
use crate::slices::{Ask, AskError, Goal};
use crate::store::{Expect, Revision};
use models::file::{INSTANTIATE_BODY, SCALE_BODY, SERVICE_BODY, UPDATE_BODY};
use models::labels::Labels;
use models::slice::ServiceUse;
use models::{Name, Problem as Finding, Slice, SliceSpec};
use serde_json::json;
use std::sync::Arc;

const PATH: &str = "/api/v1/services";

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let all = app.services.list(&caller.read()?).await?;
    page(&input, PATH, all.iter().map(|service| (service.name.to_string(), json!(service))).collect())
}

pub(crate) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (service, rev) = app.services.get(&caller.read()?, &input.name("name")?).await?;
    Ok(Reply::ok(&service)?.etag(rev))
}

pub(crate) async fn put(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let ServiceBody { package, description } = input.read(&SERVICE_BODY)?;
    let new = NewService { name: input.new_name()?, package, description, title: String::new() };
    let (service, rev) = app.services.put(&caller.write()?, new, &input.expect).await?;
    Ok(Reply::ok(&service)?.etag(rev))
}

pub(crate) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    app.services.delete(&caller.write()?, &input.name("name")?, &input.expect).await?;
    Ok(Reply::none())
}

pub(crate) async fn instantiate(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, name) = (caller.write()?, input.name("name")?);
    let InstantiateBody { functions, package } = input.read(&INSTANTIATE_BODY)?;
    let missing = || Problem::not_found(format!("service {name}"));
    let created = app.services.created(permit.tenant(), &name).await?.map(|service| service.package);
    if running(&app, &permit, &name).await?.is_some() {
        let detail = format!("service {name} is instantiated already");
        return Err(Problem::new(409, "illegal-state", detail).next(format!("sliceway ns update {name}")));
    }
    if let Ok((other, _)) = app.slices.get(permit.tenant(), &name).await {
        let detail = format!("slice {} is there already, and is no service", other.name);
        return Err(Problem::new(409, "exists", detail).next("take another name"));
    }
    let package = match (&created, package) {
        (Some(created), Some(package)) if *created != package => {
            let detail = format!("service {name} was created of package {created}");
            let next = format!("sliceway ns create {name} --package {package} changes that");
            return Err(Problem::new(409, "illegal-state", detail).next(next));
        }
        (Some(created), _) => created.clone(),
        (None, Some(package)) => package,
        (None, None) => return Err(missing()),
    };
    let service = ServiceUse { package: package.clone(), functions, together: vec![], apart: vec![] };
    let spec = SliceSpec { service: Some(service), ..SliceSpec::default() };
    let composed = app.packages.expand((permit.tenant(), &spec), (Taken::Kept(None), "")).await?;
    let wish = Wish { name: name.clone(), labels: Labels::new(), before: None, composed };
    let begun = begin(&app, &permit, (&input, wish)).await?;
    if created.is_none() && !input.flag("dryRun")? {
        // Only of what was begun: a request that is refused creates nothing.
        let new = NewService { name, package, description: String::new(), title: String::new() };
        app.services.put(&permit, new, &Expect::Anything).await?;
    }
    Ok(begun)
}

pub(crate) async fn update(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, name) = (caller.write()?, input.name("name")?);
    let body: UpdateBody = input.read(&UPDATE_BODY)?;
    let (slice, rev, mut service) = changeable(&app, &permit, &name).await?;
    let newest = body.newest;
    body.apply(&mut service);
    let stands = Some(&slice.spec);
    let taken = if newest { Taken::Newest(stands) } else { Taken::Kept(stands) };
    let spec = said(&slice, service);
    let composed = app.packages.expand((permit.tenant(), &spec), (taken, "")).await?;
    let wish = Wish { name, labels: slice.labels, before: Some(rev), composed };
    begin(&app, &permit, (&input, wish)).await
}

pub(crate) async fn scale(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, name) = (caller.write()?, input.name("name")?);
    let body: ScaleBody = input.read(&SCALE_BODY)?;
    let (slice, rev, service) = changeable(&app, &permit, &name).await?;
    let opened = app.packages.open(permit.tenant(), (&service, Taken::Kept(Some(&slice.spec)))).await?;
    let service = opened.scaled(&service, &body.into()).map_err(|problem| Problem::findings(&[problem]))?;
    let composed = opened.whole((&said(&slice, service.clone()), &service), "")?;
    let wish = Wish { name, labels: slice.labels, before: Some(rev), composed };
    begin(&app, &permit, (&input, wish)).await
}

/// The same again: what was changed by hand is put back, what failed is made.
pub(crate) async fn heal(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, name) = (caller.write()?, input.name("name")?);
    let Some((slice, rev)) = running(&app, &permit, &name).await? else {
        return Err(idle(&app, &permit, &name).await?);
    };
    let mut options = options(&input)?;
    options.expect = Expect::At(vec![rev]);
    let goal = Goal::Apply { labels: slice.labels, spec: Box::new(slice.spec) };
    carried_out(&app, &permit, (&input, &Ask { name, goal, options }, vec![])).await
}

pub(crate) async fn terminate(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let (permit, name) = (caller.write()?, input.name("name")?);
    let Some((slice, _)) = running(&app, &permit, &name).await? else {
        return Err(idle(&app, &permit, &name).await?);
    };
    if !input.flag("dryRun")? {
        app.services.follow(&permit, &name, &slice).await?;
    }
    let ask = Ask { name, goal: Goal::Delete, options: options(&input)? };
    carried_out(&app, &permit, (&input, &ask, vec![])).await
}

struct Wish {
    name: Name,
    labels: Labels,
    /// What was read is what is changed.
    before: Option<Revision>,
    composed: Composed,
}

/// The slice that the service is.
async fn running(app: &App, permit: &WritePermit, name: &Name) -> Result<Option<(Slice, Revision)>, Problem> {
    match app.slices.get(permit.tenant(), name).await {
        Ok((slice, rev)) if slice.spec.service.is_some() => Ok(Some((slice, rev))),
        Ok(_) | Err(AskError::NotFound(_)) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// Why nothing can be done with one that does not run.
async fn idle(app: &App, permit: &WritePermit, name: &Name) -> Result<Problem, Problem> {
    Ok(match app.services.created(permit.tenant(), name).await? {
        Some(_) => Problem::new(409, "illegal-state", format!("service {name} is not instantiated"))
            .next(format!("sliceway ns instantiate {name}")),
        None => Problem::not_found(format!("service {name}")),
    })
}

/// A service that runs, and of which something may be said.
async fn changeable(app: &App, permit: &WritePermit, name: &Name) -> Result<(Slice, Revision, ServiceUse), Problem> {
    let Some((slice, rev)) = running(app, permit, name).await? else {
        return Err(idle(app, permit, name).await?);
    };
    if let Some(template) = &slice.spec.template {
        let detail =
            format!("service {name} is of template {}: what may be said of it the template says", template.name);
        return Err(Problem::new(409, "refused", detail).next(format!("sliceway template change {name}")));
    }
    match slice.spec.service.clone() {
        Some(service) => Ok((slice, rev, service)),
        None => Err(idle(app, permit, name).await?),
    }
}

/// What a file would say of the slice.
pub(super) fn said(slice: &Slice, service: ServiceUse) -> SliceSpec {
    SliceSpec {
        service: Some(service),
        quality: slice.spec.quality.clone(),
        heal: slice.spec.heal,
        devices: slice.spec.devices.clone(),
        ..SliceSpec::default()
    }
}

async fn begin(app: &App, permit: &WritePermit, (input, wish): (&Input, Wish)) -> Result<Reply, Problem> {
    let Wish { name, labels, before, composed } = wish;
    let mut options = options(input)?;
    options.expect = before.map_or(Expect::Absent, |rev| Expect::At(vec![rev]));
    let ask = Ask { name, goal: Goal::Apply { labels, spec: Box::new(composed.spec) }, options };
    carried_out(app, permit, (input, &ask, composed.warnings)).await
}

async fn carried_out(
    app: &App,
    permit: &WritePermit,
    (input, ask, warnings): (&Input, &Ask, Vec<String>),
) -> Result<Reply, Problem> {
    if input.flag("dryRun")? {
        let mut plan = app.slices.plan(permit.tenant(), ask).await.map_err(of_service)?;
        plan.warnings.extend(warnings);
        return Reply::ok(&redacted(&plan));
    }
    answer(app.slices.start(permit.tenant(), ask).await.map_err(of_service)?, warnings)
}

/// What the planner found stands in the slice that was made, not in the request.
fn of_service(error: AskError) -> Problem {
    match error {
        AskError::Problems(problems) => {
            let inside =
                |problem: Finding| Finding { message: format!("in the slice: {}", problem.message), ..problem };
            Problem::findings(&problems.into_iter().map(inside).collect::<Vec<_>>())
        }
        other => other.into(),
    }
}
