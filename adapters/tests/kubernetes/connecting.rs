//! Kubeconfigs: what is taken, what is refused, and what a broken way looks like.

use crate::control_plane::{ControlPlane, User};
use crate::safe::Memory;
use crate::world::port;
use adapters::helm::Lookup;
use adapters::kubernetes::{ExecPolicy, Kubernetes, certificate_end, inline};
use adapters::{Discovery, PortError};
use serde_json::{Value, json};
use std::sync::Arc;

async fn facts(text: &str) -> Result<models::ClusterFacts, PortError> {
    port(text).await.facts(&Arc::new(Memory::default()).call("u")).await
}

#[tokio::test]
async fn a_way_that_does_not_work_is_unreachable_with_its_cause() {
    let Some(plane) = ControlPlane::shared() else { return };
    let good = plane.kubeconfig(&User::ADMIN);
    let user: Value = serde_json::from_str::<Value>(&good).unwrap()["users"][0]["user"].clone();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cases = [
        (good.replace(&plane.port.to_string(), &free.to_string()), "refused"),
        (good.replace("127.0.0.1", "no-such-host.invalid"), "dns error"),
        (
            plane.kubeconfig_with(plane.leaf(), user.clone()),
            "a leaf certificate given as CA is refused by our TLS library",
        ),
    ];
    for (text, words) in cases {
        match facts(&text).await {
            Err(PortError::Unreachable { cause, .. }) => assert!(cause.contains(words), "{cause}"),
            other => panic!("{words}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_token_that_is_wrong_is_unauthorized() {
    let Some(plane) = ControlPlane::shared() else { return };
    let refused = facts(&plane.kubeconfig_with(plane.ca(), json!({"token": "nonsense"}))).await;
    assert!(matches!(refused, Err(PortError::Unauthorized { .. })), "{refused:?}");
}

async fn refused(text: &str, exec: ExecPolicy) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Kubernetes::connect("edge".parse().unwrap(), text, exec).await {
        Ok(_) => "nothing".into(),
        Err(error) => error.to_string(),
    }
}

fn kubeconfig(user: Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "u", "user": user}],
    })
    .to_string()
}

#[tokio::test]
async fn files_programs_and_old_providers_in_a_kubeconfig_are_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran");
    let file = kubeconfig(json!({"client-certificate": "/etc/passwd"}));
    let exec = json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [ran], "interactiveMode": "Never"});
    let exec = kubeconfig(json!({"exec": exec}));
    let provider = json!({"name": "gcp", "config": {"cmd-path": "touch", "cmd-args": ran}});
    let provider = kubeconfig(json!({"auth-provider": provider}));
    assert!(refused(&file, ExecPolicy::Refuse).await.contains("the CLI puts such files in"));
    assert!(refused(&exec, ExecPolicy::Refuse).await.contains("[clusters] allow_exec"));
    for policy in [ExecPolicy::Refuse, ExecPolicy::Allow] {
        assert!(refused(&provider, policy).await.contains("auth-provider"));
    }
    assert!(!ran.exists(), "a program was run");
}

#[test]
fn the_client_puts_files_in_and_keeps_one_context() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    std::fs::write(folder.path().join("c.crt"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("c.key"), made.signing_key.serialize_pem()).unwrap();
    let user = json!({"client-certificate": "c.crt", "client-key": "c.key"});
    let mut config: Value = serde_json::from_str(&kubeconfig(user)).unwrap();
    config["users"].as_array_mut().unwrap().push(json!({"name": "secret", "user": {"token": "not-for-them"}}));
    let path = folder.path().join("config");
    std::fs::write(&path, config.to_string()).unwrap();
    let text = inline(&path, None).unwrap();
    assert!(text.contains("client-certificate-data") && !text.contains("not-for-them"), "{text}");
    assert!(certificate_end(&text).is_some());
    let unknown = inline(&path, Some("prod")).unwrap_err().to_string();
    assert!(unknown.contains("\"prod\"") && unknown.ends_with("it has: c"), "{unknown}");
}

#[tokio::test]
async fn a_cluster_that_cannot_be_asked_does_not_say_that_a_secret_is_absent() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cluster = port(&kubeconfig(json!({"token": "t"}))).await;
    let lookup = Lookup {
        api_version: "v1".into(),
        kind: "Secret".into(),
        namespace: "sw-factory-7-1a2b3c4d".into(),
        name: "password".into(),
    };
    let found = cluster.find(&Arc::new(Memory::default()).call("u"), &lookup).await;
    assert!(found.is_err(), "nothing listens there, and a chart would draw a new password: {found:?}");
}
