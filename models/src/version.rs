//! Versions in their order, whoever wrote them: by numbers where they are numbers (1.10 after 1.9), a prerelease before its
//! release (Semantic Versioning 11), what has no numbers before all that has. It is one order, whatever is compared.

/// What versions are compared by.
pub fn rank(version: &str) -> impl Ord + use<> {
    let plain = version.split('+').next().unwrap_or_default().trim().trim_start_matches(['v', 'V']);
    let (core, prerelease) = plain.split_once('-').map_or((plain, None), |(core, pre)| (core, Some(pre)));
    let numbers: Option<Vec<u64>> = core.split('.').map(|part| part.parse().ok()).collect();
    let numbers = numbers.map(|mut numbers| {
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        numbers
    });
    let parts = prerelease.map(|pre| {
        // A number is less than a word.
        let part = |part: &str| (part.parse::<u64>().map_or((1, 0), |number| (0, number)), part.to_owned());
        pre.split('.').map(part).collect::<Vec<_>>()
    });
    (numbers, prerelease.is_none(), parts, version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_one_order() {
        let all = [
            "edge",
            "latest",
            "0.9",
            "1.0-rc1",
            "1.0-rc2",
            "1.0",
            "1.9",
            "1.10",
            "v2.0.0-alpha.1",
            "2.0.0-alpha.beta",
            "2.0",
        ];
        for (at, one) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                assert!(rank(one) < rank(other), "{one} {other}");
            }
        }
    }
}
