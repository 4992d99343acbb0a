//! One request of an agent, as the protocol's library sees it. It carries no state from one request to the next.

use super::desk::{Desk, MOST};
use super::prose::INSTRUCTIONS;
use super::refusal::Refusal;
use super::streams::Place;
use super::tools::{self, Entry, platform};
use super::uri::Resource;
use super::watch::{self, Changes, Wanted, Watch};
use super::{lent, resources};
use metrics::counter;
use rmcp::model::{
    CallToolRequestMethod, CallToolRequestParams, CallToolResponse, CallToolResult,
    CompleteRequestParams, CompleteResult, ConstString, CustomRequest, CustomResult, ErrorCode,
    ErrorData, Implementation, InitializeResultMethod, JsonObject, ListPromptsResult,
    ListResourceTemplatesRequestMethod, ListResourceTemplatesResult, ListResourcesRequestMethod,
    ListResourcesResult, ListToolsRequestMethod, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ProtocolVersion, ReadResourceRequestMethod,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
    SubscribeRequestMethod, SubscribeRequestParams, SubscriptionFilter,
    SubscriptionsListenRequestMethod, Tool, UnsubscribeRequestMethod, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext, SubscriptionSendError};
use rmcp::{RoleServer, ServerHandler};
use std::sync::Arc;
use std::time::Duration;

/// Between two words that a wait goes on: often within the minute after which the protocol's own clients give up, unless
/// they hear of progress.
const PROGRESS: Duration = Duration::from_secs(10);

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
                () = progress(context) => Err(tools::ended()),
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
        let before = watch::offer(&self.desk).await?;
        let outcome = self.run(entry, arguments, context).await;
        if is_older(context) && before != watch::offer(&self.desk).await? {
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
            .enable_resources()
            .enable_resources_subscribe()
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

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        resources::list(&self.desk).await.map_err(unanswered)
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates(&self.desk))
    }

    async fn read_resource(
        &self,
        asked: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(resources::read(&self.desk, &asked.uri).await?.into())
    }

    async fn subscribe(
        &self,
        asked: SubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        resources::subscribe(&self.desk, &asked.uri).await
    }

    async fn unsubscribe(
        &self,
        asked: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        resources::unsubscribe(&self.desk, &asked.uri).await
    }

    // What the library would answer with empty lists: nobody was told that it is here.

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
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
        const KNOWN: [&str; 6] = [
            CallToolRequestMethod::VALUE,
            ListToolsRequestMethod::VALUE,
            ListResourcesRequestMethod::VALUE,
            ListResourceTemplatesRequestMethod::VALUE,
            ReadResourceRequestMethod::VALUE,
            SubscriptionsListenRequestMethod::VALUE,
        ];
        const OLDER: [&str; 3] = [
            InitializeResultMethod::VALUE,
            SubscribeRequestMethod::VALUE,
            UnsubscribeRequestMethod::VALUE,
        ];
        let method = request.method.as_str();
        let is_olders = OLDER.contains(&method) && is_older(&context);
        Err(match KNOWN.contains(&method) || is_olders {
            true => ErrorData::invalid_params("params are not what this method takes", None),
            false => no_such_method(),
        })
    }

    /// Tools, and those of the resources that have an address here, as many as are watched at most.
    fn accepted_subscription_filter(&self, all: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let uris = all.resource_subscriptions.iter().flatten();
        let uris = uris.filter(|uri| Resource::parse(uri, self.desk.mailbox()).is_some());
        let filter = SubscriptionFilter::builder().tools_list_changed();
        Some(filter.resource_subscriptions(uris.take(MOST)).build())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        if self.desk.in_turn() {
            let what = "a turn has its chat and its tools, and waits for nothing: there is nothing to listen for";
            return Err(ErrorData::invalid_request(what, None));
        }
        let wanted = Wanted::from(context.sink().accepted());
        let watch = Watch::begin(&self.desk, wanted, None).await;
        let mut watch = watch.map_err(unanswered)?;
        loop {
            let changes = tokio::select! {
                changes = watch.next() => changes.map_err(unanswered)?,
                () = self.desk.end.cancelled() => return Ok(()),
                () = context.cancelled() => return Ok(()),
            };
            if told(&context, changes).await.is_err() {
                return Ok(());
            }
        }
    }
}

async fn told(
    context: &SubscriptionContext,
    changes: Changes,
) -> Result<(), SubscriptionSendError> {
    if changes.tools {
        context.sink().notify_tool_list_changed().await?;
    }
    for uri in changes.uris {
        context.sink().notify_resource_updated(uri).await?;
    }
    Ok(())
}

/// Tells whoever asked to be told, again and again, for how many seconds it has waited.
async fn progress(context: &RequestContext<RoleServer>) {
    let Some(token) = context.meta.get_progress_token() else {
        return std::future::pending().await;
    };
    let mut waited = Duration::ZERO;
    loop {
        tokio::time::sleep(PROGRESS).await;
        waited += PROGRESS;
        let so_far = ProgressNotificationParam::new(token.clone(), waited.as_secs_f64());
        // Who went away is told nothing.
        let _ = context.peer.notify_progress(so_far).await;
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
