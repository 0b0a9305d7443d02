//! The parsers of what devices send, for the fuzzer.

use super::readings::Reading;
use super::senml::resolve;
use super::subscriber::parts;

/// The first line is a topic, the rest a pack; what is kept of it reads back from its line.
pub fn senml(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (topic, pack) = bytes.split_at(at);
    let topic = String::from_utf8_lossy(topic);
    let (device, resource) = parts(&topic).unwrap_or(("thermo-1", "temperature"));
    for record in resolve(pack, 1_700_000_000.0).into_iter().flatten() {
        assert!(record.time.is_finite(), "{record:?}");
        let reading = Reading { device: device.to_owned(), resource: resource.to_owned(), record };
        let line = serde_json::to_string(&reading).unwrap_or_default();
        assert_eq!(serde_json::from_str(&line).ok().as_ref(), Some(&reading), "{line}");
    }
}
