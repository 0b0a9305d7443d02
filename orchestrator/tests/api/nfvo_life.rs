//! SOL005's NS lifecycle: one life in each face in turn, and what cannot be asked. Clusters are simulated.

use crate::nfvo::{Call, header, told};
use crate::server::Server;
use crate::services::{newer, onboarded};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ROOT: &str = "/nslcm/v2";

/// The id of the only NSD.
async fn nsd(oss: &Call<'_>) -> String {
    let (_, all) = oss.get("/nsd/v2/ns_descriptors").await;
    all[0]["nsdId"].as_str().unwrap().to_owned()
}

async fn created(oss: &Call<'_>, title: &str) -> String {
    let body = json!({"nsdId": nsd(oss).await, "nsName": title, "nsDescription": "of many things"});
    let answer = oss
        .with("content-type", "application/json")
        .send("POST", &format!("{ROOT}/ns_instances"), body.to_string())
        .await;
    assert_eq!(answer.status().as_u16(), 201);
    let at = header(&answer, "location");
    let ns: Value = answer.json().await.unwrap();
    assert_eq!((&ns["nsInstanceName"], &ns["nsState"]), (&json!(title), &json!("NOT_INSTANTIATED")));
    assert_eq!(ns["_links"]["self"]["href"], at.as_str());
    assert!(ns["_links"]["instantiate"].is_object() && ns["_links"].get("terminate").is_none(), "{ns}");
    at
}

/// A task that is begun; its occurrence when it has ended, or waits for an operator.
async fn done(oss: &Call<'_>, at: &str, body: Value) -> Value {
    let answer = oss.with("content-type", "application/json").send("POST", at, body.to_string()).await;
    let (status, occurrence) = (answer.status().as_u16(), header(&answer, "location"));
    let text = answer.text().await.unwrap();
    assert_eq!((status, text.as_str()), (202, ""), "{at}");
    ended(oss, &occurrence).await
}

async fn ended(oss: &Call<'_>, occurrence: &str) -> Value {
    let begun = Instant::now();
    loop {
        let (_, now) = oss.get(occurrence).await;
        let state = now["operationState"].as_str().unwrap();
        if !["PROCESSING", "ROLLING_BACK"].contains(&state) {
            return now;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn name(at: &str) -> String {
    at.rsplit('/').next().unwrap().to_owned()
}

fn vnf<'v>(ns: &'v Value, function: &str) -> &'v Value {
    ns["vnfInstance"].as_array().unwrap().iter().find(|vnf| vnf["vnfInstanceName"] == function).unwrap()
}

#[tokio::test]
async fn a_life_by_the_standard_is_seen_in_every_face() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "sol001");
    let oss = Call::of(&server, "operator").await;
    let at = created(&oss, "The Shop!").await;
    let id = name(&at);
    assert!(id.starts_with("the-shop-"), "{id}");
    assert_eq!(server.json(&["get", "ns", &id])["state"], "NOT_INSTANTIATED");
    let body = json!({
        "nsFlavourId": "default",
        "additionalParamsForNs": {"db.log": "loud"},
        "additionalParamsForVnf": [{"vnfProfileId": "web", "additionalParams": {"limit": 20, "sliceway.cluster": "edge"}}],
        "additionalAffinityOrAntiAffinityRule":
            [{"vnfProfileId": ["web", "db"], "affinityOrAntiAffiinty": "ANTI_AFFINITY", "scope": "NFVI_POP"}],
    });
    let occurrence = done(&oss, &format!("{at}/instantiate"), body.clone()).await;
    assert_eq!(
        (&occurrence["operationState"], &occurrence["lcmOperationType"]),
        (&json!("COMPLETED"), &json!("INSTANTIATE")),
        "{occurrence}"
    );
    assert_eq!(occurrence["operationParams"], body);
    assert_eq!(occurrence["nsInstanceId"], id.as_str());
    let affected: Vec<(&Value, &Value, &Value)> = occurrence["resourceChanges"]["affectedVnfs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|vnf| (&vnf["vnfName"], &vnf["changeType"], &vnf["changeResult"]))
        .collect();
    let made = (json!("INSTANTIATE"), json!("COMPLETED"));
    assert_eq!(affected, [(&json!("db"), &made.0, &made.1), (&json!("web"), &made.0, &made.1)]);
    // The slice that it is.
    let slice = server.json(&["get", "slice", &id]);
    assert_eq!(slice["placed"], json!({"web": "edge", "db": "cloud"}));
    assert!(server.done(&["describe", "slice", &id]).contains("web"));
    let answer = oss.send("GET", &at, "").await;
    assert!(!header(&answer, "etag").is_empty());
    let ns: Value = answer.json().await.unwrap();
    assert_eq!(ns["nsState"], "INSTANTIATED");
    assert_eq!((&vnf(&ns, "web")["vimId"], &vnf(&ns, "web")["vnfProductName"]), (&json!("edge"), &json!("web")));
    assert_eq!(vnf(&ns, "web")["vnfConfigurableProperties"], json!({"limit": 20}));
    assert_eq!(ns["virtualLinkInfo"][0]["id"], format!("{id}.to-db"));
    let rule = json!({"vnfProfileId": ["db", "web"], "affinityOrAntiAffiinty": "ANTI_AFFINITY", "scope": "NFVI_POP"});
    assert_eq!(ns["additionalAffinityOrAntiAffinityRule"], json!([rule]));
    let (_, all) = oss.get(&format!("{ROOT}/ns_instances?filter=(eq,vnfInstance/vnfInstanceName,web)")).await;
    assert_eq!((all.as_array().unwrap().len(), all[0].get("vnfInstance")), (1, None));
    let (status, refused) = oss.json("POST", &format!("{at}/instantiate"), body).await;
    assert!(status == 409 && refused["detail"].as_str().unwrap().contains("INSTANTIATED already"), "{refused}");
    changed(&server, &oss, &at).await;
    // An operation is seen as one, whoever asked for it.
    let (_, operations) = oss.get(&format!("{ROOT}/ns_lcm_op_occs?filter=(eq,nsInstanceId,{id})")).await;
    let kinds: Vec<&str> =
        operations.as_array().unwrap().iter().map(|o| o["lcmOperationType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["INSTANTIATE", "SCALE", "UPDATE", "UPDATE", "UPDATE", "HEAL"]);
    assert!(operations[0].get("operationParams").is_none(), "{operations}");
    let own = server.json(&["get", "operations"]);
    assert_eq!(own.as_array().unwrap().len(), kinds.len());
    assert_eq!(oss.send("DELETE", &at, "").await.status().as_u16(), 409);
    let occurrence = done(&oss, &format!("{at}/terminate"), json!({})).await;
    assert_eq!(occurrence["lcmOperationType"], "TERMINATE");
    assert_eq!(oss.get(&at).await.1["nsState"], "NOT_INSTANTIATED");
    assert_eq!(oss.send("DELETE", &at, "").await.status().as_u16(), 204);
    assert_eq!(oss.get(&at).await.0, 404);
    assert_eq!(server.json(&["get", "ns"]), json!([]));
}

async fn changed(server: &Server, oss: &Call<'_>, at: &str) {
    let id = name(at);
    // Grown by the standard, seen by the slice; grown by the command line, seen by the standard.
    let web = format!("{id}.web");
    let out = |steps: u32| {
        json!({"scaleType": "SCALE_VNF", "scaleVnfData": [{"vnfInstanceId": web, "scaleVnfType": "SCALE_OUT",
        "scaleByStepData": {"aspectId": "web", "numberOfSteps": steps}}]})
    };
    let occurrence = done(oss, &format!("{at}/scale"), out(2)).await;
    assert_eq!(occurrence["lcmOperationType"], "SCALE", "{occurrence}");
    assert_eq!(occurrence["resourceChanges"]["affectedVnfs"][0]["changeType"], "SCALE");
    server.done(&["ns", "scale", &id, "web", "--in", "--wait"]);
    let (_, ns) = oss.get(at).await;
    assert_eq!(vnf(&ns, "web")["instantiatedVnfInfo"]["scaleStatus"], json!([{"aspectId": "web", "scaleLevel": 1}]));
    // A newer version of a function, and other properties.
    newer(server, "sol001");
    let (_, packages) = oss.get("/vnfpkgm/v2/vnf_packages?filter=(eq,vnfdVersion,1.1.0)").await;
    let newest = packages[0]["vnfdId"].clone();
    let update =
        json!({"updateType": "CHANGE_VNFPKG", "changeVnfPackageData": [{"vnfInstanceId": web, "vnfdId": newest}]});
    let occurrence = done(oss, &format!("{at}/update"), update).await;
    assert_eq!(occurrence["resourceChanges"]["affectedVnfs"][0]["changeType"], "CHANGE_VNFPKG", "{occurrence}");
    assert_eq!(vnf(&oss.get(at).await.1, "web")["vnfdVersion"], "1.1.0");
    let update = json!({"updateType": "MODIFY_VNF_INFORMATION", "modifyVnfInfoData":
        [{"vnfInstanceId": web, "vnfConfigurableProperties": {"limit": 30}}]});
    done(oss, &format!("{at}/update"), update).await;
    assert_eq!(vnf(&oss.get(at).await.1, "web")["vnfConfigurableProperties"], json!({"limit": 30}));
    // Where nothing is to be done, an operation says so all the same.
    let occurrence = done(oss, &format!("{at}/heal"), json!({"healNsData": {"degreeHealing": "HEAL_QOS"}})).await;
    assert_eq!(
        (&occurrence["lcmOperationType"], &occurrence["operationState"]),
        (&json!("HEAL"), &json!("COMPLETED")),
        "{occurrence}"
    );
}

#[tokio::test]
async fn a_slice_made_by_a_file_is_an_ns_whose_functions_are_vnfs() {
    let server = Server::start().with_slice().await;
    let oss = Call::of(&server, "operator").await;
    let (_, all) = oss.get(&format!("{ROOT}/ns_instances?all_fields")).await;
    let ns = &all[0];
    assert_eq!((&ns["id"], &ns["nsState"], &ns["nsdId"]), (&json!("factory-7"), &json!("INSTANTIATED"), &json!("")));
    assert_eq!(vnf(ns, "gw")["vimId"], "edge");
    assert_eq!(ns["sapInfo"][0]["sapName"], "devices to gw", "{ns}");
    let at = format!("{ROOT}/ns_instances/factory-7");
    let scale = json!({"scaleType": "SCALE_VNF", "scaleVnfData": []});
    let (status, refused) = oss.json("POST", &format!("{at}/scale"), scale).await;
    assert!(status == 409 && refused["next"].as_str().unwrap().contains("sliceway apply"), "{refused}");
    let occurrence = done(&oss, &format!("{at}/heal"), json!({})).await;
    assert_eq!(occurrence["operationState"], "COMPLETED");
    // It holds data, of which its file's owner says whether it may go.
    let (status, refused) = oss.json("POST", &format!("{at}/terminate"), json!({})).await;
    assert!(status == 409 && refused["next"].as_str().unwrap().contains("--allow-data-loss store"), "{refused}");
    server.done(&["delete", "slice", "factory-7", "--allow-data-loss", "store", "--wait"]);
    // Nobody created it by the standard: with its slice it is gone.
    assert_eq!(oss.get(&at).await.0, 404);
    let (status, made) = oss.get(&format!("{ROOT}/ns_lcm_op_occs?filter=(eq,lcmOperationType,INSTANTIATE)")).await;
    assert_eq!((status, made.as_array().unwrap().len()), (200, 1));
}

#[tokio::test]
async fn an_operator_moves_what_failed_by_the_standard() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "sol001");
    let oss = Call::of(&server, "operator").await;
    let at = created(&oss, "shop").await;
    // A cluster that does not answer: the operation waits until it is stopped.
    let away = json!({"labels": {"region": "far"}, "spec": {"sim": {"away": true}}});
    let (status, told_) = server.admin("PUT", "/api/v1/clusters/far", away).await;
    assert_eq!(status, 200, "{told_}");
    let body = json!({"additionalParamsForVnf": [
        {"vnfProfileId": "web", "additionalParams": {"sliceway.cluster": "edge"}},
        {"vnfProfileId": "db", "additionalParams": {"sliceway.cluster": "far"}},
    ]});
    let answer =
        oss.with("content-type", "application/json").send("POST", &format!("{at}/instantiate"), body.to_string()).await;
    assert_eq!(answer.status().as_u16(), 202);
    let occurrence = header(&answer, "location");
    let (_, now) = oss.get(&occurrence).await;
    assert_eq!((&now["operationState"], now["_links"]["cancel"].is_object()), (&json!("PROCESSING"), true), "{now}");
    let (status, refused) = oss.json("POST", &format!("{occurrence}/retry"), json!({})).await;
    assert!(status == 409 && refused["detail"].as_str().unwrap().contains("open moves: cancel"), "{refused}");
    // Another task meanwhile is refused, and names the operation.
    let (status, refused) = oss.json("POST", &format!("{at}/heal"), json!({})).await;
    assert!(status == 409 && refused["detail"].as_str().unwrap().contains(&name(&occurrence)), "{refused}");
    assert_eq!(oss.json("POST", &format!("{occurrence}/cancel"), json!({"cancelMode": "SOMEHOW"})).await.0, 400);
    assert_eq!(oss.json("POST", &format!("{occurrence}/cancel"), json!({"cancelMode": "FORCEFUL"})).await.0, 202);
    let now = ended(&oss, &occurrence).await;
    assert_eq!(now["operationState"], "FAILED_TEMP");
    assert!(now["error"]["detail"].as_str().unwrap().contains("cancelled by an operator"), "{now}");
    for open in ["retry", "rollback", "continue", "fail"] {
        assert!(now["_links"][open].is_object(), "{open}: {now}");
    }
    assert_eq!(oss.json("POST", &format!("{occurrence}/retry"), json!({})).await.0, 202);
    assert_eq!(oss.json("POST", &format!("{occurrence}/cancel"), json!({"cancelMode": "GRACEFUL"})).await.0, 202);
    ended(&oss, &occurrence).await;
    let (status, failed) = oss.json("POST", &format!("{occurrence}/fail"), json!({})).await;
    assert_eq!((status, &failed["operationState"]), (200, &json!("FAILED")), "{failed}");
    let entered: jiff::Timestamp = failed["stateEnteredTime"].as_str().unwrap().parse().unwrap();
    let began: jiff::Timestamp = failed["startTime"].as_str().unwrap().parse().unwrap();
    assert!(entered > began, "{failed}");
    let (_, older) = oss.get(&occurrence.replace("v2", "v1")).await;
    assert_eq!((&older["statusEnteredTime"], older.get("stateEnteredTime")), (&failed["stateEnteredTime"], None));
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_with_the_attribute_and_changes_nothing() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "sol001");
    let oss = Call::of(&server, "operator").await;
    let root = format!("{ROOT}/ns_instances");
    for (body, status, words) in [
        (json!({"nsdId": "none", "nsName": "x", "nsDescription": ""}), 422, "nsdId: no NSD has the id \"none\""),
        (json!({"nsdId": 1, "nsName": "x"}), 400, "nsDescription: is missing"),
    ] {
        let (found, refused) = oss.json("POST", &root, body).await;
        assert!(found == status && refused["detail"].as_str().unwrap().contains(words), "{refused}");
    }
    let at = created(&oss, "shop").await;
    let param = |path: &str, value: Value| json!({"additionalParamsForVnf": [{"vnfProfileId": "web", "additionalParams": {path: value}}]});
    for (body, status, words) in [
        (json!({"nsFlavorId": "x"}), 400, "nsFlavorId: there is no such attribute; did you mean nsFlavourId?"),
        (json!({"additionalParamsForVnf": [{}]}), 400, "additionalParamsForVnf[0].vnfProfileId: is missing"),
        (json!({"nsFlavourId": "big"}), 422, "nsFlavourId: there is no \"big\""),
        (json!({"addpnfData": [{}], "startTime": "2027-01-01T00:00:00Z"}), 422, "startTime: has no meaning"),
        (param("limits", json!(1)), 422, "functions.web.parameters.limits: web declares no property"),
        (param("sliceway.cluster", json!("egde")), 422, "egde"),
        (json!({"additionalParamsForNs": {"limit": 1}}), 422, "names no function"),
        (
            json!({"locationConstraints": [{"vnfProfileId": "wbe"}, {"vnfProfileId": "wbe", "locationConstraints": {"countryCode": "DE"}}]}),
            422,
            "no function \"wbe\"",
        ),
    ] {
        let (found, refused) = oss.json("POST", &format!("{at}/instantiate"), body.clone()).await;
        assert!(found == status && refused["detail"].as_str().unwrap().contains(words), "{body}: {found} {refused}");
    }
    for task in ["scale", "update", "heal", "terminate"] {
        let body = if task == "scale" { json!({"scaleType": "SCALE_VNF"}) } else { json!({}) };
        let body = if task == "update" { json!({"updateType": "CHANGE_VNFPKG"}) } else { body };
        let (status, refused) = oss.json("POST", &format!("{at}/{task}"), body).await;
        assert!(
            status == 409 && refused["detail"].as_str().unwrap().contains("is NOT_INSTANTIATED"),
            "{task}: {refused}"
        );
    }
    assert_eq!(oss.get(&format!("{ROOT}/ns_lcm_op_occs")).await.1, json!([]));
    // A foreign tenant's is not there.
    let (status, _) = server.admin("PUT", "/api/v1/tenants/other", json!({})).await;
    assert_eq!(status, 200);
    let foreign = server.token("operator", "other").await;
    let answer = server.send("GET", &at, (Some(&foreign), Value::Null)).await;
    assert_eq!(told(answer).await.0, 404);
    done(&oss, &format!("{at}/instantiate"), json!({})).await;
    wrong_changes(&oss, &at).await;
}

async fn wrong_changes(oss: &Call<'_>, at: &str) {
    let id = name(at);
    for (body, status, words) in [
        (
            json!({"updateType": "OPERATE_VNF", "operateVnfData": []}),
            422,
            "OPERATE_VNF is not carried out: a cluster keeps",
        ),
        (json!({"updateType": "CHANGE_VNFPGK"}), 400, "did you mean CHANGE_VNFPKG?"),
        (json!({"updateType": "CHANGE_VNFPKG"}), 422, "changeVnfPackageData: is missing"),
        (
            json!({"updateType": "CHANGE_VNFPKG", "changeVnfPackageData": [{"vnfInstanceId": "shop.x", "vnfdId": "y"}]}),
            422,
            "changeVnfPackageData[0].vnfInstanceId: there is no VNF \"shop.x\"",
        ),
        (
            json!({"updateType": "ASSOC_NEW_NSD_VERSION", "assocNewNsdVersionData": {"newNsdId": "y"}}),
            422,
            "no NSD that is enabled",
        ),
    ] {
        let (found, refused) = oss.json("POST", &format!("{at}/update"), body.clone()).await;
        assert!(found == status && refused["detail"].as_str().unwrap().contains(words), "{body}: {found} {refused}");
    }
    let scale = |data: Value| json!({"scaleType": "SCALE_VNF", "scaleVnfData": [data]});
    for (body, status, words) in [
        (json!({"scaleType": "SCALE_NS"}), 422, "an NS scales by its functions"),
        (json!({"scaleType": "SCALE_VNF", "scaleVnfData": []}), 422, "scaleVnfData: is missing"),
        (
            scale(json!({"vnfInstanceId": format!("{id}.web"), "scaleVnfType": "SCALE_UP"})),
            400,
            "scaleVnfData[0].scaleVnfType",
        ),
        (
            scale(json!({"vnfInstanceId": format!("{id}.web"), "scaleVnfType": "SCALE_OUT"})),
            422,
            "scaleByStepData: is missing",
        ),
        (
            scale(
                json!({"vnfInstanceId": format!("{id}.db"), "scaleVnfType": "SCALE_OUT", "scaleByStepData": {"aspectId": "x"}}),
            ),
            422,
            "has no scaling aspect",
        ),
    ] {
        let (found, refused) = oss.json("POST", &format!("{at}/scale"), body.clone()).await;
        assert!(found == status && refused["detail"].as_str().unwrap().contains(words), "{body}: {found} {refused}");
    }
}
