//! The whole lab: up, down, and what lies between. Order and idempotence live here; each part knows how to make and
//! unmake itself. `down` removes what the record names and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::binaries::{self, Wanted};
use crate::cgroup::{self, Version};
use crate::cluster::Start;
use crate::command::wait_until;
use crate::error::{Doing, LabError, Result};
use crate::file::Plan;
use crate::images::{self, Archive, import};
use crate::machine::Machine;
use crate::network::{self, Wire};
use crate::place::Place;
use crate::process::ProcessId;
use crate::requirements;
use crate::state::{ClusterState, Lock, NETWORK, State};

/// The kernel's limit (IFNAMSIZ, less the zero byte).
const LONGEST_INTERFACE: usize = 15;

/// A lab of this computer.
pub(crate) struct Lab<'a> {
    pub(crate) place: &'a Place,
    /// Words for the person who waits.
    pub(crate) tell: &'a (dyn Fn(&str) + Sync),
}

impl Lab<'_> {
    /// Makes the lab; one that is up already is left as it is, but for images that changed.
    pub(crate) fn up(&self, plan: &Plan, bridge: Option<&Path>) -> Result<()> {
        let began = Instant::now();
        requirements::check()?;
        let _lock = Lock::take(self.place)?;
        let images = self.prepare(bridge)?;
        self.seconds(began, "programs and images are there");
        if let Some(state) = State::read(self.place)? {
            if state.ready && self.all_run(&state) {
                return self.refresh(state, plan, &images);
            }
            (self.tell)("removing what an earlier lab left");
            self.remove(&state)?;
        }
        network::check_delay(&plan.wan)?;
        let state = self.make(plan)?;
        self.seconds(began, "network");
        self.each(&state, &images, |start| start.run())?;
        let imported: BTreeMap<_, _> = images.iter().map(|image| (image.name.clone(), image.digest.clone())).collect();
        let mut state = State { ready: true, ..state };
        state.clusters.values_mut().for_each(|cluster| cluster.images.clone_from(&imported));
        state.write(self.place)?;
        self.seconds(began, "the lab is up");
        Ok(())
    }

    fn seconds(&self, began: Instant, what: &str) {
        (self.tell)(&format!("{:5.1} s  {what}", began.elapsed().as_secs_f32()));
    }

    /// Programs and image archives, in the cache; one lab at a time builds.
    pub(crate) fn prepare(&self, bridge: Option<&Path>) -> Result<Vec<Archive>> {
        let _turn = Lock::shared(&self.place.cache, "build")?;
        binaries::ensure(&self.place.cache, &Wanted::All, &|words| (self.tell)(words))?;
        if bridge.is_none() {
            (self.tell)(
                "no `sliceway` program is beside this one: the image lab.local/senml:1 is left out (--bridge PATH names one)",
            );
        }
        images::ensure(&self.place.cache, bridge)
    }

    /// Only programs.
    pub(crate) fn build(&self, wanted: &Wanted) -> Result<()> {
        let _turn = Lock::shared(&self.place.cache, "build")?;
        binaries::ensure(&self.place.cache, wanted, &|words| (self.tell)(words))
    }

    fn all_run(&self, state: &State) -> bool {
        state.clusters.iter().all(|(name, cluster)| self.machine(name, cluster).running().is_some())
    }

    pub(crate) fn machine<'m>(&'m self, name: &'m str, cluster: &'m ClusterState) -> Machine<'m> {
        Machine { place: self.place, cluster: name, groups: &cluster.groups }
    }

    fn refresh(&self, mut state: State, plan: &Plan, images: &[Archive]) -> Result<()> {
        if state.plan != *plan {
            return Err(LabError::refused(
                "the lab is up, made from another file",
                "sliceway-lab down, then up again with this file",
            ));
        }
        self.import_changed(&mut state, images, None)?;
        self.each(&state, images, |start| {
            let name = &start.cluster.name;
            if network::seen(self.place, name)?.0 == Wire::Cut {
                (self.tell)(&format!("{name} is off the network and stays so; next: sliceway-lab wan restore {name}"));
                return Ok(());
            }
            start.settle()
        })?;
        (self.tell)("the lab is already up");
        Ok(())
    }

    /// Brings the lab's own images up to date in clusters that run.
    pub(crate) fn reload(&self, bridge: Option<&Path>, only: Option<&str>) -> Result<()> {
        let _lock = Lock::take(self.place)?;
        let mut state = State::existing(self.place)?;
        let images = self.prepare(bridge)?;
        self.import_changed(&mut state, &images, only)
    }

    fn import_changed(&self, state: &mut State, images: &[Archive], only: Option<&str>) -> Result<()> {
        for (name, cluster) in state.clusters.iter_mut().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
            for image in images {
                if cluster.images.get(&image.name) != Some(&image.digest) {
                    import(&self.machine(name, cluster), &image.file)?;
                    cluster.images.insert(image.name.clone(), image.digest.clone());
                    (self.tell)(&format!("{name}: imported {}, which is new or changed", image.name));
                }
            }
        }
        state.write(self.place)
    }

    /// Writes the record, then makes the network.
    fn make(&self, plan: &Plan) -> Result<State> {
        let _turn = Lock::shared(&self.place.base, NETWORK)?;
        let version = Version::detect()?;
        let management = network::management(plan)?;
        let mut state = State {
            plan: plan.clone(),
            namespaces: network::namespaces(self.place, plan),
            links: plan.clusters.iter().map(|cluster| self.place.label(&cluster.name)).collect(),
            clusters: BTreeMap::new(),
            ready: false,
        };
        for (cluster, management) in plan.clusters.iter().zip(&management) {
            let groups = version.folders(&self.place.label(&cluster.name));
            state.clusters.insert(
                cluster.name.clone(),
                ClusterState { management: *management, groups, images: BTreeMap::new() },
            );
        }
        self.refuse_strangers(&state)?;
        state.write(self.place)?;
        network::create(self.place, plan, &management)?;
        Ok(state)
    }

    /// What stands under our names before we made it is not ours to remove.
    fn refuse_strangers(&self, state: &State) -> Result<()> {
        if let Some(long) = state.links.iter().find(|link| link.len() > LONGEST_INTERFACE) {
            return Err(LabError::refused(
                format!("`{long}` is too long for the name of a network interface"),
                "take a shorter --name, or shorter cluster names in the lab file",
            ));
        }
        let namespaces = state.namespaces.iter().map(|name| Path::new("/run/netns").join(name));
        let links = state.links.iter().map(|name| Path::new("/sys/class/net").join(name));
        match namespaces.chain(links).find(|path| path.exists()) {
            None => Ok(()),
            Some(path) => Err(LabError::refused(
                format!("{} is there, and no lab in {} made it", path.display(), self.place.base.display()),
                "take another name with --name, or set SLICEWAY_LAB_DIR to the folder of the lab that made it and run `down`",
            )),
        }
    }

    /// Works on the clusters side by side; the first failure is told, after all have ended.
    fn each(&self, state: &State, images: &[Archive], work: impl Fn(&Start<'_>) -> Result<()> + Sync) -> Result<()> {
        let starts: Vec<Start<'_>> = state
            .plan
            .clusters
            .iter()
            .filter_map(|cluster| Some((cluster, state.clusters.get(&cluster.name)?)))
            .map(|(cluster, state)| Start { place: self.place, cluster, state, images, tell: self.tell })
            .collect();
        std::thread::scope(|scope| {
            let running: Vec<_> = starts.iter().map(|start| scope.spawn(|| work(start))).collect();
            let ended = running
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            ended.collect::<Vec<Result<()>>>().into_iter().collect()
        })
    }

    /// Removes the lab; none is fine.
    pub(crate) fn down(&self) -> Result<()> {
        let began = Instant::now();
        let lock = Lock::take(self.place)?;
        match State::read(self.place)? {
            Some(state) => {
                self.remove(&state)?;
                self.seconds(began, "the lab is down");
            }
            None => (self.tell)("there is no lab to take down"),
        }
        lock.forget(self.place)
    }

    fn remove(&self, state: &State) -> Result<()> {
        for (name, cluster) in &state.clusters {
            self.machine(name, cluster).end()?;
        }
        // What still runs in a namespace of ours was started there by `exec`, or by a machine whose end was not seen.
        for namespace in &state.namespaces {
            let pids = network::processes(namespace)?;
            pids.into_iter().filter_map(ProcessId::of).try_for_each(ProcessId::end)?;
        }
        network::remove(&state.namespaces, &state.links)?;
        let groups: Vec<PathBuf> = state.clusters.values().flat_map(|cluster| cluster.groups.clone()).collect();
        let mut failure = None;
        // The kernel may take a moment to let the processes of a group go.
        drop(wait_until("the end of the control groups", Duration::from_secs(10), || {
            failure = cgroup::remove(&groups).err();
            failure.is_none()
        }));
        if let Some(failure) = failure {
            return Err(failure);
        }
        fs::remove_dir_all(&self.place.dir).doing("remove", &self.place.dir)
    }
}
