//! A package beside its signature in a zip (SOL004 5, option 2).

use super::authority::{Authority, changed, package, refused, taken, zip};
use sol005::archive::{Entries, Tar};
use sol005::signature::Trust;

/// The package, its signature by OpenSSL, and the certificate.
fn outer(of: &Authority, inner: &[u8], form: &str) -> Entries {
    of.write("content", inner);
    let certificates = if form == "DER" { "" } else { " -nocerts" };
    of.openssl(&format!(
        "cms -sign -binary -in content -signer acme.pem -inkey acme.key -outform {form} -out signature{certificates}"
    ));
    let mut files = Entries::new();
    files.insert("web.csar".into(), inner.to_vec());
    files.insert("web.cms".into(), of.read("signature"));
    if form == "PEM" {
        files.insert("web.cert".into(), of.read("acme.pem"));
    }
    files
}

#[test]
fn a_package_beside_its_signature_is_read_as_if_it_came_alone() {
    let of = Authority::new();
    of.certificate(("acme", "rsa"), ("acme", "signer"));
    let trust = Trust { required: true, ..of.trusts(&["acme"]) };
    let inner = package(None);
    for form in ["PEM", "DER"] {
        let read = taken(&zip(&outer(&of, &inner, form)), &trust);
        assert_eq!(read.entry, "Definitions/web_vnfd.yaml");
        let signature = read.signature.unwrap();
        assert_eq!((signature.entry.as_str(), signature.signer.as_str()), ("web.cms", "CN=acme,O=acme"));
    }
    // Packages of OSM as well.
    let mut tar = Tar::default();
    tar.file("web/web_vnfd.yaml", b"vnfd: {id: a, kdu: [{name: a, helm-chart: iml/a}], df: [{id: d}]}").unwrap();
    let mut files = outer(&of, &tar.gzipped().unwrap(), "PEM");
    let inner = files.remove("web.csar").unwrap();
    files.insert("web.tar.gz".into(), inner);
    assert!(taken(&zip(&files), &trust).signature.unwrap().trusted);
}

#[test]
fn another_package_a_second_one_or_none_is_refused() {
    let of = Authority::new();
    of.certificate(("acme", "ec"), ("acme", "signer"));
    let trust = of.trusts(&["acme"]);
    let inner = package(None);
    let files = outer(&of, &inner, "PEM");
    let with = |path: &str, bytes: Option<&[u8]>| {
        let mut files = files.clone();
        match bytes {
            Some(bytes) => files.insert(path.into(), bytes.to_vec()),
            None => files.remove(path),
        };
        refused(&zip(&files), &trust)
    };
    let other = package(Some(&of.signer("acme")));
    for (path, bytes, why) in [
        ("web.csar", Some(other.as_slice()), "web.cms: the signature does not hold: it is over other bytes than these"),
        ("web.csar", None, "web.cms: there is no package beside it; put in one package"),
        ("web.csar", Some(b"a: 1"), "web.csar: it is no package"),
        ("xeb.csar", Some(other.as_slice()), "xeb.csar: it is one file too many beside a signature"),
        ("xeb.cms", Some(b"1"), "xeb.cms: it is one file too many beside a signature"),
        ("web.cms", Some(b"1"), "web.cms: the signature does not hold: it cannot be read as CMS"),
        ("web.cert", Some(b"1"), "web.cert: the certificate cannot be read"),
    ] {
        let words = with(path, bytes);
        assert!(words.contains(why), "{path}: {words}");
    }
    // Signed well outside, and not inside.
    let broken = changed(&other, "web.mf", |text| text.replace("vnf_provider_id: acme", "vnf_provider_id: evil"));
    let words = refused(&zip(&outer(&of, &broken, "PEM")), &trust);
    assert!(words.contains("web.mf:") && words.contains("the signature does not hold"), "{words}");
    // In one more zip it is nothing that is known.
    let mut again = Entries::new();
    let wrapped = zip(&files);
    again.insert("web.zip".into(), wrapped.clone());
    of.write("content", &wrapped);
    of.openssl("cms -sign -binary -in content -signer acme.pem -inkey acme.key -outform PEM -out signature");
    again.insert("web.cms".into(), of.read("signature"));
    assert!(refused(&zip(&again), &trust).contains("no descriptor was found"));
}
