//! What Sliceway prints it reads: any slice that can be written comes back as it was.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this file is a test, its helpers too")]

use models::file::{Document, Meta, Source, parse};
use models::labels::{Labels, Selector};
use models::quantity::{Bandwidth, Cpu, Latency, Memory, Port, Protocol, Share};
use models::slice::{
    AccessRule, Chart, ChartFrom, Device, DeviceProtocol, DeviceResource, Function, Gateway, Isolation, Platform,
    Policy, Quality, Quota, Server, Site, ValueKind,
};
use models::{Name, SliceSpec};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value};

fn name(prefix: &str, number: usize) -> Name {
    format!("{prefix}{number}").parse().unwrap()
}

fn values() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9f64..1e9).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop_oneof!["yes", "1Gi", "3", "null", "~", "0x1F", "- a", "a: b", "#", "1e3", ".inf"].prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-zA-Z0-9._: ~-]{1,8}", inner), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    });
    vec(("[a-r]{1,6}", tree), 0..4).prop_map(|pairs| pairs.into_iter().collect())
}

fn quality() -> impl Strategy<Value = Quality> {
    let numbers = (option::of(any::<u8>()), option::of("[0-9A-Fa-f]{6}"));
    let amounts = (
        option::of((1..u64::MAX / 2_000_000_000).prop_map(Latency::new)),
        option::of((1..u64::MAX).prop_map(Bandwidth::new)),
        option::of((0..=1_000_000_000u64).prop_map(|ppb| Share { share_ppb: ppb })),
    );
    (numbers, amounts, any::<bool>()).prop_map(|((sst, sd), (latency, uplink, availability), dedicated)| Quality {
        sst,
        sd,
        latency,
        uplink,
        downlink: uplink,
        availability,
        isolation: Some(if dedicated { Isolation::Dedicated } else { Isolation::Shared }),
    })
}

fn quota() -> impl Strategy<Value = Quota> {
    let memory = || option::of((1..u64::MAX).prop_map(Memory::new));
    (option::of((1..u64::MAX).prop_map(Cpu::new)), memory(), memory()).prop_map(|(cpu, memory, storage)| Quota {
        cpu,
        memory,
        storage,
    })
}

fn sites() -> Vec<(Name, Site)> {
    let labels: Labels = [("region".to_owned(), "eu".to_owned())].into();
    let select = Site { select: Some(Selector { labels }), policy: Some(Policy::BestFit), ..Site::default() };
    vec![(name("fixed", 0), Site { cluster: Some(name("c", 1)), ..Site::default() }), (name("chosen", 0), select)]
}

fn chart(number: usize) -> Chart {
    let from = match number % 2 {
        0 => ChartFrom::Repository(name("r", number)),
        _ => ChartFrom::Package(name("p", number)),
    };
    Chart { from, name: format!("chart_{number}"), version: Some(format!("1.2.{number}")) }
}

fn port() -> impl Strategy<Value = Port> {
    (1u16.., any::<bool>())
        .prop_map(|(number, udp)| Port { number, protocol: if udp { Protocol::Udp } else { Protocol::Tcp } })
}

fn spec() -> impl Strategy<Value = SliceSpec> {
    let parts = (option::of(quality()), quota(), values(), port());
    (parts, 1..4usize, 0..4usize).prop_map(|((quality, quota, values, port), servers, gateways)| {
        let mut spec = SliceSpec { quality, sites: sites().into_iter().collect(), ..SliceSpec::default() };
        if quota != Quota::default() {
            spec.sites.values_mut().for_each(|site| site.quota = Some(quota.clone()));
        }
        spec.servers = (0..servers)
            .map(|i| Server {
                name: name("server", i),
                site: name("fixed", 0),
                chart: chart(i),
                values: values.clone(),
                platform: Some(Platform::Mqtt),
                port: Some(port),
                bind: [("auth.secret".to_owned(), "clientsSecret".to_owned())].into(),
            })
            .collect();
        spec.gateways = (0..gateways)
            .map(|i| Gateway {
                name: name("gateway", i),
                site: name("chosen", 0),
                chart: chart(i),
                values: Map::new(),
                platform: None,
                port: Some(port),
                bind: [("links".to_owned(), "uplinks".to_owned())].into(),
                server: None,
                servers: (0..servers).map(|i| name("server", i)).collect(),
            })
            .collect();
        spec.functions =
            vec![Function { name: name("f", 0), site: name("fixed", 0), chart: chart(9), values: values.clone() }];
        spec.devices = (0..gateways)
            .map(|i| Device {
                name: name("device", i),
                gateway: name("gateway", i),
                protocol: DeviceProtocol::Mqtt,
                resources: vec![DeviceResource {
                    name: name("t", i),
                    kind: ValueKind::Float64,
                    unit: Some("Cel".into()),
                }],
            })
            .collect();
        spec.access = vec![AccessRule { from: name("f", 0), to: name("server", 0), ports: vec![port] }];
        spec
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_printed_slice_is_read_as_the_same_slice(spec in spec()) {
        let meta = Meta { name: name("s", 0), labels: [("a/b".to_owned(), "3".to_owned())].into() };
        let document = Document::Slice { meta, spec: Box::new(spec) };
        let text = document.json().to_string();
        match parse(&[Source { name: "body", text: &text }]) {
            Ok(again) => prop_assert_eq!(&again[0].document, &document),
            Err(problems) => prop_assert!(false, "{}\n{}", problems[0], text),
        }
    }
}

fn check_json(values: &str) {
    let expect: Value = serde_json::from_str(values).unwrap();
    let text = format!(
        r#"{{"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {{"name": "s"}}, "spec": {{
            "sites": {{"a": {{"cluster": "c"}}}}, "functions": [{{"name": "f", "site": "a",
            "chart": {{"repository": "r", "name": "n"}}, "values": {values}}}]}}}}"#
    );
    let all = parse(&[Source { name: "body", text: &text }]).unwrap_or_else(|all| panic!("{}\n{text}", all[0]));
    let Document::Slice { spec, .. } = &all[0].document else { panic!("{all:?}") };
    assert_eq!(Value::Object(spec.functions[0].values.clone()), expect, "{text}");
}

#[test]
fn json_that_yaml_reads_differently_is_kept() {
    check_json(r#"{"slash": "a\/b", "escape": "\u0001\u2028", "a\tb": "\t"}"#);
    check_json("{\"raw\": \"\u{2028}\u{2029}\u{85}\u{7f}\u{80}\u{9f}\u{ffff}\u{feff}\"}");
    check_json(r#"{"pair": "\ud83d\ude00"}"#);
    check_json(&format!(r#"{{"big": {}, "small": {}, "exponent": 1E+2, "minus": -0.5e-3}}"#, u64::MAX, i64::MIN));
    check_json(&format!(r#"{{"long": "{}"}}"#, "x".repeat(70_000)));
    check_json("{\"a\"\t:\n\t1,\"b\":[],\"c\":{}}");
}
