//! Versions of Kubernetes' own kinds that Kubernetes dropped, or said that it would: what charts of another time still
//! ask for. Pure. It knows what Kubernetes announced, not what a certain API server serves.

/// One kind in one version of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// `group/version/Kind`
    pub kind: &'static str,
    /// The minor version of Kubernetes 1 that no longer serves it; `None`: it is deprecated, and no end was announced.
    pub in_minor: Option<u32>,
    /// What takes its place; empty where nothing does.
    pub instead: &'static str,
}

const fn gone(kind: &'static str, minor: u32, instead: &'static str) -> Removed {
    Removed { kind, in_minor: Some(minor), instead }
}

const fn old(kind: &'static str, instead: &'static str) -> Removed {
    Removed { kind, in_minor: None, instead }
}

/// Oldest removal first.
const TABLE: &[Removed] = &[
    gone("extensions/v1beta1/Deployment", 16, "apps/v1/Deployment"),
    gone("extensions/v1beta1/DaemonSet", 16, "apps/v1/DaemonSet"),
    gone("extensions/v1beta1/ReplicaSet", 16, "apps/v1/ReplicaSet"),
    gone("extensions/v1beta1/NetworkPolicy", 16, "networking.k8s.io/v1/NetworkPolicy"),
    gone("extensions/v1beta1/PodSecurityPolicy", 16, ""),
    gone("apps/v1beta1/Deployment", 16, "apps/v1/Deployment"),
    gone("apps/v1beta1/StatefulSet", 16, "apps/v1/StatefulSet"),
    gone("apps/v1beta2/Deployment", 16, "apps/v1/Deployment"),
    gone("apps/v1beta2/StatefulSet", 16, "apps/v1/StatefulSet"),
    gone("apps/v1beta2/DaemonSet", 16, "apps/v1/DaemonSet"),
    gone("apps/v1beta2/ReplicaSet", 16, "apps/v1/ReplicaSet"),
    gone("extensions/v1beta1/Ingress", 22, "networking.k8s.io/v1/Ingress"),
    gone("networking.k8s.io/v1beta1/Ingress", 22, "networking.k8s.io/v1/Ingress"),
    gone("networking.k8s.io/v1beta1/IngressClass", 22, "networking.k8s.io/v1/IngressClass"),
    gone("rbac.authorization.k8s.io/v1beta1/Role", 22, "rbac.authorization.k8s.io/v1/Role"),
    gone("rbac.authorization.k8s.io/v1beta1/RoleBinding", 22, "rbac.authorization.k8s.io/v1/RoleBinding"),
    gone("rbac.authorization.k8s.io/v1beta1/ClusterRole", 22, "rbac.authorization.k8s.io/v1/ClusterRole"),
    gone("rbac.authorization.k8s.io/v1beta1/ClusterRoleBinding", 22, "rbac.authorization.k8s.io/v1/ClusterRoleBinding"),
    gone(
        "apiextensions.k8s.io/v1beta1/CustomResourceDefinition",
        22,
        "apiextensions.k8s.io/v1/CustomResourceDefinition",
    ),
    gone("apiregistration.k8s.io/v1beta1/APIService", 22, "apiregistration.k8s.io/v1/APIService"),
    gone(
        "admissionregistration.k8s.io/v1beta1/MutatingWebhookConfiguration",
        22,
        "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration",
    ),
    gone(
        "admissionregistration.k8s.io/v1beta1/ValidatingWebhookConfiguration",
        22,
        "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration",
    ),
    gone(
        "certificates.k8s.io/v1beta1/CertificateSigningRequest",
        22,
        "certificates.k8s.io/v1/CertificateSigningRequest",
    ),
    gone("coordination.k8s.io/v1beta1/Lease", 22, "coordination.k8s.io/v1/Lease"),
    gone("scheduling.k8s.io/v1beta1/PriorityClass", 22, "scheduling.k8s.io/v1/PriorityClass"),
    gone("storage.k8s.io/v1beta1/StorageClass", 22, "storage.k8s.io/v1/StorageClass"),
    gone("storage.k8s.io/v1beta1/CSIDriver", 22, "storage.k8s.io/v1/CSIDriver"),
    gone("storage.k8s.io/v1beta1/CSINode", 22, "storage.k8s.io/v1/CSINode"),
    gone("storage.k8s.io/v1beta1/VolumeAttachment", 22, "storage.k8s.io/v1/VolumeAttachment"),
    gone("batch/v1beta1/CronJob", 25, "batch/v1/CronJob"),
    gone("discovery.k8s.io/v1beta1/EndpointSlice", 25, "discovery.k8s.io/v1/EndpointSlice"),
    gone("events.k8s.io/v1beta1/Event", 25, "events.k8s.io/v1/Event"),
    gone("autoscaling/v2beta1/HorizontalPodAutoscaler", 25, "autoscaling/v2/HorizontalPodAutoscaler"),
    gone("policy/v1beta1/PodDisruptionBudget", 25, "policy/v1/PodDisruptionBudget"),
    gone("policy/v1beta1/PodSecurityPolicy", 25, ""),
    gone("node.k8s.io/v1beta1/RuntimeClass", 25, "node.k8s.io/v1/RuntimeClass"),
    gone("autoscaling/v2beta2/HorizontalPodAutoscaler", 26, "autoscaling/v2/HorizontalPodAutoscaler"),
    gone("flowcontrol.apiserver.k8s.io/v1beta1/FlowSchema", 26, "flowcontrol.apiserver.k8s.io/v1/FlowSchema"),
    gone("storage.k8s.io/v1beta1/CSIStorageCapacity", 27, "storage.k8s.io/v1/CSIStorageCapacity"),
    gone("flowcontrol.apiserver.k8s.io/v1beta2/FlowSchema", 29, "flowcontrol.apiserver.k8s.io/v1/FlowSchema"),
    gone("flowcontrol.apiserver.k8s.io/v1beta3/FlowSchema", 32, "flowcontrol.apiserver.k8s.io/v1/FlowSchema"),
    old("v1/ComponentStatus", ""),
    old("v1/Endpoints", "discovery.k8s.io/v1/EndpointSlice"),
];

/// What Kubernetes said of `group/version/Kind`; `None`: nothing.
pub fn of(kind: &str) -> Option<&'static Removed> {
    TABLE.iter().find(|removed| removed.kind == kind)
}

/// 36 of `v1.36.3`, `1.29+`; `None` where it is no version of Kubernetes 1.
pub fn minor(version: &str) -> Option<u32> {
    let rest = version.trim_start_matches('v').strip_prefix("1.")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Whether a group is one of Kubernetes' own: no CRD makes its kinds.
pub fn is_builtin(group: &str) -> bool {
    match group {
        "" | "apps" | "batch" | "autoscaling" | "policy" | "extensions" => true,
        _ => group.ends_with(".k8s.io") && TABLE.iter().any(|removed| removed.kind.starts_with(group)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_distributions_write_it() {
        for (text, expect) in [
            ("v1.36.3", Some(36)),
            ("v1.29.4-eks-036c24b", Some(29)),
            ("v1.31.2+k3s1", Some(31)),
            ("1.9", Some(9)),
            ("v2.0.0", None),
            ("", None),
        ] {
            assert_eq!(minor(text), expect, "{text}");
        }
    }

    #[test]
    fn what_was_dropped_names_its_place_taker_and_each_kind_stands_once() {
        assert_eq!(of("batch/v1beta1/CronJob").unwrap().instead, "batch/v1/CronJob");
        assert_eq!(of("policy/v1beta1/PodSecurityPolicy").unwrap().instead, "");
        assert!(of("apps/v1/Deployment").is_none() && is_builtin("networking.k8s.io") && !is_builtin("cilium.io"));
        for (index, one) in TABLE.iter().enumerate() {
            assert!(TABLE[index + 1..].iter().all(|other| other.kind != one.kind), "{}", one.kind);
        }
    }
}
