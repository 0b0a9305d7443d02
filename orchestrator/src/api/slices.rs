//! Slices: the document of the file is the body.

use super::App;
use super::bodies::AdoptionBody;
use super::listing::page;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::{params, watch::watched};
use crate::auth::Caller;
use crate::catalogue::{CatalogueError, Composed, Taken, foreign};
use crate::slices::{Ask, AskError, AskOptions, Goal, NoPlace, Started, Supersede};
use crate::store::Kind;
use futures::StreamExt;
use models::file::{ADOPTION_BODY, Document, Parsed, Source, parse};
use models::problem::nearest;
use models::{Name, Operation, Problem as Finding, SliceSpec};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    if let Some(feed) = watched((&app, &caller), &input, (Kind::Slice, permit.tenant().to_string())).await? {
        return Ok(feed);
    }
    let all = app.slices.list(permit.tenant()).await?;
    let reply = page(&input, "/api/v1/slices", all.into_iter().map(|(s, _)| (s.name.to_string(), json!(s))).collect())?;
    match input.flag("state")? {
        true => Ok(with_states(&app, permit.tenant(), reply).await),
        false => Ok(reply),
    }
}

/// Slices looked at at one time.
const AT_ONCE: usize = 8;

/// Each slice of the page with what its clusters say now.
async fn with_states(app: &App, tenant: &models::Name, mut reply: Reply) -> Reply {
    let Reply::Json { body, .. } = &mut reply else { return reply };
    let items = body["items"].as_array().cloned().unwrap_or_default();
    let each = items.into_iter().map(async |mut item: serde_json::Value| {
        let slice = serde_json::from_value::<models::Slice>(item.clone());
        let state = match slice {
            Ok(slice) => app.slices.state(tenant, &slice).await,
            Err(error) => Err(AskError::Unavailable { cause: error.to_string() }),
        };
        item["state"] = state.unwrap_or_else(|error| json!({"word": "unknown", "reason": error.to_string()}));
        item
    });
    let items: Vec<serde_json::Value> = futures::stream::iter(each).buffered(AT_ONCE).collect().await;
    body["items"] = json!(items);
    reply
}

pub(crate) async fn get(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.read()?;
    let (slice, rev) = app.slices.get(permit.tenant(), &input.name("name")?).await?;
    let mut body = json!(slice);
    if input.flag("state")? {
        body["state"] = app.slices.state(permit.tenant(), &slice).await?;
    }
    Ok(Reply::ok(&body)?.etag(rev))
}

pub(crate) async fn describe(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    Reply::ok(&app.slices.describe(caller.read()?.tenant(), &input.name("name")?).await?)
}

pub(crate) async fn explain(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let choices = app.slices.explain(caller.read()?.tenant(), &input.name("name")?).await?;
    let show = |choice: &crate::plan::Choice| json!({"function": choice.function, "cluster": choice.cluster, "reason": choice.reason, "candidates": choice.candidates});
    Reply::ok(&json!({"choices": choices.iter().map(show).collect::<Vec<_>>()}))
}

pub(crate) async fn plan(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.write()?;
    let (parsed, ask, warnings) = whole(&app, permit.tenant(), document(&input)?).await?;
    known((&app, permit.tenant()), &ask).await?;
    let mut plan = app.slices.plan(permit.tenant(), &ask).await.map_err(|error| placed(&parsed, error))?;
    plan.warnings.extend(warnings);
    Reply::ok(&redacted(&plan))
}

pub(crate) async fn apply(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.write()?;
    let (parsed, ask) = document(&input)?;
    // A slice of a template is counted and begun in one turn.
    let of_template = matches!(&ask.goal, Goal::Apply { spec, .. } if spec.template.is_some());
    let _turn = if of_template { Some(app.templates.turn().await) } else { None };
    let (parsed, ask, warnings) = whole(&app, permit.tenant(), (parsed, ask)).await?;
    known((&app, permit.tenant()), &ask).await?;
    let started = app.slices.start(permit.tenant(), &ask).await.map_err(|error| placed(&parsed, error))?;
    answer(started, warnings)
}

pub(crate) async fn delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.write()?;
    let ask = Ask { name: input.name("name")?, goal: Goal::Delete, options: options(&input)? };
    answer(app.slices.start(permit.tenant(), &ask).await?, vec![])
}

pub(crate) async fn plan_delete(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.write()?;
    let ask = Ask { name: input.name("name")?, goal: Goal::Delete, options: options(&input)? };
    Reply::ok(&redacted(&app.slices.plan(permit.tenant(), &ask).await?))
}

pub(crate) async fn test(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.write()?;
    let asked = (input.names("function")?, options(&input)?.timeout_s);
    started(&app.slices.test(permit.tenant(), &input.name("name")?, asked).await?)
}

/// A namespace may hold anybody's releases: only an administrator takes from there.
pub(crate) async fn adopt(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.admin()?;
    let timeout_s = options(&input)?.timeout_s;
    let asked = input.read::<AdoptionBody>(&ADOPTION_BODY)?.adoption(input.name("name")?, timeout_s)?;
    match input.flag("dryRun")? {
        true => Reply::ok(&redacted(&app.slices.plan_adoption(permit.tenant(), &asked).await?)),
        false => started(&app.slices.adopt(permit.tenant(), &asked).await?),
    }
}

pub(crate) async fn hand_back(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.admin()?;
    let (name, timeout_s) = (input.name("name")?, options(&input)?.timeout_s);
    match input.flag("dryRun")? {
        true => Reply::ok(&redacted(&app.slices.plan_hand_back(permit.tenant(), &name).await?)),
        false => started(&app.slices.hand_back(permit.tenant(), &name, timeout_s).await?),
    }
}

fn started(operation: &Operation) -> Result<Reply, Problem> {
    let location = format!("/api/v1/operations/{}", operation.id);
    Ok(Reply::with(202, &json!({"operation": operation}))?.location(location))
}

pub(super) fn document(input: &Input) -> Result<(Parsed, Ask), Problem> {
    let text = input.body_text()?;
    let parsed = parse(&[Source { name: "body", text }]).map_err(|problems| Problem::findings(&problems))?;
    let one = <[Parsed; 1]>::try_from(parsed);
    let [parsed] = one.map_err(|all| Problem::bad(format!("one document is taken here, not {}", all.len())))?;
    let Document::Slice { meta, spec } = &parsed.document else {
        let kind = parsed.document.kind();
        return Err(Problem::bad(format!("a document of kind Slice is taken here, not {kind}")));
    };
    let goal = Goal::Apply { labels: meta.labels.clone(), spec: spec.clone() };
    let ask = Ask { name: meta.name.clone(), goal, options: options(input)? };
    Ok((parsed, ask))
}

/// A slice that says a template or a service gets what that makes. One that is made so stays so: what follows from a
/// template or descriptors is not changed beside them.
async fn whole(
    app: &App,
    tenant: &Name,
    (parsed, mut ask): (Parsed, Ask),
) -> Result<(Parsed, Ask, Vec<String>), Problem> {
    let Goal::Apply { spec, .. } = &mut ask.goal else { return Ok((parsed, ask, vec![])) };
    let before = match app.slices.get(tenant, &ask.name).await {
        Ok((slice, _)) => Some(slice.spec),
        Err(AskError::NotFound(_)) => None,
        Err(other) => return Err(other.into()),
    };
    if let Some(refused) = beside(app, (tenant, &ask.name), (spec, before.as_ref())).await? {
        return Err(refused.into());
    }
    let told = |error: CatalogueError| match error {
        CatalogueError::Problems(problems) => placed(&parsed, AskError::Problems(problems)),
        other => other.into(),
    };
    let composed = expanded(app, (tenant, &ask.name), (spec, before.as_ref())).await.map_err(told)?;
    **spec = composed.spec;
    Ok((parsed, ask, composed.warnings))
}

/// A slice with everything that its template or its service makes.
pub(super) async fn expanded(
    app: &App,
    (tenant, name): (&Name, &Name),
    (spec, before): (&SliceSpec, Option<&SliceSpec>),
) -> Result<Composed, CatalogueError> {
    let inside = |error: CatalogueError| match error {
        CatalogueError::Problems(problems) => {
            let field = |problem: Finding| match problem.field.as_str() {
                "" => problem,
                field => Finding { field: format!("spec.template.{field}"), ..problem },
            };
            CatalogueError::Problems(problems.into_iter().map(field).collect())
        }
        other => other,
    };
    let kept = Taken::Kept(before);
    let Some(said) = &spec.template else {
        return app.packages.expand((tenant, spec), (kept, "spec.service.")).await;
    };
    let filled = app.templates.fill((tenant, name), (said, before)).await.map_err(inside)?;
    let composed = app.packages.expand((tenant, &filled), (kept, "")).await?;
    let others = foreign(spec, &composed.spec, "template");
    if others.is_empty() { Ok(composed) } else { Err(CatalogueError::Problems(others)) }
}

/// Why a file that says neither may not be applied: the slice is, or is to be, made of something.
async fn beside(
    app: &App,
    (tenant, name): (&Name, &Name),
    (spec, before): (&SliceSpec, Option<&SliceSpec>),
) -> Result<Option<AskError>, Problem> {
    let refused = |reason: String, mend: String| Some(AskError::Refused { reason, mend });
    if let Some(template) = before.and_then(|spec| spec.template.as_ref()).filter(|_| spec.template.is_none()) {
        let reason = format!("slice {name} is of template {}: all of it follows from that", template.name);
        return Ok(refused(reason, format!("write spec.template, or: sliceway template change {name}")));
    }
    if spec.service.is_some() || spec.template.is_some() {
        return Ok(None);
    }
    let made = before.and_then(|spec| spec.service.as_ref()).map(|service| service.package.clone());
    let created = app.services.created(tenant, name).await?.map(|service| service.package);
    Ok(made.or(created).and_then(|package| {
        let reason = format!("slice {name} is the service of package {package}: its functions follow from that");
        refused(reason, format!("write spec.service, or change it with sliceway ns update {name}"))
    }))
}

/// A name that is no function of the slice would be silence.
async fn known((app, tenant): (&App, &Name), ask: &Ask) -> Result<(), Problem> {
    let Goal::Apply { spec, .. } = &ask.goal else { return Ok(()) };
    let options = &ask.options;
    let now: BTreeSet<Name> = spec.workloads().into_iter().map(|workload| workload.name.clone()).collect();
    let mut either = now.clone();
    if !options.allow_data_loss.is_empty() {
        // What is taken out of the file loses its data.
        let (all, name) = (app.slices.list(tenant).await?, &ask.name);
        let before = all.iter().find(|(slice, _)| &slice.name == name);
        either.extend(before.into_iter().flat_map(|(slice, _)| slice.spec.workloads()).map(|w| w.name.clone()));
    }
    let lists = [
        ("replace", &options.replace, &now),
        ("upgrade", &options.upgrade, &now),
        ("allowDataLoss", &options.allow_data_loss, &either),
    ];
    let wrong = lists.iter().flat_map(|(field, names, functions)| {
        let unknown = names.iter().filter(|name| !functions.contains(*name));
        unknown.map(|name| unknown_function(field, name, functions)).collect::<Vec<_>>()
    });
    let problems: Vec<Finding> = wrong.collect();
    if problems.is_empty() { Ok(()) } else { Err(Problem::findings(&problems)) }
}

fn unknown_function(field: &str, name: &Name, functions: &BTreeSet<Name>) -> Finding {
    let mend = match nearest(name.as_str(), functions.iter().map(Name::as_str)) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("it has {}", functions.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")),
    };
    Finding::at(field, format!("the slice has no function called {:?}", name.as_str())).mend(mend)
}

pub(super) fn options(input: &Input) -> Result<AskOptions, Problem> {
    let supersede = match input.query("supersede") {
        None | Some("failed") => Supersede::FailedTemp,
        Some("any" | "true" | "") => Supersede::Any,
        Some("never") => Supersede::Never,
        Some(other) => return Err(params::word("supersede", other, &["failed", "any", "never"])),
    };
    let timeout_s = input.number("timeout")?;
    if timeout_s == Some(0) {
        return Err(params::value("timeout", "timeout: 0 seconds would wait for nothing"));
    }
    Ok(AskOptions {
        timeout_s,
        replace: input.names("replace")?,
        allow_data_loss: input.names("allowDataLoss")?,
        upgrade: input.names("upgrade")?,
        plan: input.query("plan").map(str::to_owned),
        supersede,
        forget: input.flag("forget")?,
        expect: input.expect.clone(),
        no_place: NoPlace::Wait,
        asked: None,
    })
}

/// What the planner found gets the line and column of the body.
fn placed(parsed: &Parsed, error: AskError) -> Problem {
    match error {
        AskError::Problems(problems) => {
            let placed: Vec<Finding> = problems.into_iter().map(|problem| parsed.place(problem)).collect();
            Problem::findings(&placed)
        }
        other => other.into(),
    }
}

/// A plan for readers: bundles and standings are the server's own affair.
pub(super) fn redacted(plan: &crate::plan::Plan) -> serde_json::Value {
    let mut value = json!(plan);
    if let Some(plan) = value.as_object_mut() {
        plan.remove("bundles");
        for choice in plan.get_mut("choices").and_then(|c| c.as_array_mut()).into_iter().flatten() {
            if let Some(choice) = choice.as_object_mut() {
                choice.remove("standing");
            }
        }
    }
    value
}

/// `more` are warnings of who made the slice's words.
pub(super) fn answer(started: Started, more: Vec<String>) -> Result<Reply, Problem> {
    match started {
        Started::Unchanged { slice, mut warnings, unread } => {
            warnings.extend(more);
            Reply::ok(&json!({"unchanged": true, "slice": slice, "warnings": warnings, "unread": unread}))
        }
        Started::Operation { operation, mut plan } => {
            plan.warnings.extend(more);
            let location = format!("/api/v1/operations/{}", operation.id);
            let body = json!({"unchanged": false, "operation": operation, "plan": redacted(&plan)});
            Ok(Reply::with(202, &body)?.location(location))
        }
    }
}
