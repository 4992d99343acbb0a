//! Who may talk, compared with an oracle that is written differently: over policies, lists, pairings and senders.

use chatbox_core::admit::{
    Decision, OwnerLink, Policy, REQUESTS, Request, WRONG_CODES, admit, hash,
};
use chatbox_core::event::{Action, ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_core::id::{ExternalId, Millis};
use proptest::prelude::*;
use proptest::test_runner::Config;

const NOW: Millis = Millis(1_000_000);
const CODE: &str = "abcd2345";
const PEOPLE: [&str; 6] = ["ana", "Ana", "ana ", "ben", "own", ""];

fn person() -> impl Strategy<Value = ExternalId> {
    prop::sample::select(&PEOPLE[..]).prop_map(Into::into)
}

fn people() -> impl Strategy<Value = std::collections::BTreeSet<ExternalId>> {
    prop::collection::btree_set(person(), 0..3)
}

fn link() -> impl Strategy<Value = Option<OwnerLink>> {
    let link = (prop::bool::ANY, 0..=WRONG_CODES).prop_map(|(fresh, wrong)| OwnerLink {
        hash: hash(CODE),
        until: Millis(if fresh { NOW.0 + 1 } else { NOW.0 }),
        wrong,
    });
    prop::option::of(link)
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let request = (person(), prop::bool::ANY).prop_map(|(from, fresh)| Request {
        id: "request0".into(),
        from,
        name: None,
        until: Millis(if fresh { NOW.0 + 1 } else { NOW.0 }),
    });
    prop::collection::vec(request, 0..4)
}

prop_compose! {
    fn policy()(
        (trusted, everyone, bots) in any::<(bool, bool, bool)>(),
        owner in prop::option::of(person()),
        (allow, deny) in (people(), people()),
        link in link(),
        requests in requests(),
    ) -> Policy {
        Policy { trusted, everyone, owner, allow, deny, bots, link, requests }
    }
}

fn body() -> impl Strategy<Value = EventBody> {
    let said = |text: &str| EventBody::Message(Content::text(text));
    let command = |name: &str, argument: &str| {
        EventBody::Action(Action {
            name: name.into(),
            argument: argument.into(),
            token: None,
            target: None,
        })
    };
    let start = |argument: &str| command("start", argument);
    prop::sample::select(vec![
        said("hello"),
        said(CODE),
        said("ABCD2345"),
        said("abcd2346"),
        start(CODE),
        start("zzzz9999"),
        start(""),
        command("new", ""),
        command("stop", ""),
        command("status", ""),
        EventBody::Delete { target: "1".into() },
    ])
}

prop_compose! {
    fn event()(
        id in person(),
        name in prop::option::of(prop::sample::select(vec!["ana".to_owned(), "owner".to_owned()])),
        is_bot in any::<bool>(),
        addressed in any::<bool>(),
        kind in prop::sample::select(vec![ChatKind::Dm, ChatKind::Group, ChatKind::Channel, ChatKind::Thread]),
        body in body(),
    ) -> Event {
        Event {
            id: "e".into(),
            chat: Place { handle: "c".into(), kind, name: None },
            sender: Sender { id, name, is_bot },
            at: NOW,
            body,
            addressed,
            late: false,
            group: None,
            raw: None,
        }
    }
}

/// The same rules as a list, first match wins.
fn oracle(policy: &Policy, event: &Event) -> &'static str {
    let who = event.sender.id.as_str();
    let listed =
        |set: &std::collections::BTreeSet<ExternalId>| set.iter().any(|id| id.as_str() == who);
    let typed = match &event.body {
        EventBody::Message(content) => Some(content.text.to_lowercase()),
        EventBody::Action(action) => Some(action.argument.to_lowercase()),
        _ => None,
    };
    let typed = typed.filter(|text| text.len() == 8);
    let link_works = policy
        .link
        .as_ref()
        .is_some_and(|link| link.until > NOW && link.wrong < WRONG_CODES);
    let owner = policy
        .owner
        .as_ref()
        .is_some_and(|owner| owner.as_str() == who);
    let known = policy.trusted || policy.everyone || owner || listed(&policy.allow);
    let ends = matches!(&event.body, EventBody::Action(it) if ["new", "stop"].contains(&&*it.name));
    let before_others = ends && event.chat.kind != ChatKind::Dm;
    let waiting: Vec<_> = policy
        .requests
        .iter()
        .filter(|request| request.until > NOW)
        .collect();
    let rules = [
        (who.is_empty(), "refuse"),
        (who == "own", "refuse"),
        (listed(&policy.deny), "refuse"),
        (event.sender.is_bot && !policy.bots, "refuse"),
        (link_works && typed.as_deref() == Some(CODE), "pair"),
        (
            known && before_others && !owner && !policy.trusted,
            "refuse",
        ),
        (known, "admit"),
        (link_works && typed.is_some(), "remember"),
        (
            !event.addressed || matches!(event.body, EventBody::Delete { .. }),
            "refuse",
        ),
        (
            waiting.iter().any(|request| request.from.as_str() == who),
            "refuse",
        ),
        (waiting.len() >= REQUESTS, "refuse"),
        (true, "remember"),
    ];
    rules
        .into_iter()
        .find(|(holds, _)| *holds)
        .map_or("none", |(_, word)| word)
}

proptest! {
    #![proptest_config(Config { cases: 20_000, ..Config::default() })]

    #[test]
    fn admission_agrees_with_the_oracle(policy in policy(), event in event()) {
        let decision = admit(&policy, &"own".into(), &event, NOW);
        let word = match &decision {
            Decision::Admit => "admit",
            Decision::Refuse(_) => "refuse",
            Decision::Remember(_) => "remember",
            Decision::Pair(_) => "pair",
        };
        prop_assert_eq!(word, oracle(&policy, &event));
        match decision {
            // Nobody becomes known by being remembered; a stranger's words are not kept.
            Decision::Remember(after) => {
                prop_assert_eq!((&after.allow, &after.owner), (&policy.allow, &policy.owner));
                let kept = format!("{:?}", after.requests);
                prop_assert!(!kept.contains("hello"), "a stranger's words were kept");
            }
            Decision::Pair(after) => {
                prop_assert!(after.may_talk(&event.sender.id));
                prop_assert!(after.link.is_none(), "the link works once");
                prop_assert!(policy.owner.is_none() || after.owner == policy.owner, "an owner is never replaced");
            }
            _ => {}
        }
    }
}

#[test]
fn an_empty_policy_admits_nobody() {
    let policy = Policy::default();
    assert!(
        PEOPLE
            .iter()
            .all(|person| !policy.may_talk(&(*person).into()))
    );
}

#[test]
fn five_wrong_codes_end_a_link() {
    let mut policy = Policy::default().with_link(CODE, NOW);
    let guess = |code: String| Event {
        id: "e".into(),
        chat: Place {
            handle: "c".into(),
            kind: ChatKind::Dm,
            name: None,
        },
        sender: Sender {
            id: "eve".into(),
            name: None,
            is_bot: false,
        },
        at: NOW,
        body: EventBody::Message(Content::text(code)),
        addressed: true,
        late: false,
        group: None,
        raw: None,
    };
    for wrong in 0..100_000 {
        if let Decision::Remember(next) =
            admit(&policy, &"own".into(), &guess(format!("{wrong:08}")), NOW)
        {
            policy = *next;
        }
    }
    assert_eq!(
        policy.link.as_ref().map(|link| link.wrong),
        Some(WRONG_CODES)
    );
    let right = admit(&policy, &"own".into(), &guess(CODE.to_owned()), NOW);
    assert!(
        !matches!(right, Decision::Pair(_)),
        "the right code came too late"
    );
}

#[test]
fn an_approved_request_lets_that_person_talk_and_no_other() {
    let now = Millis(5);
    let request = Request {
        id: "r1".into(),
        from: "ana".into(),
        name: Some("ben".into()),
        until: Millis(10),
    };
    let policy = Policy {
        requests: vec![request],
        ..Policy::default()
    };
    assert!(policy.clone().approve("r2", now).is_none());
    assert!(
        policy.clone().approve("r1", Millis(10)).is_none(),
        "it is too late"
    );
    let approved = policy.approve("r1", now).expect("it waits");
    assert!(approved.may_talk(&"ana".into()) && !approved.may_talk(&"ben".into()));
}

#[test]
fn in_a_group_only_the_owner_ends_and_begins() {
    let policy = Policy {
        owner: Some("ana".into()),
        allow: ["ben".into()].into(),
        ..Policy::default()
    };
    let command = |kind, who: &str, name: &str| Event {
        id: "e".into(),
        chat: Place {
            handle: "c".into(),
            kind,
            name: None,
        },
        sender: Sender {
            id: who.into(),
            name: None,
            is_bot: false,
        },
        at: NOW,
        body: EventBody::Action(Action {
            name: name.into(),
            argument: String::new(),
            token: None,
            target: None,
        }),
        addressed: true,
        late: false,
        group: None,
        raw: None,
    };
    let admitted = |kind, who, name| {
        let decision = admit(&policy, &"own".into(), &command(kind, who, name), NOW);
        decision == Decision::Admit
    };
    for name in ["new", "stop"] {
        assert!(admitted(ChatKind::Group, "ana", name));
        assert!(admitted(ChatKind::Dm, "ben", name));
        assert!(!admitted(ChatKind::Group, "ben", name));
    }
    assert!(admitted(ChatKind::Group, "ben", "status"));
}
