//! The file as its users meet it: what is taken, and the exact words for what is not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this file is a test, its helpers too")]

use models::Problem;
use models::cluster::Expose;
use models::file::{Document, Parsed, Source, parse};
use models::quantity::{Bandwidth, Cpu, Latency, Memory, Port, Protocol, Share};
use models::slice::{DeviceProtocol, Isolation, Platform, Policy, ValueKind};
use serde_json::json;

const FACTORY: &str = include_str!("fixtures/factory-7.yaml");
const EVERYTHING: &str = include_str!("fixtures/every-field.yaml");

fn read(text: &str) -> Result<Vec<Parsed>, Vec<Problem>> {
    parse(&[Source { name: "f", text }])
}

fn lines(text: &str) -> Vec<String> {
    read(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn slice(spec: &str) -> String {
    format!("apiVersion: sliceway/v1\nkind: Slice\nmetadata: {{name: s}}\nspec:\n{spec}")
}

/// `spec` begins on line 5.
fn check(spec: &str, expect: &[&str]) {
    assert_eq!(lines(&slice(spec)), expect, "{spec}");
}

#[test]
fn the_file_of_the_model_page_gives_the_values_that_it_says() {
    let all = read(FACTORY).unwrap();
    let [Parsed { document: Document::Slice { meta, spec }, .. }] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((meta.name.as_str(), meta.labels["customer"].as_str()), ("factory-7", "acme"));
    let quality = spec.quality.as_ref().unwrap();
    assert_eq!((quality.sst, quality.sd.as_deref()), (Some(3), Some("0000A1")));
    assert_eq!(quality.latency, Some(Latency::new(50_000)));
    assert_eq!((quality.uplink, quality.downlink), (Some(Bandwidth::new(5_000_000)), Some(Bandwidth::new(1_000_000))));
    assert_eq!((quality.availability, quality.isolation), (Some(Share::new(999_000_000)), Some(Isolation::Dedicated)));
    let site = |name: &str| &spec.sites[name];
    assert_eq!(site("edge").cluster.as_ref().unwrap().as_str(), "edge");
    assert_eq!(site("cloud").select.as_ref().unwrap().labels["region"], "eu");
    assert_eq!(site("cloud").policy, Some(Policy::WorstFit));
    let [store] = spec.servers.as_slice() else { panic!("{spec:?}") };
    assert_eq!((store.name.as_str(), store.site.as_str(), store.platform), ("store", "cloud", Some(Platform::Mqtt)));
    assert_eq!((store.chart.name.as_str(), store.chart.version.as_deref()), ("mqtt-server", Some("1.2.0")));
    assert_eq!(store.values["persistence"], json!("1Gi"));
    let [gateway] = spec.gateways.as_slice() else { panic!("{spec:?}") };
    assert_eq!(gateway.attached(), [&store.name]);
    let [device] = spec.devices.as_slice() else { panic!("{spec:?}") };
    assert_eq!((device.gateway.as_str(), device.protocol), ("gw", DeviceProtocol::Mqtt));
    assert_eq!((device.resources[0].kind, device.resources[0].unit.as_deref()), (ValueKind::Float64, Some("Cel")));
    assert_eq!(spec.access[0].ports, [Port { number: 8883, protocol: Protocol::Tcp }]);
}

#[test]
fn several_documents_and_every_kind_stand_in_one_file() {
    let all = read(EVERYTHING).unwrap();
    let kinds: Vec<&str> = all.iter().map(|parsed| parsed.document.kind()).collect();
    assert_eq!(kinds[..7], ["Tenant", "Cluster", "Cluster", "Repository", "Repository", "Slice", "Repository"]);
    assert_eq!(kinds[7..], ["Template", "Slice", "Slice", "Slice"]);
    let Document::Cluster { spec, kubeconfig, context, .. } = &all[1].document else { panic!("{all:?}") };
    assert_eq!((kubeconfig.as_deref(), context.as_deref()), (Some("./edge.kubeconfig"), Some("admin")));
    assert_eq!((spec.expose, spec.address.as_deref()), (Expose::LoadBalancer, Some("203.0.113.7")));
    let Document::Cluster { spec, .. } = &all[2].document else { panic!("{all:?}") };
    let sim = spec.sim.as_ref().unwrap();
    assert_eq!((sim.nodes, sim.cpu, sim.memory), (3, Cpu::new(4_000), Memory::new(8 << 30)));
    let Document::Repository { spec, files, .. } = &all[4].document else { panic!("{all:?}") };
    assert_eq!(spec.url.as_deref(), Some("https://charts.example.org/stable"));
    assert_eq!((files.username.as_deref(), files.password_file.as_deref()), (Some("reader"), Some("./password")));
}

#[test]
fn a_number_without_quotes_is_an_amount_where_amounts_have_no_unit() {
    let all = read(EVERYTHING).unwrap();
    let Document::Slice { spec, .. } = &all[5].document else { panic!("{all:?}") };
    assert_eq!(spec.sites["cloud"].quota.as_ref().unwrap().cpu, Some(Cpu::new(500)));
}

#[test]
fn a_charts_values_keep_their_types() {
    let all = read(EVERYTHING).unwrap();
    let Document::Slice { spec, .. } = &all[5].document else { panic!("{all:?}") };
    let expect = json!({
        "persistence": "1Gi", "replicas": 3, "enabled": true, "quoted": "3", "nothing": null, "list": [1.5, {"a": "b"}],
    });
    assert_eq!(serde_json::Value::Object(spec.servers[0].values.clone()), expect);
}

#[test]
fn words_of_older_yaml_are_texts_in_a_charts_values() {
    let text = slice(
        "  sites: {a: {cluster: c}}\n  functions: [{name: f, site: a, chart: {repository: r, name: n}, \
         values: {a: yes, b: off, c: 1_000, d: 0o17, e: 0x1F, f: 1e3, g: .5, h: 12:30:00, i: 2001-01-01, j: -7, 8: k}}]\n",
    );
    let all = read(&text).unwrap();
    let Document::Slice { spec, .. } = &all[0].document else { panic!("{all:?}") };
    let expect = json!({
        "a": "yes", "b": "off", "c": "1_000", "d": 15, "e": 31, "f": 1000.0, "g": 0.5, "h": "12:30:00",
        "i": "2001-01-01", "j": -7, "8": "k",
    });
    assert_eq!(serde_json::Value::Object(spec.functions[0].values.clone()), expect);
}

#[test]
fn json_is_taken_too() {
    let all = read(EVERYTHING).unwrap();
    for parsed in &all {
        let text = parsed.document.json().to_string();
        let again = parse(&[Source { name: "body", text: &text }]).unwrap();
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].document, parsed.document);
    }
}

#[test]
fn anchors_and_merge_keys_are_followed() {
    let spec = "  sites: {a: {cluster: c}}\n  functions:\n    - &f {name: f, site: a, chart: {repository: r, name: n}}\n    \
                - {<<: *f, name: g}\n";
    let all = read(&slice(spec)).unwrap();
    let Document::Slice { spec, .. } = &all[0].document else { panic!("{all:?}") };
    let names: Vec<&str> = spec.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!((names, spec.functions[1].site.as_str()), (vec!["f", "g"], "a"));
}

#[test]
fn a_path_is_found_in_the_file_and_else_its_nearest_ancestor() {
    let text = slice(
        "  sites: {a: {cluster: c}}\n  functions:\n    - name: f\n      site: a\n      chart: {repository: r, name: n}\n      \
         values:\n        persistence: 3\n        a.b:\n          c: 1\n",
    );
    let parsed = &read(&text).unwrap()[0];
    let check = |path: &str, expect: (u64, u64)| assert_eq!(parsed.locate(path), Some(expect), "{path}");
    check("spec.functions[0].values.persistence", (11, 22));
    check("spec.functions[0].values.persistence.size", (11, 22));
    check("spec.functions[0].values.absent", (10, 7));
    check("spec.functions[0].values", (10, 7));
    check("spec.functions[0].values.a.b.c", (13, 14));
    check("spec.functions[0].values[\"a.b\"].c", (13, 14));
    check("spec.functions[7].values", (6, 3));
    check("spec.functions[0]", (7, 7));
    check("", (1, 1));
    check("nonsense[", (1, 1));
    let problem = parsed.place(Problem::at("spec.functions[0].values.persistence", "is no text"));
    assert_eq!(problem.to_string(), "f:11:22: spec.functions[0].values.persistence: is no text");
}

#[test]
fn ten_problems_are_told_at_once_in_the_order_of_the_file() {
    let text = "\
apiVersion: sliceway/v2
kind: Slice
metadata: {name: Factory, labels: {sliceway.io/x: y}}
spec:
  quality: {uplink: 5, availability: 101%}
  sites:
    edge: {cluster: edge, select: {}}
  servres: []
  gateways:
    - {name: gw, site: egde, chart: {repository: lab}, server: stor, platform: mqttt}
";
    let expect = [
        "f:1:13: apiVersion: \"sliceway/v2\" is not known here; did you mean \"sliceway/v1\"?",
        "f:3:18: metadata.name: \"Factory\" is not a name; write 1 to 40 of a-z, 0-9 and '-', with a letter or digit first and last",
        "f:3:36: metadata.labels[\"sliceway.io/x\"]: labels under sliceway.io/ are set by Sliceway and nobody else; take another prefix",
        "f:5:21: spec.quality.uplink: the number 5 does not fit here; write a number with bps, kbps, Mbps or Gbps, such as 5Mbps",
        "f:5:38: spec.quality.availability: \"101%\" is impossible; write at most 100%",
        "f:7:27: spec.sites.edge.select: cannot stand beside cluster; give only one of cluster or select",
        "f:8:3: spec.servres: unknown field; did you mean \"servers\"?",
        "f:10:24: spec.gateways[0].site: no site is called \"egde\"; did you mean \"edge\"?",
        "f:10:37: spec.gateways[0].chart.name: is missing; give the chart's name in the repository; of a folder, its folder there; in a package, the part (KDU, MCIOP) that it makes",
        "f:10:64: spec.gateways[0].server: no server is called \"stor\"; the slice has none",
        "f:10:80: spec.gateways[0].platform: \"mqttt\" is not known here; did you mean \"mqtt\"?",
    ];
    assert_eq!(lines(text), expect);
}

#[test]
fn a_wrong_document_says_what_is_expected() {
    let check = |text: &str, expect: &[&str]| assert_eq!(lines(text), expect, "{text}");
    let write = "f: holds no document; write one of kind Tenant, Cluster, Repository, Template or Slice";
    check("", &[write]);
    check("# nothing\n---\n", &[write]);
    check("hello", &["f:1:1: the text \"hello\" does not fit here; write a map of apiVersion, kind, metadata, spec"]);
    check(
        "apiVersion: sliceway/v1\nkind: Slyce\n",
        &["f:2:7: kind: \"Slyce\" is not known here; did you mean \"Slice\"?"],
    );
    check(
        "apiVersion: sliceway/v1\nkind: Pod\n",
        &["f:2:7: kind: \"Pod\" is not known here; write Tenant, Cluster, Repository, Template or Slice"],
    );
    check(
        "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: s}\nspec:\n",
        &[
            "f:4:5: spec: nothing does not fit here; write a map of quality, sites, servers, gateways, functions, devices, heal, access, template, service",
        ],
    );
    check(
        "apiVersion: sliceway/v1\nkind: Tenant\nmetadata: {name: 7, labels: {}}\n",
        &[
            "f:3:18: metadata.name: the number 7 does not fit here; write it in quotes: \"7\"",
            "f:3:21: metadata.labels: unknown field; allowed: name",
        ],
    );
    check("a: b: c\n", &["f:1:5: cannot be read: mapping values are not allowed in this context"]);
    check("a: !b c\n", &["f:1:7: cannot be read: unsupported tag `!b`"]);
    check("a: .nan\n", &["f:1:4: .nan is no number that JSON has"]);
}

#[test]
fn clusters_and_repositories_are_checked() {
    let check = |kind: &str, spec: &str, expect: &[&str]| {
        let text = format!("apiVersion: sliceway/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {spec}\n");
        assert_eq!(lines(&text), expect, "{spec}");
    };
    check(
        "Cluster",
        "{context: a, sim: {nodes: 0, cpu: 0, memory: 8GB}}",
        &[
            "f:4:8: spec.context: means nothing without kubeconfig; give kubeconfig or leave it out",
            "f:4:33: spec.sim.nodes: the number 0 does not fit here; write a whole number from 1 to 1000",
            "f:4:41: spec.sim.cpu: \"0\" is impossible; write more than 0",
            "f:4:52: spec.sim.memory: \"8GB\" is not an amount of memory; write a number of bytes, or with k, M, G, T, Ki, Mi, Gi or Ti, such as 1Gi",
        ],
    );
    check(
        "Cluster",
        "{sim: {}, kubeconfig: k, expose: nodeport, address: \"a:1\"}",
        &[
            "f:4:17: spec.kubeconfig: cannot stand beside sim; give only one of kubeconfig or sim",
            "f:4:40: spec.expose: \"nodeport\" is not known here; did you mean \"nodePort\"?",
            "f:4:59: spec.address: \"a:1\" is not a host; write a host name or an IP address, without a port",
        ],
    );
    check("Repository", "{}", &["f:4:7: spec: lacks both path and url; give path or url"]);
    check(
        "Repository",
        "{path: a, url: \"ftp://x\"}",
        &[
            "f:4:17: spec.url: cannot stand beside path; give only one of path or url",
            "f:4:22: spec.url: \"ftp://x\" is not a repository address; write an address that begins with https://, http:// or oci:// (oci+http:// without TLS), without credentials",
        ],
    );
}

#[test]
fn impossible_qualities_are_refused() {
    check(
        "  quality: {sst: 256, sd: 000001, latency: 0ms, uplink: 0bps, availability: \"99\", isolation: none}\n",
        &[
            "f:5:18: spec.quality.sst: the number 256 does not fit here; write a whole number from 0 to 255",
            "f:5:27: spec.quality.sd: the number 000001 does not fit here; write it in quotes: \"000001\"",
            "f:5:44: spec.quality.latency: \"0ms\" is impossible; write more than 0",
            "f:5:57: spec.quality.uplink: \"0bps\" is impossible; write more than 0",
            "f:5:77: spec.quality.availability: \"99\" is not a share; write a percentage, such as 99.9%",
            "f:5:94: spec.quality.isolation: \"none\" is not known here; write shared or dedicated",
        ],
    );
    check(
        "  quality: {sd: 00A1, downlink: 5mbps, latency: 50}\n",
        &[
            "f:5:17: spec.quality.sd: \"00A1\" is not a slice differentiator; write six hexadecimal digits in quotes, such as \"0000A1\"",
            "f:5:33: spec.quality.downlink: \"5mbps\" is not a data rate; write a number with bps, kbps, Mbps or Gbps, such as 5Mbps",
            "f:5:49: spec.quality.latency: the number 50 does not fit here; write a number with us, ms or s, such as 50ms",
        ],
    );
}

#[test]
fn sites_are_checked() {
    check(
        "  sites:\n    Edge: {cluster: a}\n    b: {}\n    c: {cluster: x, policy: worst-fit}\n    d: {select: {labels: {a: 1}}, policy: best}\n",
        &[
            "f:6:5: spec.sites.Edge: \"Edge\" is not a name; write 1 to 40 of a-z, 0-9 and '-', with a letter or digit first and last",
            "f:7:8: spec.sites.b: lacks both cluster and select; give cluster or select",
            "f:8:21: spec.sites.c.policy: means nothing without select; give select or leave it out",
            "f:9:30: spec.sites.d.select.labels.a: the number 1 does not fit here; write it in quotes: \"1\"",
            "f:9:43: spec.sites.d.policy: \"best\" is not known here; write worst-fit or best-fit",
        ],
    );
}

const STORE: &str = "  sites: {a: {cluster: c}}\n  servers:\n    - {name: store, site: a, chart: {repository: r, name: n}, platform: mqtt}\n";

/// `more` begins on line 8.
fn check_beside_store(more: &str, expect: &[&str]) {
    check(&format!("{STORE}{more}"), expect);
}

#[test]
fn servers_gateways_and_functions_share_one_namespace_of_names() {
    check_beside_store(
        "  functions:\n    - {name: store, site: a, chart: {repository: r, name: n}}\n    - {name: devices, site: a, chart: {repository: r, name: n}}\n",
        &[
            "f:9:14: spec.functions[0].name: \"store\" is the name of a server at 7:14 already; take another name",
            "f:10:14: spec.functions[1].name: \"devices\" means all devices, in access rules; take another name",
        ],
    );
}

#[test]
fn a_gateway_is_attached_to_servers_that_are_there_and_to_each_once() {
    let gateway =
        |rest: &str| format!("  gateways:\n    - {{name: gw, site: a, chart: {{repository: r, name: n}}, {rest}}}\n");
    check_beside_store(&gateway("servers: [store]"), &[]);
    check_beside_store(
        &gateway("servers: [store, store]"),
        &["f:9:77: spec.gateways[0].servers[1]: \"store\" stands here twice; it stands at 9:70 already"],
    );
    check_beside_store(
        &gateway("servers: [store], server: store"),
        &["f:9:78: spec.gateways[0].server: cannot stand beside servers; give only one of server or servers"],
    );
    check_beside_store(
        &gateway("server: stroe"),
        &["f:9:68: spec.gateways[0].server: no server is called \"stroe\"; did you mean \"store\"?"],
    );
    check_beside_store(
        &gateway("server: gw"),
        &["f:9:68: spec.gateways[0].server: \"gw\" is a gateway, not a server; write store"],
    );
    check_beside_store(&gateway("servers: []"), &["f:9:69: spec.gateways[0].servers: is empty; give at least 1"]);
}

#[test]
fn who_is_spoken_to_has_a_port() {
    let spec = "  sites: {a: {cluster: c}}\n  servers: [{name: s, site: a, chart: {repository: r, name: n}}]\n  \
                gateways: [{name: g, site: a, chart: {repository: r, name: n}, server: s}]\n  \
                devices: [{name: d, gateway: g, protocol: mqtt}]\n";
    check(
        spec,
        &[
            "f:7:74: spec.gateways[0].server: \"s\" has no port to connect to; give it a platform or a port",
            "f:8:32: spec.devices[0].gateway: \"g\" has no port to connect to; give it a platform or a port",
        ],
    );
}

#[test]
fn workloads_are_checked() {
    check_beside_store(
        "  functions:\n    - {name: f, site: b, chart: {repository: R, name: ../x, version: latest}, values: [], port: 1/tcp}\n",
        &[
            "f:9:23: spec.functions[0].site: no site is called \"b\"; did you mean \"a\"?",
            "f:9:46: spec.functions[0].chart.repository: \"R\" is not a name; write 1 to 40 of a-z, 0-9 and '-', with a letter or digit first and last",
            "f:9:55: spec.functions[0].chart.name: \"../x\" is not a chart name; write the chart's folder in its repository: letters, digits, '.', '_' and '-'",
            "f:9:70: spec.functions[0].chart.version: \"latest\" is not a chart version; write a version such as 1.2.0, or a range as Helm reads it, such as ^1.2, perhaps with @sha256: and a digest",
            "f:9:87: spec.functions[0].values: a list does not fit here; write a map",
            "f:9:91: spec.functions[0].port: unknown field; allowed: name, site, chart, values",
        ],
    );
    check_beside_store(
        "    - {name: t, site: a, chart: {repository: r, name: n}, port: 0/tcp, bind: {a.b: tlsSecrt, sliceway.x: port}, values: {sliceway: {}}}\n",
        &[
            "f:8:65: spec.servers[1].port: \"0/tcp\" is not a port; write a port from 1 to 65535 with its protocol, such as 8883/tcp",
            "f:8:84: spec.servers[1].bind[\"a.b\"]: \"tlsSecrt\" is not known here; did you mean \"tlsSecret\"?",
            "f:8:94: spec.servers[1].bind[\"sliceway.x\"]: \"sliceway.x\" is not a path in a chart's values; write keys joined by dots, such as auth.existingSecret; the key sliceway is ours",
            "f:8:122: spec.servers[1].values.sliceway: is written by Sliceway and nobody else; leave it out, or map it with bind",
        ],
    );
}

#[test]
fn devices_are_checked() {
    check_beside_store(
        "  devices:\n    - {name: d, gateway: store, protocol: coap}\n    - {name: d, gateway: x, protocol: mqtt, resources: [{name: t, type: int}, {name: t, type: bool}]}\n",
        &[
            "f:9:26: spec.devices[0].gateway: \"store\" is a server, not a gateway; the slice has none",
            "f:9:43: spec.devices[0].protocol: \"coap\" is not known here; write mqtt",
            "f:10:14: spec.devices[1].name: \"d\" is the name of a device at 9:14 already; take another name",
            "f:10:26: spec.devices[1].gateway: no gateway is called \"x\"; the slice has none",
            "f:10:73: spec.devices[1].resources[0].type: \"int\" is not known here; did you mean \"int8\"?",
            "f:10:86: spec.devices[1].resources[1].name: \"t\" is the name of a resource at 10:64 already; take another name",
        ],
    );
}

#[test]
fn access_rules_are_checked() {
    check_beside_store(
        "  access:\n    - {from: devices, to: store, ports: []}\n    - {from: store, to: store, ports: [1/tcp]}\n    - {from: stor, to: devices, ports: [8883]}\n",
        &[
            "f:9:41: spec.access[0].ports: is empty; give at least 1",
            "f:10:25: spec.access[1].to: \"store\" reaches itself without a rule; leave the rule out",
            "f:11:14: spec.access[2].from: no server, gateway or function is called \"stor\"; did you mean \"store\"?",
            "f:11:24: spec.access[2].to: no server, gateway or function is called \"devices\"; write store",
            "f:11:41: spec.access[2].ports[0]: the number 8883 does not fit here; write a port from 1 to 65535 with its protocol, such as 8883/tcp",
        ],
    );
}

#[test]
fn one_name_of_a_kind_stands_once_in_all_sources_together() {
    let tenant = "apiVersion: sliceway/v1\nkind: Tenant\nmetadata: {name: t}\n";
    let sources = [Source { name: "a.yaml", text: tenant }, Source { name: "b.yaml", text: tenant }];
    let problems = parse(&sources).unwrap_err();
    let expect = "b.yaml:3:18: metadata.name: \"Tenant\" \"t\" stands at a.yaml:3:18 already; leave one of the two out";
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [expect]);
}

#[test]
fn a_key_that_stands_twice_is_told_with_both_places() {
    check(
        "  sites:\n    a: {cluster: c}\n    a: {cluster: d}\n",
        &["f:7:5: spec.sites.a: stands twice; it stands at 6:5 already"],
    );
}

#[test]
fn problems_of_all_sources_are_told() {
    let sources = [Source { name: "a", text: "x: [" }, Source { name: "b", text: "kind: Slice" }];
    let problems = parse(&sources).unwrap_err();
    let files: Vec<Option<&str>> = problems.iter().map(|problem| problem.file.as_deref()).collect();
    assert_eq!(files, [Some("a"), Some("b"), Some("b"), Some("b")]);
}
