//! Every field of every kind, once. The check, the schema and the documentation of the file all come from here.

use super::forms;
use super::shape::{Field, Fields, List, Need, Rule, Shape, Twice};

pub const API_VERSION: &str = "sliceway/v1";

/// The kinds that `apply` takes, in the order in which they need each other.
pub(crate) static KINDS: [(&str, &str, &Fields); 5] = [
    ("Tenant", "who owns slices", &TENANT),
    ("Cluster", "a Kubernetes cluster that can carry functions", &CLUSTER),
    ("Repository", "where charts come from", &REPOSITORY),
    ("Template", "a slice with typed parameters that an operator offers", &TEMPLATE),
    ("Slice", "one tenant's isolated piece of edge, cloud and network", &SLICE),
];

/// Fields of the contract with charts of a platform, which `bind` maps onto a chart's own values.
pub(crate) static BINDABLE: [&str; 6] = ["slice", "function", "port", "tlsSecret", "clientsSecret", "uplinks"];

/// Lists longer than this are no slice that a person wrote.
pub(super) const MANY: usize = 1_000;
const DEVICES: usize = 10_000;

pub(super) const fn required(name: &'static str, doc: &'static str, shape: Shape) -> Field {
    Field { name, need: Need::Required, doc, shape }
}

pub(super) const fn optional(name: &'static str, doc: &'static str, shape: Shape) -> Field {
    Field { name, need: Need::Optional, doc, shape }
}

macro_rules! document {
    ($($name:ident, $kind:literal, $meta:ident, $spec:expr;)*) => {$(
        static $name: Fields = Fields {
            fields: &[
                required("apiVersion", "the version of this file's language", Shape::Word(&[API_VERSION])),
                required("kind", "what this document describes", Shape::Word(&[$kind])),
                required("metadata", "its name", Shape::Map(&$meta)),
                $spec,
            ],
            rules: &[],
        };
    )*};
}

document! {
    TENANT, "Tenant", NAMED, optional("spec", "what is known of the tenant", Shape::Map(&TENANT_SPEC));
    CLUSTER, "Cluster", LABELLED, required("spec", "how the cluster is reached", Shape::Map(&CLUSTER_SPEC));
    REPOSITORY, "Repository", NAMED, required("spec", "where the charts are", Shape::Map(&REPOSITORY_SPEC));
    TEMPLATE, "Template", NAMED, required("spec", "what is offered", Shape::Map(&TEMPLATE_SPEC));
    SLICE, "Slice", LABELLED, required("spec", "what is wanted", Shape::Map(&SLICE_SPEC));
}

static NAMED: Fields = Fields { fields: &[required("name", "its name", NAME)], rules: &[] };

static LABELLED: Fields = Fields {
    fields: &[required("name", "its name", NAME), optional("labels", "words to find and choose it by", LABELS)],
    rules: &[],
};

const NAME: Shape = Shape::Text(&forms::NAME);
pub(super) const LABELS: Shape = Shape::Table { key: &forms::LABEL_KEY, value: &Shape::Text(&forms::LABEL_VALUE) };

pub(super) static TENANT_SPEC: Fields = Fields {
    fields: &[
        optional("description", "who this is, for people", Shape::Text(&forms::TEXT)),
        optional("requireSignature", "packages that none of the trusted signers signed are refused", Shape::Truth),
        optional(
            "trustedSigners",
            "certificates of who signs packages, or of authorities that vouch for them, as PEM",
            Shape::List(&SIGNERS),
        ),
    ],
    rules: &[],
};

static SIGNERS: List = list(Shape::Text(&forms::PEM), 64);

static CLUSTER_SPEC: Fields = Fields {
    fields: &[
        optional("kubeconfig", "a kubeconfig file on the side of the command line", Shape::Text(&forms::FILE)),
        optional("context", "the context in the kubeconfig; absent takes its current one", Shape::Text(&forms::TEXT)),
        optional(
            "expose",
            "how servers on it are reached from other clusters",
            Shape::Word(&["nodePort", "loadBalancer"]),
        ),
        optional(
            "address",
            "what others connect to, instead of what the cluster reports",
            Shape::Text(&forms::ADDRESS),
        ),
        optional("sim", "makes it a simulated cluster, for trials", Shape::Map(&SIM)),
    ],
    rules: &[Rule::AtMostOne(&["kubeconfig", "sim"]), Rule::Needs("context", "kubeconfig")],
};

pub(super) static SIM: Fields = Fields {
    fields: &[
        optional("nodes", "how many nodes it has", Shape::Integer { least: 1, most: 1_000 }),
        optional("cpu", "allocatable CPU per node", Shape::Text(&forms::CPU)),
        optional("memory", "allocatable memory per node", Shape::Text(&forms::MEMORY)),
        optional("away", "it is cut off, and answers nothing", Shape::Truth),
    ],
    rules: &[],
};

static REPOSITORY_SPEC: Fields = Fields {
    fields: &[
        optional("path", "a folder that holds one folder per chart", Shape::Text(&forms::FOLDER)),
        optional("url", "a Helm repository or an OCI registry", Shape::Text(&forms::URL)),
        optional("ca", "the only authorities that are believed, as PEM", Shape::Text(&forms::PEM)),
        optional("caFile", "a file with them, on the side of the command line", Shape::Text(&forms::FILE)),
        optional("username", "who the server is there", Shape::Text(&forms::TEXT)),
        optional(
            "passwordFile",
            "a file with the password, on the side of the command line",
            Shape::Text(&forms::FILE),
        ),
        optional("tokenFile", "a file with a bearer token, on the side of the command line", Shape::Text(&forms::FILE)),
    ],
    rules: &[
        Rule::ExactlyOne(&["path", "url"]),
        Rule::AtMostOne(&["ca", "caFile"]),
        Rule::AtMostOne(&["passwordFile", "tokenFile"]),
        Rule::Needs("username", "passwordFile"),
        Rule::Needs("passwordFile", "username"),
        Rule::Needs("passwordFile", "url"),
        Rule::Needs("tokenFile", "url"),
        Rule::Needs("ca", "url"),
        Rule::Needs("caFile", "url"),
    ],
};

static SLICE_SPEC: Fields = Fields {
    fields: &[
        optional("quality", "what the network between the sites is asked for", Shape::Map(&QUALITY)),
        optional("sites", "where functions may stand", Shape::Table { key: &forms::NAME, value: &Shape::Map(&SITE) }),
        optional("servers", "functions that store and serve telemetry", Shape::List(&SERVERS)),
        optional("gateways", "functions that devices talk to", Shape::List(&GATEWAYS)),
        optional("functions", "any other charts", Shape::List(&FUNCTIONS)),
        optional("devices", "things, each with its gateway", Shape::List(&DEVICE_LIST)),
        optional("heal", "what is changed by hand on its clusters is put back at once", Shape::Truth),
        optional("access", "who may open connections to whom; all else is closed", Shape::List(&ACCESS_LIST)),
        optional("template", "a template that makes the whole slice", Shape::Map(&TEMPLATE_USE)),
        optional(
            "service",
            "an on-boarded network service that makes its sites, functions and access rules",
            Shape::Map(&SERVICE),
        ),
    ],
    rules: &[],
};

static TEMPLATE_USE: Fields = Fields {
    fields: &[
        required("name", "the template's name", NAME),
        optional(
            "version",
            "its version; absent: the one that the slice has, else the newest",
            Shape::Text(&forms::IDENTIFIER),
        ),
        optional("profile", "one of its qualities", Shape::Text(&forms::IDENTIFIER)),
        optional("set", "values of its parameters", Shape::Free),
    ],
    rules: &[],
};

pub(super) static TEMPLATE_SPEC: Fields = Fields {
    fields: &[
        required("version", "the version of the offer, such as 1.0", Shape::Text(&forms::IDENTIFIER)),
        optional("description", "what it is for, for people", Shape::Text(&forms::TEXT)),
        optional("parameters", "what a tenant may say", Shape::List(&PARAMETERS)),
        optional(
            "profiles",
            "qualities to choose from, by S-NSSAI",
            Shape::Table { key: &forms::SNSSAI, value: &Shape::Map(&QUALITY) },
        ),
        optional("quota", "how many slices of it a tenant may have", Shape::Map(&TEMPLATE_QUOTA)),
        required("slice", "the spec of the slice, with ${parameter} in its texts", Shape::Free),
    ],
    rules: &[],
};

static TEMPLATE_QUOTA: Fields = Fields {
    fields: &[
        optional("slices", "each tenant that is not named", COUNT),
        optional("tenants", "single tenants", Shape::Table { key: &forms::NAME, value: &COUNT }),
    ],
    rules: &[],
};

const COUNT: Shape = Shape::Integer { least: 0, most: 1_000_000 };

static PARAMETERS: List = list(Shape::Map(&PARAMETER), MANY);
static CHOICES: List = List { item: Shape::Scalar, least: 1, most: MANY, twice: Twice::Refused };

static PARAMETER: Fields = Fields {
    fields: &[
        required("name", "what it is called: ${name}", NAME),
        required("type", "what may be said", Shape::Word(&PARAMETER_TYPES)),
        optional("default", "where nobody says anything; absent: it must be said", Shape::Scalar),
        optional("minimum", "the least, of numbers and quantities", Shape::Scalar),
        optional("maximum", "the most, of numbers and quantities", Shape::Scalar),
        optional("choices", "nothing else is taken", Shape::List(&CHOICES)),
        optional("unit", "for people, where the type has none", Shape::Text(&forms::TEXT)),
        optional("help", "what it does, for people", Shape::Text(&forms::TEXT)),
        optional("change", "when a tenant may say it", Shape::Word(&["always", "once", "never"])),
    ],
    rules: &[],
};

static PARAMETER_TYPES: [&str; 9] =
    ["text", "name", "integer", "number", "truth", "bandwidth", "latency", "memory", "cpu"];

pub(super) static SERVICE: Fields = Fields {
    fields: &[
        required("package", "the on-boarded package of its descriptor (NSD)", NAME),
        optional("functions", "what is said of its functions, by their ids in the descriptor", FUNCTION_USES),
        optional("together", "groups of functions that stand on one cluster each", Shape::List(&GROUPS)),
        optional("apart", "groups of functions of which no two stand on one cluster", Shape::List(&GROUPS)),
    ],
    rules: &[],
};

static GROUPS: List = list(Shape::List(&GROUP), MANY);
static GROUP: List = List { item: Shape::Text(&forms::IDENTIFIER), least: 2, most: MANY, twice: Twice::Refused };

pub(super) const FUNCTION_USES: Shape = Shape::Table { key: &forms::IDENTIFIER, value: &Shape::Map(&FUNCTION_USE) };

static FUNCTION_USE: Fields = Fields {
    fields: &[
        optional("cluster", "the one cluster where it stands", NAME),
        optional("select", "the clusters to choose from", Shape::Map(&SELECT)),
        optional("package", "the package of its descriptor, of the versions that are there", NAME),
        optional("parameters", "properties that its descriptor declares, by their paths", Shape::Free),
        optional("level", "the instantiation level that it is made at", Shape::Text(&forms::IDENTIFIER)),
        optional(
            "scale",
            "the level of each scaling aspect",
            Shape::Table { key: &forms::IDENTIFIER, value: &Shape::Integer { least: 0, most: 10_000 } },
        ),
    ],
    rules: &[Rule::AtMostOne(&["cluster", "select"])],
};

static QUALITY: Fields = Fields {
    fields: &[
        optional("sst", "slice/service type (3GPP TS 23.003 28.4)", Shape::Integer { least: 0, most: 255 }),
        optional("sd", "slice differentiator (3GPP TS 23.003 28.4)", Shape::Text(&forms::SD)),
        optional("latency", "the longest delay between sites", Shape::Text(&forms::LATENCY)),
        optional("uplink", "guaranteed data rate from the edge", Shape::Text(&forms::BANDWIDTH)),
        optional("downlink", "guaranteed data rate towards the edge", Shape::Text(&forms::BANDWIDTH)),
        optional("availability", "the share of time in which it works", Shape::Text(&forms::SHARE)),
        optional("isolation", "whether resources are shared with other slices", Shape::Word(&["shared", "dedicated"])),
    ],
    rules: &[],
};

static SITE: Fields = Fields {
    fields: &[
        optional("cluster", "the one cluster", NAME),
        optional("select", "the clusters to choose from", Shape::Map(&SELECT)),
        optional("policy", "how one of several is chosen", Shape::Word(&["worst-fit", "best-fit"])),
        optional("apart", "sites that are on other clusters than this one", Shape::List(&SITE_NAMES)),
        optional("quota", "overrides what is computed from the charts", Shape::Map(&QUOTA)),
    ],
    rules: &[Rule::ExactlyOne(&["cluster", "select"]), Rule::Needs("policy", "select")],
};

static SELECT: Fields =
    Fields { fields: &[optional("labels", "labels that the cluster must have", LABELS)], rules: &[] };

static QUOTA: Fields = Fields {
    fields: &[
        optional("cpu", "the most CPU", Shape::Text(&forms::CPU)),
        optional("memory", "the most memory", Shape::Text(&forms::MEMORY)),
        optional("storage", "the most storage", Shape::Text(&forms::MEMORY)),
    ],
    rules: &[],
};

static CHART: Fields = Fields {
    fields: &[
        optional("repository", "the repository that holds the chart", NAME),
        optional("package", "the on-boarded package of the function whose chart it is", NAME),
        required(
            "name",
            "the chart's name in the repository; of a folder, its folder there; in a package, the part (KDU, MCIOP) that it makes",
            Shape::Text(&forms::CHART),
        ),
        optional("version", "a version or a range; absent takes the newest", Shape::Text(&forms::VERSION)),
    ],
    rules: &[Rule::ExactlyOne(&["repository", "package"])],
};

const PLATFORM: Shape = Shape::Word(&["mqtt"]);
const PORT: Shape = Shape::Text(&forms::PORT);
const BIND: Shape = Shape::Table { key: &forms::VALUES_PATH, value: &Shape::Word(&BINDABLE) };

macro_rules! workload {
    ($($more:expr),* $(,)?) => {
        &[
            required("name", "its name; one namespace of names for servers, gateways and functions", NAME),
            required("site", "the site where it stands", NAME),
            required("chart", "the chart that makes it", Shape::Map(&CHART)),
            optional("values", "the chart's values", Shape::Free),
            $($more),*
        ]
    };
}

macro_rules! platform {
    ($port:literal $(, $more:expr)* $(,)?) => {
        workload![
            optional("platform", "the platform whose contract the chart follows", PLATFORM),
            optional("port", $port, PORT),
            optional("bind", "the chart's own values paths that take fields of the contract", BIND),
            $($more),*
        ]
    };
}

static SERVER: Fields =
    Fields { fields: platform!["the container's port that gateways speak to; 8883/tcp for mqtt"], rules: &[] };

static GATEWAY: Fields = Fields {
    fields: platform![
        "the container's port that devices speak to; 8883/tcp for mqtt",
        optional("server", "the server that it is attached to", NAME),
        optional("servers", "the servers that it is attached to", Shape::List(&SERVER_NAMES)),
    ],
    rules: &[Rule::AtMostOne(&["server", "servers"])],
};

static FUNCTION: Fields = Fields { fields: workload![], rules: &[] };

pub(super) const fn list(item: Shape, most: usize) -> List {
    List { item, least: 0, most, twice: Twice::Allowed }
}

static SERVERS: List = list(Shape::Map(&SERVER), MANY);
static GATEWAYS: List = list(Shape::Map(&GATEWAY), MANY);
static FUNCTIONS: List = list(Shape::Map(&FUNCTION), MANY);
static DEVICE_LIST: List = list(Shape::Map(&DEVICE), DEVICES);
static ACCESS_LIST: List = list(Shape::Map(&ACCESS), DEVICES);
static RESOURCES: List = list(Shape::Map(&RESOURCE), MANY);
static SERVER_NAMES: List = List { item: NAME, least: 1, most: MANY, twice: Twice::Refused };
static SITE_NAMES: List = List { item: NAME, least: 1, most: MANY, twice: Twice::Refused };
static PORTS: List = List { item: PORT, least: 1, most: 64, twice: Twice::Refused };

static DEVICE: Fields = Fields {
    fields: &[
        required("name", "its name", NAME),
        required("gateway", "the gateway that it talks to", NAME),
        required("protocol", "how it talks", Shape::Word(&["mqtt"])),
        optional("resources", "what it measures or takes", Shape::List(&RESOURCES)),
    ],
    rules: &[],
};

static RESOURCE: Fields = Fields {
    fields: &[
        required("name", "its name", NAME),
        required("type", "the type of its values", Shape::Word(&VALUE_TYPES)),
        optional("unit", "its unit in SenML (RFC 8428 12.1)", Shape::Text(&forms::UNIT)),
    ],
    rules: &[],
};

static VALUE_TYPES: [&str; 13] = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "string",
    "binary",
];

static ACCESS: Fields = Fields {
    fields: &[
        required("from", "a server, gateway or function, or devices for all of them", NAME),
        required("to", "the server, gateway or function whose ports are opened", NAME),
        required("ports", "the container's ports", Shape::List(&PORTS)),
    ],
    rules: &[],
};

/// What every document has, for one whose kind is not known: nothing is said about fields that depend on the kind.
pub(crate) static UNKNOWN: Fields = Fields {
    fields: &[
        required("apiVersion", "the version of this file's language", Shape::Word(&[API_VERSION])),
        required(
            "kind",
            "what this document describes",
            Shape::Word(&["Tenant", "Cluster", "Repository", "Template", "Slice"]),
        ),
        optional("metadata", "its name", Shape::Any),
        optional("spec", "what is wanted", Shape::Any),
    ],
    rules: &[],
};
