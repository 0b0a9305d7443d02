//! SOL005: what all resources have in common, and descriptors and packages through it. Files and the command line see the same.

use crate::server::Server;
use crate::services::onboarded;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sol005::archive::{Limits, Tar, read};

/// A request with headers of its own, and a body of whatever type.
pub struct Call<'s> {
    server: &'s Server,
    token: String,
    headers: Vec<(String, String)>,
}

impl<'s> Call<'s> {
    pub async fn of(server: &'s Server, role: &str) -> Self {
        Self { server, token: server.token(role, "default").await, headers: vec![] }
    }

    pub fn with_token(server: &'s Server, token: String) -> Self {
        Self { server, token, headers: vec![] }
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    pub fn with(&self, name: &str, value: &str) -> Self {
        let headers = [&self.headers[..], &[(name.to_owned(), value.to_owned())]].concat();
        Self { server: self.server, token: self.token.clone(), headers }
    }

    pub async fn send(&self, method: &str, path: &str, body: impl Into<reqwest::Body>) -> Response {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = reqwest::Client::new().request(method, format!("{}{path}", self.server.url)).body(body);
        if !self.headers.iter().any(|(name, _)| name == "authorization") {
            request = request.bearer_auth(&self.token);
        }
        for (name, value) in self.headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value);
        }
        request.send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        told(self.send("GET", path, "").await).await
    }

    pub async fn json(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        told(self.with("content-type", "application/json").send(method, path, body.to_string()).await).await
    }
}

pub async fn told(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

pub fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// A function with its chart, as OSM packs it.
fn function(id: &str) -> Vec<u8> {
    let vnfd = format!(
        "vnfd: {{id: {id}, provider: acme, product-name: {id}, version: '1.0', kdu: [{{name: {id}, helm-chart: {id}}}], df: [{{id: d}}]}}\n"
    );
    let mut tar = Tar::default();
    tar.file(&format!("{id}/{id}_vnfd.yaml"), vnfd.as_bytes()).unwrap();
    let chart = format!("apiVersion: v2\nname: {id}\nversion: 1.0.0\n");
    tar.file(&format!("{id}/helm-chart-v3s/{id}/Chart.yaml"), chart.as_bytes()).unwrap();
    tar.gzipped().unwrap()
}

fn service(id: &str, function: &str) -> String {
    format!(
        "nsd: {{nsd: [{{id: {id}, name: {id}, designer: acme, version: '1.0', vnfd-id: [{function}], df: [{{id: d, vnf-profile: \
         [{{id: one, vnfd-id: {function}}}]}}]}}]}}\n"
    )
}

#[tokio::test]
async fn versions_are_told_and_chosen_and_another_is_refused() {
    let server = Server::start();
    let oss = Call::of(&server, "viewer").await;
    let (status, told) = oss.get("/nsd/v2/api_versions").await;
    assert_eq!((status, &told["uriPrefix"]), (200, &json!("/nsd/v2/")));
    let (_, all) = oss.get("/nsd/api_versions").await;
    let versions = |told: &Value| -> Vec<String> {
        told["apiVersions"].as_array().unwrap().iter().map(|v| v["version"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(versions(&all)[0], "1.1.0");
    assert!(versions(&all).ends_with(&versions(&told)), "{all}");
    let answer = oss.send("GET", "/nsd/v2/ns_descriptors", "").await;
    assert_eq!(header(&answer, "version"), "2.12.0");
    let answer = oss.with("version", "2.0.0").send("GET", "/nsd/v2/ns_descriptors", "").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "version")), (200, "2.0.0".to_owned()));
    let (status, refused) = told_of(&oss.with("version", "1.1.0"), "/nsd/v2/ns_descriptors").await;
    assert_eq!(status, 406);
    assert!(refused["next"].as_str().unwrap().contains("2.2.1"), "{refused}");
}

async fn told_of(call: &Call<'_>, path: &str) -> (u16, Value) {
    told(call.send("GET", path, "").await).await
}

#[tokio::test]
async fn every_rule_of_requests_holds_on_every_resource() {
    let server = Server::start();
    let oss = Call::of(&server, "viewer").await;
    for path in
        ["/nsd/v1/ns_descriptors", "/nsd/v2/ns_descriptors", "/vnfpkgm/v1/vnf_packages", "/vnfpkgm/v2/vnf_packages"]
    {
        for method in ["PUT", "PATCH", "DELETE"] {
            let answer = oss.send(method, path, "").await;
            assert_eq!(
                (answer.status().as_u16(), header(&answer, "allow")),
                (405, "GET, POST".to_owned()),
                "{method} {path}"
            );
        }
        let nobody = oss.with("authorization", "").send("GET", path, "").await;
        assert_eq!(nobody.status().as_u16(), 401, "{path}");
        assert!(header(&nobody, "www-authenticate").contains("Bearer"), "{path}");
        let malformed = oss.with("authorization", "Bear some").send("GET", path, "").await;
        assert_eq!(malformed.status().as_u16(), 400, "{path}");
        assert!(header(&malformed, "www-authenticate").contains("invalid_request"), "{path}");
        let wrong = oss.with("authorization", "Bearer negativetoken").send("GET", path, "").await;
        assert_eq!(wrong.status().as_u16(), 401, "{path}");
        assert_eq!(told_of(&oss.with("accept", "text/html"), path).await.0, 406, "{path}");
        assert_eq!(told_of(&oss.with("accept", "text/html, application/*;q=0.5"), path).await.0, 200, "{path}");
        // A viewer reads.
        let (status, refused) = oss.json("POST", path, json!({})).await;
        assert_eq!((status, &refused["status"]), (403, &json!(403)), "{refused}");
        let maker = Call::of(&server, "operator").await;
        let xml = maker.with("content-type", "application/xml").send("POST", path, "<a/>").await;
        assert_eq!(xml.status().as_u16(), 415, "{path}");
        for (body, words) in [
            ("{", "the body is no JSON"),
            ("[]", "a list stands where a structure is wanted"),
            (r#"{"userDefinedDta": {}}"#, "did you mean userDefinedData?"),
            (r#"{"userDefinedData": 1}"#, "1 stands where a structure is wanted"),
        ] {
            let (status, refused) = told(maker.send("POST", path, body).await).await;
            assert_eq!(status, 400, "{path} {body}");
            assert!(refused["detail"].as_str().unwrap().contains(words), "{refused}");
        }
        for (query, words) in [
            ("filter=(eq,nonsense,1)", "there is no attribute \"nonsense\""),
            ("nonsense=1", "there is no attribute \"nonsense\""),
            ("fields=nonsense", "there is no attribute \"nonsense\""),
            ("filter=(eq,id)", "compared with nothing"),
            ("nextpage_opaque_marker=x", "is none of this list"),
            ("all_fields&fields=_links", "say one of them"),
        ] {
            let (status, refused) = oss.get(&format!("{path}?{query}")).await;
            assert_eq!(status, 400, "{path}?{query}");
            assert!(refused["detail"].as_str().unwrap().contains(words), "{query}: {refused}");
        }
        assert_eq!(oss.get(&format!("{path}/none")).await.0, 404, "{path}");
    }
}

fn states(info: &Value) -> [String; 3] {
    ["onboardingState", "operationalState", "usageState"].map(|name| info[name].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_package_is_created_filled_used_disabled_and_deleted() {
    let server = Server::start();
    let oss = Call::of(&server, "operator").await;
    let root = "/vnfpkgm/v2/vnf_packages";
    let answer =
        oss.with("content-type", "application/json").send("POST", root, r#"{"userDefinedData": {"a": 1}}"#).await;
    assert_eq!(answer.status().as_u16(), 201);
    let vnf = header(&answer, "location");
    let made: Value = answer.json().await.unwrap();
    assert_eq!(made["_links"]["self"]["href"], vnf.as_str());
    assert_eq!(states(&made), ["CREATED", "DISABLED", "NOT_IN_USE"]);
    // Nobody else sees it yet, nothing can be had of it, and it has no state to change.
    assert_eq!(server.json(&["get", "packages"]), json!([]));
    assert_eq!(oss.get(&format!("{vnf}/package_content")).await.0, 409);
    assert_eq!(oss.json("PATCH", &vnf, json!({"operationalState": "ENABLED"})).await.0, 409);
    // What is wrong with its content is told at once, and by the resource; it may be sent again.
    let zip = oss.with("content-type", "application/zip");
    let (status, refused) = told(zip.send("PUT", &format!("{vnf}/package_content"), "PK\x03\x04nonsense").await).await;
    assert_eq!(status, 422, "{refused}");
    let (_, failed) = oss.get(&vnf).await;
    assert_eq!(states(&failed)[0], "ERROR");
    assert_eq!(failed["onboardingFailureDetails"]["detail"], refused["detail"]);
    let (_, older) = oss.get(&vnf.replace("v2", "v1")).await;
    assert_eq!(states(&older)[0], "CREATED");
    let (status, refused) =
        told(zip.send("PUT", &format!("{vnf}/package_content"), service("shop", "web")).await).await;
    assert!(status == 422 && refused["detail"].as_str().unwrap().contains("it describes NSD shop"), "{refused}");
    let sent = zip.send("PUT", &format!("{vnf}/package_content"), function("web")).await;
    assert_eq!((sent.status().as_u16(), sent.text().await.unwrap()), (202, String::new()));
    assert_eq!(zip.send("PUT", &format!("{vnf}/package_content"), function("web")).await.status().as_u16(), 409);
    let answer = oss.send("GET", &vnf, "").await;
    let tag = header(&answer, "etag");
    let info: Value = answer.json().await.unwrap();
    assert_eq!(states(&info), ["ONBOARDED", "ENABLED", "NOT_IN_USE"]);
    assert_eq!(
        (&info["vnfdId"], &info["vnfProvider"], &info["userDefinedData"]),
        (&json!("web"), &json!("acme"), &json!({"a": 1}))
    );
    assert_eq!(info["additionalArtifacts"][0]["artifactPath"], "web/helm-chart-v3s/web/Chart.yaml");
    let id = info["id"].as_str().unwrap();
    assert_eq!(server.json(&["get", "package", id])["descriptor"]["id"], "web");
    used_and_deleted((&server, &oss), (&vnf, &tag)).await;
}

async fn used_and_deleted((server, oss): (&Server, &Call<'_>), (vnf, tag): (&str, &str)) {
    let (_, made) = oss.json("POST", "/nsd/v1/ns_descriptors", json!({})).await;
    let nsd = made["_links"]["self"]["href"].as_str().unwrap().to_owned();
    let text = oss.with("content-type", "text/plain");
    assert_eq!(text.send("PUT", &format!("{nsd}/nsd_content"), service("shop", "web")).await.status().as_u16(), 204);
    let (_, shop) = oss.get(&nsd).await;
    assert_eq!((&shop["nsdId"], &shop["nsdOnboardingState"]), (&json!("shop"), &json!("ONBOARDED")));
    assert_eq!(states(&oss.get(vnf).await.1)[2], "IN_USE");

    // Disabled, with the tag that it had; then it goes, once nobody needs it.
    assert_eq!(oss.send("DELETE", vnf, "").await.status().as_u16(), 409);
    let off = json!({"operationalState": "DISABLED", "userDefinedData": {"a": null, "b": 2}});
    let stale = oss.with("if-match", "\"1\"");
    assert_eq!(stale.json("PATCH", vnf, off.clone()).await.0, 412);
    let (status, changed) = oss.with("if-match", tag).json("PATCH", vnf, off.clone()).await;
    assert_eq!((status, &changed), (200, &off));
    let (status, refused) = oss.json("PATCH", vnf, json!({"operationalState": "DISABLED"})).await;
    assert!(status == 409 && refused["detail"].as_str().unwrap().contains("is DISABLED already"), "{refused}");
    assert_eq!(oss.get(vnf).await.1["userDefinedData"], json!({"b": 2}));
    let (status, refused) = told(oss.send("DELETE", vnf, "").await).await;
    assert!(status == 409 && refused["users"][0].as_str().unwrap().starts_with("package nsd-"), "{refused}");
    let (status, refused) = told(oss.send("DELETE", &nsd, "").await).await;
    assert!(status == 409 && refused["detail"].as_str().unwrap().contains("is ENABLED"), "{refused}");
    assert_eq!(oss.json("PATCH", &nsd, json!({"nsdOperationalState": "DISABLED"})).await.0, 200);
    for path in [nsd.as_str(), vnf] {
        assert_eq!(oss.send("DELETE", path, "").await.status().as_u16(), 204);
        assert_eq!(oss.get(path).await.0, 404);
    }
    assert_eq!(server.json(&["get", "packages"]), json!([]));
}

#[tokio::test]
async fn contents_come_whole_in_parts_and_as_what_is_accepted() {
    let server = Server::start();
    onboarded(&server, "sol001");
    let oss = Call::of(&server, "viewer").await;
    let vnf = "/vnfpkgm/v2/vnf_packages/web-1-0-0";
    let whole = oss.send("GET", &format!("{vnf}/package_content"), "").await;
    assert_eq!(header(&whole, "content-type"), "application/zip");
    let whole = whole.bytes().await.unwrap();
    let (_, info) = oss.get(vnf).await;
    assert!(info["checksum"]["hash"].as_str().unwrap().len() == 64, "{info}");
    let part = oss.with("range", "bytes=2-5").send("GET", &format!("{vnf}/package_content"), "").await;
    assert_eq!(part.status().as_u16(), 206);
    assert_eq!(header(&part, "content-range"), format!("bytes 2-5/{}", whole.len()));
    assert_eq!(part.bytes().await.unwrap(), whole[2..6]);
    let beyond = oss.with("range", "bytes=999999999-").send("GET", &format!("{vnf}/package_content"), "").await;
    assert_eq!((beyond.status().as_u16(), header(&beyond, "content-range")), (416, format!("bytes */{}", whole.len())));
    // A package of many files is no text; its descriptor is one, and a zip of it where that is wanted.
    let text = oss.with("accept", "text/plain");
    assert_eq!(text.send("GET", &format!("{vnf}/package_content"), "").await.status().as_u16(), 406);
    let vnfd = text.send("GET", &format!("{vnf}/vnfd"), "").await;
    assert_eq!(header(&vnfd, "content-type"), "text/plain");
    let vnfd = vnfd.bytes().await.unwrap();
    assert!(vnfd.starts_with(b"tosca_definitions_version"), "{vnfd:?}");
    let zipped =
        oss.with("accept", "application/zip").send("GET", &format!("{vnf}/vnfd"), "").await.bytes().await.unwrap();
    let files = read(&zipped, Limits::default()).unwrap();
    assert_eq!(files.values().next().unwrap(), &vnfd);
    let manifest = oss.send("GET", &format!("{vnf}/manifest"), "").await.text().await.unwrap();
    assert!(manifest.contains("metadata:"), "{manifest}");
    for artifact in info["additionalArtifacts"].as_array().unwrap() {
        let path = artifact["artifactPath"].as_str().unwrap();
        let got = oss.send("GET", &format!("{vnf}/artifacts/{path}"), "").await;
        assert_eq!(got.status().as_u16(), 200, "{path}");
    }
    let chart = oss.send("GET", &format!("{vnf}/artifacts/Artifacts/charts/web-1.0.0.tgz"), "").await;
    assert_eq!(header(&chart, "content-type"), "application/gzip");
    assert_eq!(oss.send("GET", &format!("{vnf}/artifacts/none.txt"), "").await.status().as_u16(), 404);
    assert_eq!(oss.send("GET", &format!("{vnf}/artifacts/..%2f..%2fetc/passwd"), "").await.status().as_u16(), 404);
    // What the first major version has not, is not there.
    assert_eq!(oss.send("GET", &format!("{}/manifest", vnf.replace("v2", "v1")), "").await.status().as_u16(), 404);
    let nsd = oss.send("GET", "/nsd/v2/ns_descriptors/shop-ns-1-0/nsd", "").await.text().await.unwrap();
    assert!(nsd.starts_with("tosca_definitions_version"), "{nsd}");
    // A function is no service.
    assert_eq!(oss.get("/nsd/v2/ns_descriptors/web-1-0-0").await.0, 404);
    assert_eq!(oss.get("/vnfpkgm/v2/vnf_packages/shop-ns-1-0").await.0, 404);
}

#[tokio::test]
async fn lists_are_filtered_chosen_from_and_paged_while_things_come_and_go() {
    let server = Server::start();
    let oss = Call::of(&server, "operator").await;
    let root = "/vnfpkgm/v2/vnf_packages";
    let mut ids = Vec::new();
    for n in 0..250 {
        let (status, made) = oss.json("POST", root, json!({"userDefinedData": {"n": n}})).await;
        assert_eq!(status, 201, "{made}");
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    ids.sort();
    // The default leaves the data out; with all fields it is there.
    let (_, first) = oss.get(root).await;
    assert_eq!((first.as_array().unwrap().len(), &first[0]["userDefinedData"]), (100, &Value::Null));
    let (_, all) = oss.get(&format!("{root}?all_fields")).await;
    assert!(all[0]["userDefinedData"]["n"].is_u64(), "{}", all[0]);
    let (_, older) = oss.get(&format!("{root}?userDefinedData.n=7&all_fields")).await;
    assert_eq!((older.as_array().unwrap().len(), &older[0]["userDefinedData"]["n"]), (1, &json!(7)));
    // Pages follow each other; what goes away between them is left out, and nothing twice or never.
    let mut found = Vec::new();
    let mut next = Some(format!("{root}?filter=(gte,userDefinedData/n,0)&fields=userDefinedData"));
    while let Some(path) = next.take() {
        let answer = oss.send("GET", &path, "").await;
        let link = header(&answer, "link");
        next = link.split_once('>').map(|(path, rel)| {
            assert_eq!(rel, "; rel=\"next\"");
            path.trim_start_matches('<').to_owned()
        });
        let page: Value = answer.json().await.unwrap();
        found.extend(page.as_array().unwrap().iter().map(|info| info["id"].as_str().unwrap().to_owned()));
        if found.len() == 100 {
            // The last of this page, and the first of the next.
            for gone in [ids[99].clone(), ids[100].clone()] {
                assert_eq!(oss.send("DELETE", &format!("{root}/{gone}"), "").await.status().as_u16(), 204);
            }
        }
    }
    let gone = ids.remove(100);
    assert!(!found.contains(&gone));
    assert_eq!(found, ids);
    let wrong = format!("{root}?filter={}", vec!["(eq,id,x)"; 5_000].join(";"));
    let (status, refused) = oss.get(&wrong).await;
    assert!(status == 400 && refused["detail"].as_str().unwrap().contains("more than 100 terms"), "{status} {refused}");
}
