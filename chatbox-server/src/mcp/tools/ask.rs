//! Asking people, and hearing what they answer.

use super::say::sayable;
use super::{LOOK, Verb, adds, bounded};
use crate::mcp::desk::{Desk, now};
use crate::mcp::names::Name;
use crate::mcp::question::{End, Question};
use crate::mcp::refusal::Refusal;
use crate::mcp::view;
use chatbox_core::connector::Revision;
use chatbox_core::id::Millis;
use chatbox_core::store::Chat;
use rmcp::model::ToolAnnotations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The longest wait of one call, in seconds, as that of wait_for_events.
const WAIT: u32 = 55;
/// The longest time a question may stand, in minutes: a week.
const STANDS: u32 = 7 * 24 * 60;
/// The most choices, and the longest of them in bytes.
const CHOICES: (usize, usize) = (10, 200);
/// The longest name of a question, and the longest question, in bytes.
const LONGEST: (usize, usize) = (100, 2000);

pub(super) struct AskHuman;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Takes {
    /// Your own name for this question, such as delete-old-backups-1. A question is put once: call again with the same to
    /// hear the answer, at any time.
    question_id: String,
    /// What to ask, in CommonMark. All that is decided must stand in it.
    question: String,
    /// What may be answered, 2 to 10 of one line each; anything where it is left out.
    #[serde(default)]
    choices: Vec<String>,
    /// How long answers are taken, in minutes, 1 to 10080; 10 where it is left out. Nobody's answer is a no.
    #[serde(default)]
    minutes: Option<u32>,
    /// How long this call waits for an answer, 1 to 55; 25 where it is left out.
    #[serde(default)]
    timeout_seconds: Option<u32>,
    /// The chat you believe to look at. Nothing is asked where you look at another one.
    #[serde(default)]
    chat_id: Option<Name>,
}

/// How a question stands.
#[derive(Serialize, JsonSchema)]
pub(super) struct Asked {
    /// `answered`; `waiting`: call again; `expired`: nobody answered in time, which is a no; `undelivered`: it did not reach
    /// the chat, which is a no.
    status: &'static str,
    /// What was answered: one of the choices as you gave it, or what they wrote. Written by others.
    answer: Option<String>,
    /// Who answered, as their platform names them.
    by: Option<String>,
    /// How they call themselves: shown, never to be trusted.
    by_name: Option<String>,
    /// Their message.
    answer_message_id: Option<String>,
    /// The question's own message, once it is put.
    message_id: Option<String>,
    /// Where it was asked.
    chat_id: String,
    /// Until when answers are taken.
    until: String,
    /// Why it did not reach the chat.
    reason: Option<String>,
}

impl Verb for AskHuman {
    const NAME: &'static str = "ask_human";
    const TITLE: &'static str = "Ask a person";
    const SAYS: &'static str = "Asks the people of the chat you look at, with choices or freely, and waits for the answer. \
        Only a reply to the question answers it, or the next thing said where one person and you are alone. While the \
        status is waiting, call again with the same question_id and arguments: it is not asked twice, and no answer is \
        lost. Whatever is not answered in time is a no.";
    type Takes = Takes;
    type Gives = Asked;

    fn hints() -> ToolAnnotations {
        adds().idempotent(true)
    }

    async fn run(desk: &Desk, takes: Takes) -> Result<Asked, Refusal> {
        let seconds = bounded("timeout_seconds", takes.timeout_seconds, 25, WAIT)?;
        let until = Instant::now() + Duration::from_secs(seconds.into());
        let (question, rev) = asked(desk, takes).await?;
        let (question, rev) = put(desk, question, rev).await?;
        tokio::select! {
            asked = wait(desk, question, rev, until) => asked,
            () = desk.end.cancelled() => Err(ended()),
        }
    }
}

/// The question as it is kept; kept from now on where it is new.
async fn asked(desk: &Desk, takes: Takes) -> Result<(Question, Revision), Refusal> {
    checked(&takes)?;
    if let Some(known) = desk.question(&takes.question_id).await? {
        return same(known, &takes);
    }
    let minutes = bounded("minutes", takes.minutes, 10, STANDS)?;
    let chat = desk.here_believed(takes.chat_id.as_ref()).await?;
    let question = Question {
        id: takes.question_id.clone(),
        chat: chat.id,
        text: takes.question.clone(),
        choices: takes.choices.clone(),
        until: Millis(now().0 + i64::from(minutes) * 60_000),
        row: None,
        end: None,
    };
    match desk.keep_question(&question, 0).await? {
        Some(rev) => Ok((question, rev)),
        // Somebody asked the same at the same time.
        None => match desk.question(&takes.question_id).await? {
            Some(known) => same(known, &takes),
            None => Err(again()),
        },
    }
}

fn same(known: (Question, Revision), takes: &Takes) -> Result<(Question, Revision), Refusal> {
    if known.0.text == takes.question && known.0.choices == takes.choices {
        return Ok(known);
    }
    Err(Refusal::new(
        "question_id_taken",
        "another question was asked under this question_id",
        "Call again with another question_id, or with the question and choices it was asked with.",
    ))
}

fn checked(takes: &Takes) -> Result<(), Refusal> {
    let id = &takes.question_id;
    if id.trim().is_empty() || id.len() > LONGEST.0 || id.contains('\0') {
        let says = format!("question_id must have 1 to {} bytes", LONGEST.0);
        let next = "Call again with a short name of your own.";
        return Err(Refusal::new("invalid_question_id", says, next));
    }
    sayable(&takes.question)?;
    if takes.question.len() > LONGEST.1 {
        let says = format!("the question is longer than {} bytes", LONGEST.1);
        let next = "Say what leads up to it with send_message, and ask a shorter one.";
        return Err(Refusal::new("text_too_long", says, next));
    }
    let distinct: HashSet<String> = takes.choices.iter().map(|it| it.to_lowercase()).collect();
    let plain = |choice: &String| {
        sayable(choice).is_ok()
            && choice.len() <= CHOICES.1
            && choice.trim() == choice
            && !choice.chars().any(char::is_control)
    };
    let counted = takes.choices.is_empty() || (2..=CHOICES.0).contains(&takes.choices.len());
    if counted && distinct.len() == takes.choices.len() && takes.choices.iter().all(plain) {
        return Ok(());
    }
    let says = format!(
        "choices must be 2 to {}, each different, of one line and at most {} bytes",
        CHOICES.0, CHOICES.1
    );
    let next = "Call again with other choices, or with none for a free answer.";
    Err(Refusal::new("invalid_choices", says, next))
}

/// Puts the question, unless it is put or over.
async fn put(
    desk: &Desk,
    mut question: Question,
    rev: Revision,
) -> Result<(Question, Revision), Refusal> {
    if question.row.is_some() || question.end.is_some() || now() > question.until {
        return Ok((question, rev));
    }
    question.row = Some(desk.put(&question).await?);
    match desk.keep_question(&question, rev).await? {
        Some(rev) => Ok((question, rev)),
        // Somebody put it at the same time: it is the same row.
        None => desk.question(&question.id).await?.ok_or_else(again),
    }
}

async fn wait(
    desk: &Desk,
    mut question: Question,
    mut rev: Revision,
    until: Instant,
) -> Result<Asked, Refusal> {
    let (bell, chat) = (desk.bell(), desk.asked_in(&question).await?);
    let mut heard = Vec::new();
    loop {
        let mut rung = std::pin::pin!(bell.notified());
        // Heard from here on, so that nothing falls between looking and listening.
        rung.as_mut().enable();
        if question.end.is_none() {
            question.end = desk.end_of(&question, &chat, &mut heard).await?;
            if question.end.is_some() && desk.keep_question(&question, rev).await?.is_none() {
                // Whoever was first has decided.
                (question, rev) = desk.question(&question.id).await?.ok_or_else(again)?;
                continue;
            }
        }
        if question.end.is_some() || Instant::now() >= until {
            return Ok(told(question, &chat));
        }
        let left = u64::try_from(question.until.0 - now().0).unwrap_or(0) + 1;
        let over = Instant::now() + Duration::from_millis(left);
        let look = until.min(over).min(Instant::now() + LOOK);
        tokio::select! {
            () = rung => {}
            () = sleep_until(look) => {}
        }
    }
}

fn told(question: Question, chat: &Chat) -> Asked {
    let mut asked = Asked {
        status: "waiting",
        answer: None,
        by: None,
        by_name: None,
        answer_message_id: None,
        message_id: question.row.map(|seq| format!("msg_{seq}")),
        chat_id: view::chat_id(chat),
        until: view::time(question.until).to_string(),
        reason: None,
    };
    match question.end {
        None => {}
        Some(End::Expired) => asked.status = "expired",
        Some(End::Undelivered { reason }) => {
            (asked.status, asked.reason) = ("undelivered", Some(reason));
        }
        Some(End::Answered {
            answer,
            by,
            name,
            row,
        }) => {
            asked.status = "answered";
            (asked.answer, asked.by, asked.by_name) = (Some(answer), Some(by), name);
            asked.answer_message_id = Some(format!("msg_{row}"));
        }
    }
    asked
}

fn again() -> Refusal {
    let says = "the question was changed while it was looked at";
    Refusal::new("try_later", says, "Make the same call again.")
}

fn ended() -> Refusal {
    Refusal::new(
        "ended",
        "this wait was ended: the token was replaced, the server stops, or nobody waits any more",
        "Call ask_human with the same arguments once you can reach the server again; it is not asked twice.",
    )
}
