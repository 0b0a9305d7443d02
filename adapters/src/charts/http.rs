//! Helm's HTTP repositories: one index, archives beside it or elsewhere.
//!
//! Credentials go to the repository's own scheme, host and port and nowhere else, also not by a redirect.

use super::fault::{Fault, Reason};
use super::index::{Entry, Index};
use super::origin::{Bounds, Login, Origin};
use super::why::{Known, host, status, why};
use futures::StreamExt as _;
use reqwest::{Client, ClientBuilder, Response, Url, header, redirect};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const REDIRECTS: usize = 5;
const CONNECT: Duration = Duration::from_secs(5);

/// Clients that take what the machine takes, by their patience: its certificates, some hundred files, are read once.
static MACHINE: Mutex<BTreeMap<Duration, Client>> = Mutex::new(BTreeMap::new());

fn builder(connect: Duration) -> ClientBuilder {
    Client::builder().redirect(redirect::Policy::none()).connect_timeout(connect)
}

fn trusting_the_machine(connect: Duration) -> reqwest::Result<Client> {
    let mut known = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = known.get(&connect) {
        return Ok(client.clone());
    }
    // A connection that is kept would be of the runtime that made it.
    let client = builder(connect).pool_max_idle_per_host(0).build()?;
    known.insert(connect, client.clone());
    Ok(client)
}

pub(super) struct HttpRepository<'a> {
    origin: &'a Origin,
    base: Url,
    client: Client,
    bounds: &'a Bounds,
}

impl<'a> HttpRepository<'a> {
    pub(super) fn new(origin: &'a Origin, bounds: &'a Bounds) -> Result<Self, Fault> {
        let build = || {
            let base = origin.address()?;
            let connect = CONNECT.min(bounds.deadline);
            let client = match origin.authorities()? {
                Some(authorities) => builder(connect).tls_certs_only(authorities).build(),
                None => trusting_the_machine(connect),
            };
            Ok((base, client.map_err(|error| Reason::Ca { cause: error.to_string() })?))
        };
        let (base, client) = build().map_err(|reason: Reason| reason.of(&origin.name, None))?;
        Ok(Self { origin, base, client, bounds })
    }

    pub(super) async fn index(&self) -> Result<Index, Fault> {
        let read = async {
            let url = self.join("index.yaml")?;
            let bytes = self.get(&url, self.bounds.index_bytes).await?;
            let parse = tokio::task::spawn_blocking(move || Index::read(&bytes)).await;
            let parsed = parse.unwrap_or_else(|error| Err(error.to_string()));
            parsed.map_err(|cause| Reason::Index { url: url.to_string(), cause })
        };
        read.await.map_err(|reason: Reason| reason.of(&self.origin.name, None))
    }

    /// The archive of an entry, which is what the index says it is.
    pub(super) async fn archive(&self, chart: &str, entry: &Entry) -> Result<Vec<u8>, Fault> {
        self.fetch(entry).await.map_err(|reason| reason.of(&self.origin.name, Some(chart)))
    }

    async fn fetch(&self, entry: &Entry) -> Result<Vec<u8>, Reason> {
        let first = entry.urls.first().map(String::as_str).unwrap_or_default();
        let url = self.join(first)?;
        let promised = entry.digest.as_deref().map(|digest| digest.trim_start_matches("sha256:").to_lowercase());
        if self.base.scheme() == "https" && url.scheme() == "http" && promised.is_none() {
            let cause = "it goes over plain HTTP, and the index promises no digest".into();
            return Err(Reason::Address { url: url.to_string(), cause });
        }
        let bytes = self.get(&url, self.bounds.archive_bytes).await?;
        let actual = hex(&bytes);
        match promised {
            Some(expected) if expected != actual => Err(Reason::Digest { url: url.to_string(), expected, actual }),
            Some(_) | None => Ok(bytes),
        }
    }

    fn join(&self, reference: &str) -> Result<Url, Reason> {
        join(&self.base, reference)
    }

    async fn get(&self, url: &Url, limit: usize) -> Result<Vec<u8>, Reason> {
        let deadline = self.bounds.deadline;
        let hangs = || Reason::Hangs { url: url.to_string(), seconds: deadline.as_secs() };
        tokio::time::timeout(deadline, self.follow(url, limit)).await.unwrap_or_else(|_| Err(hangs()))
    }

    async fn follow(&self, url: &Url, limit: usize) -> Result<Vec<u8>, Reason> {
        let mut at = url.clone();
        for _ in 0..=REDIRECTS {
            let (request, known) = self.request(&at);
            let response = request.send().await.map_err(|error| why(&error, &at))?;
            if !response.status().is_redirection() {
                return match response.status().is_success() {
                    true => body(response, &at, limit).await,
                    false => Err(status(response.status().as_u16(), at.as_str(), known)),
                };
            }
            at = next(&response, &at)?;
        }
        Err(Reason::Redirect { url: url.to_string(), cause: format!("on and on, over more than {REDIRECTS} places") })
    }

    fn request(&self, at: &Url) -> (reqwest::RequestBuilder, Known) {
        let request = self.client.get(at.clone());
        let home = at.scheme() == self.base.scheme() && host(at) == host(&self.base);
        match &self.origin.login {
            Login::Basic { username, password } if home => {
                (request.basic_auth(username, Some(password.as_str())), Known::Somebody)
            }
            Login::Bearer(token) if home => (request.bearer_auth(token.as_str()), Known::Somebody),
            Login::None | Login::Basic { .. } | Login::Bearer(_) => (request, Known::Nobody),
        }
    }
}

/// Where a reference of the index leads.
pub(super) fn join(base: &Url, reference: &str) -> Result<Url, Reason> {
    let bad = |cause: String| Reason::Address { url: reference.to_owned(), cause };
    if reference.is_empty() {
        return Err(bad("the index names no address for it".into()));
    }
    let url = base.join(reference).map_err(|error| bad(error.to_string()))?;
    if url.scheme() == "oci" {
        let folder = reference.rsplit_once('/').map_or(reference, |(folder, _)| folder);
        return Err(bad(format!("it is in a registry; add that: sliceway repository add NAME --url {folder}")));
    }
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(bad("it is neither http nor https".into())) }
}

fn next(response: &Response, at: &Url) -> Result<Url, Reason> {
    let bad = |cause: &str| Reason::Redirect { url: at.to_string(), cause: cause.to_owned() };
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| bad("nowhere: the answer has no Location"))?;
    let to = at.join(location).map_err(|_| bad("to something that is no address"))?;
    match (at.scheme(), to.scheme()) {
        ("https", "http") => Err(bad("from HTTPS to plain HTTP")),
        (_, "http" | "https") => Ok(to),
        _ => Err(bad("to something that is neither http nor https")),
    }
}

pub(super) async fn body(response: Response, url: &Url, limit: usize) -> Result<Vec<u8>, Reason> {
    let large = || Reason::TooLarge { url: url.to_string(), limit };
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(large());
    }
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| why(&error, url))?;
        if bytes.len() + piece.len() > limit {
            return Err(large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
