//! Packages of SOL001 and SOL004: an independent TOSCA parser takes each, and the manifest has a digest of every file.

use super::bench::{Made, build, chart};
use super::corpus::{cases, made_as};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;

/// Its words, where it does not take the archive; `None`: it is not here.
pub fn parsed(archive: &Path) -> Option<String> {
    let program = std::env::var_os("SLICEWAY_TOSCA_PARSER").filter(|path| Path::new(path).is_file());
    let Some(program) = program else {
        assert!(std::env::var_os("CI").is_none(), "make test-packages brings the TOSCA parser");
        writeln!(std::io::stderr(), "SKIPPED: no TOSCA parser; make test-packages brings it").unwrap();
        return None;
    };
    let out = Command::new(program).arg("--template-file").arg(archive).output().unwrap();
    let words = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    Some(if out.status.success() && words.contains("nodetemplates") { String::new() } else { words })
}

fn dinner() -> Made {
    let charts = ["kitchen", "postgres"].map(|name| chart(name).into_os_string());
    let words = ["--service", "dinner", "--provider", "acme", "--format", "sol001"].map(OsString::from);
    let made = build(charts.into_iter().chain(words));
    assert_eq!(made.code, Some(0), "{}", made.words);
    made
}

pub fn entries(made: &Made, name: &str) -> BTreeMap<String, Vec<u8>> {
    let bytes = std::fs::read(made.folder.path().join(name)).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut found = BTreeMap::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        found.insert(entry.name().unwrap().into_owned(), bytes);
    }
    found
}

#[test]
fn an_independent_parser_takes_every_chart_of_the_corpus() {
    for case in cases() {
        let made = made_as(&case, "sol001");
        assert_eq!(made.code, Some(0), "{}: {}", case.name, made.words);
        let archive = made.folder.path().join(format!("{}.csar", case.name));
        let Some(words) = parsed(&archive) else { return };
        assert_eq!(words, "", "{}", case.name);
    }
}

#[test]
fn a_service_is_taken_too_and_a_broken_one_is_not() {
    let made = dinner();
    for name in ["kitchen.csar", "postgres.csar", "dinner_ns.csar"] {
        let Some(words) = parsed(&made.folder.path().join(name)) else { return };
        assert_eq!(words, "", "{name}");
    }
    // The parser finds what is wrong: a type that nobody defines.
    let mut entries = entries(&made, "postgres.csar");
    let text = String::from_utf8(entries["Definitions/postgres_vnfd.yaml"].clone()).unwrap();
    let broken = text.replace("tosca.nodes.nfv.Mciop", "tosca.nodes.nfv.Mcoip").into_bytes();
    entries.insert("Definitions/postgres_vnfd.yaml".into(), broken);
    let path = made.folder.path().join("broken.csar");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (name, bytes) in &entries {
        zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    assert!(parsed(&path).is_some_and(|words| words.contains("Mcoip")));
}

#[test]
fn every_file_has_its_digest_in_the_manifest_and_the_chart_is_inside() {
    let made = dinner();
    let files = entries(&made, "kitchen.csar");
    let manifest = String::from_utf8(files["kitchen.mf"].clone()).unwrap();
    let mut told = BTreeMap::new();
    for block in manifest.split("\n\n").skip(1) {
        let of = |key: &str| block.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
        assert_eq!(of("Algorithm:"), "SHA-256");
        told.insert(of("Source:"), of("Hash:"));
    }
    let others = files.iter().filter(|(name, _)| *name != "kitchen.mf");
    let digests: BTreeMap<String, String> =
        others.map(|(name, bytes)| (name.clone(), format!("{:x}", Sha256::digest(bytes)))).collect();
    assert_eq!(told, digests);
    let meta = String::from_utf8(files["TOSCA-Metadata/TOSCA.meta"].clone()).unwrap();
    assert!(meta.contains("Entry-Definitions: Definitions/kitchen_vnfd.yaml"), "{meta}");
    assert!(files.contains_key("Artifacts/charts/kitchen-2.1.0.tgz"), "{:?}", files.keys());
    assert_eq!(made.files(), dinner().files(), "the same charts give the same bytes");
}

#[test]
fn what_pods_ask_for_scaling_and_placement_stand_in_the_template() {
    let files = entries(&dinner(), "kitchen.csar");
    let document: Value = serde_saphyr::from_slice(&files["Definitions/kitchen_vnfd.yaml"]).unwrap();
    let topology = &document["topology_template"];
    let web = &topology["node_templates"]["kitchen-web"]["properties"];
    assert_eq!(web["mcio_identification_data"]["type"], "Deployment");
    assert_eq!(
        (&web["vdu_profile"]["min_number_of_instances"], &web["vdu_profile"]["max_number_of_instances"]),
        (&2.into(), &6.into())
    );
    assert_eq!(web["requested_additional_capabilities"]["requests.cpu-milli"], "900");
    let artifact = &topology["node_templates"]["kitchen-chart"]["artifacts"]["chart"];
    assert_eq!(artifact["file"], "../Artifacts/charts/kitchen-2.1.0.tgz");
    let policies = topology["policies"].as_array().unwrap();
    let of = |name: &str| policies.iter().find_map(|policy| policy.get(name)).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(of("scaling")["properties"]["aspects"]["kitchen-web"]["max_scale_level"], 4);
    assert_eq!(of("kitchen-web-initial")["properties"]["initial_delta"]["number_of_instances"], 2);
    assert_eq!(of("kitchen-web-placement-0")["type"], "tosca.policies.nfv.AntiAffinityRule");
    for (name, bytes) in &files {
        assert!(!String::from_utf8_lossy(bytes).contains("hunter2") || name.ends_with(".tgz"), "{name}");
    }
}
