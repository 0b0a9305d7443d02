//! Helm repositories over HTTP, filled by the real Helm, through the CLI and a real server: versions, pins, credentials, TLS,
//! and every way in which a chart cannot be had.

use crate::deletions::edit;
use crate::kitchen::{chart, cli, done, index, package, publish, slice, source};
use crate::server::Server;
use crate::shelf::{Answer, Pki, Shelf, nobody};
use orchestrator::store::Kind;
use std::path::Path;

const SECRET: &str = "open-sesame-please";
/// `reader:open-sesame-please`
const BASIC: &str = "Basic cmVhZGVyOm9wZW4tc2VzYW1lLXBsZWFzZQ==";

async fn lab() -> Server {
    Server::start_with("[repositories]\ndeadline_s = 3\n").with_lab().await
}

fn password(server: &Server) -> String {
    let file = server.path("password");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    file.display().to_string()
}

#[tokio::test]
async fn a_range_takes_the_newest_that_fits_and_stays_until_an_upgrade() {
    let (server, shelf) = (lab().await, Shelf::start());
    publish(&shelf.path(""), "web", &["1.2.0", "1.2.9", "1.10.0", "2.0.0-rc.1"]);
    let added = done(&server, &["repository", "add", "stable", "--url", &shelf.url]);
    assert!(added.contains("1 charts, 4 versions"), "{added}");
    let file = slice(&server, "repository: stable, name: web, version: ^1.2");
    done(&server, &["apply", "-f", &file, "--wait"]);
    let pin = source(&server);
    assert_eq!((pin["version"].as_str(), pin["asked"].as_str()), (Some("1.10.0"), Some("^1.2")), "{pin}");

    publish(&shelf.path(""), "web", &["1.11.0"]);
    let updated = done(&server, &["repository", "update"]);
    assert!(updated.contains("repository stable: 1 charts, 5 versions"), "{updated}");
    shelf.asked();
    let again = done(&server, &["apply", "-f", &file, "--wait"]);
    assert!(again.contains("slice one unchanged"), "{again}");
    assert!(shelf.asked().is_empty(), "an unchanged file asks nobody");
    done(&server, &["apply", "-f", &file, "--upgrade", "it", "--wait"]);
    assert_eq!(source(&server)["version"], "1.11.0");
}

#[tokio::test]
async fn an_unchanged_file_changes_nothing_while_the_repository_is_away() {
    let (server, shelf) = (lab().await, Shelf::start());
    publish(&shelf.path(""), "web", &["1.0.0"]);
    done(&server, &["repository", "add", "stable", "--url", &shelf.url]);
    let file = slice(&server, "repository: stable, name: web");
    done(&server, &["apply", "-f", &file, "--wait"]);
    shelf.answers(|_| Answer::Body(503, vec![]));
    let again = done(&server, &["apply", "-f", &file, "--wait"]);
    assert!(again.contains("unchanged"), "{again}");
    // Its values change; its chart does not, and needs not be fetched.
    let text = std::fs::read_to_string(&file).unwrap().replace("name: web}", "name: web}, values: {word: other}");
    std::fs::write(&file, text).unwrap();
    done(&server, &["apply", "-f", &file, "--wait"]);
    let (code, said) = cli(&server, &["apply", "-f", &file, "--upgrade", "it"]);
    assert!(code != 0 && said.contains("repository stable:") && said.contains("503"), "{code} {said}");
    let found = done(&server, &["repository", "search", "web"]);
    assert!(found.contains("1.0.0") && found.contains("this is what it had at"), "{found}");
}

#[tokio::test]
async fn credentials_are_sent_to_the_repository_and_to_no_other_host() {
    let (server, shelf, elsewhere) = (lab().await, Shelf::start().locked(BASIC), Shelf::start());
    publish(&shelf.path(""), "web", &["1.0.0"]);
    publish(&elsewhere.path(""), "far", &["1.0.0"]);
    package(&chart(&shelf.path("work"), "moved", ("1.0.0", "")), &elsewhere.path(""));
    // An index with absolute addresses on another host.
    let text = std::fs::read_to_string(elsewhere.path("index.yaml")).unwrap();
    let text = text.replace("- far-1.0.0.tgz", &format!("- {}/far-1.0.0.tgz", elsewhere.url));
    let own = std::fs::read_to_string(shelf.path("index.yaml")).unwrap();
    let (_, far) = text.split_once("entries:\n").unwrap();
    let (far, _) = far.split_once("generated:").unwrap();
    std::fs::write(shelf.path("index.yaml"), own.replace("entries:\n", &format!("entries:\n{far}"))).unwrap();

    let (code, said) = cli(&server, &["repository", "add", "shut", "--url", &shelf.url]);
    assert!(code == 2 && said.contains("asks for credentials"), "{code} {said}");
    assert!(said.contains("sliceway repository add shut --url URL --username U --password-file F"), "{said}");
    let wrong = server.path("wrong");
    std::fs::write(&wrong, "guess").unwrap();
    let url = ["repository", "add", "shut", "--url", &shelf.url, "--username", "reader", "--password-file"];
    let (code, said) = cli(&server, &[&url[..], &[wrong.to_str().unwrap()]].concat());
    assert!(code == 2 && said.contains("does not take the credentials (401)"), "{code} {said}");
    done(&server, &[&url[..], &[&password(&server)]].concat());

    elsewhere.asked();
    done(&server, &["chart", "show", "shut/web"]);
    done(&server, &["chart", "show", "shut/far"]);
    let asked = elsewhere.asked();
    assert!(!asked.is_empty() && asked.iter().all(|request| request.authorization.is_none()), "{asked:?}");

    let shown = done(&server, &["repository", "get", "shut", "-o", "json"]);
    assert!(shown.contains("\"basic\"") && !shown.contains(SECRET) && !shown.contains("reader"), "{shown}");
    for entry in crate::rules::walk(&server.data()) {
        let bytes = std::fs::read(&entry).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{}", entry.display());
    }
    let file = server.path("shut.yaml");
    let text = "apiVersion: sliceway/v1\nkind: Repository\nmetadata: {name: filed}\nspec: {url: \"URL\", username: reader, passwordFile: password}\n";
    std::fs::write(&file, text.replace("URL", &shelf.url)).unwrap();
    done(&server, &["apply", "-f", file.to_str().unwrap()]);
    done(&server, &["chart", "show", "filed/web"]);
    // Without the credentials said again they stay; for another host they do not.
    done(&server, &["repository", "add", "shut", "--url", &shelf.url]);
    done(&server, &["chart", "show", "shut/web"]);
    elsewhere.asked();
    done(&server, &["repository", "add", "shut", "--url", &elsewhere.url]);
    assert!(elsewhere.asked().iter().all(|request| request.authorization.is_none()));
}

#[tokio::test]
async fn a_redirect_to_another_host_goes_without_credentials_and_not_on_for_ever() {
    let (server, shelf, elsewhere) = (lab().await, Shelf::start(), Shelf::start());
    publish(&elsewhere.path(""), "web", &["1.0.0"]);
    let to = elsewhere.url.clone();
    shelf.answers(move |request| Answer::Moved(format!("{to}{}", request.path)));
    let password = password(&server);
    let add = |url: &str| {
        cli(&server, &["repository", "add", "r", "--url", url, "--username", "reader", "--password-file", &password])
    };
    assert_eq!(add(&shelf.url).0, 0);
    done(&server, &["chart", "show", "r/web"]);
    assert!(elsewhere.asked().iter().all(|request| request.authorization.is_none()));
    assert!(shelf.asked().iter().all(|request| request.authorization.as_deref() == Some(BASIC)));
    let round = shelf.url.clone();
    shelf.answers(move |_| Answer::Moved(format!("{round}/again")));
    let (code, said) = add(&shelf.url);
    assert!(code == 2 && said.contains("on and on, over more than 5 places"), "{code} {said}");
}

#[tokio::test]
async fn tls_is_believed_by_the_given_authority_only() {
    let (server, pki) = (lab().await, Pki::new());
    let shelf = Shelf::start_tls(&pki);
    publish(&shelf.path(""), "web", &["1.0.0"]);
    let (code, said) = cli(&server, &["repository", "add", "safe", "--url", &shelf.url]);
    assert!(code == 2 && said.contains("is not believed") && said.contains("--ca-file F"), "{code} {said}");
    let ca = |name: &str, pem: &str| {
        std::fs::write(server.path(name), pem).unwrap();
        server.path(name).display().to_string()
    };
    let (wrong, right) = (ca("wrong.pem", &Pki::new().ca), ca("right.pem", &pki.ca));
    let (code, said) = cli(&server, &["repository", "add", "safe", "--url", &shelf.url, "--ca-file", &wrong]);
    assert!(code == 2 && said.contains("is not believed"), "{code} {said}");
    done(&server, &["repository", "add", "safe", "--url", &shelf.url, "--ca-file", &right]);
    done(&server, &["chart", "show", "safe/web"]);
    let file = server.path("repository.yaml");
    let text =
        "apiVersion: sliceway/v1\nkind: Repository\nmetadata: {name: filed}\nspec: {url: \"URL\", caFile: right.pem}\n";
    std::fs::write(&file, text.replace("URL", &shelf.url)).unwrap();
    done(&server, &["apply", "-f", file.to_str().unwrap()]);
    done(&server, &["chart", "show", "filed/web@1.0.0"]);
}

#[tokio::test]
async fn a_chart_is_shown_with_readme_values_schema_and_what_it_would_create() {
    let (server, shelf) = (lab().await, Shelf::start());
    publish(&shelf.path(""), "web", &["1.0.0", "1.1.0"]);
    done(&server, &["repository", "add", "stable", "--url", &shelf.url]);
    let shown = done(&server, &["chart", "show", "stable/web"]);
    for part in ["stable/web 1.1.0 (app 1.10)", "ConfigMap web-hello", "# web", "# What web says.", "\"word\""] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let old = done(&server, &["chart", "show", "stable/web@<1.1", "--only", "creates"]);
    assert_eq!(old.trim(), "ConfigMap web-hello");
    let text = server.cli(&["chart", "show", "stable/web@1.0.0", "-o", "json"]).stdout;
    let digest = serde_json::from_slice::<serde_json::Value>(&text).unwrap()["source"].as_str().unwrap().to_owned();
    assert!(done(&server, &["chart", "show", &format!("stable/web@{digest}")]).contains("stable/web 1.0.0"));
    refused(&server, &format!("stable/web@1.1.0@{digest}"), &["was promised"]);
    let found = done(&server, &["repository", "search", "we", "--versions", "-r", "stable"]);
    assert!(found.contains("1.1.0") && found.contains("1.0.0"), "{found}");
    let folder = done(&server, &["chart", "show", "lab/mqtt-server"]);
    assert!(folder.contains("mqtt-server"), "{folder}");
}

#[tokio::test]
async fn a_plan_that_was_shown_is_applied_with_the_charts_that_it_showed() {
    let (server, shelf) = (lab().await, Shelf::start());
    publish(&shelf.path(""), "web", &["1.0.0"]);
    done(&server, &["repository", "add", "stable", "--url", &shelf.url]);
    let file = slice(&server, "repository: stable, name: web");
    let plan = done(&server, &["plan", "-f", &file]);
    let (_, id) = plan.split_once("--plan ").unwrap();
    let id: String = id.chars().take_while(char::is_ascii_hexdigit).collect();
    publish(&shelf.path(""), "web", &["1.1.0"]);
    shelf.answers(|_| Answer::Body(500, vec![]));
    done(&server, &["apply", "-f", &file, "--plan", &id, "--wait"]);
    assert_eq!(source(&server)["version"], "1.0.0");
}

#[tokio::test]
async fn a_slice_that_waits_for_a_place_fetches_its_chart_once() {
    let (server, shelf) = (lab().await, Shelf::start());
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: big}\nspec:\n  containers:\n  - {name: c, image: i, resources: \
               {requests: {memory: 7Gi}}}\n";
    for cluster in ["full", "edge"] {
        let body = serde_json::json!({"labels": {}, "spec": {"sim": {"memory": "4Gi"}}});
        let (status, body) = server.admin("PUT", &format!("/api/v1/clusters/{cluster}"), body).await;
        assert!(status == 200 || cluster == "edge", "{body}");
    }
    let work = shelf.path("work");
    chart(&work, "web", ("1.0.0", ""));
    std::fs::write(work.join("web/templates/pod.yaml"), pod).unwrap();
    package(&work.join("web"), &shelf.path(""));
    index(&shelf.path(""));
    done(&server, &["repository", "add", "stable", "--url", &shelf.url]);
    let file = slice(&server, "repository: stable, name: web");
    let text = std::fs::read_to_string(&file).unwrap().replace("cluster: edge", "cluster: full");
    std::fs::write(&file, text).unwrap();
    shelf.asked();
    let said = done(&server, &["apply", "-f", &file, "--timeout", "3"]);
    let (_, id) = said.split_once("operation watch ").unwrap();
    let (code, ended) = cli(&server, &["operation", "watch", id.trim()]);
    assert!(code != 0 && ended.contains("waited 3 s"), "{code} {ended}");
    let asked: Vec<String> = shelf.asked().into_iter().map(|request| request.path).collect();
    assert_eq!(asked, ["/index.yaml", "/web-1.0.0.tgz"], "{said}");
}

#[tokio::test]
async fn a_request_that_takes_over_resolves_its_chart_once_although_it_is_planned_twice() {
    let (server, shelf) = (lab().await, Shelf::start());
    publish(&shelf.path(""), "web", &["1.0.0"]);
    done(&server, &["repository", "add", "stable", "--url", &shelf.url]);
    let file = slice(&server, "repository: stable, name: web");
    done(&server, &["apply", "-f", &file, "--wait"]);
    publish(&shelf.path(""), "web", &["1.1.0"]);
    // After the first two calls the repository is away.
    shelf.asked();
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let folder = shelf.path("");
    shelf.answers(move |request| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 | 1 => Answer::Body(200, std::fs::read(folder.join(request.path.trim_start_matches('/'))).unwrap()),
        _ => Answer::Body(503, vec![]),
    });
    done(&server, &["apply", "-f", &file, "--supersede", "--upgrade", "it", "--wait"]);
    let asked: Vec<String> = shelf.asked().into_iter().map(|request| request.path).collect();
    assert_eq!(asked, ["/index.yaml", "/web-1.1.0.tgz"]);
    assert_eq!(source(&server)["version"], "1.1.0");
}

#[tokio::test]
async fn a_repository_is_read_anew_only_at_the_revision_that_was_named() {
    let (server, shelf) = (lab().await, Shelf::start());
    publish(&shelf.path(""), "web", &["1.0.0"]);
    done(&server, &["repository", "add", "stable", "--url", &shelf.url]);
    let send = async |method: &str, path: &str, condition: &str| {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = server.http.request(method, format!("{}{path}", server.url)).bearer_auth(&server.token);
        let answer = request.header("If-Match", condition).send().await.unwrap();
        let etag = answer.headers().get("etag").map(|etag| etag.to_str().unwrap().to_owned());
        (answer.status().as_u16(), etag)
    };
    let (status, old) = send("GET", "/api/v1/repositories/stable", "*").await;
    let old = old.unwrap();
    assert_eq!(status, 200);
    let (status, new) = send("POST", "/api/v1/repositories/stable:update", &old).await;
    assert_eq!(status, 200);
    assert_ne!(new, Some(old.clone()));
    assert_eq!(send("GET", "/api/v1/repositories/stable", "*").await.1, new, "the answer has the new ETag");
    assert_eq!(send("POST", "/api/v1/repositories/stable:update", &old).await.0, 412);
    assert_eq!(send("POST", "/api/v1/repositories/none:update", "*").await.0, 412);
    assert_eq!(server.admin("POST", "/api/v1/repositories/none:update", serde_json::json!({})).await.0, 404);
    let body = serde_json::json!({"spec": {"url": shelf.url}}).to_string();
    let put = |condition: String| {
        let request = server.http.put(format!("{}/api/v1/repositories/stable", server.url)).bearer_auth(&server.token);
        request.header("If-Match", condition).body(body.clone()).send()
    };
    shelf.asked();
    assert_eq!(put(old).await.unwrap().status(), 412);
    assert!(shelf.asked().is_empty(), "what is not wanted asks nobody");
    assert_eq!(put(new.unwrap()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_cannot_be_opened_of_one_repository_stops_no_other_and_goes_with_it() {
    let (server, shelf, open) = (lab().await, Shelf::start().locked(BASIC), Shelf::start());
    publish(&shelf.path(""), "web", &["1.0.0"]);
    publish(&open.path(""), "web", &["1.0.0"]);
    let password = password(&server);
    let credentials = ["--username", "reader", "--password-file", &password];
    let shut = ["repository", "add", "shut", "--url", &shelf.url];
    done(&server, &[&shut[..], &credentials[..]].concat());
    done(&server, &["repository", "add", "open", "--url", &open.url]);
    let server = edit(server, Kind::Secret, |_| Some(serde_json::json!({"format": "strange"}))).await;
    refused(&server, "shut/web", &["asks for credentials", "--password-file"]);
    let file = slice(&server, "repository: open, name: web");
    done(&server, &["apply", "-f", &file, "--wait"]);
    done(&server, &["delete", "repository", "shut"]);
    let (code, said) = cli(&server, &shut);
    assert!(code == 2 && said.contains("asks for credentials"), "{code} {said}");

    let server = edit(server, Kind::Repository, |mut repository| {
        repository["charts"] = serde_json::json!("strange");
        Some(repository)
    })
    .await;
    assert!(cli(&server, &["chart", "show", "open/web"]).0 != 0);
    done(&server, &["repository", "add", "open", "--url", &open.url]);
    done(&server, &["chart", "show", "open/web"]);
}

#[tokio::test]
async fn charts_come_in_pages_the_newest_version_first() {
    let (server, shelf) = (lab().await, Shelf::start());
    publish(&shelf.path(""), "web", &["1.2.0", "1.10.0", "1.9.0"]);
    publish(&shelf.path(""), "app", &["0.1.0"]);
    done(&server, &["repository", "add", "stable", "--url", &shelf.url]);
    let mut path = "/api/v1/charts?repository=stable&versions=true&limit=1".to_owned();
    let mut found = Vec::new();
    loop {
        let (status, page) = server.admin("GET", &path, serde_json::Value::Null).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(page["warnings"], serde_json::json!([]));
        let item = &page["items"][0];
        found.push(format!("{} {}", item["name"].as_str().unwrap(), item["version"].as_str().unwrap()));
        let Some(marker) = page["next"].as_str() else { break };
        path = format!("/api/v1/charts?repository=stable&versions=true&limit=1&marker={marker}");
    }
    assert_eq!(found, ["app 0.1.0", "web 1.10.0", "web 1.9.0", "web 1.2.0"]);
    let (status, body) = server.admin("GET", "/api/v1/charts?repository=No!", serde_json::Value::Null).await;
    assert_eq!((status, &body["parameter"]), (400, &serde_json::json!("repository")), "{body}");
}

#[tokio::test]
async fn a_folder_takes_ranges_as_helm_does() {
    let server = lab().await;
    let charts = server.path("charts");
    chart(&charts, "web", ("1.2.3", ""));
    done(&server, &["repository", "add", "mine", "--path", charts.to_str().unwrap()]);
    assert!(done(&server, &["chart", "show", "mine/web@~1.2.0"]).contains("mine/web 1.2.3"));
    refused(&server, "mine/web@^2", &["chart web has no version \"^2\"", "there are: 1.2.3"]);
}

/// `chart show` of what the repository has; the words of the refusal.
fn refused(server: &Server, chart: &str, says: &[&str]) {
    let (code, said) = cli(server, &["chart", "show", chart]);
    assert!(code != 0, "{said}");
    for word in says {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[tokio::test]
async fn a_repository_that_cannot_be_spoken_to_is_told_with_its_cause() {
    let (server, shelf) = (lab().await, Shelf::start());
    let add = |url: &str| cli(&server, &["repository", "add", "odd", "--url", url]);
    let check = |url: &str, says: &str| {
        let (code, said) = add(url);
        assert!(code != 0 && said.contains("repository odd: ") && said.contains(says), "{code} {said}");
    };
    check(&nobody(), "refuses connections");
    check("http://no-such-host.invalid", "the host no-such-host.invalid is not known");
    check(&shelf.url, "there is nothing at");
    shelf.answers(|_| Answer::Body(403, vec![]));
    check(&shelf.url, "(403)");
    shelf.answers(|_| Answer::Body(200, b"<html>hello</html>".to_vec()));
    check(&shelf.url, "is no index of charts");
    shelf.answers(|_| Answer::Endless(1 << 30));
    check(&shelf.url, "more than the 67108864 bytes");
    shelf.answers(|_| Answer::Silence);
    check(&shelf.url, "did not answer within 3 s");
    assert_eq!(cli(&server, &["repository", "get", "odd"]).0, 3, "nothing of it is kept");
}

#[tokio::test]
async fn what_a_repository_does_not_have_is_told_with_what_is_near() {
    let (server, shelf) = (lab().await, Shelf::start());
    publish(&shelf.path(""), "web", &["1.0.0", "1.4.0", "2.0.0"]);
    done(&server, &["repository", "add", "stable", "--url", &shelf.url]);
    refused(&server, "stable/wbe", &["repository stable: chart wbe: it has no chart of this name", "there is: web"]);
    refused(&server, "stable/web@1.3.0", &["it has no version \"1.3.0\"", "the nearest are: 2.0.0, 1.4.0, 1.0.0"]);
    refused(&server, "stable/web@x.y", &["neither a version nor a range"]);
    let file = slice(&server, "repository: stable, name: web, version: ^3");
    let (code, said) = cli(&server, &["apply", "-f", &file]);
    assert!(code == 2 && said.contains("slice.yaml:7:") && said.contains("chart.version"), "{code} {said}");
}

#[tokio::test]
async fn an_archive_that_is_not_what_was_promised_or_that_is_hostile_is_refused() {
    let (server, shelf) = (lab().await, Shelf::start());
    publish(&shelf.path(""), "web", &["1.0.0"]);
    done(&server, &["repository", "add", "stable", "--url", &shelf.url]);
    let archive = shelf.path("web-1.0.0.tgz");
    package(&chart(&shelf.path("work"), "web", ("1.0.0", "description: changed\n")), &shelf.path(""));
    refused(&server, "stable/web", &["repository stable: chart web:", "was promised", "someone changed it"]);

    let unpromised = |server: &Server, says: &[&str]| {
        let text = std::fs::read_to_string(shelf.path("index.yaml")).unwrap();
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("digest:")).collect();
        std::fs::write(shelf.path("index.yaml"), kept.join("\n")).unwrap();
        refused(server, "stable/web", says);
    };
    std::fs::write(&archive, tarball(&[("web/Chart.yaml", CHART), ("web/../../etc/evil", b"x")])).unwrap();
    unpromised(&server, &["repository stable: chart web:", "a name that leads out of it"]);
    std::fs::write(&archive, tarball(&[("web/Chart.yaml", CHART), ("web/big", &vec![0; 65 << 20])])).unwrap();
    unpromised(&server, &["repository stable: chart web:", "larger than"]);
    std::fs::write(&archive, b"no archive").unwrap();
    unpromised(&server, &["is not a packed chart"]);
    package(&chart(&shelf.path("other"), "other", ("1.0.0", "")), &shelf.path(""));
    std::fs::rename(shelf.path("other-1.0.0.tgz"), &archive).unwrap();
    unpromised(&server, &["its Chart.yaml calls it \"other\""]);
}

const CHART: &[u8] = b"apiVersion: v2\nname: web\nversion: 1.0.0\n";

/// Entries as they are said, also those that no honest program writes.
fn tarball(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, data) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, *data).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn a_folders_dependencies_are_put_in_from_what_is_registered_and_nowhere_else() {
    let (server, shelf) = (lab().await, Shelf::start());
    publish(&shelf.path(""), "part", &["0.9.0", "1.0.0", "1.5.0"]);
    let charts = server.path("charts");
    let dependencies = format!("dependencies:\n- {{name: part, version: ^1, repository: \"{}\"}}\n", shelf.url);
    chart(&charts, "whole", ("0.1.0", &dependencies));
    let add = ["repository", "add", "mine", "--path", charts.to_str().unwrap()];
    let (code, said) = cli(&server, &add);
    assert!(code == 2 && said.contains("which is not registered"), "{code} {said}");
    assert!(said.contains(&format!("sliceway repository add NAME --url {}", shelf.url)), "{said}");
    assert!(shelf.asked().is_empty(), "nothing is fetched from where nobody registered");
    done(&server, &["repository", "add", "stable", "--url", &format!("{}/", shelf.url)]);
    let added = done(&server, &add);
    assert!(added.contains("with part 1.5.0"), "{added}");
    let shown = done(&server, &["chart", "show", "mine/whole", "--only", "creates"]);
    assert!(shown.contains("ConfigMap part-hello") && shown.contains("ConfigMap whole-hello"), "{shown}");

    lying(&charts, "dependencies:\n- {name: part, version: 1.0.0, repository: \"file:///etc\"}\n");
    let (code, said) = cli(&server, &add);
    assert!(code == 2 && said.contains("an absolute path, which the server does not read"), "{code} {said}");
    lying(&charts, "dependencies:\n- {name: part, version: 1.0.0, repository: \"file://../../part\"}\n");
    let (code, said) = cli(&server, &add);
    assert!(code == 2 && said.contains("outside of what was uploaded"), "{code} {said}");
}

fn lying(charts: &Path, more: &str) {
    std::fs::remove_dir_all(charts).unwrap();
    chart(charts, "whole", ("0.1.0", more));
    index(charts);
}
