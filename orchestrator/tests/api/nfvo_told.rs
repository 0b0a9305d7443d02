//! SOL005's subscriptions: what happens is told to everybody who asked for it, in its order, whatever becomes of the server and
//! of other subscribers.

use crate::nfvo::{Call, header, told};
use crate::server::Server;
use crate::services::onboarded;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Somebody who is told: what came, with the header that says who told it.
#[derive(Clone)]
struct Ear {
    url: String,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
    /// What it answers; 0: nothing at all.
    answers: Arc<Mutex<u16>>,
}

impl Ear {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/told", listener.local_addr().unwrap());
        let ear = Self { url, heard: Arc::default(), answers: Arc::new(Mutex::new(204)) };
        let router = Router::new().fallback(hear).with_state(ear.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        ear
    }

    fn answer(&self, status: u16) {
        *self.answers.lock().unwrap() = status;
    }

    fn all(&self) -> Vec<Value> {
        self.heard.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }

    /// Until it has heard so many.
    async fn until(&self, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let all = self.all();
            if all.len() >= count {
                return all;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "only {all:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn hear(State(ear): State<Ear>, request: Request) -> (StatusCode, String) {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    if parts.uri.path() == "/token" {
        let who = parts.headers["authorization"].to_str().unwrap().to_owned();
        return (
            StatusCode::OK,
            json!({"access_token": format!("for {who}"), "token_type": "Bearer", "expires_in": 3600}).to_string(),
        );
    }
    let answer = *ear.answers.lock().unwrap();
    if answer == 0 {
        std::future::pending::<()>().await;
    }
    if answer == 204 && parts.method == "POST" {
        let who =
            parts.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        ear.heard.lock().unwrap().push((who, serde_json::from_slice(&bytes).unwrap()));
    }
    (StatusCode::from_u16(answer).unwrap(), String::new())
}

async fn subscribed(oss: &Call<'_>, (interface, ear): (&str, &Ear), more: Value) -> String {
    let mut body = json!({"callbackUri": ear.url});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let at = format!("/{interface}/v2/subscriptions");
    let answer = oss.with("content-type", "application/json").send("POST", &at, body.to_string()).await;
    let (status, location) = (answer.status().as_u16(), header(&answer, "location"));
    assert_eq!(status, 201, "{}", answer.text().await.unwrap());
    location
}

async fn created(oss: &Call<'_>, title: &str) -> String {
    let (_, all) = oss.get("/nsd/v2/ns_descriptors").await;
    let body = json!({"nsdId": all[0]["nsdId"], "nsName": title, "nsDescription": ""});
    let (status, made) = oss.json("POST", "/nslcm/v2/ns_instances", body).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

async fn begun(oss: &Call<'_>, id: &str, task: &str) {
    let (status, body) = oss.json("POST", &format!("/nslcm/v2/ns_instances/{id}/{task}"), json!({})).await;
    assert_eq!(status, 202, "{body}");
}

fn said(all: &[Value]) -> Vec<String> {
    let word = |body: &Value| match body["notificationType"].as_str().unwrap() {
        "NsLcmOperationOccurrenceNotification" => {
            format!("{} {} {}", body["operation"], body["notificationStatus"], body["operationState"]).replace('"', "")
        }
        other => other.to_owned(),
    };
    all.iter().map(word).collect()
}

#[tokio::test]
async fn a_life_is_told_in_its_order_and_each_only_what_it_asked_for() {
    let server = Server::start().with_lab().await;
    let oss = Call::of(&server, "operator").await;
    let (all, ends, packages, services) = (Ear::new().await, Ear::new().await, Ear::new().await, Ear::new().await);
    let at = subscribed(&oss, ("nslcm", &all), json!({"verbosity": "FULL"})).await;
    let filter = json!({"filter": {"operationTypes": ["TERMINATE"], "operationStates": ["COMPLETED"]}});
    subscribed(&oss, ("nslcm", &ends), filter).await;
    let filter = json!({"filter": {"notificationTypes": ["VnfPackageOnboardingNotification"]}});
    subscribed(&oss, ("vnfpkgm", &packages), filter).await;
    subscribed(&oss, ("nsd", &services), json!({})).await;
    onboarded(&server, "sol001");
    let id = created(&oss, "shop").await;
    begun(&oss, &id, "instantiate").await;
    all.until(3).await;
    begun(&oss, &id, "terminate").await;
    all.until(5).await;
    assert_eq!(oss.send("DELETE", &format!("/nslcm/v2/ns_instances/{id}"), "").await.status().as_u16(), 204);
    let heard = all.until(6).await;
    assert_eq!(
        said(&heard),
        [
            "NsIdentifierCreationNotification",
            "INSTANTIATE START PROCESSING",
            "INSTANTIATE RESULT COMPLETED",
            "TERMINATE START PROCESSING",
            "TERMINATE RESULT COMPLETED",
            "NsIdentifierDeletionNotification",
        ]
    );
    let one = &heard[1];
    assert_eq!((&one["nsInstanceId"], &one["isAutomaticInvocation"]), (&json!(id), &json!(false)));
    assert_eq!(one["subscriptionId"], at.rsplit('/').next().unwrap());
    let occurrence = one["nsLcmOpOccId"].as_str().unwrap();
    assert_eq!(one["_links"]["nsLcmOpOcc"]["href"], format!("/nslcm/v2/ns_lcm_op_occs/{occurrence}"));
    assert_eq!(one["_links"]["subscription"]["href"], at);
    let ids: std::collections::BTreeSet<&str> = heard.iter().map(|body| body["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), heard.len());
    assert_eq!(said(&ends.until(1).await), ["TERMINATE RESULT COMPLETED"]);
    assert_eq!(said(&packages.until(2).await), ["VnfPackageOnboardingNotification"; 2]);
    // A service's own: it came, it was disabled, and it went.
    server.done(&["package", "disable", "shop-ns-1-0"]);
    server.done(&["delete", "package", "shop-ns-1-0"]);
    let heard = services.until(3).await;
    assert_eq!(said(&heard), ["NsdOnBoardingNotification", "NsdChangeNotification", "NsdDeletionNotification"]);
    assert_eq!(heard[1]["nsdOperationalState"], "DISABLED");
    // A slice that a file makes is told like any other.
    server.done(&["apply", "-f", &crate::server::factory(), "--wait"]);
    let heard = all.until(9).await;
    assert_eq!(
        said(&heard)[6..],
        ["NsIdentifierCreationNotification", "INSTANTIATE START PROCESSING", "INSTANTIATE RESULT COMPLETED"]
    );
    assert_eq!(heard[6]["nsInstanceId"], "factory-7");
    assert_eq!(ends.all().len(), 1);
}

#[tokio::test]
async fn nothing_is_lost_while_a_subscriber_or_the_server_is_dead() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "sol001");
    let oss = Call::of(&server, "operator").await;
    let (live, dead) = (Ear::new().await, Ear::new().await);
    let token = oss.token().to_owned();
    subscribed(&oss, ("nslcm", &live), json!({})).await;
    let at = subscribed(&oss, ("nslcm", &dead), json!({})).await;
    dead.answer(503);
    let id = created(&oss, "shop").await;
    begun(&oss, &id, "instantiate").await;
    live.until(3).await;
    assert_eq!(dead.all(), Vec::<Value>::new());
    // An operator sees who is not told, and why.
    let sub = at.rsplit('/').next().unwrap();
    let begun_at = Instant::now();
    let shown = loop {
        let shown = server.json(&["get", "subscription", sub]);
        if shown["delivery"]["failed"].as_u64() > Some(0) {
            break shown;
        }
        assert!(begun_at.elapsed() < Duration::from_secs(20), "{shown}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(shown["delivery"]["error"].as_str().unwrap().contains("answers 503"), "{shown}");
    assert!(shown["delivery"]["failingSince"].is_string(), "{shown}");
    // The server dies; what happened before and after is told, in its order, once it is taken.
    let server = server.killed_and_started_again();
    let oss = Call::with_token(&server, token);
    begun(&oss, &id, "terminate").await;
    live.until(5).await;
    dead.answer(204);
    let heard = dead.until(5).await;
    let wanted = [
        "NsIdentifierCreationNotification",
        "INSTANTIATE START PROCESSING",
        "INSTANTIATE RESULT COMPLETED",
        "TERMINATE START PROCESSING",
        "TERMINATE RESULT COMPLETED",
    ];
    assert_eq!(said(&heard), wanted);
    // At least once: whom the death caught between the answer and the note may hear one twice, and none out of order.
    let mut once = said(&live.all());
    once.dedup();
    assert_eq!(once, wanted);
    let shown = server.json(&["get", "subscription", sub]);
    assert_eq!((shown["delivery"].get("error"), shown["delivery"].get("lost")), (None, None), "{shown}");
}

#[tokio::test]
async fn who_is_told_says_how_and_a_bad_callback_is_refused() {
    let ear = Ear::new().await;
    let server = Server::start_with(&format!(
        "[notifications]\nallow = [\"{}\", \"{}\"]\n",
        ear.url,
        ear.url.replace("/told", "/token")
    ));
    let oss = Call::of(&server, "operator").await;
    let at = "/nslcm/v1/subscriptions";
    let post = |body: Value| {
        let oss = oss.with("content-type", "application/json");
        async move { told(oss.send("POST", at, body.to_string()).await).await }
    };
    for (body, status, words) in [
        (json!({"callbackUri": "http://127.0.0.1:1/x"}), 422, "not among the addresses that may be called"),
        (json!({"callbackUri": format!("{}x", ear.url)}), 422, "not among the addresses"),
        (json!({"callbackUri": "file:///etc/passwd"}), 422, "is no address of http or https"),
        (json!({"callbackUri": "nonsense"}), 422, "is no address"),
        (json!({}), 400, "callbackUri: is missing"),
        (json!({"callbackUri": ear.url, "filter": {"operationType": []}}), 400, "did you mean operationTypes?"),
        (json!({"callbackUri": ear.url, "filter": {"operationTypes": ["GROW"]}}), 400, "is none of its values"),
        (
            json!({"callbackUri": ear.url, "authentication": {"authType": ["BASIC"]}}),
            422,
            "authentication.paramsBasic: is missing",
        ),
        (json!({"callbackUri": ear.url, "authentication": {"authType": ["TLS_CERT"]}}), 422, "certificates of clients"),
    ] {
        let (found, refused) = post(body.clone()).await;
        assert!(found == status && refused["detail"].as_str().unwrap().contains(words), "{body}: {found} {refused}");
    }
    ear.answer(404);
    let (status, refused) = post(json!({"callbackUri": ear.url})).await;
    assert!(status == 422 && refused["detail"].as_str().unwrap().contains("answers 404, not 204"), "{refused}");
    assert_eq!(oss.get(at).await.1, json!([]));
    who_says_how((&server, &oss), (&ear, at)).await;
}

async fn who_says_how((server, oss): (&Server, &Call<'_>), (ear, at): (&Ear, &str)) {
    let post = |body: Value| {
        let oss = oss.with("content-type", "application/json");
        async move { told(oss.send("POST", at, body.to_string()).await).await }
    };
    ear.answer(204);
    let basic = json!({"authType": ["BASIC"], "paramsBasic": {"userName": "oss", "password": "hidden"}});
    let (status, made) = post(json!({"callbackUri": ear.url, "authentication": basic})).await;
    assert_eq!(status, 201, "{made}");
    assert!(
        !made.to_string().contains("hidden") && !server.json(&["get", "subscriptions"]).to_string().contains("hidden")
    );
    let oauth = json!({"authType": ["OAUTH2_CLIENT_CREDENTIALS"], "paramsOauth2ClientCredentials":
        {"clientId": "nfvo", "clientPassword": "secret", "tokenEndpoint": ear.url.replace("/told", "/token")}});
    let filter = json!({"nsInstanceSubscriptionFilter": {"nsInstanceIds": ["factory-7"]}});
    let (status, made) = post(json!({"callbackUri": ear.url, "authentication": oauth, "filter": filter})).await;
    assert_eq!(status, 201, "{made}");
    // The same again is the one that is there.
    let again = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let body = json!({"callbackUri": ear.url, "filter": filter}).to_string();
    let answer = again.post(format!("{}{at}", server.url)).bearer_auth(oss.token()).body(body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 303);
    assert_eq!(header(&answer, "location"), made["_links"]["self"]["href"].as_str().unwrap());
    assert_eq!(answer.text().await.unwrap(), "");
    server.with_clusters().await;
    server.done(&["apply", "-f", &crate::server::factory(), "--wait"]);
    ear.until(6).await;
    let who: std::collections::BTreeSet<String> =
        ear.heard.lock().unwrap().iter().map(|(who, _)| who.clone()).collect();
    let who: Vec<&str> = who.iter().map(String::as_str).collect();
    assert_eq!(who, ["Basic b3NzOmhpZGRlbg==", "Bearer for Basic bmZ2bzpzZWNyZXQ="]);
    // Whoever is told no more hears no more.
    let (_, all) = oss.get(at).await;
    for one in all.as_array().unwrap() {
        let path = one["_links"]["self"]["href"].as_str().unwrap();
        assert_eq!(oss.get(path).await.0, 200);
        assert_eq!(oss.get(&path.replace("nslcm", "nsd")).await.0, 404);
        assert_eq!(oss.send("DELETE", path, "").await.status().as_u16(), 204);
    }
    let before = ear.all().len();
    server.done(&["delete", "slice", "factory-7", "--allow-data-loss", "store", "--wait"]);
    assert_eq!(ear.all().len(), before);
    assert_eq!(server.json(&["get", "subscriptions"]), json!([]));
}

/// Many things that come and go within one moment: what is noted of each is written once, and nobody waits for ever.
#[tokio::test]
async fn a_burst_is_told_and_what_was_there_before_is_told_when_it_goes() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "sol001");
    let oss = Call::of(&server, "operator").await;
    let before = created(&oss, "before").await;
    let (lives, services) = (Ear::new().await, Ear::new().await);
    subscribed(&oss, ("nslcm", &lives), json!({})).await;
    subscribed(&oss, ("nsd", &services), json!({})).await;
    // Of what there was, another attribute is no other state.
    let (status, body) =
        oss.json("PATCH", "/nsd/v2/ns_descriptors/shop-ns-1-0", json!({"userDefinedData": {"a": {"b": 1}}})).await;
    assert_eq!(status, 200, "{body}");
    let burst = (0..40).map(|_| async {
        let id = created(&oss, "shop").await;
        let (status, made) = oss.json("POST", "/nsd/v2/ns_descriptors", json!({})).await;
        assert_eq!(status, 201, "{made}");
        for path in
            [format!("/nslcm/v2/ns_instances/{id}"), made["_links"]["self"]["href"].as_str().unwrap().to_owned()]
        {
            assert_eq!(oss.send("DELETE", &path, "").await.status().as_u16(), 204);
        }
    });
    futures::future::join_all(burst).await;
    assert_eq!(oss.send("DELETE", &format!("/nslcm/v2/ns_instances/{before}"), "").await.status().as_u16(), 204);
    let heard = lives.until(81).await;
    let words = said(&heard);
    let count = |word: &str| words.iter().filter(|said| *said == word).count();
    assert_eq!((count("NsIdentifierCreationNotification"), count("NsIdentifierDeletionNotification")), (40, 41));
    // Of each its end comes after its beginning.
    for (at, body) in heard.iter().enumerate().filter(|(at, _)| words[*at] == "NsIdentifierCreationNotification") {
        let id = &body["nsInstanceId"];
        assert!(heard[at..].iter().skip(1).any(|later| later["nsInstanceId"] == *id), "{id}");
    }
    server.done(&["delete", "package", "shop-ns-1-0"]);
    let heard = services.until(1).await;
    assert_eq!(said(&heard), ["NsdDeletionNotification"]);
    assert!(heard[0]["nsdId"].is_string(), "{heard:?}");
}

#[tokio::test]
async fn a_task_that_is_sent_again_is_the_same_and_a_condition_holds() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "sol001");
    let oss = Call::of(&server, "operator").await;
    let (id, ear) = (created(&oss, "shop").await, Ear::new().await);
    let again = oss.with("idempotency-key", "one").with("content-type", "application/json");
    let path = format!("/nslcm/v2/ns_instances/{id}/instantiate");
    let (first, second) = (again.send("POST", &path, "{}").await, again.send("POST", &path, "{}").await);
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (202, 202));
    assert!(!header(&first, "location").is_empty());
    assert_eq!(header(&first, "location"), header(&second, "location"));
    let at = subscribed(&oss, ("nslcm", &ear), json!({})).await;
    let tag = header(&oss.send("GET", &at, "").await, "etag");
    assert_eq!(oss.with("if-match", "\"1\"").send("DELETE", &at, "").await.status().as_u16(), 412);
    assert_eq!(oss.with("if-match", &tag).send("DELETE", &at, "").await.status().as_u16(), 204);
}
