//! Quantities as an API server prints them, which is more than a slice file may say: exponents, thousandths of a byte,
//! millionths of a core. What is not whole is rounded up, as the scheduler does.

const UNITS: [(&str, i32); 8] = [("n", -9), ("u", -6), ("m", -3), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15)];
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// Thousandths: `250m` is 250, `2` is 2000.
pub fn milli(text: &str) -> Option<u64> {
    scaled(text, 3)
}

pub fn whole(text: &str) -> Option<u64> {
    scaled(text, 0)
}

/// The value times ten to `shift`.
fn scaled(text: &str, shift: i32) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let (before, after) = number.split_once('.').unwrap_or((number, ""));
    let digits: u128 = format!("{before}{after}").parse().ok()?;
    let places = i32::try_from(after.len()).ok()?;
    let (times, exponent) = factor(unit)?;
    let exponent = exponent.checked_add(shift)?.checked_sub(places)?;
    let power = 10u128.checked_pow(exponent.unsigned_abs())?;
    let value = digits.checked_mul(times)?;
    let value = if exponent < 0 { value.div_ceil(power) } else { value.checked_mul(power)? };
    u64::try_from(value).ok()
}

/// A unit as a whole factor and a power of ten.
fn factor(unit: &str) -> Option<(u128, i32)> {
    if let Some((_, bits)) = BINARY.iter().find(|(name, _)| *name == unit) {
        return Some((1 << bits, 0));
    }
    if let Some((_, power)) = UNITS.iter().find(|(name, _)| *name == unit) {
        return Some((1, *power));
    }
    match unit.strip_prefix(['e', 'E']) {
        Some("") if unit == "E" => Some((1, 18)),
        Some(power) => Some((1, power.parse().ok()?)),
        None => unit.is_empty().then_some((1, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_api_server_is_read_and_nothing_else() {
        for (text, cpu, bytes) in [
            ("2", Some(2_000), Some(2)),
            ("250m", Some(250), Some(1)),
            ("0.5", Some(500), Some(1)),
            ("1500u", Some(2), Some(1)),
            ("64Mi", Some(67_108_864_000), Some(67_108_864)),
            ("0.5Ki", Some(512_000), Some(512)),
            ("128974848000m", Some(128_974_848_000), Some(128_974_848)),
            ("1e3", Some(1_000_000), Some(1_000)),
            ("2E-1", Some(200), Some(1)),
            ("1G", Some(1_000_000_000_000), Some(1_000_000_000)),
            ("1E", None, Some(1_000_000_000_000_000_000)),
            ("99999999999999999999E", None, None),
            ("", None, None),
            ("-1", None, None),
            ("1x", None, None),
            ("1e999999999", None, None),
        ] {
            assert_eq!((milli(text), whole(text)), (cpu, bytes), "{text}");
        }
    }
}
