//! The slice's CA, certificates and passwords, and the Secrets that hand them to the charts (ENGINE.md 9, 17).

use super::{Ours, Scene, Wanted, tier};
use crate::plan::contract::UPLINKS;
use crate::plan::names;
use models::Name;
use models::resource::{Fill, Form, Part, Resource};
use models::secret::{Material, SecretRef, SecretSpec};
use models::slice::{Gateway, Role, Workload};
use serde_json::json;

pub fn wanted(scene: &Scene<'_>) -> Vec<Wanted> {
    let spec = &scene.slice.spec;
    let mut all = Vec::new();
    for workload in spec.workloads().iter().filter(|w| w.platform.is_some()) {
        all.extend(identity(scene, workload));
        all.extend(clients(scene, workload));
    }
    for gateway in spec.gateways.iter().filter(|g| g.platform.is_some()) {
        for server in gateway.attached() {
            all.extend(uplink(scene, gateway, server));
        }
    }
    for device in &spec.devices {
        all.push(made(
            password(scene, names::device_password(&scene.slice.uid, &device.name)),
            vec![],
            "a device's password",
        ));
    }
    if !all.is_empty() {
        all.push(made(ca(scene), vec![], "the slice's own certificate authority"));
    }
    all
}

fn made(spec: SecretSpec, needs: Vec<SecretRef>, why: &str) -> Wanted {
    let needs = needs.into_iter().map(|secret| names::local(secret.id)).collect();
    Wanted { resource: Resource::Secret(spec), needs, tier: tier::LOCAL, why: why.to_owned() }
}

pub fn ca(scene: &Scene<'_>) -> SecretSpec {
    let common_name = format!("Sliceway slice {} {}", scene.slice.name, scene.slice.uid);
    scene.secret(names::ca(&scene.slice.uid), Material::Ca { common_name })
}

/// Planned names only; a gateway's also has the address that devices dial, which is planned too.
pub fn certificate(scene: &Scene<'_>, workload: &Workload<'_>) -> SecretSpec {
    let (name, namespace) = (workload.name, &scene.namespace);
    let mut dns_names = vec![name.to_string()];
    dns_names.extend(["", ".svc", ".svc.cluster.local"].map(|end| format!("{name}.{namespace}{end}")));
    if workload.role == Role::Gateway {
        let cluster = scene.cluster_of(name).and_then(|cluster| scene.clusters.get(cluster));
        dns_names.extend(cluster.and_then(|cluster| cluster.address()));
    }
    let material = Material::Certificate { ca: ca(scene).reference(), common_name: name.to_string(), dns_names };
    scene.secret(names::certificate(&scene.slice.uid, name), material)
}

pub fn password(scene: &Scene<'_>, id: String) -> SecretSpec {
    scene.secret(id, Material::Password)
}

/// A key of a Secret's data out of one field of one secret.
fn data(key: &str, secret: &SecretRef, field: &str) -> Fill {
    text(key, vec![Part::Secret { secret: secret.clone(), field: field.into() }])
}

fn text(key: &str, parts: Vec<Part>) -> Fill {
    Fill { pointer: format!("/data/{key}"), parts, form: Form::Base64 }
}

fn tls(certificate: &SecretRef) -> Vec<Fill> {
    ["ca.crt", "tls.crt", "tls.key"].iter().map(|key| data(key, certificate, key)).collect()
}

fn identity(scene: &Scene<'_>, workload: &Workload<'_>) -> Vec<Wanted> {
    let Some(cluster) = scene.cluster_of(workload.name) else { return vec![] };
    let certificate = certificate(scene, workload);
    let fills = tls(&certificate.reference());
    let needs = vec![certificate.id.clone()];
    let secret = Ours::new("v1/Secret", names::tls_secret(workload.name), json!({"type": "Opaque"}))
        .of(workload.name)
        .fills(fills, needs)
        .why(format!("{} proves itself by a certificate of the slice's CA", workload.name));
    vec![
        made(certificate, vec![ca(scene).reference()], "a certificate of the slice's CA"),
        scene.object(cluster, secret),
    ]
}

/// Who may log in: devices at their gateway, gateways at their servers.
fn clients(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Wanted> {
    let cluster = scene.cluster_of(workload.name)?;
    let users = users(scene, workload);
    let mut passwd = Vec::new();
    let mut acl = String::new();
    for user in &users {
        passwd.push(Part::Text(format!("{}:", user.name)));
        passwd.push(Part::Secret { secret: user.password.reference(), field: "mosquitto".into() });
        passwd.push(Part::Text("\n".into()));
        acl.push_str(&user.acl);
    }
    let fills = vec![text("passwd", passwd), text("acl", vec![Part::Text(acl)])];
    let needs = users.iter().map(|user| user.password.id.clone()).collect();
    let secret = Ours::new("v1/Secret", names::clients_secret(workload.name), json!({"type": "Opaque"}))
        .of(workload.name)
        .fills(fills, needs)
        .why(format!("{} admits these clients: {}", workload.name, list(&users)));
    Some(scene.object(cluster, secret))
}

struct User {
    name: Name,
    password: SecretSpec,
    acl: String,
}

fn list(users: &[User]) -> String {
    match users {
        [] => "none".into(),
        users => users.iter().map(|u| u.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn users(scene: &Scene<'_>, workload: &Workload<'_>) -> Vec<User> {
    let (spec, uid) = (&scene.slice.spec, &scene.slice.uid);
    match workload.role {
        Role::Gateway => {
            let device = |device: Name| User {
                password: password(scene, names::device_password(uid, &device)),
                acl: format!("user {device}\ntopic readwrite sliceway/{device}/#\n"),
                name: device,
            };
            devices_of(scene, workload.name).map(device).collect()
        }
        Role::Server => {
            let attached = spec.gateways.iter().filter(|g| g.attached().contains(&workload.name));
            let gateway = |gateway: &Gateway| User {
                password: password(scene, names::uplink_password(uid, &gateway.name, workload.name)),
                acl: devices_of(scene, &gateway.name).fold(format!("user {}\n", gateway.name), |acl, device| {
                    format!("{acl}topic write sliceway/{device}/#\n")
                }),
                name: gateway.name.clone(),
            };
            attached.map(gateway).collect()
        }
        Role::Function => vec![],
    }
}

fn devices_of<'a>(scene: &'a Scene<'_>, gateway: &'a Name) -> impl Iterator<Item = Name> + 'a {
    scene.slice.spec.devices.iter().filter(move |device| &device.gateway == gateway).map(|device| device.name.clone())
}

/// The gateway's way to one server: credentials of its own, and mosquitto's bridge section with them.
fn uplink(scene: &Scene<'_>, gateway: &Gateway, server: &Name) -> Vec<Wanted> {
    let spec = &scene.slice.spec;
    let (Some(here), Some(it), Some(to)) =
        (scene.cluster_of(&gateway.name), spec.workload(&gateway.name), spec.workload(server))
    else {
        return vec![];
    };
    let certificate = certificate(scene, &it);
    let password = password(scene, names::uplink_password(&scene.slice.uid, &gateway.name, server));
    let port = to.port.map_or(0, |port| port.number);
    let before = format!(
        "connection {gw}-{server}\naddress {server}:{port}\nbridge_protocol_version mqttv311\nremote_clientid {gw}-{uid}\n\
         remote_username {gw}\nremote_password ",
        gw = gateway.name,
        uid = scene.slice.uid,
    );
    let after = format!(
        "\nbridge_cafile {UPLINKS}/{server}/ca.crt\nbridge_certfile {UPLINKS}/{server}/tls.crt\nbridge_keyfile \
         {UPLINKS}/{server}/tls.key\nbridge_insecure false\ncleansession false\nnotifications false\ntry_private false\n\
         restart_timeout 1 10\nkeepalive_interval 15\ntopic sliceway/# out 1\n"
    );
    let mut fills = tls(&certificate.reference());
    let secret = Part::Secret { secret: password.reference(), field: "password".into() };
    fills.push(text("bridge.conf", vec![Part::Text(before), secret, Part::Text(after)]));
    let needs = vec![certificate.id.clone(), password.id.clone()];
    let ours = Ours::new("v1/Secret", names::uplink_secret(&gateway.name, server), json!({"type": "Opaque"}))
        .of(&gateway.name)
        .fills(fills, needs)
        .why(format!("{} is attached to {server}", gateway.name));
    vec![made(password, vec![], "an uplink's password"), scene.object(here, ours)]
}
