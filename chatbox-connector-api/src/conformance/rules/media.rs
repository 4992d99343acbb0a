//! Files, in both directions, where they are claimed.

use super::inbound::{ANA, ana};
use super::{Checked, Miss, claimed, same};
use crate::conformance::mirror::Mood;
use crate::conformance::vendor::File;
use crate::conformance::world::{Bench, Setup, World};
use crate::event::{Attachment, Content, Media};
use crate::id::Seq;
use bytes::Bytes;
use chatbox_core::store::Chat;

/// Files with every byte in them, longer than one read, different from each other.
fn files(most: Option<u64>) -> Vec<File> {
    let size = most.unwrap_or(100_000).min(100_000);
    let file = |name: &str, step: u64| File {
        name: name.to_owned(),
        mime: "application/octet-stream".to_owned(),
        bytes: (0..size)
            .map(|at| ((at * step) >> 3) as u8)
            .collect::<Bytes>(),
    };
    vec![file("first.bin", 11), file("zweite Datei – ä.bin", 37)]
}

pub(super) async fn out(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let limits = claimed(world.can().media, "sending files")?;
    let heard = world.hear(ana("send me the files")).await?;
    let files = files(limits.max_bytes);
    let mut content = Content::text("here they are");
    for file in &files {
        content.attachments.push(world.keep(file).await?);
    }
    world.tell(&heard.chat, content).await?;
    let all = async || {
        let sent = world.sent(ANA).await;
        let arrived: Vec<File> = sent.iter().flat_map(|sent| sent.files.clone()).collect();
        (arrived.len() >= files.len()).then_some(arrived)
    };
    let arrived = world.until("both files arrive", all).await?;
    equal(&arrived, &files)?;
    world.sees(ANA, "here they are").await?;
    long_caption(&world, &heard.chat, &files[..1]).await
}

/// A file beside as much text as one message holds: more than a caption does on most platforms.
async fn long_caption(world: &World, chat: &Chat, files: &[File]) -> Checked {
    let most = world.can().text.max.min(20_000);
    let words = "as I said before ".repeat(most / 17);
    let text = words.trim_end().to_owned();
    let mut content = Content::text(&text);
    content.attachments.push(world.keep(&files[0]).await?);
    let before = world.sent(ANA).await.len();
    world.tell(chat, content).await?;
    let whole = async || {
        let sent = world.sent(ANA).await.split_off(before);
        let said: Vec<String> = sent.iter().map(|sent| sent.text.clone()).collect();
        let arrived: Vec<File> = sent.into_iter().flat_map(|sent| sent.files).collect();
        let both = !arrived.is_empty() && said.concat().len() >= text.len();
        both.then_some((said, arrived))
    };
    let what = "a file and a long text arrive";
    let (said, arrived) = world.until(what, whole).await?;
    equal(&arrived, files)?;
    same("the long text", &said.join(" ").trim().to_owned(), &text)
}

/// Compares files without printing what is in them.
fn equal(is: &[File], should: &[File]) -> Checked {
    same("the number of files", &is.len(), &should.len())?;
    for (is, should) in is.iter().zip(should) {
        same("a file's name", &is.name, &should.name)?;
        same("a file's size", &is.bytes.len(), &should.bytes.len())?;
        if is.bytes != should.bytes {
            return Err(Miss::Failed(format!(
                "the bytes of {} are not what was sent",
                is.name
            )));
        }
    }
    Ok(())
}

/// A row's files, once none is on its way any more.
async fn fetched(world: &World, seq: Seq) -> Result<Vec<Attachment>, Miss> {
    let all = async || {
        let rows = world.log().await;
        let row = rows.into_iter().find(|row| row.seq == seq)?;
        let files = row.body.content()?.attachments.clone();
        let waiting = files
            .iter()
            .any(|file| matches!(file.media, Media::Pending { .. }));
        (!waiting).then_some(files)
    };
    world.until("the files are fetched", all).await
}

pub(super) async fn incoming(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let limits = claimed(world.can().media_in, "receiving files")?;
    let files = files(limits.max_bytes);
    for file in &files {
        let mut said = ana(&format!("look at {}", file.name));
        said.files = vec![file.clone()];
        let heard = world.hear(said).await?;
        let mut kept = Vec::new();
        for attachment in fetched(&world, heard.row.seq).await? {
            let Media::Ready { id } = &attachment.media else {
                return Err(Miss::Failed(format!(
                    "a file did not come: {:?}",
                    attachment.media
                )));
            };
            let bytes = world.file(id).await.unwrap_or_default();
            kept.push(File {
                name: attachment.name.clone(),
                mime: attachment.mime.clone(),
                bytes: bytes.into(),
            });
        }
        equal(&kept, std::slice::from_ref(file))?;
    }
    match limits.max_count {
        Some(most) if most > 1 => together(&world, files).await,
        _ => Ok(()),
    }
}

/// Several files in one message, where that is claimed.
async fn together(world: &World, files: Vec<File>) -> Checked {
    let mut said = ana("look at all of them");
    said.files = files;
    let names: Vec<String> = said.files.iter().map(|file| file.name.clone()).collect();
    let heard = world.hear(said).await?;
    let fetched = fetched(world, heard.row.seq).await?.into_iter();
    let came: Vec<String> = fetched.map(|file| file.name).collect();
    same("the files of one message", &came, &names)
}

pub(super) async fn gone(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Echo)).await?;
    let limits = claimed(world.can().media_in, "receiving files")?;
    let mut said = ana("look at what is gone");
    said.files = files(limits.max_bytes).split_off(1);
    said.files_gone = true;
    let heard = world.hear(said).await?;
    let attachments = fetched(&world, heard.row.seq).await?;
    let failed = attachments
        .iter()
        .filter(|file| matches!(file.media, Media::Failed { .. }));
    same("files that did not come", &failed.count(), &1)?;
    world.sees(ANA, "re look at what is gone").await?;
    world.hear(ana("never mind")).await.map(drop)
}
