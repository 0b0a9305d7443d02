//! Errors on the wire: RFC 9457 problems that say what to change.

use crate::auth::Denied;
use crate::catalogue::CatalogueError;
use crate::ops::OpsError;
use crate::slices::AskError;
use crate::store::StoreError;
use models::Problem as Finding;
use serde_json::{Value, json};

/// What a 404 can send its reader to the list of.
const NOUNS: &[&str] = &[
    "tenant",
    "token",
    "cluster",
    "repository",
    "package",
    "service",
    "template",
    "slice",
    "gateway",
    "server",
    "function",
    "device",
    "operation",
    "subscription",
];

/// `application/problem+json`. `kind` is a stable word that becomes the `type`.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) detail: String,
    pub(crate) next: String,
    pub(crate) more: Value,
}

impl Problem {
    pub(crate) fn new(status: u16, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into(), next: String::new(), more: json!({}) }
    }

    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    fn more(mut self, more: Value) -> Self {
        self.more = more;
        self
    }

    /// Of a content, of which a range was asked for.
    pub(crate) fn size(self, bytes: u64) -> Self {
        self.more(json!({"size": bytes}))
    }

    pub(crate) fn not_found(what: impl std::fmt::Display) -> Self {
        let detail = format!("{what} does not exist");
        let noun = detail.split(' ').next().filter(|word| NOUNS.contains(word));
        let next = noun.map_or_else(|| "sliceway --help".to_owned(), |noun| format!("sliceway get {noun}"));
        Self::new(404, "not-found", detail).next(next)
    }

    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(400, "bad-request", detail)
    }

    pub(crate) fn method(path: &str, allowed: &[&str]) -> Self {
        let detail = format!("{path} takes {}", allowed.join(", "));
        Self::new(405, "method-not-allowed", detail).more(json!({"allowed": allowed})).next("see /openapi.json")
    }

    /// What the header `Allow` says.
    pub(crate) fn allowed(&self) -> String {
        let words = self.more["allowed"].as_array().into_iter().flatten().filter_map(Value::as_str);
        words.collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn findings(problems: &[Finding]) -> Self {
        let detail = problems.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n");
        Self::new(422, "invalid", detail).more(json!({"problems": problems})).next("mend the fields and send it again")
    }

    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "type": format!("urn:sliceway:problem:{}", self.kind),
            "title": self.kind.replace('-', " "),
            "status": self.status,
            "detail": self.detail,
        });
        if let (Some(body), Some(more)) = (body.as_object_mut(), self.more.as_object()) {
            if !self.next.is_empty() {
                body.insert("next".into(), json!(self.next));
            }
            body.extend(more.clone());
        }
        body
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self::new(403, "forbidden", denied.to_string())
            .next("ask an administrator for: sliceway token create --role ...")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict { .. } => {
                Self::new(412, "changed", error.to_string()).next("read it again, then send your change")
            }
            StoreError::Gone { .. } => {
                Self::new(410, "gone", error.to_string()).next("list again, and watch from there")
            }
            StoreError::Fenced => Self::new(503, "stopping", error.to_string()).next("ask the server that runs now"),
            StoreError::Unreadable { key, .. } => {
                tracing::error!(%error, "asked for");
                let detail = format!("{key} is stored in a form that this version cannot read");
                Self::new(500, "unreadable", detail).next("install the version that wrote it, or restore a backup")
            }
            other if other.retryable() => {
                tracing::warn!(%error, "the store cannot take a request now");
                Self::new(503, "store-not-ready", error.to_string()).next("send it again in a moment")
            }
            _ => {
                tracing::error!(%error, "the store failed");
                Self::new(500, "internal", "the server's store failed; its log says why").next("sliceway serve's log")
            }
        }
    }
}

impl From<CatalogueError> for Problem {
    fn from(error: CatalogueError) -> Self {
        match error {
            CatalogueError::NotFound(what) => Self::not_found(what),
            CatalogueError::Exists(_) => Self::new(409, "exists", error.to_string()),
            CatalogueError::InUse { ref users } => Self::new(409, "in-use", error.to_string())
                .more(json!({"users": users}))
                .next("delete or change those first"),
            CatalogueError::Problems(problems) => Self::findings(&problems),
            CatalogueError::Unfit(unfit) => Self::new(409, "illegal-state", unfit.message).next(unfit.next),
            CatalogueError::Unavailable(cause) => {
                Self::new(503, "unavailable", cause).next("send it again in a moment")
            }
            CatalogueError::Store(error) => error.into(),
        }
    }
}

impl From<OpsError> for Problem {
    fn from(error: OpsError) -> Self {
        let text = error.to_string();
        match error {
            OpsError::NotFound(id) => Self::not_found(format!("operation {id}")),
            OpsError::Busy { operation } => busy(operation),
            OpsError::Changed => {
                Self::new(409, "changed", text).next("sliceway get operations shows what happened; then try again")
            }
            OpsError::Held { .. } => Self::new(409, "held", text)
                .next("name it after the release in the chart or its values, or let the other slice go first"),
            OpsError::Vanished(_) => Self::new(409, "changed", text).next("apply it again, on what exists now"),
            OpsError::NotTold(_) => {
                Self::new(503, "store-not-ready", text).next("free the disk; sending it again changes nothing more")
            }
            OpsError::Illegal(illegal) => {
                let moves = illegal.state.moves().join(", ");
                let open = if moves.is_empty() { "it is final".to_owned() } else { format!("open moves: {moves}") };
                Self::new(409, "illegal-move", format!("{text}; {open}")).next("sliceway get operations")
            }
            OpsError::NoPlan => {
                Self::new(409, "no-plan", text).next("sliceway operation retry ID; or rollback, or fail")
            }
            OpsError::PastPointOfNoReturn { .. } => Self::new(409, "point-of-no-return", text)
                .next("sliceway operation retry ID; or continue, or fail, instead of retry"),
            OpsError::Unreadable(_) => Self::new(500, "unreadable", text).next("install the version that wrote it"),
            OpsError::Fenced | OpsError::Stopping => {
                Self::new(503, "stopping", text).next("ask the server that runs now")
            }
            OpsError::Store(error) => error.into(),
        }
    }
}

fn busy(operation: String) -> Problem {
    Problem::new(409, "busy", format!("operation {operation} holds the slice"))
        .next(format!("sliceway operation watch {operation}, or take over with --supersede"))
        .more(json!({"operation": operation}))
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        let text = error.to_string();
        match error {
            AskError::Problems(problems) => Self::findings(&problems),
            AskError::Busy { operation } => busy(operation),
            AskError::PlanChanged { difference } => Self::new(409, "plan-changed", text)
                .more(json!({"difference": difference}))
                .next("plan again, then apply that plan"),
            AskError::NotFound(what) => Self::not_found(what),
            AskError::NoPlace { passing, reasons, .. } => Self::new(409, "no-place", text)
                .more(json!({"passing": passing, "candidates": reasons}))
                .next(if passing {
                    "make room or bring a cluster back, then apply again"
                } else {
                    "change the site or add a cluster"
                }),
            AskError::Refused { reason, mend } => Self::new(409, "refused", reason).next(mend),
            AskError::Unavailable { cause } => Self::new(503, "unavailable", cause).next("send it again in a moment"),
            AskError::Ops(error) => error.into(),
            AskError::Store(error) => error.into(),
        }
    }
}
