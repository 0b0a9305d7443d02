//! Packages that are signed as they are built: OpenSSL and the TOSCA parser take them, and so does `package validate`.

use super::bench::{Made, build, chart};
use super::csar::{entries, parsed};
use super::validated::{brought, validate};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn openssl(folder: &Path, arguments: &str) {
    let out = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(out.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A folder with `acme.key` and `acme.pem`.
fn acme(key: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    openssl(folder.path(), &format!("req -x509 -newkey {key} -nodes -keyout acme.key -out acme.pem -subj /CN=acme"));
    folder
}

fn signed(with: &TempDir, format: &str) -> Made {
    let charts = ["kitchen", "postgres"].map(|name| chart(name).into_os_string());
    let words = ["--service", "dinner", "--provider", "acme", "--format", format].map(OsString::from);
    let path = |name: &str| with.path().join(name).into_os_string();
    let signs = [OsString::from("--sign"), path("acme.key"), OsString::from("--certificate"), path("acme.pem")];
    build(charts.into_iter().chain(words).chain(signs))
}

#[test]
fn every_package_of_a_service_is_signed_and_openssl_and_the_parser_take_it() {
    for key in ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-256"] {
        let with = acme(key);
        let made = signed(&with, "sol001");
        assert_eq!(made.code, Some(0), "{}", made.words);
        let certificate = with.path().join("acme.pem").display().to_string();
        for name in ["kitchen", "postgres", "dinner_ns"] {
            let path = made.folder.path().join(format!("{name}.csar"));
            assert!(parsed(&path).is_none_or(|words| words.is_empty()), "{name}");
            let files = entries(&made, &format!("{name}.csar"));
            let manifest = &files[&format!("{}.mf", name.trim_end_matches("_ns"))];
            let at = manifest.windows(19).position(|part| part == b"-----BEGIN CMS-----").unwrap();
            std::fs::write(with.path().join("content"), &manifest[..at]).unwrap();
            std::fs::write(with.path().join("signature"), &manifest[at..]).unwrap();
            openssl(
                with.path(),
                "cms -verify -binary -inform PEM -in signature -content content -CAfile acme.pem -purpose any -out /dev/null",
            );
            let path = path.display().to_string();
            let said = validate(&[&path, "--trust", &certificate, "--require-signature"]);
            assert_eq!((said.code, said.words.as_str()), (Some(0), ""), "{name}");
            assert!(said.out.contains("\n  signed by CN=acme, who is trusted (sha256:"), "{}", said.out);
            let said = validate(&[&path]);
            assert_eq!(said.code, Some(0));
            assert!(said.words.contains("it is signed by CN=acme, who is not trusted: no signer"), "{}", said.words);
            let said = validate(&[&path, "-o", "json"]).json();
            assert_eq!(
                (&said["signature"]["signer"], &said["signature"]["trusted"]),
                (&"CN=acme".into(), &false.into())
            );
        }
        if key == "rsa:2048" {
            assert_eq!(made.files(), signed(&with, "sol001").files(), "the same charts and key give the same bytes");
        }
    }
}

#[test]
fn what_cannot_be_signed_or_trusted_is_told_before_anything_is_made() {
    let with = acme("rsa:2048");
    for format in ["sol006", "osm", "osm-r8"] {
        let made = signed(&with, format);
        assert_eq!((made.code, made.files().len()), (Some(2), 0), "{format}");
        assert!(
            made.words.contains("--sign: only packages of SOL004 have a manifest that is signed"),
            "{}",
            made.words
        );
        assert!(
            made.words.contains("next:  sliceway package build CHART --format sol001 --sign KEY"),
            "{}",
            made.words
        );
    }
    openssl(with.path(), "genpkey -algorithm RSA -out acme.key");
    let made = signed(&with, "sol001");
    assert_eq!((made.code, made.files().len()), (Some(2), 0));
    assert!(made.words.contains("acme.pem: CN=acme has another key"), "{}", made.words);
    std::fs::remove_file(with.path().join("acme.key")).unwrap();
    assert!(signed(&with, "sol001").words.contains("acme.key: No such file"));
    let made = build(["--format", "sol001", "--sign", "a.key", chart("postgres").to_str().unwrap()]);
    assert!(made.code == Some(2) && made.words.contains("--certificate"), "{}", made.words);

    let right = "vnfd: {id: a, kdu: [{name: a, helm-chart: iml/a}], df: [{id: d}]}";
    let key = with.path().join("no.pem").display().to_string();
    std::fs::write(&key, right).unwrap();
    let said = validate(&[&key, "--trust", &key]);
    assert!(said.code == Some(2) && said.words.contains("no.pem: the certificate cannot be read"), "{}", said.words);
    let said = validate(&[&key, "--require-signature"]);
    assert!(said.words.contains("--require-signature: nobody is trusted"), "{}", said.words);
    assert_eq!(brought("a.yaml", right.as_bytes()).code, Some(0));
}
