//! Pictures for a model: read whole, within limits, as base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chatbox_core::connector::Blobs;
use chatbox_core::event::{Attachment, Media};
use futures_util::StreamExt;
use genai::chat::{Binary, ContentPart};

/// The smallest limit of the three wires for one picture.
const LARGEST: u64 = 5 << 20;
/// How many bytes of pictures a turn may send.
const ALL: u64 = 16 << 20;

/// What a turn may still send.
pub(super) struct Space(u64);

impl Default for Space {
    fn default() -> Self {
        Self(ALL)
    }
}

impl Space {
    /// The picture, if it can be read and there is space for it. The text names it either way.
    pub(super) async fn part(
        &mut self,
        file: &Attachment,
        blobs: Option<&dyn Blobs>,
    ) -> Option<ContentPart> {
        let Media::Ready { id } = &file.media else {
            return None;
        };
        let bytes = match read(blobs?, id, self.0.min(LARGEST)).await {
            Ok(bytes) => bytes,
            Err(why) => {
                tracing::warn!(%id, why, "a picture is not shown to the model");
                return None;
            }
        };
        self.0 -= bytes.len() as u64;
        Some(ContentPart::Binary(Binary::from_base64(
            file.mime.as_str(),
            STANDARD.encode(bytes),
            None,
        )))
    }
}

async fn read(
    blobs: &dyn Blobs,
    id: &chatbox_core::id::MediaId,
    max: u64,
) -> Result<Vec<u8>, &'static str> {
    let (size, mut stream) = blobs.open(id).await.map_err(|_| "it cannot be opened")?;
    let mut bytes = Vec::new();
    if size > max {
        return Err("it is too large");
    }
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(|_| "it cannot be read")?);
        if bytes.len() as u64 > max {
            return Err("it is too large");
        }
    }
    Ok(bytes)
}
