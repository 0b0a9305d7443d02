//! What an API server, or the controller behind it, takes as a name or a label. It knows the kinds of Kubernetes itself;
//! the others, and every custom kind, have names that are DNS subdomains. Pure.

/// A StatefulSet's pods carry its name with eleven characters more as a label.
const STATEFUL_SET: usize = 52;
const LABEL: usize = 63;
const SUBDOMAIN: usize = 253;

/// Why `name` is no name for an object of `kind`; `None`: it is one.
pub fn broken_name(kind: &str, name: &str) -> Option<String> {
    let label = |most: usize, why: &str| {
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        longer(name, most).map(|words| words + &why).or_else(|| (!is_label(name)).then(|| LABEL_FORM.to_owned()))
    };
    let subdomain = |most: usize, why: &str| {
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        longer(name, most)
            .map(|words| words + &why)
            .or_else(|| (!is_subdomain(name)).then(|| SUBDOMAIN_FORM.to_owned()))
    };
    match kind {
        "Service" | "Namespace" => label(LABEL, ""),
        "StatefulSet" => label(STATEFUL_SET, "its pods carry it in a label, with a revision"),
        "Job" => subdomain(LABEL, "its pods carry it as a label"),
        "CronJob" => subdomain(STATEFUL_SET, "its jobs are called as it, with a time"),
        // The API server is as generous here: the name only has to fit into a path.
        "PodDisruptionBudget" | "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => segment(name),
        _ => subdomain(SUBDOMAIN, ""),
    }
}

/// Why `value` is no value of a label; `None`: it is one.
pub fn broken_label(value: &str) -> Option<String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let edge = |c: char| c.is_ascii_alphanumeric();
    let good = value.is_empty() || value.chars().all(inner) && value.starts_with(edge) && value.ends_with(edge);
    longer(value, LABEL)
        .or_else(|| (!good).then(|| "letters, digits, '-', '_' and '.', a letter or digit first and last".into()))
}

const LABEL_FORM: &str = "a-z, 0-9 and '-', a letter or digit first and last (RFC 1123 label)";
const SUBDOMAIN_FORM: &str =
    "a-z, 0-9, '-' and '.', a letter or digit first and last of each part (RFC 1123 subdomain)";

fn longer(name: &str, most: usize) -> Option<String> {
    (name.len() > most).then(|| format!("at most {most} characters, it has {}", name.len()))
}

fn is_label(name: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.chars().all(|c| edge(c) || c == '-') && name.starts_with(edge) && name.ends_with(edge)
}

fn is_subdomain(name: &str) -> bool {
    name.split('.').all(is_label)
}

/// What stands between two slashes of a path.
fn segment(name: &str) -> Option<String> {
    let bad = matches!(name, "." | "..") || name.contains(['/', '%']);
    bad.then(|| "no '/' and no '%', and not '.' or '..'".to_owned())
}
