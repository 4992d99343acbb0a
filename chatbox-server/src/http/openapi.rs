//! The document of the API, made of the doors themselves. Rights are read from it, so it cannot say anything else than
//! what holds.

use super::{
    Problem, accounts, chats, connections, credentials, deliveries, health, inbound, login,
    mailboxes, schema, subscriptions, tokens, vault,
};
use crate::app::App;
use axum::http::header;
use axum::response::IntoResponse;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, PathItem, Ref, RefOr, Response, ResponseBuilder,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "chatbox",
        description = "Connects people on chat platforms with AI agents, and loses nothing on the way.\n\n\
            Every error is `application/problem+json` with a stable `code` and a `hint` that says what to do. \
            Requests are read strictly: unknown fields and parameters are refused by name."
    ),
    tags(
        (name = "connections", description = "Accounts on platforms, and who may talk there"),
        (name = "mailboxes", description = "What agents look at, and how they come to it"),
        (name = "credentials", description = "Secrets that others name; no answer shows one again"),
        (name = "subscriptions", description = "Who is told what happens"),
        (name = "accounts", description = "Tenants, and what was done in them"),
        (name = "messages", description = "What came in, and what became of it"),
        (name = "deliveries", description = "What was sent, and what could not be"),
        (name = "tokens", description = "Who may use this API"),
        (name = "server", description = "How the server stands"),
    ),
    components(schemas(Problem))
)]
struct Document;

/// The doors of the API.
pub(super) fn doors() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(connections::list, connections::add))
        .routes(routes!(connections::read, connections::remove))
        .routes(routes!(connections::probe))
        .routes(routes!(connections::requests))
        .routes(routes!(connections::approve))
        .routes(routes!(accounts::create))
        .routes(routes!(accounts::audit, accounts::looked))
        .routes(routes!(credentials::list, credentials::create))
        .routes(routes!(
            credentials::read,
            credentials::rotate,
            credentials::delete
        ))
        .routes(routes!(subscriptions::list, subscriptions::create))
        .routes(routes!(subscriptions::delete))
        .routes(routes!(subscriptions::unpause))
        .routes(routes!(mailboxes::list, mailboxes::create))
        .routes(routes!(
            mailboxes::read,
            mailboxes::replace,
            mailboxes::archive
        ))
        .routes(routes!(mailboxes::health))
        .routes(routes!(mailboxes::template))
        .routes(routes!(mailboxes::test))
        .routes(routes!(mailboxes::token))
        .routes(routes!(mailboxes::unpause))
        .routes(routes!(chats::list))
        .routes(routes!(chats::search))
        .routes(routes!(chats::messages))
        .routes(routes!(chats::mute))
        .routes(routes!(inbound::receive))
        .routes(routes!(deliveries::list, deliveries::purge))
        .routes(routes!(deliveries::retry))
        .routes(routes!(deliveries::trace))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::bootstrap))
        .routes(routes!(login::link))
        .routes(routes!(health::doctor))
        .routes(routes!(vault::list, vault::make))
        .routes(routes!(vault::forget))
        .routes(routes!(vault::seal_again))
}

/// The document of these doors, with what is the same for all of them.
pub(super) fn document(mut api: utoipa::openapi::OpenApi) -> String {
    let components = api.components.get_or_insert_with(Components::new);
    let bearer = |about: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        SecurityScheme::Http(scheme.description(Some(about)).build())
    };
    let token = "A token of `chatbox tokens create`, with the scope that is named or a higher one: read, write, admin.";
    components.add_security_scheme("token", bearer(token));
    let connection = "The token shown when the connection was added.";
    components.add_security_scheme("connection", bearer(connection));
    let operator = "The token in operator.token of the data folder.";
    components.add_security_scheme("operator", bearer(operator));
    for operation in api.paths.paths.values_mut().flat_map(operations) {
        let responses = &mut operation.responses.responses;
        responses.insert("default".to_owned(), problem().into());
        for parameter in operation.parameters.iter_mut().flatten() {
            if let RefOr::T(parameter) = parameter
                && parameter.parameter_in == ParameterIn::Path
            {
                parameter.schema = Some(schema::id().into());
            }
        }
    }
    api.to_pretty_json().expect("the document is JSON") + "\n"
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [&mut item.get, &mut item.post, &mut item.put];
    let more = [&mut item.delete, &mut item.patch];
    all.into_iter().chain(more).flatten()
}

fn problem() -> Response {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description("What went wrong, and the way out")
        .content(
            "application/problem+json",
            ContentBuilder::new().schema(Some(schema)).build(),
        )
        .build()
}

/// Answers with the document.
pub(super) fn answer(document: &str) -> impl IntoResponse + use<> {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, document.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_for_readers_is_this_document() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        let now = document(doors().into_openapi());
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &now).expect("the copy can be written");
        }
        let copy = std::fs::read_to_string(path).unwrap_or_default();
        let how = "write it anew: UPDATE=1 cargo test -p chatbox-server the_copy_for_readers";
        assert!(copy == now, "docs/openapi.json is of another day; {how}");
    }
}
