//! Requests to an API server, and what its refusals mean.

use super::access::Access;
use super::catalog::encoded;
use crate::port::PortError;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use kube::client::{Body, Client};
use models::Name;
use models::resource::{ResourceId, Target};
use serde_json::Value;
use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Items of a list that are asked for at once.
const PAGE: usize = 500;
/// A page of large objects fits; what is larger is no answer to us.
const LARGEST_BODY: usize = 64 << 20;
/// Of all pages of a list together; a server that always has one more would fill the memory.
const LARGEST_LIST: usize = 256 << 20;
/// Nor more pages: half a million of objects.
const MOST_PAGES: usize = 1_000;
/// A watch with bookmarks says something about once a minute, and ends by itself before this.
const SILENCE: Duration = Duration::from_secs(330);
/// A list of nothing but metadata: no value of a Secret comes along.
pub(super) const METADATA: &str = "application/json;g=meta.k8s.io;v=v1;as=PartialObjectMetadataList";
/// Each object of a watch as nothing but its metadata.
pub(super) const METADATA_OF_ONE: &str = "application/json;g=meta.k8s.io;v=v1;as=PartialObjectMetadata";
pub(super) const WHOLE: &str = "application/json";
/// Every cluster has it, and no two the same one.
const ITSELF: &str = "/api/v1/namespaces/kube-system";

pub(super) struct Wire {
    target: Name,
    access: Access,
    certificate_end: Option<Timestamp>,
    /// The uid of the cluster that is meant, where it is known.
    meant: Option<String>,
    /// Whether it was that which answered.
    met: AtomicBool,
    /// Requests that were sent.
    calls: AtomicU64,
}

/// What came back, whatever it was.
pub(super) struct Answer {
    pub(super) status: u16,
    body: Vec<u8>,
    retry_after_s: Option<u64>,
    /// What names this version of it, where the server says so.
    pub(super) etag: Option<String>,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A Kubernetes API says that the object is not there. A page that is not found says nothing about it.
    pub(super) fn is_absent(&self) -> bool {
        self.status == 404 && self.json().get("reason").and_then(Value::as_str) == Some("NotFound")
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The message of a Status, or the beginning of what came instead of one.
    pub(super) fn message(&self) -> String {
        match self.json().get("message").and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => self.text().chars().take(300).collect(),
        }
    }
}

impl Wire {
    pub(super) fn new(target: Name, access: Access, certificate_end: Option<Timestamp>) -> Self {
        let (met, calls) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { target, access, certificate_end, meant: None, met, calls }
    }

    /// Speaks to that cluster and to no other.
    pub(super) fn to(self, uid: String) -> Self {
        Self { meant: Some(uid), ..self }
    }

    pub(super) fn target(&self) -> &str {
        self.target.as_str()
    }

    pub(super) fn target_name(&self) -> &Name {
        &self.target
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, PortError> {
        self.send(Method::GET, path, ("application/json", Vec::new())).await
    }

    /// Every item of a list, page by page, in the form that `accept` names.
    pub(super) async fn list(&self, path: &str, asked: (&str, &str)) -> Result<Vec<Value>, PortError> {
        Ok(self.list_at(path, asked).await?.0)
    }

    /// With the version of the list: what changes after it is told by a watch from there.
    pub(super) async fn list_at(
        &self,
        path: &str,
        (query, accept): (&str, &str),
    ) -> Result<(Vec<Value>, String), PortError> {
        let mut all = Vec::new();
        let mut next = String::new();
        let mut bytes = 0;
        for _ in 0..MOST_PAGES {
            let answer = self.get_as(&format!("{path}?limit={PAGE}&{query}{next}"), accept).await?;
            bytes += answer.body.len();
            if bytes > LARGEST_LIST {
                break;
            }
            let mut page = self.ok(answer, &self.itself(path))?;
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                all.extend(items);
            }
            match page.pointer("/metadata/continue").and_then(Value::as_str) {
                None | Some("") => {
                    let version = page.pointer("/metadata/resourceVersion").and_then(Value::as_str);
                    return Ok((all, version.unwrap_or_default().to_owned()));
                }
                Some(token) => next = format!("&continue={}", encoded(token)),
            }
        }
        let cause = format!("the list at {path} has no end within {MOST_PAGES} pages and {} MiB", LARGEST_LIST >> 20);
        Err(PortError::Unreachable { target: self.target.to_string(), cause })
    }

    /// Names the cluster's own side in an error.
    pub(super) fn itself(&self, path: &str) -> ResourceId {
        let target = Target::Cluster(self.target.clone());
        ResourceId { target, kind: "api".into(), namespace: String::new(), name: path.to_owned() }
    }

    /// With the content type of server-side apply; JSON is YAML.
    pub(super) async fn apply(&self, path: &str, manifest: &Value) -> Result<Answer, PortError> {
        self.send(Method::PATCH, path, ("application/apply-patch+yaml", manifest.to_string().into_bytes())).await
    }

    /// A merge patch by a manager of its own: none of the fields that we apply becomes another's.
    pub(super) async fn merge(&self, path: &str, patch: &Value) -> Result<Answer, PortError> {
        let path = format!("{path}?fieldManager=sliceway-recount");
        self.send(Method::PATCH, &path, ("application/merge-patch+json", patch.to_string().into_bytes())).await
    }

    /// What stands beside an answer, and how long it took.
    pub(super) async fn headers(&self, path: &str) -> Result<(HeaderMap, Duration), PortError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let request = Request::get(path).header("accept", WHOLE).body(Body::empty());
        let begun = Instant::now();
        let response = self.sent(request.map_err(|error| self.unreachable(&error))?).await?;
        Ok((response.headers().clone(), begun.elapsed()))
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, PortError> {
        self.send(Method::POST, path, ("application/json", body.to_string().into_bytes())).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Answer, PortError> {
        self.send(Method::PUT, path, ("application/json", body.to_string().into_bytes())).await
    }

    pub(super) async fn delete(&self, path: &str, options: &Value) -> Result<Answer, PortError> {
        self.send(Method::DELETE, path, ("application/json", options.to_string().into_bytes())).await
    }

    /// Aggregated discovery: everything that is served, in one answer; or 304, where it is still what `known` names.
    pub(super) async fn discovery(&self, path: &str, known: Option<&str>) -> Result<Answer, PortError> {
        let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
        let request = Request::get(path).header("accept", accept);
        let request = match known {
            Some(etag) => request.header("if-none-match", etag),
            None => request,
        };
        self.answer(request.body(Body::empty()).map_err(|error| self.unreachable(&error))?).await
    }

    async fn get_as(&self, path: &str, accept: &str) -> Result<Answer, PortError> {
        let request = Request::get(path).header("accept", accept).body(Body::empty());
        self.answer(request.map_err(|error| self.unreachable(&error))?).await
    }

    async fn send(&self, method: Method, path: &str, (kind, body): (&str, Vec<u8>)) -> Result<Answer, PortError> {
        let request = Request::builder().method(method).uri(path).header("content-type", kind).body(Body::from(body));
        self.answer(request.map_err(|error| self.unreachable(&error))?).await
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Waits for who is asked for what opens the cluster, where somebody is.
    pub(super) async fn opened(&self) -> Result<Client, PortError> {
        self.access.client().await.map_err(|error| self.unreachable(error.as_ref()))
    }

    /// What tells the cluster from every other; `None`: we may not read it.
    pub(super) async fn uid(&self) -> Result<Option<String>, PortError> {
        let request = Request::get(ITSELF).header("accept", WHOLE).body(Body::empty());
        let answer = self.read(self.posted(request.map_err(|error| self.unreachable(&error))?).await?).await?;
        match self.ok(answer, &self.itself(ITSELF)) {
            Ok(namespace) => Ok(namespace.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned)),
            Err(PortError::Forbidden { .. } | PortError::Invalid { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// That it is the one that is meant: asked once, before anything else is said to it.
    pub(super) async fn meet(&self) -> Result<(), PortError> {
        let Some(meant) = self.meant.as_ref().filter(|_| !self.met.load(Ordering::Relaxed)) else { return Ok(()) };
        match self.uid().await? {
            Some(uid) if uid != *meant => Err(another(&self.target, (&uid, meant))),
            Some(_) | None => {
                self.met.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    async fn sent(&self, request: Request<Body>) -> Result<Response<Body>, PortError> {
        self.meet().await?;
        self.posted(request).await
    }

    async fn posted(&self, request: Request<Body>) -> Result<Response<Body>, PortError> {
        let response = self.opened().await?.send(request).await.map_err(|error| self.lost(&error))?;
        if response.status().as_u16() == 401 {
            self.access.refused();
        }
        Ok(response)
    }

    async fn answer(&self, request: Request<Body>) -> Result<Answer, PortError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.read(self.sent(request).await?).await
    }

    async fn read(&self, response: Response<Body>) -> Result<Answer, PortError> {
        let status = response.status().as_u16();
        let headers = response.headers();
        let retry_after_s = header(headers, "retry-after").and_then(|text| text.parse().ok());
        let etag = header(headers, "etag").map(str::to_owned);
        let body = Limited::new(response.into_body(), LARGEST_BODY).collect().await;
        let body = body.map_err(|error| self.unreachable(error.as_ref()))?.to_bytes();
        Ok(Answer { status, body: body.into(), retry_after_s, etag })
    }

    /// Waits for the first event of a watch. `false`: there is none to be had.
    pub(super) async fn event(&self, path: &str) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let Ok(request) = Request::get(path).header("accept", WHOLE).body(Body::empty()) else { return false };
        let Ok(response) = self.sent(request).await else { return false };
        if response.status().as_u16() != 200 {
            return false;
        }
        let mut body = response.into_body();
        while let Some(Ok(frame)) = body.frame().await {
            if frame.data_ref().is_some_and(|data| !data.is_empty()) {
                return true;
            }
        }
        false
    }

    /// The events of a watch, one after the other.
    pub(super) async fn lines(&self, path: &str, accept: &str) -> Result<Lines, PortError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let request = Request::get(path).header("accept", accept).body(Body::empty());
        let request = request.map_err(|error| self.unreachable(&error))?;
        let response = self.sent(request).await?;
        if response.status().as_u16() != 200 {
            return Err(self.busy(format!("a watch is answered by {}", response.status().as_u16()), None));
        }
        Ok(Lines { target: self.target.to_string(), body: response.into_body(), rest: Vec::new(), searched: 0 })
    }

    /// The object of a good answer; otherwise what the refusal means.
    pub(super) fn ok(&self, answer: Answer, id: &ResourceId) -> Result<Value, PortError> {
        if let 200..=299 = answer.status {
            return Some(answer.json()).filter(Value::is_object).ok_or_else(|| self.odd(&answer));
        }
        let message = answer.message();
        match answer.status {
            300..=399 => Err(self.odd(&answer)),
            404 if !answer.json().is_object() => Err(self.odd(&answer)),
            401 => Err(self.unauthorized(message)),
            403 if waits(&message) => Err(self.busy(message, answer.retry_after_s)),
            403 if !answer.json().is_object() || missing_right(&message) => {
                Err(PortError::Forbidden { target: self.target.to_string(), cause: message })
            }
            403 => Err(PortError::Invalid { id: id.to_string(), cause: message }),
            404 if message.contains("namespaces") => Err(self.busy(message, None)),
            409 => Err(PortError::Stale { id: id.to_string() }),
            500 if unfit(&message) => Err(PortError::Invalid { id: id.to_string(), cause: message }),
            429 | 500..=599 => Err(self.busy(message, answer.retry_after_s)),
            _ => Err(PortError::Invalid { id: id.to_string(), cause: message }),
        }
    }

    pub(super) fn busy(&self, cause: String, retry_after_s: Option<u64>) -> PortError {
        PortError::Busy { target: self.target.to_string(), cause, retry_after_s }
    }

    /// Something in the way answered: a proxy, a login page.
    pub(super) fn odd(&self, answer: &Answer) -> PortError {
        let cause = format!("what answers is no Kubernetes API ({}): {}", answer.status, answer.message());
        PortError::Unreachable { target: self.target.to_string(), cause }
    }

    fn unauthorized(&self, message: String) -> PortError {
        let cause = match self.certificate_end {
            Some(end) => format!("{message}; the client certificate ends at {end}"),
            None => message,
        };
        PortError::Unauthorized { target: self.target.to_string(), cause }
    }

    fn lost(&self, error: &kube::Error) -> PortError {
        let words = chain(error);
        // An alert is what the server says of our certificate; without one it is what we say of the server's.
        if words.contains("alert: CertificateExpired") {
            return self.unauthorized(words);
        }
        if words.contains("certificate expired") || words.contains("certificate: Expired") {
            let cause = format!("the server's certificate has ended: {words}");
            return PortError::Unreachable { target: self.target.to_string(), cause };
        }
        if words.contains("UnknownIssuer") {
            let hint = "the server's certificate is not signed by the kubeconfig's CA (a leaf certificate given as CA is \
                        refused by our TLS library: give the CA itself)";
            return PortError::Unreachable { target: self.target.to_string(), cause: hint.into() };
        }
        self.unreachable(error)
    }

    fn unreachable(&self, error: &(dyn Error + 'static)) -> PortError {
        PortError::Unreachable { target: self.target.to_string(), cause: chain(error) }
    }
}

/// What answers is not the cluster that is meant.
pub fn another(target: &Name, (uid, meant): (&str, &str)) -> PortError {
    let cause =
        format!("another cluster answers than the one that was registered under this name (uid {uid}, it was {meant})");
    PortError::Forbidden { target: target.to_string(), cause }
}

/// JSON documents, one on each line.
pub(super) struct Lines {
    target: String,
    body: Body,
    rest: Vec<u8>,
    /// So much of the rest holds no end of a line.
    searched: usize,
}

impl Lines {
    /// `None`: the server ended it in order. A server that says nothing for too long is gone.
    pub(super) async fn next(&mut self) -> Result<Option<Value>, PortError> {
        loop {
            if let Some(end) = self.rest[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=self.searched + end).collect();
                self.searched = 0;
                return Ok(serde_json::from_slice(&line).ok());
            }
            self.searched = self.rest.len();
            if self.rest.len() > LARGEST_BODY {
                return Err(self.lost("an event without an end".into()));
            }
            match tokio::time::timeout(SILENCE, self.body.frame()).await {
                Err(_) => return Err(self.lost(format!("nothing was heard for {} s", SILENCE.as_secs()))),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(self.lost(chain(&error))),
                Ok(Some(Ok(frame))) => {
                    if let Some(data) = frame.data_ref() {
                        self.rest.extend_from_slice(data);
                    }
                }
            }
        }
    }

    fn lost(&self, cause: String) -> PortError {
        PortError::Unreachable { target: self.target.clone(), cause }
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// 403 also says "not now": a quota that is used up, a namespace on its way out, an account that is not there yet.
pub(super) fn waits(message: &str) -> bool {
    ["exceeded quota", "status unknown for quota", "being terminated", "error looking up service account"]
        .iter()
        .any(|sign| message.contains(sign))
}

/// 403 is a right that is missing only where it says who may not do what; otherwise a rule of the cluster (admission,
/// validation) refuses the object, and no right would help. A bare 403 is taken for a right.
fn missing_right(message: &str) -> bool {
    let subject = ["User \"", "user \"", "Group \""].iter().any(|sign| message.contains(sign));
    let words = message.trim().to_lowercase();
    (subject && message.contains(" cannot "))
        || words.is_empty()
        || words.ends_with("forbidden")
        || words.contains("rbac")
        || words.contains("not attempting to grant extra privileges")
}

/// An unknown field, or a value of the wrong form, is a 500 without a reason to server-side apply (seen on 1.36).
fn unfit(message: &str) -> bool {
    ["failed to create typed patch object", "failed to convert new object"].iter().any(|sign| message.contains(sign))
}

/// An error with its causes, without what is said twice.
fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        next = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_403_is_a_missing_right_only_where_it_says_who_may_not() {
        let right = r#"deployments.apps "gw" is forbidden: User "sliceway" cannot patch resource "deployments" in API group "apps""#;
        assert!(missing_right(right));
        for rule in [
            r#"persistentvolumeclaims "data" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"#,
            r#"admission webhook "policy.example" denied the request: no"#,
            r#"pods "x" is forbidden: violates PodSecurity "restricted:latest": host namespaces"#,
            r#"pods "x" is forbidden: maximum cpu usage per Container is 1, but limit is 2"#,
        ] {
            assert!(!missing_right(rule), "{rule}");
        }
    }
}
