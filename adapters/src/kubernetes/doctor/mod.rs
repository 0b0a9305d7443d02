//! A look at a cluster before somebody relies on it. Every check runs by itself: what cannot be read is said to be
//! unknown, and the others still run. It changes nothing and runs nothing on the cluster.

mod capacity;
mod certificates;
mod clock;
mod deprecations;
mod network;
mod peer;
mod rights;
mod storage;
mod version;

use super::catalog::Catalog;
use super::way::Way;
use super::wire::Wire;
use crate::deadline::within;
use crate::port::{Call, PortError};
use futures::future::BoxFuture;
use jiff::Timestamp;
use models::checkup::{Check, Finding, Question};
use serde_json::Value;
use std::time::Instant;

/// Whom the checks look at.
pub(super) struct Patient<'a> {
    pub(super) wire: &'a Wire,
    pub(super) catalog: Result<&'a Catalog, PortError>,
    pub(super) way: &'a Way,
    pub(super) question: &'a Question,
    /// When the question was asked.
    pub(super) asked: Instant,
}

type Looked<'a> = BoxFuture<'a, Result<Check, PortError>>;

impl Patient<'_> {
    pub(super) async fn checks(&self, call: &Call) -> Vec<Check> {
        let all: [(&str, Looked<'_>); 8] = [
            ("version", Box::pin(version::check(self))),
            ("certificates", Box::pin(certificates::check(self))),
            ("clock", Box::pin(clock::check(self))),
            ("rights", Box::pin(rights::check(self))),
            ("network policy", Box::pin(network::check(self))),
            ("storage", Box::pin(storage::check(self))),
            ("capacity", Box::pin(capacity::check(self))),
            ("deprecations", Box::pin(deprecations::check(self))),
        ];
        let each = all.into_iter().map(|(name, look)| async move {
            match within(call, self.wire.target(), look).await {
                Ok(check) => check,
                Err(error) => unknown(name, &error),
            }
        });
        let mut checks: Vec<Check> = futures::future::join_all(each).await;
        checks.insert(checks.len() - 2, self.runtimes(call).await);
        checks
    }

    async fn runtimes(&self, call: &Call) -> Check {
        match within(call, self.wire.target(), storage::runtimes(self)).await {
            Ok(check) => check,
            Err(error) => unknown("runtime classes", &error),
        }
    }

    /// The first page of a list: enough to know by, and bounded.
    async fn some(&self, path: &str) -> Result<Vec<Value>, PortError> {
        let answer = self.wire.get(&format!("{path}?limit=500")).await?;
        let list = self.wire.ok(answer, &self.wire.itself(path))?;
        Ok(list.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// By the clock that the question came with.
    fn now(&self) -> Timestamp {
        self.question.now + self.asked.elapsed()
    }

    fn catalog(&self) -> Result<&Catalog, PortError> {
        self.catalog.clone()
    }
}

/// A cluster that does not answer fails; a part of it that we may not see is unknown.
fn unknown(name: &str, error: &PortError) -> Check {
    let failed = matches!(error, PortError::Unreachable { .. } | PortError::Unauthorized { .. }) && name == "version";
    let state = if failed { Finding::Failed } else { Finding::Unknown };
    let next = error.next();
    let next = next.split_once(", then: ").map_or(next.as_str(), |(help, _)| help);
    Check::new(name, state, error.to_string()).next(next)
}

/// `a, b, c and 4 more`
fn listed(names: &[String]) -> String {
    match names {
        [one, two, three, rest @ ..] if !rest.is_empty() => format!("{one}, {two}, {three} and {} more", rest.len()),
        all => all.join(", "),
    }
}
