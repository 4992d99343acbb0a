//! A program without connectors: nothing is lent.

use super::desk::Desk;
use super::refusal::Refusal;
use rmcp::model::{CallToolRequestParams, CallToolResult, ErrorData, RequestMetaObject, Tool};
use std::future::{Ready, ready};

/// Nothing to remember.
#[derive(Debug, Default)]
pub struct Lent(());

pub(super) fn tools(_: &Desk) -> Ready<Result<Vec<Tool>, Refusal>> {
    ready(Ok(Vec::new()))
}

pub(super) fn known(_: &Desk) -> Ready<Result<Vec<Tool>, Refusal>> {
    ready(Ok(Vec::new()))
}

/// What a call that belongs to a connector comes to; none where there is no such tool.
type Borrowed = Result<Option<Result<CallToolResult, ErrorData>>, Refusal>;

pub(super) fn call(_: &Desk, _: CallToolRequestParams, _: &RequestMetaObject) -> Ready<Borrowed> {
    ready(Ok(None))
}
