//! A look at a real API server, by an administrator and by a user of few rights. No node runs here but those that a test
//! writes.

use crate::control_plane::{Api, User};
use crate::world::{World, port};
use adapters::Discovery;
use http::Method;
use models::checkup::{Check, Finding, Question, Used};
use serde_json::json;

async fn looked(world: &World, user: &User<'_>, used: Vec<Used>) -> Vec<Check> {
    let question = Question { now: jiff::Timestamp::now(), used };
    port(&world.plane.kubeconfig(user)).await.examine(&world.call, &question).await
}

fn of<'c>(checks: &'c [Check], name: &str) -> &'c Check {
    checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no {name} in {checks:?}"))
}

fn used(kind: &str) -> Used {
    Used { kind: kind.into(), by: format!("{} x of slice s (tenant t)", kind.rsplit('/').next().unwrap()) }
}

#[tokio::test]
async fn an_administrator_sees_every_check_and_nothing_is_claimed_that_cannot_be_known() {
    let Some(world) = World::new("doctor-admin").await else { return };
    let kinds = ["apps/v1/Deployment", "batch/v1beta1/CronJob", "v1/Endpoints", "dev.test/v1/Gear"];
    let checks = looked(&world, &User::ADMIN, kinds.map(used).to_vec()).await;
    let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
    let all = [
        "version",
        "certificates",
        "clock",
        "rights",
        "network policy",
        "storage",
        "runtime classes",
        "capacity",
        "deprecations",
    ];
    assert_eq!(names, all);
    assert!(of(&checks, "version").found.starts_with("v1."), "{checks:?}");
    assert_eq!(of(&checks, "rights").state, Finding::Ok);
    assert_eq!(of(&checks, "clock").state, Finding::Ok, "{checks:?}");
    assert_eq!(of(&checks, "network policy").state, Finding::Unknown, "no network runs here");
    assert_eq!(of(&checks, "storage").state, Finding::Warning, "no storage class is here");
    let certificates = of(&checks, "certificates");
    // The test's certificates live for a day.
    assert_eq!(certificates.state, Finding::Warning, "{certificates:?}");
    for name in ["client certificate: ends", "server certificate: ends", "CA of the kubeconfig: ends"] {
        assert!(certificates.details.iter().any(|detail| detail.starts_with(name)), "{certificates:?}");
    }
    let deprecations = of(&checks, "deprecations");
    assert_eq!(deprecations.state, Finding::Failed);
    for words in [
        "batch/v1beta1/CronJob is not served since 1.25; batch/v1/CronJob takes its place; used by CronJob x of slice s",
        "dev.test/v1/Gear is not served",
        // In the server's own words.
        "v1/Endpoints: the server warns: v1 Endpoints is deprecated in v1.33+",
    ] {
        assert!(deprecations.details.iter().any(|detail| detail.contains(words)), "{words}: {deprecations:?}");
    }
    assert_eq!(deprecations.details.len(), 3, "Deployments stay: {deprecations:?}");
}

#[tokio::test]
async fn a_user_of_few_rights_hears_which_are_missing_and_the_other_checks_still_run() {
    let Some(world) = World::new("doctor-few").await else { return };
    let user = User { name: "few", ..User::NOBODY };
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let role = json!({"metadata": {"name": "doctor-few"}, "rules": [
        rule("", &["nodes", "pods"], &["list"]),
        rule("", &["namespaces"], &["get", "list", "watch", "patch", "delete"]),
    ]});
    let base = "/apis/rbac.authorization.k8s.io/v1";
    world.api.must(Method::POST, &format!("{base}/clusterroles"), Some(&role)).await;
    let binding = json!({"metadata": {"name": "doctor-few"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "doctor-few"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "few"}]});
    world.api.must(Method::POST, &format!("{base}/clusterrolebindings"), Some(&binding)).await;
    let lists = Api::of(world.plane.kubeconfig(&user));
    crate::control_plane::until("the role counts", || async {
        lists.call(Method::GET, "/api/v1/nodes", None).await.0 == 200
    })
    .await;
    let checks = looked(&world, &user, vec![]).await;
    let rights = of(&checks, "rights");
    assert_eq!(rights.state, Finding::Failed);
    for words in [
        "create on namespaces: no slice works without it",
        "get, create, patch, delete on deployments.apps: charts that bring it are refused",
        "get on pods/log: causes or left-overs are not seen",
        "list on storageclasses.storage.k8s.io: no slice works without it",
    ] {
        assert!(rights.details.iter().any(|detail| detail == words), "{words}: {rights:#?}");
    }
    assert!(!rights.details.iter().any(|detail| detail.contains("on nodes")), "held: {rights:#?}");
    assert!(rights.next.contains("ClusterRole"), "{rights:?}");
    for name in ["network policy", "storage", "runtime classes"] {
        let check = of(&checks, name);
        assert_eq!(check.state, Finding::Unknown, "{check:?}");
        assert!(check.found.contains("\"few\" cannot list") && check.next.contains("grant list"), "{check:?}");
    }
    assert!(of(&checks, "version").found.starts_with("v1."), "{checks:?}");
    assert_ne!(of(&checks, "capacity").state, Finding::Unknown, "{checks:?}");
    world.api.must(Method::DELETE, &format!("{base}/clusterrolebindings/doctor-few"), None).await;
    world.api.must(Method::DELETE, &format!("{base}/clusterroles/doctor-few"), None).await;
}

#[tokio::test]
async fn a_cluster_that_is_away_fails_one_check_and_the_kubeconfig_is_still_read() {
    let Some(world) = World::new("doctor-away").await else { return };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = world.plane.kubeconfig(&User::ADMIN);
    let text = text.replace(&world.plane.port.to_string(), &closed.local_addr().unwrap().port().to_string());
    drop(closed);
    let question = Question { now: jiff::Timestamp::now(), used: vec![used("apps/v1/Deployment")] };
    let checks = port(&text).await.examine(&world.call, &question).await;
    assert_eq!(of(&checks, "version").state, Finding::Failed, "{checks:?}");
    assert!(of(&checks, "version").next.contains("check the cluster"), "{checks:?}");
    for check in checks.iter().filter(|check| !matches!(check.name.as_str(), "version" | "certificates")) {
        assert_eq!(check.state, Finding::Unknown, "{check:?}");
    }
    let details = &of(&checks, "certificates").details;
    assert!(details.iter().any(|detail| detail.starts_with("client certificate: ends")), "{details:?}");
    assert!(
        details.iter().any(|detail| detail.starts_with("server certificate: its end cannot be read")),
        "{details:?}"
    );
}
