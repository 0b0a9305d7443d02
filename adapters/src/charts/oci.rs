//! OCI registries as Helm uses them: a chart is a repository, a version is a tag with `_` for `+`, and the archive is
//! the one layer of Helm's media type.

use super::fault::{Fault, Reason};
use super::http::{body, hex};
use super::origin::{Bounds, Login, Origin, oci};
use super::why::{Known, status, why};
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use reqwest::redirect::Policy;
use reqwest::{Url, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWrite;

const LAYER: [&str; 2] = ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];
const MANIFEST: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
const PAGE: usize = 1_000;
/// A manifest, or a page of tags.
const DOCUMENT_BYTES: usize = 4 << 20;
const CONNECT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(super) struct OciRegistry<'a> {
    origin: &'a Origin,
    bounds: &'a Bounds,
    client: Client,
    auth: RegistryAuth,
    host: String,
    folder: String,
    base: Url,
    /// For what `oci-client` would read without a limit.
    http: reqwest::Client,
}

/// What a manifest names: its own digest, and the archive.
pub(super) struct Pulled {
    pub(super) digest: String,
    pub(super) archive: Vec<u8>,
}

/// Which manifest of a chart.
#[derive(Debug, Clone)]
pub(super) enum Which {
    Tag(String),
    Digest(String),
}

impl<'a> OciRegistry<'a> {
    pub(super) fn new(origin: &'a Origin, bounds: &'a Bounds) -> Result<Self, Fault> {
        Self::open(origin, bounds).map_err(|reason| reason.of(&origin.name, None))
    }

    fn open(origin: &'a Origin, bounds: &'a Bounds) -> Result<Self, Reason> {
        let Place { host, folder, base } = Place::of(&origin.url)?;
        let plain = base.scheme() == "http";
        let authorities = origin
            .ca
            .iter()
            .map(|pem| Certificate { encoding: CertificateEncoding::Pem, data: pem.as_bytes().to_vec() });
        let config = ClientConfig {
            protocol: if plain { ClientProtocol::Http } else { ClientProtocol::Https },
            tls_certs_only: authorities.collect(),
            connect_timeout: Some(CONNECT.min(bounds.deadline)),
            read_timeout: Some(bounds.deadline),
            ..ClientConfig::default()
        };
        let mut http =
            reqwest::Client::builder().redirect(Policy::limited(5)).connect_timeout(CONNECT.min(bounds.deadline));
        if let Some(authorities) = origin.authorities()? {
            http = http.tls_certs_only(authorities);
        }
        let http = http.build().map_err(|error| Reason::Ca { cause: error.to_string() })?;
        let client = Client::try_from(config).map_err(|error| Reason::Ca { cause: error.to_string() })?;
        let auth = match &origin.login {
            Login::None => RegistryAuth::Anonymous,
            Login::Basic { username, password } => RegistryAuth::Basic(username.clone(), password.to_string()),
            Login::Bearer(token) => RegistryAuth::Bearer(token.to_string()),
        };
        Ok(Self { origin, bounds, client, auth, host, folder, base, http })
    }

    /// Every tag of a chart, as the registry spells them.
    pub(super) async fn tags(&self, chart: &str) -> Result<Vec<String>, Fault> {
        let list = async {
            let mut all: Vec<String> = Vec::new();
            let mut last = String::new();
            loop {
                let path = format!("tags/list?n={PAGE}{last}");
                let page: Tags = read(&self.ask(chart, (&path, "application/json")).await?)?;
                let fresh: Vec<String> =
                    page.tags.unwrap_or_default().into_iter().filter(|tag| !all.contains(tag)).collect();
                let more = fresh.len() >= PAGE;
                all.extend(fresh);
                match all.last() {
                    Some(tag) if more && all.len() <= self.bounds.tags => last = format!("&last={tag}"),
                    Some(_) | None => return Ok(all),
                }
            }
        };
        self.timed(list).await.map_err(|reason| reason.of(&self.origin.name, Some(chart)))
    }

    pub(super) async fn pull(&self, chart: &str, which: Which) -> Result<Pulled, Fault> {
        self.timed(self.pulled(chart, which)).await.map_err(|reason| reason.of(&self.origin.name, Some(chart)))
    }

    async fn pulled(&self, chart: &str, which: Which) -> Result<Pulled, Reason> {
        let (name, promised) = match which {
            Which::Tag(tag) => (tag.replace('+', "_"), None),
            Which::Digest(digest) => (digest.to_lowercase(), Some(digest.to_lowercase())),
        };
        let url = format!("{}v2/{}", self.base, self.path(chart));
        let manifest = self.ask(chart, (&format!("manifests/{name}"), &MANIFEST.join(", "))).await?;
        let digest = format!("sha256:{}", hex(&manifest));
        if let Some(expected) = promised.filter(|promised| *promised != digest) {
            return Err(Reason::Digest { url, expected, actual: digest });
        }
        let layer = layer(&manifest)?;
        let (client, limit) = (self.client.clone(), self.bounds.archive_bytes);
        if layer.size < 0 || layer.size as u64 > limit as u64 {
            return Err(Reason::TooLarge { url, limit });
        }
        let image = self.image(chart);
        let pull = async move {
            let mut archive = Bounded { bytes: Vec::new(), limit };
            match client.pull_blob(&image, &layer, &mut archive).await {
                Err(OciDistributionError::IoError(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
                    Ok(Err(Reason::TooLarge { url, limit }))
                }
                done => done.map(|()| Ok(archive.bytes)),
            }
        };
        let archive = self.apart(chart, pull).await??;
        Ok(Pulled { digest, archive })
    }

    /// A small document below the chart's path, with the login that the registry asks for.
    async fn ask(&self, chart: &str, (path, accept): (&str, &str)) -> Result<Vec<u8>, Reason> {
        let url = below(&self.base, &format!("{}/{path}", self.path(chart)))?;
        let request = self.http.get(url.clone()).header(header::ACCEPT, accept);
        let request = match (self.token(chart).await?, &self.origin.login) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Login::Basic { username, password }) => request.basic_auth(username, Some(password.as_str())),
            (None, Login::None | Login::Bearer(_)) => request,
        };
        let response = request.send().await.map_err(|error| why(&error, &url))?;
        match response.status().is_success() {
            true => body(response, &url, DOCUMENT_BYTES).await,
            false => Err(status(response.status().as_u16(), url.as_str(), self.known())),
        }
    }

    /// The token that is got for what is known of us, if the registry lets in by tokens.
    async fn token(&self, chart: &str) -> Result<Option<String>, Reason> {
        self.careful().await?;
        let (client, auth, image) = (self.client.clone(), self.auth.clone(), self.image(chart));
        self.apart(chart, async move { client.auth(&image, &auth, RegistryOperation::Pull).await }).await
    }

    /// A password that goes over TLS to the registry must not go in the clear to where the registry has its tokens made.
    async fn careful(&self) -> Result<(), Reason> {
        if self.base.scheme() == "http" || !matches!(self.origin.login, Login::Basic { .. }) {
            return Ok(());
        }
        let url = self.base.join("v2/").map_err(|error| Reason::Registry { cause: error.to_string() })?;
        let answer = self.http.get(url.clone()).send().await.map_err(|error| why(&error, &url))?;
        let challenges = answer.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let in_clear = |word: &str| word.to_lowercase().replace([' ', '"'], "").contains("realm=http://");
        match challenges.filter_map(|value| value.to_str().ok()).any(in_clear) {
            true => {
                Err(Reason::Redirect { url: url.to_string(), cause: "for a token from HTTPS to plain HTTP".into() })
            }
            false => Ok(()),
        }
    }

    fn known(&self) -> Known {
        if matches!(self.auth, RegistryAuth::Anonymous) { Known::Nobody } else { Known::Somebody }
    }

    fn image(&self, chart: &str) -> Reference {
        Reference::with_tag(self.host.clone(), self.path(chart), "latest".into())
    }

    fn path(&self, chart: &str) -> String {
        joined(&self.folder, chart)
    }

    async fn timed<T>(&self, call: impl Future<Output = Result<T, Reason>>) -> Result<T, Reason> {
        let hangs = || Reason::Hangs { url: self.base.to_string(), seconds: self.bounds.deadline.as_secs() };
        tokio::time::timeout(self.bounds.deadline, call).await.unwrap_or_else(|_| Err(hangs()))
    }

    /// In a task of its own: `oci-client` believes what it is told, and gives up where it is told nonsense.
    async fn apart<T: Send + 'static>(
        &self,
        chart: &str,
        call: impl Future<Output = Result<T, OciDistributionError>> + Send + 'static,
    ) -> Result<T, Reason> {
        let task = tokio::spawn(tokio::time::timeout(self.bounds.deadline, call));
        match task.await {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(error))) => Err(self.reason(chart, error)),
            Ok(Err(_)) => Err(Reason::Hangs { url: self.base.to_string(), seconds: self.bounds.deadline.as_secs() }),
            Err(_) => Err(Reason::Registry { cause: "it makes no sense to the client".into() }),
        }
    }

    fn reason(&self, chart: &str, error: OciDistributionError) -> Reason {
        let at = format!("{}v2/{}", self.base, self.path(chart));
        match error {
            OciDistributionError::RequestError(error) if error.is_timeout() => {
                Reason::Hangs { url: at, seconds: self.bounds.deadline.as_secs() }
            }
            OciDistributionError::RequestError(error) => why(&error, error.url().unwrap_or(&self.base)),
            OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
                status(401, &at, self.known())
            }
            OciDistributionError::ServerError { code, .. } => status(code, &at, self.known()),
            OciDistributionError::RegistryError { envelope, .. } => match envelope.errors.first().map(|e| &e.code) {
                Some(OciErrorCode::Denied) => Reason::Forbidden { url: at },
                Some(OciErrorCode::BlobUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound) => {
                    Reason::NotFound { url: at }
                }
                _ => Reason::Registry { cause: envelope.to_string() },
            },
            OciDistributionError::DigestError(DigestError::VerificationError { expected, actual }) => {
                Reason::Digest { url: at, expected, actual }
            }
            other => Reason::Registry { cause: other.to_string() },
        }
    }
}

/// An `oci://` address in its parts.
struct Place {
    host: String,
    folder: String,
    base: Url,
}

impl Place {
    fn of(url: &str) -> Result<Self, Reason> {
        let bad = |cause: &str| Reason::Address { url: url.to_owned(), cause: cause.to_owned() };
        let rest = oci(url).ok_or_else(|| bad("it is no registry"))?.trim_end_matches('/');
        let (host, folder) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() || host.contains('@') {
            return Err(bad("it must be oci://HOST/PATH, without credentials"));
        }
        // What is asked for stands behind it; nothing of it may become a question, or lead up.
        if rest.contains(['?', '#', '\\', '%']) || folder.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(bad("it must be oci://HOST/PATH, and nothing else"));
        }
        let scheme = if url.starts_with("oci+http://") { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{host}/")).map_err(|error| bad(&error.to_string()))?;
        Ok(Self { host: host.to_owned(), folder: folder.to_owned(), base })
    }
}

fn joined(folder: &str, chart: &str) -> String {
    if folder.is_empty() { chart.to_owned() } else { format!("{folder}/{chart}") }
}

/// Where something of the registry's API is.
fn below(base: &Url, path: &str) -> Result<Url, Reason> {
    base.join(&format!("v2/{path}")).map_err(|error| Reason::Registry { cause: error.to_string() })
}

/// For the fuzzer: where a chart is asked for at an address.
#[cfg(any(test, feature = "fuzz"))]
pub(super) fn asked(url: &str, chart: &str) -> Option<Url> {
    let Place { folder, base, .. } = Place::of(url).ok()?;
    below(&base, &format!("{}/tags/list", joined(&folder, chart))).ok()
}

/// For the fuzzer: what is read of an answer.
#[cfg(any(test, feature = "fuzz"))]
pub(super) fn tags_and_layer(bytes: &[u8]) {
    let _ = read::<Tags>(bytes).map(|page| page.tags);
    let _ = layer(bytes);
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Reason> {
    serde_json::from_slice(bytes).map_err(|error| Reason::Registry { cause: error.to_string() })
}

fn layer(manifest: &[u8]) -> Result<OciDescriptor, Reason> {
    let manifest: OciImageManifest = read(manifest)?;
    let found = manifest.layers.into_iter().find(|layer| LAYER.contains(&layer.media_type.as_str()));
    let none = "what stands there is no Helm chart: it has no layer of a chart's media type";
    found.ok_or_else(|| Reason::Registry { cause: none.into() })
}

/// Takes bytes until there are too many.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl AsyncWrite for Bounded {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.bytes.len() + bytes.len() > this.limit {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        this.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
