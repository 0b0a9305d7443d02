//! `/openapi.json` (OpenAPI 3.1), written from the endpoint table, the table of fields and the types of answers: nothing
//! of it is written twice, and nothing is answered that does not stand in it.

use super::answers::Problem;
use super::nfvo::SURFACE;
use super::params::{self, NAME};
use super::table::{Answered, BodyForm, Endpoint, Face, Method, OPEN, TABLE};
use models::file::body_schema;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

const SCHEMAS: &str = "/components/schemas";

/// Made once: it is the same until the server ends.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| written(TABLE.iter().chain(SURFACE.iter())))
}

fn written(table: impl Iterator<Item = &'static Endpoint>) -> Value {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = SCHEMAS.into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let problem = json!({"application/problem+json": {"schema": problem}});
    let mut paths: Map<String, Value> = OPEN.iter().map(|path| ((*path).to_owned(), open(path, &problem))).collect();
    for endpoint in table {
        let entry = paths.entry(endpoint.path.replace("*}", "}")).or_insert_with(|| json!({}));
        entry[endpoint.method.as_str().to_lowercase()] = operation(endpoint, &problem, &mut generator);
    }
    let mut schemas = generator.take_definitions(true);
    let documents = models::file::schema();
    for (kind, schema) in documents["$defs"].as_object().into_iter().flatten() {
        schemas.insert(format!("{kind}Document"), schema.clone());
    }
    for form in models::file::FORMS {
        schemas.insert(form.title.to_owned(), body_schema(form));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sliceway", "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
        },
    })
}

/// What nobody needs a token for.
fn open(path: &str, problem: &Value) -> Value {
    let content = match path {
        "/openapi.json" => json!({"application/json": {"schema": {"type": "object"}}}),
        _ => json!({"text/plain": {"schema": {"type": "string"}}}),
    };
    let mut responses = json!({"200": {"description": "It is well", "content": content}});
    if path == "/readyz" {
        responses["503"] = refused(503, problem);
    }
    json!({"get": {"summary": "Open to all", "operationId": format!("get{}", words(path)), "security": [], "responses": responses}})
}

fn operation(endpoint: &Endpoint, problem: &Value, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "summary": endpoint.summary,
        "description": format!("Needs the role {}.", endpoint.role.as_str()),
        "operationId": format!("{}{}", endpoint.method.as_str().to_lowercase(), words(endpoint.path)),
        "parameters": parameters(endpoint),
        "responses": responses(endpoint, problem, generator),
    });
    let media = |name: &str, example: &str| {
        let example: Value = serde_json::from_str(example).unwrap_or_default();
        json!({"schema": {"$ref": format!("#{SCHEMAS}/{name}")}, "example": example})
    };
    let content = match endpoint.body {
        None => return operation,
        Some(BodyForm::Of(form)) => json!({"application/json": media(form.title, form.example)}),
        Some(BodyForm::Typed(schema)) => {
            let body = json!({"schema": schema(generator)});
            match endpoint.method {
                Method::Patch => json!({"application/merge-patch+json": body, "application/json": body}),
                Method::Get | Method::Post | Method::Put | Method::Delete => json!({"application/json": body}),
            }
        }
        Some(BodyForm::Package) => {
            let form = &models::file::PACKAGE_BODY;
            json!({"application/json": media(form.title, form.example), "application/octet-stream": {}, "application/zip": {}})
        }
        Some(BodyForm::Content(kinds)) => kinds.iter().map(|kind| ((*kind).to_owned(), json!({}))).collect(),
        Some(BodyForm::Slice) => {
            let slice = media("SliceDocument", SLICE);
            json!({"application/json": slice, "application/yaml": slice})
        }
    };
    operation["requestBody"] = json!({"required": true, "content": content});
    operation
}

/// The smallest slice that does something.
const SLICE: &str = r#"{
    "apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": "factory-8", "labels": {"customer": "acme"}},
    "spec": {
        "sites": {"plant": {"cluster": "edge"}},
        "functions": [{
            "name": "store", "site": "plant", "chart": {"repository": "lab", "name": "mqtt-server", "version": "^1"},
            "values": {"persistence": "1Gi"}
        }]
    }
}"#;

fn words(path: &str) -> String {
    path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let parts = endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.split_once('}'));
    let mut all: Vec<Value> = parts.map(|(name, _)| in_path(endpoint, name.trim_end_matches('*'))).collect();
    all.extend(endpoint.query.iter().map(|parameter| params::published(endpoint.path, *parameter)));
    let header = |name: &str, meaning: &str, schema: Value| json!({"name": name, "in": "header", "description": meaning, "schema": schema});
    let name = json!({"type": "string", "pattern": NAME});
    all.push(header("Sliceway-Tenant", "an administrator's: the tenant to act in", name));
    if endpoint.is_conditional() {
        let tags = json!({"type": "string", "pattern": r#"^(\*|(W/)?"[^"]*"(, *(W/)?"[^"]*")*)$"#});
        all.push(header("If-Match", "only at one of these revisions, as ETag has them; * for any", tags));
        all.push(header("If-None-Match", "only where there is nothing yet", json!({"const": "*"})));
    }
    if endpoint.method != Method::Get {
        let key = json!({"type": "string", "pattern": "^[!-~]{1,200}$"});
        all.push(header("Idempotency-Key", "sent again with the same key, the first answer comes again", key));
    }
    if !matches!(endpoint.face, Face::Own | Face::Nfvo(_, 0)) {
        let version = json!({"type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+(-.*)?$"});
        all.push(header("Version", "of the interface; absent: the newest of the path's major version", version));
    }
    if takes(endpoint, "watch") {
        let id = json!({"type": "integer", "minimum": 0, "maximum": u64::MAX});
        all.push(header("Last-Event-ID", "where a watch left off", id));
    }
    all
}

fn in_path(endpoint: &Endpoint, name: &str) -> Value {
    let schema = match (endpoint.path, name) {
        _ if endpoint.face != Face::Own => json!({"type": "string"}),
        (path, "name") if path.contains("/charts/") => {
            json!({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"})
        }
        (_, "id") => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}),
        _ => json!({"type": "string", "pattern": NAME}),
    };
    json!({"name": name, "in": "path", "required": true, "schema": schema})
}

fn takes(endpoint: &Endpoint, parameter: &str) -> bool {
    endpoint.query.iter().any(|(name, _)| *name == parameter)
}

fn responses(endpoint: &Endpoint, problem: &Value, generator: &mut SchemaGenerator) -> Value {
    let mut all = Map::new();
    for answer in endpoint.answers {
        all.insert(answer.status.to_string(), good(endpoint, answer, generator));
    }
    for status in refusals(endpoint) {
        all.insert(status.to_string(), refused(status, problem));
    }
    Value::Object(all)
}

fn good(endpoint: &Endpoint, answer: &Answered, generator: &mut SchemaGenerator) -> Value {
    let mut content = (answer.content)(generator);
    if takes(endpoint, "watch") {
        content["text/event-stream"] = json!({"schema": event()});
    }
    let required = answer.headers.iter().map(|name| (*name, true));
    let headers: Map<String, Value> = required
        .chain(answer.more.iter().map(|name| (*name, false)))
        .map(|(name, always)| (name.to_owned(), json!({"required": always, "schema": {"type": "string"}})))
        .collect();
    let description = match answer.status {
        202 => "Begun",
        204 => "Done; there is nothing to say",
        _ => "Done",
    };
    let mut good = json!({"description": description});
    if !headers.is_empty() {
        good["headers"] = json!(headers);
    }
    if content.as_object().is_some_and(|content| !content.is_empty()) {
        good["content"] = content;
    }
    good
}

/// One event of a watch; `data` is JSON.
fn event() -> Value {
    let data = json!({"type": "string", "contentMediaType": "application/json"});
    let word = json!({"enum": ["put", "left", "deleted", "error"]});
    json!({"type": "object", "properties": {"id": {"type": "string"}, "event": word, "data": data}})
}

/// Every status with which it may be refused.
fn refusals(endpoint: &Endpoint) -> Vec<u16> {
    let writes = endpoint.method != Method::Get;
    let mut all = vec![400, 401, 404, 408, 413, 429, 500, 503];
    if endpoint.role > models::tenant::Role::Viewer {
        all.push(403);
    }
    if endpoint.face != Face::Own {
        all.push(406);
        all.extend(endpoint.body.map(|_| 415));
    }
    // A content may not be there yet, and a range of it not at all.
    let content = endpoint.answers.iter().any(|answer| answer.status == 206);
    all.extend([409, 416].into_iter().filter(|_| content));
    // A name that several slices have; a chart that cannot be shown.
    if writes || takes(endpoint, "slice") {
        all.push(409);
    }
    if writes || endpoint.path.contains("/charts") {
        all.push(422);
    }
    if endpoint.is_conditional() {
        all.push(412);
    }
    if takes(endpoint, "watch") {
        all.push(410);
    }
    all.sort_unstable();
    all
}

fn refused(status: u16, problem: &Value) -> Value {
    let (description, header) = match status {
        400 => ("Something of the request is wrong, and which", None),
        401 => ("A valid token is needed", Some("WWW-Authenticate")),
        403 => ("The token's role allows less", None),
        404 => ("It does not exist", None),
        408 => ("The body did not come in time", None),
        409 => ("Something stands in the way, and what", None),
        410 => ("Changes since then are not kept any more: list again", None),
        406 => ("Nothing that is accepted is given, or the version is not spoken", None),
        412 => ("It was changed since it was read", None),
        415 => ("The body is of a media type that is not taken", None),
        416 => ("The range begins beyond the end", Some("Content-Range")),
        413 => ("The body is too large", None),
        422 => ("Fields of the body are wrong, each with its place", None),
        429 => ("This token calls too often", Some("Retry-After")),
        503 => ("Not now; send it again in a moment", Some("Retry-After")),
        _ => ("What is stored cannot be read; the server's log says more", None),
    };
    let mut refused = json!({"description": description, "content": problem});
    if let Some(name) = header {
        refused["headers"] = json!({(name): {"required": true, "schema": {"type": "string"}}});
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::file::{Source, parse};

    /// Every `$ref` of the document leads to a schema of it.
    fn lost(at: &Value, whole: &Value, found: &mut Vec<String>) {
        match at {
            Value::Object(map) => {
                let to = map.get("$ref").and_then(Value::as_str);
                let leads = |to: &str| to.strip_prefix('#').is_some_and(|pointer| whole.pointer(pointer).is_some());
                found.extend(to.filter(|to| !leads(to)).map(str::to_owned));
                map.values().for_each(|inner| lost(inner, whole, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| lost(inner, whole, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_the_slice_of_the_example_is_one() {
        let document = document();
        let mut found = vec![];
        lost(document, document, &mut found);
        assert_eq!(found, Vec::<String>::new());
        assert!(parse(&[Source { name: "example", text: SLICE }]).is_ok());
    }

    #[test]
    fn every_operation_has_an_id_of_its_own_and_says_what_it_answers() {
        let document = document();
        let mut ids = std::collections::BTreeSet::new();
        for operation in
            document["paths"].as_object().into_iter().flatten().flat_map(|(_, path)| path.as_object()).flatten()
        {
            let (method, operation) = operation;
            assert!(ids.insert(operation["operationId"].to_string()), "{method} {operation}");
            let good =
                operation["responses"].as_object().into_iter().flatten().filter(|(status, _)| status.starts_with('2'));
            assert!(good.count() > 0, "{operation}");
        }
    }
}
