//! OCI registries: Debian's registry, filled by the real Helm, with TLS, a user's password and tokens.

use crate::kitchen::{chart, cli, done, helm, slice, source};
use crate::registry::{PASSWORD, Registry, USER};
use crate::server::Server;
use crate::shelf::{Answer, Shelf};
use serde_json::Value;

async fn lab() -> Server {
    Server::start_with("[repositories]\ndeadline_s = 5\n").with_lab().await
}

fn password(server: &Server, text: &str) -> String {
    let file = server.path("password");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn shown(server: &Server, chart: &str) -> Value {
    let out = server.cli(&["chart", "show", chart, "-o", "json"]);
    serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", crate::server::words(&out)))
}

/// Registers the registry's charts as `reg`, with its CA and the right password.
fn register(server: &Server, registry: &Registry) {
    let (url, ca, password) = (format!("oci://{}/charts", registry.address), registry.ca(), password(server, PASSWORD));
    let add = ["repository", "add", "reg", "--url", &url, "--ca-file", &ca, "--username", USER, "--password-file"];
    done(server, &[&add[..], &[&password]].concat());
}

#[tokio::test]
async fn tags_and_ranges_and_digests_name_a_chart() {
    let (server, registry) = (lab().await, Registry::open());
    registry.publish("web", &["1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "1.10.1+build.7"]);
    done(&server, &["repository", "add", "reg", "--url", &format!("oci+http://{}/charts", registry.address)]);
    let version = |chart: &str| shown(&server, chart)["version"].as_str().unwrap_or_default().to_owned();
    assert_eq!(version("reg/web"), "1.10.1+build.7");
    assert_eq!(version("reg/web@~1.2"), "1.2.0");
    assert_eq!(version("reg/web@>=2.0.0-0"), "2.0.0-rc.1");
    assert_eq!(version("reg/web@1.10.1+build.7"), "1.10.1+build.7");
    let digest = shown(&server, "reg/web@1.0.0")["source"].as_str().unwrap().to_owned();
    assert!(digest.starts_with("sha256:"), "{digest}");
    assert_eq!(version(&format!("reg/web@{digest}")), "1.0.0");
    assert_eq!(version(&format!("reg/web@1.0.0@{digest}")), "1.0.0");
    let said = cli(&server, &["chart", "show", "reg/web@1.3.0"]).1;
    assert!(said.contains("repository reg: chart web: it has no version \"1.3.0\""), "{said}");
    assert!(said.contains("the nearest are: ") && said.contains("1.2.0"), "{said}");
    let said = cli(&server, &["chart", "show", "reg/none"]).1;
    assert!(said.contains("repository reg: chart none: it has no chart of this name"), "{said}");
    let found = done(&server, &["repository", "search", "web", "--versions"]);
    assert_eq!(found.matches("reg ").count(), 5, "{found}");
}

#[tokio::test]
async fn a_registrys_chart_has_the_version_that_helm_takes() {
    let (server, registry) = (lab().await, Registry::open());
    registry.publish("web", &["0.9.0", "1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "1.10.1+build.7"]);
    done(&server, &["repository", "add", "reg", "--url", &format!("oci+http://{}/charts", registry.address)]);
    let url = format!("oci://{}/charts/web", registry.address);
    for range in
        ["^1", "~1.2", "1.x", ">=2.0.0-0", "2.0.0-rc.1", "1.10.1+build.7", "*", "<1", "^3", "v1.0.0", "1.0", "latest"]
    {
        let ours = server.cli(&["chart", "show", &format!("reg/web@{range}"), "-o", "json"]);
        let mut theirs = std::process::Command::new(crate::command_line::command_line());
        let theirs = theirs.args(["show", "chart", &url, "--version", range, "--plain-http"]).output().unwrap();
        assert_eq!(ours.status.success(), theirs.status.success(), "{range}: {}", crate::server::words(&ours));
        if ours.status.success() {
            let shown: Value = serde_json::from_slice(&ours.stdout).unwrap();
            let line = format!("version: {}\n", shown["version"].as_str().unwrap());
            assert!(String::from_utf8_lossy(&theirs.stdout).contains(&line), "{range}: {line}");
        }
    }
}

#[tokio::test]
async fn a_moved_tag_changes_nothing_until_an_upgrade() {
    let (server, registry) = (lab().await, Registry::basic());
    registry.publish("web", &["1.0.0"]);
    register(&server, &registry);
    let file = slice(&server, "repository: reg, name: web, version: ^1");
    done(&server, &["apply", "-f", &file, "--wait"]);
    let pin = source(&server);
    assert!(pin["source"].as_str().unwrap().starts_with("sha256:") && pin["version"] == "1.0.0", "{pin}");
    registry.publish("web", &["1.1.0"]);
    assert!(done(&server, &["apply", "-f", &file]).contains("unchanged"));
    done(&server, &["apply", "-f", &file, "--upgrade", "it", "--wait"]);
    assert_eq!(source(&server)["version"], "1.1.0");
    drop(registry);
    assert!(done(&server, &["apply", "-f", &file]).contains("unchanged"));
    let (code, said) = cli(&server, &["apply", "-f", &file, "--upgrade", "it"]);
    assert!(
        code != 0 && said.contains("repository reg: chart web: ") && said.contains("refuses connections"),
        "{said}"
    );
}

#[tokio::test]
async fn a_password_lets_in_and_a_wrong_one_or_none_is_told() {
    let (server, registry) = (lab().await, Registry::basic());
    registry.publish("web", &["1.0.0"]);
    check_logins(&server, &registry);
}

#[tokio::test]
async fn a_token_that_is_got_by_a_password_lets_in() {
    let (server, registry) = (lab().await, Registry::tokens());
    registry.publish("web", &["1.0.0"]);
    check_logins(&server, &registry);
}

#[tokio::test]
async fn a_password_is_not_sent_over_plain_http_because_a_registry_says_so() {
    let (server, registry) = (lab().await, Registry::careless_tokens());
    register(&server, &registry);
    let (code, said) = cli(&server, &["chart", "show", "reg/web"]);
    assert!(code == 2 && said.contains("for a token from HTTPS to plain HTTP"), "{code} {said}");
    let asked = registry.asked_for_tokens();
    assert!(asked.iter().all(|request| request.authorization.is_none()), "{asked:?}");
}

fn check_logins(server: &Server, registry: &Registry) {
    let (url, ca) = (format!("oci://{}/charts", registry.address), registry.ca());
    let (code, said) = cli(server, &["repository", "add", "reg", "--url", &url]);
    assert!(code == 2 && said.contains("is not believed") && said.contains("--ca-file F"), "{code} {said}");
    done(server, &["repository", "add", "reg", "--url", &url, "--ca-file", &ca]);
    let (code, said) = cli(server, &["chart", "show", "reg/web"]);
    assert!(code == 2 && said.contains("asks for credentials, and none are kept"), "{code} {said}");
    let add = ["repository", "add", "reg", "--url", &url, "--ca-file", &ca, "--username", USER, "--password-file"];
    done(server, &[&add[..], &[&password(server, "guess")]].concat());
    let (code, said) = cli(server, &["chart", "show", "reg/web"]);
    assert!(code == 2 && said.contains("does not take the credentials (401)"), "{code} {said}");
    register(server, registry);
    assert_eq!(shown(server, "reg/web@^1")["version"], "1.0.0");
    let said = done(server, &["repository", "get", "reg", "-o", "json"]);
    assert!(!said.contains(PASSWORD) && !said.contains(USER), "{said}");
}

#[tokio::test]
async fn a_bearer_token_is_sent_as_it_was_given() {
    let (server, shelf) = (lab().await, Shelf::start().locked("Bearer given-token"));
    let token = server.path("token");
    std::fs::write(&token, "given-token\n").unwrap();
    let url = shelf.url.replace("http://", "oci+http://");
    done(&server, &["repository", "add", "reg", "--url", &url, "--token-file", token.to_str().unwrap()]);
    shelf.asked();
    cli(&server, &["chart", "show", "reg/web"]);
    let asked = shelf.asked();
    assert!(asked.iter().any(|request| request.authorization.as_deref() == Some("Bearer given-token")), "{asked:?}");
}

#[tokio::test]
async fn a_layer_that_was_changed_on_the_registrys_disk_is_refused() {
    let (server, registry) = (lab().await, Registry::open());
    registry.publish("web", &["1.0.0"]);
    done(&server, &["repository", "add", "reg", "--url", &format!("oci+http://{}/charts", registry.address)]);
    let blobs = crate::rules::walk(&registry.data()).into_iter().filter(|path| path.ends_with("data"));
    let packed = |path: &std::path::PathBuf| std::fs::read(path).unwrap().starts_with(&[0x1f, 0x8b]);
    let layer = blobs.into_iter().find(packed).expect("the registry keeps the layer");
    let mut bytes = std::fs::read(&layer).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&layer, bytes).unwrap();
    let (code, said) = cli(&server, &["chart", "show", "reg/web"]);
    assert!(code == 2 && said.contains("was promised"), "{code} {said}");
}

#[tokio::test]
async fn a_registry_that_hangs_or_talks_nonsense_is_told_in_time() {
    let (server, shelf) = (lab().await, Shelf::start());
    let url = shelf.url.replace("http://", "oci+http://");
    done(&server, &["repository", "add", "reg", "--url", &url]);
    shelf.answers(|_| Answer::Silence);
    let (code, said) = cli(&server, &["chart", "show", "reg/web@1.0.0"]);
    assert!(code != 0 && said.contains("did not answer within 5 s"), "{code} {said}");
    shelf.answers(|_| Answer::Endless(1 << 30));
    let (code, said) = cli(&server, &["chart", "show", "reg/web@1.0.0"]);
    assert!(code == 2 && said.contains("more than the 4194304 bytes"), "{code} {said}");
    shelf.answers(|_| Answer::Body(200, b"{\"layers\": 7}".to_vec()));
    let (code, said) = cli(&server, &["chart", "show", "reg/web@1.0.0"]);
    assert!(code == 2 && said.contains("the registry's answer cannot be used"), "{code} {said}");
}

#[tokio::test]
async fn a_dependency_in_a_registry_is_put_in_as_helm_puts_it_in() {
    let (server, registry) = (lab().await, Registry::open());
    registry.publish("part", &["1.0.0", "1.3.0", "2.0.0"]);
    done(&server, &["repository", "add", "reg", "--url", &format!("oci+http://{}", registry.address)]);
    let charts = server.path("charts");
    let url = format!("oci://{}/charts", registry.address);
    let folder = chart(
        &charts,
        "whole",
        ("0.1.0", &format!("dependencies:\n- {{name: part, version: ^1, repository: \"{url}\"}}\n")),
    );
    let added = done(&server, &["repository", "add", "mine", "--path", charts.to_str().unwrap()]);
    assert!(added.contains("with part 1.3.0"), "{added}");
    let home = server.path("home");
    helm(&["dependency", "build", folder.to_str().unwrap(), "--plain-http"], &home);
    let expected = helm(&["template", "release", folder.to_str().unwrap()], &home);
    let shown = done(&server, &["chart", "show", "mine/whole", "--only", "creates"]);
    assert_eq!(shown.lines().count(), expected.matches("kind: ConfigMap").count());
    assert!(expected.contains("version: \"1.3.0\""), "{expected}");
}
