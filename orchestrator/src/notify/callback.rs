//! The way to subscribers: only to addresses that are allowed, by TLS with the authorities that are trusted, within a time.

use super::subscription::{NewSubscription, Subscription};
use adapters::Sealed;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(10);
/// A token is asked for again after a day.
const LONGEST_TOKEN_S: u64 = 86_400;
/// An answer with a token is no longer.
const TOKEN: usize = 64 << 10;

/// Where to, and how it says who it is there.
struct Way<'s> {
    id: &'s str,
    callback: &'s str,
    authentication: Option<&'s str>,
}

/// Why a subscriber was not told, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// A bearer token, and until when it is good.
type Tokens = HashMap<String, (String, Instant)>;

#[derive(Clone)]
pub struct Callbacks {
    client: Client,
    /// What addresses begin with; empty: any.
    allow: Arc<Vec<String>>,
    tokens: Arc<Mutex<Tokens>>,
}

impl Callbacks {
    pub fn new(allow: Vec<String>, authorities: &[u8]) -> Result<Self, String> {
        let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(DEADLINE);
        let builder = match authorities {
            [] => builder,
            pem => {
                let known = reqwest::Certificate::from_pem_bundle(pem).map_err(|error| error.to_string())?;
                known.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate)
            }
        };
        let client = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { client, allow: Arc::new(allow), tokens: Arc::default() })
    }

    /// Whether it may be called at all.
    pub fn allowed(&self, address: &str) -> Result<(), Unreachable> {
        let parsed =
            reqwest::Url::parse(address).map_err(|error| Unreachable(format!("{address:?} is no address: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.username().is_empty() || parsed.password().is_some()
        {
            return Err(Unreachable(format!("{address:?} is no address of http or https without a user in it")));
        }
        let plain = parsed.as_str();
        let within = |allowed: &String| {
            let rest = plain.strip_prefix(allowed.as_str());
            rest.is_some_and(|rest| allowed.ends_with('/') || rest.is_empty() || rest.starts_with(['/', '?']))
        };
        match self.allow.is_empty() || self.allow.iter().any(within) {
            true => Ok(()),
            false => Err(Unreachable(format!("{address} is not among the addresses that may be called"))),
        }
    }

    /// Whether somebody answers there (SOL013 8.3): 204.
    pub async fn test(&self, of: &NewSubscription) -> Result<(), Unreachable> {
        self.allowed(&of.callback)?;
        let way = Way { id: "", callback: &of.callback, authentication: of.authentication.as_deref() };
        self.sent((way, &of.secrets), self.client.get(&of.callback)).await
    }

    pub async fn tell(
        &self,
        (of, secrets): (&Subscription, &[(String, Sealed)]),
        body: &Value,
    ) -> Result<(), Unreachable> {
        self.allowed(&of.callback)?;
        let way = Way { id: &of.id, callback: &of.callback, authentication: of.authentication.as_deref() };
        self.sent((way, secrets), self.client.post(&of.callback).json(body)).await
    }

    async fn sent(
        &self,
        (of, secrets): (Way<'_>, &[(String, Sealed)]),
        request: RequestBuilder,
    ) -> Result<(), Unreachable> {
        let text = |name: &str| {
            let found = secrets.iter().find(|(known, _)| known == name);
            found.and_then(|(_, value)| std::str::from_utf8(value).ok()).unwrap_or_default()
        };
        let request = match of.authentication {
            Some("BASIC") => request.basic_auth(text("userName"), Some(text("password"))),
            Some("OAUTH2_CLIENT_CREDENTIALS") => request.bearer_auth(self.token(of.id, text).await?),
            _ => request,
        };
        let answer = request.send().await.map_err(|error| Unreachable(told(&error)))?;
        match answer.status().as_u16() {
            204 => Ok(()),
            status => {
                if status == 401 {
                    self.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(of.id);
                }
                Err(Unreachable(format!("{} answers {status}, not 204", of.callback)))
            }
        }
    }

    /// RFC 6749 4.4.
    async fn token<'s>(&self, id: &str, text: impl Fn(&str) -> &'s str) -> Result<String, Unreachable> {
        // Before there is a subscription, nothing is remembered of it.
        let known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some((token, _)) = known.filter(|(_, end)| *end > Instant::now()) {
            return Ok(token);
        }
        let endpoint = text("tokenEndpoint");
        self.allowed(endpoint)?;
        let request = self.client.post(endpoint).basic_auth(text("clientId"), Some(text("clientPassword")));
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").body("grant_type=client_credentials");
        let answer = request.send().await.map_err(|error| Unreachable(told(&error)))?;
        let status = answer.status();
        let body: Value = serde_json::from_slice(&bounded(answer).await?).unwrap_or_default();
        let Some(token) = body["access_token"].as_str().filter(|_| status.is_success()) else {
            return Err(Unreachable(format!("{endpoint} gives no token: {status}")));
        };
        let life = body["expires_in"].as_u64().unwrap_or(60).clamp(5, LONGEST_TOKEN_S) - 5;
        let life = Duration::from_secs(life);
        if !id.is_empty() {
            let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            tokens.insert(id.to_owned(), (token.to_owned(), Instant::now() + life));
        }
        Ok(token.to_owned())
    }
}

async fn bounded(mut answer: reqwest::Response) -> Result<Vec<u8>, Unreachable> {
    let mut all = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| Unreachable(told(&error)))? {
        all.extend_from_slice(&piece);
        if all.len() > TOKEN {
            return Err(Unreachable("the answer with the token is too long".into()));
        }
    }
    Ok(all)
}

/// With its causes, of which the last says most.
fn told(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    words
}
