//! What a good answer looks like, for the published document; the endpoint table names these. Nothing is answered from
//! here: the tests hold every answer of theirs against it.
#![expect(dead_code, reason = "these are descriptions; they are never made")]

use crate::auth::TokenRecord;
use crate::ops::Outlook;
use crate::plan::{Candidate, Plan};
use models::alarm::Drift;
use models::change::Failure;
use models::repository::PinnedDependency;
use models::slice::{AccessRule, DeviceProtocol, DeviceResource, Quality, Role as Part};
use models::tenant::Role;
use models::{ChangeState, Name, Operation, OrphanCause, Slice};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// The form of an answer.
pub(crate) trait Answer {
    /// Headers that it always has.
    const HEADERS: &'static [&'static str] = &[];
    /// Headers that it may have.
    const MORE: &'static [&'static str] = &[];

    /// By media type.
    fn content(generator: &mut SchemaGenerator) -> Value;
}

fn of_json<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    json!({"application/json": {"schema": generator.subschema_for::<T>()}})
}

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident [$($header:literal),*] [$($more:literal),*];)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name<T>(PhantomData<T>);

        impl<T: JsonSchema> Answer for $name<T> {
            const HEADERS: &'static [&'static str] = &[$($header),*];
            const MORE: &'static [&'static str] = &[$($more),*];

            fn content(generator: &mut SchemaGenerator) -> Value {
                of_json::<T>(generator)
            }
        }
    )*};
}

answers! {
    /// JSON, and nothing beside it.
    Shown [] [];
    /// One thing at one revision.
    Tagged ["ETag"] [];
    /// An operation that was begun.
    Begun ["Location"] [];
    /// What is on its way out.
    Going ["ETag", "Location"] [];
}

/// A part of a list.
pub(crate) struct Page<T>(PhantomData<T>);

impl<T: JsonSchema> Answer for Page<T> {
    const MORE: &'static [&'static str] = &["Link"];

    fn content(generator: &mut SchemaGenerator) -> Value {
        of_json::<Items<T>>(generator)
    }
}

/// A part of a list of SOL005's.
pub(crate) struct ListOf<T>(PhantomData<T>);

impl<T: JsonSchema> Answer for ListOf<T> {
    const MORE: &'static [&'static str] = &["Link"];

    fn content(generator: &mut SchemaGenerator) -> Value {
        json!({"application/json": {"schema": {"type": "array", "items": generator.subschema_for::<T>()}}})
    }
}

/// A content, of whatever type it is.
pub(crate) struct Raw;

impl Answer for Raw {
    const MORE: &'static [&'static str] = &["Content-Range"];

    fn content(_: &mut SchemaGenerator) -> Value {
        json!({"*/*": {}})
    }
}

/// It is there already.
pub(crate) struct Elsewhere;

impl Answer for Elsewhere {
    const HEADERS: &'static [&'static str] = &["Location"];

    fn content(_: &mut SchemaGenerator) -> Value {
        json!({})
    }
}

/// Begun, without a body.
pub(crate) struct Accepted;

impl Answer for Accepted {
    const HEADERS: &'static [&'static str] = &["Location"];

    fn content(_: &mut SchemaGenerator) -> Value {
        json!({})
    }
}

/// No body.
pub(crate) struct Nothing;

impl Answer for Nothing {
    fn content(_: &mut SchemaGenerator) -> Value {
        json!({})
    }
}

/// Metrics in OpenMetrics text.
pub(crate) struct Metrics;

impl Answer for Metrics {
    fn content(_: &mut SchemaGenerator) -> Value {
        json!({"application/openmetrics-text": {"schema": {"type": "string"}}})
    }
}

#[derive(JsonSchema)]
#[schemars(rename = "{T}List")]
struct Items<T> {
    items: Vec<T>,
    /// The marker of the page after this one; `null`: there is none.
    next: Option<String>,
    /// Where a watch misses nothing from.
    revision: u64,
    /// What could not be asked.
    #[schemars(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(JsonSchema)]
pub(crate) struct Whoami {
    tenant: Name,
    role: Role,
    /// The id of the token.
    token: String,
}

#[derive(JsonSchema)]
pub(crate) struct TokenMade {
    /// The token itself, which is seen here and nowhere else.
    token: String,
    record: TokenRecord,
}

/// A slice, and where it was asked for, what its clusters say now.
#[derive(JsonSchema)]
pub(crate) struct SliceShown {
    #[schemars(flatten)]
    slice: Slice,
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    state: Option<State>,
}

#[derive(JsonSchema)]
struct State {
    word: Word,
    /// The first reason.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Word {
    Ready,
    Drifted,
    Unknown,
    #[schemars(rename = "not ready")]
    NotReady,
}

/// A part of a slice.
#[derive(JsonSchema)]
#[schemars(rename = "{T}OfSlice")]
pub(crate) struct OfSlice<T> {
    #[schemars(flatten)]
    part: T,
    slice: Name,
    /// Where it stands, if it has a place.
    cluster: Option<String>,
    /// Host and port that devices dial.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
}

#[derive(JsonSchema)]
pub(crate) struct CredentialFiles {
    /// The contents of files by their names.
    files: BTreeMap<String, String>,
}

#[derive(JsonSchema)]
pub(crate) struct Unchanged {
    #[schemars(extend("const" = true))]
    unchanged: bool,
    slice: Slice,
    warnings: Vec<String>,
    /// Clusters that could not be read: what stands there was not compared.
    unread: Vec<Name>,
}

/// A plan where only that was asked for.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum PlanOrUnchanged {
    Plan(Box<Plan>),
    Unchanged(Box<Unchanged>),
}

#[derive(JsonSchema)]
pub(crate) struct Changing {
    #[schemars(extend("const" = false))]
    unchanged: bool,
    operation: Operation,
    plan: Plan,
}

#[derive(JsonSchema)]
pub(crate) struct Started {
    operation: Operation,
}

#[derive(JsonSchema)]
pub(crate) struct Explanation {
    choices: Vec<Chosen>,
}

#[derive(JsonSchema)]
struct Chosen {
    function: Name,
    cluster: Option<Name>,
    reason: String,
    candidates: Vec<Candidate>,
}

#[derive(JsonSchema)]
pub(crate) struct Description {
    slice: Slice,
    state: State,
    drift: Vec<String>,
    certificates: Vec<CertificateShown>,
    namespace: String,
    functions: Vec<FunctionShown>,
    devices: Vec<DeviceShown>,
    quality: Option<QualityShown>,
    access: Vec<AccessRule>,
    resources: Vec<ResourceShown>,
}

#[derive(JsonSchema)]
struct CertificateShown {
    name: String,
    ends: Option<String>,
    /// Its renewal is late.
    due: bool,
}

#[derive(JsonSchema)]
struct FunctionShown {
    name: Name,
    role: Part,
    cluster: Option<String>,
    chart: Option<String>,
    source: Option<crate::plan::bundle::ChartPin>,
    /// `null`: it cannot be known now.
    ready: Option<bool>,
    reason: Option<String>,
    volumes: Vec<String>,
}

#[derive(JsonSchema)]
struct DeviceShown {
    name: Name,
    gateway: Name,
    protocol: DeviceProtocol,
    endpoint: Option<String>,
    resources: Vec<DeviceResource>,
}

#[derive(JsonSchema)]
struct QualityShown {
    asked: Quality,
    enforced: bool,
}

#[derive(JsonSchema)]
struct ResourceShown {
    id: String,
    state: String,
}

#[derive(JsonSchema)]
pub(crate) struct ChartFound {
    repository: Name,
    name: String,
    version: String,
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    app_version: Option<String>,
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    deprecated: Option<bool>,
}

#[derive(JsonSchema)]
pub(crate) struct ChartShown {
    repository: Name,
    name: String,
    version: String,
    /// What its repository knows it by.
    source: Option<String>,
    /// Of the archive with its dependencies.
    digest: String,
    app_version: String,
    kube_version: String,
    description: String,
    #[schemars(rename = "type")]
    kind: String,
    deprecated: bool,
    dependencies: Vec<DependencyShown>,
    resolved: Vec<PinnedDependency>,
    readme: String,
    /// The file of defaults, with its comments.
    values: String,
    /// The JSON Schema of its values.
    schema: Option<Map<String, Value>>,
    /// What it would create with nothing but its own values ...
    creates: Vec<Created>,
    /// ... and why that cannot be told.
    creates_not: Option<String>,
}

/// As Chart.yaml says it.
#[derive(JsonSchema)]
struct DependencyShown {
    name: String,
    version: String,
    repository: String,
    alias: String,
    condition: String,
    tags: Vec<String>,
}

#[derive(JsonSchema)]
struct Created {
    kind: String,
    name: String,
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    api_version: Option<String>,
    /// The moments of a hook.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    hook: Option<Vec<String>>,
}

#[derive(JsonSchema)]
pub(crate) struct AlarmShown {
    id: String,
    slice: Name,
    cluster: String,
    drift: Drift,
    /// The first places that differ from what was written there.
    places: Vec<String>,
    since: jiff::Timestamp,
    /// When it was put back, within the last hour.
    healed: Vec<jiff::Timestamp>,
    /// What becomes of it.
    next: String,
}

#[derive(JsonSchema)]
pub(crate) struct OrphanShown {
    id: String,
    cluster: String,
    kind: String,
    namespace: String,
    name: String,
    /// The slice that made it; it may be gone, and its name may be another one's.
    slice: Name,
    uid: String,
    cause: OrphanCause,
    since: jiff::Timestamp,
    /// The operation that left it; empty where it was found.
    operation: String,
    /// What becomes of it, or what to type.
    next: String,
}

#[derive(JsonSchema)]
pub(crate) struct OrphansGoing {
    operations: Vec<Operation>,
    /// Lines that are struck out of the ledger: their clusters are not registered any more.
    struck: usize,
    /// What stays for now, and why.
    left: Vec<String>,
}

#[derive(JsonSchema)]
pub(crate) struct OrphansKept {
    adopted: Vec<OrphanShown>,
}

#[derive(JsonSchema)]
pub(crate) struct OperationExplained {
    operation: Operation,
    waiting: Option<Waiting>,
    /// Those that are under way or failed.
    steps: Vec<OpenStep>,
    /// What each open move would come to, or why it is refused.
    moves: Vec<MoveTold>,
    /// A newer operation may take the slice over.
    supersede: bool,
}

#[derive(JsonSchema)]
struct Waiting {
    r#for: String,
    since: Option<jiff::Timestamp>,
    until: Option<jiff::Timestamp>,
}

#[derive(JsonSchema)]
struct OpenStep {
    seq: u32,
    id: String,
    state: ChangeState,
    since: Option<jiff::Timestamp>,
    said: Option<String>,
    error: Option<Failure>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum MoveTold {
    Open(Outlook),
    Refused { refused: String },
}

/// RFC 9457; what else it has depends on its `type`.
#[derive(JsonSchema)]
pub(crate) struct Problem {
    /// `urn:sliceway:problem:` and a stable word.
    #[schemars(rename = "type", extend("pattern" = "^urn:sliceway:problem:[a-z-]+$"))]
    kind: String,
    title: String,
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// What to change.
    detail: String,
    /// What to do or to type next.
    #[schemars(default, skip_serializing_if = "String::is_empty")]
    next: String,
    /// Each thing that is wrong, with its place.
    #[schemars(default, skip_serializing_if = "Vec::is_empty")]
    problems: Vec<models::Problem>,
    /// The query parameter that is wrong ...
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// ... what it may be, or the methods that the path takes ...
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    allowed: Option<Vec<String>>,
    /// ... and what was meant.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    nearest: Option<String>,
    /// The operation in the way.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    /// Who still uses it.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    users: Option<Vec<String>>,
    /// What changed since the plan was shown.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    difference: Option<Vec<String>>,
    /// Whether a lack of room can pass by itself.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    passing: Option<bool>,
    /// Why each cluster was not taken.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    candidates: Option<Vec<Candidate>>,
}
