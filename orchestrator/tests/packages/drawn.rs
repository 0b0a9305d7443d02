//! What stands in a descriptor, kind by kind, and what is told of the rest.

use super::bench::{Made, build, chart};
use serde_json::{Value, json};

fn kitchen() -> Made {
    let made = build([chart("kitchen")]);
    assert_eq!(made.code, Some(0), "{}", made.words);
    made
}

fn vnfd() -> Value {
    kitchen().yaml("kitchen-vnfd.yaml")["etsi-nfv-vnfd:vnfd"].clone()
}

fn by<'v>(list: &'v Value, key: &str, name: &str) -> &'v Value {
    let found = list.as_array().and_then(|all| all.iter().find(|one| one[key] == name));
    found.unwrap_or_else(|| panic!("no {name} in {list}"))
}

fn pair(list: &Value, key: &str) -> Value {
    by(list, "key", key)["value"].clone()
}

#[test]
fn a_pods_requests_are_summed_as_the_scheduler_does_and_what_is_not_said_is_named() {
    let vnfd = vnfd();
    let web = by(&vnfd["virtual-compute-desc"], "id", "kitchen-web");
    let cpu = &web["virtual-cpu"]["vdu-cpu-requirements"];
    assert_eq!(pair(cpu, "requests.cpu-milli"), "900");
    assert_eq!(pair(cpu, "requests.cpu-milli.unspecified"), "helper");
    assert_eq!(pair(cpu, "limits.cpu-milli.unspecified"), "schema, web, helper");
    let memory = &web["virtual-memory"]["vdu-mem-requirements"];
    assert_eq!(pair(memory, "requests.memory-bytes"), "67108864");
    let cache = by(&vnfd["virtual-compute-desc"], "id", "kitchen-cache");
    assert_eq!(
        cache["virtual-cpu"]["vdu-cpu-requirements"][0],
        json!({"key": "requests.cpu-milli.unspecified", "value": "cache"})
    );
}

#[test]
fn an_operators_default_is_marked_as_assumed() {
    let made = build([chart("kitchen").as_os_str(), "--assume-cpu".as_ref(), "100m".as_ref()]);
    let vnfd = &made.yaml("kitchen-vnfd.yaml")["etsi-nfv-vnfd:vnfd"];
    let cpu = &by(&vnfd["virtual-compute-desc"], "id", "kitchen-cache")["virtual-cpu"]["vdu-cpu-requirements"];
    assert_eq!(pair(cpu, "requests.cpu-milli.assumed"), "100");
}

#[test]
fn workloads_say_what_they_want_of_nodes_and_policies() {
    let vnfd = vnfd();
    let constraints = by(&vnfd["vdu"], "id", "kitchen-web")["nfvi-constraint"].to_string();
    for words in [
        "node label disk=ssd",
        "runtime class kata",
        "tolerates taint edge:NoSchedule",
        "hostPath /var/lib/kitchen",
        "container helper is privileged",
        "disruption budget: minAvailable 1",
    ] {
        assert!(constraints.contains(words), "{words}: {constraints}");
    }
    let profile = by(&vnfd["df"][0]["vdu-profile"], "id", "kitchen-web");
    let rule = &profile["local-affinity-or-anti-affinity-rule"][0];
    assert_eq!((&rule["type"], &rule["scope"]), (&json!("anti-affinity"), &json!("nfvi-node")));
}

#[test]
fn an_autoscaler_is_an_aspect_and_the_value_that_drives_it_is_known() {
    let vnfd = vnfd();
    let flavour = &vnfd["df"][0];
    let profile = by(&flavour["vdu-profile"], "id", "kitchen-web");
    assert_eq!((&profile["min-number-of-instances"], &profile["max-number-of-instances"]), (&json!(2), &json!(6)));
    let aspect = by(&flavour["scaling-aspect"], "id", "kitchen-web");
    assert_eq!(aspect["max-scale-level"], 4);
    let said = vnfd["modifiable-attributes"]["metadata"].to_string();
    assert!(said.contains("scaling.kitchen-web=scaling.replicaCount"), "{said}");
    assert_eq!(by(&flavour["instantiation-level"], "id", "maximum")["scaling-info"][0]["scale-level"], 4);
}

#[test]
fn services_are_connection_points_and_only_what_is_seen_from_outside_is_external() {
    let vnfd = vnfd();
    assert_eq!(by(&vnfd["vip-cpd"], "id", "kitchen-web")["int-cpd"], json!(["kitchen-web.8080-tcp"]));
    assert_eq!(by(&vnfd["vip-cpd"], "id", "kitchen-cache")["dedicated-ip-address"], false);
    let external: Vec<&str> = vnfd["ext-cpd"].as_array().unwrap().iter().map(|cp| cp["id"].as_str().unwrap()).collect();
    assert_eq!(external, ["mgmt-ext", "kitchen-web-ext", "kitchen-web-ext-2"]);
    assert!(
        by(&vnfd["ext-cpd"], "id", "kitchen-web-ext")["description"].as_str().unwrap().contains("NodePort at 30080")
    );
    assert!(kitchen().words.contains("Service kitchen-nobody selects labels that no pod of this chart has"));
}

#[test]
fn storage_has_its_size_class_and_place() {
    let vnfd = vnfd();
    let of = |id: &str| {
        by(&vnfd["virtual-storage-desc"], "id", id)["block-storage-data"]["vdu-storage-requirements"].clone()
    };
    assert_eq!(pair(&of("kitchen-cache.data"), "size-bytes"), "2147483648");
    assert_eq!(pair(&of("kitchen-cache.data"), "storage-class"), "fast");
    assert_eq!(pair(&of("kitchen-web.files"), "place"), "files.example:/export");
    assert_eq!(pair(&of("kitchen-web.node"), "size"), "unspecified");
}

#[test]
fn no_secret_stands_in_anything_that_is_written() {
    let made = kitchen();
    for (name, bytes) in made.files().iter().filter(|(name, _)| !name.ends_with(".tgz")) {
        let text = String::from_utf8_lossy(bytes);
        for secret in ["hunter2-and-more", "aHVudGVyMi1hbmQtbW9yZQ", "tok-123456", "plain-secret"] {
            assert!(!text.contains(secret), "{name}: {secret}");
        }
    }
    for secret in ["hunter2-and-more", "tok-123456", "plain-secret"] {
        assert!(!made.words.contains(secret), "{secret}: {}", made.words);
    }
    let vnfd = made.yaml("kitchen-vnfd.yaml")["etsi-nfv-vnfd:vnfd"].clone();
    let properties = &vnfd["configurable-properties"]["additional-configurable-property"];
    assert_eq!(pair(properties, "database.password"), Value::Null);
    assert_eq!(pair(properties, "extraEnv"), Value::Null);
    assert_eq!(pair(properties, "web.logLevel"), "info");
    assert_eq!(pair(properties, "database.existingSecret"), "\"\"");
    assert_eq!(pair(properties, r"node\.labels"), "{}");
    let kept_back = made.yaml("kitchen-report.yaml")["values"].clone();
    let names: Vec<&str> = kept_back.as_array().unwrap().iter().map(|gap| gap["what"].as_str().unwrap()).collect();
    assert_eq!(names, ["database.password", "extraEnv"]);
}

#[test]
fn who_reaches_whom_is_found_in_environment_and_configuration() {
    let made = kitchen();
    let needs = made.yaml("kitchen-report.yaml")["needs"].clone();
    let edge = |to: &str| by(&needs, "to", to)["found"].clone();
    assert_eq!(edge("kitchen-cache"), "kitchen-cache");
    assert_eq!(edge("kitchen-cache.default.svc"), "kitchen-cache");
    assert_eq!(edge("postgres-main"), Value::Null);
    let flavour = made.yaml("kitchen-vnfd.yaml")["etsi-nfv-vnfd:vnfd"]["df"][0].clone();
    assert_eq!(
        flavour["dependencies"],
        json!([{"id": "needs-0", "primary-id": "kitchen-cache", "secondary-id": "kitchen-web"}])
    );
    assert!(made.words.contains("needs postgres-main"), "{}", made.words);
}

#[test]
fn what_no_descriptor_can_hold_is_named_with_the_reason() {
    let made = kitchen();
    for words in [
        "not represented: Dashboard kitchen-it (kitchen/templates/rest.yaml): a custom resource",
        "not represented: Pod kitchen-test (kitchen/templates/rest.yaml): a test is no moment",
        "not represented: ConfigMap kitchen-loose (kitchen/templates/rest.yaml): no workload",
        "image \"registry.example/helper:latest\" of container helper has a tag that moves",
        "image \"registry.example/cache\" of container cache has neither tag nor digest",
        "ClusterRole kitchen-nodes is of the whole cluster",
    ] {
        assert!(made.words.contains(words), "{words}: {}", made.words);
    }
    let vnfd = made.yaml("kitchen-vnfd.yaml")["etsi-nfv-vnfd:vnfd"].clone();
    let script = by(&vnfd["lifecycle-management-script"], "id", "job-kitchen-migrate");
    assert_eq!(script["event"], json!(["start-instantiation", "start-change-current-vnf-package"]));
    let metadata = vnfd["modifiable-attributes"]["metadata"].to_string();
    for need in [
        "needs.cluster-rights=kitchen-nodes: get,list nodes",
        "needs.kind=monitoring.example/v1/Dashboard",
        "needs.kubernetes=>=1.25.0-0",
    ] {
        assert!(metadata.contains(need), "{need}: {metadata}");
    }
}

#[test]
fn a_wrong_call_says_what_to_type_and_writes_nothing() {
    let check = |arguments: &[&str], code: i32, words: &[&str]| {
        let made = build(arguments);
        assert_eq!(made.code, Some(code), "{arguments:?}: {}", made.words);
        for word in words {
            assert!(made.words.contains(word), "{arguments:?}: {word}: {}", made.words);
        }
        assert_eq!(made.files(), [], "{arguments:?}");
    };
    let kitchen = chart("kitchen").display().to_string();
    check(&["/nowhere"], 2, &["/nowhere: No such file", "next:"]);
    check(&[&kitchen, "-f", "/nowhere.yaml"], 2, &["/nowhere.yaml"]);
    check(&[&kitchen, "-f", "pantry=/dev/null"], 2, &["no chart here is called \"pantry\"", "the charts are kitchen"]);
    check(&[&kitchen, "-o", "json"], 2, &["not as json"]);
    check(&[&kitchen, "--assume-cpu", "much"], 2, &["much"]);
    check(&["/etc/hostname"], 1, &["/etc/hostname"]);
}
