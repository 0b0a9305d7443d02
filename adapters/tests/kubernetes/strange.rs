//! Answers that come from something in the way, or that are too much.

use crate::fake::{Fake, kubeconfig};
use crate::safe::Memory;
use crate::world::port;
use adapters::{Call, Port, PortError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use models::resource::{Body, Object, Owner, Resource, ResourceId, Target};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};
use serde_json::json;
use std::io::{Read, Write};
use std::sync::Arc;

const PAGE: &str = "<html>please log in</html>";

fn call() -> Call {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Arc::new(Memory::default()).call("u")
}

fn config() -> Resource {
    let id = ResourceId {
        target: Target::Cluster("edge".parse().unwrap()),
        kind: "v1/ConfigMap".into(),
        namespace: "n".into(),
        name: "a".into(),
    };
    let (tenant, slice) = ("acme".parse().unwrap(), "factory".parse().unwrap());
    let owner = Owner { tenant, slice, uid: "u".into(), function: None };
    Resource::Object(Object { id, owner, body: Body::Plain(json!({})), fills: Vec::new(), keep: false })
}

/// Every verb meets the same answer.
async fn check(fake: Fake, fits: impl Fn(&PortError) -> bool) {
    let (call, want) = (call(), config());
    let port = port(&fake.kubeconfig()).await;
    let errors = [
        port.apply(&call, &want, None).await.map(drop),
        port.observe(&call, want.id()).await.map(drop),
        port.remove(&call, &want, None).await,
    ];
    for error in errors {
        assert!(error.as_ref().is_err_and(&fits), "{error:?}");
    }
}

#[tokio::test]
async fn a_page_of_a_proxy_is_not_the_truth_about_an_object() {
    for status in [200, 302, 404] {
        let fake = Fake::answering(status, "location: /login\r\n", PAGE);
        let said = |cause: &str| cause.contains("no Kubernetes API") && cause.contains("please log in");
        check(fake, |error| matches!(error, PortError::Unreachable { cause, .. } if said(cause))).await;
    }
}

#[tokio::test]
async fn a_throttle_is_busy_and_says_when_to_come_again() {
    for (status, header, after) in [(429, "retry-after: 7\r\n", Some(7)), (503, "", None), (500, "", None)] {
        let fake = Fake::answering(status, header, r#"{"kind": "Status", "message": "too much"}"#);
        let fits = |error: &PortError| match error {
            PortError::Busy { cause, retry_after_s, .. } => cause == "too much" && *retry_after_s == after,
            _ => false,
        };
        check(fake, fits).await;
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_given_up() {
    check(Fake::endless(), |error| matches!(error, PortError::Unreachable { .. })).await;
}

struct Issued {
    pem: String,
    key: KeyPair,
    der: CertificateDer<'static>,
}

/// A certificate of the year 2001, or of today, by a CA of today.
fn issue(ca: &Issuer<'_, KeyPair>, end: i32) -> Issued {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(end, 1, 1);
    let made = params.signed_by(&key, ca).unwrap();
    Issued { pem: made.pem(), key, der: made.der().clone() }
}

/// A server that demands client certificates, by rustls. It ends the connection after the handshake.
fn guarded(ca: &CertificateDer<'static>, server: &Issued) -> Fake {
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone()).unwrap();
    let clients = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let key = PrivateKeyDer::try_from(server.key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(clients);
    let config = Arc::new(config.with_single_cert(vec![server.der.clone()], key).unwrap());
    Fake::new(move |mut stream| {
        let mut session = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut both = Stream::new(&mut session, &mut stream);
        let mut buffer = [0; 4096];
        // The error of a refused handshake is sent as an alert by the write.
        let _ = both.read(&mut buffer);
        let _ = both.write(b"");
        let _ = both.flush();
        let _ = stream.read(&mut buffer);
    })
}

#[tokio::test]
async fn whose_certificate_ended_is_told_apart() {
    let call = call();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let made = params.self_signed(&key).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&made.pem(), key).unwrap();
    let (good, old) = (issue(&issuer, 2100), issue(&issuer, 2001));
    for (server, client, ours) in [(&good, &old, true), (&old, &good, false)] {
        let fake = guarded(made.der(), server);
        let cluster = json!({
            "server": format!("https://127.0.0.1:{}", fake.port), "certificate-authority-data": STANDARD.encode(made.pem())});
        let user = json!({
            "client-certificate-data": STANDARD.encode(&client.pem),
            "client-key-data": STANDARD.encode(client.key.serialize_pem())});
        let refused = port(&kubeconfig(cluster, user)).await.observe(&call, config().id()).await;
        match refused {
            Err(PortError::Unauthorized { cause, .. }) => {
                assert!(ours && cause.contains("the client certificate ends at 2001-01-01"), "{cause}");
            }
            Err(PortError::Unreachable { cause, .. }) => {
                assert!(!ours && cause.contains("the server's certificate has ended"), "{cause}");
            }
            other => panic!("{other:?}"),
        }
    }
}
