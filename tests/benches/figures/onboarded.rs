//! P18: a package of a mebibyte put on a server, beside what must be done with it alone: inflating it, hashing it, parsing its
//! descriptor and one durable write in the same folder, in turns.

use crate::charts::shop;
use crate::descriptor::{csar, drawn, helm};
use crate::ours::Ours;
use crate::row::{Row, Table, median, millis};
use crate::wire::Wire;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sol005::archive::{Entries, Limits, Zip, read};
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

const BYTES: usize = 1 << 20;
/// Images and the like, which are packed already.
const LAYERS: usize = 15;
const ROUNDS: usize = 40;
const WARM: usize = 4;

/// What the parts took in each round.
#[derive(Default)]
struct Parts {
    inflate: Vec<Duration>,
    hash: Vec<Duration>,
    parse: Vec<Duration>,
    write: Vec<Duration>,
    all: Vec<Duration>,
}

pub async fn measure(table: &mut Table) {
    let ours = Ours::start();
    let mut wire = Wire::to(ours.address(), ours.token()).await;
    let helm = helm();
    let (mut whole, mut parts) = (Vec::new(), Parts::default());
    for round in 0..WARM + ROUNDS {
        let version = format!("1.0.{round}");
        let package = grown(&csar(drawn(&helm, &shop(&version)).await), round);
        let path = format!("/api/v1/packages/shop-1-0-{round}?file=shop.csar");
        let file = ours.data().join(format!("blobs/beside-{round}"));
        let took = if round % 2 == 0 {
            let took = put(&mut wire, (&path, &package)).await;
            alone(&package, &file, &mut parts);
            took
        } else {
            alone(&package, &file, &mut parts);
            put(&mut wire, (&path, &package)).await
        };
        whole.push(took);
    }
    helm.close().await;
    whole.drain(..WARM);
    let of = |mut took: Vec<Duration>| {
        took.drain(..WARM);
        millis(median(&mut took))
    };
    let (whole, alone) = (millis(median(&mut whole)), of(parts.all));
    let [inflate, hash, parse, write] = [parts.inflate, parts.hash, parts.parse, parts.write].map(of);
    table.add(Row {
        id: "P18",
        what: "a CSAR of 1 MiB put on a server, p50",
        value: whole,
        unit: "ms",
        against: format!(
            "inflating {inflate:.1}, hashing {hash:.1}, parsing {parse:.1}, one durable write {write:.1}: {alone:.1} ms: times \
             that, <= 2"
        ),
        ratio: Some(whole / alone),
    });
}

async fn put(wire: &mut Wire, (path, body): (&str, &[u8])) -> Duration {
    let began = Instant::now();
    let status = wire.send(("PUT", path), ("application/zip", body)).await;
    let took = began.elapsed();
    assert_eq!(status, "200", "{}", String::from_utf8_lossy(wire.body()));
    took
}

/// The package with files beside its chart, up to a mebibyte; its manifest names them.
fn grown(csar: &[u8], seed: usize) -> Vec<u8> {
    let mut files: Entries = read(csar, Limits::default()).unwrap();
    let manifest = files.remove("shop.mf").unwrap();
    let mut manifest = String::from_utf8(manifest).unwrap();
    let size = BYTES.saturating_sub(csar.len()) / LAYERS;
    for layer in 0..LAYERS {
        let (path, bytes) =
            (format!("Artifacts/images/layer-{layer}.bin"), noise(size, (seed * LAYERS + layer) as u64));
        manifest.push_str(&format!("\nSource: {path}\nAlgorithm: SHA-256\nHash: {:x}\n", Sha256::digest(&bytes)));
        files.insert(path, bytes);
    }
    files.insert("shop.mf".into(), manifest.into_bytes());
    let mut zip = Zip::default();
    files.iter().for_each(|(path, bytes)| zip.file(path, bytes).unwrap());
    let package = zip.finished().unwrap();
    assert!(package.len().abs_diff(BYTES) < BYTES / 50, "{} bytes", package.len());
    package
}

/// Bytes that no packing makes fewer, other ones for each seed (xorshift).
fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(word).take(size.div_ceil(8)).flatten().collect();
    bytes.truncate(size);
    bytes
}

/// Each part once, one after the other, and nothing else.
fn alone(package: &[u8], to: &Path, parts: &mut Parts) {
    let began = Instant::now();
    let entries = inflated(package);
    let inflate = began.elapsed();
    std::hint::black_box(Sha256::digest(package));
    for (_, bytes) in &entries {
        std::hint::black_box(Sha256::digest(bytes));
    }
    let hash = began.elapsed() - inflate;
    let is_descriptor = |(path, _): &&(String, Vec<u8>)| path == "Definitions/shop_vnfd.yaml";
    let (_, descriptor) = entries.iter().find(is_descriptor).unwrap();
    let parsed: Value = serde_saphyr::from_str(std::str::from_utf8(descriptor).unwrap()).unwrap();
    assert!(parsed.is_object());
    let parse = began.elapsed() - inflate - hash;
    let mut file = std::fs::File::create_new(to).unwrap();
    file.write_all(package).unwrap();
    file.sync_all().unwrap();
    let all = began.elapsed();
    std::fs::remove_file(to).unwrap();
    parts.inflate.push(inflate);
    parts.hash.push(hash);
    parts.parse.push(parse);
    parts.write.push(all - inflate - hash - parse);
    parts.all.push(all);
}

fn inflated(package: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(package)).unwrap();
    let mut entries = Vec::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        entries.push((String::from_utf8_lossy(entry.name_raw()).into_owned(), bytes));
    }
    entries
}
