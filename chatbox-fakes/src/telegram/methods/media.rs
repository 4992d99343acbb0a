//! Sending and finding files.

use serde_json::{Map, Value, json};

use super::super::files::NewFile;
use super::super::types::FileKind;
use super::super::wire::Refusal;
use super::{Answer, Ctx, MAX_CAPTION, formatted};

pub(super) const CAPTION_TOO_LONG: &str = "message caption is too long";

pub(super) fn single(ctx: &mut Ctx<'_>, field: &str) -> Answer {
    let kind = FileKind::from_field(field).ok_or_else(|| Refusal::bad("unknown kind of file"))?;
    let place = ctx.open_place()?;
    let caption = ctx.params.fields.clone();
    let mut body = ctx.envelope(&place)?;
    insert_caption(&mut body, &caption)?;
    let named = ctx.params.text(field).map(str::to_owned);
    let media = ctx.resolve(kind, field, named.as_deref())?;
    body.insert(field.to_owned(), media);
    Ok(ctx.store(&place, body))
}

pub(super) fn group(ctx: &mut Ctx<'_>) -> Answer {
    let place = ctx.open_place()?;
    let items = ctx.params.get("media").and_then(Value::as_array).cloned();
    let items = items.unwrap_or_default();
    if !(2..=10).contains(&items.len()) {
        return Err(Refusal::bad(
            "wrong number of items: an album has 2 to 10 of them",
        ));
    }
    let kinds = kinds_of(&items)?;
    // Everything is checked before anything is stored: an album comes whole or not at all.
    let mut bodies = Vec::new();
    for (item, kind) in items.iter().zip(kinds) {
        let mut body = ctx.envelope(&place)?;
        insert_caption(&mut body, item.as_object().unwrap_or(&Map::new()))?;
        let media = ctx.resolve(kind, "", item["media"].as_str())?;
        body.insert(kind.field().to_owned(), media);
        bodies.push(body);
    }
    let group = ctx.state.next_media_group();
    let mut sent = Vec::new();
    for mut body in bodies {
        body.insert("media_group_id".to_owned(), group.clone().into());
        sent.push(ctx.store(&place, body));
    }
    Ok(sent.into())
}

pub(super) fn file(ctx: &Ctx<'_>) -> Answer {
    let id = ctx.params.text("file_id").unwrap_or_default();
    if id.is_empty() {
        return Err(Refusal::bad("file_id not specified"));
    }
    match ctx.state.files.get(id) {
        Some(file) => file.wire(id),
        None => Err(Refusal::bad("invalid file_id")),
    }
}

/// Photos and videos mix; documents and audio stay among themselves.
fn kinds_of(items: &[Value]) -> Result<Vec<FileKind>, Refusal> {
    let kind = |item: &Value| {
        let name = item["type"].as_str().unwrap_or_default();
        FileKind::from_field(name).filter(|kind| *kind != FileKind::Voice)
    };
    let kinds: Option<Vec<FileKind>> = items.iter().map(kind).collect();
    let kinds = kinds.ok_or_else(|| Refusal::bad("can't parse InputMedia: invalid type"))?;
    let alone = |k: &FileKind| matches!(k, FileKind::Document | FileKind::Audio);
    let mixed = kinds.iter().any(|k| *k != kinds[0]);
    if mixed && kinds.iter().any(alone) {
        return Err(Refusal::bad(
            "this media can't be mixed with other media types",
        ));
    }
    Ok(kinds)
}

fn insert_caption(
    body: &mut Map<String, Value>,
    fields: &Map<String, Value>,
) -> Result<(), Refusal> {
    let caption = formatted(fields, "caption", MAX_CAPTION, CAPTION_TOO_LONG)?;
    if !caption.text.is_empty() {
        body.insert("caption".to_owned(), caption.text.into());
    }
    if !caption.entities.is_empty() {
        body.insert("caption_entities".to_owned(), json!(caption.entities));
    }
    Ok(())
}

impl Ctx<'_> {
    /// The media object of an uploaded file, or of one sent before.
    fn resolve(
        &mut self,
        kind: FileKind,
        field: &str,
        named: Option<&str>,
    ) -> Result<Value, Refusal> {
        let attached = named.and_then(|name| name.strip_prefix("attach://"));
        if let Some(upload) = self.params.uploads.get(attached.unwrap_or(field)) {
            let upload = upload.clone();
            return self.state.files.add(NewFile {
                kind,
                name: upload.name,
                mime: upload.mime,
                bytes: upload.bytes,
                pretend_size: None,
            });
        }
        let Some(named) = named.filter(|name| !name.is_empty()) else {
            return Err(Refusal::bad(format_args!(
                "there is no {} in the request",
                kind.field()
            )));
        };
        if attached.is_some() {
            return Err(Refusal::bad("attached file not found"));
        }
        // The real server would fetch an address; this one never leaves the machine.
        let known = self.state.files.media(kind, named);
        known.ok_or_else(|| Refusal::bad("wrong file identifier/HTTP URL specified"))
    }
}
