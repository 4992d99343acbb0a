//! Templates with conditions and loops: what they can do, and all they cannot.

use super::{chat, focal, parsed, reaction, refused, render, row, said, tricky, written};
use crate::mutate::{Mutations, mutate};
use chatbox_core::event::EventBody;
use chatbox_core::template::{
    EventType, Moment, OUTPUT_MOST, Place, Placeholder, TEXT_MOST, Templates,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

#[test]
fn conditions_loops_and_filters_work() {
    let source = "{% if event_type == 'reaction' %}{{ sender_name|upper }} {{ emoji }}{% else %}\
                  {{ text|trim }}{% endif %}{% for c in chats if c.unread %} {{ c.id }}={{ c.unread }}\
                  {% endfor %}{% if not focal %} elsewhere{% endif %} {{ files|length }}";
    let templates = parsed(&[("focal_message", source), ("notification", source)]);
    assert_eq!(focal(&templates, reaction()), "ANN 👍 alpha:7=1 0");
    let other = render(&templates, said(" hi "), Some("beta:9"));
    assert_eq!(other.content, "hi alpha:7=1 elsewhere 0");
}

#[test]
fn what_a_template_names_is_known() {
    let names = |source, placeholder| {
        let templates = parsed(&[("notification", source)]);
        templates.name(EventType::Message, false, placeholder)
    };
    for source in [
        "{{ chat_list }}",
        "{% for it in chats %}{{ it.id }}{% endfor %}",
    ] {
        assert!(names(source, Placeholder::ChatList), "{source}");
        assert!(!names(source, Placeholder::UnreadCount), "{source}");
    }
    assert!(names(
        "{% if unread_count %}!{% endif %}",
        Placeholder::UnreadCount
    ));
}

#[test]
fn every_placeholder_has_a_variable() {
    let source = "{{ chat_id }}|{{ chat_name }}|{{ chat_kind }}|{{ connector }}|{{ sender_id }}|\
                  {{ sender_name }}|{{ text }}|{{ preview }}|{{ timestamp }}|{{ message_id }}|\
                  {{ reply_to }}|{{ attachments }}|{{ emoji }}|{{ event_type }}|{{ unread_count }}|\
                  {{ focal_chat_id }}";
    let plain = source.replace("{{ ", "$").replace(" }}", "");
    let upper: String = plain.to_uppercase();
    assert_eq!(
        focal(&parsed(&[("focal_message", source)]), reaction()),
        focal(&parsed(&[("focal_message", &upper)]), reaction())
    );
}

/// What is refused when it is set, and under which name.
const BAD: &[(&str, &str)] = &[
    ("{{ text", "template_syntax"),
    ("{% if focal %}x", "template_syntax"),
    ("{% endif %}", "template_syntax"),
    ("{{ text | }}", "template_syntax"),
    ("{{ }}", "template_syntax"),
    ("{{ (text }}", "template_syntax"),
    ("{{ nope }}", "unknown_placeholder"),
    ("{{ TEXT }}", "unknown_placeholder"),
    ("{{ self }}", "template_not_available"),
    ("{{ loop.index }}", "unknown_placeholder"),
    ("{{ env('HOME') }}", "unknown_placeholder"),
    (
        "{% for i in range(10) %}x{% endfor %}",
        "unknown_placeholder",
    ),
    ("{{ text|replace('a', text) }}", "template_not_available"),
    ("{{ text|safe }}", "template_not_available"),
    ("{{ text is odd }}", "template_not_available"),
    ("{{ text.format() }}", "template_not_available"),
    ("{% include 'x' %}", "template_not_available"),
    ("{% import 'x' as y %}", "template_not_available"),
    ("{% from 'x' import y %}", "template_not_available"),
    ("{% extends 'x' %}", "template_not_available"),
    ("{% block x %}{% endblock %}", "template_not_available"),
    (
        "{% macro x() %}{{ x() }}{% endmacro %}",
        "template_not_available",
    ),
    ("{% call x() %}{% endcall %}", "template_not_available"),
    ("{% set x = text %}", "template_not_available"),
    ("{% with x = text %}{% endwith %}", "template_not_available"),
    (
        "{% autoescape true %}{% endautoescape %}",
        "template_not_available",
    ),
    ("{% do x %}", "template_not_available"),
    ("{% raw %}{{ x }}{% endraw %}", "template_not_available"),
    (
        "{% for c in chats recursive %}{{ loop(chats) }}{% endfor %}",
        "template_not_available",
    ),
    ("{{ [text|trim, text|trim] }}", "template_not_available"),
    (
        "{% for x in text|trim, text|trim %}{% endfor %}",
        "template_not_available",
    ),
    ("{{ text|trim(text, text) }}", "template_not_available"),
    ("{{ text ~ text }}", "template_not_available"),
    ("{{ text * 1000000000 }}", "template_not_available"),
    ("{{ text.__class__.__mro__ }}", "render_failed"),
    ("{{ chats[0].nope.nope }}", "render_failed"),
    (
        "{% for c in text %}{% for d in text %}x{% endfor %}{% endfor %}",
        "render_fuel_exhausted",
    ),
    ("{{ text }} $TEXT", "template_syntax"),
];

#[test]
fn what_is_closed_is_refused_when_it_is_set() {
    for (source, code) in BAD {
        let error = refused(&[("edit", source)]);
        assert_eq!(error.fault.code(), *code, "{source}: {error}");
    }
}

#[test]
fn an_error_says_where() {
    let error = refused(&[("edit", "fine\n  {% if text %}never ended")]);
    assert_eq!(error.at.map(|at| at.line), Some(2), "{error}");
    let error = refused(&[("edit", "fine\n  {{ text ~ text }}")]);
    assert_eq!(
        error.at,
        Some(Place {
            line: 2,
            column: 11
        })
    );
    let error = refused(&[("edit", "{{ sender_nam }}")]);
    assert!(
        error.to_string().ends_with("did you mean sender_name?"),
        "{error}"
    );
}

#[test]
fn an_outcome_that_grows_too_long_is_refused() {
    let source = "{{ text }}".repeat(9);
    assert_eq!(
        refused(&[("edit", &source)]).fault.code(),
        "render_too_large"
    );
}

#[test]
fn what_gets_past_the_samples_fails_with_its_name() {
    // Only a text no sample has takes the long way.
    let source = "{% if text == 'trap' %}{% for a in chat_list %}{% for b in chat_list %}\
                  {% for c in chat_list %}x{% endfor %}{% endfor %}{% endfor %}{% endif %}";
    let templates = parsed(&[("notification", source)]);
    let (chat, row) = (chat(), row(said("trap")));
    let lines = super::lines();
    let moment = Moment {
        chats: &lines,
        ..Moment::of_row(&chat, &row)
    };
    let error = templates.render(&moment).expect_err("it is endless");
    assert_eq!(
        (error.key.as_str(), error.fault.code()),
        ("notification", "render_fuel_exhausted")
    );
}

#[test]
fn the_longest_text_passes() {
    let templates = parsed(&[("focal_message", "{{ text }}")]);
    let text = "x".repeat(TEXT_MOST);
    assert_eq!(focal(&templates, said(&text)), text);
}

#[test]
fn nothing_is_escaped_and_an_empty_file_list_is_false() {
    let source = "{% if files %}files{% endif %}<{{ text }}>";
    let templates = parsed(&[("focal_message", source)]);
    assert_eq!(focal(&templates, said("<b>&'\"")), "<<b>&'\">");
    let nothing = EventBody::Receipt { target: "e".into() };
    assert_eq!(focal(&templates, nothing), "<has read the chat>");
}

/// What code is made of.
const TOKENS: [&str; 30] = [
    "{{", "}}", "{%", "%}", "{#", "#}", "if", "elif", "else", "endif", "for", "endfor", "in",
    "not", "text", "chats", "c", "loop", ".index", "|upper", "|length", "(", ")", "[", "]", "0",
    "'a'", "==", "-", "\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn code_of_any_sort_is_taken_or_refused(
        tokens in prop::collection::vec(prop::sample::select(&TOKENS[..]), 1..20),
    ) {
        let source = format!("{{% if text %}}{}{{% endif %}}", tokens.join(" "));
        if let Err(error) = Templates::parse(&written(&[("edit", &source)])) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_a_message_says_stays_a_text(text in tricky()) {
        static TEMPLATES: LazyLock<Templates> =
            LazyLock::new(|| parsed(&[("focal_message", "{% if true %}<{{ text }}>{% endif %}")]));
        prop_assert_eq!(focal(&TEMPLATES, said(&text)), format!("<{text}>"));
    }
}

/// Templates as they are written, of each kind of mistake and without one.
fn sources() -> BTreeMap<&'static str, Vec<&'static str>> {
    let good = "{% for c in chats if c.unread %}{{ c.id|upper }} {{ text|trim }}{% else %}$TEXT{% endfor %}";
    let mut rows = BTreeMap::from([("good", vec![good, "$CHAT_LIST $TEXT $$ ${SENDER_NAME}"])]);
    for (source, code) in BAD {
        rows.entry(*code).or_default().push(*source);
    }
    rows
}

#[test]
fn mutations_of_every_row_are_refused_or_render_within_bounds() {
    let wanted = Mutations::wanted();
    for (name, sources) in sources() {
        let mut random = wanted.of_row(name);
        for nth in 0..wanted.per_row {
            let mut source = sources[nth % sources.len()].as_bytes().to_vec();
            mutate(&mut source, &mut random);
            let source = String::from_utf8_lossy(&source).into_owned();
            let Ok(templates) = Templates::parse(&written(&[("focal_message", &source)])) else {
                continue;
            };
            for body in [said(&source), reaction()] {
                let (chat, row) = (chat(), super::row(body));
                if let Ok(rendered) = templates.render(&Moment::of_row(&chat, &row)) {
                    let length = rendered.content.len();
                    assert!(length <= OUTPUT_MOST, "{source:?} became {length} bytes");
                }
            }
        }
    }
}
