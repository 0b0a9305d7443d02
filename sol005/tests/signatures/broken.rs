//! Signatures that do not hold: refused, whoever is believed, with the manifest and the line.

use super::authority::{Authority, changed, files, manifest, package, refused, taken, zip};
use sol005::onboarding::onboard;
use sol005::signature::{Signer, Trust, Unfit};
use std::sync::Arc;

fn acme() -> (Authority, Vec<u8>) {
    let of = Authority::new();
    of.certificate(("acme", "rsa"), ("acme", "signer"));
    let signed = package(Some(&of.signer("acme")));
    (of, signed)
}

#[test]
fn a_changed_file_manifest_or_signature_is_refused() {
    let (of, signed) = acme();
    let trust = of.trusts(&["acme"]);
    let file = changed(&signed, "Definitions/web_vnfd.yaml", |text| text.replace("acme", "evil"));
    let words = refused(&file, &trust);
    assert!(words.contains("Definitions/web_vnfd.yaml has the digest"), "{words}");
    let told = changed(&signed, "web.mf", |text| text.replace("vnf_provider_id: acme", "vnf_provider_id: evil"));
    let words = refused(&told, &trust);
    assert!(words.contains("web.mf:") && words.contains("it is over other bytes than these"), "{words}");
    // Both, so that the digests are right again.
    let descriptor = String::from_utf8(files(&file)["Definitions/web_vnfd.yaml"].clone()).unwrap();
    let digest = |text: &str| {
        ring::digest::digest(&ring::digest::SHA256, text.as_bytes())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let both = changed(&file, "web.mf", |text| {
        text.replace(&digest(&descriptor.replace("evil", "acme")), &digest(&descriptor))
    });
    assert!(refused(&both, &trust).contains("it is over other bytes than these"), "{}", refused(&both, &trust));

    // Letters of it, turned into others. What no key signs in CMS decides nothing (its version; the certificate in it, which
    // is in the package once more): whatever is taken is by the same certificate over the same bytes.
    let (content, signature) = manifest(&signed);
    let strict = Trust { required: true, ..trust.clone() };
    let certificate = taken(&signed, &strict).signature.unwrap().certificate;
    let mut passed = 0;
    for at in (0..signature.len()).step_by(7).filter(|at| signature.as_bytes()[*at] != b'\n') {
        let other = if &signature[at..=at] == "A" { "B" } else { "A" };
        let turned = format!("{}{other}{}", &signature[..at], &signature[at + 1..]);
        let turned = changed(&signed, "web.mf", |_| format!("{content}{turned}"));
        if let Ok(read) = onboard("web.csar", &turned, &strict) {
            assert_eq!(read.signature.unwrap().certificate, certificate, "{at}");
            passed += 1;
        }
    }
    assert!(passed < signature.len() / 7 / 10, "{passed} of {}", signature.len() / 7);
}

#[test]
fn a_signature_that_is_cut_off_or_followed_by_more_is_refused() {
    let (of, signed) = acme();
    let trust = of.trusts(&["acme"]);
    let (content, signature) = manifest(&signed);
    let lines: Vec<&str> = signature.lines().collect();
    for most in 1..lines.len() {
        let cut = changed(&signed, "web.mf", |_| format!("{content}{}\n", lines[..most].join("\n")));
        let words = refused(&cut, &trust);
        assert!(words.contains("the signature does not hold: it is cut off: its end is missing"), "{words}");
        if most < lines.len() - 1 {
            let whole = format!("{content}{}\n-----END CMS-----\n", lines[..most].join("\n"));
            let words = refused(&changed(&signed, "web.mf", |_| whole.clone()), &trust);
            assert!(words.contains("the signature does not hold: it cannot be read as CMS"), "{words}");
        }
    }
    let more = changed(&signed, "web.mf", |text| format!("{text}\nSource: evil.yaml\n"));
    assert!(refused(&more, &trust).contains("more follows its end, which nobody signed"));
    let large = changed(&signed, "web.mf", |_| {
        format!("{content}-----BEGIN CMS-----\n{}\n-----END CMS-----\n", "QUJD".repeat(100_000))
    });
    assert!(refused(&large, &trust).contains("it has more than 262144 bytes"));
    let words =
        refused(&changed(&signed, "web.mf", |_| format!("{content}-----BEGIN CMS-----\n?\n-----END CMS-----")), &trust);
    assert!(words.contains("it is no base64"), "{words}");
}

#[test]
fn a_file_that_a_signed_manifest_does_not_name_is_refused() {
    let (of, signed) = acme();
    let mut entries = files(&signed);
    entries.insert("Definitions/evil.yaml".into(), b"a: 1".to_vec());
    let words = refused(&zip(&entries), &of.trusts(&["acme"]));
    assert_eq!(
        words,
        "Definitions/evil.yaml: it stands in no manifest: the signature does not hold for it; name it in the manifest \
         with its digest, and sign that anew; or leave it out"
    );
}

#[test]
fn metadata_that_nobody_signed_let_nothing_through() {
    let (of, signed) = acme();
    let trust = Trust { required: true, ..of.trusts(&["acme"]) };
    // Some manifests do not name them.
    let (content, _) = manifest(&signed);
    let meta = content.find("\nSource: TOSCA-Metadata/TOSCA.meta\n").unwrap();
    let block = 1 + content[meta + 1..].find("\n\n").unwrap();
    let content = format!("{}{}", &content[..meta], &content[meta + block..]);
    let signature = of.signer("acme").sign(content.as_bytes()).unwrap();
    let signed = changed(&signed, "web.mf", |_| format!("{content}{signature}"));
    let warning = "TOSCA-Metadata/TOSCA.meta stands in no manifest: nothing says that it is what it was";
    assert_eq!(taken(&signed, &trust).warnings, [warning]);
    // A descriptor that is read as a certificate as well.
    let descriptor = files(&signed)["Definitions/web_vnfd.yaml"].clone();
    let both = [descriptor, b"\n# ".to_vec(), of.read("acme.pem")].concat();
    for path in ["evil.cert", "evil.yaml", "Files/evil.pem"] {
        let change = |text: &str| {
            let text = text.replace("Definitions/web_vnfd.yaml", path);
            text.replace("ETSI-Entry-Certificate: web.cert", &format!("ETSI-Entry-Certificate: {path}"))
        };
        let mut entries = files(&changed(&signed, "TOSCA-Metadata/TOSCA.meta", change));
        entries.insert(path.into(), both.clone());
        let words = refused(&zip(&entries), &trust);
        assert!(words.contains(&format!("{path}: it stands in no manifest: the signature")), "{words}");
    }
}

#[test]
fn another_signers_signature_is_not_taken_for_this_one() {
    let (of, signed) = acme();
    of.certificate(("evil", "rsa"), ("evil", "signer"));
    let theirs = package(Some(&of.signer("evil")));
    let (content, _) = manifest(&signed);
    let (_, signature) = manifest(&theirs);
    // Over a manifest that names another certificate's digest.
    let swapped = changed(&signed, "web.mf", |_| format!("{content}{signature}"));
    assert!(refused(&swapped, &of.trusts(&["acme", "evil"])).contains("it is over other bytes than these"));
    assert!(taken(&theirs, &of.trusts(&["acme"])).warnings[0].contains("CN=evil,O=acme, who is not trusted"));
    // Of the same name and number, with another key.
    of.openssl("req -x509 -key evil.key -subj /O=acme/CN=acme -set_serial 7 -out evil.pem");
    of.openssl("req -x509 -key acme.key -subj /O=acme/CN=acme -set_serial 7 -out acme.pem");
    let theirs = package(Some(&of.signer("evil")));
    let reason = taken(&theirs, &of.trusts(&["acme"])).signature.unwrap().reason;
    assert!(reason.contains("none of the trusted signers"), "{reason}");
}

#[test]
fn what_signs_otherwise_is_told_with_what_to_do() {
    let (of, _) = acme();
    let bare = package(None);
    of.write("content", manifest(&bare).0.as_bytes());
    for (options, why) in [
        ("-binary -nodetach", "what it signs stands in it once more; sign it detached"),
        ("", "it was signed as a text with other line ends: sign the bytes (openssl cms -sign -binary)"),
        ("-binary -md sha1", "1.3.14.3.2.26 is no digest that is taken"),
        (
            "-binary -keyopt rsa_padding_mode:pss",
            "1.2.840.113549.1.1.10 with the key 1.2.840.113549.1.1.1 is not known here",
        ),
    ] {
        let options = if options.is_empty() { String::new() } else { format!(" {options}") };
        let sign = "cms -sign -in content -signer acme.pem -inkey acme.key -outform PEM -out signature";
        of.openssl(&format!("{sign}{options}"));
        let signature = String::from_utf8(of.read("signature")).unwrap();
        let words = refused(&changed(&bare, "web.mf", |text| format!("{text}{signature}")), &of.trusts(&["acme"]));
        assert!(words.contains(why), "{options}: {words}");
    }
    // By two.
    of.certificate(("evil", "rsa"), ("evil", "signer"));
    of.openssl("cms -sign -binary -in content -signer acme.pem -inkey acme.key -signer evil.pem -inkey evil.key -outform PEM -out two");
    let signature = String::from_utf8(of.read("two")).unwrap();
    let words = refused(&changed(&bare, "web.mf", |text| format!("{text}{signature}")), &of.trusts(&["acme"]));
    assert!(words.contains("2 have signed it, and one is taken"), "{words}");
}

#[test]
fn keys_and_certificates_that_do_not_fit_are_told() {
    let (of, _) = acme();
    of.certificate(("evil", "ec"), ("evil", "signer"));
    let read = |key: &[u8], certificate: &[u8]| {
        Signer::read((key, certificate), Arc::new(ring::rand::SystemRandom::new())).map(|_| ())
    };
    let (key, certificate) = (of.read("acme.key"), of.read("acme.pem"));
    let Err(Unfit::Certificate(why)) = read(&key, &of.read("evil.pem")) else { panic!("taken") };
    assert_eq!(why, "CN=evil,O=acme has another key");
    let Err(Unfit::Key(why)) = read(b"key", &certificate) else { panic!("taken") };
    assert!(why.starts_with("it cannot be read as a key in PEM"), "{why}");
    let Err(Unfit::Certificate(_)) = read(&key, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    else {
        panic!("taken")
    };
    of.openssl("pkey -in acme.key -aes128 -passout pass:secret -out secret.key");
    let Err(Unfit::Key(why)) = read(&of.read("secret.key"), &certificate) else { panic!("taken") };
    assert_eq!(why, "the key is encrypted: decrypt it first (openssl pkey)");
    of.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out weak.key");
    let Err(Unfit::Key(why)) = read(&of.read("weak.key"), &certificate) else { panic!("taken") };
    assert!(why.starts_with("RSA keys of 2048 bits or more and EC keys on P-256 are taken"), "{why}");
    // The older forms of keys.
    of.openssl("rsa -in acme.key -traditional -out old.key");
    assert_eq!(read(&of.read("old.key"), &certificate), Ok(()));
    of.openssl("ec -in evil.key -out old.key");
    assert_eq!(read(&of.read("old.key"), &of.read("evil.pem")), Ok(()));
}
