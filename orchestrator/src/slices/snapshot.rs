//! Reads the world that a plan rests on: what is stored, what the clusters say, what is observed of what is recorded.

use super::look::LOOK;
use super::{AskError, Meant, Slices, incarnation_key, shown_key, uid_key};
use crate::ops::{OperationDoc, claims, codec};
use crate::plan::remember::{Remembering, Rendered};
use crate::plan::{Bundle, Choice, ClusterView, Plan, Renderer, World, names};
use crate::store::{Kind, Query, Revision};
use adapters::release::HelmRevision;
use jiff::Timestamp;
use models::{Name, OperationState, Slice};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use topology::Pods;

pub(super) struct Snapshot {
    pub(super) world: World,
    /// The slice's revision; `None`: there is none.
    pub(super) slice: Option<Revision>,
    /// When an operation had stopped last.
    pub(super) settled: Timestamp,
    /// The clusters that it is about.
    pub(super) meant: Meant,
    pub(super) rendered: Rendered,
}

impl Snapshot {
    pub(super) fn renderer<'a>(&'a self, renderer: &'a dyn Renderer) -> Remembering<'a> {
        Remembering { renderer, rendered: &self.rendered }
    }
}

impl Slices {
    /// Of the clusters that are meant, and those on which the slice stands.
    pub(super) async fn snapshot(&self, (tenant, name): (&Name, &Name), meant: Meant) -> Result<Snapshot, AskError> {
        let settled = self.engine.settled();
        let stored = self.store.get(&codec::slice_key(tenant, name)).await?;
        let rev = stored.as_ref().map(|object| object.rev);
        let slice: Option<Slice> = stored.map(|object| object.read()).transpose()?;
        let meant = match &slice {
            Some(slice) => meant.and_standing(slice),
            None => meant,
        };
        let clusters = self.views(settled, &meant).await?;
        let booked = self.booked(tenant, name, (&clusters, &meant)).await?;
        let claims = claims::all(&self.store).await?;
        let (now, installation) = (self.engine.now(), self.installation().await?);
        let mut world = World { clusters, booked, claims, now, installation, ..World::default() };
        let Some(slice) = slice else {
            world.incarnations = self.free_incarnation(tenant, name).await?;
            return Ok(Snapshot { world, slice: rev, settled, meant, rendered: Rendered::default() });
        };
        for (recorded, _) in codec::recorded(&self.store, tenant, &slice.uid).await? {
            world.recorded.insert(recorded.resource.id().clone(), recorded);
        }
        world.observed = self.observed(&slice, &world.recorded).await;
        let orphans = codec::orphans(&self.store, tenant, &slice.uid).await?;
        world.orphans = orphans.into_iter().map(|orphan| orphan.id).collect();
        world.releases = self.releases(&slice).await;
        world.bundles = self.bundles(tenant, &slice.uid).await?;
        world.choices = self.choices(tenant, &slice.uid).await?;
        for choice in &world.choices {
            if let Some(standing) = choice.standing.as_ref().filter(|standing| !world.standing.contains(standing)) {
                world.standing.push(standing.clone());
            }
        }
        world.slice = Some(slice);
        Ok(Snapshot { world, slice: rev, settled, meant, rendered: Rendered::default() })
    }

    /// Nobody is told that a release was changed by helm where that cannot be read; the next plan looks again.
    async fn releases(&self, slice: &Slice) -> BTreeMap<Name, Vec<HelmRevision>> {
        let clusters: BTreeSet<Name> = slice.placed.values().filter_map(|cluster| cluster.parse().ok()).collect();
        let namespace = slice.namespace();
        let own: Vec<String> = slice.spec.workloads().iter().map(|workload| slice.release(workload.name)).collect();
        let one = async |cluster: Name| {
            if self.clusters.away(&cluster).await.is_some() {
                return None;
            }
            let found = tokio::time::timeout(LOOK, self.clusters.releases(&cluster, (&namespace, Some(&own)))).await;
            Some((cluster, found.ok()?.ok()?))
        };
        futures::future::join_all(clusters.into_iter().map(one)).await.into_iter().flatten().collect()
    }

    /// Which one this is; it has no name before it has met a cluster.
    pub(super) async fn installation(&self) -> Result<String, AskError> {
        let found = self.store.get(&codec::installation_key()).await?;
        Ok(found.and_then(|object| Some(object.doc["id"].as_str()?.to_owned())).unwrap_or_default())
    }

    async fn incarnations(&self, tenant: &Name, name: &Name) -> Result<u64, AskError> {
        let found = self.store.get(&incarnation_key(tenant, name)).await?;
        Ok(found.and_then(|object| object.doc["used"].as_u64()).unwrap_or(0))
    }

    /// Skips an incarnation whose uid another slice has: uids are short, and what stands in the world is found by them.
    async fn free_incarnation(&self, tenant: &Name, name: &Name) -> Result<u64, AskError> {
        let (mut used, installation) = (self.incarnations(tenant, name).await?, self.installation().await?);
        loop {
            let uid = names::slice_uid(&installation, (tenant, name), used + 1);
            let taken = self.store.get(&uid_key(&uid)).await?;
            match taken
                .is_some_and(|object| object.doc["tenant"] != json!(tenant) || object.doc["slice"] != json!(name))
            {
                true => used += 1,
                false => return Ok(used),
            }
        }
    }

    /// Those that are meant not older than `since`.
    async fn views(&self, since: Timestamp, meant: &Meant) -> Result<BTreeMap<Name, ClusterView>, AskError> {
        let clusters = self.clusters.snapshot(since, meant).await?;
        Ok(clusters.into_iter().map(|cluster| (cluster.name.clone(), ClusterView { cluster })).collect())
    }

    /// The figures of the clusters, and the room that others were given, as they are now.
    pub(super) async fn read_again(
        &self,
        (tenant, name): (&Name, &Name),
        snapshot: &mut Snapshot,
        since: Timestamp,
    ) -> Result<(), AskError> {
        snapshot.settled = self.engine.settled();
        snapshot.world.clusters = self.views(since, &snapshot.meant).await?;
        snapshot.world.booked = self.booked(tenant, name, (&snapshot.world.clusters, &snapshot.meant)).await?;
        Ok(())
    }

    /// What operations were given that are under way, or stopped after the clusters were read: their figures may not
    /// show it yet.
    pub(super) async fn booked(
        &self,
        tenant: &Name,
        name: &Name,
        (clusters, meant): (&BTreeMap<Name, ClusterView>, &Meant),
    ) -> Result<Vec<(Name, Vec<Pods>)>, AskError> {
        let own = codec::claim_key(tenant, name);
        let is_meant = |view: &&ClusterView| meant.has(&view.cluster);
        let meant: Vec<&Name> = clusters.values().filter(is_meant).map(|view| &view.cluster.name).collect();
        let mut booked = Vec::new();
        let mut counted = BTreeSet::new();
        for claim in codec::all(&self.store, Query::all(Kind::Claim)).await? {
            let (holder, owner) = (claim.doc["holder"].as_str().unwrap_or_default(), claim.key.tenant.parse());
            let Ok(owner): Result<Name, _> = owner else { continue };
            if claim.key == own {
                continue;
            }
            // What cannot be read holds up its own slice only.
            let Ok(Some((doc, _))) = codec::operation(&self.store, &owner, holder).await else { continue };
            if doc.operation.state == OperationState::Processing {
                counted.insert(doc.operation.id.clone());
                booked.extend(self.given(&doc).await);
            }
        }
        for stopped in self.engine.stopped().into_iter().filter(|stopped| !counted.contains(&stopped.operation)) {
            let unread = |cluster: &Name| {
                let read = clusters.get(cluster).and_then(|view| view.facts()).and_then(|facts| facts.read_at);
                read.is_none_or(|read| read <= stopped.at)
            };
            if !meant.iter().copied().any(unread) {
                continue;
            }
            let Ok(Some((doc, _))) = codec::operation(&self.store, &stopped.tenant, &stopped.operation).await else {
                continue;
            };
            booked.extend(self.given(&doc).await.into_iter().filter(|(cluster, _)| unread(cluster)));
        }
        Ok(booked)
    }

    /// Who waits for a place was given nothing, and a deletion needs nothing.
    async fn given(&self, doc: &OperationDoc) -> Vec<(Name, Vec<Pods>)> {
        if doc.wish.is_some() || doc.after.is_none() {
            return Vec::new();
        }
        let choices = self.choices(&doc.operation.tenant, &doc.operation.uid).await.unwrap_or_default();
        choices.into_iter().filter(|choice| is_new(doc, choice)).filter_map(given).collect()
    }

    pub(super) async fn bundles(&self, tenant: &Name, uid: &str) -> Result<BTreeMap<String, Bundle>, AskError> {
        let prefix = codec::bundle_key(tenant, uid, "").id;
        let objects = codec::all(&self.store, Query::of(Kind::Bundle, tenant.as_str()).prefix(prefix.clone())).await?;
        let name = |id: &str| id.strip_prefix(&prefix).unwrap_or(id).to_owned();
        objects.iter().map(|object| Ok((name(&object.key.id), object.read()?))).collect()
    }

    /// The plan that was shown last, for `--plan ID`.
    pub(super) async fn shown(&self, tenant: &Name, name: &Name) -> Result<Option<Plan>, AskError> {
        let found = self.store.get(&shown_key(tenant, name)).await?;
        Ok(found.map(|object| object.read()).transpose()?)
    }
}

/// What runs on the cluster already is in its figures.
fn is_new(doc: &OperationDoc, choice: &Choice) -> bool {
    let before = doc.before.as_ref().and_then(|slice| slice.placed.get(choice.function.as_str()));
    before.map(String::as_str) != choice.cluster.as_ref().map(Name::as_str)
}

/// One function's share of its site.
fn given(choice: Choice) -> Option<(Name, Vec<Pods>)> {
    let demand = choice.standing?.demands.into_iter().find(|demand| demand.function == choice.function)?;
    Some((choice.cluster?, demand.pods))
}
