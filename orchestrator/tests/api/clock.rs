//! The calendar of a server is set while it serves: tokens, kept answers and certificates follow it as far as they must,
//! and nothing is done twice, lost or begun in a storm.

use crate::deletions::edit;
use crate::server::{Server, factory, words};
use crate::setting::{Setting, YEAR};
use jiff::{SignedDuration, Timestamp};
use orchestrator::config::Config;
use orchestrator::server::{Random, Server as InProcess};
use orchestrator::store::Kind;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A server in this process, whose calendar the test sets.
struct Under {
    server: Server,
    setting: Setting,
    stop: CancellationToken,
}

impl Under {
    async fn new(toml: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = TempDir::new().unwrap();
        let worker = Path::new(env!("CARGO_BIN_EXE_sliceway")).with_file_name("sliceway-helm-worker");
        let mut config: Config = toml::from_str(toml).unwrap();
        config.repositories.helm_worker = Some(worker);
        config.data = Some(folder.path().join("data"));
        config.listen = Some("127.0.0.1:0".parse().unwrap());
        let (setting, stop) = (Setting::default(), CancellationToken::new());
        let started = InProcess::start(&config, (setting.clock(), Random::system())).await.unwrap();
        let (tell, at) = tokio::sync::oneshot::channel();
        let end = stop.clone();
        tokio::spawn(async move { started.run(end, |at| tell.send(at).unwrap()).await.unwrap() });
        let url = format!("http://{}", at.await.unwrap());
        Self { server: Server::beside(url, folder), setting, stop }
    }

    fn now(&self) -> Timestamp {
        Timestamp::try_from(self.setting.clock().now()).unwrap()
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn keyed(server: &Server, key: &str, (path, body): (&str, &Value)) -> (u16, Value) {
    let request = server.http.post(format!("{}{path}", server.url)).bearer_auth(&server.token);
    let response = request.header("Idempotency-Key", key).body(body.to_string()).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
}

fn slice(name: &str) -> Value {
    let text = std::fs::read_to_string(factory()).unwrap();
    serde_saphyr::from_str(&text.replace("name: factory-7", &format!("name: {name}"))).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_end_by_the_calendar_and_are_not_lost_by_a_jump() {
    let under = Under::new("").await;
    let ends = under.now() + SignedDuration::from_hours(1);
    let body = json!({"role": "viewer", "tenant": "default", "ends": ends});
    let (status, body) = under.server.admin("POST", "/api/v1/tokens", body).await;
    assert_eq!(status, 201, "{body}");
    let token = body["token"].as_str().unwrap();
    let asked = async || under.server.send("GET", "/api/v1/slices", (Some(token), Value::Null)).await.status().as_u16();
    assert_eq!(asked().await, 200);
    under.setting.jump(YEAR);
    assert_eq!(asked().await, 401);
    assert_eq!(under.server.admin("GET", "/api/v1/slices", Value::Null).await.0, 200, "one without an end has none");
    under.setting.jump(-YEAR);
    assert_eq!(asked().await, 200);
    under.setting.jump(-YEAR);
    assert_eq!(asked().await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_sent_again_after_a_jump_is_not_carried_out_twice() {
    let under = Under::new("").await;
    let lab = under.server.with_clusters().await;
    let mut ids = Vec::new();
    for (nth, jump) in [YEAR, -YEAR].into_iter().enumerate() {
        let (key, body) = (format!("key-{nth}"), slice(&format!("one-{nth}")));
        let (status, first) = keyed(lab, &key, ("/api/v1/slices", &body)).await;
        assert_eq!(status, 202, "{first}");
        under.setting.jump(jump);
        let (status, again) = keyed(lab, &key, ("/api/v1/slices", &body)).await;
        assert_eq!((status, &again["operation"]["id"]), (202, &first["operation"]["id"]), "{jump}: {again}");
        under.setting.jump(-jump);
        ids.push(first["operation"]["id"].clone());
    }
    // A day later by any clock it is a new request.
    under.setting.pass(25 * 3_600);
    let (status, later) = keyed(lab, "key-0", ("/api/v1/slices", &slice("one-0"))).await;
    assert!(status != 202 || later["operation"]["id"] != ids[0], "it is carried out anew: {later}");
}

/// A process that was cut off in the middle of a request, in a year that was taken back.
#[tokio::test]
async fn a_request_that_was_cut_off_in_another_year_can_be_sent_again() {
    for by in [SignedDuration::from_secs(YEAR), SignedDuration::from_secs(-YEAR)] {
        let server = Server::start();
        let body = json!({"role": "viewer", "tenant": "default"});
        assert_eq!(keyed(&server, "cut", ("/api/v1/tokens", &body)).await.0, 201);
        let cut_off = |doc: Value| {
            let at = Timestamp::now() + by;
            Some(
                json!({"digest": doc["digest"], "begun": true, "at": at, "epoch": doc["epoch"], "up_ms": doc["up_ms"]}),
            )
        };
        let server = edit(server, Kind::Idempotency, cut_off).await;
        // Housekeeping may take the old mark away at this very moment, and whoever met that is told to come again.
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let (status, again) = keyed(&server, "cut", ("/api/v1/tokens", &body)).await;
            if status == 201 {
                break;
            }
            assert!(status == 409 && Instant::now() < deadline, "{by}: {again}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn renewals(server: &Server) -> Vec<Value> {
    let (_, list) = server.admin("GET", "/api/v1/operations?limit=500", Value::Null).await;
    let all = list["items"].as_array().cloned().unwrap();
    all.into_iter().filter(|operation| operation["kind"] == "change-slice").collect()
}

async fn until_all_ready(server: &Server, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let (_, list) = server.admin("GET", "/api/v1/slices?limit=500", Value::Null).await;
        let ready = list["items"].as_array().unwrap().iter().filter(|slice| slice["phase"] == "Ready").count();
        if ready == count {
            return;
        }
        assert!(Instant::now() < deadline, "{list}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Certificates of 90 seconds are looked at every three.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_for_a_moment_renews_nothing_and_one_that_stands_renews_once_and_not_all_at_a_time() {
    let under = Under::new("[certificates]\nlife_s = 90\n").await;
    let lab = under.server.with_clusters().await;
    let count = 12;
    for n in 0..count {
        let (status, said) = lab.admin("POST", "/api/v1/slices", slice(&format!("s{n:02}"))).await;
        assert_eq!(status, 202, "{said}");
    }
    until_all_ready(lab, count).await;
    under.setting.jump(YEAR);
    let look = Instant::now() + Duration::from_secs(7);
    while Instant::now() < look {
        let begun = renewals(lab).await;
        assert!(begun.is_empty(), "{begun:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    under.setting.pass(3_600);
    let deadline = Instant::now() + Duration::from_secs(30);
    while renewals(lab).await.len() < count {
        assert!(Instant::now() < deadline, "{:?}", renewals(lab).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    until_all_ready(lab, count).await;
    let all = renewals(lab).await;
    assert_eq!(all.len(), count, "each once");
    let mut begun: Vec<Timestamp> = all.iter().map(|one| one["created"].as_str().unwrap().parse().unwrap()).collect();
    begun.sort();
    assert!(begun[10].duration_since(begun[0]) > SignedDuration::from_secs(1), "not all at a time: {begun:?}");
    let told = words(&lab.cli(&["get", "slices"]));
    assert!(told.contains("Ready"), "{told}");
}
