//! The unit names of SenML, as plain data: those of the registry that RFC 8428 (12.1) opened with what RFC 8798 (2) added
//! to it, and the secondary ones of RFC 8798 (3). It must never hold a unit that no registry has.

use crate::problem::nearest;

#[rustfmt::skip]
pub(super) static UNITS: &[&str] = &[
    // RFC 8428 12.1
    "m", "kg", "g", "s", "A", "K", "cd", "mol", "Hz", "rad", "sr", "N", "Pa", "J", "W", "C", "V", "F", "Ohm", "S", "Wb",
    "T", "H", "Cel", "lm", "lx", "Bq", "Gy", "Sv", "kat", "m2", "m3", "l", "m/s", "m/s2", "m3/s", "l/s", "W/m2", "cd/m2",
    "bit", "bit/s", "lat", "lon", "pH", "dB", "dBW", "Bspl", "count", "/", "%", "%RH", "%EL", "EL", "1/s", "1/min",
    "beat/min", "beats", "S/m",
    // RFC 8798 2
    "B", "VA", "VAs", "var", "vars", "J/m", "kg/m3", "deg",
    // RFC 8798 3
    "ms", "min", "h", "MHz", "kW", "kVA", "kvar", "Ah", "Wh", "kWh", "varh", "kvarh", "kVAh", "Wh/km", "KiB", "GB",
    "Mbit/s", "B/s", "MB/s", "mV", "mA", "dBm", "ug/m3", "mm/h", "m/h", "ppm", "/100", "/1000", "hPa", "mm", "cm", "km",
    "km/h",
];

/// What people write, in small letters, and the name that SenML has for it.
static WORDS: &[(&str, &str)] = &[
    ("celsius", "Cel"),
    ("°c", "Cel"),
    ("degc", "Cel"),
    ("degrees celsius", "Cel"),
    ("kelvin", "K"),
    ("percent", "%"),
    ("humidity", "%RH"),
    ("rh", "%RH"),
    ("lux", "lx"),
    ("volt", "V"),
    ("volts", "V"),
    ("ampere", "A"),
    ("amps", "A"),
    ("watt", "W"),
    ("watts", "W"),
    ("joule", "J"),
    ("meter", "m"),
    ("metre", "m"),
    ("second", "s"),
    ("seconds", "s"),
    ("minute", "min"),
    ("minutes", "min"),
    ("hour", "h"),
    ("hours", "h"),
    ("hertz", "Hz"),
    ("pascal", "Pa"),
    ("mbar", "hPa"),
    ("liter", "l"),
    ("litre", "l"),
    ("gram", "g"),
    ("kilogram", "kg"),
    ("byte", "B"),
    ("bytes", "B"),
    ("bits", "bit"),
    ("degree", "deg"),
    ("degrees", "deg"),
];

/// The unit that was most likely meant.
pub(super) fn meant(text: &str) -> Option<&'static str> {
    let small = text.trim().to_lowercase();
    let same = UNITS.iter().copied().find(|unit| unit.to_lowercase() == small);
    let word = || WORDS.iter().find(|(word, _)| *word == small).map(|(_, unit)| *unit);
    same.or_else(word).or_else(|| nearest(text, UNITS.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_leads_to_a_unit_that_there_is_and_no_unit_is_there_twice() {
        for (word, unit) in WORDS {
            assert!(UNITS.contains(unit), "{word}");
            assert_eq!(meant(word), Some(*unit), "{word}");
        }
        let mut once = UNITS.to_vec();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), UNITS.len());
    }

    #[test]
    fn the_unit_that_was_meant_is_found_by_its_letters() {
        for (text, unit) in [("Celsius", "Cel"), ("cel", "Cel"), ("KWH", "kWh"), ("ug/m", "ug/m3")] {
            assert_eq!(meant(text), Some(unit), "{text}");
        }
        assert_eq!(meant("furlongs per fortnight"), None);
    }
}
