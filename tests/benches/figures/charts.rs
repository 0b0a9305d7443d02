//! A chart of the size that products have: a shop of nine parts and a database, which makes forty objects.

use serde_json::{Value, json};
use sol005::archive::Tar;
use std::sync::Arc;

pub const OBJECTS: usize = 40;

/// Name, port, whether it has a key, whether it is scaled by load.
const PARTS: [(&str, u16, bool, bool); 9] = [
    ("gateway", 8080, true, true),
    ("accounts", 8081, true, true),
    ("catalogue", 8082, false, true),
    ("search", 8083, false, true),
    ("basket", 8084, false, false),
    ("orders", 8085, true, false),
    ("payments", 8086, true, false),
    ("mail", 8087, true, false),
    ("reports", 8088, false, false),
];

/// The chart as it is packed; the same version gives the same bytes.
pub fn shop(version: &str) -> Arc<[u8]> {
    let chart = json!({
        "apiVersion": "v2", "name": "shop", "version": version, "appVersion": "4.2.0", "type": "application",
        "description": "A shop at the edge: what is sold, who buys, and what became of it", "kubeVersion": ">=1.28.0-0",
    });
    let mut tar = Tar::default();
    let mut file = |path: &str, text: &str| tar.file(&format!("shop/{path}"), text.as_bytes()).unwrap();
    file("Chart.yaml", &chart.to_string());
    file("values.yaml", &serde_json::to_string_pretty(&values()).unwrap());
    file("templates/_helpers.tpl", include_str!("shop/_helpers.tpl"));
    file("templates/database.yaml", include_str!("shop/database.yaml"));
    for (name, _, has_key, is_scaled) in PARTS {
        let mut part = |kind: &str, text: &str| {
            file(&format!("templates/{name}/{kind}.yaml"), &text.replace("PART", name));
        };
        part("deployment", include_str!("shop/deployment.yaml"));
        part("service", include_str!("shop/service.yaml"));
        part("configmap", include_str!("shop/configmap.yaml"));
        if has_key {
            part("secret", include_str!("shop/secret.yaml"));
        }
        if is_scaled {
            part("autoscaler", include_str!("shop/autoscaler.yaml"));
        }
    }
    tar.gzipped().unwrap().into()
}

fn values() -> Value {
    let resources = json!({"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}});
    let mut values = json!({
        "registry": "registry.example/shop",
        "database": {
            "replicas": 1, "tag": "16.4", "size": "10Gi", "archive": "50Gi",
            "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
        },
    });
    for (name, port, has_key, is_scaled) in PARTS {
        let mut own = json!({
            "replicas": 2, "tag": "4.2.0", "port": port, "resources": resources, "key": "",
            "env": {"LOG_LEVEL": "info", "TRACING": "off"},
            "config": {"TIMEOUT_MS": "2000", "CURRENCY": "EUR", "LANGUAGES": "en,de,sk", "PAGE": "50"},
        });
        if has_key {
            own["key"] = json!("to be changed");
        }
        if is_scaled {
            own["autoscaling"] = json!({"minReplicas": 2, "maxReplicas": 6, "percent": 70});
        }
        if name == "gateway" {
            own["expose"] = json!("LoadBalancer");
        }
        values[name] = own;
    }
    values
}
