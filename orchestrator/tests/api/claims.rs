//! What belongs to a whole cluster: one slice has it, or, where it is a definition of a kind, every slice that needs it.

use crate::server::{Server, words};
use serde_json::{Value, json};

struct Ground(Server);

impl Ground {
    async fn new() -> Self {
        Self(Server::start().with_lab().await)
    }

    fn chart(&self, name: &str, files: &[(&str, &str)]) {
        let chart = self.0.path(&format!("charts/{name}"));
        for (file, text) in files {
            let file = chart.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        std::fs::write(chart.join("Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n")).unwrap();
    }

    fn publish(&self) {
        let charts = self.0.path("charts");
        let added = self.0.cli(&["repository", "add", "odd", "--path", charts.to_str().unwrap()]);
        assert!(added.status.success(), "{}", words(&added));
    }

    fn apply(&self, slice: &str, chart: &str) -> (i32, String) {
        let file = self.0.path("odd.yaml");
        let text = format!(
            "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {{name: {slice}}}\nspec:\n  sites: {{edge: {{cluster: edge}}}}\n  \
             functions:\n    - {{name: it, site: edge, chart: {{repository: odd, name: {chart}}}}}\n"
        );
        std::fs::write(&file, text).unwrap();
        let out = self.0.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
        (out.status.code().unwrap(), words(&out))
    }

    fn applied(&self, slice: &str, chart: &str) -> String {
        let (code, said) = self.apply(slice, chart);
        assert_eq!(code, 0, "{slice} {chart}: {said}");
        said
    }

    fn deleted(&self, slice: &str) -> String {
        let out = self.0.cli(&["delete", "slice", slice, "--wait"]);
        assert!(out.status.success(), "{}", words(&out));
        words(&out)
    }

    /// Verbs of the newest operation on definitions, with what they log.
    async fn of_definitions(&self) -> Vec<String> {
        let (_, all) = self.0.admin("GET", "/api/v1/operations", Value::Null).await;
        let id = all["items"][0]["id"].as_str().unwrap().to_owned();
        let (_, view) = self.0.admin("GET", &format!("/api/v1/operations/{id}"), Value::Null).await;
        let steps = view["steps"].as_array().unwrap().iter();
        let own = steps.filter(|step| step["change"]["id"]["kind"].as_str().unwrap().contains("CustomResource"));
        let line = |step: &Value| {
            let log = step["log"].as_array().into_iter().flatten().filter_map(|line| line["text"].as_str());
            format!("{} {}", step["change"]["verb"].as_str().unwrap(), log.collect::<Vec<_>>().join("; "))
        };
        own.map(line).map(|line| line.trim().to_owned()).collect()
    }
}

fn definition(properties: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: pumps.test.invalid}}\nspec:\n  \
         group: test.invalid\n  scope: Namespaced\n  names: {{plural: pumps, singular: pump, kind: Pump}}\n  versions:\n    \
         - name: v1\n      served: true\n      storage: true\n      schema:\n        openAPIV3Schema:\n          type: object\n          \
         properties:\n            spec: {{type: object, properties: {{{properties}}}}}\n"
    )
}

const PUMP: &str = "apiVersion: test.invalid/v1\nkind: Pump\nmetadata: {name: main}\nspec: {size: 1}\n\
                    {{- if not (.Capabilities.APIVersions.Has \"test.invalid/v1/Pump\") }}{{ fail \"no pumps here\" }}{{ end }}\n";

#[tokio::test]
async fn a_thing_of_the_whole_cluster_has_one_holder() {
    let ground = Ground::new().await;
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\nrules: []\n";
    ground.chart("wide", &[("templates/it.yaml", role)]);
    ground.chart("plain", &[("templates/it.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: it}\n")]);
    ground.publish();
    let said = ground.applied("one", "wide");
    assert!(said.contains("rights over the whole cluster"), "{said}");
    let (code, said) = ground.apply("two", "wide");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("ClusterRole all on edge belongs to slice one") && said.contains("odd.yaml:7"), "{said}");
    // Given up by a change of the file, it is free.
    ground.applied("one", "plain");
    ground.applied("two", "wide");
    ground.deleted("two");
    ground.applied("one", "wide");
    assert_eq!(ground.0.admin("GET", "/api/v1/slices/two", json!(null)).await.0, 404);
}

/// Whoever converts objects reads and writes them all: also those of the other slices.
#[tokio::test]
async fn a_definition_that_others_use_does_not_send_their_objects_to_a_newcomer() {
    let ground = Ground::new().await;
    let plain = definition("size: {type: integer}");
    let service = "{namespace: {{ .Release.Namespace }}, name: mine}";
    let webhook = format!("{{conversionReviewVersions: [v1], clientConfig: {{service: {service}}}}}");
    let sent = format!("{plain}  conversion: {{strategy: Webhook, webhook: {webhook}}}\n");
    ground.chart("plain", &[("templates/crd.yaml", &plain)]);
    ground.chart("sent", &[("templates/crd.yaml", &sent)]);
    ground.publish();
    ground.applied("one", "plain");
    let (code, said) = ground.apply("two", "sent");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("its objects would be converted by sw-two-") && said.contains("/mine"), "{said}");
    // Whose own it is alone may.
    ground.applied("one", "sent");
    ground.applied("one", "sent");
    let (code, said) = ground.apply("two", "sent");
    assert_eq!(code, 2, "{said}");
    ground.applied("two", "plain");
}

#[tokio::test]
async fn a_definition_comes_first_is_shared_and_goes_with_its_last_user() {
    let ground = Ground::new().await;
    let plain = definition("size: {type: integer}");
    let wider = definition("size: {type: integer}, more: {type: string}");
    let other = definition("size: {type: string}");
    for (name, crd) in [("old", &plain), ("new", &wider), ("apart", &other)] {
        ground.chart(name, &[("crds/pump.yaml", crd), ("templates/it.yaml", PUMP)]);
    }
    ground.publish();
    let said = ground.applied("one", "old");
    assert!(said.find("CustomResourceDefinition").unwrap() < said.find("Pump main").unwrap(), "{said}");
    assert_eq!(ground.of_definitions().await, ["create"]);
    // Another slice shares it; one that needs more gets it where nothing breaks.
    ground.applied("two", "new");
    assert_eq!(ground.of_definitions().await, ["update"]);
    let said = ground.applied("three", "old");
    assert_eq!(ground.of_definitions().await, ["update"], "it is its user too: {said}");
    let said = ground.applied("one", "old");
    assert!(said.contains("unchanged"), "nothing puts the older one back: {said}");
    let (code, said) = ground.apply("four", "apart");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("v1.spec.size is another type"), "{said}");
    ground.deleted("two");
    assert_eq!(
        ground.of_definitions().await,
        ["delete CustomResourceDefinition pumps.test.invalid stays: 2 other slices use it"]
    );
    ground.deleted("one");
    ground.deleted("three");
    assert_eq!(ground.of_definitions().await, ["delete"]);
    ground.applied("four", "apart");
    assert_eq!(ground.of_definitions().await, ["create"], "it was gone");
}
