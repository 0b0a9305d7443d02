//! Bodies of the API that are no documents: their fields, as data like those of the file, and reading them.
//!
//! They are JSON; the check and the published schema come from the same table. An optional field that is `null` is
//! absent. It must never take a field that stands twice or that nobody reads.

use super::finding::{At, Findings, Path, choice};
use super::forms;
use super::locate::locate;
use super::node::{self, Entry, Node, Tree};
use super::shape::{Field, Fields, List, Need, Rule, Shape};
use super::table::{self, list, optional, required};
use super::{check, schema};
use crate::Problem;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

/// What one body may hold.
#[derive(Debug)]
pub struct Form {
    pub title: &'static str,
    pub(crate) fields: &'static Fields,
    /// A body that is taken, as JSON.
    pub example: &'static str,
}

/// Values in one body.
const MOST_VALUES: usize = 100_000;
/// A repository that a person uploads has fewer charts.
const CHARTS: usize = 10_000;

pub static TENANT_BODY: Form =
    Form { title: "TenantBody", fields: &table::TENANT_SPEC, example: r#"{"description": "the plant in the north"}"# };
pub static TOKEN_BODY: Form = Form {
    title: "TokenBody",
    fields: &TOKEN,
    example: r#"{"role": "operator", "description": "deploys from CI", "ends": "2099-01-01T00:00:00Z"}"#,
};
pub static CLUSTER_BODY: Form = Form {
    title: "ClusterBody",
    fields: &CLUSTER,
    example: r#"{"labels": {"region": "field"}, "spec": {"sim": {"nodes": 2, "cpu": "4", "memory": "8Gi"}}}"#,
};
pub static REPOSITORY_BODY: Form = Form {
    title: "RepositoryBody",
    fields: &REPOSITORY,
    example: r#"{"spec": {"url": "https://charts.example.org/stable"}, "credentials": {"token": "secret"}}"#,
};
pub static ADOPTION_BODY: Form = Form {
    title: "AdoptionBody",
    fields: &ADOPTION,
    example: r#"{"cluster": "edge", "namespace": "iot", "releases": [{"release": "broker", "repository": "lab"}]}"#,
};
pub static PACKAGE_BODY: Form =
    Form { title: "PackageBody", fields: &PACKAGE, example: r#"{"file": "web.csar", "archive": "UEsFBgAAAAAAAA=="}"# };

pub static SERVICE_BODY: Form = Form {
    title: "ServiceBody",
    fields: &SERVICE,
    example: r#"{"package": "factory-ns-1-0", "description": "the line in hall 7"}"#,
};
pub static INSTANTIATE_BODY: Form = Form {
    title: "InstantiateBody",
    fields: &INSTANTIATE,
    example: r#"{"functions": {"web": {"cluster": "edge", "parameters": {"image.tag": "2.1"}, "scale": {"web": 1}}}}"#,
};
pub static UPDATE_BODY: Form = Form {
    title: "UpdateBody",
    fields: &UPDATE,
    example: r#"{"package": "factory-ns-1-1", "functions": {"web": {"parameters": {"image.tag": "2.2"}}}}"#,
};
pub static SCALE_BODY: Form = Form {
    title: "ScaleBody",
    fields: &SCALE,
    example: r#"{"function": "web", "aspect": "web", "direction": "out", "steps": 1}"#,
};

pub static TEMPLATE_BODY: Form = Form {
    title: "TemplateBody",
    fields: &table::TEMPLATE_SPEC,
    example: r#"{"version": "1.0", "parameters": [{"name": "at", "type": "name"}], "slice": {"sites": {"edge": {"cluster": "${at}"}}}}"#,
};
pub static OFFER_BODY: Form =
    Form { title: "OfferBody", fields: &OFFER, example: r#"{"slice": "hall-7", "set": {"at": "edge"}}"# };

/// All of them.
pub static FORMS: [&Form; 12] = [
    &TEMPLATE_BODY,
    &OFFER_BODY,
    &TENANT_BODY,
    &TOKEN_BODY,
    &CLUSTER_BODY,
    &REPOSITORY_BODY,
    &ADOPTION_BODY,
    &PACKAGE_BODY,
    &SERVICE_BODY,
    &INSTANTIATE_BODY,
    &UPDATE_BODY,
    &SCALE_BODY,
];

const TEXT: Shape = Shape::Text(&forms::TEXT);
const NAME: Shape = Shape::Text(&forms::NAME);

static TOKEN: Fields = Fields {
    fields: &[
        required("role", "what it allows", Shape::Word(&["viewer", "operator", "admin"])),
        optional("tenant", "the tenant that it acts in; absent: the caller's", NAME),
        optional("description", "what it is for, for people", TEXT),
        optional("ends", "when it ends by itself", Shape::Text(&forms::MOMENT)),
    ],
    rules: &[],
};

static CLUSTER: Fields = Fields {
    fields: &[
        optional("labels", "words to find and choose it by", table::LABELS),
        optional("spec", "how others reach it", Shape::Map(&CLUSTER_SPEC)),
        optional("kubeconfig", "the text itself with everything in it; absent: the one that is kept", TEXT),
    ],
    rules: &[],
};

static CLUSTER_SPEC: Fields = Fields {
    fields: &[
        optional("expose", "how servers on it are reached", Shape::Word(&["nodePort", "loadBalancer"])),
        optional("address", "what others connect to", Shape::Text(&forms::ADDRESS)),
        optional("sim", "makes it a simulated cluster, for trials", Shape::Map(&table::SIM)),
    ],
    rules: &[],
};

static REPOSITORY: Fields = Fields {
    fields: &[
        optional("spec", "where the charts are", Shape::Map(&REPOSITORY_SPEC)),
        optional("charts", "packed charts to keep", Shape::List(&CHART_LIST)),
        optional("credentials", "who the server is there", Shape::Map(&CREDENTIALS)),
    ],
    rules: &[],
};

static REPOSITORY_SPEC: Fields = Fields {
    fields: &[
        optional("path", "a folder of the server, or where the upload came from", Shape::Text(&forms::FOLDER)),
        optional("url", "a Helm repository or an OCI registry", Shape::Text(&forms::URL)),
        optional("ca", "the only authorities that are believed, as PEM", Shape::Text(&forms::PEM)),
    ],
    rules: &[Rule::AtMostOne(&["path", "url"]), Rule::Needs("ca", "url")],
};

static CHART_LIST: List = list(Shape::Map(&CHART), CHARTS);

static CHART: Fields = Fields {
    fields: &[
        required("name", "its folder below the uploaded one", Shape::Text(&forms::BELOW)),
        required("archive", "the packed chart in base64", Shape::Text(&forms::BASE64)),
    ],
    rules: &[],
};

/// A user with a password, or a bearer token.
static CREDENTIALS: Fields = Fields {
    fields: &[
        optional("username", "the user", TEXT),
        optional("password", "the user's password", TEXT),
        optional("token", "a bearer token", TEXT),
    ],
    rules: &[
        Rule::ExactlyOne(&["password", "token"]),
        Rule::Needs("username", "password"),
        Rule::Needs("password", "username"),
    ],
};

static PACKAGE: Fields = Fields {
    fields: &[
        optional("file", "what its sender calls it; absent: as the package", TEXT),
        required("archive", "the package, or the descriptor alone, in base64", Shape::Text(&forms::BASE64)),
    ],
    rules: &[],
};

static ADOPTION: Fields = Fields {
    fields: &[
        required("cluster", "the cluster that they stand on", NAME),
        required("namespace", "the namespace that they stand in", Shape::Text(&forms::NAMESPACE)),
        required("releases", "the releases that become functions", Shape::List(&RELEASES)),
    ],
    rules: &[],
};

static RELEASES: List = List { least: 1, ..list(Shape::Map(&RELEASE), table::MANY) };

static RELEASE: Fields = Fields {
    fields: &[
        required("release", "its name", Shape::Text(&forms::RELEASE)),
        optional("function", "what it is called in the slice; absent: as the release", NAME),
        required("repository", "the repository that holds its chart", NAME),
        optional("chart", "the chart's name there; absent: as Helm recorded it", Shape::Text(&forms::CHART)),
        optional("version", "a version or a range; absent: as Helm recorded it", Shape::Text(&forms::VERSION)),
    ],
    rules: &[],
};

static OFFER: Fields = Fields {
    fields: &[
        required("slice", "the slice that is made or changed", NAME),
        optional("version", "the template's version; absent: the one that the slice has, else the newest", TEXT),
        optional("profile", "one of its qualities; absent: the one that the slice has", TEXT),
        optional("set", "values of its parameters; those that are not said stay", Shape::Free),
    ],
    rules: &[],
};

static SERVICE: Fields = Fields {
    fields: &[
        required("package", "the on-boarded package of its descriptor (NSD)", NAME),
        optional("description", "what it is for, for people", TEXT),
    ],
    rules: &[],
};

static INSTANTIATE: Fields = Fields {
    fields: &[
        optional("package", "creates it of this on-boarded package (NSD) first", NAME),
        optional("functions", "what is said of its functions, by their ids", table::FUNCTION_USES),
    ],
    rules: &[],
};

static UPDATE: Fields = Fields {
    fields: &[
        optional("package", "another package of its descriptor (NSD)", NAME),
        optional("functions", "what changes of its functions, by their ids", table::FUNCTION_USES),
        optional("newest", "true: each function takes the newest version that is there", Shape::Truth),
    ],
    rules: &[],
};

static SCALE: Fields = Fields {
    fields: &[
        required("function", "its id in the descriptor", TEXT),
        optional("aspect", "the scaling aspect; absent: the only one", TEXT),
        optional("level", "the level that it gets", LEVEL),
        optional("direction", "by steps: out grows, in shrinks", Shape::Word(&["out", "in"])),
        optional("steps", "how many; absent: one", LEVEL),
    ],
    rules: &[Rule::ExactlyOne(&["level", "direction"]), Rule::Needs("steps", "direction")],
};

const LEVEL: Shape = Shape::Integer { least: 0, most: 10_000 };

/// The JSON Schema (draft 2020-12) of a body.
pub fn body_schema(form: &Form) -> Value {
    schema::body(form.fields)
}

/// Whether `null` says that it is absent; beside a rule on what stands together it would be read in two ways.
pub(super) fn may_be_null(field: &Field, rules: &[Rule]) -> bool {
    let named = |rule: &Rule| match rule {
        Rule::ExactlyOne(names) | Rule::AtMostOne(names) => names.contains(&field.name),
        Rule::Needs(what, beside) => [*what, *beside].contains(&field.name),
    };
    field.need == Need::Optional && !rules.iter().any(named)
}

/// The body, or everything that is wrong with it, each with the place where it stands.
pub fn read_as<T: DeserializeOwned>(form: &Form, text: &str) -> Result<T, Vec<Problem>> {
    let shape = Shape::Map(form.fields);
    let mut root = from_json(text).map_err(|error| vec![unreadable(form, &error)])?;
    without_nulls(&mut root, &shape);
    let mut findings = Findings::default();
    check::check(&root, &shape, &Path::Root, &mut findings);
    if findings.count() == 0 {
        match serde_json::from_value(check::json(&root, &shape)) {
            Ok(body) => return Ok(body),
            Err(error) => {
                let message = format!("does not become a {}: {error}", form.title);
                findings.add(root.at, &Path::Root, || Problem::at("", message));
            }
        }
    }
    Err(placed(findings.finish("body"), text))
}

fn unreadable(form: &Form, error: &serde_json::Error) -> Problem {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    let fields: Vec<&str> = form.fields.fields.iter().map(|field| field.name).collect();
    Problem {
        file: Some("body".to_owned()),
        line: u64::try_from(error.line()).ok(),
        column: u64::try_from(error.column()).ok(),
        ..Problem::at("", format!("cannot be read as JSON: {said}"))
            .mend(format!("send a JSON object with {}", choice(&fields)))
    }
}

/// Lines and columns; they are looked up only where something is wrong, and left out of what is too long for it.
fn placed(mut problems: Vec<Problem>, text: &str) -> Vec<Problem> {
    let roots = node::read(text, &mut Findings::default());
    for problem in &mut problems {
        let at = roots.first().map(|root| locate(root, &problem.field)).filter(|at| at.line > 0);
        problem.line = at.map(|at| at.line);
        problem.column = at.map(|at| at.column);
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

fn without_nulls(node: &mut Node, shape: &Shape) {
    match (shape, &mut node.value) {
        (Shape::Map(fields), Tree::Map(entries)) => {
            let field = |key: &str| fields.fields.iter().find(|field| field.name == key);
            entries.retain(|entry| {
                let absent = entry.node.value == Tree::Null;
                !(absent && field(&entry.key).is_some_and(|field| may_be_null(field, fields.rules)))
            });
            for entry in entries {
                if let Some(field) = field(&entry.key) {
                    without_nulls(&mut entry.node, &field.shape);
                }
            }
        }
        (Shape::List(list), Tree::List(items)) => items.iter_mut().for_each(|item| without_nulls(item, &list.item)),
        _ => {}
    }
}

fn from_json(text: &str) -> Result<Node, serde_json::Error> {
    let (mut json, count) = (serde_json::Deserializer::from_str(text), Cell::new(0));
    let root = Json(&count).deserialize(&mut json)?;
    json.end()?;
    Ok(root)
}

/// A JSON value as a node without a place; counts values.
#[derive(Clone, Copy)]
struct Json<'c>(&'c Cell<usize>);

impl<'de> DeserializeSeed<'de> for Json<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.0.set(self.0.get() + 1);
        if self.0.get() > MOST_VALUES {
            return Err(D::Error::custom(format!("it holds more than {MOST_VALUES} values")));
        }
        let value = deserializer.deserialize_any(self)?;
        Ok(Node { at: At { line: 0, column: 0 }, value })
    }
}

impl<'de> Visitor<'de> for Json<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into(), value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into(), value.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number that JSON does not have"))?;
        let spelling = number.to_string();
        Ok(Tree::Number(number, spelling))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let (mut entries, mut seen) = (Vec::new(), HashSet::new());
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format!("{} stands twice", super::finding::quoted(&key))));
            }
            let node = map.next_value_seed(self)?;
            entries.push(Entry { key, at: node.at, node });
        }
        Ok(Tree::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(form: &Form, text: &str) -> Vec<String> {
        let read = read_as::<Value>(form, text);
        read.err().into_iter().flatten().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn a_wrong_field_is_named_with_its_place_and_what_is_right() {
        let text = "{\n  \"labels\": {\"a\": \"b\"},\n  \"spec\": {\"sim\": {\"nodes\": 4000000000}}\n}";
        let [one] = &said(&CLUSTER_BODY, text)[..] else { return assert_eq!(said(&CLUSTER_BODY, text).len(), 1) };
        assert!(one.starts_with("body:3:") && one.contains("spec.sim.nodes"), "{one}");
        let all = said(&TOKEN_BODY, r#"{"rol": "admin"}"#);
        assert!(all.iter().any(|one| one.contains("did you mean \"role\"?")), "{all:?}");
        assert!(said(&TOKEN_BODY, "{\n\"role\": \"admin\", \"role\": \"viewer\"}")[0].contains("stands twice"));
        assert!(said(&TENANT_BODY, "").iter().all(|one| one.contains("send a JSON object")));
    }

    #[test]
    fn every_example_is_taken() {
        for form in FORMS {
            assert_eq!(said(form, form.example), Vec::<String>::new(), "{}", form.title);
        }
    }

    #[test]
    fn what_is_null_is_absent_but_where_a_rule_asks_what_stands_together() {
        assert_eq!(read_as::<Value>(&TOKEN_BODY, r#"{"role": "admin", "ends": null}"#).unwrap()["role"], "admin");
        let all = said(&REPOSITORY_BODY, r#"{"credentials": {"token": "x", "password": null}}"#);
        assert!(all.iter().any(|one| one.contains("credentials.password")), "{all:?}");
        assert_eq!(said(&TENANT_BODY, r#"{"nobody": null}"#).len(), 1);
    }

    #[test]
    fn a_body_of_too_many_values_is_refused_before_it_fills_the_memory() {
        let many = format!("{{\"charts\": [{}1]}}", "[],".repeat(MOST_VALUES));
        assert!(said(&REPOSITORY_BODY, &many)[0].contains("more than 100000 values"));
    }
}
