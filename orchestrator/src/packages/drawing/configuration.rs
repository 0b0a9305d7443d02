//! Environment, ConfigMaps and Secrets become settings of the VDUs that read them: names of all, values only of what is said
//! in the open and is no secret.

use super::properties::is_secretive;
use super::sheet::Sheet;
use super::{list, map, network, plain, pod, text};
use serde_json::Value;
use sol005::descriptor::Vnfd;

type Setting = (String, Option<String>);

/// Longer values are a file's content rather than a setting.
const LONGEST: usize = 512;

pub(super) fn draw(sheet: &mut Sheet<'_>, vnfd: &mut Vnfd) {
    let mut warnings = Vec::new();
    let templates = network::vdus(sheet, vnfd);
    for (id, template) in &templates {
        let spec = template.get("spec").unwrap_or(&Value::Null);
        let mut settings = environment(spec);
        for (setting, value) in &settings {
            if value.is_none() && is_literal(spec, setting) {
                warnings.push(format!("vdu {id}: {setting} holds a secret in the open; a Secret would keep it"));
            }
        }
        settings.extend(files(sheet, id, spec));
        if let Some(vdu) = vnfd.vdus.iter_mut().find(|vdu| vdu.id == *id) {
            vdu.settings = settings;
        }
    }
    for kind in ["ConfigMap", "Secret"] {
        for at in sheet.of_kind(kind) {
            if !sheet.things[at].is_told() {
                sheet.things[at].lacks(format!("all of {kind}"), "no workload of this chart reads it by its name");
            }
        }
    }
    warnings.into_iter().for_each(|words| sheet.warn(words));
}

fn environment(spec: &Value) -> Vec<Setting> {
    let mut found = Vec::new();
    for (container, _) in pod::containers(spec) {
        let name = text(container, "/name");
        for variable in list(container, "/env") {
            let variable_name = text(variable, "/name");
            let from = ["secretKeyRef", "configMapKeyRef"].into_iter().find_map(|kind| {
                let reference = variable.pointer(&format!("/valueFrom/{kind}"))?;
                let kind = kind.trim_end_matches("KeyRef");
                Some(format!("from {kind} {} key {}", text(reference, "/name"), text(reference, "/key")))
            });
            let path = |at: &str| variable.pointer(at).map(plain);
            let field = path("/valueFrom/fieldRef/fieldPath").or_else(|| path("/valueFrom/resourceFieldRef/resource"));
            let field = field.map(|path| format!("from field {path}"));
            let literal = variable.get("value").map(plain).filter(|value| {
                value.is_empty() || !(is_secretive(variable_name) || value.len() > LONGEST || has_credentials(value))
            });
            found.push((format!("env/{name}/{variable_name}"), from.or(field).or(literal)));
        }
        for source in list(container, "/envFrom") {
            for (kind, word) in [("configMapRef", "configmap"), ("secretRef", "secret")] {
                if let Some(reference) = source.get(kind) {
                    found.push((format!("env-from/{name}/{word}/{}", text(reference, "/name")), None));
                }
            }
        }
    }
    found
}

/// `scheme://user:password@host`
fn has_credentials(value: &str) -> bool {
    value.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

fn is_literal(spec: &Value, setting: &str) -> bool {
    pod::containers(spec).any(|(container, _)| {
        list(container, "/env").any(|variable| {
            format!("env/{}/{}", text(container, "/name"), text(variable, "/name")) == setting
                && variable.get("value").map(plain).is_some_and(|value| !value.is_empty() && value.len() <= LONGEST)
        })
    })
}

/// What the pods of a VDU read of ConfigMaps and Secrets of this chart, key by key.
fn files(sheet: &mut Sheet<'_>, vdu: &str, spec: &Value) -> Vec<Setting> {
    let mut found = Vec::new();
    for (kind, word) in [("ConfigMap", "configmap"), ("Secret", "secret")] {
        let read = read_by(spec, kind);
        for at in sheet.of_kind(kind) {
            let thing = &mut sheet.things[at];
            let name = thing.name();
            if !read.contains(&name) {
                continue;
            }
            let keys = ["/data", "/stringData", "/binaryData"].into_iter().flat_map(|at| map(thing.object, at));
            let mut keys: Vec<&String> = keys.map(|(key, _)| key).collect();
            keys.sort();
            keys.dedup();
            found.extend(keys.into_iter().map(|key| (format!("{word}/{name}/{key}"), None)));
            thing.is(format!("configurable-properties of vdu {vdu}"));
            let why = match kind {
                "Secret" => "a secret's value never stands in a descriptor",
                _ => "the chart makes its content; the descriptor names its keys",
            };
            thing.lacks("values", why);
        }
    }
    found
}

fn read_by(spec: &Value, kind: &str) -> Vec<String> {
    let (volume, name, reference, key) = match kind {
        "Secret" => ("secret", "secretName", "secretRef", "secretKeyRef"),
        _ => ("configMap", "name", "configMapRef", "configMapKeyRef"),
    };
    let volumes = list(spec, "/volumes").flat_map(|each| {
        let projected =
            list(each, "/projected/sources").filter_map(|source| source.pointer(&format!("/{volume}/name")));
        each.pointer(&format!("/{volume}/{name}")).into_iter().chain(projected)
    });
    let environment = pod::containers(spec).flat_map(|(container, _)| {
        let whole = list(container, "/envFrom").filter_map(|from| from.pointer(&format!("/{reference}/name")));
        let keys = list(container, "/env").filter_map(|each| each.pointer(&format!("/valueFrom/{key}/name")));
        whole.chain(keys)
    });
    volumes.chain(environment).map(plain).collect()
}
