//! Templates, and slices of them.

use super::App;
use super::bodies::OfferBody;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::slices::{answer, expanded, options, redacted};
use crate::auth::Caller;
use crate::catalogue::CatalogueError;
use crate::slices::{Ask, AskError, Goal};
use crate::store::Expect;
use models::SliceSpec;
use models::file::{OFFER_BODY, TEMPLATE_BODY};
use models::labels::Labels;
use models::template::{Template, TemplateQuota};
use serde_json::json;
use std::sync::Arc;

const PATH: &str = "/api/v1/templates";

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    let all: Vec<Template> = app.templates.list(&permit).await?.into_iter().map(|of| seen(&caller, of)).collect();
    page(&input, PATH, all.iter().map(|of| (format!("{}/{}", of.name, of.spec.version), json!(of))).collect())
}

pub(crate) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let found = app.templates.get(&caller.read()?, (&input.name("name")?, input.query("version"))).await;
    let (template, rev) = found.map_err(|error| match error {
        // A version that it has not is not there.
        CatalogueError::Problems(problems) => {
            Problem { status: 404, kind: "not-found", ..Problem::findings(&problems) }.next("take one of those")
        }
        other => other.into(),
    })?;
    Ok(Reply::ok(&seen(&caller, template))?.etag(rev))
}

/// Of quotas a tenant sees its own.
fn seen(caller: &Caller, mut template: Template) -> Template {
    if let (Err(_), Ok(permit)) = (caller.admin(), caller.read()) {
        let own = |quota: &TemplateQuota| quota.of(permit.tenant());
        let own = template.spec.quota.as_ref().map(own);
        template.spec.quota = own.map(|slices| TemplateQuota { slices, ..TemplateQuota::default() });
    }
    template
}

pub(crate) async fn put(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let spec = input.read(&TEMPLATE_BODY)?;
    let (template, rev) = app.templates.put(&caller.admin()?, (input.new_name()?, spec), &input.expect).await?;
    Ok(Reply::ok(&template)?.etag(rev))
}

pub(crate) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let which = (&input.name("name")?, input.query("version"));
    app.templates.delete(&caller.admin()?, which, &input.expect).await?;
    Ok(Reply::none())
}

pub(crate) async fn slices(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let name = input.query_name("template")?;
    let all = app.templates.slices(&caller.admin()?, name.as_ref()).await?;
    page(
        &input,
        "/api/v1/template-slices",
        all.iter().map(|of| (format!("{}/{}", of.tenant, of.slice), json!(of))).collect(),
    )
}

pub(crate) async fn instantiate(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    offered(app, caller, input, Wanted::New).await
}

pub(crate) async fn change(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    offered(app, caller, input, Wanted::Standing).await
}

/// Whether the slice is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    New,
    Standing,
}

async fn offered(app: Arc<App>, caller: Caller, input: Input, wanted: Wanted) -> Result<Reply, Problem> {
    let (permit, name) = (caller.write()?, input.name("name")?);
    let body: OfferBody = input.read(&OFFER_BODY)?;
    let (tenant, slice) = (permit.tenant(), body.slice.clone());
    let found = match app.slices.get(tenant, &slice).await {
        Ok(found) => Some(found),
        Err(AskError::NotFound(_)) => None,
        Err(other) => return Err(other.into()),
    };
    let used = found.as_ref().and_then(|(slice, _)| slice.spec.template.as_ref()).filter(|used| used.name == name);
    match (wanted, &found, used) {
        (Wanted::New, Some(_), _) => {
            let next = format!("sliceway template change {slice}");
            return Err(Problem::new(409, "exists", format!("slice {slice} is there already")).next(next));
        }
        (Wanted::New, None, _) if app.services.created(tenant, &slice).await?.is_some() => {
            let detail = format!("service {slice} is created already, of a descriptor");
            let next = format!("take another name, or: sliceway delete ns {slice}");
            return Err(Problem::new(409, "exists", detail).next(next));
        }
        (Wanted::Standing, None, _) => return Err(Problem::not_found(format!("slice {slice}"))),
        (Wanted::Standing, Some(_), None) => {
            let detail = format!("slice {slice} is not of template {name}");
            return Err(
                Problem::new(409, "illegal-state", detail).next("sliceway get slice NAME -o yaml says what it is")
            );
        }
        (Wanted::New, None, _) | (Wanted::Standing, Some(_), Some(_)) => {}
    }
    let said = body.over(name, used);
    let spec = SliceSpec { template: Some(said), ..SliceSpec::default() };
    // Counted and begun in one turn: two together would each find the last place.
    let _turn = app.templates.turn().await;
    let before = found.as_ref().map(|(slice, _)| &slice.spec);
    let composed = expanded(&app, (tenant, &slice), (&spec, before)).await.map_err(plainly)?;
    let mut options = options(&input)?;
    options.expect = found.as_ref().map_or(Expect::Absent, |(_, rev)| Expect::At(vec![*rev]));
    let labels = found.map_or_else(Labels::new, |(slice, _)| slice.labels);
    let ask = Ask { name: slice, goal: Goal::Apply { labels, spec: Box::new(composed.spec) }, options };
    if input.flag("dryRun")? {
        let mut plan = app.slices.plan(tenant, &ask).await?;
        plan.warnings.extend(composed.warnings);
        return Reply::ok(&redacted(&plan));
    }
    answer(app.slices.start(tenant, &ask).await?, composed.warnings)
}

/// The fields of the request, which is no file.
fn plainly(error: crate::catalogue::CatalogueError) -> Problem {
    use crate::catalogue::CatalogueError;
    match error {
        CatalogueError::Problems(problems) => {
            let plain = |problem: models::Problem| {
                let field = problem.field.strip_prefix("spec.template.").unwrap_or(&problem.field).to_owned();
                models::Problem { field, ..problem }
            };
            Problem::findings(&problems.into_iter().map(plain).collect::<Vec<_>>())
        }
        other => other.into(),
    }
}
