//! Archives that mean harm, one test per kind: each is refused with the entry and the reason, in bounded memory and without
//! a place to write to.

use super::validated::brought;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use std::io::{Cursor, Write as _};
use tar::{Builder, EntryType, Header};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const VNFD: &[u8] = b"vnfd: {id: a, kdu: [{name: a, helm-chart: iml/a}], df: [{id: d}]}\n";

fn header(name: &[u8], kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

/// A tar with a right descriptor, and entries whose names nobody looked at.
fn tar(entries: &[(&[u8], EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    builder.append(&header(b"a/a_vnfd.yaml", EntryType::Regular, VNFD.len() as u64), VNFD).unwrap();
    for (name, kind, bytes) in entries {
        builder.append(&header(name, *kind, bytes.len() as u64), *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("a/a_vnfd.yaml", VNFD)].iter().chain(entries) {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|part| part == from) {
        bytes[at + found..at + found + from.len()].copy_from_slice(to);
        at += found + from.len();
    }
    assert!(at > 0);
    bytes
}

fn refused(name: &str, bytes: &[u8], reason: &str) {
    let said = brought(name, bytes);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{name}: {}{}", said.out, said.words);
    assert!(said.words.contains(reason), "{name}: {reason}: {}", said.words);
    assert!(said.words.len() < 20_000 && said.words.contains("next: "), "{}", said.words);
}

fn named(name: &[u8], reason: &str) {
    refused("a.tar", &tar(&[(name, EntryType::Regular, b"x")]), reason);
    refused("a.tar.gz", &gzipped(&tar(&[(name, EntryType::Regular, b"x")])), reason);
}

#[test]
fn what_is_right_is_taken_so_that_the_others_are_refused_for_their_reason() {
    for (name, bytes) in [("a.tar", tar(&[])), ("a.tar.gz", gzipped(&tar(&[]))), ("a.zip", zip(&[]))] {
        let said = brought(name, &bytes);
        assert_eq!(said.code, Some(0), "{name}: {}", said.words);
    }
}

#[test]
fn a_path_that_leads_out() {
    named(b"a/../../evil", "a/../../evil: its path leads out of the archive");
    refused("a.zip", &zip(&[("a/../../evil", b"x")]), "its path leads out of the archive");
    named(b"..", "its path leads out of the archive");
    named(b"a/..\\..\\evil", "there is a backslash in its name");
    refused("a.zip", &zip(&[("a/..\\..\\evil", b"x")]), "there is a backslash in its name");
}

#[test]
fn an_absolute_path() {
    named(b"/etc/passwd", "/etc/passwd: its path is absolute");
    refused("a.zip", &zip(&[("/etc/passwd", b"x")]), "/etc/passwd: its path is absolute");
    named(b"C:/evil", "its path is absolute");
}

#[test]
fn links_and_devices() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo] {
        refused("a.tar", &tar(&[(b"a/link", kind, b"")]), "a/link: it is a link or a device");
    }
    // GNU's sparse files, which are holes and no bytes.
    let mut sparse = header(b"a/holes", EntryType::GNUSparse, 0);
    sparse.as_gnu_mut().unwrap().realsize = *b"00010000000\0";
    sparse.as_gnu_mut().unwrap().sparse[0].offset = *b"00010000000\0";
    sparse.as_gnu_mut().unwrap().sparse[0].numbytes = *b"00000000000\0";
    sparse.set_cksum();
    let mut builder = Builder::new(Vec::new());
    builder.append(&sparse, &b""[..]).unwrap();
    refused("a.tar", &builder.into_inner().unwrap(), "a/holes: it is a link or a device");
    let mut with = ZipWriter::new(Cursor::new(Vec::new()));
    with.add_symlink("a/link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    refused("a.zip", &with.finish().unwrap().into_inner(), "a/link: it is a link or a device");
}

#[test]
fn a_bomb_by_its_ratio() {
    let zeros = vec![0; 300 << 20];
    let bomb = gzipped(&zeros);
    refused("a.tgz", &bomb, "it inflates to more than 200 times what it is packed");
    refused("a.zip", &zip(&[("a/zeros", &zeros)]), "a/zeros: it inflates to more than 200 times what it is packed");
    // Packed worse, it is still too much.
    let noise: Vec<u8> = (0..3u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    let parts: Vec<(String, &[u8])> = (0..90).map(|n| (format!("a/{n}"), noise.as_slice())).collect();
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let large = zip(&parts);
    let reason = if large.len() > 64 << 20 {
        "the archive has more than 25165824 bytes"
    } else {
        "all files together have more than"
    };
    refused("a.zip", &large, reason);
}

#[test]
fn a_bomb_in_a_chart_in_the_package() {
    let mut chart = tar(&[]);
    chart.resize(100 << 20, 0);
    let vnfd = b"vnfd: {id: a, kdu: [{name: a, helm-chart: a}], df: [{id: d}]}\n";
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("a/vnfd.yaml", vnfd.to_vec()), ("a/helm-charts/a.tgz", gzipped(&chart))] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    refused("a.zip", &zip.finish().unwrap().into_inner(), "a/helm-charts/a.tgz: it inflates to more than 200 times");
}

#[test]
fn archives_in_archives_are_files_and_nothing_more() {
    let mut inner = zip(&[]);
    for _ in 0..20 {
        inner = zip(&[("a/inner.zip", &inner)]);
    }
    let said = brought("a.zip", &inner);
    assert_eq!(said.code, Some(0), "{}", said.words);
}

#[test]
fn a_hundred_thousand_entries() {
    let mut builder = Builder::new(Vec::new());
    for n in 0..100_000 {
        builder.append(&header(format!("a/{n}").as_bytes(), EntryType::Regular, 0), &b""[..]).unwrap();
    }
    let many = builder.into_inner().unwrap();
    refused("a.tgz", &gzipped(&many), "there are more than 10000 entries");
    refused("a.tar", &many[..20 << 20], "there are more than 10000 entries");
    let names: Vec<String> = (0..100_000).map(|n| format!("a/{n}")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    refused("a.zip", &zip(&entries), "there are more than 10000 entries");
}

#[test]
fn entries_of_a_zip_that_lie_over_each_other() {
    // A second entry of the directory that points to the first one's bytes.
    let bytes = zip(&[("a/b", &[7; 4_096])]);
    let at = |from: usize| from + bytes[from..].windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    let (first, second) = (at(0), at(at(0) + 1));
    let mut bytes = bytes.clone();
    let offset: [u8; 4] = bytes[first + 42..first + 46].try_into().unwrap();
    bytes[second + 42..second + 46].copy_from_slice(&offset);
    let sums: [u8; 12] = bytes[first + 16..first + 28].try_into().unwrap();
    bytes[second + 16..second + 28].copy_from_slice(&sums);
    refused("a.zip", &bytes, "its entries lie over each other");
}

#[test]
fn a_name_that_is_there_twice() {
    refused(
        "a.tar",
        &tar(&[(b"a/b", EntryType::Regular, b"1"), (b"a/b", EntryType::Regular, b"2")]),
        "a/b: it is there twice",
    );
    refused("a.tar", &tar(&[(b"./a/./a_vnfd.yaml", EntryType::Regular, b"2")]), "a/a_vnfd.yaml: it is there twice");
    let twice = replaced(&zip(&[("a/bb", b"1"), ("a/bc", b"2")]), b"a/bc", b"a/bb");
    refused("a.zip", &twice, "is there twice");
}

#[test]
fn names_that_only_case_or_normal_form_tells_apart() {
    let entries: [(&[u8], EntryType, &[u8]); 2] =
        [(b"a/B", EntryType::Regular, b"1"), (b"a/b", EntryType::Regular, b"2")];
    refused("a.tar", &tar(&entries), "only case, or how a letter is composed, tells it from \"a/B\"");
    refused("a.zip", &zip(&[("a/B", b"1"), ("a/b", b"2")]), "only case, or how a letter is composed");
    refused("a.zip", &zip(&[("a/\u{e9}", b"1"), ("a/e\u{301}", b"2")]), "only case, or how a letter is composed");
}

#[test]
fn a_wrong_encoding() {
    named(b"a/\xe9", "its name is not UTF-8");
    refused("a.zip", &replaced(&zip(&[("a/bcd", b"1")]), b"a/bcd", b"a/b\xe9d"), "its name is not UTF-8");
    named(b"a/b\x1b[2J", "there is a control character in its name");
    let mut latin = VNFD.to_vec();
    latin.extend(b"# \xe9");
    refused("a.yaml", &latin, "it is neither an archive nor a text in UTF-8");
    let mut builder = Builder::new(Vec::new());
    builder.append(&header(b"a/a_vnfd.yaml", EntryType::Regular, latin.len() as u64), &latin[..]).unwrap();
    refused("a.tar", &builder.into_inner().unwrap(), "a/a_vnfd.yaml: it is neither an archive nor a text in UTF-8");
}

#[test]
fn what_is_encrypted() {
    let mut bytes = zip(&[]);
    for (signature, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let at = bytes.windows(4).position(|four| four == signature).unwrap();
        bytes[at + flags] |= 1;
    }
    refused("a.zip", &bytes, "a/a_vnfd.yaml: it is encrypted; pack it without a password");
}

#[test]
fn what_is_cut_off_anywhere() {
    let noise: Vec<u8> = (0..200u32).flat_map(|n| Sha256::digest(n.to_le_bytes())).collect();
    let (plain, zipped) = (tar(&[(b"a/b", EntryType::Regular, &noise)]), zip(&[("a/b", &noise)]));
    let packed = gzipped(&plain);
    for part in [3, 2] {
        refused("a.tgz", &packed[..packed.len() / part], "it is cut off or damaged");
        refused("a.zip", &zipped[..zipped.len() / part], "it is cut off or damaged");
    }
    refused("a.tgz", &packed[..packed.len() - 4], "it is cut off or damaged");
    refused("a.tar", &plain[..1_700], "it is cut off or damaged");
    refused("a.zip", &zipped[..zipped.len() - 4], "it is cut off or damaged");
    // A size that nothing follows, and a damaged byte.
    let mut builder = Builder::new(Vec::new());
    builder.append(&header(b"a/b", EntryType::Regular, 200 << 20), &b"x"[..]).unwrap();
    refused("a.tar", &builder.into_inner().unwrap(), "it is cut off or damaged");
    let mut damaged = zipped.clone();
    damaged[2_000] ^= 1;
    refused("a.zip", &damaged, "it is cut off or damaged");
}

#[test]
fn bytes_before_or_after() {
    let (plain, zipped) = (tar(&[]), zip(&[]));
    let with = |bytes: &[u8], more: &[u8]| [bytes, more].concat();
    refused("a.tgz", &with(&gzipped(&plain), b"more"), "more bytes follow its end");
    refused("a.tgz", &with(&gzipped(&plain), &gzipped(&plain)), "more bytes follow its end");
    refused("a.zip", &with(&zipped, b"more"), "more bytes follow its end");
    refused("a.tar", &with(&plain, &[7; 512]), "more bytes follow its end");
    let before = with(b"PK\x03\x04 more", &zipped);
    refused("a.zip", &before, "other bytes stand before its beginning");
}

#[test]
fn folders_too_deep_and_names_too_long() {
    let deep = format!("{}b", "a/".repeat(40));
    refused("a.zip", &zip(&[(&deep, b"x")]), "it lies too deep");
    let long = format!("a/{}", "b".repeat(300));
    refused("a.zip", &zip(&[(&long, b"x")]), "its name is too long");
}
