//! Puts the parts of a server together, and takes them apart in order.

use crate::api::{self, App, Parts, ServeError};
use crate::assurance::Assurance;
use crate::auth::Tokens;
use crate::catalogue::identity;
use crate::catalogue::{
    CatalogueError, ChartSources, Clusters, Packages, Registry, Repositories, Services, Shelf, Templates, Tenants,
};
use crate::config::{Config, HousekeepingConfig, NotificationsConfig};
use crate::housekeeping::{self, Housekeeping, Keep, Trust};
use crate::notify::{Callbacks, Couriers, Scribe, Subscriptions};
use crate::ops::{Engine, Limits, Means, OpsError};
use crate::plan::Rendering;
use crate::slices::{Picked, Scan, Slices};
use crate::store::{Blobs, Options, Sqlite, Store, StoreError, Vault};
pub use crate::store::{Clock, Random};
use adapters::charts::Bounds;
use adapters::helm::{Helm, HelmError, Limits as HelmLimits, locate};
use adapters::kubernetes::ExecPolicy;
use adapters::local::Local;
use jiff::SignedDuration;
use models::Name;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Vault(String),
    #[error(transparent)]
    Helm(#[from] HelmError),
    #[error(transparent)]
    Ops(#[from] OpsError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("notifications: {0}")]
    Notifications(String),
    #[error("{path}: {cause}")]
    File { path: PathBuf, cause: std::io::Error },
}

pub struct Server {
    app: Arc<App>,
    store: Arc<dyn Store>,
    blobs: Arc<Blobs>,
    trust: Arc<Trust>,
    engine: Engine,
    slices: Arc<Slices>,
    clusters: Clusters,
    config: Config,
    data: PathBuf,
    first: Option<Zeroizing<String>>,
}

impl Server {
    /// Opens the data folder, and goes on with what was open. Listens to nothing yet.
    pub async fn start(config: &Config, (clock, random): (Clock, Random)) -> Result<Self, StartError> {
        let data = config.data();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&data, Options::new(clock.clone()))?);
        let trust = Arc::new(Trust::of(store.as_ref(), clock.clone()).await?);
        let (vault, blobs) = sealed((&store, &data), (&clock, &random)).await?;
        let worker = locate(config.repositories.helm_worker.as_deref(), &data)?;
        let helm = Arc::new(Helm::new(worker, HelmLimits::default()));
        let local = keys(config, clock.clone());
        let exec = if config.clusters.allow_exec { ExecPolicy::Allow } else { ExecPolicy::Refuse };
        let holder = identity::holder(&store, (&clock, &random)).await?;
        let registry = Registry::new(Arc::clone(&store), Arc::clone(&vault), Arc::new(local), exec).held_by(holder);
        let registry = Arc::new(registry);
        let engine = Engine::new(Means {
            store: Arc::clone(&store),
            vault: Arc::clone(&vault),
            blobs: Arc::clone(&blobs),
            ports: Arc::clone(&registry) as Arc<dyn crate::ops::Ports>,
            clock: clock.clone(),
            random: random.clone(),
            limits: Limits {
                per_target: config.limits.calls_per_cluster,
                call_deadline: Duration::from_secs(config.limits.call_deadline_s),
                ..Limits::default()
            },
        })
        .await?;
        registry.lend(engine.safe());
        // Whoever writes from here on writes under the fence.
        let store = engine.store();
        let tokens = Tokens::new(Arc::clone(&store), clock.clone(), random.clone());
        let tenants = Tenants::new(Arc::clone(&store));
        let first = first_token(&tokens, &tenants.default().await?, &data).await?;
        let clusters = Clusters::new(Arc::clone(&store), registry, clock.clone()).every(config.clusters.look_every());
        let repositories = Repositories::new(Shelf {
            store: Arc::clone(&store),
            vault: Arc::clone(&vault),
            blobs: Arc::clone(&blobs),
            helm: Arc::clone(&helm),
            clock: clock.clone(),
            allow_paths: config.repositories.allow_paths.clone(),
            bounds: bounds(config),
        });
        let packages = Packages::new(repositories.clone(), random.clone());

        let renderer = Arc::new(Rendering { helm, blobs: Arc::clone(&blobs), finder: Arc::new(clusters.clone()) });
        let known = (Arc::new(clusters.clone()) as _, Arc::new(ChartSources::new(&packages)) as _);
        let slices = Slices::new(Arc::clone(&store), engine.clone(), renderer, known);
        let parts = Parts {
            store: Arc::clone(&store),
            engine: engine.clone(),
            slices: Arc::clone(&slices),
            tokens,
            tenants,
            clusters: clusters.clone(),
            repositories,
            services: Services::new(packages.clone()),
            templates: Templates::new(Arc::clone(&store), clock.clone()),
            packages,
            subscriptions: Subscriptions::new((Arc::clone(&store), vault), (clock.clone(), random)),
            callbacks: callbacks(&config.notifications)?,
            clock: clock.clone(),
            limits: config.limits.of_requests(),
        };
        match engine.recover().await? {
            0 => {}
            resumed => tracing::info!(resumed, "went on with open operations"),
        }
        let (app, config) = (App::new(parts), config.clone());
        Ok(Self { app, store, blobs, trust, engine, slices, clusters, config, data, first })
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The administrator's token of the first run.
    pub fn first_token(&self) -> Option<&Zeroizing<String>> {
        self.first.as_ref()
    }

    /// Serves until `stop`, then lets calls in flight end.
    pub async fn run(&self, stop: CancellationToken, ready: impl FnOnce(SocketAddr)) -> Result<(), StartError> {
        let looks = async { tokio::join!(self.look(stop.clone()), self.renew(stop.clone()), self.scan(stop.clone())) };
        let at = (self.config.listen(), self.config.tls());
        let serve = api::serve(Arc::clone(&self.app), at, stop.clone(), ready);
        let (served, _, ()) = tokio::join!(
            async {
                let served = serve.await;
                stop.cancel();
                served
            },
            looks,
            async {
                tokio::join!(
                    self.housekeeping(stop.clone()).run(),
                    self.assurance().run(stop.clone()),
                    self.notify(stop.clone())
                );
            }
        );
        self.engine.shutdown().await;
        Ok(served?)
    }

    /// Writes down what happens, and gives it to those who have subscribed.
    async fn notify(&self, stop: CancellationToken) {
        let scribe = Scribe::new(Arc::clone(&self.store), self.app.clock.clone());
        let public = self.config.notifications.public_url.clone().unwrap_or_default();
        let public = public.trim_end_matches('/').to_owned();
        let couriers = Couriers::new(self.app.subscriptions.clone(), self.app.callbacks.clone(), public);
        tokio::join!(scribe.run(stop.clone()), couriers.run(stop));
    }

    /// Renews certificates before they end.
    async fn renew(&self, stop: CancellationToken) {
        let life = Duration::from_secs(self.config.certificates.life_s.get().into());
        let every = (life / 30).clamp(Duration::from_millis(100), Duration::from_secs(3_600));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            let Some(now) = self.trust.now() else { continue };
            if let Err(error) = self.slices.renew(now).await {
                tracing::warn!(%error, "certificates that are due could not be looked for");
            }
        }
    }

    fn assurance(&self) -> Arc<Assurance> {
        let work = (self.engine.clone(), Arc::clone(&self.slices));
        let ears = Arc::new(self.clusters.clone());
        Assurance::new(Arc::clone(&self.store), work, ears, self.config.clusters.scan_every())
    }

    fn housekeeping(&self, stop: CancellationToken) -> Housekeeping {
        let means = housekeeping::Means {
            store: Arc::clone(&self.store),
            engine: self.engine.clone(),
            blobs: Arc::clone(&self.blobs),
            trust: Arc::clone(&self.trust),
            keep: keep(&self.config.housekeeping),
        };
        Housekeeping::new(means, stop)
    }

    /// Looks at the clusters again and again; what follows from it holds up no look.
    async fn look(&self, stop: CancellationToken) {
        let (drain, clear) = (Notify::new(), Notify::new());
        let looks = async {
            let mut looked = self.clusters.look_at_all().await;
            loop {
                self.trust.look();
                if let Err(error) = looked {
                    tracing::warn!(%error, "the clusters' health could not be written");
                }
                drain.notify_one();
                clear.notify_one();
                looked = self.clusters.look_when_due().await;
            }
        };
        let drains = async {
            loop {
                drain.notified().await;
                if let Err(error) = self.drain().await {
                    tracing::warn!(%error, "clusters could not be drained; tried again later");
                }
            }
        };
        let clears = async {
            loop {
                clear.notified().await;
                if let Err(error) = self.slices.clear_orphans().await {
                    tracing::warn!(%error, "what was left on clusters could not be taken away; tried again later");
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = looks => {}
            () = drains => {}
            () = clears => {}
        }
    }

    /// One step for each cluster that is on its way out.
    async fn drain(&self) -> Result<(), CatalogueError> {
        let (clusters, revisions): (Vec<_>, Vec<_>) = self.clusters.draining().await?.into_iter().unzip();
        match self.slices.move_off(&clusters).await {
            Ok(left) => {
                for ((cluster, waits_for), rev) in left.into_iter().zip(revisions) {
                    self.clusters.drained((&cluster, rev), waits_for).await?;
                }
            }
            Err(error) => tracing::warn!(%error, "clusters are not drained yet"),
        }
        Ok(())
    }

    /// Looks for orphans on the clusters again and again.
    async fn scan(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.config.clusters.scan_every()) => {}
            }
            match self.slices.scan(&Picked::default()).await {
                Ok(Scan { found: 1.., .. }) => tracing::warn!("there are new orphans; see: sliceway orphans"),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "orphans could not be looked for; tried again later"),
            }
        }
    }
}

fn keep(config: &HousekeepingConfig) -> Keep {
    let days = |days: NonZeroU16| SignedDuration::from_hours(24 * i64::from(days.get()));
    Keep {
        operations: days(config.operations_days),
        per_slice: config.operations_per_slice.into(),
        plans: days(config.plans_days),
        blobs: Duration::from_secs(3600 * u64::from(config.blobs_hours.get())),
    }
}

/// What makes keys and certificates.
/// Where secrets are kept, and contents by their digests.
async fn sealed(
    (store, data): (&Arc<dyn Store>, &Path),
    (clock, random): (&Clock, &Random),
) -> Result<(Arc<Vault>, Arc<Blobs>), StartError> {
    let locked = |error: &dyn std::fmt::Display| StartError::Vault(error.to_string());
    let vault = Vault::unlock(data, store.as_ref(), random.clone()).await.map_err(|error| locked(&error))?;
    let vault = Arc::new(vault);
    let blobs = Blobs::open(data, Arc::clone(&vault), clock.clone()).map_err(|error| locked(&error))?;
    Ok((vault, Arc::new(blobs)))
}

fn callbacks(config: &NotificationsConfig) -> Result<Callbacks, StartError> {
    let authorities = match &config.ca_file {
        Some(path) => std::fs::read(path).map_err(|cause| StartError::File { path: path.clone(), cause })?,
        None => vec![],
    };
    Callbacks::new(config.allow.clone(), &authorities).map_err(StartError::Notifications)
}

fn keys(config: &Config, clock: Clock) -> Local {
    let now = move || jiff::Timestamp::try_from(clock.now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let life = SignedDuration::from_secs(config.certificates.life_s.get().into());
    Local::new(Arc::new(now), Arc::new(ring::rand::SystemRandom::new())).with_life(life)
}

fn bounds(config: &Config) -> Bounds {
    let mut bounds = Bounds::default();
    if let Some(seconds) = config.repositories.deadline_s {
        bounds.deadline = Duration::from_secs(seconds.get().into());
    }
    bounds
}

/// Made once, written once, for its owner only; on disk before the store knows of it.
async fn first_token(tokens: &Tokens, tenant: &Name, data: &Path) -> Result<Option<Zeroizing<String>>, StartError> {
    let Some(issued) = tokens.first(tenant).await? else { return Ok(None) };
    let path = data.join("admin.token");
    write_down(&path, issued.token.as_bytes()).map_err(|cause| StartError::File { path, cause })?;
    tokens.keep(&issued).await?;
    Ok(Some(issued.token))
}

fn write_down(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // The store's folder: its own names are flushed in the same way.
    path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}
