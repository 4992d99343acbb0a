//! News of what was committed: to sockets on native platforms, to the outbox elsewhere.

use crate::connector::{News, Positions};
use crate::event::Event;
use crate::id::{Handle, Seq};
use crate::link::Link;
use crate::store::{Accepted, Appended, Author, Chat, Emit, LogRow, Wake};
use crate::transcript::line;

pub(super) fn announce_arrival(link: &Link, event: &Event, accepted: Accepted, wake: Option<Wake>) {
    if !link.is_native() {
        return;
    }
    let wakes = wake.is_some_and(|wake| wake != Wake::Never);
    let row = row(event, &accepted, wakes);
    announce(link, event.chat.handle.clone(), row, accepted.prev);
}

/// The row that an arrival became, as the log has it.
pub(super) fn row(event: &Event, accepted: &Accepted, wakes: bool) -> LogRow {
    LogRow {
        seq: accepted.seq,
        chat: accepted.chat,
        author: Author::Person {
            id: event.sender.id.clone(),
            name: event.sender.name.clone(),
        },
        out: false,
        body: event.body.clone(),
        event: Some(event.id.clone()),
        target: None,
        late: event.late,
        wakes,
        at: accepted.at,
    }
}

pub(crate) fn announce_positions(link: &Link, chat: &Chat, upto: Seq) {
    if link.is_native() {
        let positions = Positions {
            handed: upto,
            seen: upto,
            head: upto,
        };
        let _ = link.news.send(News::Positions {
            chat: chat.handle.clone(),
            positions,
        });
    }
}

/// Tells sockets and the outbox what was appended.
pub(crate) fn announce_emitted(link: &Link, chat: &Chat, emits: Vec<Emit>, rows: &[Appended]) {
    if !link.is_native() {
        link.due.notify_one();
        return;
    }
    for (emit, appended) in emits.into_iter().zip(rows) {
        let row = LogRow {
            seq: appended.seq,
            chat: appended.chat,
            author: emit.author,
            out: true,
            body: emit.body,
            event: None,
            target: emit.target,
            late: false,
            wakes: false,
            at: appended.at,
        };
        announce(link, chat.handle.clone(), row, appended.prev);
    }
}

fn announce(link: &Link, chat: Handle, row: LogRow, prev: Seq) {
    // Nobody listening is no error: the log is the delivery.
    let _ = link.news.send(News::Line {
        chat,
        line: Box::new(line(row)),
        prev,
    });
}
