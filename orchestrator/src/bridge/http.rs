//! `GET /readings`: what is kept, as a SenML pack of resolved records. It reads only.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::readings::{Question, Readings};

pub(crate) type Shared = Arc<Mutex<Readings>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    device: Option<String>,
    name: Option<String>,
    since: Option<String>,
    limit: Option<usize>,
}

/// The paths of the service.
pub(crate) fn router(readings: Shared) -> Router {
    Router::new().route("/readings", get(answer)).route("/healthz", get(|| async { "ok" })).with_state(readings)
}

async fn answer(State(readings): State<Shared>, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(wrong) => return problem(&wrong.body_text()),
    };
    let since = match asked.since.as_deref().map(seconds) {
        None => None,
        Some(Some(since)) => Some(since),
        Some(None) => {
            return problem("since must be seconds since 1970 or a time such as 2026-11-25T12:00:00Z");
        }
    };
    let question = Question { device: asked.device, name: asked.name, since, limit: asked.limit };
    let found = readings.lock().unwrap_or_else(PoisonError::into_inner).find(&question);
    ([(header::CONTENT_TYPE, "application/senml+json")], Json(found)).into_response()
}

fn seconds(text: &str) -> Option<f64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Some(seconds).filter(|seconds| seconds.is_finite());
    }
    text.parse::<jiff::Timestamp>().ok().map(|time| time.as_duration().as_secs_f64())
}

fn problem(detail: &str) -> Response {
    let body = json!({"title": "the question cannot be read", "status": 400, "detail": detail});
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/problem+json")], Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::readings::Reading;
    use crate::bridge::senml::resolve;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    async fn get(path: &str) -> (StatusCode, serde_json::Value) {
        let folder = tempfile::tempdir().unwrap();
        let mut readings = Readings::open(folder.path(), 1 << 20).unwrap();
        let record = resolve(br#"[{"bn":"thermo-1/","n":"temperature","u":"Cel","t":1700000000,"v":21.5}]"#, 0.0)
            .unwrap()
            .remove(0);
        readings.keep(vec![Reading { device: "thermo-1".into(), resource: "temperature".into(), record }]).unwrap();
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(Arc::new(Mutex::new(readings))).oneshot(request).await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&to_bytes(response.into_body(), 65536).await.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn a_reading_is_answered_as_a_senml_record() {
        let (status, body) = get("/readings?device=thermo-1&name=temperature&since=2023-11-14T22:13:20Z").await;
        assert_eq!(status, StatusCode::OK);
        let expected = json!([{"device": "thermo-1", "resource": "temperature", "n": "thermo-1/temperature", "u": "Cel", "t": 1_700_000_000.0, "v": 21.5}]);
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn a_time_after_the_last_reading_gives_an_empty_pack() {
        assert_eq!(get("/readings?since=1700000001").await, (StatusCode::OK, json!([])));
    }

    #[tokio::test]
    async fn a_question_that_cannot_be_read_says_why() {
        for path in ["/readings?since=yesterday", "/readings?limit=many", "/readings?devcie=a"] {
            assert_eq!(get(path).await.0, StatusCode::BAD_REQUEST, "{path}");
        }
    }
}
