//! Files on their way in.

mod common;

use chatbox_connector_api::event::{Event, Media};
use chatbox_connector_api::{ChannelAdapter, ErrorKind, MediaSource};
use chatbox_fakes::telegram::{Fault, FileKind, Share};
use common::{bot, next, picture, server, store};
use futures_util::TryStreamExt;

fn source(event: &Event) -> String {
    let file = &event.body.content().expect("a message").attachments[0];
    match &file.media {
        Media::Pending { source } => source.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn files_come_byte_for_byte() {
    let server = server().await;
    let bot = bot(&server);
    let mut inbound = bot.open(None).await.expect("it opens");
    for (kind, name, mime) in [
        (FileKind::Document, "report.pdf", "application/pdf"),
        (FileKind::Photo, "p.jpg", "image/jpeg"),
        (FileKind::Voice, "v.ogg", "audio/ogg"),
    ] {
        let share = Share::new(kind, name, mime, picture()).with_caption("look");
        server.upload(42, 42, share).expect("shared");
        let (event, _) = store(next(&mut inbound).await);
        assert_eq!(event.body.content().expect("a caption").text, "look");
        let stream = bot.fetch(&source(&event)).await.expect("a file");
        let pieces: Vec<bytes::Bytes> = stream.try_collect().await.expect("its bytes");
        assert_eq!(pieces.concat(), picture());
    }
}

#[tokio::test]
async fn an_album_comes_as_one_group() {
    let server = server().await;
    let mut inbound = bot(&server).open(None).await.expect("it opens");
    let share = |name: &str| Share::new(FileKind::Photo, name, "image/jpeg", picture());
    server
        .album(42, 42, vec![share("a").with_caption("two"), share("b")])
        .expect("shared");
    let (first, _) = store(next(&mut inbound).await);
    let (second, _) = store(next(&mut inbound).await);
    assert!(first.group.is_some());
    assert_eq!(first.group, second.group);
    assert_eq!(first.body.content().expect("a caption").text, "two");
}

#[tokio::test]
async fn what_cannot_be_fetched_says_why() {
    let server = server().await;
    let bot = bot(&server);
    let error = bot.fetch("no such file").await.err().expect("no file");
    assert!(
        matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound),
        "{error}"
    );
    server
        .upload(
            42,
            42,
            Share::new(FileKind::Document, "a", "a/b", picture()),
        )
        .expect("shared");
    let mut inbound = bot.open(None).await.expect("it opens");
    let (event, _) = store(next(&mut inbound).await);
    server.fault(
        "download",
        Fault::ServerError {
            status: 502,
            html: true,
        },
    );
    let error = bot.fetch(&source(&event)).await.err().expect("not now");
    assert_eq!(error.kind(), &ErrorKind::Unavailable);
    drop(bot.fetch(&source(&event)).await.expect("another time"));
}
