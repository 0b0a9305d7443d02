//! What the port applied and recorded as a release is one for the real Helm: it lists, upgrades, rolls back and uninstalls it,
//! and what it wrote can be put back.

use crate::bench::{helm, pack, request};
use crate::command_line::command_line;
use crate::control_plane::User;
use crate::world::World;
use adapters::Discovery as _;
use models::resource::{Body, ReleaseRecord, ReleaseStatus, Resource};
use serde_json::{Value, json};
use std::path::Path;
use tokio::process::Command;

struct Beside<'a> {
    world: &'a World,
    home: &'a Path,
}

impl Beside<'_> {
    async fn helm(&self, words: &[&str]) -> String {
        let mut command = Command::new(command_line());
        command.args(words).args(["--namespace", &self.world.namespace, "--kubeconfig", "kubeconfig"]);
        let out = command.current_dir(self.home).env_clear().env("HOME", self.home).output().await.unwrap();
        assert!(out.status.success(), "helm {words:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }
}

/// As plans mark what charts bring.
fn marked(world: &World, release: &str, mut object: Value) -> Resource {
    object["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm"});
    object["metadata"]["annotations"] =
        json!({"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": world.namespace});
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    world.object("v1/ConfigMap", (&name, object))
}

#[tokio::test]
async fn the_real_helm_takes_what_the_port_recorded_and_what_it_did_is_put_back() {
    let Some(mut world) = World::new("helms").await else { return };
    // As a slice's namespace ends by its uid, and its releases do.
    world.call.owner = "helms".into();
    let (folder, release) = (tempfile::tempdir().unwrap(), format!("it-{}", world.call.owner));
    let chart = folder.path().join("chart");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: chart\nversion: 0.1.0\n").unwrap();
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: it}\ndata: {word: {{ .Values.word }}}\n\
                    {{- if eq .Values.word \"theirs\" }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: \
                    more}\n{{- end }}\n";
    std::fs::write(chart.join("templates/it.yaml"), template).unwrap();
    std::fs::write(folder.path().join("kubeconfig"), world.plane.kubeconfig(&User::ADMIN)).unwrap();
    let beside = Beside { world: &world, home: folder.path() };
    let mut asked = request(pack(&chart), "word: ours");
    (asked.release.name, asked.release.namespace) = (release.clone(), world.namespace.clone());
    let rendered = helm().render(&asked).await.unwrap();
    world.safe.blobs.lock().unwrap().insert("release".into(), rendered.release.to_string().into_bytes());
    let it = marked(&world, &release, rendered.objects[0].object.clone());
    let record = ReleaseRecord {
        digest: "release".into(),
        name: release.clone(),
        revision: 1,
        status: ReleaseStatus::Deployed,
        first: None,
        deployed: None,
    };
    let secret = world.object("v1/Secret", (&adapters::release::secret_name(&release, 1), json!({})));
    let Resource::Object(mut secret) = secret else { panic!("an object") };
    secret.body = Body::Release(record);
    let seen = world.apply(&it, None).await.unwrap();
    world.apply(&Resource::Object(secret), None).await.unwrap();

    assert!(beside.helm(&["ls"]).await.contains(&release));
    let chart = chart.to_str().unwrap();
    beside.helm(&["upgrade", &release, chart, "--set", "word=theirs"]).await;
    assert_eq!(world.live("it").await["data"]["word"], "theirs");
    let found =
        world.port.releases(&world.call, (&world.namespace, Some(std::slice::from_ref(&release)))).await.unwrap();
    let newest = found.iter().find(|found| found.revision == 2).unwrap();
    let theirs = ["it", "more"].map(|name| ("v1/ConfigMap".to_owned(), name.to_owned()));
    assert_eq!((newest.status.as_str(), &newest.objects[..]), ("deployed", &theirs[..]));
    let ours = found.iter().find(|found| found.revision == 1).unwrap();
    assert_eq!((ours.status.as_str(), ours.objects.len()), ("superseded", 0));

    let now = world.observe(&it).await.unwrap();
    assert!(now.digest != seen.digest && now.uid == seen.uid && now.stranger.is_none());
    world.apply(&it, Some(&now)).await.unwrap();
    assert_eq!(world.live("it").await["data"]["word"], "ours");
    let more = world.config("more", json!({}));
    assert_eq!(world.observe(&more).await.unwrap().stranger, None, "it was made for a release of ours");

    beside.helm(&["rollback", &release, "1"]).await;
    assert_eq!(world.live("it").await["data"]["word"], "ours");
    beside.helm(&["uninstall", &release]).await;
    assert_eq!(world.observe(&it).await, None);
}
