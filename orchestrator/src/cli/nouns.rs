//! The nouns: how they are spelled, where the API has them, and what their tables show.

use super::error::Failed;
use super::print::{Column, Width, text};
use models::problem::nearest;
use serde_json::Value;

pub(crate) struct Noun {
    pub(crate) singular: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) columns: &'static [Column],
}

impl Noun {
    /// Where an item says what it is called.
    pub(crate) fn key(&self) -> &'static str {
        match self.plural {
            "operations" | "tokens" | "orphans" | "alarms" | "subscriptions" => "/id",
            _ => "/name",
        }
    }
}

const fn always(head: &'static str, value: fn(&Value) -> String) -> Column {
    Column { head, value, wide: Width::Always }
}

const fn wide(head: &'static str, value: fn(&Value) -> String) -> Column {
    Column { head, value, wide: Width::Wide }
}

fn name(item: &Value) -> String {
    text(item, "/name")
}

fn labels(item: &Value) -> String {
    let map = item.get("labels").and_then(Value::as_object);
    let pairs = map.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")));
    let joined = pairs.collect::<Vec<_>>().join(",");
    if joined.is_empty() { "-".into() } else { joined }
}

/// Which server writes on a cluster.
fn owner(item: &Value) -> String {
    match item.get("owner") {
        None | Some(Value::Null) => "-".into(),
        Some(owner) if owner["ours"] == true => "this server".into(),
        Some(owner) => format!("{} at {}", text(owner, "/instance"), text(owner, "/server")),
    }
}

fn places(item: &Value) -> String {
    let all = item.get("places").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let joined = all.collect::<Vec<_>>().join(", ");
    if joined.is_empty() { "-".into() } else { joined }
}

fn count(item: &Value, pointer: &str) -> String {
    item.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len).to_string()
}

fn placed(item: &Value) -> String {
    let map = item.get("placed").and_then(Value::as_object);
    let pairs = map.into_iter().flatten().map(|(f, c)| format!("{f}@{}", c.as_str().unwrap_or("")));
    pairs.collect::<Vec<_>>().join(" ")
}

fn charts(item: &Value) -> String {
    if item.get("index").is_some() {
        return format!("{} charts", text(item, "/index/charts"));
    }
    let all = item.get("charts").and_then(Value::as_array);
    all.into_iter()
        .flatten()
        .map(|c| format!("{}-{}", text(c, "/name"), text(c, "/version")))
        .collect::<Vec<_>>()
        .join(" ")
}

fn chart(item: &Value) -> String {
    let from = item.pointer("/chart/package").or_else(|| item.pointer("/chart/repository"));
    format!("{}/{}", from.and_then(Value::as_str).unwrap_or_default(), text(item, "/chart/name"))
}

/// Who signed a package, and whether they were believed.
fn signer(item: &Value) -> String {
    match (item.pointer("/signature/signer"), item.pointer("/signature/trusted")) {
        (Some(signer), Some(Value::Bool(true))) => signer.as_str().unwrap_or("").to_owned(),
        (Some(signer), _) => format!("{} (not trusted)", signer.as_str().unwrap_or("")),
        (None, _) => String::new(),
    }
}

fn attached(item: &Value) -> String {
    let one = item.get("server").and_then(Value::as_str).map(str::to_owned);
    let many = item.get("servers").and_then(Value::as_array);
    let many = many.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    one.into_iter().chain(many).collect::<Vec<_>>().join(",")
}

fn progress(item: &Value) -> String {
    text(item, "/changes")
}

fn waiting(item: &Value) -> String {
    match item.pointer("/error/message") {
        Some(message) => message.as_str().unwrap_or("").to_owned(),
        None => text(item, "/waiting_for"),
    }
}

const PARTS: &[Column] = &[
    always("NAME", name),
    always("SLICE", |item| text(item, "/slice")),
    always("CLUSTER", |item| text(item, "/cluster")),
    always("CHART", chart),
];

/// How far somebody is told of what happens.
fn delivery(item: &Value) -> String {
    match item.pointer("/delivery/error").and_then(Value::as_str) {
        Some(error) => format!("not told since {}: {error}", text(item, "/delivery/failingSince")),
        None if item["delivery"]["lost"] == true => "told, and missed some".to_owned(),
        None => "told".to_owned(),
    }
}

pub(crate) static NOUNS: &[Noun] = &[
    Noun {
        singular: "subscription",
        plural: "subscriptions",
        columns: &[
            always("ID", |item| text(item, "/id")),
            always("INTERFACE", |item| format!("{} v{}", text(item, "/interface"), text(item, "/major"))),
            always("CALLBACK", |item| text(item, "/callback")),
            always("DELIVERED", |item| text(item, "/delivery/delivered")),
            always("STATE", delivery),
        ],
    },
    Noun {
        singular: "tenant",
        plural: "tenants",
        columns: &[always("NAME", name), always("DESCRIPTION", |item| text(item, "/description"))],
    },
    Noun {
        singular: "token",
        plural: "tokens",
        columns: &[
            always("ID", |item| text(item, "/id")),
            always("TENANT", |item| text(item, "/tenant")),
            always("ROLE", |item| text(item, "/role")),
            always("ENDS", |item| text(item, "/ends")),
            always("DESCRIPTION", |item| text(item, "/description")),
        ],
    },
    Noun {
        singular: "cluster",
        plural: "clusters",
        columns: &[
            always("NAME", name),
            always("HEALTH", |item| text(item, "/health/state")),
            always("VERSION", |item| text(item, "/facts/version")),
            always("NODES", |item| count(item, "/facts/nodes")),
            always("LABELS", labels),
            wide("CERTIFICATE ENDS", |item| text(item, "/certificate_end")),
            wide("CAUSE", |item| text(item, "/health/cause")),
            wide("OWNER", owner),
        ],
    },
    Noun {
        singular: "repository",
        plural: "repositories",
        columns: &[
            always("NAME", name),
            always("FROM", |item| {
                item.pointer("/spec/url").map_or_else(|| text(item, "/spec/path"), |_| text(item, "/spec/url"))
            }),
            always("CHARTS", charts),
            wide("CREDENTIALS", |item| text(item, "/credentials")),
            wide("READ AT", |item| text(item, "/index/read_at")),
        ],
    },
    Noun {
        singular: "package",
        plural: "packages",
        columns: &[
            always("NAME", name),
            always("KIND", |item| text(item, "/descriptor/kind")),
            always("DESCRIBES", |item| text(item, "/descriptor/name")),
            always("VERSION", |item| text(item, "/descriptor/version")),
            always("PROVIDER", |item| text(item, "/descriptor/provider")),
            always("USAGE", |item| text(item, "/usage")),
            wide("OPERATIONAL", |item| text(item, "/operational")),
            wide("FORM", |item| text(item, "/descriptor/form")),
            wide("ID", |item| text(item, "/descriptor/id")),
            wide("DIGEST", |item| text(item, "/digest")),
            wide("SIGNED BY", signer),
        ],
    },
    Noun {
        singular: "template",
        plural: "templates",
        columns: &[
            always("NAME", name),
            always("VERSION", |item| text(item, "/spec/version")),
            always("PARAMETERS", |item| count(item, "/spec/parameters")),
            always("DESCRIPTION", |item| text(item, "/spec/description")),
            wide("CREATED", |item| text(item, "/created")),
        ],
    },
    Noun {
        singular: "service",
        plural: "services",
        columns: &[
            always("NAME", name),
            always("STATE", |item| text(item, "/state")),
            always("PHASE", |item| text(item, "/phase")),
            always("PACKAGE", |item| text(item, "/package")),
            always("DESCRIPTION", |item| text(item, "/description")),
            wide("OPERATION", |item| text(item, "/operation")),
            wide("CREATED", |item| text(item, "/created")),
        ],
    },
    Noun {
        singular: "slice",
        plural: "slices",
        columns: &[
            always("NAME", name),
            always("PHASE", |item| text(item, "/phase")),
            always("STATE", |item| text(item, "/state/word")),
            always("PLACED", placed),
            always("UID", |item| text(item, "/uid")),
            wide("OPERATION", |item| text(item, "/operation")),
            wide("LABELS", labels),
            wide("WHY", |item| text(item, "/state/reason")),
        ],
    },
    Noun {
        singular: "gateway",
        plural: "gateways",
        columns: &[
            always("NAME", name),
            always("SLICE", |item| text(item, "/slice")),
            always("CLUSTER", |item| text(item, "/cluster")),
            always("ATTACHED TO", attached),
            always("CHART", chart),
        ],
    },
    Noun { singular: "server", plural: "servers", columns: PARTS },
    Noun { singular: "function", plural: "functions", columns: PARTS },
    Noun {
        singular: "device",
        plural: "devices",
        columns: &[
            always("NAME", name),
            always("SLICE", |item| text(item, "/slice")),
            always("GATEWAY", |item| text(item, "/gateway")),
            always("CLUSTER", |item| text(item, "/cluster")),
            always("PROTOCOL", |item| text(item, "/protocol")),
            wide("ENDPOINT", |item| text(item, "/endpoint")),
        ],
    },
    Noun {
        singular: "alarm",
        plural: "alarms",
        columns: &[
            always("ID", |item| text(item, "/id")),
            always("SLICE", |item| text(item, "/slice")),
            always("DRIFT", |item| text(item, "/drift")),
            always("PLACES", places),
            always("SINCE", |item| text(item, "/since")),
            wide("NEXT", |item| text(item, "/next")),
        ],
    },
    Noun {
        singular: "orphan",
        plural: "orphans",
        columns: &[
            always("ID", |item| text(item, "/id")),
            always("SLICE", |item| text(item, "/slice")),
            always("CAUSE", |item| text(item, "/cause")),
            always("SINCE", |item| text(item, "/since")),
            wide("UID", |item| text(item, "/uid")),
            wide("OPERATION", |item| text(item, "/operation")),
            wide("NEXT", |item| text(item, "/next")),
        ],
    },
    Noun {
        singular: "operation",
        plural: "operations",
        columns: &[
            always("ID", |item| text(item, "/id")),
            always("KIND", |item| text(item, "/kind")),
            always("SUBJECT", |item| text(item, "/subject")),
            always("STATE", |item| text(item, "/state")),
            always("CHANGES", progress),
            always("CREATED", |item| text(item, "/created")),
            always("CAUSE OR WAITING FOR", waiting),
            wide("NEXT", |item| text(item, "/error/next")),
        ],
    },
];

pub(crate) fn find(word: &str) -> Result<&'static Noun, Failed> {
    // As the standards say it for short.
    let word = if word == "ns" { "service" } else { word };
    let found = NOUNS.iter().find(|noun| noun.singular == word || noun.plural == word);
    found.ok_or_else(|| {
        let all = NOUNS.iter().flat_map(|noun| [noun.singular, noun.plural]);
        let mend = match nearest(word, all) {
            Some(near) => format!("did you mean {near:?}?"),
            None => NOUNS.iter().map(|noun| noun.plural).collect::<Vec<_>>().join(", "),
        };
        Failed::usage(format!("there is no noun {word:?}")).next(mend)
    })
}
