//! `/openapi.json` (OpenAPI 3.1), written from the endpoint table.

use super::table::{Endpoint, Method};
use serde_json::{Map, Value, json};

pub(crate) fn document(table: &[Endpoint]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for open in ["/healthz", "/readyz", "/openapi.json"] {
        paths.insert(open.into(), json!({"get": {"summary": "Open to all", "security": [], "responses": {"200": {"description": "It is well"}}}}));
    }
    for endpoint in table {
        let entry = paths.entry(endpoint.path.to_owned()).or_insert_with(|| json!({}));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(endpoint.method.as_str().to_lowercase(), operation(endpoint));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Sliceway", "version": env!("CARGO_PKG_VERSION"), "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Problem": {"type": "object", "required": ["type", "title", "status", "detail"], "properties": {
                    "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
                    "detail": {"type": "string"}, "next": {"type": "string"}, "problems": {"type": "array", "items": {"type": "object"}}}},
                "Document": models::file::schema(),
            },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut parameters: Vec<Value> = endpoint
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.split_once('}'))
        .map(|(name, _)| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    parameters.extend(endpoint.query.iter().map(
        |(name, meaning)| json!({"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}),
    ));
    let headers = [
        ("If-Match", endpoint.is_conditional()),
        ("If-None-Match", endpoint.is_conditional()),
        ("Idempotency-Key", endpoint.method != Method::Get),
    ];
    parameters.extend(
        headers
            .into_iter()
            .filter(|(_, takes)| *takes)
            .map(|(name, _)| json!({"name": name, "in": "header", "schema": {"type": "string"}})),
    );
    let mut operation = json!({
        "summary": endpoint.summary,
        "description": format!("Needs the role {}.", endpoint.role.as_str()),
        "operationId": id(endpoint),
        "parameters": parameters,
        "responses": responses(endpoint),
    });
    if matches!(endpoint.method, Method::Put) || endpoint.path.ends_with("/slices") || endpoint.path.ends_with("s:plan")
    {
        operation["requestBody"] = json!({"content": {"application/json": {"schema": {"type": "object"}}, "application/yaml": {"schema": {"type": "string"}}}});
    }
    operation
}

fn id(endpoint: &Endpoint) -> String {
    let path: String = endpoint.path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("{}{path}", endpoint.method.as_str().to_lowercase())
}

fn responses(endpoint: &Endpoint) -> Value {
    let problem = json!({"description": "What to change", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}});
    let mut all = Map::new();
    let good: &[&str] = match endpoint.method {
        Method::Get => &["200"],
        Method::Put => &["200"],
        Method::Post => &["200", "201", "202"],
        Method::Delete => &["202", "204"],
    };
    for status in good {
        all.insert((*status).into(), json!({"description": "Done, or begun"}));
    }
    for status in ["400", "401", "403", "404", "405", "408", "409", "410", "412", "413", "422", "429", "500", "503"] {
        all.insert(status.into(), problem.clone());
    }
    Value::Object(all)
}
