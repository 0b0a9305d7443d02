//! What stands of Helm releases that are to be taken over: their records, and which of their objects are there.

use super::{Adoption, AskError, HelmRelease, Retry, Slices};
use crate::plan::adopt::Takeover;
use crate::plan::bundle::{ChartPin, Piece};
use crate::plan::render::Order;
use crate::plan::want::tier;
use crate::plan::{Bundle, Recorded, contract, drift, make, names, resolve, scope};
use adapters::PortError;
use adapters::helm::{Lookup, Release};
use adapters::kubernetes::broken_name;
use adapters::release::{self, HelmRevision, secret_name};
use models::problem::nearest;
use models::resource::{Body, Object, Owner, ReleaseRecord, ReleaseStatus, Resource, Seen, label};
use models::slice::Workload;
use models::{ClusterFacts, Name, Problem, Slice};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Reading<'a> {
    pub(super) slices: &'a Slices,
    pub(super) asked: &'a Adoption,
    pub(super) facts: &'a ClusterFacts,
}

/// Helm's records of one release.
pub(super) struct Record {
    /// Each revision with its JSON, the oldest first.
    revisions: Vec<(HelmRevision, Value)>,
    pub(super) newest: Value,
}

impl Record {
    pub(super) fn word(&self, pointer: &str) -> String {
        self.newest.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Its next revision, which is ours: what `helm rollback` and `upgrade` need of it, and nothing more.
    fn ours(&self) -> Value {
        let mut release = self.newest.clone();
        if let Some(chart) = release.get_mut("chart").and_then(Value::as_object_mut) {
            chart.remove("templates");
            chart.remove("files");
        }
        release["apply_method"] = json!("csa");
        release["info"]["description"] = json!("Taken over by Sliceway");
        release
    }
}

impl Reading<'_> {
    pub(super) async fn records(&self) -> Result<Vec<Record>, AskError> {
        let Adoption { cluster, namespace, releases, .. } = self.asked;
        self.home().await?;
        let all = self.slices.clusters.releases(cluster, (namespace, None)).await.map_err(away)?;
        let mut records = Vec::new();
        for (index, one) in releases.iter().enumerate() {
            records.push(self.record((index, one), &all).await?);
        }
        Ok(records)
    }

    /// What stands in the namespace of another slice goes with that slice.
    async fn home(&self) -> Result<(), AskError> {
        let namespace = &self.asked.namespace;
        if let Some(rule) = broken_name("Namespace", namespace) {
            return Err(one_problem(Problem::at("namespace", format!("{namespace:?} is no namespace: {rule}"))));
        }
        let Some(live) = self.find(("v1", "Namespace"), namespace.clone()).await? else { return Ok(()) };
        let Some(owner) = owner(&live) else { return Ok(()) };
        let message =
            format!("namespace {namespace} belongs to {owner}, and goes with everything in it when that goes");
        Err(one_problem(Problem::at("namespace", message).mend("deploy the release in a namespace of its own first")))
    }

    async fn record(&self, (index, one): (usize, &HelmRelease), all: &[HelmRevision]) -> Result<Record, AskError> {
        let HelmRelease { release, .. } = one;
        let field = format!("releases[{index}].release");
        let mut found: Vec<&HelmRevision> = all.iter().filter(|revision| &revision.release == release).collect();
        found.sort_by_key(|revision| revision.revision);
        let Some(newest) = found.last() else { return Err(one_problem(self.none(field, release, all))) };
        if newest.status != "deployed" {
            let HelmRevision { revision, status, .. } = newest;
            let namespace = &self.asked.namespace;
            return Err(AskError::Refused {
                reason: format!("release {release} is {status} at revision {revision}: what stands may be half of it"),
                mend: format!("bring it to rest first: helm rollback {release} -n {namespace}, or helm upgrade"),
            });
        }
        let mut revisions = Vec::new();
        for revision in found {
            let name = secret_name(release, revision.revision);
            let Some(secret) = self.find(("v1", "Secret"), name.clone()).await? else { continue };
            if let Some(owner) = owner(&secret) {
                let message = format!("release {release} belongs to {owner}");
                return Err(one_problem(Problem::at(field, message).mend("change it through that slice")));
            }
            let Some(json) = release::read(&secret) else {
                let message = format!("Secret {name} holds no release that can be read");
                return Err(one_problem(
                    Problem::at(field, message).mend("helm history tells which revisions are whole"),
                ));
            };
            let said = ["/namespace", "/name"].map(|at| json.pointer(at).and_then(Value::as_str).unwrap_or_default());
            if said != [&self.asked.namespace, release.as_str()] {
                let message = format!("Secret {name} holds release {} of namespace {}", said[1], said[0]);
                return Err(one_problem(Problem::at(field, message).mend("helm would not find it either; remove it")));
            }
            revisions.push((revision.clone(), json));
        }
        match revisions.last().map(|(_, json)| json.clone()) {
            Some(newest) => Ok(Record { revisions, newest }),
            None => Err(one_problem(self.none(field, release, all))),
        }
    }

    fn none(&self, field: String, release: &str, all: &[HelmRevision]) -> Problem {
        let Adoption { cluster, namespace, .. } = self.asked;
        let known: BTreeSet<&str> = all.iter().map(|revision| revision.release.as_str()).collect();
        let message = format!("namespace {namespace} on {cluster} holds no Helm release called {release}");
        let mend = match (nearest(release, known.iter().copied()), known.is_empty()) {
            (Some(near), _) => format!("did you mean {near}?"),
            (None, false) => format!("it holds {}", known.into_iter().collect::<Vec<_>>().join(", ")),
            (None, true) => "see: helm ls -A; only releases that Helm records as Secrets are found".into(),
        };
        Problem::at(field, message).mend(mend)
    }

    async fn find(&self, (api_version, kind): (&str, &str), name: String) -> Result<Option<Value>, AskError> {
        let wide = scope::is_cluster_scoped(kind);
        let namespace = if wide { String::new() } else { self.asked.namespace.clone() };
        let lookup = Lookup { api_version: api_version.into(), kind: kind.into(), namespace, name };
        self.slices.clusters.find(&self.asked.cluster, &lookup).await.map_err(away)
    }

    pub(super) async fn takeover(&self, slice: Slice, records: &[Record]) -> Result<Takeover, AskError> {
        let pins = self.pins(&slice).await?;
        let mut takeover = Takeover {
            slice,
            bundles: BTreeMap::new(),
            records: BTreeMap::new(),
            there: BTreeSet::new(),
            notes: vec![],
        };
        let mut problems = Vec::new();
        for ((one, record), pin) in self.asked.releases.iter().zip(records).zip(pins) {
            let bundle = self.bundle(&takeover.slice, (one, record), pin).await?;
            problems.extend(self.there((one, &bundle), &mut takeover).await?);
            takeover.notes.extend(told_values(one, record));
            let recorded = self.recorded(&takeover.slice, (one, record)).await?;
            takeover.records.insert(one.function.clone(), recorded);
            takeover.bundles.insert(one.function.clone(), bundle);
        }
        if problems.is_empty() { Ok(takeover) } else { Err(AskError::Problems(problems)) }
    }

    async fn pins(&self, slice: &Slice) -> Result<Vec<ChartPin>, AskError> {
        let charts: Vec<_> = slice.spec.functions.iter().map(|function| &function.chart).collect();
        let answers = self.slices.charts.resolve(&slice.tenant, &charts).await?;
        let mut pins = Vec::new();
        let mut problems = Vec::new();
        for (index, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(pin) => pins.push(pin),
                Err(fault) if fault.retry == Retry::Later => {
                    return Err(AskError::Unavailable { cause: fault.problem.to_string() });
                }
                Err(fault) => {
                    let field = match fault.problem.field.as_str() {
                        ".name" => ".chart",
                        other => other,
                    };
                    problems.push(Problem { field: format!("releases[{index}]{field}"), ..fault.problem });
                }
            }
        }
        if problems.is_empty() { Ok(pins) } else { Err(AskError::Problems(problems)) }
    }

    /// What stands is what Helm recorded: nothing is rendered anew until the file or its chart changes.
    async fn bundle(
        &self,
        slice: &Slice,
        (one, record): (&HelmRelease, &Record),
        pin: ChartPin,
    ) -> Result<Bundle, AskError> {
        let workload = workload(slice, &one.function)?;
        let values = contract::values(&slice.spec, &slice.name, &workload).map_err(|p| AskError::Problems(vec![p]))?;
        let inputs = make::inputs(workload.chart, (&values, slice));
        let revision = record.revisions.last().map_or(1, |(revision, _)| revision.revision + 1);
        let field = resolve::field(&slice.spec, &one.function);
        let order = Order {
            function: &one.function,
            field: &field,
            chart: &pin,
            release: Release { name: one.release.clone(), namespace: slice.namespace(), revision, is_upgrade: true },
            values: &values,
            cluster: &self.asked.cluster,
            facts: self.facts,
            inputs: &inputs,
        };
        let mut bundle = self.slices.renderer.recorded(&order, &record.ours()).await?;
        for piece in std::mem::take(&mut bundle.definitions) {
            bundle.notes.push(format!("definition {} stays as Helm left it until the chart is upgraded", piece.name));
        }
        Ok(bundle)
    }

    /// Which objects of a bundle stand; a problem for each that is somebody else's.
    async fn there(
        &self,
        (one, bundle): (&HelmRelease, &Bundle),
        takeover: &mut Takeover,
    ) -> Result<Vec<Problem>, AskError> {
        let Adoption { cluster, namespace, .. } = self.asked;
        let mut problems = Vec::new();
        let hooks = bundle.hooks.iter().map(|hook| &hook.piece);
        for Piece { api_version, kind, name, body, .. } in bundle.objects.iter().chain(hooks) {
            let Some(live) = self.find((api_version, kind), name.clone()).await? else { continue };
            if let Some(owner) = owner(&live).or_else(|| another_release(&live, (namespace, &one.release))) {
                let message = format!("{kind} {name} of release {} belongs to {owner}", one.release);
                problems.push(Problem::at("releases", message).mend("one owner has to let it go first"));
                continue;
            }
            let home = if scope::is_cluster_scoped(kind) { "" } else { namespace };
            takeover.there.insert(names::object(cluster, &format!("{api_version}/{kind}"), home, name.clone()));
            takeover.notes.extend(drifted(&one.function, (kind, name), (body, &live)));
        }
        Ok(problems)
    }

    async fn recorded(&self, slice: &Slice, (one, record): (&HelmRelease, &Record)) -> Result<Vec<Recorded>, AskError> {
        let mut all = Vec::new();
        for (revision, json) in &record.revisions {
            let digest = self.slices.renderer.seal(json).await?;
            let word = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            let first = word("/info/first_deployed");
            let (name, revision, status) = (one.release.clone(), revision.revision, status(&revision.status));
            let body = Body::Release(ReleaseRecord {
                digest,
                name,
                revision,
                status,
                first: first.clone(),
                deployed: word("/info/last_deployed"),
            });
            let secret = secret_name(&one.release, revision);
            let id = names::object(&self.asked.cluster, "v1/Secret", &self.asked.namespace, secret);
            let object = Object { id, owner: owned(slice, &one.function), body, fills: vec![], keep: false };
            all.push(Recorded {
                format: Recorded::FORMAT,
                resource: Resource::Object(object),
                needs: vec![],
                tier: tier::BASE,
                seen: Some(Seen {
                    outputs: first.map(|at| ("first".into(), at)).into_iter().collect(),
                    ..Seen::default()
                }),
                certain: true,
                operation: String::new(),
            });
        }
        Ok(all)
    }
}

fn owned(slice: &Slice, function: &Name) -> Owner {
    let (tenant, slice, uid) = (slice.tenant.clone(), slice.name.clone(), slice.uid.clone());
    Owner { tenant, slice, uid, function: Some(function.clone()) }
}

fn workload<'s>(slice: &'s Slice, function: &Name) -> Result<Workload<'s>, AskError> {
    let found = slice.spec.workload(function);
    found.ok_or_else(|| AskError::NotFound(format!("function {function} of slice {}", slice.name)))
}

/// Every revision but the newest was superseded, or failed on the way.
fn status(word: &str) -> ReleaseStatus {
    match word {
        "deployed" => ReleaseStatus::Deployed,
        "failed" => ReleaseStatus::Failed,
        _ => ReleaseStatus::Superseded,
    }
}

/// The slice that carries an object, by its label.
fn owner(live: &Value) -> Option<String> {
    let labels = live.pointer("/metadata/labels")?;
    let uid = labels.get(label::SLICE)?.as_str()?;
    let name = labels.get(label::NAME).and_then(Value::as_str).unwrap_or("?");
    Some(format!("slice {name} (uid {uid})"))
}

/// What was changed since Helm wrote it is as Helm wrote it when it is taken over. A hook's is left as it is.
fn drifted(function: &Name, (kind, name): (&str, &str), (body, live): (&Body, &Value)) -> Option<String> {
    let Body::Plain(wanted) = body else { return None };
    let hook = wanted.pointer("/metadata/annotations/helm.sh~1hook").is_some();
    let places = drift::places(wanted, live);
    (!hook && !places.is_empty())
        .then(|| format!("{function}: {kind} {name} is put back to what Helm recorded: {} differ", places.join(", ")))
}

/// The Helm release that an object says it is of, where that is another one.
fn another_release(live: &Value, asked: (&str, &str)) -> Option<String> {
    let word = |key: &str| live.pointer(&format!("/metadata/annotations/meta.helm.sh~1{key}")).and_then(Value::as_str);
    let release = word("release-name")?;
    let home = word("release-namespace").unwrap_or(asked.0);
    ((home, release) != asked).then(|| format!("Helm release {release} of namespace {home}"))
}

/// Helm keeps values in a Secret; a slice's file is read by whoever may read the slice.
fn told_values(one: &HelmRelease, record: &Record) -> Option<String> {
    let values = record.newest.get("config")?.as_object().filter(|values| !values.is_empty())?;
    let keys = values.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let function = &one.function;
    Some(format!("{function}: the values that helm recorded ({keys}) can be read by whoever reads the slice"))
}

fn away(error: PortError) -> AskError {
    match error.retryable() {
        true => AskError::Unavailable { cause: error.to_string() },
        false => AskError::Refused { reason: error.to_string(), mend: error.next() },
    }
}

fn one_problem(problem: Problem) -> AskError {
    AskError::Problems(vec![problem])
}
