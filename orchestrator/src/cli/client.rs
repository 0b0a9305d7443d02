//! Calls to the API.

use super::context::Context;
use super::error::Failed;
use super::exit;
use reqwest::{Certificate, Method, Response};
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
    tenant: Option<String>,
}

/// A good answer.
pub(crate) struct Answer {
    pub(crate) body: Value,
}

impl Client {
    pub(crate) fn new(context: &Context) -> Result<Self, Failed> {
        let server = context.server.clone().unwrap_or_else(|| "http://127.0.0.1:7300".into());
        let mut builder = reqwest::Client::builder().connect_timeout(Duration::from_secs(5)).no_proxy();
        if let Some(path) = &context.ca {
            let fault = |error: &dyn std::fmt::Display| Failed::usage(format!("{}: {error}", path.display()));
            let pem = std::fs::read(path).map_err(|error| fault(&error))?;
            let ca = Certificate::from_pem(&pem).map_err(|error| fault(&error))?;
            builder = builder.tls_certs_merge([ca]);
        }
        let http = builder.build().map_err(|error| Failed::new(exit::FAILED, error.to_string()))?;
        Ok(Self {
            http,
            server: server.trim_end_matches('/').to_owned(),
            token: context.token.clone(),
            tenant: context.tenant.clone(),
        })
    }

    /// The same in another tenant.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Self {
        Self {
            http: self.http.clone(),
            server: self.server.clone(),
            token: self.token.clone(),
            tenant: Some(tenant.to_owned()),
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.server));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(tenant) = &self.tenant {
            request = request.header("Sliceway-Tenant", tenant);
        }
        request
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, Failed> {
        let response = request.timeout(PATIENCE).send().await.map_err(|error| self.unreachable(&error))?;
        answer(response).await
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failed {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let cause = cause.to_string();
        let failed = |next: &str| {
            Failed::new(exit::UNREACHABLE, format!("the server at {} cannot be reached: {cause}", self.server))
                .next(next)
        };
        if cause.contains("UnknownIssuer") || cause.contains("CaUsedAsEndEntity") {
            return failed(
                "its certificate is signed by nobody whom this computer knows; name who signed it: \
                           sliceway login --server URL --token T --ca FILE",
            );
        }
        if cause.contains("invalid HTTP version") {
            return failed("it speaks TLS: write https:// before its name");
        }
        if error.is_builder() {
            return failed("write the whole address: --server https://HOST:PORT or http://HOST:PORT");
        }
        failed(super::error::RESTART)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failed> {
        Ok(self.send(self.request(Method::GET, path)).await?.body)
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> Result<Answer, Failed> {
        self.send(self.request(Method::POST, path).header("content-type", "application/json").body(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        let request = self.request(Method::PUT, path).header("content-type", "application/json");
        Ok(self.send(request.body(body.to_string())).await?.body)
    }

    /// A file as it is.
    pub(crate) async fn put_bytes(&self, path: &str, bytes: Vec<u8>) -> Result<Value, Failed> {
        let request = self.request(Method::PUT, path).header("content-type", "application/octet-stream");
        Ok(self.send(request.body(bytes)).await?.body)
    }

    /// Only where nothing is there yet.
    pub(crate) async fn put_new(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        let request = self.request(Method::PUT, path).header("content-type", "application/json");
        Ok(self.send(request.header("if-none-match", "*").body(body.to_string())).await?.body)
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Answer, Failed> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Every item of a list, page by page, and the revision from which on a watch tells what is not in it.
    pub(crate) async fn all(&self, path: &str) -> Result<(Vec<Value>, u64), Failed> {
        let join = if path.contains('?') { '&' } else { '?' };
        let (mut items, mut begin) = (Vec::new(), None);
        let mut next = String::new();
        loop {
            let page = self.get(&format!("{path}{join}limit=500{next}")).await?;
            begin = begin.or(page["revision"].as_u64());
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(marker) => next = format!("&marker={marker}"),
                None => return Ok((items, begin.unwrap_or(0))),
            }
        }
    }

    /// A stream of server-sent events.
    pub(crate) async fn watch(&self, path: &str) -> Result<Response, Failed> {
        let response = self.request(Method::GET, path).send().await.map_err(|error| self.unreachable(&error))?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(answer(response).await.err().unwrap_or_else(|| Failed::new(exit::FAILED, "no stream"))),
        }
    }
}

/// As a value of a query, or as a segment of a path.
pub(crate) fn escape(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn answer(response: Response) -> Result<Answer, Failed> {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.map_err(|error| Failed::new(exit::UNREACHABLE, error.to_string()))?;
    let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| text());
    if (200..300).contains(&status) { Ok(Answer { body }) } else { Err(Failed::of(status, &body)) }
}
