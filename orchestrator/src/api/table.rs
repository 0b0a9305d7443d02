//! The table: every endpoint with its right, its handler and its words. Nothing is served that does not stand here.

use super::App;
use super::answers::{
    AlarmShown, Answer, Begun, Changing, ChartFound, ChartShown, CredentialFiles, Description, Explanation, Going,
    Metrics, Nothing, OfSlice, OperationExplained, OrphanShown, OrphansGoing, OrphansKept, Page, PlanOrUnchanged,
    Shown, SliceShown, Started, Tagged, TokenMade, Unchanged, Whoami,
};
use super::nfvo::SURFACE;
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::subscriptions::SubscriptionShown;
use super::{
    alarms, clusters, operations, orphans, packages, repositories, services, slices, subscriptions, templates, tenants,
    views,
};
use crate::auth::{Caller, TokenRecord};
use crate::catalogue::{PackageShown, TemplateSlice};
use crate::ops::{OperationView, Outlook};
use crate::plan::Plan;
use crate::slices::Scan;
use futures::future::BoxFuture;
use models::Operation;
use models::checkup::Checkup;
use models::cluster::Cluster;
use models::file::Form;
use models::repository::Repository;
use models::service::ServiceShown;
use models::slice::{Device, Function, Gateway, Server};
use models::template::Template;
use models::tenant::{Role, Tenant};
use schemars::SchemaGenerator;
use serde_json::Value;
use sol005::interface::Interface;
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

pub(crate) type Handler = fn(Arc<App>, Caller, Input) -> BoxFuture<'static, Result<Reply, Problem>>;

/// Whose words it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Own,
    /// SOL005's, in one major version.
    Nfvo(Interface, u8),
}

pub struct Endpoint {
    pub face: Face,
    pub method: Method,
    /// Below the server's root; `{name}` is one segment, `:verb` at the end belongs to it.
    pub path: &'static str,
    /// The least role that may call it.
    pub role: Role,
    pub summary: &'static str,
    /// Query parameters: name and meaning.
    pub query: &'static [(&'static str, &'static str)],
    /// What its body may hold, where it takes one.
    pub(crate) body: Option<BodyForm>,
    /// The media types that it gives; empty: nothing, or whatever it is.
    pub(crate) gives: &'static [&'static str],
    /// What it answers when all is well.
    pub(crate) answers: &'static [Answered],
    pub(crate) handler: Handler,
}

/// A body: one of the API's own forms, or the file of a slice.
#[derive(Clone, Copy)]
pub(crate) enum BodyForm {
    Of(&'static Form),
    Slice,
    /// A package as it is, or within JSON.
    Package,
    /// A data type of the standard.
    Typed(fn(&mut SchemaGenerator) -> Value),
    /// Bytes of one of these media types.
    Content(&'static [&'static str]),
}

/// One good answer, as the published document has it.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: &'static [&'static str],
    pub(crate) more: &'static [&'static str],
    pub(crate) content: fn(&mut SchemaGenerator) -> Value,
}

/// Open to all, without a token.
pub(crate) const OPEN: [&str; 3] = ["/healthz", "/readyz", "/openapi.json"];

macro_rules! body {
    () => {
        None
    };
    (slice) => {
        Some(BodyForm::Slice)
    };
    (package) => {
        Some(BodyForm::Package)
    };
    ($form:ident) => {
        Some(BodyForm::Of(&models::file::$form))
    };
}

/// `METHOD "path" Role handler, "summary", ["parameter" = "meaning"] takes FORM => STATUS Answer<Type>;`
macro_rules! endpoints {
    ($($method:ident $path:literal $role:ident $handler:path, $summary:literal, [$($name:literal = $meaning:literal),*]
        $(takes $form:ident)? => $($status:literal $answer:ty),+;)*) => {
        pub static TABLE: &[Endpoint] = &[$(Endpoint {
            face: Face::Own,
            gives: &[],
            method: Method::$method,
            path: $path,
            role: Role::$role,
            summary: $summary,
            query: &[$(($name, $meaning)),*],
            body: body!($($form)?),
            answers: &[$(Answered {
                status: $status,
                headers: <$answer as Answer>::HEADERS,
                more: <$answer as Answer>::MORE,
                content: <$answer as Answer>::content,
            }),+],
            handler: |app, caller, input| Box::pin($handler(app, caller, input)),
        }),*];
    };
}

endpoints! {
    Get "/api/v1/whoami" Viewer tenants::whoami, "The caller's role and tenant", []
        => 200 Shown<Whoami>;
    Get "/metrics" Viewer tenants::metrics, "Metrics in OpenMetrics text", []
        => 200 Metrics;
    Get "/api/v1/tenants" Admin tenants::list, "Tenants",
        ["limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value", "watch" = "true for server-sent events", "revision" = "where to watch from"]
        => 200 Page<Tenant>;
    Get "/api/v1/tenants/{name}" Admin tenants::get, "One tenant", []
        => 200 Tagged<Tenant>;
    Put "/api/v1/tenants/{name}" Admin tenants::put, "Makes a tenant, or changes its description", [] takes TENANT_BODY
        => 200 Tagged<Tenant>;
    Delete "/api/v1/tenants/{name}" Admin tenants::delete, "Removes a tenant without slices", []
        => 204 Nothing;
    Get "/api/v1/tokens" Admin tenants::tokens, "Tokens, without their values", ["limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<TokenRecord>;
    Post "/api/v1/tokens" Admin tenants::create_token, "Makes a token; the answer is the only place where it is seen", [] takes TOKEN_BODY
        => 201 Shown<TokenMade>;
    Get "/api/v1/tokens/{id}" Admin tenants::token, "One token, without its value", []
        => 200 Shown<TokenRecord>;
    Delete "/api/v1/tokens/{id}" Admin tenants::revoke_token, "Revokes a token", []
        => 204 Nothing;
    Get "/api/v1/clusters" Viewer clusters::list, "Clusters with health and certificate end",
        ["limit" = "items per page, 1 to 500", "marker" = "from the page before", "label" = "name=value", "field" = "path=value", "watch" = "true for server-sent events", "revision" = "where to watch from"]
        => 200 Page<Cluster>;
    Get "/api/v1/clusters/{name}" Viewer clusters::get, "One cluster", []
        => 200 Tagged<Cluster>;
    Put "/api/v1/clusters/{name}" Admin clusters::put, "Registers or changes a cluster; its kubeconfig is kept sealed and never returned", [] takes CLUSTER_BODY
        => 200 Tagged<Cluster>;
    Delete "/api/v1/clusters/{name}" Admin clusters::delete, "Forgets a cluster that carries no slice",
        ["drain" = "true: moves what stands there first; 202, and it goes when it is empty", "forget" = "true, with drain: what stands there while it cannot be reached is forgotten"]
        => 202 Going<Cluster>, 204 Nothing;
    Post "/api/v1/clusters/{name}:takeover" Admin clusters::take_over, "This server writes on the cluster from now on, and whoever did before refuses to", []
        => 200 Tagged<Cluster>;
    Post "/api/v1/clusters/{name}:uncordon" Admin clusters::uncordon, "Ends a drain: the cluster stays, and takes slices again", []
        => 200 Tagged<Cluster>;
    Get "/api/v1/clusters/{name}/doctor" Admin clusters::doctor, "A look at the cluster, check by check, with what to do; it changes nothing", []
        => 200 Shown<Checkup>;
    Get "/api/v1/repositories" Viewer repositories::list, "Repositories with their charts",
        ["limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value", "watch" = "true for server-sent events", "revision" = "where to watch from"]
        => 200 Page<Repository>;
    Get "/api/v1/repositories/{name}" Viewer repositories::get, "One repository", []
        => 200 Tagged<Repository>;
    Put "/api/v1/repositories/{name}" Admin repositories::put, "Makes or refreshes a repository from packed charts, an allowed folder or an address; credentials are kept sealed and never returned", [] takes REPOSITORY_BODY
        => 200 Tagged<Repository>;
    Post "/api/v1/repositories/{name}:update" Operator repositories::update, "Reads a repository's index anew; slices keep what they have", []
        => 200 Tagged<Repository>;
    Delete "/api/v1/repositories/{name}" Admin repositories::delete, "Removes a repository that no slice uses", []
        => 204 Nothing;
    Get "/api/v1/packages" Viewer packages::list, "NFV packages",
        ["limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<PackageShown>;
    Get "/api/v1/packages/{name}" Viewer packages::get, "One NFV package, and who rests on it", []
        => 200 Tagged<PackageShown>;
    Put "/api/v1/packages/{name}" Operator packages::put, "On-boards an NFV package; one that is there never changes",
        ["file" = "what its sender calls it, where the body is the package itself"] takes package
        => 200 Tagged<PackageShown>;
    Post "/api/v1/packages/{name}:enable" Operator packages::enable, "What is made of it may be made", []
        => 200 Tagged<PackageShown>;
    Post "/api/v1/packages/{name}:disable" Operator packages::disable, "Nothing new is made of it; what is made stays", []
        => 200 Tagged<PackageShown>;
    Delete "/api/v1/packages/{name}" Operator packages::delete, "Removes an NFV package on which nothing rests", []
        => 204 Nothing;
    Get "/api/v1/templates" Viewer templates::list, "Templates, every version",
        ["limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<Template>;
    Get "/api/v1/templates/{name}" Viewer templates::get, "One template with its parameters", ["version" = "absent: the newest"]
        => 200 Tagged<Template>;
    Put "/api/v1/templates/{name}" Admin templates::put, "Offers a version of a template; one that is there never changes", [] takes TEMPLATE_BODY
        => 200 Tagged<Template>;
    Delete "/api/v1/templates/{name}" Admin templates::delete, "Takes back versions of which no slice is", ["version" = "absent: all of them"]
        => 204 Nothing;
    Get "/api/v1/template-slices" Admin templates::slices, "Slices of templates, of all tenants",
        ["template" = "of this one", "limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<TemplateSlice>;
    Post "/api/v1/templates/{name}:instantiate" Operator templates::instantiate, "Makes a slice of a template; 202 with the operation",
        ["dryRun" = "true: only the plan", "timeout" = "seconds of patience", "supersede" = "failed (default) or any or never"] takes OFFER_BODY
        => 200 Shown<Plan>, 202 Begun<Changing>;
    Post "/api/v1/templates/{name}:change" Operator templates::change, "Changes a slice of a template, or moves it to another version; 202 with the operation, 200 where nothing changes",
        ["dryRun" = "true: only the plan", "timeout" = "seconds of patience", "replace" = "functions that may move", "allowDataLoss" = "functions whose data may go", "supersede" = "failed (default) or any or never"] takes OFFER_BODY
        => 200 Shown<PlanOrUnchanged>, 202 Begun<Changing>;
    Get "/api/v1/services" Viewer services::list, "Network services",
        ["limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<ServiceShown>;
    Get "/api/v1/services/{name}" Viewer services::get, "One network service", []
        => 200 Tagged<ServiceShown>;
    Put "/api/v1/services/{name}" Operator services::put, "Creates a network service of an on-boarded descriptor; nothing runs yet", [] takes SERVICE_BODY
        => 200 Tagged<ServiceShown>;
    Delete "/api/v1/services/{name}" Operator services::delete, "Forgets a network service that is not instantiated", []
        => 204 Nothing;
    Post "/api/v1/services/{name}:instantiate" Operator services::instantiate, "Makes the slice that the service is; 202 with the operation",
        ["dryRun" = "true: only the plan", "timeout" = "seconds of patience", "supersede" = "failed (default) or any or never"] takes INSTANTIATE_BODY
        => 200 Shown<Plan>, 202 Begun<Changing>;
    Post "/api/v1/services/{name}:update" Operator services::update, "Changes parameters, places or versions of what runs; 202 with the operation, 200 where nothing changes",
        ["dryRun" = "true: only the plan", "timeout" = "seconds of patience", "replace" = "functions that may move", "allowDataLoss" = "functions whose data may go", "supersede" = "failed (default) or any or never"] takes UPDATE_BODY
        => 200 Shown<PlanOrUnchanged>, 202 Begun<Changing>;
    Post "/api/v1/services/{name}:scale" Operator services::scale, "Grows or shrinks a function by its scaling aspects; 202 with the operation, 200 where nothing changes",
        ["dryRun" = "true: only the plan", "timeout" = "seconds of patience", "supersede" = "failed (default) or any or never"] takes SCALE_BODY
        => 200 Shown<PlanOrUnchanged>, 202 Begun<Changing>;
    Post "/api/v1/services/{name}:heal" Operator services::heal, "Puts back what is not as it was made; 202 with the operation, 200 where nothing is amiss",
        ["dryRun" = "true: only the plan", "timeout" = "seconds of patience", "supersede" = "failed (default) or any or never"]
        => 200 Shown<PlanOrUnchanged>, 202 Begun<Changing>;
    Post "/api/v1/services/{name}:terminate" Operator services::terminate, "Removes what runs; the service stays created; 202 with the operation",
        ["dryRun" = "true: only the plan", "timeout" = "seconds of patience", "allowDataLoss" = "functions whose data may go", "supersede" = "failed (default) or any or never", "forget" = "true: what cannot be reached and is to go is forgotten"]
        => 200 Shown<PlanOrUnchanged>, 202 Begun<Changing>;
    Get "/api/v1/charts" Viewer repositories::search, "Charts of all repositories",
        ["query" = "part of a chart's name; the whole name for a registry", "repository" = "of one repository", "versions" = "true for every version", "limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<ChartFound>;
    Get "/api/v1/charts/{repository}/{name}" Viewer repositories::show, "A chart's readme, values, schema, and what it would create", ["version" = "a version or a range"]
        => 200 Shown<ChartShown>;
    Get "/api/v1/slices" Viewer slices::list, "Slices",
        ["state" = "true: with what the clusters say now", "limit" = "items per page, 1 to 500", "marker" = "from the page before", "label" = "name=value", "field" = "path=value", "watch" = "true for server-sent events", "revision" = "where to watch from"]
        => 200 Page<SliceShown>;
    Post "/api/v1/slices" Operator slices::apply, "Makes a slice or changes it; 202 with the operation, 200 where nothing changes",
        ["timeout" = "seconds of patience", "replace" = "functions that may move", "allowDataLoss" = "functions whose data may go", "upgrade" = "functions to resolve again", "plan" = "apply exactly this plan", "supersede" = "failed (default) or any or never", "forget" = "true: what cannot be reached and is to go is forgotten"] takes slice
        => 200 Shown<Unchanged>, 202 Begun<Changing>;
    Post "/api/v1/slices:plan" Operator slices::plan, "What applying the slice would do, with reasons",
        ["replace" = "functions that may move", "allowDataLoss" = "functions whose data may go", "upgrade" = "functions to resolve again", "forget" = "true: what cannot be reached and is to go is forgotten"] takes slice
        => 200 Shown<Plan>;
    Get "/api/v1/slices/{name}" Viewer slices::get, "One slice", ["state" = "true: with what the clusters say now"]
        => 200 Tagged<SliceShown>;
    Delete "/api/v1/slices/{name}" Operator slices::delete, "Removes a slice; 202 with the operation",
        ["timeout" = "seconds of patience", "allowDataLoss" = "functions whose data may go", "plan" = "apply exactly this plan", "supersede" = "failed (default) or any or never", "forget" = "true: what cannot be reached and is to go is forgotten"]
        => 200 Shown<Unchanged>, 202 Begun<Changing>;
    Post "/api/v1/slices/{name}:plan-delete" Operator slices::plan_delete, "What removing the slice would do",
        ["allowDataLoss" = "functions whose data may go", "forget" = "true: what cannot be reached is forgotten"]
        => 200 Shown<Plan>;
    Post "/api/v1/slices/{name}:test" Operator slices::test, "Runs the tests that the slice's charts bring; 202 with the operation",
        ["function" = "only of these functions", "timeout" = "seconds of patience"]
        => 202 Begun<Started>;
    Post "/api/v1/slices/{name}:adopt-release" Admin slices::adopt, "Makes a slice of Helm releases that stand already; 202 with the operation",
        ["dryRun" = "true: only the plan", "timeout" = "seconds of patience"] takes ADOPTION_BODY
        => 200 Shown<Plan>, 202 Begun<Started>;
    Post "/api/v1/slices/{name}:hand-back" Admin slices::hand_back, "Ends a slice and leaves its releases to Helm; 202 with the operation",
        ["dryRun" = "true: only the plan", "timeout" = "seconds of patience"]
        => 200 Shown<Plan>, 202 Begun<Started>;
    Get "/api/v1/slices/{name}/description" Viewer slices::describe, "The slice beside what its clusters say now", []
        => 200 Shown<Description>;
    Get "/api/v1/slices/{name}/explanation" Viewer slices::explain, "Why each function stands where it stands", []
        => 200 Shown<Explanation>;
    Get "/api/v1/gateways" Viewer views::gateways, "Gateways of all slices",
        ["slice" = "of one slice", "limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<OfSlice<Gateway>>;
    Get "/api/v1/gateways/{name}" Viewer views::gateway, "One gateway; 409 where several slices have one of that name", ["slice" = "of this slice"]
        => 200 Shown<OfSlice<Gateway>>;
    Get "/api/v1/servers" Viewer views::servers, "Servers of all slices",
        ["slice" = "of one slice", "limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<OfSlice<Server>>;
    Get "/api/v1/servers/{name}" Viewer views::server, "One server of a slice; 409 where several slices have one of that name", ["slice" = "of this slice"]
        => 200 Shown<OfSlice<Server>>;
    Get "/api/v1/functions" Viewer views::functions, "Other functions of all slices",
        ["slice" = "of one slice", "limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<OfSlice<Function>>;
    Get "/api/v1/functions/{name}" Viewer views::function, "One other function; 409 where several slices have one of that name", ["slice" = "of this slice"]
        => 200 Shown<OfSlice<Function>>;
    Get "/api/v1/devices" Viewer views::devices, "Devices of all slices",
        ["slice" = "of one slice", "limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<OfSlice<Device>>;
    Get "/api/v1/devices/{name}" Viewer views::device, "One device; 409 where several slices have one of that name", ["slice" = "of this slice"]
        => 200 Shown<OfSlice<Device>>;
    Post "/api/v1/devices/{name}:credentials" Operator views::credentials, "What a device needs to speak to its gateway; recorded", ["slice" = "its slice"]
        => 200 Shown<CredentialFiles>;
    Get "/api/v1/alarms" Viewer alarms::list, "What does not stand as it was left",
        ["slice" = "of this slice", "limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<AlarmShown>;
    Get "/api/v1/orphans" Viewer orphans::list, "What stands in the world and is wanted by nobody",
        ["cluster" = "on this cluster", "slice" = "of this slice", "id" = "this one; may stand more than once", "limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<OrphanShown>;
    Post "/api/v1/orphans:scan" Operator orphans::scan, "Looks at the clusters for what carries our label and stands in no record", ["cluster" = "this cluster"]
        => 200 Shown<Scan>;
    Post "/api/v1/orphans:remove" Operator orphans::remove, "Takes orphans away; 202 with the operations",
        ["cluster" = "on this cluster", "slice" = "of this slice", "id" = "this one; may stand more than once", "allowDataLoss" = "true: what was found may go with the data in it"]
        => 202 Shown<OrphansGoing>;
    Post "/api/v1/orphans:adopt" Operator orphans::adopt, "Gives what was found back to its slice",
        ["cluster" = "on this cluster", "slice" = "of this slice", "id" = "this one; may stand more than once"]
        => 200 Shown<OrphansKept>;
    Get "/api/v1/operations" Viewer operations::list, "Operations, newest first",
        ["limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value", "watch" = "true for server-sent events", "revision" = "where to watch from"]
        => 200 Page<Operation>;
    Get "/api/v1/subscriptions" Viewer subscriptions::list, "Who is told of what happens (SOL005), and how far",
        ["limit" = "items per page, 1 to 500", "marker" = "from the page before", "field" = "path=value"]
        => 200 Page<SubscriptionShown>;
    Get "/api/v1/subscriptions/{id}" Viewer subscriptions::get, "One of them", []
        => 200 Shown<SubscriptionShown>;
    Delete "/api/v1/subscriptions/{id}" Operator subscriptions::delete, "Tells them no more", []
        => 204 Nothing;
    Get "/api/v1/operations/{id}" Viewer operations::get, "One operation with its steps", []
        => 200 Tagged<OperationView>;
    Get "/api/v1/operations/{id}/explanation" Viewer operations::explain, "What it waits for, and what each open move would come to", []
        => 200 Shown<OperationExplained>;
    Post "/api/v1/operations/{id}:retry" Operator operations::retry, "Tries again what failed", ["dryRun" = "true: only what would happen"]
        => 200 Shown<Outlook>, 202 Begun<Operation>;
    Post "/api/v1/operations/{id}:rollback" Operator operations::rollback, "Goes back to the start", ["dryRun" = "true: only what would happen"]
        => 200 Shown<Outlook>, 202 Begun<Operation>;
    Post "/api/v1/operations/{id}:continue" Operator operations::carry_on, "Leaves out what failed and does the rest", ["dryRun" = "true: only what would happen"]
        => 200 Shown<Outlook>, 202 Begun<Operation>;
    Post "/api/v1/operations/{id}:fail" Operator operations::fail, "Gives it up", ["dryRun" = "true: only what would happen"]
        => 200 Shown<Outlook>, 202 Begun<Operation>;
    Post "/api/v1/operations/{id}:cancel" Operator operations::cancel, "Stops it at once", ["dryRun" = "true: only what would happen"]
        => 200 Shown<Outlook>, 202 Begun<Operation>;
}

impl Endpoint {
    /// Whether it changes one thing that has an ETag.
    pub(crate) fn is_conditional(&self) -> bool {
        match self.method {
            Method::Get => false,
            Method::Patch => true,
            Method::Put if self.face != Face::Own => false,
            Method::Post => matches!(self.path, "/api/v1/slices" | "/api/v1/repositories/{name}:update"),
            Method::Put | Method::Delete => {
                !["/api/v1/tokens", "/api/v1/subscriptions"].iter().any(|path| self.path.starts_with(path))
            }
        }
    }
}

/// The endpoint of a request with its path's parts; or the methods that the path has.
pub(crate) enum Match {
    Found(&'static Endpoint, std::collections::BTreeMap<String, String>),
    OtherMethods(Vec<&'static str>),
    None,
}

pub(crate) fn find(method: &str, path: &str) -> Match {
    let mut others = Vec::new();
    for endpoint in TABLE.iter().chain(SURFACE.iter()) {
        let Some(parts) = parts(endpoint.path, path) else { continue };
        if endpoint.method.as_str() == method {
            return Match::Found(endpoint, parts);
        }
        others.push(endpoint.method.as_str());
    }
    if others.is_empty() { Match::None } else { Match::OtherMethods(others) }
}

fn parts(pattern: &str, path: &str) -> Option<std::collections::BTreeMap<String, String>> {
    let (want, have): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    let rest = want.last().and_then(|last| last.strip_prefix('{')?.strip_suffix("*}"));
    let short = match rest {
        // It takes all that follows.
        Some(_) => have.len() < want.len() || have.last() == Some(&""),
        None => want.len() != have.len(),
    };
    if short {
        return None;
    }
    let mut parts = std::collections::BTreeMap::new();
    if let Some(key) = rest {
        parts.insert(key.to_owned(), have[want.len() - 1..].join("/"));
    }
    let whole = want.len() - usize::from(rest.is_some());
    for (want, have) in want.into_iter().zip(have).take(whole) {
        let Some(inner) = want.strip_prefix('{') else {
            if want != have {
                return None;
            }
            continue;
        };
        let (key, verb) = inner.split_once('}')?;
        let value = have.strip_suffix(verb)?;
        // Without a verb the last segment may hold none: `x:retry` is not an id.
        if value.is_empty() || value.contains(':') {
            return None;
        }
        parts.insert(key.to_owned(), value.to_owned());
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, expect: Option<&str>) {
        let found = match find(method, path) {
            Match::Found(endpoint, _) => Some(endpoint.path),
            Match::OtherMethods(_) | Match::None => None,
        };
        assert_eq!(found, expect, "{method} {path}");
    }

    #[test]
    fn a_verb_at_the_end_belongs_to_its_segment() {
        check("POST", "/api/v1/operations/x:retry", Some("/api/v1/operations/{id}:retry"));
        check("GET", "/api/v1/operations/x", Some("/api/v1/operations/{id}"));
        check("POST", "/api/v1/slices:plan", Some("/api/v1/slices:plan"));
        check("POST", "/api/v1/operations/x:explode", None);
        check("GET", "/api/v1/operations/", None);
    }

    #[test]
    fn no_two_endpoints_answer_the_same_request() {
        for (index, one) in TABLE.iter().enumerate() {
            for other in &TABLE[index + 1..] {
                assert!(one.method != other.method || one.path != other.path, "{}", one.path);
            }
        }
    }
}
