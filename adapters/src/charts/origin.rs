//! A registered address with what it takes to be let in. Its secrets cannot be printed.

use super::fault::Reason;
use reqwest::{Certificate, Url};
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// What one call may take.
#[derive(Debug, Clone)]
pub struct Bounds {
    pub deadline: Duration,
    pub index_bytes: usize,
    pub archive_bytes: usize,
    /// Of a registry's tags for one chart.
    pub tags: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(20), index_bytes: 64 << 20, archive_bytes: 32 << 20, tags: 20_000 }
    }
}

#[derive(Clone, Default)]
pub enum Login {
    #[default]
    None,
    Basic {
        username: String,
        password: Zeroizing<String>,
    },
    Bearer(Zeroizing<String>),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

#[derive(Debug, Clone)]
pub struct Origin {
    /// The repository's name here.
    pub name: String,
    pub url: String,
    /// The only authorities that are believed, as PEM; absent: those of the system.
    pub ca: Option<String>,
    pub login: Login,
}

impl Origin {
    pub fn is_oci(&self) -> bool {
        oci(&self.url).is_some()
    }

    /// The address without what does not tell two apart.
    pub(super) fn plain(&self) -> String {
        plain(&self.url)
    }

    pub(super) fn address(&self) -> Result<Url, Reason> {
        let bad = |cause: String| Reason::Address { url: self.url.clone(), cause };
        let mut url = Url::parse(&self.url).map_err(|error| bad(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("it holds credentials; give them beside it, where they are kept sealed".into()));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(url)
    }

    pub(super) fn authorities(&self) -> Result<Option<Vec<Certificate>>, Reason> {
        let Some(pem) = &self.ca else { return Ok(None) };
        let bad = |cause: String| Reason::Ca { cause };
        let all = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| bad(error.to_string()))?;
        if all.is_empty() { Err(bad("it holds no certificate".into())) } else { Ok(Some(all)) }
    }
}

/// Host and path of an `oci://` address (`oci+http://` speaks without TLS).
pub(super) fn oci(url: &str) -> Option<&str> {
    url.strip_prefix("oci://").or_else(|| url.strip_prefix("oci+http://"))
}

pub(super) fn plain(url: &str) -> String {
    let url = url.trim_end_matches('/');
    oci(url).map_or_else(|| url.to_owned(), |rest| format!("oci://{rest}"))
}
