//! The server's configuration: one TOML file; flags and `SLICEWAY_*` override it. A key that is not known is an error.

use crate::api::{Limits, Tls};
use serde::Deserialize;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The data folder. Default: `~/.local/share/sliceway`.
    pub data: Option<PathBuf>,
    /// Where the API listens. Default: 127.0.0.1:7300.
    pub listen: Option<SocketAddr>,
    /// A PEM certificate chain and its key: serve TLS.
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    #[serde(default)]
    pub clusters: ClustersConfig,
    #[serde(default)]
    pub repositories: RepositoriesConfig,
    #[serde(default)]
    pub certificates: CertificatesConfig,
    #[serde(default)]
    pub limits: LimitsConfig,
    #[serde(default)]
    pub housekeeping: HousekeepingConfig,
    #[serde(default)]
    pub notifications: NotificationsConfig,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationsConfig {
    /// What callback addresses of subscribers, and of where their tokens come from, begin with. Default: any.
    #[serde(default)]
    pub allow: Vec<String>,
    /// A PEM file of authorities that subscribers' certificates may come from, beside the usual ones.
    pub ca_file: Option<PathBuf>,
    /// What links in notifications begin with, as https://nfvo.example.com. Default: they are paths.
    pub public_url: Option<String>,
}

const YEAR_S: NonZeroU32 = NonZeroU32::new(365 * 24 * 3_600).expect("a year is not zero");

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CertificatesConfig {
    /// Seconds that a certificate of a server or gateway is good for; it is renewed after two thirds of them.
    pub life_s: NonZeroU32,
}

impl Default for CertificatesConfig {
    fn default() -> Self {
        Self { life_s: YEAR_S }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClustersConfig {
    /// Kubeconfigs may run a program on the server to get credentials. Default: false.
    #[serde(default)]
    pub allow_exec: bool,
    /// Seconds between two looks at a cluster: one that went away is known after two of them. Default: 15.
    pub look_every_s: Option<NonZeroU32>,
    /// Seconds between two looks for orphans on every cluster. Default: 3600.
    pub scan_every_s: Option<NonZeroU32>,
}

impl ClustersConfig {
    pub fn look_every(&self) -> Duration {
        Duration::from_secs(self.look_every_s.map_or(15, NonZeroU32::get).into())
    }

    pub fn scan_every(&self) -> Duration {
        Duration::from_secs(self.scan_every_s.map_or(3_600, NonZeroU32::get).into())
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoriesConfig {
    /// Folders of the server that a repository's `path` may name. Default: none.
    #[serde(default)]
    pub allow_paths: Vec<PathBuf>,
    /// Seconds that a call to a repository or registry may take. Default: 20.
    pub deadline_s: Option<NonZeroU32>,
    /// The chart worker's program. Default: `sliceway-helm-worker` beside this program.
    pub helm_worker: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Requests per second and token.
    pub requests_per_second: u32,
    /// How many may come at once.
    pub burst: u32,
    /// Calls at one time on one cluster.
    pub calls_per_cluster: usize,
    /// Seconds that one call to a cluster may take.
    pub call_deadline_s: u64,
    /// Seconds that the head of a request, or a TLS handshake, may take.
    pub head_deadline_s: NonZeroU32,
    /// Seconds that the body of a request may take.
    pub body_deadline_s: NonZeroU32,
}

impl LimitsConfig {
    pub(crate) fn of_requests(&self) -> Limits {
        let seconds = |seconds: NonZeroU32| Duration::from_secs(seconds.get().into());
        Limits {
            rate: (self.requests_per_second, self.burst),
            head_deadline: seconds(self.head_deadline_s),
            body_deadline: seconds(self.body_deadline_s),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let seconds = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            requests_per_second: 200,
            burst: 400,
            calls_per_cluster: 8,
            call_deadline_s: 10,
            head_deadline_s: seconds(20),
            body_deadline_s: seconds(60),
        }
    }
}

/// How long what is over is kept. Each must be at least 1, but `operations_per_slice`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HousekeepingConfig {
    /// Days that an operation and its changes stay after it ended.
    pub operations_days: NonZeroU16,
    /// The newest ended operations of every slice stay, whatever their age.
    pub operations_per_slice: u16,
    /// Days that a plan which was shown can be applied by its id.
    pub plans_days: NonZeroU16,
    /// Hours that charts and bundles stay in `blobs/` which nothing refers to.
    pub blobs_hours: NonZeroU16,
}

impl Default for HousekeepingConfig {
    fn default() -> Self {
        let number = |n| NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN);
        Self { operations_days: number(30), operations_per_slice: 5, plans_days: number(7), blobs_hours: number(24) }
    }
}

impl Config {
    /// The file, if one is named.
    pub fn read(path: Option<&Path>) -> Result<Self, String> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// What `over` says counts more.
    #[must_use]
    pub fn with(self, over: &Config) -> Self {
        Self {
            data: over.data.clone().or(self.data),
            listen: over.listen.or(self.listen),
            tls_cert: over.tls_cert.clone().or(self.tls_cert),
            tls_key: over.tls_key.clone().or(self.tls_key),
            ..self
        }
    }

    pub fn data(&self) -> PathBuf {
        let home = || {
            std::env::var_os("HOME")
                .map_or_else(|| PathBuf::from("sliceway-data"), |h| Path::new(&h).join(".local/share/sliceway"))
        };
        self.data.clone().unwrap_or_else(home)
    }

    pub fn listen(&self) -> SocketAddr {
        self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7300)))
    }

    pub fn tls(&self) -> Option<Tls> {
        Some(Tls { certificate: self.tls_cert.clone()?, key: self.tls_key.clone()? })
    }
}
