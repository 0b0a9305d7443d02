//! Storage classes and runtime classes: what charts may ask for by name.

use super::{Patient, listed};
use crate::kubernetes::seen::text;
use crate::port::PortError;
use models::checkup::{Check, Finding};
use serde_json::Value;

pub(super) async fn check(patient: &Patient<'_>) -> Result<Check, PortError> {
    let classes = patient.some("/apis/storage.k8s.io/v1/storageclasses").await?;
    if classes.is_empty() {
        let next = "make a storage class, and mark one as the default";
        return Ok(Check::new(
            "storage",
            Finding::Warning,
            "no storage class: a claim without a volume of its own waits for ever",
        )
        .next(next));
    }
    let drivers = patient.some("/apis/storage.k8s.io/v1/csidrivers").await;
    let runs = patient.some("/apis/apps/v1/deployments").await;
    let provisioned: Vec<(&Value, Provisioner)> =
        classes.iter().map(|class| (class, provisioner(text(class, "/provisioner"), (&drivers, &runs)))).collect();
    Ok(judged(&provisioned))
}

/// Whether what makes the volumes of a class is there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Provisioner {
    There(String),
    /// Nobody makes volumes of it: somebody has to.
    ByHand,
    Unknown(String),
}

type Lists<'a> = (&'a Result<Vec<Value>, PortError>, &'a Result<Vec<Value>, PortError>);

fn provisioner(name: &str, (drivers, runs): Lists<'_>) -> Provisioner {
    if name == "kubernetes.io/no-provisioner" {
        return Provisioner::ByHand;
    }
    if drivers.as_ref().is_ok_and(|all| all.iter().any(|driver| text(driver, "/metadata/name") == name)) {
        return Provisioner::There("its CSI driver is registered".into());
    }
    // A provisioner of another kind registers nowhere; its Deployment mostly bears its name.
    let short = name.rsplit('/').next().unwrap_or(name);
    let bears = |run: &&Value| run.to_string().contains(name) || text(run, "/metadata/name").contains(short);
    match runs.as_ref().ok().and_then(|all| all.iter().find(bears)) {
        Some(run) => {
            let ready = run.pointer("/status/readyReplicas").and_then(Value::as_u64).unwrap_or(0);
            let place = format!("{}/{}", text(run, "/metadata/namespace"), text(run, "/metadata/name"));
            match ready {
                0 => Provisioner::Unknown(format!("Deployment {place} seems to be it and is not ready")),
                _ => Provisioner::There(format!("Deployment {place} seems to be it and runs")),
            }
        }
        None => Provisioner::Unknown("nothing that bears its name was found".into()),
    }
}

fn is_default(class: &Value) -> bool {
    text(class, "/metadata/annotations/storageclass.kubernetes.io~1is-default-class") == "true"
}

fn judged(classes: &[(&Value, Provisioner)]) -> Check {
    let name = |class: &Value| text(class, "/metadata/name").to_owned();
    let details = classes.iter().map(|(class, provisioner)| {
        let mark = if is_default(class) { " (default)" } else { "" };
        let words = match provisioner {
            Provisioner::There(words) | Provisioner::Unknown(words) => words.as_str(),
            Provisioner::ByHand => "volumes are made by hand",
        };
        format!("{}{mark}: {}, {words}", name(class), text(class, "/provisioner"))
    });
    let details: Vec<String> = details.collect();
    let names: Vec<String> = classes.iter().map(|(class, _)| name(class)).collect();
    let check = |state, found: String| Check::new("storage", state, found).details(details.clone());
    let defaults: Vec<_> = classes.iter().filter(|(class, _)| is_default(class)).collect();
    let Some((class, provisioner)) = defaults.first() else {
        let next = "mark one as the default: a claim that names no class waits for ever";
        return check(Finding::Warning, format!("no default storage class among {}", listed(&names))).next(next);
    };
    if defaults.len() > 1 {
        let next = "leave one as the default; the newest is taken now";
        return check(Finding::Warning, format!("{} default storage classes", defaults.len())).next(next);
    }
    let default = name(class);
    match provisioner {
        Provisioner::There(words) => check(Finding::Ok, format!("default {default}: {words}")),
        Provisioner::ByHand => check(Finding::Warning, format!("default {default}: its volumes are made by hand"))
            .next("make a volume for each claim, or another class the default"),
        Provisioner::Unknown(words) => {
            check(Finding::Unknown, format!("default {default}: {words}")).next("see that its provisioner runs")
        }
    }
}

pub(super) async fn runtimes(patient: &Patient<'_>) -> Result<Check, PortError> {
    let classes = patient.some("/apis/node.k8s.io/v1/runtimeclasses").await?;
    let nodes = patient.some("/api/v1/nodes").await;
    let handlers: Option<Vec<String>> = nodes.ok().map(|nodes| {
        let of = |node: &Value| node.pointer("/status/runtimeHandlers").and_then(Value::as_array).cloned();
        nodes.iter().filter_map(of).flatten().map(|handler| text(&handler, "/name").to_owned()).collect()
    });
    Ok(runtime(&classes, handlers.filter(|handlers| !handlers.is_empty())))
}

fn runtime(classes: &[Value], handlers: Option<Vec<String>>) -> Check {
    let check = |state, found: String| Check::new("runtime classes", state, found);
    if classes.is_empty() {
        return check(Finding::Ok, "none: pods run by the nodes' own runtime only".into());
    }
    let name = |class: &Value| format!("{} (handler {})", text(class, "/metadata/name"), text(class, "/handler"));
    let names: Vec<String> = classes.iter().map(name).collect();
    let Some(handlers) = handlers else {
        let found = format!("{}; the nodes do not say which handlers they have", listed(&names));
        return check(Finding::Unknown, found).details(names);
    };
    let lost: Vec<String> =
        classes.iter().filter(|class| !handlers.iter().any(|has| has == text(class, "/handler"))).map(name).collect();
    match lost.is_empty() {
        true => check(Finding::Ok, listed(&names)),
        false => check(Finding::Warning, format!("no node has what runs {}", listed(&lost)))
            .next("set the runtime's handler up on a node, or remove the class"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn class(name: &str, default: &str) -> Value {
        let note = json!({"storageclass.kubernetes.io/is-default-class": default});
        json!({"metadata": {"name": name, "annotations": note}, "provisioner": "x.test/local"})
    }

    #[test]
    fn the_default_class_and_what_makes_its_volumes_count() {
        let (a, b) = (class("a", "true"), class("b", "false"));
        let there = Provisioner::There("runs".into());
        assert_eq!(judged(&[(&a, there.clone()), (&b, Provisioner::ByHand)]).state, Finding::Ok);
        assert_eq!(judged(&[(&b, there.clone())]).state, Finding::Warning);
        assert_eq!(judged(&[(&a, there.clone()), (&a, there)]).state, Finding::Warning);
        assert_eq!(judged(&[(&a, Provisioner::Unknown("?".into()))]).state, Finding::Unknown);
        let run = json!({"metadata": {"name": "local-maker", "namespace": "s"}, "status": {"readyReplicas": 1}});
        let made = provisioner("x.test/local", (&Ok(vec![]), &Ok(vec![run])));
        assert!(matches!(made, Provisioner::There(_)), "{made:?}");
    }

    #[test]
    fn a_runtime_class_that_no_node_can_run_is_told() {
        let class = json!({"metadata": {"name": "gvisor"}, "handler": "runsc"});
        let has = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(runtime(&[], None).state, Finding::Ok);
        assert_eq!(runtime(std::slice::from_ref(&class), None).state, Finding::Unknown);
        assert_eq!(runtime(std::slice::from_ref(&class), has(&["runc"])).state, Finding::Warning);
        assert_eq!(runtime(&[class], has(&["runc", "runsc"])).state, Finding::Ok);
    }
}
