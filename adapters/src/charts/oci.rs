//! OCI registries as Helm uses them: a chart is a repository, a version is a tag with `_` for `+`, and the archive is
//! the one layer of Helm's media type.

use super::fault::{Fault, Reason};
use super::origin::{Bounds, Login, Origin, oci};
use super::why::{Known, status, why};
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use reqwest::redirect::Policy;
use reqwest::{Url, header};
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
        let bad = |cause: &str| Reason::Address { url: origin.url.clone(), cause: cause.to_owned() };
        let rest = oci(&origin.url).ok_or_else(|| bad("it is no registry"))?.trim_end_matches('/');
        let (host, folder) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() || host.contains('@') {
            return Err(bad("it must be oci://HOST/PATH, without credentials"));
        }
        let plain = origin.url.starts_with("oci+http://");
        let scheme = if plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{host}/")).map_err(|error| bad(&error.to_string()))?;
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
        origin.authorities()?;
        let client = Client::try_from(config).map_err(|error| Reason::Ca { cause: error.to_string() })?;
        let auth = match &origin.login {
            Login::None => RegistryAuth::Anonymous,
            Login::Basic { username, password } => RegistryAuth::Basic(username.clone(), password.to_string()),
            Login::Bearer(token) => RegistryAuth::Bearer(token.to_string()),
        };
        Ok(Self { origin, bounds, client, auth, host: host.to_owned(), folder: folder.to_owned(), base })
    }

    /// A password that goes over TLS to the registry must not go in the clear to where the registry has its tokens made.
    async fn careful(&self, chart: &str) -> Result<(), Fault> {
        if self.base.scheme() == "http" || !matches!(self.origin.login, Login::Basic { .. }) {
            return Ok(());
        }
        let look = async {
            let mut builder = reqwest::Client::builder().timeout(self.bounds.deadline).redirect(Policy::none());
            if let Some(authorities) = self.origin.authorities()? {
                builder = builder.tls_certs_only(authorities);
            }
            let client = builder.build().map_err(|error| Reason::Ca { cause: error.to_string() })?;
            let url = self.base.join("v2/").map_err(|error| Reason::Registry { cause: error.to_string() })?;
            let answer = client.get(url.clone()).send().await.map_err(|error| match error.is_timeout() {
                true => Reason::Hangs { url: url.to_string(), seconds: self.bounds.deadline.as_secs() },
                false => why(&error, &url),
            })?;
            let challenges = answer.headers().get_all(header::WWW_AUTHENTICATE).iter();
            let in_clear = |word: &str| word.to_lowercase().contains("realm=\"http://");
            match challenges.filter_map(|value| value.to_str().ok()).any(in_clear) {
                true => {
                    Err(Reason::Redirect { url: url.to_string(), cause: "for a token from HTTPS to plain HTTP".into() })
                }
                false => Ok(()),
            }
        };
        look.await.map_err(|reason: Reason| reason.of(&self.origin.name, Some(chart)))
    }

    /// Every tag of a chart, as the registry spells them.
    pub(super) async fn tags(&self, chart: &str) -> Result<Vec<String>, Fault> {
        self.careful(chart).await?;
        let (client, auth, limit) = (self.client.clone(), self.auth.clone(), self.bounds.tags);
        let image = Reference::with_tag(self.host.clone(), self.path(chart), "latest".into());
        let list = async move {
            let mut all: Vec<String> = Vec::new();
            loop {
                let page = client.list_tags(&image, &auth, Some(PAGE), all.last().map(String::as_str)).await?;
                let fresh: Vec<String> = page.tags.into_iter().filter(|tag| !all.contains(tag)).collect();
                let more = fresh.len() >= PAGE;
                all.extend(fresh);
                if !more || all.len() > limit {
                    return Ok(all);
                }
            }
        };
        self.bounded(chart, list).await
    }

    pub(super) async fn pull(&self, chart: &str, which: Which) -> Result<Pulled, Fault> {
        self.careful(chart).await?;
        let (client, auth, limit) = (self.client.clone(), self.auth.clone(), self.bounds.archive_bytes);
        let image = match which {
            Which::Tag(tag) => Reference::with_tag(self.host.clone(), self.path(chart), tag.replace('+', "_")),
            Which::Digest(digest) => Reference::with_digest(self.host.clone(), self.path(chart), digest),
        };
        let url = format!("{}v2/{}", self.base, self.path(chart));
        let pull = async move {
            let (manifest, digest) = client.pull_manifest_raw(&image, &auth, &MANIFEST).await?;
            let layer = match layer(&manifest) {
                Ok(layer) => layer,
                Err(cause) => return Ok(Err(Reason::Registry { cause })),
            };
            if layer.size < 0 || layer.size as u64 > limit as u64 {
                return Ok(Err(Reason::TooLarge { url, limit }));
            }
            let mut archive = Bounded { bytes: Vec::new(), limit };
            match client.pull_blob(&image, &layer, &mut archive).await {
                Err(OciDistributionError::IoError(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
                    Ok(Err(Reason::TooLarge { url, limit }))
                }
                done => done.map(|()| Ok(Pulled { digest, archive: archive.bytes })),
            }
        };
        self.bounded(chart, pull).await?.map_err(|reason| reason.of(&self.origin.name, Some(chart)))
    }

    fn path(&self, chart: &str) -> String {
        if self.folder.is_empty() { chart.to_owned() } else { format!("{}/{chart}", self.folder) }
    }

    /// In a task of its own: the client of the registry believes what it is told, and gives up where it is told nonsense.
    async fn bounded<T: Send + 'static>(
        &self,
        chart: &str,
        call: impl Future<Output = Result<T, OciDistributionError>> + Send + 'static,
    ) -> Result<T, Fault> {
        let seconds = self.bounds.deadline.as_secs();
        let task = tokio::spawn(tokio::time::timeout(self.bounds.deadline, call));
        let reason = match task.await {
            Ok(Ok(Ok(done))) => return Ok(done),
            Ok(Ok(Err(error))) => self.reason(chart, error),
            Ok(Err(_)) => Reason::Hangs { url: self.base.to_string(), seconds },
            Err(_) => Reason::Registry { cause: "it makes no sense to the client".into() },
        };
        Err(reason.of(&self.origin.name, Some(chart)))
    }

    fn reason(&self, chart: &str, error: OciDistributionError) -> Reason {
        let known = if matches!(self.auth, RegistryAuth::Anonymous) { Known::Nobody } else { Known::Somebody };
        let at = format!("{}v2/{}", self.base, self.path(chart));
        match error {
            OciDistributionError::RequestError(error) if error.is_timeout() => {
                Reason::Hangs { url: at, seconds: self.bounds.deadline.as_secs() }
            }
            OciDistributionError::RequestError(error) => why(&error, error.url().unwrap_or(&self.base)),
            OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
                status(401, &at, known)
            }
            OciDistributionError::ServerError { code, .. } => status(code, &at, known),
            OciDistributionError::ImageManifestNotFoundError(_) => Reason::NotFound { url: at },
            OciDistributionError::RegistryError { envelope, .. } => {
                match envelope.errors.first().map(|error| &error.code) {
                    Some(OciErrorCode::Denied) => Reason::Forbidden { url: at },
                    Some(OciErrorCode::Unauthorized) => status(401, &at, known),
                    Some(OciErrorCode::Toomanyrequests) => Reason::Status { url: at, status: 429 },
                    Some(OciErrorCode::NameUnknown | OciErrorCode::ManifestUnknown | OciErrorCode::NotFound) => {
                        Reason::NotFound { url: at }
                    }
                    _ => Reason::Registry { cause: envelope.to_string() },
                }
            }
            OciDistributionError::DigestError(DigestError::VerificationError { expected, actual }) => {
                Reason::Digest { url: at, expected, actual }
            }
            other => Reason::Registry { cause: other.to_string() },
        }
    }
}

fn layer(manifest: &[u8]) -> Result<OciDescriptor, String> {
    let manifest: OciImageManifest =
        serde_json::from_slice(manifest).map_err(|error| format!("its manifest cannot be read: {error}"))?;
    let found = manifest.layers.into_iter().find(|layer| LAYER.contains(&layer.media_type.as_str()));
    found.ok_or_else(|| "what stands there is no Helm chart: it has no layer of a chart's media type".into())
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
