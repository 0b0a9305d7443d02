//! NFV packages at the server: on-boarded as they came, judged as the command line judges, kept while something rests on them.

use crate::kitchen;
use crate::server::{Server, stdout, words};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sol005::archive::Tar;

fn vnfd(id: &str, version: &str) -> String {
    format!(
        "vnfd: {{id: {id}, provider: acme, product-name: {id}, version: '{version}', kdu: [{{name: {id}, helm-chart: {id}}}], df: [{{id: d}}]}}\n"
    )
}

/// A function with its chart, as OSM packs it.
fn function(id: &str, version: &str) -> Vec<u8> {
    let mut tar = Tar::default();
    tar.file(&format!("{id}/{id}_vnfd.yaml"), vnfd(id, version).as_bytes()).unwrap();
    let chart = format!("apiVersion: v2\nname: {id}\nversion: 1.0.0\n");
    tar.file(&format!("{id}/helm-chart-v3s/{id}/Chart.yaml"), chart.as_bytes()).unwrap();
    tar.gzipped().unwrap()
}

fn service(id: &str, functions: &[&str]) -> Vec<u8> {
    let profile = |(at, id): (usize, &&str)| json!({"id": at.to_string(), "vnfd-id": id});
    let profiles: Vec<Value> = functions.iter().enumerate().map(profile).collect();
    let nsd = json!({"id": id, "designer": "acme", "name": id, "version": "1.0", "vnfd-id": functions,
        "df": [{"id": "d", "vnf-profile": profiles}]});
    json!({"nsd": {"nsd": [nsd]}}).to_string().into_bytes()
}

async fn put(server: &Server, name: &str, bytes: &[u8]) -> (u16, Value) {
    let body = json!({"file": format!("{name}.tar.gz"), "archive": STANDARD.encode(bytes)});
    server.admin("PUT", &format!("/api/v1/packages/{name}"), body).await
}

#[tokio::test]
async fn a_package_is_kept_as_it_came_and_never_changes() {
    let server = Server::start();
    let (status, made) = put(&server, "web-1-0", &function("web", "1.0")).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!((&made["usage"], &made["users"]), (&json!("NOT_IN_USE"), &json!([])));
    let of = &made["descriptor"];
    let wanted = (&json!("VNFD"), &json!("osm"), &json!("web"), &json!("1.0"), &json!("acme"));
    assert_eq!((&of["kind"], &of["form"], &of["id"], &of["version"], &of["provider"]), wanted);
    let chart = &made["charts"][0];
    assert_eq!(
        (&chart["from"], &chart["name"], &chart["version"]),
        (&json!("package"), &json!("web"), &json!("1.0.0"))
    );
    assert_eq!(chart["digest"].as_str().unwrap().len(), "sha256:".len() + 64);
    // The same bytes again change nothing; others are refused, and change nothing.
    assert_eq!(put(&server, "web-1-0", &function("web", "1.0")).await, (200, made.clone()));
    let (status, refused) = put(&server, "web-1-0", &function("web", "1.1")).await;
    assert_eq!(status, 422, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("a package never changes"), "{refused}");
    let (status, refused) = put(&server, "web", &function("web", "1.0")).await;
    assert_eq!(status, 422, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("VNFD web in version 1.0 is in package web-1-0"), "{refused}");
    // Versions stand side by side, and all of it outlives the server's death.
    assert_eq!(put(&server, "web-1-1", &function("web", "1.1")).await.0, 200);
    let server = Server::start_on(server.killed());
    let (_, all) = server.admin("GET", "/api/v1/packages", Value::Null).await;
    let names: Vec<&str> = all["items"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["web-1-0", "web-1-1"]);
    assert_eq!(server.admin("GET", "/api/v1/packages/web-1-0", Value::Null).await, (200, made));
}

#[tokio::test]
async fn a_service_needs_its_functions_and_they_stay_while_it_names_them() {
    let server = Server::start();
    assert_eq!(put(&server, "web", &function("web", "1.0")).await.0, 200);
    let (status, refused) = put(&server, "shop", &service("shop", &["web", "db", "weeb"])).await;
    assert_eq!(status, 422, "{refused}");
    let told: Vec<&str> =
        refused["problems"].as_array().unwrap().iter().map(|p| p["message"].as_str().unwrap()).collect();
    assert_eq!(told, ["no package describes db, the function 1", "no package describes weeb, the function 2"]);
    assert_eq!(refused["problems"][1]["mend"], "did you mean web?");
    assert_eq!(put(&server, "db", &function("db", "1.0")).await.0, 200);
    let (status, shop) = put(&server, "shop", &service("shop", &["web", "db"])).await;
    let members = json!([{"name": "0", "descriptor": "web"}, {"name": "1", "descriptor": "db"}]);
    assert_eq!((status, &shop["descriptor"]["functions"]), (200, &members), "{shop}");
    let (_, web) = server.admin("GET", "/api/v1/packages/web", Value::Null).await;
    assert_eq!((&web["usage"], &web["users"]), (&json!("IN_USE"), &json!(["package shop"])));
    let (status, refused) = server.admin("DELETE", "/api/v1/packages/web", Value::Null).await;
    assert_eq!((status, &refused["users"]), (409, &json!(["package shop"])), "{refused}");
    // Another version of it is as good.
    assert_eq!(put(&server, "web-2", &function("web", "2.0")).await.0, 200);
    for name in ["web", "shop", "web-2", "db"] {
        let (status, said) = server.admin("DELETE", &format!("/api/v1/packages/{name}"), Value::Null).await;
        assert_eq!(status, 204, "{name}: {said}");
    }
    let (status, gone) = server.admin("DELETE", "/api/v1/packages/web", Value::Null).await;
    assert_eq!((status, &gone["next"]), (404, &json!("sliceway get package")));
}

#[tokio::test]
async fn a_service_and_the_deletion_of_its_function_never_pass_each_other() {
    let server = Server::start();
    for round in 0..10 {
        assert_eq!(put(&server, "web", &function("web", "1.0")).await.0, 200);
        let new = service("shop", &["web"]);
        let (made, gone) =
            tokio::join!(put(&server, "shop", &new), server.admin("DELETE", "/api/v1/packages/web", Value::Null));
        match (made.0, gone.0) {
            (200, 409) => {
                assert_eq!(server.admin("DELETE", "/api/v1/packages/shop", Value::Null).await.0, 204, "{round}");
            }
            (422, 204) => {}
            other => panic!("round {round}: {other:?}: {} {}", made.1, gone.1),
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_and_filters_look_at_all() {
    let server = Server::start();
    for n in 0..7 {
        let id = format!("f{n}");
        assert_eq!(put(&server, &id, &function(&id, "1.0")).await.0, 200);
    }
    assert_eq!(put(&server, "shop", &service("shop", &["f3"])).await.0, 200);
    let names = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect()
    };
    let mut seen = Vec::new();
    let mut query = "?limit=3".to_owned();
    loop {
        let (status, page) = server.admin("GET", &format!("/api/v1/packages{query}"), Value::Null).await;
        assert_eq!(status, 200, "{page}");
        seen.push(names(&page));
        match page["next"].as_str() {
            Some(marker) => query = format!("?limit=3&marker={marker}"),
            None => break,
        }
        // What a page ended with may be gone meanwhile.
        if seen.len() == 1 {
            assert_eq!(server.admin("DELETE", "/api/v1/packages/f2", Value::Null).await.0, 204);
        }
    }
    assert_eq!(seen, [vec!["f0", "f1", "f2"], vec!["f3", "f4", "f5"], vec!["f6", "shop"]]);
    for (query, wanted) in [("field=usage=IN_USE", vec!["f3"]), ("field=descriptor.kind=NSD&limit=1", vec!["shop"])] {
        let (_, page) = server.admin("GET", &format!("/api/v1/packages?{query}"), Value::Null).await;
        assert_eq!((names(&page), &page["next"]), (wanted.iter().map(|n| (*n).to_owned()).collect(), &Value::Null));
    }
    let (status, _) = server.admin("GET", "/api/v1/packages?limit=3&marker=x", Value::Null).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn another_tenant_sees_nothing_and_a_viewer_adds_nothing() {
    let server = Server::start();
    assert_eq!(put(&server, "web", &function("web", "1.0")).await.0, 200);
    server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    let other = server.token("operator", "acme").await;
    let read = server.send("GET", "/api/v1/packages/web", (Some(&other), Value::Null)).await;
    assert_eq!(read.status(), 404);
    let viewer = server.token("viewer", "default").await;
    let body = json!({"archive": STANDARD.encode(function("db", "1.0"))});
    let write = server.send("PUT", "/api/v1/packages/db", (Some(&viewer), body.clone())).await;
    assert_eq!(write.status(), 403);
    let own = server.send("PUT", "/api/v1/packages/web", (Some(&other), body)).await;
    assert_eq!(own.status(), 200);
}

#[tokio::test]
async fn the_command_line_adds_lists_and_deletes_and_says_the_same_of_a_wrong_one() {
    let server = Server::start();
    let write = |name: &str, bytes: &[u8]| {
        let path = server.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let (web, shop) = (write("web.tar.gz", &function("web", "1.0")), write("shop.json", &service("shop", &["web"])));
    let wrong = write("wrong.yaml", b"vnfd: {id: a, kdu: [{name: a, helm-chart: iml/a}]}");
    let added = server.cli(&["package", "add", &web]);
    assert!(added.status.success() && words(&added).contains("package web-1-0: VNFD web 1.0"), "{}", words(&added));
    let again = words(&server.cli(&["package", "add", &web]));
    assert!(again.contains("package web-1-0 unchanged: VNFD web 1.0"), "{again}");
    let added = server.cli(&["package", "add", &shop, "--name", "shop"]);
    assert!(added.status.success(), "{}", words(&added));
    let listed = stdout(&server.cli(&["get", "packages"]));
    let row = |name: &str| {
        listed.lines().map(str::trim).find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{listed}"))
    };
    assert!(row("web-1-0").contains("IN_USE") && row("shop").contains("NSD"), "{listed}");
    let refused = server.cli(&["delete", "package", "web-1-0"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(words(&refused).contains("it is used by package shop"), "{}", words(&refused));

    let validated = words(&server.cli(&["package", "validate", &wrong]));
    let added = server.cli(&["package", "add", &wrong]);
    assert_eq!(added.status.code(), Some(2));
    let body = json!({"file": "wrong.yaml", "archive": STANDARD.encode(std::fs::read(&wrong).unwrap())});
    let (status, refused) = server.admin("PUT", "/api/v1/packages/a", body).await;
    assert_eq!(status, 422);
    for said in [validated, words(&added), refused["detail"].as_str().unwrap().to_owned()] {
        assert!(said.contains("wrong.yaml:1:1: vnfd: df is missing; say one deployment flavour"), "{said}");
    }
    for name in ["shop", "web-1-0"] {
        let gone = server.cli(&["package", "delete", name]);
        assert!(gone.status.success() && words(&gone).contains(&format!("package {name} deleted")), "{}", words(&gone));
    }
}

fn named(id: &str, chart: &str) -> Vec<u8> {
    let mut tar = Tar::default();
    let text = vnfd(id, "1.0").replace(&format!("helm-chart: {id}"), &format!("helm-chart: '{chart}'"));
    tar.file(&format!("{id}/{id}_vnfd.yaml"), text.as_bytes()).unwrap();
    tar.gzipped().unwrap()
}

#[tokio::test]
async fn a_chart_in_a_repository_is_pinned_when_the_package_comes_and_not_looked_for_again() {
    let server = Server::start().with_lab().await;
    let folder = server.path("x");
    let published = folder.join("published");
    let (status, refused) = put(&server, "web", &named("web", "iml/web")).await;
    assert_eq!(status, 422, "{refused}");
    let problem = &refused["problems"][0];
    assert_eq!(problem["file"], "web/web_vnfd.yaml", "{refused}");
    assert!(problem["message"].as_str().unwrap().contains("web: no repository is called \"iml\""), "{refused}");
    std::fs::create_dir_all(&published).unwrap();
    let chart = kitchen::chart(&published, "web", ("1.0.0", ""));
    let added = server.cli(&["repository", "add", "iml", "--path", published.to_str().unwrap()]);
    assert!(added.status.success(), "{}", words(&added));
    let (status, refused) = put(&server, "web", &named("web", "iml/wbe")).await;
    assert!(status == 422 && refused["detail"].as_str().unwrap().contains("did you mean \"web\"?"), "{refused}");
    let (status, made) = put(&server, "web", &named("web", "iml/web")).await;
    assert_eq!(status, 200, "{made}");
    let pinned = &made["charts"][0];
    assert_eq!((&pinned["name"], &pinned["version"]), (&json!("web"), &json!("1.0.0")));
    assert!(pinned["digest"].as_str().unwrap().starts_with("sha256:"), "{made}");
    // The repository has something else, and then is gone: the package makes what it was on-boarded with.
    std::fs::remove_dir_all(chart).unwrap();
    kitchen::chart(&published, "web", ("2.0.0", ""));
    let again = server.cli(&["repository", "add", "iml", "--path", published.to_str().unwrap()]);
    assert!(again.status.success(), "{}", words(&again));
    assert!(server.cli(&["delete", "repository", "iml"]).status.success());
    let file = kitchen::slice(&server, "package: web, name: web");
    let applied = server.cli(&["apply", "-f", &file, "--wait"]);
    assert!(applied.status.success(), "{}", words(&applied));
    let (_, told) = server.admin("GET", "/api/v1/slices/one/description", Value::Null).await;
    let source = &told["functions"][0]["source"];
    assert_eq!((&source["version"], &source["digest"]), (&json!("1.0.0"), &pinned["digest"]), "{told}");
    // An address that nobody registered is asked nothing.
    let (status, refused) = put(&server, "far", &named("far", "oci://registry.example/charts/web")).await;
    assert_eq!(status, 422, "{refused}");
    let told = refused["problems"][0]["message"].as_str().unwrap();
    assert!(told.contains("no registered repository has oci://registry.example/charts/web"), "{refused}");
}

/// A list looks from one thing to the next; what it says of each is what is said of that alone.
#[tokio::test]
async fn a_list_says_of_each_package_what_is_said_of_it_alone() {
    let server = Server::start();
    for n in 0..9 {
        // Also names that begin alike, and two versions of one function.
        let id = format!("f{}", "x".repeat(n));
        assert_eq!(put(&server, &id, &function(&id, "1.0")).await.0, 200);
    }
    assert_eq!(put(&server, "fx-2", &function("fx", "2.0")).await.0, 200);
    assert_eq!(put(&server, "shop", &service("shop", &["f", "fx", "fxxx", "fxxxxxxxx"])).await.0, 200);
    assert_eq!(put(&server, "mall", &service("mall", &["fxxx"])).await.0, 200);
    let (status, said) = server.admin("PUT", "/api/v1/services/one", json!({"package": "mall"})).await;
    assert_eq!(status, 200, "{said}");
    let (_, all) = server.admin("GET", "/api/v1/packages", Value::Null).await;
    let (_, first) = server.admin("GET", "/api/v1/packages?limit=500", Value::Null).await;
    assert_eq!(all["items"], first["items"]);
    let mut used = Vec::new();
    for item in all["items"].as_array().unwrap() {
        let name = item["name"].as_str().unwrap();
        let (_, alone) = server.admin("GET", &format!("/api/v1/packages/{name}"), Value::Null).await;
        assert_eq!(&alone, item);
        if item["usage"] == "IN_USE" {
            used.push((name.to_owned(), item["users"].clone()));
        }
    }
    let wanted = [
        ("f", json!(["package shop"])),
        ("fxxx", json!(["package mall", "package shop"])),
        ("fxxxxxxxx", json!(["package shop"])),
        ("mall", json!(["service one"])),
    ];
    assert_eq!(used, wanted.map(|(name, users)| (name.to_owned(), users)));
}
