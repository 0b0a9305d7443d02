//! `slice adopt-release`: a slice from Helm releases that stand already; and handing them back.

use super::start::extra;
use super::takeover::Reading;
use super::{Adoption, AskError, HelmRelease, Meant, Slices};
use crate::ops::StartOptions;
use crate::plan::adopt::{adopt, hand_back};
use crate::plan::{Plan, names};
use models::labels::Labels;
use models::slice::{Adopted, Chart, ChartFrom, Function, Phase, Site};
use models::{Name, Operation, Problem, Slice, SliceSpec};
use std::collections::BTreeMap;

impl Slices {
    /// What taking over would do; changes nothing.
    pub async fn plan_adoption(&self, tenant: &Name, asked: &Adoption) -> Result<Plan, AskError> {
        Ok(self.adoption(tenant, asked).await?.0)
    }

    pub async fn adopt(&self, tenant: &Name, asked: &Adoption) -> Result<Operation, AskError> {
        let (plan, snapshot) = self.adoption(tenant, asked).await?;
        let options = StartOptions {
            timeout_s: asked.timeout_s,
            slice: None,
            extra: extra(&plan, &snapshot)?,
            ..StartOptions::default()
        };
        Ok(self.engine.start(plan, options).await?)
    }

    pub async fn plan_hand_back(&self, tenant: &Name, name: &Name) -> Result<Plan, AskError> {
        Ok(self.handing_back(tenant, name).await?.0)
    }

    /// The slice ends; its releases stay, and are Helm's again.
    pub async fn hand_back(&self, tenant: &Name, name: &Name, timeout_s: Option<u64>) -> Result<Operation, AskError> {
        let (plan, snapshot) = self.handing_back(tenant, name).await?;
        let options = StartOptions { timeout_s, slice: snapshot.slice, ..StartOptions::default() };
        Ok(self.engine.start(plan, options).await?)
    }

    async fn handing_back(&self, tenant: &Name, name: &Name) -> Result<(Plan, super::snapshot::Snapshot), AskError> {
        let snapshot = self.snapshot((tenant, name), Meant::default()).await?;
        let slice = snapshot.world.slice.as_ref().ok_or_else(|| AskError::NotFound(format!("slice {name}")))?;
        let plan = hand_back(&snapshot.world, slice)?;
        Ok((plan, snapshot))
    }

    async fn adoption(&self, tenant: &Name, asked: &Adoption) -> Result<(Plan, super::snapshot::Snapshot), AskError> {
        let snapshot = self.snapshot((tenant, &asked.name), Meant::cluster(&asked.cluster)).await?;
        if snapshot.world.slice.is_some() {
            return Err(AskError::Refused {
                reason: format!("slice {} exists", asked.name),
                mend: "releases become a slice of their own: choose another name".into(),
            });
        }
        let Some(facts) = snapshot.world.clusters.get(&asked.cluster).and_then(|view| view.facts()) else {
            let known = snapshot.world.clusters.keys().map(Name::as_str).collect::<Vec<_>>().join(", ");
            let message = format!("no cluster that can be read is called {}", asked.cluster);
            return Err(AskError::Problems(vec![
                Problem::at("cluster", message).mend(format!("clusters: {known}; see: sliceway get clusters")),
            ]));
        };
        distinct(&asked.releases)?;
        let reading = Reading { slices: self, asked, facts };
        let records = reading.records().await?;
        let (installation, incarnation) = (snapshot.world.installation.as_str(), snapshot.world.incarnations + 1);
        let slice = slice((tenant, installation, incarnation), asked, &records)?;
        let takeover = reading.takeover(slice, &records).await?;
        let plan = adopt(&snapshot.world, &takeover)?;
        Ok((plan, snapshot))
    }
}

fn distinct(releases: &[HelmRelease]) -> Result<(), AskError> {
    let mut problems = Vec::new();
    if releases.is_empty() {
        problems.push(Problem::at("releases", "no release is named").mend("name at least one"));
    }
    for (index, one) in releases.iter().enumerate() {
        let before = &releases[..index];
        if before.iter().any(|other| other.release == one.release) {
            problems.push(Problem::at(format!("releases[{index}].release"), format!("{} is named twice", one.release)));
        }
        if before.iter().any(|other| other.function == one.function) {
            let message = format!("two releases would be function {}", one.function);
            problems.push(Problem::at(format!("releases[{index}].function"), message).mend("name them apart"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(AskError::Problems(problems)) }
}

/// The slice as a file would say it, with what Helm recorded of each release.
fn slice(
    (tenant, installation, incarnation): (&Name, &str, u64),
    asked: &Adoption,
    records: &[super::takeover::Record],
) -> Result<Slice, AskError> {
    let site = Site { cluster: Some(asked.cluster.clone()), ..Site::default() };
    let function = |(one, record): (&HelmRelease, &super::takeover::Record)| Function {
        name: one.function.clone(),
        site: asked.cluster.clone(),
        chart: Chart {
            from: ChartFrom::Repository(one.repository.clone()),
            name: one.chart.clone().unwrap_or_else(|| record.word("/chart/metadata/name")),
            version: Some(one.version.clone().unwrap_or_else(|| record.word("/chart/metadata/version"))),
        },
        values: record.newest.get("config").and_then(|config| config.as_object()).cloned().unwrap_or_default(),
    };
    let releases = asked.releases.iter().map(|one| (one.function.clone(), one.release.clone())).collect();
    let placed = asked.releases.iter().map(|one| (one.function.to_string(), asked.cluster.to_string())).collect();
    Ok(Slice {
        format: Default::default(),
        tenant: tenant.clone(),
        name: asked.name.clone(),
        uid: names::slice_uid(installation, (tenant, &asked.name), incarnation),
        incarnation,
        labels: Labels::default(),
        spec: SliceSpec {
            sites: BTreeMap::from([(asked.cluster.clone(), site)]),
            functions: asked.releases.iter().zip(records).map(function).collect(),
            ..SliceSpec::default()
        },
        phase: Phase::Ready,
        operation: None,
        placed,
        adopted: Some(Adopted { cluster: asked.cluster.clone(), namespace: asked.namespace.clone(), releases }),
    })
}
