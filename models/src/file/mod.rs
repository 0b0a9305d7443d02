//! The file of `sliceway apply -f`: text in, typed documents or all its problems out.
//!
//! One table (`table.rs`) says what every field may hold; the check and the JSON Schema are both made from it. Bodies
//! of the API take the same way as files. Nothing here reads a disk: who calls has the text.

mod body;
mod check;
mod finding;
mod forms;
mod locate;
mod located;
mod meaning;
mod node;
mod schema;
mod shape;
mod table;
mod units;

use crate::cluster::ClusterSpec;
use crate::labels::Labels;
use crate::repository::RepositorySpec;
use crate::template::TemplateSpec;
use crate::{Name, Problem, SliceSpec};
pub use body::{
    ADOPTION_BODY, CLUSTER_BODY, FORMS, Form, INSTANTIATE_BODY, OFFER_BODY, PACKAGE_BODY, REPOSITORY_BODY, SCALE_BODY,
    SERVICE_BODY, TEMPLATE_BODY, TENANT_BODY, TOKEN_BODY, UPDATE_BODY, body_schema, read_as,
};
use finding::{Findings, Path, choice, quoted};
pub use located::Located;
use node::Node;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shape::{Fields, Shape};
use std::collections::HashMap;
pub use table::API_VERSION;
use table::KINDS;

/// A text that holds documents.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file's name, `-` for the standard input, `body` for a request.
    pub name: &'a str,
    pub text: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    pub name: Name,
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantSpec {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_signature: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_signers: Vec<String>,
}

/// Paths on the side of the command line, which sends the contents instead; a server must refuse them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryFiles {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    Tenant {
        meta: Meta,
        spec: TenantSpec,
    },
    Cluster {
        meta: Meta,
        spec: ClusterSpec,
        /// A path on the side of the command line, which sends the content instead; a server must refuse it.
        kubeconfig: Option<String>,
        /// The context in it.
        context: Option<String>,
    },
    Repository {
        meta: Meta,
        spec: RepositorySpec,
        files: RepositoryFiles,
    },
    Template {
        meta: Meta,
        spec: Box<TemplateSpec>,
    },
    Slice {
        meta: Meta,
        spec: Box<SliceSpec>,
    },
}

impl Document {
    pub fn kind(&self) -> &'static str {
        match self {
            Document::Tenant { .. } => "Tenant",
            Document::Cluster { .. } => "Cluster",
            Document::Repository { .. } => "Repository",
            Document::Template { .. } => "Template",
            Document::Slice { .. } => "Slice",
        }
    }

    pub fn meta(&self) -> &Meta {
        match self {
            Document::Tenant { meta, .. }
            | Document::Cluster { meta, .. }
            | Document::Repository { meta, .. }
            | Document::Template { meta, .. }
            | Document::Slice { meta, .. } => meta,
        }
    }

    /// The document as it may be written to a file again.
    pub fn json(&self) -> Value {
        let spec = match self {
            Document::Tenant { spec, .. } => json!(spec),
            Document::Repository { spec, files, .. } => joined(json!(spec), json!(files)),
            Document::Template { spec, .. } => json!(spec),
            Document::Slice { spec, .. } => json!(spec),
            Document::Cluster { spec, kubeconfig, context, .. } => {
                let mut value = json!(spec);
                for (key, path) in [("kubeconfig", kubeconfig), ("context", context)] {
                    if let (Some(path), Value::Object(map)) = (path, &mut value) {
                        map.insert(key.to_owned(), json!(path));
                    }
                }
                value
            }
        };
        json!({"apiVersion": API_VERSION, "kind": self.kind(), "metadata": self.meta(), "spec": spec})
    }
}

fn joined(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

/// A document with where its parts stand.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub document: Document,
    /// The name of its source.
    pub source: String,
    root: Node,
}

impl Parsed {
    /// Line and column of a path such as `spec.gateways[0].values.persistence`, from 1. Where the path leads nowhere,
    /// the nearest ancestor that is there.
    pub fn locate(&self, path: &str) -> Option<(u64, u64)> {
        let at = locate::locate(&self.root, path);
        (at.line > 0).then_some((at.line, at.column))
    }

    /// A problem that was found later, with the place of its field.
    pub fn place(&self, problem: Problem) -> Problem {
        let place = self.locate(&problem.field);
        Problem {
            file: Some(self.source.clone()),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            ..problem
        }
    }
}

/// The JSON Schema of a document (draft 2020-12).
pub fn schema() -> Value {
    schema::schema()
}

/// Every document of every source in order, or every problem of all of them, ordered by place.
pub fn parse(sources: &[Source<'_>]) -> Result<Vec<Parsed>, Vec<Problem>> {
    let mut reader = Reader::default();
    for source in sources {
        reader.source(*source);
    }
    if reader.problems.is_empty() && reader.parsed.is_empty() {
        let empty = |source: &Source<'_>| Problem {
            file: Some(source.name.to_owned()),
            ..Problem::at("", "holds no document").mend(format!("write one of kind {}", choice(&kinds())))
        };
        reader.problems.extend(sources.iter().map(empty));
    }
    if reader.problems.is_empty() { Ok(reader.parsed) } else { Err(reader.problems) }
}

#[derive(Default)]
struct Reader {
    parsed: Vec<Parsed>,
    problems: Vec<Problem>,
    /// Kind and name of every document so far, with its place.
    seen: HashMap<(String, String), String>,
}

impl Reader {
    fn source(&mut self, source: Source<'_>) {
        let mut findings = Findings::default();
        for root in node::read(source.text, &mut findings) {
            self.claim(&root, source.name, &mut findings);
            if let Some(document) = document(&root, &mut findings) {
                self.parsed.push(Parsed { document, source: source.name.to_owned(), root });
            }
        }
        self.problems.extend(findings.finish(source.name));
    }

    /// One apply cannot want two things of one name.
    fn claim(&mut self, root: &Node, source: &str, findings: &mut Findings) {
        let name = root.get("metadata").and_then(|metadata| metadata.get("name"));
        let (Some(kind), Some(node)) = (root.get("kind").and_then(Node::text), name) else { return };
        let Some(name) = node.text() else { return };
        let key = (kind.to_owned(), name.to_owned());
        if let Some(earlier) = self.seen.get(&key) {
            let metadata = Path::Key(&Path::Root, "metadata");
            findings.add(node.at, &metadata.key("name"), || {
                Problem::at("", format!("{} {} stands at {earlier} already", quoted(kind), quoted(name)))
                    .mend("leave one of the two out")
            });
            return;
        }
        self.seen.insert(key, format!("{source}:{}", node.at));
    }
}

fn kinds() -> Vec<&'static str> {
    KINDS.iter().map(|(kind, ..)| *kind).collect()
}

fn document(root: &Node, findings: &mut Findings) -> Option<Document> {
    let before = findings.count();
    let kind = root.get("kind").and_then(Node::text);
    let Some((kind, _, fields)) = KINDS.iter().find(|(known, ..)| Some(*known) == kind) else {
        check::check(root, &Shape::Map(&table::UNKNOWN), &Path::Root, findings);
        return None;
    };
    check::check(root, &Shape::Map(fields), &Path::Root, findings);
    if *kind == "Slice" {
        meaning::check_slice(root, findings);
    }
    if findings.count() > before {
        return None;
    }
    match typed(kind, root, fields) {
        Ok(document) => Some(document),
        Err(error) => {
            let message = format!("does not become a {kind}: {error}");
            findings.add(root.at, &Path::Root, || Problem::at("", message));
            None
        }
    }
}

/// The check has passed: an error here means that the table and the types differ.
fn typed(kind: &str, root: &Node, fields: &'static Fields) -> Result<Document, serde_json::Error> {
    let mut value = check::json(root, &Shape::Map(fields));
    let mut take = |key: &str| value.get_mut(key).map(Value::take).unwrap_or_else(|| Value::Object(Map::new()));
    let meta: Meta = serde_json::from_value(take("metadata"))?;
    let mut spec = take("spec");
    Ok(match kind {
        "Tenant" => Document::Tenant { meta, spec: serde_json::from_value(spec)? },
        "Template" => Document::Template { meta, spec: serde_json::from_value(spec)? },
        "Repository" => {
            let mut files = Map::new();
            for key in ["caFile", "username", "passwordFile", "tokenFile"] {
                files.extend(spec.as_object_mut().and_then(|map| map.remove_entry(key)));
            }
            let files = serde_json::from_value(Value::Object(files))?;
            Document::Repository { meta, spec: serde_json::from_value(spec)?, files }
        }
        "Cluster" => {
            let mut text = |key: &str| {
                let value = spec.as_object_mut().and_then(|map| map.remove(key));
                value.and_then(|value| value.as_str().map(str::to_owned))
            };
            let (kubeconfig, context) = (text("kubeconfig"), text("context"));
            Document::Cluster { meta, spec: serde_json::from_value(spec)?, kubeconfig, context }
        }
        _ => Document::Slice { meta, spec: serde_json::from_value(spec)? },
    })
}
