//! Signatures that hold, ours and OpenSSL's, and who is believed of those who made them.

use super::authority::{Authority, changed, files, manifest, package, refused, taken};
use jiff::{SignedDuration, Timestamp};
use sol005::signature::{Certificate, Trust};

#[test]
fn openssl_verifies_what_is_signed_here_and_an_rsa_key_gives_the_same_bytes() {
    let of = Authority::new();
    for kind in ["rsa", "ec"] {
        of.certificate(("root", "rsa"), ("root", "ca"));
        of.certificate(("acme", kind), ("root", "signer"));
        let signed = package(Some(&of.signer("acme")));
        let (content, signature) = manifest(&signed);
        of.write("content", content.as_bytes());
        of.write("signature", signature.as_bytes());
        let verify = "cms -verify -binary -inform PEM -in signature -purpose any -out /dev/null";
        of.openssl(&format!("{verify} -content content -CAfile root.pem"));
        of.write("other", content.replace("acme", "evil").as_bytes());
        assert!(!of.says(&format!("{verify} -content other -CAfile root.pem")).0);
        assert_eq!(kind == "rsa", signed == package(Some(&of.signer("acme"))), "{kind}");
        // The certificate lies in the package as well, and the manifest has a digest of each file.
        let entries = files(&signed);
        let own = Certificate::all(&entries["web.cert"]).unwrap();
        assert_eq!(own, Certificate::all(&of.read("acme.pem")).unwrap());
        let meta = String::from_utf8(entries["TOSCA-Metadata/TOSCA.meta"].clone()).unwrap();
        assert!(meta.contains("ETSI-Entry-Certificate: web.cert\n"), "{meta}");
        for path in entries.keys().filter(|path| *path != "web.mf") {
            assert!(content.contains(&format!("\nSource: {path}\nAlgorithm: SHA-256\n")), "{path}: {content}");
        }
    }
}

#[test]
fn who_signed_is_told_and_believed_where_somebody_says_so() {
    let of = Authority::new();
    of.certificate(("acme", "rsa"), ("acme", "signer"));
    of.certificate(("other", "ec"), ("other", "ca"));
    let signed = package(Some(&of.signer("acme")));
    let read = taken(&signed, &of.trusts(&["other", "acme"]));
    let signature = read.signature.unwrap();
    assert_eq!((signature.entry.as_str(), signature.signer.as_str()), ("web.mf", "CN=acme,O=acme"));
    assert_eq!((signature.trusted, signature.reason.as_str(), read.warnings.len()), (true, "", 0));
    let own = Certificate::all(&of.read("acme.pem")).unwrap();
    assert_eq!(signature.certificate, own[0].fingerprint());

    for (trust, why) in [
        (of.trusts(&["other"]), "it is none of the trusted signers, and none of them vouches for it"),
        (of.trusts(&[]), "no signer is trusted here"),
    ] {
        let read = taken(&signed, &trust);
        let told = format!("web.mf: it is signed by CN=acme,O=acme, who is not trusted: {why}");
        assert_eq!(read.warnings, [told.as_str()]);
        assert_eq!(read.signature.map(|signature| signature.trusted), Some(false));
        let words = refused(&signed, &Trust { required: true, ..trust });
        assert!(words.starts_with(&told), "{words}");
        assert!(words.contains("have it signed by one of the trusted signers"), "{words}");
    }
    assert_eq!(refused(&signed, &Trust { required: true, ..of.trusts(&["acme"]) }), "");

    let bare = package(None);
    assert_eq!(taken(&bare, &of.trusts(&["acme"])).signature, None);
    let words = refused(&bare, &Trust { required: true, ..of.trusts(&["acme"]) });
    assert!(words.starts_with("web.csar: it is not signed, and only signed packages are taken; "), "{words}");
}

#[test]
fn an_authority_vouches_for_a_signer_through_others_that_come_along() {
    let of = Authority::new();
    of.certificate(("root", "rsa"), ("root", "ca"));
    of.certificate(("between", "ec"), ("root", "ca"));
    of.certificate(("acme", "ec"), ("between", "signer"));
    let alone = package(Some(&of.signer("acme")));
    let reason = |package: &[u8], trust: &Trust| taken(package, trust).signature.unwrap().reason;
    assert!(reason(&alone, &of.trusts(&["root"])).contains("none of them vouches for it"));
    assert_eq!(reason(&alone, &of.trusts(&["between"])), "");
    let both = [of.read("acme.pem"), of.read("between.pem")].concat();
    of.write("acme.pem", &both);
    let along = package(Some(&of.signer("acme")));
    assert_eq!(reason(&along, &of.trusts(&["root"])), "");
    // A signer vouches for nobody, whoever trusts it; and what is no signature's key signs nothing.
    of.certificate(("false", "ec"), ("acme", "signer"));
    assert!(reason(&package(Some(&of.signer("false"))), &of.trusts(&["acme"])).contains("none of them vouches for it"));
    of.certificate(("server", "rsa"), ("root", "server"));
    let signer = std::panic::catch_unwind(|| of.signer("server"));
    assert!(signer.is_err());
}

#[test]
fn a_certificate_that_ended_or_has_not_begun_is_not_believed() {
    let of = Authority::new();
    of.certificate(("root", "rsa"), ("root", "ca"));
    of.certificate(("acme", "rsa"), ("root", "signer"));
    let signed = package(Some(&of.signer("acme")));
    for names in [["acme"], ["root"]] {
        let trust = of.trusts(&names);
        assert_eq!(refused(&signed, &Trust { required: true, ..trust.clone() }), "");
        let later = Trust { now: trust.now + SignedDuration::from_hours(366 * 24), ..trust.clone() };
        assert!(taken(&signed, &later).warnings[0].contains("who is not trusted: its certificate ended at "));
        assert!(refused(&signed, &Trust { required: true, ..later }).contains("its certificate ended at "));
        let before = Trust { now: Timestamp::UNIX_EPOCH, required: true, ..trust };
        assert!(refused(&signed, &before).contains("its certificate holds from "));
    }
}

#[test]
fn what_openssl_signed_holds_with_and_without_attributes_and_certificates() {
    let of = Authority::new();
    for kind in ["rsa", "ec", "P-384"] {
        of.certificate(("acme", kind), ("acme", "signer"));
        let bare = package(None);
        of.write("content", manifest(&bare).0.as_bytes());
        for options in ["", " -noattr", " -keyid", " -md sha384", " -md sha512", " -nocerts", " -cades"] {
            // With ECDSA, SHA-512 is not taken.
            if options == " -md sha512" && kind != "rsa" {
                continue;
            }
            // Keys of EC know no identifier where the certificate has none.
            if options == " -keyid" {
                of.write("extensions", b"[signer]\nsubjectKeyIdentifier=hash\n");
                of.certificate(("acme", kind), ("acme", "signer"));
            }
            of.openssl(&format!(
                "cms -sign -binary -in content -signer acme.pem -inkey acme.key -outform PEM -out signature{options}"
            ));
            let signature = String::from_utf8(of.read("signature")).unwrap();
            let signed = changed(&bare, "web.mf", |text| format!("{text}{signature}"));
            let trust = Trust { required: true, ..of.trusts(&["acme"]) };
            assert_eq!(refused(&signed, &trust), "", "{kind}{options}");
            let nobody = of.trusts(&[]);
            match options {
                " -nocerts" => assert!(refused(&signed, &nobody).contains("certificate is not in the package")),
                _ => assert_eq!(taken(&signed, &nobody).signature.unwrap().signer, "CN=acme,O=acme"),
            }
        }
    }
}
