//! Which token opens which door. The document of the API says it, and this layer reads it there: a door the document
//! does not name opens for nobody.

use super::{Problem, bearer};
use crate::app::App;
use crate::auth::{Caller, Pass, Scope};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What each door asks for.
#[derive(Debug)]
pub(super) struct Rights {
    doors: BTreeMap<String, BTreeMap<String, Door>>,
}

/// The part of the document that says it.
#[derive(Debug, Deserialize)]
struct Document {
    paths: BTreeMap<String, BTreeMap<String, Door>>,
}

#[derive(Debug, Deserialize)]
struct Door {
    #[serde(default)]
    security: Vec<Asks>,
}

/// One way in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Asks {
    /// A token of the API, with this scope at least.
    Token(Vec<Scope>),
    /// The token of whoever runs this server.
    Operator {},
    /// The connection's own token, which the door looks at itself.
    Connection {},
}

impl Rights {
    /// As the document has them.
    pub(super) fn of(document: &str) -> Self {
        let document: Document = serde_json::from_str(document)
            .expect("every door of the document asks for scopes that exist");
        Self {
            doors: document.paths,
        }
    }

    fn asks(&self, method: &Method, path: &str) -> Option<&Asks> {
        let method = match *method {
            Method::HEAD => "get",
            ref other => &other.as_str().to_ascii_lowercase(),
        };
        self.doors.get(path)?.get(method)?.security.first()
    }
}

/// Lets through who may.
pub(super) async fn check(
    State((app, rights)): State<(Arc<App>, Arc<Rights>)>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    let asked = rights.asks(request.method(), path.as_str());
    let caller = match asked {
        // The door looks at the token itself.
        Some(Asks::Connection {}) => return next.run(request).await,
        Some(Asks::Operator {}) => operator(&app, request.headers()).await,
        Some(Asks::Token(scopes)) => match scopes.first() {
            Some(wanted) => may(&app, request.headers(), *wanted).await,
            None => Err(closed()),
        },
        None => Err(closed()),
    };
    match caller {
        Err(problem) => problem.into_response(),
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
    }
}

async fn operator(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let caller = may(app, headers, Scope::Admin).await?;
    if caller.is_operator {
        return Ok(caller);
    }
    let (status, detail) = (
        StatusCode::FORBIDDEN,
        "this is for whoever runs this server",
    );
    let hint = "use the token in operator.token of the data folder";
    Err(Problem::new(status, "insufficient_scope", detail, hint))
}

fn closed() -> Problem {
    Problem::unauthorized("nobody may do this")
}

async fn may(app: &App, headers: &HeaderMap, wanted: Scope) -> Result<Caller, Problem> {
    let token = bearer(headers)?;
    match app.auth.pass(&token).await? {
        Pass::Nobody => Err(Problem::unauthorized("this token is not valid here")),
        Pass::Revoked => {
            let hint = "make another with `chatbox tokens create`";
            let (status, detail) = (StatusCode::UNAUTHORIZED, "this token was revoked");
            Err(Problem::new(status, "token_revoked", detail, hint))
        }
        Pass::Expired => {
            let hint = "make another with `chatbox tokens create`";
            let (status, detail) = (StatusCode::UNAUTHORIZED, "this token's time is over");
            Err(Problem::new(status, "token_expired", detail, hint))
        }
        Pass::Has(caller) if caller.scope >= wanted => Ok(caller),
        Pass::Has(Caller { scope, .. }) => {
            let detail = format!("this takes the scope `{wanted}`, and the token has `{scope}`");
            let hint = format!("use a token with the scope `{wanted}`");
            let status = StatusCode::FORBIDDEN;
            Err(Problem::new(status, "insufficient_scope", detail, hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_the_document_does_not_name_opens_for_nobody() {
        let rights = Rights::of(
            r#"{"paths":{"/v1/a/{id}":{"get":{"security":[{"token":["read"]}]},"post":{}}},"info":{}}"#,
        );
        let asks = |method: Method, path| rights.asks(&method, path).is_some();
        assert!(asks(Method::GET, "/v1/a/{id}") && asks(Method::HEAD, "/v1/a/{id}"));
        assert!(!asks(Method::POST, "/v1/a/{id}"));
        assert!(!asks(Method::DELETE, "/v1/a/{id}"));
        assert!(!asks(Method::GET, "/v1/b"));
    }

    #[test]
    #[should_panic(expected = "scopes that exist")]
    fn a_scope_that_does_not_exist_is_noticed_at_the_start() {
        Rights::of(r#"{"paths":{"/v1/a":{"get":{"security":[{"token":["root"]}]}}}}"#);
    }
}
