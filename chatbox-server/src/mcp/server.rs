//! One request of an agent, as the protocol's library sees it. It carries no state from one request to the next.

use super::desk::Desk;
use super::lent;
use super::prose::INSTRUCTIONS;
use super::refusal::Refusal;
use super::streams::Place;
use super::tools::{self, Entry, platform};
use metrics::counter;
use rmcp::model::{
    CallToolRequestMethod, CallToolRequestParams, CallToolResponse, CallToolResult,
    CompleteRequestParams, CompleteResult, ConstString, CustomRequest, CustomResult, ErrorCode,
    ErrorData, Implementation, InitializeResultMethod, JsonObject, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsRequestMethod, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, SubscriptionFilter,
    SubscriptionsListenRequestMethod, Tool,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use std::sync::Arc;

/// Answers for one mailbox.
#[derive(Clone, Debug)]
pub(super) struct Server {
    desk: Desk,
    /// Held for as long as the answer stays open.
    place: Option<Arc<Place>>,
}

impl Server {
    pub(super) fn new(desk: Desk, place: Option<Arc<Place>>) -> Self {
        Self { desk, place }
    }

    async fn tools(&self) -> Result<Vec<Tool>, Refusal> {
        self.desk.admits().await?;
        let offered = tools::ALL.into_iter().filter(|it| it.fits(&self.desk));
        let mut tools: Vec<Tool> = offered.map(Entry::tool).collect();
        tools.extend(platform::tools(&self.desk).await?);
        tools.extend(lent::tools(&self.desk).await?);
        Ok(tools)
    }

    /// What changes with the chat that is looked at, as far as it is known without asking anybody.
    async fn offer(&self) -> Result<Vec<Tool>, Refusal> {
        let mut tools = platform::tools(&self.desk).await?;
        tools.extend(lent::known(&self.desk).await?);
        Ok(tools)
    }

    async fn run(
        &self,
        entry: Entry,
        arguments: JsonObject,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, Refusal> {
        let doing = tools::run(entry, &self.desk, arguments);
        match self.place {
            None => doing.await,
            // Who went away waits for nothing.
            Some(_) => tokio::select! {
                outcome = doing => outcome,
                () = context.ct.cancelled() => Err(tools::ended()),
            },
        }
    }

    /// Does it, and tells an older client in the same answer when there are other tools afterwards. Newer ones listen.
    async fn turn(
        &self,
        entry: Entry,
        arguments: JsonObject,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, Refusal> {
        let before = self.offer().await?;
        let outcome = self.run(entry, arguments, context).await;
        if is_older(context) && before != self.offer().await? {
            // Nobody listens to a client that went away.
            let _ = context.peer.notify_tool_list_changed().await;
        }
        outcome
    }
}

impl Server {
    /// Calls a tool that a connector lends, if it is one.
    async fn borrow(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let borrowed = tokio::select! {
            borrowed = lent::call(&self.desk, call, &context.meta) => borrowed,
            () = context.ct.cancelled() => Err(tools::ended()),
        };
        let (told, outcome) = match borrowed {
            Ok(None) => {
                // Whatever an agent thinks up is no label.
                called("unknown", "unknown_tool");
                return Err(unknown());
            }
            Ok(Some(outcome)) => ("done", outcome.map(Into::into)),
            Err(refusal) => (refusal.code, Ok(CallToolResult::from(refusal).into())),
        };
        // Named by a connector, tools would make counters without end.
        called("connector", told);
        outcome
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let about = Implementation::new("chatbox", env!("CARGO_PKG_VERSION")).with_title("chatbox");
        let can = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        ServerConfig::new(can)
            .with_server_info(about)
            .with_instructions(INSTRUCTIONS)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::named(name).map(Entry::tool)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.tools().await.map_err(unanswered)?;
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Err(refusal) = self.desk.admits().await {
            called("any", refusal.code);
            return Ok(CallToolResult::from(refusal).into());
        }
        let entry = match tools::named(&call.name) {
            Some(entry) if entry.fits(&self.desk) => Ok(Some(entry)),
            Some(_) => Err(tools::not_in_a_turn()),
            None => platform::named(&self.desk, &call.name).await,
        };
        let entry = match entry {
            Ok(Some(entry)) => entry,
            Ok(None) => return self.borrow(call, context).await,
            Err(refusal) => return Ok(CallToolResult::from(refusal).into()),
        };
        let arguments = call.arguments.unwrap_or_default();
        let outcome = match entry.turns() {
            true => self.turn(entry, arguments, &context).await,
            false => self.run(entry, arguments, &context).await,
        };
        let told = outcome
            .as_ref()
            .map_or_else(|refusal| refusal.code, |_| "done");
        called(entry.name, told);
        Ok(outcome.unwrap_or_else(CallToolResult::from).into())
    }

    // What the library would answer with empty lists: nobody was told that it is here.

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(no_such_method())
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(no_such_method())
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(no_such_method())
    }

    async fn complete(
        &self,
        _begun: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(no_such_method())
    }

    /// What the library could not read as a request it knows. Where it knows the method, the parameters are wrong; the
    /// newer wire does not know how the older one begins.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        const KNOWN: [&str; 3] = [
            CallToolRequestMethod::VALUE,
            ListToolsRequestMethod::VALUE,
            SubscriptionsListenRequestMethod::VALUE,
        ];
        let method = request.method.as_str();
        let begins = method == InitializeResultMethod::VALUE && is_older(&context);
        Err(match KNOWN.contains(&method) || begins {
            true => ErrorData::invalid_params("params are not what this method takes", None),
            false => no_such_method(),
        })
    }

    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(SubscriptionFilter::builder().tools_list_changed().build())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        if self.desk.in_turn() {
            let what = "the tools of a turn do not change: there is nothing to listen for";
            return Err(ErrorData::invalid_request(what, None));
        }
        let bell = self.desk.bell();
        let mut before = self.offer().await.map_err(unanswered)?;
        loop {
            let mut rung = std::pin::pin!(bell.notified());
            rung.as_mut().enable();
            let now = self.offer().await.map_err(unanswered)?;
            if now != before && context.sink().notify_tool_list_changed().await.is_err() {
                return Ok(());
            }
            before = now;
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(tools::LOOK) => {}
                () = self.desk.end.cancelled() => return Ok(()),
                () = context.cancelled() => return Ok(()),
            }
        }
    }
}

/// Whether it came over the wire that begins with a greeting.
fn is_older(context: &RequestContext<RoleServer>) -> bool {
    let version = context.protocol_version();
    version.is_none_or(|version| version.as_str() < ProtocolVersion::V_2026_07_28.as_str())
}

fn no_such_method() -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "there is no such method", None)
}

fn called(tool: &'static str, outcome: &'static str) {
    counter!("chatbox_mcp_calls_total", "tool" => tool, "outcome" => outcome).increment(1);
}

fn unknown() -> ErrorData {
    let what = "there is no such tool; tools/list names those there are";
    ErrorData::invalid_params(what, None)
}

/// A question that is no tool's, and that the store could not answer.
fn unanswered(refusal: Refusal) -> ErrorData {
    ErrorData::internal_error(refusal.to_string(), None)
}
