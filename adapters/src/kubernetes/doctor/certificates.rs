//! When the certificates between us and the cluster end: the client's, the server's, and the CA's; and a token that says
//! its own end.

use super::{Patient, peer};
use crate::port::PortError;
use jiff::Timestamp;
use models::checkup::{Check, Finding};

/// A month is time enough to renew.
const SOON_DAYS: i64 = 30;
const DAY_S: i64 = 86_400;

pub(super) async fn check(patient: &Patient<'_>) -> Result<Check, PortError> {
    let way = patient.way;
    let server = peer::end(way.server.clone()).await;
    let ends = [
        ("client certificate", way.client_end.map(Ok)),
        ("token", way.token_end.map(Ok)),
        ("server certificate", Some(server)),
        ("CA of the kubeconfig", way.ca_end.map(Ok)),
    ];
    let ends: Vec<(&str, Result<Timestamp, String>)> =
        ends.into_iter().filter_map(|(name, end)| Some((name, end?))).collect();
    Ok(judged(&ends, patient.question.now, patient.wire.target()))
}

fn judged(ends: &[(&str, Result<Timestamp, String>)], now: Timestamp, cluster: &str) -> Check {
    let (mut state, mut details, mut first) = (Finding::Ok, Vec::new(), None);
    let mut ours = false;
    for (name, end) in ends {
        let (found, words) = match end {
            Err(cause) => (Finding::Unknown, format!("{name}: its end cannot be read: {cause}")),
            Ok(end) => {
                let days = end.duration_since(now).as_secs().div_euclid(DAY_S);
                first = Some(first.map_or((*end, *name), |known: (Timestamp, &str)| known.min((*end, *name))));
                match days {
                    days if days < 0 => (Finding::Failed, format!("{name}: ended at {end}")),
                    days if days < SOON_DAYS => (Finding::Warning, format!("{name}: ends at {end}, in {days} days")),
                    days => (Finding::Ok, format!("{name}: ends at {end}, in {days} days")),
                }
            }
        };
        ours |= found >= Finding::Warning && matches!(*name, "client certificate" | "token");
        state = state.max(found);
        details.push(words);
    }
    let found = match first {
        Some((end, name)) => format!("the first to end is the {name}, at {end}"),
        None => "no certificate of this way can be read".to_owned(),
    };
    let check = Check::new("certificates", state, found).details(details);
    match (state >= Finding::Warning, ours) {
        (true, true) => check.next(format!("give a new one: sliceway cluster set {cluster} --kubeconfig F")),
        (true, false) => check
            .next(format!("renew it on the cluster; after a new CA: sliceway cluster set {cluster} --kubeconfig F")),
        (false, _) => check,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_end_counts_and_what_cannot_be_read_is_unknown() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let after = |days: i64| Ok(Timestamp::from_second(1_800_000_000 + days * DAY_S).unwrap());
        let check = |ends: &[(&str, Result<Timestamp, String>)]| judged(ends, now, "edge");
        assert_eq!(check(&[("client certificate", after(90)), ("server certificate", after(300))]).state, Finding::Ok);
        let soon = check(&[("client certificate", after(9)), ("server certificate", after(300))]);
        assert!(soon.state == Finding::Warning && soon.next.contains("cluster set edge"), "{soon:?}");
        assert!(soon.found.contains("client certificate"), "{soon:?}");
        let ended = check(&[("client certificate", after(9)), ("server certificate", after(-1))]);
        assert!(ended.state == Finding::Failed && ended.found.contains("server certificate"), "{ended:?}");
        assert_eq!(check(&[("server certificate", Err("away".into()))]).state, Finding::Unknown);
    }
}
