//! The standard's endpoints that are served, each in the major versions that have it. Nothing is served that does not stand
//! here; what the standard has beyond it, `docs/sol005.md` lists.

use super::content::{ANY, TEXT, ZIP};
use super::{descriptors, instances, lifecycle, occurrences, subscriptions, versions, vnf_packages};
use crate::api::answers::{Accepted, Answer, Begun, Elsewhere, ListOf, Nothing, Raw, Shown, Tagged};
use crate::api::table::{Answered, BodyForm, Endpoint, Face, Method};
use models::tenant::Role;
use schemars::SchemaGenerator;
use sol005::interface::Interface;
use sol005::types::common::ApiVersionInformation;
use sol005::types::nsd::{CreateNsdInfoRequest, NsdInfo, NsdInfoModifications};
use sol005::types::nslcm::{CancelMode, CreateNsRequest, NsInstance, NsLcmOpOcc};
use sol005::types::requests::{
    HealNsRequest, InstantiateNsRequest, ScaleNsRequest, TerminateNsRequest, UpdateNsRequest,
};
use sol005::types::subscription::{
    LifecycleChangeNotificationsFilter, NsdmNotificationsFilter, PkgmNotificationsFilter, Subscription,
    SubscriptionRequest,
};
use sol005::types::vnfpkgm::{CreateVnfPkgInfoRequest, VnfPkgInfo, VnfPkgInfoModifications};
use std::sync::LazyLock;

type Query = &'static [(&'static str, &'static str)];

/// Of every list (SOL013 5).
pub(crate) static LIST: Query = &[
    ("filter", "only what it fits: (eq,attribute/path,value);…"),
    ("all_fields", "all complex attributes"),
    ("fields", "only these complex attributes"),
    ("exclude_fields", "all but these complex attributes"),
    ("exclude_default", "without what a list leaves out by default"),
    ("nextpage_opaque_marker", "from the header Link of the page before"),
];
static NONE: Query = &[];

const JSON: &[&str] = &["application/json"];
const NOTHING: &[&str] = &[];
const CONTENT: &[&str] = &[ZIP, TEXT];
const ARTIFACT: &[&str] = &[];
const UPLOAD: &[&str] =
    &[ZIP, TEXT, "application/gzip", "application/x-tar", "application/x-yaml", "application/yaml", ANY];

type OfNsdmNotificationsFilter = SubscriptionRequest<NsdmNotificationsFilter>;
type OfPkgmNotificationsFilter = SubscriptionRequest<PkgmNotificationsFilter>;
type OfLifecycleChangeNotificationsFilter = SubscriptionRequest<LifecycleChangeNotificationsFilter>;

macro_rules! body {
    () => {
        None
    };
    (content) => {
        Some(BodyForm::Content(UPLOAD))
    };
    ($body:ident) => {
        Some(BodyForm::Typed(|generator: &mut SchemaGenerator| generator.subschema_for::<$body>().to_value()))
    };
}

/// `METHOD INTERFACE [majors] "path" Role handler, "summary", QUERY gives MEDIA takes BODY => STATUS Answer;`
macro_rules! surface {
    ($($method:ident $interface:ident $majors:tt $path:literal $role:ident $handler:path, $summary:literal, $query:ident gives $gives:ident
        $(takes $body:tt)? => $($status:literal $answer:ty),+;)*) => {
        fn rows() -> Vec<Endpoint> {
            let mut all = Vec::new();
            $(for major in $majors {
                all.push(Endpoint {
                    face: Face::Nfvo(Interface::$interface, major),
                    method: Method::$method,
                    path: path((Interface::$interface, major), $path),
                    role: Role::$role,
                    summary: $summary,
                    query: $query,
                    body: body!($($body)?),
                    gives: $gives,
                    answers: &[$(Answered {
                        status: $status,
                        headers: <$answer as Answer>::HEADERS,
                        more: <$answer as Answer>::MORE,
                        content: <$answer as Answer>::content,
                    }),+],
                    handler: |app, caller, input| Box::pin($handler(app, caller, input)),
                });
            })*
            all
        }
    };
}

/// Made once, and kept until the server ends. 0 is above all major versions.
fn path((interface, major): (Interface, u8), below: &str) -> &'static str {
    let version = if major == 0 { String::new() } else { format!("/v{major}") };
    Box::leak(format!("/{}{version}{below}", interface.name()).into_boxed_str())
}

pub static SURFACE: LazyLock<Vec<Endpoint>> = LazyLock::new(rows);

surface! {
    Get Nsd [0, 1, 2] "/api_versions" Viewer versions::get, "Versions of NSD management", NONE gives JSON
        => 200 Shown<ApiVersionInformation>;
    Get Nsd [1, 2] "/ns_descriptors" Viewer descriptors::list, "NSDs", LIST gives JSON
        => 200 ListOf<NsdInfo>;
    Post Nsd [1, 2] "/ns_descriptors" Operator descriptors::create, "A resource for an NSD that comes later", NONE gives JSON takes CreateNsdInfoRequest
        => 201 Begun<NsdInfo>;
    Get Nsd [1, 2] "/ns_descriptors/{nsdInfoId}" Viewer descriptors::get, "One NSD", NONE gives JSON
        => 200 Tagged<NsdInfo>;
    Patch Nsd [1, 2] "/ns_descriptors/{nsdInfoId}" Operator descriptors::modify, "Its operational state, or its user's data", NONE gives JSON takes NsdInfoModifications
        => 200 Shown<NsdInfoModifications>;
    Delete Nsd [1, 2] "/ns_descriptors/{nsdInfoId}" Operator descriptors::delete, "Forgets one that is disabled and not used", NONE gives NOTHING
        => 204 Nothing;
    Get Nsd [1, 2] "/ns_descriptors/{nsdInfoId}/nsd_content" Viewer descriptors::content, "The archive, as it came", NONE gives CONTENT
        => 200 Raw, 206 Raw;
    Put Nsd [1, 2] "/ns_descriptors/{nsdInfoId}/nsd_content" Operator descriptors::upload, "Its content: judged and kept before the answer", NONE gives NOTHING takes content
        => 204 Nothing;
    Get Nsd [2] "/ns_descriptors/{nsdInfoId}/nsd" Viewer descriptors::descriptor, "The descriptor alone", NONE gives CONTENT
        => 200 Raw, 206 Raw;
    Get Nsd [2] "/ns_descriptors/{nsdInfoId}/manifest" Viewer descriptors::manifest, "The archive's manifest", NONE gives CONTENT
        => 200 Raw, 206 Raw;
    Get Nsd [2] "/ns_descriptors/{nsdInfoId}/artifacts/{artifactPath*}" Viewer descriptors::artifact, "One file of the archive", NONE gives ARTIFACT
        => 200 Raw, 206 Raw;
    Get Vnfpkgm [0, 1, 2] "/api_versions" Viewer versions::get, "Versions of VNF package management", NONE gives JSON
        => 200 Shown<ApiVersionInformation>;
    Get Vnfpkgm [1, 2] "/vnf_packages" Viewer vnf_packages::list, "VNF packages", LIST gives JSON
        => 200 ListOf<VnfPkgInfo>;
    Post Vnfpkgm [1, 2] "/vnf_packages" Operator vnf_packages::create, "A resource for a package that comes later", NONE gives JSON takes CreateVnfPkgInfoRequest
        => 201 Begun<VnfPkgInfo>;
    Get Vnfpkgm [1, 2] "/vnf_packages/{vnfPkgId}" Viewer vnf_packages::get, "One VNF package", NONE gives JSON
        => 200 Tagged<VnfPkgInfo>;
    Patch Vnfpkgm [1, 2] "/vnf_packages/{vnfPkgId}" Operator vnf_packages::modify, "Its operational state, or its user's data", NONE gives JSON takes VnfPkgInfoModifications
        => 200 Shown<VnfPkgInfoModifications>;
    Delete Vnfpkgm [1, 2] "/vnf_packages/{vnfPkgId}" Operator vnf_packages::delete, "Forgets one that is disabled and not used", NONE gives NOTHING
        => 204 Nothing;
    Get Vnfpkgm [1, 2] "/vnf_packages/{vnfPkgId}/package_content" Viewer vnf_packages::content, "The package, as it came", NONE gives CONTENT
        => 200 Raw, 206 Raw;
    Put Vnfpkgm [1, 2] "/vnf_packages/{vnfPkgId}/package_content" Operator vnf_packages::upload, "Its content: judged and kept before the answer", NONE gives NOTHING takes content
        => 202 Nothing;
    Get Vnfpkgm [1, 2] "/vnf_packages/{vnfPkgId}/vnfd" Viewer vnf_packages::descriptor, "The descriptor alone", NONE gives CONTENT
        => 200 Raw, 206 Raw;
    Get Vnfpkgm [2] "/vnf_packages/{vnfPkgId}/manifest" Viewer vnf_packages::manifest, "The package's manifest", NONE gives CONTENT
        => 200 Raw, 206 Raw;
    Get Vnfpkgm [2] "/vnf_packages/{vnfPkgId}/artifacts" Viewer vnf_packages::artifacts, "All files but the descriptor's, as one archive", NONE gives CONTENT
        => 200 Raw, 206 Raw;
    Get Vnfpkgm [1, 2] "/vnf_packages/{vnfPkgId}/artifacts/{artifactPath*}" Viewer vnf_packages::artifact, "One file of the package", NONE gives ARTIFACT
        => 200 Raw, 206 Raw;
    Get Nslcm [0, 1, 2] "/api_versions" Viewer versions::get, "Versions of NS lifecycle management", NONE gives JSON
        => 200 Shown<ApiVersionInformation>;
    Get Nslcm [1, 2] "/ns_instances" Viewer instances::list, "NS instances", LIST gives JSON
        => 200 ListOf<NsInstance>;
    Post Nslcm [1, 2] "/ns_instances" Operator instances::create, "An NS that is not instantiated yet", NONE gives JSON takes CreateNsRequest
        => 201 Begun<NsInstance>;
    Get Nslcm [1, 2] "/ns_instances/{nsInstanceId}" Viewer instances::get, "One NS instance", NONE gives JSON
        => 200 Tagged<NsInstance>;
    Delete Nslcm [1, 2] "/ns_instances/{nsInstanceId}" Operator instances::delete, "Forgets one that is not instantiated", NONE gives NOTHING
        => 204 Nothing;
    Post Nslcm [1, 2] "/ns_instances/{nsInstanceId}/instantiate" Operator lifecycle::instantiate, "Makes it", NONE gives NOTHING takes InstantiateNsRequest
        => 202 Accepted;
    Post Nslcm [1, 2] "/ns_instances/{nsInstanceId}/scale" Operator lifecycle::scale, "Scales its functions", NONE gives NOTHING takes ScaleNsRequest
        => 202 Accepted;
    Post Nslcm [1, 2] "/ns_instances/{nsInstanceId}/update" Operator lifecycle::update, "Changes it", NONE gives NOTHING takes UpdateNsRequest
        => 202 Accepted;
    Post Nslcm [1, 2] "/ns_instances/{nsInstanceId}/heal" Operator lifecycle::heal, "Puts back what was changed by hand", NONE gives NOTHING takes HealNsRequest
        => 202 Accepted;
    Post Nslcm [1, 2] "/ns_instances/{nsInstanceId}/terminate" Operator lifecycle::terminate, "Ends it", NONE gives NOTHING takes TerminateNsRequest
        => 202 Accepted;
    Get Nslcm [1, 2] "/ns_lcm_op_occs" Viewer occurrences::list, "Operations on NS instances", LIST gives JSON
        => 200 ListOf<NsLcmOpOcc>;
    Get Nslcm [1, 2] "/ns_lcm_op_occs/{nsLcmOpOccId}" Viewer occurrences::get, "One of them", NONE gives JSON
        => 200 Tagged<NsLcmOpOcc>;
    Post Nslcm [1, 2] "/ns_lcm_op_occs/{nsLcmOpOccId}/retry" Operator occurrences::retry, "Tries again what failed", NONE gives NOTHING
        => 202 Nothing;
    Post Nslcm [1, 2] "/ns_lcm_op_occs/{nsLcmOpOccId}/rollback" Operator occurrences::rollback, "Goes back to the start", NONE gives NOTHING
        => 202 Nothing;
    Post Nslcm [1, 2] "/ns_lcm_op_occs/{nsLcmOpOccId}/continue" Operator occurrences::carry_on, "Leaves out what failed and does the rest", NONE gives NOTHING
        => 202 Nothing;
    Post Nslcm [1, 2] "/ns_lcm_op_occs/{nsLcmOpOccId}/fail" Operator occurrences::fail, "Gives it up", NONE gives JSON
        => 200 Shown<NsLcmOpOcc>;
    Post Nslcm [1, 2] "/ns_lcm_op_occs/{nsLcmOpOccId}/cancel" Operator occurrences::cancel, "Stops it at once", NONE gives NOTHING takes CancelMode
        => 202 Nothing;
    Get Nsd [1, 2] "/subscriptions" Viewer subscriptions::list, "Who is told of NSDs", LIST gives JSON
        => 200 ListOf<Subscription<NsdmNotificationsFilter>>;
    Post Nsd [1, 2] "/subscriptions" Operator subscriptions::of_nsd, "Tells somebody of NSDs from now on", NONE gives JSON takes OfNsdmNotificationsFilter
        => 201 Begun<Subscription<NsdmNotificationsFilter>>, 303 Elsewhere;
    Get Nsd [1, 2] "/subscriptions/{subscriptionId}" Viewer subscriptions::get, "One subscription", NONE gives JSON
        => 200 Tagged<Subscription<NsdmNotificationsFilter>>;
    Delete Nsd [1, 2] "/subscriptions/{subscriptionId}" Operator subscriptions::delete, "Tells them no more", NONE gives NOTHING
        => 204 Nothing;
    Get Vnfpkgm [1, 2] "/subscriptions" Viewer subscriptions::list, "Who is told of VNF packages", LIST gives JSON
        => 200 ListOf<Subscription<PkgmNotificationsFilter>>;
    Post Vnfpkgm [1, 2] "/subscriptions" Operator subscriptions::of_packages, "Tells somebody of VNF packages from now on", NONE gives JSON takes OfPkgmNotificationsFilter
        => 201 Begun<Subscription<PkgmNotificationsFilter>>, 303 Elsewhere;
    Get Vnfpkgm [1, 2] "/subscriptions/{subscriptionId}" Viewer subscriptions::get, "One subscription", NONE gives JSON
        => 200 Tagged<Subscription<PkgmNotificationsFilter>>;
    Delete Vnfpkgm [1, 2] "/subscriptions/{subscriptionId}" Operator subscriptions::delete, "Tells them no more", NONE gives NOTHING
        => 204 Nothing;
    Get Nslcm [1, 2] "/subscriptions" Viewer subscriptions::list, "Who is told of NS instances and their operations", LIST gives JSON
        => 200 ListOf<Subscription<LifecycleChangeNotificationsFilter>>;
    Post Nslcm [1, 2] "/subscriptions" Operator subscriptions::of_lifecycle, "Tells somebody of NS instances and their operations from now on", NONE gives JSON takes OfLifecycleChangeNotificationsFilter
        => 201 Begun<Subscription<LifecycleChangeNotificationsFilter>>, 303 Elsewhere;
    Get Nslcm [1, 2] "/subscriptions/{subscriptionId}" Viewer subscriptions::get, "One subscription", NONE gives JSON
        => 200 Tagged<Subscription<LifecycleChangeNotificationsFilter>>;
    Delete Nslcm [1, 2] "/subscriptions/{subscriptionId}" Operator subscriptions::delete, "Tells them no more", NONE gives NOTHING
        => 204 Nothing;
}
