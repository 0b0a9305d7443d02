//! Definitions of custom kinds (CRDs) that charts bring: they come first, are shared by every slice that needs them, and a
//! newer one takes the place of an older one only where nothing breaks. One that somebody else installed is left alone, as
//! Helm leaves it.

use super::bundle::{Bundle, Piece};
use super::claim::{self, SHARED};
use super::definition::{Fit, converted_elsewhere, fit};
use super::diff::Step;
use super::make::{Maker, PlanError};
use super::model::Recorded;
use super::names;
use super::resolve;
use models::change::Verb;
use models::resource::{Body, Object, Owner, Readiness, Resource, ResourceId, Seen, Target, label};
use models::{Name, Problem, Slice};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Removed after everything else of the slice, its namespaces too.
const TIER: u8 = super::want::tier::LOCAL;

pub fn id(cluster: &Name, piece: &Piece) -> ResourceId {
    names::object(cluster, &format!("{}/{}", piece.api_version, piece.kind), "", piece.name.clone())
}

/// What becomes of the definitions of a slice's charts.
#[derive(Debug, Default)]
pub struct Definitions {
    steps: Vec<Step>,
    /// What each function waits for.
    waits: BTreeMap<Name, Vec<ResourceId>>,
    pub notes: Vec<String>,
}

/// One definition on its cluster while a plan is made.
struct There {
    live: Option<Value>,
    /// What is to be there in the end; `None`: what is there stays.
    wanted: Option<Value>,
    stranger: bool,
    keep: bool,
    /// Other slices use it too.
    others: bool,
}

impl Maker<'_> {
    /// Compares what the charts bring with what the clusters have.
    pub(super) async fn definitions(
        &self,
        bundles: &BTreeMap<Name, Bundle>,
        placed: &BTreeMap<Name, Name>,
    ) -> Result<Definitions, PlanError> {
        let mut there: BTreeMap<ResourceId, There> = BTreeMap::new();
        let mut all = Definitions::default();
        let mut problems = Vec::new();
        for (function, bundle) in bundles {
            let Some(cluster) = placed.get(function) else { continue };
            for piece in &bundle.definitions {
                let Body::Plain(wanted) = &piece.body else { continue };
                let id = id(cluster, piece);
                if !there.contains_key(&id) {
                    there.insert(id.clone(), self.there(cluster, (&id, &piece.name)).await?);
                }
                let Some(there) = there.get_mut(&id) else { continue };
                there.keep |= piece.keep;
                match compared(there, wanted) {
                    Ok(note) => {
                        all.notes.extend(note.map(|note| format!("{function}: {} on {cluster} {note}", id.short())))
                    }
                    Err(broken) => problems.push(self.apart(function, (&id, &piece.source), &broken)),
                }
                if !there.stranger {
                    all.waits.entry(function.clone()).or_default().push(ready(&id));
                }
            }
        }
        if !problems.is_empty() {
            return Err(PlanError::Problems(problems));
        }
        for (id, there) in there.iter().filter(|(_, there)| !there.stranger) {
            all.steps.extend(self.brought(id, there));
        }
        Ok(all)
    }

    async fn there(&self, cluster: &Name, (id, name): (&ResourceId, &str)) -> Result<There, PlanError> {
        let live = self.renderer.definition(cluster, name).await?;
        let slice = live.as_ref().and_then(|live| live.pointer("/metadata/labels")?.get(label::SLICE)?.as_str());
        let stranger = live.is_some() && slice != Some(SHARED);
        let claim = claim::id(id).and_then(|claim| self.world.claims.get(&claim));
        let others = claim.is_some_and(|claim| claim.others(&self.slice.uid).next().is_some());
        Ok(There { live, wanted: None, stranger, keep: false, others })
    }

    fn apart(&self, function: &Name, (id, source): (&ResourceId, &str), broken: &[String]) -> Problem {
        let field = format!("{}.chart", resolve::field(&self.slice.spec, function));
        let message = format!(
            "{source}: {} on {} would break what uses it: {}",
            id.short(),
            id.target,
            broken.iter().take(5).cloned().collect::<Vec<_>>().join(", ")
        );
        Problem::at(field, message)
            .mend("take a version of the chart that fits, or let the slices that use the old one go first")
    }

    /// The steps of one definition, and the check that it is served.
    fn brought(&self, id: &ResourceId, there: &There) -> Vec<Step> {
        let known = self.world.recorded.get(id).is_some_and(|recorded: &Recorded| recorded.certain);
        let object = |body: &Value| {
            Resource::Object(Object {
                id: id.clone(),
                owner: shared(&self.slice),
                body: Body::Plain(body.clone()),
                fills: vec![],
                keep: there.keep,
            })
        };
        let before = there.live.as_ref().map(plain);
        let (verb, after, reason) = match (&before, &there.wanted) {
            (None, Some(wanted)) => {
                (Verb::Create, wanted.clone(), "a chart brings it; it comes before what uses it".to_owned())
            }
            (Some(_), Some(wanted)) => {
                (Verb::Update, wanted.clone(), "a chart brings a newer one, which breaks nothing".to_owned())
            }
            (Some(live), None) if !known => {
                (Verb::Update, live.clone(), "a chart brings it too; it is there already".to_owned())
            }
            (_, None) => return vec![],
        };
        let seen = there.live.as_ref().map(seen);
        let (before, after) = (before.as_ref().map(object), object(&after));
        let step = Step::new((verb, id.clone()), TIER, reason);
        let check = Resource::Readiness(Readiness { id: ready(id), objects: vec![id.clone()] });
        let served = Step::new((Verb::Check, ready(id)), TIER, "what uses it waits until it is served");
        vec![
            Step { before, after: Some(after), seen, ..step },
            Step { after: Some(check), behind: vec![id.clone()], ..served },
        ]
    }
}

/// What is wanted against what is there, or was decided for another function.
fn compared(there: &mut There, wanted: &Value) -> Result<Option<&'static str>, Vec<String>> {
    let Some(now) = there.wanted.as_ref().or(there.live.as_ref()) else {
        there.wanted = Some(wanted.clone());
        return Ok(None);
    };
    match fit(now, wanted) {
        Fit::Covered => Ok(None),
        _ if there.stranger => {
            Ok(Some("was installed by somebody else, and is not what the chart brings: it is left as it is"))
        }
        Fit::Newer => {
            if let Some(elsewhere) = converted_elsewhere(now, wanted).filter(|_| there.others) {
                return Err(vec![elsewhere]);
            }
            there.wanted = Some(wanted.clone());
            Ok(None)
        }
        Fit::Older => Ok(Some("is newer than what the chart brings: it is left as it is")),
        Fit::Apart(broken) => Err(broken),
    }
}

/// Of every slice that claims it; the names are those of the one that wrote it last.
fn shared(slice: &Slice) -> Owner {
    Owner { tenant: slice.tenant.clone(), slice: slice.name.clone(), uid: SHARED.into(), function: None }
}

fn ready(id: &ResourceId) -> ResourceId {
    ResourceId { kind: "readiness".into(), ..id.clone() }
}

/// What of a live definition is written again.
fn plain(live: &Value) -> Value {
    let metadata = |key: &str| live.pointer(&format!("/metadata/{key}")).cloned().unwrap_or(Value::Null);
    json!({
        "apiVersion": live["apiVersion"], "kind": live["kind"], "spec": live["spec"],
        "metadata": {"name": metadata("name"), "annotations": metadata("annotations")},
    })
}

fn seen(live: &Value) -> Seen {
    let word = |at: &str| live.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    Seen { uid: word("/metadata/uid"), version: word("/metadata/resourceVersion"), ..Seen::default() }
}

impl Definitions {
    /// Before everything else of the functions that need them.
    pub fn weave(self, mut steps: Vec<Step>) -> Vec<Step> {
        let coming: BTreeSet<ResourceId> = self.steps.iter().map(|step| step.id.clone()).collect();
        for step in &mut steps {
            let brings = !matches!(step.verb, Verb::Delete | Verb::Clear | Verb::Answer);
            let object = step.after.as_ref().and_then(Resource::object);
            let function = object.filter(|_| brings).and_then(|object| object.owner.function.as_ref());
            let waits = function.and_then(|function| self.waits.get(function)).into_iter().flatten();
            let target = step.id.target.clone();
            step.behind.extend(waits.filter(|id| id.target == target && coming.contains(*id)).cloned());
        }
        steps.extend(self.steps);
        steps
    }
}

/// A claim of another slice on what only one may have.
pub fn held<'w>(
    wanted: impl Iterator<Item = (&'w Resource, Option<&'w Name>)>,
    (claims, uid, tenant): (&BTreeMap<String, claim::Claim>, &str, &Name),
) -> Vec<(Option<Name>, String)> {
    let each = wanted.filter_map(|(resource, function)| {
        let (key, id) = claim::of(resource).filter(|(_, id)| !claim::is_shared(id))?;
        let holder = claims.get(&key)?.others(uid).next()?;
        let Target::Cluster(cluster) = &id.target else { return None };
        Some((function.cloned(), format!("{} on {cluster} belongs to {}", id.short(), holder.words(tenant))))
    });
    each.collect()
}
