//! What helps against what a target says, by its own words: the step that is right for the case. Pure.
//!
//! A text is what to mend, then `, then: ` and what to type. Where an operation goes on by itself once the cause is gone,
//! only the first half is shown. `sliceway operation retry` and `NAME` are filled in by who knows operation and function.

use crate::port::PortError;
use crate::release::BY_HELM;

/// After something outside of Sliceway was mended.
pub(crate) const RETRY: &str = "then: sliceway operation retry";
/// After the file or its chart was mended; or not at all.
pub(crate) const FILE: &str = "then: sliceway apply -f FILE (or go back: sliceway operation rollback)";
/// Either of the two.
pub(crate) const EITHER: &str =
    "then: sliceway operation retry (a changed file: sliceway apply -f FILE; or go back: sliceway operation rollback)";

pub(crate) fn of(error: &PortError) -> String {
    match error {
        PortError::Unreachable { target, .. } | PortError::TimedOut { target, .. } => {
            format!("check the cluster and the way to it (sliceway cluster doctor {target}), {RETRY}")
        }
        PortError::Busy { target, cause, .. } => {
            busy(cause, target).unwrap_or_else(|| "sliceway operation retry".into())
        }
        PortError::Stale { .. } => "sliceway operation retry".into(),
        // Theirs is what is deployed; on the way back it stays.
        PortError::Foreign { owner, .. } if owner == BY_HELM => {
            "sliceway operation rollback; then plan again: what helm deployed is seen by it".into()
        }
        PortError::Foreign { .. } => {
            format!("rename yours, or remove or relabel the other one, {RETRY} (or rollback)")
        }
        PortError::Unauthorized { target, .. } => {
            format!("give new credentials: sliceway cluster set {target} --kubeconfig F, {RETRY}")
        }
        PortError::Forbidden { target, cause } => right(cause, target),
        PortError::Invalid { id, cause } => refused(cause, id.split(':').next().unwrap_or("the cluster")),
        PortError::Owned { target, .. } => format!(
            "leave it to its owner, or take it from it once that does not use it any more: sliceway cluster takeover {target}, {RETRY}"
        ),
        PortError::Sealed { .. } => "restore the key file that belongs to this data folder".into(),
    }
}

/// Against a refusal that can pass; `None` where nothing is known but to wait.
pub(crate) fn busy(words: &str, cluster: &str) -> Option<String> {
    if let Some(quota) = between(words, "exceeded quota: ", ",") {
        return Some(match quota {
            "sliceway" => format!("raise `quota:` of the site in the slice file, or end what uses it up, {EITHER}"),
            other => {
                format!("have quota {other} raised, which is not ours, or end what uses it up on {cluster}, {RETRY}")
            }
        });
    }
    if let Some(hook) = between(words, "failed calling webhook \"", "\"") {
        return Some(format!(
            "bring the server of webhook {hook} back on {cluster}, or have its configuration removed, {RETRY}"
        ));
    }
    if words.contains("conversion webhook for") {
        return Some(format!("bring the conversion webhook of its CRD back on {cluster}, {RETRY}"));
    }
    if words.contains("looking up service account") {
        return Some(format!("make the service account that the chart names, or name another one, {EITHER}"));
    }
    None
}

/// Against a refusal that does not pass by itself.
pub(crate) fn refused(words: &str, cluster: &str) -> String {
    if let Some(hook) = between(words, "admission webhook \"", "\" denied") {
        return format!("do in the chart's values what webhook {hook} asks for, or have its rule changed, {EITHER}");
    }
    if let Some(policy) = between(words, "ValidatingAdmissionPolicy '", "'") {
        return format!("do in the chart's values what policy {policy} asks for, or have the policy changed, {EITHER}");
    }
    if words.contains("violates PodSecurity") {
        return format!(
            "set the securityContext that it asks for in the chart's values, or have the namespace's level lowered, {EITHER}"
        );
    }
    if ["um cpu usage per", "um memory usage per", "um storage usage per", "limit to request ratio per"]
        .iter()
        .any(|sign| words.contains(sign))
    {
        return format!(
            "set `resources` in the chart's values to what the LimitRange allows, or have it changed, {EITHER}"
        );
    }
    if words.contains("must specify") {
        return format!("say it in the chart's values: a quota of the namespace counts it, {FILE}");
    }
    if ["field is immutable", "immutable after creation", "for fields other than", "immutable field"]
        .iter()
        .any(|sign| words.contains(sign))
    {
        return "put the old value back, or let it be deleted and made anew, then: sliceway apply -f FILE (--replace NAME)"
            .into();
    }
    if let Some(instead) = between(words, "use ", " in its place") {
        return format!("take a version of the chart that uses {instead}, {FILE}");
    }
    if let Some(group) = between(words, "no CRD of this cluster makes kinds of ", ":") {
        return format!("install the CRD of {group} on {cluster}, {RETRY}");
    }
    if words.contains("does not serve") {
        return format!("take a version of the chart that fits this version of Kubernetes, {FILE}");
    }
    if words.contains("characters") && (words.contains("no more than") || words.contains("at most")) {
        return format!("shorten the name in the chart, or the values that it is made of, {FILE}");
    }
    format!("change the slice file, the chart or the rule of the cluster, {FILE}")
}

/// Which right to grant to whom.
fn right(words: &str, cluster: &str) -> String {
    let more = format!("(every right that is needed: sliceway cluster doctor {cluster}), {RETRY}");
    let user = between(words, "User \"", "\"").or_else(|| between(words, "user \"", "\""));
    if words.contains("not attempting to grant") || words.contains("attempting to grant RBAC permissions") {
        let user = user.unwrap_or("our user");
        return format!("grant to {user} on {cluster} the rights that this role would give {more}");
    }
    let (Some(user), Some(verb), Some(resource)) =
        (user, between(words, " cannot ", " resource"), between(words, " resource \"", "\""))
    else {
        return format!("grant the verb to our user on the cluster {more}");
    };
    let group = between(words, "in API group \"", "\"").filter(|group| !group.is_empty());
    let group = group.map(|group| format!(".{group}")).unwrap_or_default();
    // The server says of a namespace itself that it is in that namespace.
    let inside = between(words, "in the namespace \"", "\"").filter(|_| resource != "namespaces");
    let place = match inside {
        Some(namespace) => format!("in namespace {namespace} of {cluster}"),
        None => format!("on {cluster}"),
    };
    format!("grant {verb} on {resource}{group} to {user} {place} {more}")
}

pub(crate) fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_named_with_verb_resource_user_and_place() {
        let of = |words: &str| right(words, "edge");
        let group = r#"deployments.apps "gw" is forbidden: User "sw" cannot patch resource "deployments" in API group "apps" in the namespace "n""#;
        assert!(of(group).starts_with("grant patch on deployments.apps to sw in namespace n of edge (every"));
        let core = r#"namespaces is forbidden: User "sw" cannot list resource "namespaces" in API group "" at the cluster scope"#;
        assert!(of(core).starts_with("grant list on namespaces to sw on edge (every"), "{}", of(core));
        let itself = r#"namespaces "n" is forbidden: User "sw" cannot patch resource "namespaces" in API group "" in the namespace "n""#;
        assert!(of(itself).starts_with("grant patch on namespaces to sw on edge (every"), "{}", of(itself));
        assert!(of("Forbidden").starts_with("grant the verb to our user"));
    }

    #[test]
    fn every_refusal_ends_in_what_to_type() {
        let foreign = "exceeded quota: theirs, requested: pods=1, used: pods=1, limited: pods=1";
        assert!(busy(foreign, "edge").unwrap().contains("quota theirs"));
        assert_eq!(busy("the server is busy", "edge"), None);
        let denied = refused(r#"admission webhook "policy.example" denied the request: no"#, "edge");
        assert!(denied.contains("what webhook policy.example asks for"), "{denied}");
        for words in ["", "violates PodSecurity", "data: Forbidden: field is immutable", "must specify limits.cpu"] {
            assert!(
                refused(words, "edge").contains(", then: sliceway apply -f FILE")
                    || refused(words, "edge").contains(RETRY),
                "{words}"
            );
        }
    }
}
