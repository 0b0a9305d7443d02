//! Signatures of packages at the server: each tenant says whom it believes, and whether there must be one.

use crate::server::{Server, code, words};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use sol005::archive::{Tar, Zip};
use sol005::signature::Signer;
use std::sync::Arc;

/// A function whose chart is in a repository, as OSM packs it.
fn function(id: &str) -> Vec<u8> {
    let vnfd =
        format!("vnfd: {{id: {id}, version: '1.0', kdu: [{{name: {id}, helm-chart: iml/{id}}}], df: [{{id: d}}]}}\n");
    let mut tar = Tar::default();
    tar.file(&format!("{id}/{id}_vnfd.yaml"), vnfd.as_bytes()).unwrap();
    tar.gzipped().unwrap()
}

/// Beside its signature (SOL004 5, option 2), which is of `signed`.
fn wrapped(package: &[u8], (signed, signer): (&[u8], &Signer)) -> Vec<u8> {
    let mut zip = Zip::default();
    zip.file("web.tar.gz", package).unwrap();
    zip.file("web.cms", signer.sign(signed).unwrap().as_bytes()).unwrap();
    zip.finished().unwrap()
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// An authority, and signers of it.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let (mut params, key) = (params(name), KeyPair::generate().unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn signer(&self, params: &CertificateParams) -> Signer {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pair = (key.serialize_pem(), certificate.pem());
        Signer::read((pair.0.as_bytes(), pair.1.as_bytes()), Arc::new(ring::rand::SystemRandom::new())).unwrap()
    }
}

struct Tenant<'s> {
    server: &'s Server,
    token: String,
}

impl Tenant<'_> {
    async fn send(&self, method: &str, body: Value) -> (u16, Value) {
        let answer = self.server.send(method, "/api/v1/packages/web", (Some(&self.token), body)).await;
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }

    async fn put(&self, bytes: &[u8]) -> (u16, Value) {
        self.send("PUT", json!({"file": "web.zip", "archive": STANDARD.encode(bytes)})).await
    }
}

async fn tenant<'s>(server: &'s Server, (name, body): (&str, Value)) -> Tenant<'s> {
    let (status, made) = server.admin("PUT", &format!("/api/v1/tenants/{name}"), body).await;
    assert_eq!(status, 200, "{made}");
    Tenant { server, token: server.token("operator", name).await }
}

/// The repository in which the packages' chart is.
fn with_iml(server: Server) -> Server {
    let charts = server.path("iml");
    crate::kitchen::chart(&charts, "web", ("1.0.0", ""));
    let added = server.cli(&["repository", "add", "iml", "--path", charts.to_str().unwrap()]);
    assert!(added.status.success(), "{}", words(&added));
    server
}

#[tokio::test]
async fn a_tenant_that_requires_signatures_takes_what_its_signers_signed_and_keeps_nothing_else() {
    let server = with_iml(Server::start());
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let body = json!({"requireSignature": true, "trustedSigners": [&ours.pem]});
    let acme = tenant(&server, ("acme", body.clone())).await;
    let (_, shown) = server.admin("GET", "/api/v1/tenants/acme", Value::Null).await;
    let wanted = (&body["requireSignature"], &body["trustedSigners"]);
    assert_eq!((&shown["requireSignature"], &shown["trustedSigners"]), wanted);

    let (web, signer) = (function("web"), ours.signer(&params("acme")));
    let mut ended = params("late");
    ended.not_after = date_time_ymd(2020, 1, 1);
    let cut = |bytes: Vec<u8>| {
        let files = sol005::archive::read(&bytes, sol005::archive::Limits::default()).unwrap();
        let mut zip = Zip::default();
        zip.file("web.tar.gz", &files["web.tar.gz"]).unwrap();
        zip.file("web.cms", &files["web.cms"][..200]).unwrap();
        zip.finished().unwrap()
    };
    for (bytes, entry, why) in [
        (web.clone(), "web.zip", "it is not signed, and only signed packages are taken"),
        (
            wrapped(&web, (&web, &theirs.signer(&params("evil")))),
            "web.cms",
            "it is signed by CN=evil, who is not trusted: it is none of the trusted signers, and none of them vouches for it",
        ),
        (
            wrapped(&web, (&web, &ours.signer(&ended))),
            "web.cms",
            "it is signed by CN=late, who is not trusted: its certificate ended at 2020-01-01T00:00:00Z",
        ),
        (
            wrapped(&web, (b"another", &signer)),
            "web.cms",
            "the signature does not hold: it is over other bytes than these",
        ),
        (
            cut(wrapped(&web, (&web, &signer))),
            "web.cms",
            "the signature does not hold: it is cut off: its end is missing",
        ),
    ] {
        let (status, refused) = acme.put(&bytes).await;
        let problem = &refused["problems"][0];
        assert_eq!((status, &problem["file"], &problem["message"]), (422, &json!(entry), &json!(why)), "{refused}");
        assert!(!problem["mend"].as_str().unwrap().is_empty(), "{refused}");
        assert_eq!(acme.send("GET", Value::Null).await.0, 404, "{why}");
    }

    let signed = wrapped(&web, (&web, &signer));
    let (status, made) = acme.put(&signed).await;
    assert_eq!(status, 200, "{made}");
    let wanted = json!({"entry": "web.cms", "signer": "CN=acme", "certificate": signer.certificate().fingerprint(), "trusted": true});
    assert_eq!((&made["signature"], &made["warnings"]), (&wanted, &json!([])));
    assert_eq!(acme.put(&signed).await, (200, made.clone()));
    let token = acme.token.clone();
    let server = Server::start_on(server.killed());
    let acme = Tenant { server: &server, token };
    assert_eq!(acme.send("GET", Value::Null).await, (200, made));
}

#[tokio::test]
async fn a_tenant_that_requires_none_is_told_who_signed_and_refuses_what_does_not_hold() {
    let server = with_iml(Server::start());
    let ours = Authority::new("ours");
    let acme = tenant(&server, ("acme", json!({}))).await;
    let (web, signer) = (function("web"), ours.signer(&params("acme")));
    let (status, refused) = acme.put(&wrapped(&web, (b"another", &signer))).await;
    assert_eq!((status, &refused["problems"][0]["file"]), (422, &json!("web.cms")), "{refused}");
    let (status, made) = acme.put(&wrapped(&web, (&web, &signer))).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(
        (&made["signature"]["trusted"], &made["signature"]["reason"]),
        (&json!(false), &json!("no signer is trusted here"))
    );
    assert_eq!(
        made["warnings"],
        json!(["web.cms: it is signed by CN=acme, who is not trusted: no signer is trusted here"])
    );
    assert_eq!(acme.send("DELETE", Value::Null).await.0, 204);
    // What nobody signed has no such field: what was stored before there were signatures reads the same.
    let (status, made) = acme.put(&web).await;
    assert_eq!((status, made.get("signature")), (200, None), "{made}");
}

#[tokio::test]
async fn whom_a_tenant_trusts_is_read_when_it_is_said() {
    let server = with_iml(Server::start());
    let begun = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    for (body, wanted) in [
        (
            json!({"trustedSigners": [Authority::new("a").pem, begun]}),
            "trustedSigners[1]: the certificate cannot be read",
        ),
        (json!({"trustedSigners": ["acme"]}), "trustedSigners[0]"),
        (
            json!({"requireSignature": true}),
            "requireSignature: nobody is trusted whose signature it could be; say whose",
        ),
        (json!({"requireSignatures": true}), "did you mean \"requireSignature\"?"),
    ] {
        let (status, refused) = server.admin("PUT", "/api/v1/tenants/acme", body).await;
        assert_eq!(status, 422, "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains(wanted), "{wanted}: {refused}");
    }
    assert_eq!(server.admin("GET", "/api/v1/tenants/acme", Value::Null).await.0, 404);
}

#[tokio::test]
async fn the_command_line_says_whom_a_tenant_trusts_and_judges_as_the_server_does() {
    let server = with_iml(Server::start());
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let write = |name: &str, bytes: &[u8]| {
        let path = server.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let pem = write("ours.pem", ours.pem.as_bytes());
    let made = server.cli(&["tenant", "create", "acme", "--trust", &pem, "--require-signature"]);
    assert!(made.status.success(), "{}", words(&made));
    let said = server.cli(&["tenant", "create", "other", "--require-signature"]);
    assert_eq!(code(&said), 2, "{}", words(&said));
    let indented = ours.pem.trim_end().replace('\n', "\n    ");
    let file = format!(
        "apiVersion: sliceway/v1\nkind: Tenant\nmetadata: {{name: filed}}\nspec:\n  requireSignature: true\n  trustedSigners:\n  - |\n    {indented}\n"
    );
    let file = write("tenant.yaml", file.as_bytes());
    let applied = server.cli(&["apply", "-f", &file]);
    assert!(applied.status.success(), "{}", words(&applied));
    let web = function("web");
    let right = write("right.zip", &wrapped(&web, (&web, &ours.signer(&params("acme")))));
    let wrong = write("wrong.zip", &wrapped(&web, (&web, &theirs.signer(&params("evil")))));
    for name in ["acme", "filed"] {
        let token = server.token("operator", name).await;
        let cli = |arguments: &[&str]| server.cli_as(&token, arguments);
        for (bytes, file) in [(std::fs::read(&wrong).unwrap(), "wrong.zip"), (web.clone(), "right.zip")] {
            let path = write("tried.zip", &bytes);
            let (validated, added) = (
                cli(&["package", "validate", &path, "--trust", &pem, "--require-signature"]),
                cli(&["package", "add", &path]),
            );
            assert_eq!((code(&validated), added.status.success()), (2, false), "{file}: {}", words(&added));
            let (validated, added) = (words(&validated), words(&added));
            let at = if file == "wrong.zip" { "web.cms: it is signed by" } else { "tried.zip: it is not signed" };
            let said = |words: &str| words.lines().find_map(|line| line.find(at).map(|found| line[found..].to_owned()));
            assert!(said(&validated).is_some(), "{validated}");
            assert_eq!(said(&validated), said(&added), "{validated}{added}");
        }
        let validated = words(&cli(&["package", "validate", &right, "--trust", &pem, "--require-signature"]));
        assert!(validated.contains("  signed by CN=acme, who is trusted (sha256:"), "{validated}");
        let added = cli(&["package", "add", &right]);
        assert!(added.status.success() && !words(&added).contains("warning"), "{}", words(&added));
        let listed = words(&cli(&["get", "packages", "-o", "wide"]));
        assert!(listed.contains("SIGNED BY") && listed.contains("CN=acme"), "{listed}");
    }
}
