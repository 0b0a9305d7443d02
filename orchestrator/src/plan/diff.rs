//! What is wanted against what is recorded and observed: the changes. Pure.
//!
//! A change has a reason that a person can check. What is neither wanted nor recorded is never touched.

use super::hooks::Kept;
use super::leave::Leave;
use super::make::PlanError;
use super::model::Recorded;
use super::names::digest;
use super::want::{Want, Wanted, tier};
use super::world::Observed;
use models::change::Verb;
use models::resource::{Body, Ready, Resource, ResourceId, Seen};
use models::{Name, Problem};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A change before it has a number and an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub verb: Verb,
    pub id: ResourceId,
    pub before: Option<Resource>,
    pub after: Option<Resource>,
    pub seen: Option<Seen>,
    pub needs: Vec<ResourceId>,
    pub tier: u8,
    pub reason: String,
    pub irreversible: Option<String>,
    /// What must be done first besides what it leans on: the hooks before it.
    pub behind: Vec<ResourceId>,
    /// Its place among the hooks of its moment.
    pub turn: u16,
}

impl Step {
    /// One that nothing waits for, and that touches nothing yet.
    pub fn new((verb, id): (Verb, ResourceId), tier: u8, reason: impl Into<String>) -> Self {
        Self {
            verb,
            id,
            before: None,
            after: None,
            seen: None,
            needs: vec![],
            tier,
            reason: reason.into(),
            irreversible: None,
            behind: vec![],
            turn: 0,
        }
    }
}

/// The two sides, and what may be lost.
pub struct Sides<'a> {
    pub want: &'a Want,
    pub recorded: &'a BTreeMap<ResourceId, Recorded>,
    pub observed: &'a BTreeMap<ResourceId, Observed>,
    pub replace: &'a BTreeSet<Name>,
    /// Hooks that the charts still bring: what an earlier run left of them stays.
    pub hooks: &'a Kept,
    /// What takes the place of a removal where the target cannot be reached.
    pub leave: &'a Leave<'a>,
    /// The slice was left broken: what cannot be read is not taken to be ready.
    pub broken: bool,
    /// Its namespace is not its own: the volumes of claim templates stay in it.
    pub stays: bool,
}

/// All changes; checks only where something that they look at changes.
pub fn diff(sides: &Sides<'_>) -> Result<Vec<Step>, PlanError> {
    let mut steps = Vec::new();
    let mut problems = Vec::new();
    for (id, wanted) in sides.want {
        if wanted.resource.is_check() {
            continue;
        }
        match sides.recorded.get(id) {
            None => steps.push(create(id, wanted, sides.observed.get(id))),
            Some(before) => match immutable(before, wanted) {
                Some(field) if replaces(sides, wanted) => {
                    steps.push(replace(wanted, (before, &field), sides.observed.get(id)));
                }
                Some(field) => problems.push(refusal(id, wanted, &field)),
                None => steps.extend(update(id, wanted, before, sides.observed.get(id))),
            },
        }
    }
    for (id, before) in sides.recorded {
        if !sides.want.contains_key(id) && !sides.hooks.contains(&before.resource) {
            let step = delete(id, (before, sides.stays), sides.observed.get(id));
            steps.extend(sides.leave.instead(step));
        }
    }
    if !problems.is_empty() {
        return Err(PlanError::Problems(problems));
    }
    let touched: BTreeSet<ResourceId> = steps.iter().map(|step| step.id.clone()).collect();
    steps.extend(sides.want.values().filter_map(|wanted| check(wanted, (&touched, sides))));
    Ok(steps)
}

fn seen(observed: Option<&Observed>, recorded: Option<&Recorded>) -> Option<Seen> {
    match observed {
        Some(Observed::Present(seen)) => Some((**seen).clone()),
        Some(Observed::Absent) => None,
        Some(Observed::Unknown) | None => recorded.and_then(|recorded| recorded.seen.clone()),
    }
}

fn create(id: &ResourceId, wanted: &Wanted, observed: Option<&Observed>) -> Step {
    Step {
        verb: Verb::Create,
        id: id.clone(),
        before: None,
        after: Some(wanted.resource.clone()),
        seen: seen(observed, None),
        needs: wanted.needs.clone(),
        tier: wanted.tier,
        reason: wanted.why.clone(),
        irreversible: None,
        behind: vec![],
        turn: 0,
    }
}

fn update(id: &ResourceId, wanted: &Wanted, before: &Recorded, observed: Option<&Observed>) -> Option<Step> {
    let (verb, reason) = difference(wanted, before, observed)?;
    Some(Step {
        verb,
        id: id.clone(),
        before: Some(before.resource.clone()),
        after: Some(wanted.resource.clone()),
        seen: seen(observed, Some(before)),
        needs: wanted.needs.clone(),
        tier: wanted.tier,
        reason,
        irreversible: None,
        behind: vec![],
        turn: 0,
    })
}

/// Deleted and made anew; where it holds data, the data is gone, which the planner's guard was asked about.
fn replace(wanted: &Wanted, (before, field): (&Recorded, &str), observed: Option<&Observed>) -> Step {
    let id = wanted.resource.id();
    let data = wanted.tier == tier::VOLUME;
    Step {
        verb: Verb::Replace,
        id: id.clone(),
        before: Some(before.resource.clone()),
        after: Some(wanted.resource.clone()),
        seen: seen(observed, Some(before)),
        needs: wanted.needs.clone(),
        tier: wanted.tier,
        reason: format!("{field} cannot be changed in place; it is deleted and made anew"),
        irreversible: data.then(|| format!("the data of {} is gone", id.short())),
        behind: vec![],
        turn: 0,
    }
}

/// Why what is recorded has to be written again.
fn difference(wanted: &Wanted, before: &Recorded, observed: Option<&Observed>) -> Option<(Verb, String)> {
    if before.resource != wanted.resource {
        return Some((Verb::Update, format!("changed: {}", fields(&before.resource, &wanted.resource))));
    }
    if !before.certain {
        return Some((Verb::Update, "an earlier operation stopped before its result was known".into()));
    }
    match observed {
        Some(Observed::Absent) => Some((Verb::Create, "it is gone, and not by us".into())),
        Some(Observed::Present(now)) => {
            let then = before.seen.as_ref();
            let another = then.is_some_and(|then| then.uid != now.uid);
            let by_hand = then.is_some_and(|then| then.digest != now.digest);
            match (another, by_hand) {
                (true, _) => Some((Verb::Update, "it was deleted and made again, and not by us".into())),
                (false, true) => Some((Verb::Update, "it was changed by hand; what the file says is put back".into())),
                (false, false) => None,
            }
        }
        Some(Observed::Unknown) | None => None,
    }
}

fn delete(id: &ResourceId, (before, stays): (&Recorded, bool), observed: Option<&Observed>) -> Step {
    let data = before.tier == tier::VOLUME || has_claim_templates(&before.resource) && !stays;
    let keep = before.resource.object().is_some_and(|object| object.keep);
    Step {
        verb: if keep { Verb::Forget } else { Verb::Delete },
        id: id.clone(),
        before: Some(before.resource.clone()),
        after: None,
        seen: seen(observed, Some(before)),
        needs: before.needs.clone(),
        tier: before.tier,
        reason: match keep {
            true => "no longer wanted; the chart says that it is kept (helm.sh/resource-policy)".into(),
            false => "no longer wanted".into(),
        },
        irreversible: (data && !keep).then(|| format!("the data of {} is gone", id.short())),
        behind: vec![],
        turn: 0,
    }
}

/// Where something that it looks at changes, or is seen not to be ready: nobody is told "unchanged" of what does not run.
fn check(wanted: &Wanted, (touched, sides): (&BTreeSet<ResourceId>, &Sides<'_>)) -> Option<Step> {
    let Resource::Readiness(readiness) = &wanted.resource else { return None };
    let looks_at = wanted.needs.iter().any(|id| touched.contains(id));
    let unready = readiness.objects.iter().find_map(|id| Some((id, unready(sides.observed.get(id)?, sides)?)));
    let reason = match &unready {
        Some((id, reason)) if !looks_at => format!("{} is not ready: {reason}", id.short()),
        Some(_) | None => wanted.why.clone(),
    };
    (looks_at || unready.is_some()).then(|| Step {
        verb: Verb::Check,
        id: readiness.id.clone(),
        before: None,
        after: Some(wanted.resource.clone()),
        seen: None,
        needs: wanted.needs.clone(),
        tier: wanted.tier,
        reason,
        irreversible: None,
        behind: vec![],
        turn: 0,
    })
}

/// Its volumes go with its namespace, if not before.
fn has_claim_templates(resource: &Resource) -> bool {
    match resource {
        Resource::Object(object) => match &object.body {
            Body::Plain(body) => body.pointer("/spec/volumeClaimTemplates/0").is_some(),
            Body::Sealed { .. } | Body::Release(_) => false,
        },
        Resource::Readiness(_) | Resource::Secret(_) | Resource::Hook(_) => false,
    }
}

fn unready(observed: &Observed, sides: &Sides<'_>) -> Option<String> {
    match observed {
        Observed::Present(seen) => match &seen.ready {
            Ready::Yes => None,
            Ready::Waiting { reason } | Ready::Failed { reason } => Some(reason.clone()),
        },
        Observed::Unknown => sides.broken.then(|| "it could not be read".into()),
        Observed::Absent => None,
    }
}

/// Fields that the API server never lets change, by kind.
const IMMUTABLE: &[(&str, &[&str])] = &[
    ("Deployment", &["/spec/selector"]),
    ("DaemonSet", &["/spec/selector"]),
    (
        "StatefulSet",
        &["/spec/selector", "/spec/serviceName", "/spec/volumeClaimTemplates", "/spec/podManagementPolicy"],
    ),
    ("Job", &["/spec/selector", "/spec/template", "/spec/completionMode"]),
    ("PersistentVolumeClaim", &["/spec/storageClassName", "/spec/accessModes", "/spec/volumeName"]),
    ("RoleBinding", &["/roleRef"]),
    ("EndpointSlice", &["/addressType"]),
];

/// Kinds that hold nothing of their own: nothing is lost where one is made anew, and nobody has to allow it.
const EMPTY_HANDED: &[&str] = &["EndpointSlice"];

fn immutable(before: &Recorded, wanted: &Wanted) -> Option<String> {
    let (Some(old), Some(new)) = (body(&before.resource), body(&wanted.resource)) else { return None };
    let kind = wanted.resource.id().api().1;
    let (_, fields) = IMMUTABLE.iter().find(|(name, _)| *name == kind)?;
    fields.iter().find(|field| old.pointer(field) != new.pointer(field)).map(|field| (*field).to_owned())
}

fn replaces(sides: &Sides<'_>, wanted: &Wanted) -> bool {
    match &wanted.resource {
        Resource::Object(object) if EMPTY_HANDED.contains(&object.id.api().1) => true,
        Resource::Object(object) => object.owner.function.as_ref().is_some_and(|name| sides.replace.contains(name)),
        Resource::Readiness(_) | Resource::Secret(_) | Resource::Hook(_) => false,
    }
}

fn refusal(id: &ResourceId, wanted: &Wanted, field: &str) -> Problem {
    let function = match &wanted.resource {
        Resource::Object(object) => object.owner.function.as_ref().map(Name::to_string).unwrap_or_default(),
        Resource::Readiness(_) | Resource::Secret(_) | Resource::Hook(_) => String::new(),
    };
    let name = function.clone();
    Problem::at(function, format!("{}: {field} cannot be changed in place", id.short()))
        .mend(format!("put the old value back, or let it be deleted and made anew: --replace {name}"))
}

fn body(resource: &Resource) -> Option<&Value> {
    match resource {
        Resource::Object(object) => match &object.body {
            Body::Plain(body) => Some(body),
            Body::Sealed { .. } | Body::Release(_) => None,
        },
        Resource::Readiness(_) | Resource::Secret(_) | Resource::Hook(_) => None,
    }
}

/// The first few places where two resources differ.
fn fields(before: &Resource, after: &Resource) -> String {
    let (Some(old), Some(new)) = (body(before), body(after)) else {
        return match (before, after) {
            (Resource::Secret(old), Resource::Secret(new)) if old.material == new.material => {
                "a new one before the old one ends".into()
            }
            (Resource::Object(_), Resource::Object(new)) => match &new.body {
                Body::Release(release) => format!("it is {}", release.status.as_str()),
                Body::Plain(_) | Body::Sealed { .. } => "its content".into(),
            },
            _ => "its material".into(),
        };
    };
    let mut found = Vec::new();
    walk((old, new), String::new(), &mut found);
    match found.as_slice() {
        [] if digest(before) != digest(after) => filled(before, after),
        [] => "nothing".into(),
        [one, two, three, rest @ ..] if !rest.is_empty() => format!("{one}, {two}, {three} and {} more", rest.len()),
        all => all.join(", "),
    }
}

/// Which of the places that are filled in at run time hold something else.
fn filled(before: &Resource, after: &Resource) -> String {
    let fills = |resource: &Resource| match resource {
        Resource::Object(object) => object.fills.clone(),
        Resource::Readiness(_) | Resource::Secret(_) | Resource::Hook(_) => Vec::new(),
    };
    let (old, new) = (fills(before), fills(after));
    let gone = old.iter().filter(|fill| !new.contains(fill));
    let come = new.iter().filter(|fill| !old.contains(fill));
    // RFC 6901 4 writes `/` within a key as `~1`.
    let place = |pointer: &str| pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~");
    let places: BTreeSet<String> = gone.chain(come).map(|fill| place(&fill.pointer)).collect();
    match places.is_empty() {
        true => "what is filled in at run time".into(),
        false => format!("what is filled in at run time: {}", places.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

fn walk((old, new): (&Value, &Value), path: String, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let (old, new) = (old.get(key).unwrap_or(&Value::Null), new.get(key).unwrap_or(&Value::Null));
                let dot = if path.is_empty() { "" } else { "." };
                walk((old, new), format!("{path}{dot}{key}"), found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, pair) in old.iter().zip(new).enumerate() {
                walk(pair, format!("{path}[{index}]"), found);
            }
        }
        (old, new) if old != new => found.push(path),
        _ => {}
    }
}
