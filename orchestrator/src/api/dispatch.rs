//! From an HTTP request to a handler and back: matching, authentication, limits, idempotency, problems.

use super::App;
use super::idempotency::{Keep, Keyed};
use super::problem::Problem;
use super::reply::{Input, Reply};
use super::table::{Endpoint, Match, Method, find};
use super::{conditions, headers, nfvo, openapi, params, table};
use crate::auth::Caller;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use models::Name;
use std::sync::Arc;

/// The size of a body; an upload of charts or of a package may be larger: 24 MiB are 32 in base64.
const BODY: usize = 4 << 20;
const UPLOAD: usize = 33 << 20;

pub(crate) async fn dispatch(State(app): State<Arc<App>>, request: Request) -> Response {
    let (label, spoken, result) = answer(&app, request).await;
    let mut reply = match result {
        Ok(reply) => response(reply),
        Err(problem) => problem_response(&problem),
    };
    if let Some(version) = spoken.and_then(|spoken| spoken.version.to_string().parse().ok()) {
        reply.headers_mut().insert(nfvo::VERSION, version);
    }
    app.metrics.count(label, reply.status().as_u16());
    reply
}

/// What was asked for, in which version, and what comes of it.
type Answer = (&'static str, Option<nfvo::Spoken>, Result<Reply, Problem>);

async fn answer(app: &Arc<App>, request: Request) -> Answer {
    let (method, path) = (request.method().as_str().to_owned(), request.uri().path().to_owned());
    match (method.as_str(), path.as_str()) {
        ("GET", "/healthz") => return ("/healthz", None, Ok(text("ok\n"))),
        ("GET", "/readyz") => return ("/readyz", None, ready(app).await),
        ("GET", "/openapi.json") => return ("/openapi.json", None, Reply::ok(openapi::document())),
        (_, open) if table::OPEN.contains(&open) => return ("other", None, Err(Problem::method(open, &["GET"]))),
        _ => {}
    }
    match find(&method, &path) {
        Match::Found(endpoint, parts) => {
            let spoken = match nfvo::negotiated(endpoint, request.headers()) {
                Ok(spoken) => spoken,
                Err(problem) => return (endpoint.path, None, Err(problem)),
            };
            let input = Input { path: parts, at: path, spoken, ..Input::default() };
            (endpoint.path, spoken, call(app, endpoint, (request, input)).await)
        }
        Match::OtherMethods(allowed) => ("other", None, Err(Problem::method(&path, &allowed))),
        Match::None => {
            let problem = Problem::new(404, "not-found", format!("there is nothing at {path}"));
            ("other", None, Err(problem.next("see /openapi.json")))
        }
    }
}

fn text(body: &str) -> Reply {
    Reply::Text { status: 200, kind: "text/plain", body: body.to_owned() }
}

async fn ready(app: &App) -> Result<Reply, Problem> {
    app.readiness.ask(app).await?;
    Ok(text("ready\n"))
}

async fn call(
    app: &Arc<App>,
    endpoint: &'static Endpoint,
    (request, mut input): (Request, Input),
) -> Result<Reply, Problem> {
    nfvo::refused(endpoint, request.headers())?;
    let caller = authenticate(app, request.headers()).await?;
    if caller.role() < endpoint.role {
        return Err(crate::auth::Denied { needs: endpoint.role, has: caller.role() }.into());
    }
    app.rate.take(caller.token()).map_err(|seconds| {
        Problem::new(429, "too-many-requests", format!("this token calls too often; wait {seconds} s"))
    })?;
    let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    input.query = params::pairs(request.uri().query().unwrap_or(""))?;
    params::check(endpoint, &input.query)?;
    input.expect = conditions::expect(endpoint, request.headers())?;
    input.newest = *app.store.changed().borrow();
    input.last_event = headers::last_event(request.headers())?;
    input.range = headers::one(request.headers(), header::RANGE.as_str())?.map(str::to_owned);
    input.accept = headers::one(request.headers(), header::ACCEPT.as_str())?.map(str::to_owned);
    input.kind = headers::one(request.headers(), header::CONTENT_TYPE.as_str())?.map(headers::media_type);
    let key = headers::one(request.headers(), headers::IDEMPOTENCY_KEY)?.map(str::to_owned);
    input.body = body(app, endpoint, request.into_body()).await?;
    if endpoint.method == Method::Get {
        return (endpoint.handler)(Arc::clone(app), caller, input).await;
    }
    // A client that goes away must not leave a write half done.
    let shared = Arc::clone(app);
    let work = async move {
        match key {
            None => (endpoint.handler)(shared, caller, input).await,
            Some(key) => {
                let keyed = Keyed::new(caller.tenant(), &key, (endpoint.method.as_str(), &target, &input.body))?;
                once(&shared, keyed, (endpoint, caller, input)).await
            }
        }
    };
    app.engine.see_through(work).await?
}

/// All of the body, within its size and its time.
async fn body(app: &App, endpoint: &Endpoint, body: Body) -> Result<Vec<u8>, Problem> {
    let uploads = ["/repositories/", "/packages/", "_content"].iter().any(|noun| endpoint.path.contains(noun));
    let limit = if uploads { UPLOAD } else { BODY };
    let within = app.body_deadline;
    let read = tokio::time::timeout(within, axum::body::to_bytes(body, limit)).await.map_err(|_| {
        let detail = format!("the body did not come within {} s", within.as_secs());
        Problem::new(408, "too-slow", detail)
            .next("send it again, faster; limits.body_deadline_s of the server's file is the bound")
    })?;
    let too_large = |error: &axum::Error| {
        use std::error::Error as _;
        error.source().is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
    };
    let read = read.map_err(|error| match too_large(&error) {
        true => Problem::new(413, "too-large", format!("the body is larger than {} MiB", limit >> 20)),
        false => Problem::bad("the body ended before its length"),
    })?;
    Ok(read.into())
}

async fn once(
    app: &Arc<App>,
    keyed: Keyed,
    (endpoint, caller, input): (&'static Endpoint, Caller, Input),
) -> Result<Reply, Problem> {
    if let Some(before) = keyed.begin(app).await? {
        return Ok(before);
    }
    let result = (endpoint.handler)(Arc::clone(app), caller, input).await;
    let keep = match endpoint.path {
        path if path.ends_with("/tokens") => Keep::That,
        // Asking again for the same secret is no harm; keeping it would be.
        path if path.ends_with(":credentials") => Keep::Nothing,
        _ => Keep::Whole,
    };
    match &result {
        Ok(reply) => keyed.keep(app, (reply, keep)).await?,
        // A refusal may be better the next time.
        Err(_) => keyed.release(app).await?,
    }
    result
}

async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let refused = || {
        Problem::new(401, "unauthorized", "a valid token is needed")
            .next("sliceway login --server URL --token T, or the header Authorization: Bearer T")
    };
    let token = headers::bearer(headers).ok_or_else(refused)?;
    let caller = app.tokens.caller(token).await?.ok_or_else(refused)?;
    // A token does not outlive its tenant.
    if !app.tenants.exists(caller.tenant()).await? {
        return Err(refused());
    }
    let Some(tenant) = headers::one(headers, headers::TENANT)? else { return Ok(caller) };
    let missing = || Problem::not_found(format!("tenant {tenant:?}"));
    let name: Name = tenant.parse().map_err(|_| missing())?;
    // A foreign tenant cannot be told from one that does not exist.
    let caller = caller.acting_in(name.clone()).ok_or_else(missing)?;
    if app.tenants.exists(&name).await? { Ok(caller) } else { Err(missing()) }
}

fn response(reply: Reply) -> Response {
    match reply {
        Reply::Json { status, body, etag, location, link } => {
            let headers = [
                (header::ETAG, etag.map(|rev| format!("\"{rev}\""))),
                (header::LOCATION, location),
                (header::LINK, link),
            ];
            let mut builder = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
            for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                builder = builder.header(name, value);
            }
            finish(builder.body(Body::from(body.to_string())))
        }
        Reply::Elsewhere { location } => {
            finish(Response::builder().status(303).header(header::LOCATION, location).body(Body::empty()))
        }
        Reply::Accepted { location } => {
            finish(Response::builder().status(202).header(header::LOCATION, location).body(Body::empty()))
        }
        Reply::Empty { status } => finish(Response::builder().status(status).body(Body::empty())),
        Reply::Text { status, kind, body } => {
            finish(Response::builder().status(status).header(header::CONTENT_TYPE, kind).body(Body::from(body)))
        }
        Reply::Bytes { status, kind, range, body } => {
            let mut builder = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
            builder = builder.header(header::ACCEPT_RANGES, "bytes");
            if let Some(range) = range {
                builder = builder.header(header::CONTENT_RANGE, range);
            }
            finish(builder.body(Body::from(body)))
        }
        Reply::Events(feed) => finish(
            Response::builder()
                .header(header::CONTENT_TYPE, "text/event-stream")
                .header(header::CACHE_CONTROL, "no-store")
                .body(Body::from_stream(feed.stream())),
        ),
    }
}

fn finish(built: Result<Response, axum::http::Error>) -> Response {
    built.unwrap_or_else(|error| {
        tracing::error!(%error, "an answer could not be built");
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

pub(crate) fn problem_response(problem: &Problem) -> Response {
    let mut builder =
        Response::builder().status(problem.status).header(header::CONTENT_TYPE, "application/problem+json");
    match problem.status {
        405 => builder = builder.header(header::ALLOW, problem.allowed()),
        401 => builder = builder.header(header::WWW_AUTHENTICATE, "Bearer realm=\"sliceway\""),
        // RFC 6750 3.1: the header itself is wrong.
        400 if problem.kind == "invalid-request" => {
            let why = "Bearer realm=\"sliceway\", error=\"invalid_request\"";
            builder = builder.header(header::WWW_AUTHENTICATE, why);
        }
        // What is left of the body is not waited for.
        416 => builder = builder.header(header::CONTENT_RANGE, format!("bytes */{}", problem.more["size"])),
        408 => builder = builder.header(header::CONNECTION, "close"),
        429 | 503 => builder = builder.header(header::RETRY_AFTER, "1"),
        _ => {}
    }
    finish(builder.body(Body::from(problem.body().to_string())))
}
