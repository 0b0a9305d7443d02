//! Makes a plan: resolve, size, place, render, diff. The same world and the same wish give the same plan.

use super::bundle::{Bundle, ChartPin};
use super::definitions::{self, Definitions};
use super::diff::{self, Sides};
use super::hooks::{self, Kept};
use super::leave::Leave;
use super::model::{Candidate, Choice, Plan, PlannedChange, Recorded};
use super::names::{self, digest};
use super::order::order;
use super::release::{Releases, Standing};
use super::render::{Order, Renderer};
use super::size::Sizes;
use super::want::{self, Decided, Scene, Want};
use super::world::{Observed, World};
use super::{adopt, caution, contract, intent, renewal, resolve};
use adapters::helm::Release;
use models::labels::Labels;
use models::problem::nearest;
use models::resource::Target;
use models::slice::{Phase, Workload};
use models::{ClusterFacts, Name, OperationKind, Problem, Slice, SliceSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use topology::{Clause, Demand, NoPlace, Placement, Request};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    Apply { labels: Labels, spec: Box<SliceSpec> },
    Delete,
}

/// Stored with an operation that waits for a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub tenant: Name,
    pub name: Name,
    pub goal: Goal,
    /// Functions that may move or be made anew.
    pub replace: BTreeSet<Name>,
    /// Functions whose data may be deleted.
    pub allow_data_loss: BTreeSet<Name>,
    /// Functions whose chart is resolved and rendered again.
    pub upgrade: BTreeSet<Name>,
    /// What cannot be reached and is to go is forgotten instead of waited for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forget: bool,
    /// Charts that were resolved when it was accepted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub charts: BTreeMap<Name, ChartPin>,
}

#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Problems(Vec<Problem>),
    #[error(transparent)]
    NoPlace(Box<NoPlace>),
    #[error("{reason}; {mend}")]
    Refused { reason: String, mend: String },
    #[error("{cause}")]
    Unavailable { cause: String },
    #[error("there is no slice called {0}")]
    NotFound(Name),
}

/// The one function behind `plan` and `apply`.
pub async fn make(world: &World, wish: &Wish, renderer: &dyn Renderer) -> Result<Plan, PlanError> {
    if let Some(refused) = world.slice.as_ref().and_then(|slice| adopt::unfinished(world, slice)) {
        return Err(refused);
    }
    match &wish.goal {
        Goal::Apply { labels, spec } => {
            let slice = next_slice(world, wish, (labels, spec));
            Maker { world, wish, renderer, slice }.apply().await
        }
        Goal::Delete => delete(world, wish),
    }
}

/// The plan of a slice that has no place yet: it changes nothing but what is wanted.
pub fn unplaced(world: &World, wish: &Wish, why: &str) -> Option<Plan> {
    let Goal::Apply { labels, spec } = &wish.goal else { return None };
    let before = world.slice.as_ref();
    let kind = if before.is_some() { OperationKind::ChangeSlice } else { OperationKind::CreateSlice };
    let placed = before.map(|slice| slice.placed.clone()).unwrap_or_default();
    let after = Slice { placed, ..next_slice(world, wish, (labels, spec)) };
    let warnings = vec![format!("it waits for a place: {why}")];
    let outcome = Outcome { kind, after: Some(after.clone()), choices: vec![], warnings, bundles: vec![] };
    Some(planned(world, &after, (vec![], outcome)))
}

fn next_slice(world: &World, wish: &Wish, (labels, spec): (&Labels, &SliceSpec)) -> Slice {
    let incarnation = world.slice.as_ref().map_or(world.incarnations + 1, |slice| slice.incarnation);
    let new = || names::slice_uid(&world.installation, (&wish.tenant, &wish.name), incarnation);
    let uid = world.slice.as_ref().map(|slice| slice.uid.clone()).or_else(|| world.uid.clone());
    Slice {
        format: Default::default(),
        tenant: wish.tenant.clone(),
        name: wish.name.clone(),
        uid: uid.unwrap_or_else(new),
        incarnation,
        labels: labels.clone(),
        spec: spec.clone(),
        phase: Phase::Ready,
        operation: None,
        placed: BTreeMap::new(),
        adopted: world.slice.as_ref().and_then(|slice| slice.adopted.clone()),
    }
}

pub(super) struct Maker<'a> {
    pub(super) world: &'a World,
    wish: &'a Wish,
    pub(super) renderer: &'a dyn Renderer,
    pub(super) slice: Slice,
}

/// A workload with everything that its bundle depends on.
pub(super) struct Part<'a> {
    pub(super) workload: Workload<'a>,
    field: String,
    chart: ChartPin,
    values: Value,
    inputs: String,
    /// The bundle that is kept for the same inputs.
    pub(super) kept: Option<Bundle>,
}

impl Maker<'_> {
    async fn apply(mut self) -> Result<Plan, PlanError> {
        let spec = self.slice.spec.clone();
        let refused = adopt::refusals(&self.slice);
        if !refused.is_empty() {
            return Err(PlanError::Problems(refused));
        }
        let parts = self.parts(&spec)?;
        let sizes = self.sizes(&parts).await?;
        let placement = self.place(&parts, &sizes)?;
        let placed = placement.functions();
        if let Some(refused) = adopt::moved(&self.slice, &placed) {
            return Err(refused);
        }
        let bundles = self.bundles(&parts, &placed, sizes).await?;
        self.guard_data(&placed)?;
        let definitions = self.definitions(&bundles, &placed).await?;
        self.slice.placed = placed.iter().map(|(f, c)| (f.to_string(), c.to_string())).collect();
        let renewed = renewal::due(self.world);
        let releases = Releases::of(self.world, &self.slice, &placed);
        let decided = Decided {
            placed: &placed,
            clusters: &self.world.clusters,
            bundles: &bundles,
            recorded: &self.world.recorded,
            renewed: &renewed,
            releases: &releases,
        };
        let scene = Scene::new(&self.slice, decided);
        let (want, mut warnings) = (want::want(&scene), want::warnings(&scene));
        let mut clashes = want::clashes(&scene);
        clashes.extend(self.held(&want));
        if !clashes.is_empty() {
            return Err(PlanError::Problems(clashes));
        }
        warnings.extend(caution::owners(self.world, &placed));
        warnings.extend(caution::emptied(self.world, &placed));
        warnings.extend(releases.warnings(&self.slice));
        warnings.extend(definitions.notes.iter().cloned());
        warnings.extend(placement.sites.iter().filter_map(|site| site.warning.clone()));
        warnings.extend(bundles.iter().flat_map(|(f, b)| b.notes.iter().map(move |note| format!("{f}: {note}"))));
        let kind = match &self.world.slice {
            None => OperationKind::CreateSlice,
            Some(_) => OperationKind::ChangeSlice,
        };
        let kept = bundles.iter().map(|(f, b)| (f.to_string(), serde_json::to_value(b).unwrap_or_default())).collect();
        let outcome = Outcome {
            kind,
            after: Some(self.slice.clone()),
            choices: self.choices(&placement),
            warnings,
            bundles: kept,
        };
        finish(&scene, (self.world, self.wish), (&want, definitions), outcome)
    }

    fn parts<'s>(&self, spec: &'s SliceSpec) -> Result<Vec<Part<'s>>, PlanError> {
        let mut problems = self.unknown_clusters(spec);
        let mut parts = Vec::new();
        for workload in spec.workloads() {
            match self.part(spec, workload) {
                Ok(part) => parts.push(part),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(parts) } else { Err(PlanError::Problems(problems)) }
    }

    /// Sites that name a cluster that is not registered: told together with what else is wrong.
    fn unknown_clusters(&self, spec: &SliceSpec) -> Vec<Problem> {
        let stands = |site: &Name| self.world.standing.iter().any(|standing| &standing.site == site);
        let named = spec.sites.iter().filter(|(site, _)| !stands(site));
        let unknown = named.filter_map(|(site, wanted)| {
            let cluster = wanted.cluster.as_ref().filter(|cluster| !self.world.clusters.contains_key(*cluster))?;
            let known = || self.world.clusters.keys().map(Name::as_str);
            let near = nearest(cluster.as_str(), known()).map(|near| format!(", did you mean {near}?"));
            let message = format!("no cluster is called {cluster}{}", near.unwrap_or_default());
            let list = known().collect::<Vec<_>>().join(", ");
            let list = if list.is_empty() { "none is registered".to_owned() } else { list };
            Some(Problem::at(format!("spec.sites.{site}.cluster"), message).mend(format!("clusters: {list}")))
        });
        unknown.collect()
    }

    fn part<'s>(&self, spec: &'s SliceSpec, workload: Workload<'s>) -> Result<Part<'s>, Problem> {
        let field = resolve::field(spec, workload.name);
        let values = contract::values(spec, &self.slice.name, &workload)?;
        let inputs = inputs(workload.chart, (&values, &self.slice));
        let before = self.world.bundles.get(workload.name.as_str());
        let again = self.wish.upgrade.contains(workload.name);
        let kept = before.filter(|bundle| bundle.inputs == inputs && !again).cloned();
        let placed = |problem: Problem| Problem { field: format!("{field}.chart{}", problem.field), ..problem };
        let chart = resolve::chart(self.world, self.wish, &workload).map_err(placed)?;
        Ok(Part { workload, field, chart, values, inputs, kept })
    }

    /// As the next revision of what is deployed where it will stand.
    pub(super) async fn render(
        &self,
        part: &Part<'_>,
        (cluster, facts): (&Name, &ClusterFacts),
    ) -> Result<Bundle, PlanError> {
        let function = part.workload.name;
        let standing = Standing::of(self.world, (&self.slice, function), cluster);
        let release = Release {
            name: self.slice.release(function),
            namespace: self.slice.namespace(),
            revision: standing.next(),
            is_upgrade: standing.current.is_some(),
        };
        let order = Order {
            function: part.workload.name,
            field: &part.field,
            chart: &part.chart,
            release,
            values: &part.values,
            cluster,
            facts,
            inputs: &part.inputs,
        };
        self.renderer.render(&order).await
    }

    /// What belongs to a whole cluster, and to another slice.
    fn held(&self, want: &Want) -> Vec<Problem> {
        let each = want.values().map(|wanted| {
            let object = wanted.resource.object();
            (&wanted.resource, object.and_then(|object| object.owner.function.as_ref()))
        });
        let held = definitions::held(each, (&self.world.claims, &self.slice.uid, &self.slice.tenant));
        let problem = |(function, message): (Option<Name>, String)| {
            let field = function.map(|function| format!("{}.chart", resolve::field(&self.slice.spec, &function)));
            let mend = "name it after the release in the chart or its values, or let the other slice go first";
            Problem::at(field.unwrap_or_else(|| "spec".into()), message).mend(mend)
        };
        held.into_iter().map(problem).collect()
    }

    fn place(&self, parts: &[Part<'_>], sizes: &BTreeMap<Name, Sizes>) -> Result<Placement, PlanError> {
        let demand = |part: &Part<'_>| {
            let (pods, there) = sizes[part.workload.name].pods();
            let (function, site) = (part.workload.name.clone(), part.workload.site.clone());
            Demand { function, site, pods, there }
        };
        let sites = self.slice.spec.sites.iter();
        let request = Request {
            sites: sites.clone().filter_map(|(name, site)| Some((name.clone(), Clause::of(site)?))).collect(),
            apart: sites
                .flat_map(|(name, site)| site.apart.iter().map(move |other| (name.clone(), other.clone())))
                .collect(),
            demands: parts.iter().map(demand).collect(),
            candidates: self.world.clusters.values().map(candidate).collect(),
            booked: self.world.booked.clone(),
            standing: self.world.standing.clone(),
            replace: self.wish.replace.clone(),
        };
        topology::place(&request).map_err(|no| PlanError::NoPlace(Box::new(no)))
    }

    /// A choice that stands keeps the reasons that it was made for.
    fn choices(&self, placement: &Placement) -> Vec<Choice> {
        let kept = |choice: Choice| {
            let before = self.world.choices.iter().find(|before| before.function == choice.function);
            before.filter(|before| before.standing == choice.standing).cloned().unwrap_or(choice)
        };
        fresh(placement).into_iter().map(kept).collect()
    }

    pub(super) fn moves(&self, part: &Part<'_>, cluster: Option<&Name>) -> bool {
        let before = self.world.slice.as_ref().and_then(|slice| slice.placed.get(part.workload.name.as_str()));
        before.is_some_and(|before| Some(before.as_str()) != cluster.map(Name::as_str))
    }

    /// A function that holds data is not removed or moved unless its name was said.
    fn guard_data(&self, placed: &BTreeMap<Name, Name>) -> Result<(), PlanError> {
        let Some(before) = &self.world.slice else { return Ok(()) };
        let leaves = |function: &str, cluster: &str| {
            let now = placed.iter().find(|(name, _)| name.as_str() == function);
            now.is_none_or(|(_, now)| now.as_str() != cluster)
        };
        let lost = before.placed.iter().filter(|(f, c)| leaves(f, c)).map(|(f, _)| f.as_str());
        guard((self.world, self.wish), lost, Bundle::lost_volumes)
    }
}

/// What a bundle is kept for.
pub fn inputs(chart: &models::slice::Chart, (values, slice): (&Value, &Slice)) -> String {
    digest(&(chart, values, slice.namespace()))
}

fn candidate(view: &super::ClusterView) -> topology::Candidate {
    topology::Candidate {
        name: view.cluster.name.clone(),
        labels: view.cluster.labels.clone(),
        condition: view.condition(),
        nodes: view.facts().map(|facts| facts.nodes.clone()).unwrap_or_default(),
    }
}

/// What explains that a site's functions have no place.
pub fn unplaced_choices(none: &NoPlace) -> Vec<Choice> {
    let candidates: Vec<Candidate> = none.candidates.iter().map(Candidate::of).collect();
    let choice = |function: &Name| Choice {
        function: function.clone(),
        cluster: None,
        reason: none.to_string(),
        candidates: candidates.clone(),
        standing: None,
    };
    none.functions.iter().map(choice).collect()
}

fn fresh(placement: &Placement) -> Vec<Choice> {
    let each = |site: &topology::Choice| {
        let candidates: Vec<Candidate> = site.candidates.iter().map(Candidate::of).collect();
        let chosen = site.standing.cluster.clone();
        let reason = candidates.iter().find(|c| c.cluster == chosen).map(|c| c.reason.clone()).unwrap_or_default();
        let standing = site.standing.clone();
        let functions = site.standing.demands.iter().map(|demand| demand.function.clone());
        functions
            .map(|function| Choice {
                function,
                cluster: Some(chosen.clone()),
                reason: reason.clone(),
                candidates: candidates.clone(),
                standing: Some(standing.clone()),
            })
            .collect::<Vec<_>>()
    };
    placement.sites.iter().flat_map(each).collect()
}

fn guard<'n>(
    (world, wish): (&World, &Wish),
    lost: impl Iterator<Item = &'n str>,
    volumes: impl Fn(&Bundle) -> Vec<String>,
) -> Result<(), PlanError> {
    let of = |name: &str| world.bundles.get(name).map(&volumes).unwrap_or_default();
    let holds = |name: &&str| !of(name).is_empty();
    let silent: Vec<&str> = lost
        .filter(holds)
        .filter(|name| !wish.allow_data_loss.iter().any(|allowed| allowed.as_str() == *name))
        .collect();
    if silent.is_empty() {
        return Ok(());
    }
    let volumes = |name: &&str| format!("{name} holds data (volumes {}) that would be deleted", of(name).join(", "));
    Err(PlanError::Refused {
        reason: silent.iter().map(volumes).collect::<Vec<_>>().join("; "),
        mend: format!("to delete it say: --allow-data-loss {}", silent.join(" --allow-data-loss ")),
    })
}

/// A volume that a changed file would delete or replace, of a function whose data may not go.
fn unasked_loss(steps: &[diff::Step], wish: &Wish) -> Result<(), PlanError> {
    let lost = steps.iter().filter(|step| step.irreversible.is_some()).filter_map(|step| match &step.before {
        Some(models::Resource::Object(object)) => object.owner.function.clone().map(|name| (name, step.id.short())),
        _ => None,
    });
    let silent: Vec<_> = lost.filter(|(name, _)| !wish.allow_data_loss.contains(name)).collect();
    let Some((name, _)) = silent.first() else { return Ok(()) };
    let volumes = silent.iter().map(|(_, volume)| volume.as_str()).collect::<Vec<_>>().join(", ");
    Err(PlanError::Refused {
        reason: format!("{volumes} would be deleted with the data in it"),
        mend: format!("to delete it say: --allow-data-loss {name}"),
    })
}

fn delete(world: &World, wish: &Wish) -> Result<Plan, PlanError> {
    let slice = world.slice.as_ref().ok_or_else(|| PlanError::NotFound(wish.name.clone()))?;
    let misspelled = caution::misspelled(slice, &wish.allow_data_loss);
    if !misspelled.is_empty() {
        return Err(PlanError::Problems(misspelled));
    }
    let goes = |bundle: &Bundle| if slice.adopted.is_some() { bundle.claims() } else { bundle.volumes.clone() };
    guard((world, wish), slice.placed.keys().map(String::as_str), goes)?;
    let whole_namespaces = slice.placed.values().filter(|_| slice.adopted.is_none());
    let clusters: BTreeSet<&str> = whole_namespaces.map(String::as_str).collect();
    let kept = |recorded: &Recorded| {
        let object = recorded.resource.object().filter(|object| object.keep && !object.id.namespace.is_empty())?;
        let id = Some(&object.id).filter(|_| slice.adopted.is_none())?;
        Some(format!("{} on {}: its chart says that it is kept, and it goes with its namespace", id.short(), id.target))
    };
    let own = clusters.into_iter().map(|cluster| caution::whole(slice, cluster));
    let warnings = own.chain(adopt::ends(slice)).chain(world.recorded.values().filter_map(kept)).collect();
    let kind = OperationKind::DeleteSlice;
    let outcome = Outcome { kind, after: None, choices: vec![], warnings, bundles: vec![] };
    let (placed, bundles, renewed) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let releases = Releases::default();
    let (clusters, recorded) = (&world.clusters, &world.recorded);
    let nothing =
        Decided { placed: &placed, clusters, bundles: &bundles, recorded, renewed: &renewed, releases: &releases };
    finish(&Scene::new(slice, nothing), (world, wish), (&Want::new(), Definitions::default()), outcome)
}

/// Clusters of which something could not be compared with what is recorded.
fn unread(world: &World) -> Vec<Name> {
    let unknown = world.observed.iter().filter(|(_, observed)| **observed == Observed::Unknown);
    let clusters = unknown.filter_map(|(id, _)| match &id.target {
        Target::Cluster(name) => Some(name.clone()),
        Target::Local => None,
    });
    clusters.collect::<BTreeSet<_>>().into_iter().collect()
}

fn uncompared(world: &World) -> Vec<String> {
    let each = |name: Name| {
        let read = world.clusters.get(&name).and_then(|view| view.facts()).and_then(|facts| facts.read_at);
        let since = read.map(|at| format!("; it was read last at {at}")).unwrap_or_default();
        format!("{name} could not be read: what stands there was not compared{since}")
    };
    unread(world).into_iter().map(each).collect()
}

struct Outcome {
    kind: OperationKind,
    after: Option<Slice>,
    choices: Vec<Choice>,
    warnings: Vec<String>,
    bundles: Vec<(String, Value)>,
}

fn finish(
    scene: &Scene<'_>,
    (world, wish): (&World, &Wish),
    (want, definitions): (&Want, Definitions),
    outcome: Outcome,
) -> Result<Plan, PlanError> {
    let broken = world.slice.as_ref().is_some_and(|slice| slice.phase == Phase::Broken);
    let (recorded, observed, replace) = (&world.recorded, &world.observed, &wish.replace);
    let hooks = &Kept::of(scene);
    let stays = scene.slice.adopted.is_some();
    let leave = &Leave::of(world, wish.forget);
    let sides = Sides { want, recorded, observed, replace, hooks, leave, broken, stays };
    let steps = definitions.weave(hooks::weave(diff::diff(&sides)?, (scene, world, want)));
    unasked_loss(&steps, wish)?;
    let mut outcome = outcome;
    outcome.warnings.extend(leave.warnings(&steps));
    Ok(planned(world, scene.slice, (order(steps), outcome)))
}

fn planned(world: &World, slice: &Slice, (changes, outcome): (Vec<PlannedChange>, Outcome)) -> Plan {
    let Outcome { kind, after, choices, warnings, bundles } = outcome;
    let warnings = warnings.into_iter().chain(uncompared(world)).collect();
    let intent = world.slice.as_ref().zip(after.as_ref()).map(|(before, after)| intent::changes(before, after));
    let plan = Plan::of(slice, (kind, world.slice.clone(), after), changes);
    Plan { intent: intent.unwrap_or_default(), choices, warnings, bundles, unread: unread(world), ..plan }
}
