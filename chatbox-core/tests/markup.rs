//! What the markup module promises, first by example, then as properties.
//!
//! Each property prints the seed it ran with; `MARKUP_SEED=… cargo test` runs it again, and
//! `MARKUP_TIMES=20` runs so many times the cases.

use std::{fmt::Debug, time::Instant};

use chatbox_core::markup::{
    Block, Dialect, Inline, Markup, PlainDialect, Unit, literal, parse, plain, split,
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner},
};
use unicode_segmentation::UnicodeSegmentation;

// ---- Examples -------------------------------------------------------------------------------

fn text(text: &str) -> Inline {
    Inline::Text(text.to_owned())
}

fn paragraph(content: impl Into<Vec<Inline>>) -> Block {
    Block::Paragraph(content.into())
}

/// The plain parts of a source at a limit in scalars.
fn parts(source: &str, limit: usize) -> Vec<String> {
    let parts = split(&parse(source), &PlainDialect::new(Unit::Scalar), limit);
    parts.iter().map(plain).collect()
}

#[test]
fn inline_markup_becomes_a_tree() {
    let tree = parse("**bold _both_** ~~old~~ `x < 1`\n[docs](https://a.example)");
    let expected = Markup(vec![paragraph([
        Inline::Strong(vec![text("bold "), Inline::Emphasis(vec![text("both")])]),
        text(" "),
        Inline::Strike(vec![text("old")]),
        text(" "),
        Inline::Code("x < 1".to_owned()),
        Inline::Break,
        Inline::Link {
            href: "https://a.example".to_owned(),
            content: vec![text("docs")],
        },
    ])]);
    assert_eq!(tree, expected);
}

#[test]
fn blocks_become_a_tree() {
    let tree = parse("# Title\n\n> said\n\n```rust\nfn f() {}\n```\n\n3. three\n4. four\n\n---");
    let expected = Markup(vec![
        Block::Heading {
            level: 1,
            content: vec![text("Title")],
        },
        Block::Quote(vec![paragraph([text("said")])]),
        Block::Code {
            lang: Some("rust".to_owned()),
            text: "fn f() {}".to_owned(),
        },
        Block::List {
            start: Some(3),
            items: vec![
                vec![paragraph([text("three")])],
                vec![paragraph([text("four")])],
            ],
        },
        Block::Rule,
    ]);
    assert_eq!(tree, expected);
}

#[test]
fn the_serialised_form_is_compact() {
    let tree = parse("a **b**\n\n- c\n\n***");
    let json = serde_json::to_string(&tree).expect("a tree serialises");
    let expected = r#"[{"paragraph":[{"text":"a "},{"strong":[{"text":"b"}]}]},{"list":{"items":[[{"paragraph":[{"text":"c"}]}]]}},"rule"]"#;
    assert_eq!(json, expected);
}

#[test]
fn nothing_typed_disappears() {
    // What CommonMark drops or changes, and a chat must not.
    for (source, shown) in [
        ("<b>hi</b> there", "<b>hi</b> there"),
        ("<div>\n*x*\n</div>", "<div>\n*x*\n</div>"),
        (
            "a\n\n[unused]: /where \"why\"",
            "a\n\n[unused]: /where \"why\"",
        ),
        ("[a]: /x\n[a]: /y\n\n[a]", "[a]: /y\n\na (/x)"),
        ("> [a]: /x\n> text", "> [a]: /x\n>\n> text"),
        ("- [a]: /x\n- b", "• [a]: /x\n• b"),
        (
            "see [^1]\n\n[^1]: a note here",
            "see [^1]\n\n[^1]: a note here",
        ),
        ("a &amp; b &copy; c", "a &amp; b &copy; c"),
        ("[t](/u \"title\")", "t (/u) “title”"),
        ("![cat](/cat.png)", "cat (/cat.png)"),
        ("![](/cat.png)", "/cat.png"),
        ("[![build](/b.svg)](/ci)", "build (/b.svg) (/ci)"),
        ("[text]()", "text"),
        ("- [x] done\n- [ ] open", "• [x] done\n• [ ] open"),
        ("2. two\n4. four", "2. two\n\n4. four"),
        ("1. one\n1. two", "1. one\n2. two"),
        ("|a|b|\n|-|-|\n|1|2|3|", "a | b\n--- | ---\n1 | 2 | 3"),
        ("```sh and more\nls\n```", "and more\nls"),
        (
            "line one\nline two  \nline three",
            "line one\nline two\nline three",
        ),
        ("nul\0nul\r\nnext", "nul\u{FFFD}nul\nnext"),
        ("#", "#"),
        (">", ">"),
        ("```", "```"),
        ("[only]: /definition", "[only]: /definition"),
    ] {
        assert_eq!(plain(&parse(source)), shown, "{source:?}");
    }
}

#[test]
fn plain_reads_well() {
    let source = "# Plan\n\nFirst *this*:\n\n1. one\n2. two\n   - deep\n   - deeper\n\n> quoted\n> \n> twice\n\n<https://a.example> <me@a.example> [b](https://b.example)";
    let shown = "Plan\n\nFirst this:\n\n1. one\n2. two\n   • deep\n   • deeper\n\n> quoted\n>\n> twice\n\nhttps://a.example me@a.example b (https://b.example)";
    assert_eq!(plain(&parse(source)), shown);
}

#[test]
fn literal_text_has_no_markup() {
    assert_eq!(plain(&literal("# *a*\n\n[b](c)")), "# *a*\n\n[b](c)");
    assert_eq!(literal(""), Markup::default());
}

#[test]
fn units_count_what_platforms_count() {
    let family = "👩‍👩‍👧é";
    assert_eq!(Unit::Utf16.measure(family), family.encode_utf16().count());
    assert_eq!(Unit::Scalar.measure(family), family.chars().count());
    assert_eq!(Unit::Utf8.measure(family), family.len());
}

#[test]
fn what_fits_is_one_part() {
    let tree = parse("a\n\n- b");
    let parts = split(&tree, &PlainDialect::new(Unit::Utf16), 6);
    assert_eq!(parts, std::slice::from_ref(&tree));
    assert!(split(&parse(" \n "), &PlainDialect::new(Unit::Utf16), 6).is_empty());
}

#[test]
fn a_limit_beyond_every_text_cuts_nothing() {
    assert_eq!(parts("one two\n\nthree", usize::MAX), ["one two\n\nthree"]);
}

#[test]
fn cuts_prefer_the_larger_border() {
    assert_eq!(parts("One.\n\nTwo three.", 14), ["One.", "Two three."]);
    assert_eq!(parts("one two\nthree four", 14), ["one two", "three four"]);
    assert_eq!(parts("Oh, no. Not again!", 14), ["Oh, no.", "Not again!"]);
    assert_eq!(parts("alpha beta gamma", 12), ["alpha beta", "gamma"]);
    assert_eq!(
        parts("你好世界。再见世界了", 7),
        ["你好世界。", "再见世界了"]
    );
    assert_eq!(parts("abcdefghij", 4), ["abcd", "efgh", "ij"]);
}

#[test]
fn a_heading_goes_with_its_text() {
    assert_eq!(
        parts("Before it.\n\n# Title\n\nAfter it.", 20),
        ["Before it.", "Title\n\nAfter it."]
    );
}

#[test]
fn a_block_that_fits_whole_is_not_cut() {
    assert_eq!(
        parts("So:\n\n```\n1234567890\n1234567\n```", 20),
        ["So:", "1234567890\n1234567"]
    );
}

#[test]
fn grapheme_clusters_stay_whole() {
    let family = "👩‍👩‍👧‍👦";
    assert_eq!(
        parts(&family.repeat(3), 15),
        [family.repeat(2), family.to_owned()]
    );
    assert_eq!(parts("e\u{301}e\u{301}e\u{301}", 3), ["e\u{301}"; 3]);
    assert_eq!(parts("🇩🇪🇫🇷🇮🇹", 5), ["🇩🇪🇫🇷", "🇮🇹"]);
    // Also where a style begins within one.
    assert_eq!(parts("abcde**\u{301}fgh**", 5), ["abcd", "e\u{301}fgh"]);
}

#[test]
fn only_a_cluster_above_the_limit_is_cut() {
    let family = "👩‍👩‍👧‍👦";
    let cut = parts(family, 3);
    assert!(cut.iter().all(|part| part.chars().count() <= 3), "{cut:?}");
    assert_eq!(cut.concat(), family);
    // A scalar cannot be cut.
    let cut = split(&literal("€1"), &PlainDialect::new(Unit::Utf8), 2);
    assert_eq!(cut, [literal("€"), literal("1")]);
}

#[test]
fn a_cut_style_is_whole_in_both_parts() {
    let link = |said: &str| Inline::Link {
        href: "u".to_owned(),
        content: vec![Inline::Strong(vec![text(said)])],
    };
    let tree = parse("[**one two**](u)");
    assert_eq!(
        split(&tree, &PlainDialect::new(Unit::Scalar), 8),
        [
            Markup(vec![paragraph([link("one")])]),
            Markup(vec![paragraph([link("two")])])
        ]
    );
}

#[test]
fn a_cut_fence_is_opened_again() {
    let code = |text: &str| {
        Markup(vec![Block::Code {
            lang: Some("py".to_owned()),
            text: text.to_owned(),
        }])
    };
    assert_eq!(
        split(
            &parse("```py\na = 1\n  b = 2\nc = 3\n```"),
            &PlainDialect::new(Unit::Scalar),
            13
        ),
        [code("a = 1\n  b = 2"), code("c = 3")]
    );
}

#[test]
fn a_cut_list_counts_on() {
    let source = "8. eight\n9. nine nine nine\n10. ten\n11. eleven";
    assert_eq!(
        parts(source, 14),
        ["8. eight", "9. nine nine", "nine\n\n10. ten", "11. eleven"]
    );
    assert_eq!(parts("> - one\n> - two", 8), ["> • one", "> • two"]);
}

#[test]
fn a_table_is_cut_between_rows() {
    assert_eq!(
        parts("|a|b|\n|-|-|\n|1|2|\n|3|4|\n|5|6|", 22),
        ["a | b\n--- | ---\n1 | 2", "3 | 4\n5 | 6"]
    );
}

#[test]
fn a_link_too_large_for_a_part_is_written_out() {
    assert_eq!(
        parts("see [it](https://a.example/b) now", 12).concat(),
        "seeit(https://a.example/b)now"
    );
}

// ---- Speed ----------------------------------------------------------------------------------

/// Counts what it measures, so that speed is judged by work and not by the clock.
#[derive(Debug, Default)]
struct Counting(std::sync::atomic::AtomicUsize);

impl Dialect for Counting {
    fn measure(&self, piece: &Markup) -> usize {
        let size = PlainDialect::new(Unit::Utf16).measure(piece);
        let order = std::sync::atomic::Ordering::Relaxed;
        self.0.fetch_add(size + 1, order);
        size
    }
}

/// Sources that have been slow somewhere, of about `size` bytes.
fn hard_sources(size: usize) -> Vec<(&'static str, String)> {
    let fill = |unit: &str| unit.repeat(size / unit.len());
    vec![
        ("words", fill("some words and more. ")),
        ("paragraphs", fill("some words and more.\n\n")),
        ("one word", fill("x")),
        ("spaces", format!("a{}b", fill(" "))),
        ("marks", format!("a{}", fill("\u{301}"))),
        ("flags", fill("🇩🇪")),
        ("joiners", fill("👩\u{200D}")),
        ("cjk", fill("汉字")),
        ("quotes", fill(">")),
        (
            "deep quotes",
            fill("> > > > > > > > > > > > > > > > > > a\n"),
        ),
        ("deep lists", fill("- - - - - - - - - - a\n")),
        ("items", fill("1. a\n")),
        ("brackets", fill("[")),
        ("links", fill("[a](b) ")),
        ("stars", fill("*a **b ")),
        ("ticks", fill("`a``b```")),
        ("fence", format!("```rust\n{}", fill("let a = 1;\n"))),
        ("empty lines in code", format!("```\n{}x", fill("\n"))),
        ("html", fill("<a ")),
        ("table", format!("|a|b|\n|-|-|\n{}", fill("|some|words|\n"))),
        (
            "wide table",
            format!(
                "{}|\n{}|\n|x|",
                "|a".repeat(size / 8),
                "|-".repeat(size / 8)
            ),
        ),
        ("definitions", fill("[a]: /b\n")),
        (
            "references",
            format!("[a]: /{}\n\n{}", "b".repeat(3000), "[a] ".repeat(size / 4)),
        ),
        (
            "large link",
            format!("[{}](/{})", fill("words and "), "b".repeat(4000)),
        ),
        (
            "giant link",
            format!(
                "[{}](/{})",
                "*a* **b** ".repeat(size / 20),
                "b".repeat(size / 2)
            ),
        ),
        ("rules", fill("---\n\n")),
        ("entities", fill("&amp;")),
    ]
}

#[test]
fn work_grows_with_the_text() {
    for (name, source) in hard_sources(200_000) {
        let tree = parse(&source);
        let size = Unit::Utf16.measure(&plain(&tree)).max(source.len());
        let counting = Counting::default();
        let began = Instant::now();
        let parts = split(&tree, &counting, 4096);
        println!("{name}: {} parts, {:?}", parts.len(), began.elapsed());
        assert!(parts.iter().all(|part| counting.measure(part) <= 4096));
        let work = counting.0.into_inner();
        assert!(work < 24 * size + 100_000, "{name}: {work} for {size}");
        let said: usize = parts.iter().map(|part| bare(part).len()).sum();
        // A link written out is longer by its address.
        assert!(said >= bare(&tree).len(), "{name}");
    }
}

#[test]
fn a_megabyte_ends() {
    for (name, source) in hard_sources(1_000_000) {
        let began = Instant::now();
        let tree = parse(&source);
        let parsed = began.elapsed();
        let parts = split(&tree, &PlainDialect::new(Unit::Utf16), 4096);
        let all = began.elapsed();
        println!("{name}: parsed {parsed:?}, {} parts, {all:?}", parts.len());
    }
}

// ---- Properties -----------------------------------------------------------------------------

/// A character with all the markup it stands in, lists aside (the rest of a cut item has none).
type Styled = (char, Vec<String>);

/// The visible text without white space, each character with its markup.
fn styled(markup: &Markup) -> Vec<Styled> {
    let mut seen = Vec::new();
    see_blocks(&markup.0, &mut Vec::new(), &mut seen);
    seen
}

/// The visible text without white space.
fn bare(markup: &Markup) -> String {
    styled(markup).into_iter().map(|(c, _)| c).collect()
}

fn see_text(text: &str, styles: &[String], seen: &mut Vec<Styled>) {
    let mut styles = styles.to_vec();
    styles.sort();
    styles.dedup();
    let visible = text.chars().filter(|c| !c.is_whitespace());
    seen.extend(visible.map(|c| (c, styles.clone())));
}

fn within(name: String, styles: &mut Vec<String>, inside: impl FnOnce(&mut Vec<String>)) {
    styles.push(name);
    inside(styles);
    styles.pop();
}

fn see_blocks(blocks: &[Block], styles: &mut Vec<String>, seen: &mut Vec<Styled>) {
    for block in blocks {
        match block {
            Block::Paragraph(content) => see_inlines(content, styles, seen),
            Block::Heading { level, content } => {
                within(format!("h{level}"), styles, |s| {
                    see_inlines(content, s, seen);
                });
            }
            Block::Code { lang, text } => {
                within(format!("fence {lang:?}"), styles, |s| {
                    see_text(text, s, seen);
                });
            }
            Block::Quote(blocks) => {
                let depth = format!("quote {}", styles.len());
                within(depth, styles, |s| see_blocks(blocks, s, seen));
            }
            Block::List { items, .. } => {
                for item in items {
                    see_blocks(item, styles, seen);
                }
            }
            Block::Table { header, rows } => {
                for cell in header {
                    within("header".to_owned(), styles, |s| see_inlines(cell, s, seen));
                }
                for cell in rows.iter().flatten() {
                    within("cell".to_owned(), styles, |s| see_inlines(cell, s, seen));
                }
            }
            _ => {}
        }
    }
}

fn see_inlines(inlines: &[Inline], styles: &mut Vec<String>, seen: &mut Vec<Styled>) {
    for inline in inlines {
        let (name, content) = match inline {
            Inline::Text(text) => {
                see_text(text, styles, seen);
                continue;
            }
            Inline::Code(text) => {
                within("code".to_owned(), styles, |s| see_text(text, s, seen));
                continue;
            }
            Inline::Strong(content) => ("strong".to_owned(), content),
            Inline::Emphasis(content) => ("emphasis".to_owned(), content),
            Inline::Strike(content) => ("strike".to_owned(), content),
            Inline::Link { href, content } => (format!("link {href}"), content),
            _ => continue,
        };
        within(name, styles, |s| see_inlines(content, s, seen));
    }
}

fn is_subsequence(part: impl IntoIterator<Item = char>, whole: &str) -> bool {
    let mut whole = whole.chars();
    part.into_iter().all(|c| whole.any(|other| other == c))
}

/// A dialect with visible marks: what a platform with its own markup characters measures.
#[derive(Debug)]
struct Marked(Unit);

impl Dialect for Marked {
    fn measure(&self, piece: &Markup) -> usize {
        let marks = format!("{piece:?}").matches(['{', '[']).count();
        self.0.measure(&plain(piece)) + marks
    }
}

fn check<S: Strategy>(name: &str, cases: u32, strategy: S, test: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let given = std::env::var("MARKUP_SEED").ok();
    let seed = given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let since = std::time::UNIX_EPOCH
            .elapsed()
            .expect("the clock is past 1970");
        since.as_nanos() as u64
    });
    println!("{name}: MARKUP_SEED={seed}");
    let times = std::env::var("MARKUP_TIMES").ok();
    let times: u32 = times.and_then(|times| times.parse().ok()).unwrap_or(1);
    let config = Config {
        cases: cases * times,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    let run = TestRunner::new(config).run(&strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(error) = run {
        panic!("{name}, MARKUP_SEED={seed}: {error}");
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-zA-Z]{1,9}[.,!?]?",
        1 => "[a-z]{30,60}",
        1 => "[汉字你好世界。、ひらがなカタカナ한국어]{1,12}",
        1 => "[אבגדהשלום مرحبا]{2,8}",
        1 => "(e\u{301}|o\u{308}\u{304}|ि|क्षि|กำ){1,5}",
        1 => prop::sample::select(vec!["👩‍👩‍👧‍👦", "👍🏽", "🏳️‍🌈", "🇩🇪🇫🇷", "❤️", "1️⃣", "𝔘𝔫𝔦"])
            .prop_map(ToOwned::to_owned),
        1 => "https://[a-z]{3,9}\\.example/[a-z0-9/]{0,30}",
    ]
}

fn words(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 1..most).prop_map(|words| words.join(" "))
}

fn inline_source() -> impl Strategy<Value = String> {
    let leaf = words(8);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 1..3).prop_map(|some| some.join(" "));
        prop_oneof![
            several.clone().prop_map(|some| format!("**{some}**")),
            several.clone().prop_map(|some| format!("*{some}*")),
            several.clone().prop_map(|some| format!("~~{some}~~")),
            several.prop_map(|some| format!("[{some}](/u)")),
            words(3).prop_map(|some| format!("`{some}`")),
            prop::collection::vec(inner, 1..3).prop_map(|some| some.join("\n")),
        ]
    })
}

fn block_source() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => inline_source(),
        1 => inline_source().prop_map(|some| format!("## {}", some.replace('\n', " "))),
        1 => prop::collection::vec(words(6), 1..12)
            .prop_map(|lines| format!("```rust\n{}\n```", lines.join("\n  "))),
        1 => prop::collection::vec(words(4), 2..12).prop_map(|cells| {
            let rows: Vec<String> = cells.chunks(2).map(|row| format!("|{}|", row.join("|"))).collect();
            format!("|a|b|\n|-|-|\n{}", rows.join("\n"))
        }),
        1 => Just("---".to_owned()),
        1 => inline_source().prop_map(|some| format!("<div>{some}</div>")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let several = prop::collection::vec(inner, 1..4);
        prop_oneof![
            several
                .clone()
                .prop_map(|some| prefixed(&some.join("\n\n"), "> ", "> ")),
            several.clone().prop_map(|some| {
                let items: Vec<String> =
                    some.iter().map(|item| prefixed(item, "- ", "  ")).collect();
                items.join("\n")
            }),
            several.prop_map(|some| {
                let items = some.iter().enumerate();
                let items: Vec<String> = items
                    .map(|(n, item)| prefixed(item, &format!("{}. ", n + 7), "    "))
                    .collect();
                items.join("\n")
            }),
        ]
    })
}

fn prefixed(source: &str, first: &str, further: &str) -> String {
    format!("{first}{}", source.replace('\n', &format!("\n{further}")))
}

fn document() -> impl Strategy<Value = String> {
    prop::collection::vec(block_source(), 1..6).prop_map(|blocks| blocks.join("\n\n"))
}

/// Any text of characters that mean something to CommonMark.
fn noise() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ \t\n>*_~`#+0-9.\\[\\]()<:!|\\\\a-f\"'=&;-]{0,120}",
        "([-*+>#|~`]{1,3} ?|[0-9]{1,2}[.)] |\\[[a-c]\\](: ?/x)?|\n|\n\n|  |[a-z]{1,4}|<[a-z/]{1,4}>|&[a-z]{2,4};|\\||\\|-\\|){0,60}",
    ]
}

fn unit() -> impl Strategy<Value = Unit> {
    prop::sample::select(vec![Unit::Utf16, Unit::Scalar, Unit::Utf8])
}

/// Everything that holds of parts at any limit.
fn check_parts(tree: &Markup, dialect: &dyn Dialect, limit: usize) -> Vec<Markup> {
    let parts = split(tree, dialect, limit);
    let mut said = String::new();
    for part in &parts {
        assert!(!part.is_blank(), "a blank part");
        let scalar = plain(part).chars().count() == 1;
        let size = dialect.measure(part);
        assert!(size <= limit || scalar, "{size} > {limit}: {part:?}");
        said.push_str(&bare(part));
    }
    assert!(
        is_subsequence(bare(tree).chars(), &said),
        "lost text:\n{}\n{said}",
        bare(tree)
    );
    parts
}

#[test]
fn parts_are_complete_and_keep_their_markup() {
    let limits = prop::sample::select(vec![160_usize, 250, 400, 2000, 4096]);
    let input = (document(), limits, unit());
    check("complete", 600, input, |(source, limit, unit)| {
        let tree = parse(&source);
        let parts = check_parts(&tree, &PlainDialect { unit }, limit);
        let joined: Vec<Styled> = parts.iter().flat_map(styled).collect();
        assert_eq!(joined, styled(&tree));
        for part in &parts {
            check_clusters(part);
        }
    });
}

/// No part begins or ends within a cluster of those that [`word`] makes.
fn check_clusters(part: &Markup) {
    let shown = bare(part);
    let Some(first) = shown.chars().next() else {
        return; // Nothing but a rule.
    };
    let joins = [
        '\u{200D}', '\u{301}', '\u{304}', '\u{308}', '\u{FE0F}', '\u{20E3}', '🏽', 'ि',
    ];
    assert!(
        !joins.contains(&first) || shown.starts_with('ि'),
        "{shown:?}"
    );
    assert!(!shown.ends_with('\u{200D}'), "{shown:?}");
    let flags = shown.chars().filter(|c| ('🇦'..='🇿').contains(c)).count();
    assert_eq!(flags % 2, 0, "{shown:?}");
}

#[test]
fn clusters_that_fit_are_never_cut() {
    let cluster = prop_oneof![
        prop::sample::select(vec![
            "👩‍👩‍👧‍👦",
            "👍🏽",
            "🏳️‍🌈",
            "🇩🇪",
            "❤️",
            "1️⃣",
            "क्षि",
            "กำ",
            "e\u{301}",
            "각",
            "🇫🇷"
        ])
        .prop_map(ToOwned::to_owned),
        "[a-zא-ת一-龠]",
    ];
    // The largest of these has 25 bytes.
    let input = (prop::collection::vec(cluster, 1..80), 25_usize..60, unit());
    check("clusters", 600, input, |(clusters, limit, unit)| {
        let source = clusters.concat();
        let middle = clusters[clusters.len() / 2..].concat();
        let styled = format!("{}**{middle}**", clusters[..clusters.len() / 2].concat());
        for tree in [literal(&source), parse(&styled)] {
            let shown = plain(&tree);
            let parts = check_parts(&tree, &PlainDialect { unit }, limit);
            let parts: Vec<String> = parts.iter().map(plain).collect();
            let kept: Vec<&str> = parts.iter().flat_map(|part| part.graphemes(true)).collect();
            assert_eq!(kept, shown.graphemes(true).collect::<Vec<_>>());
        }
    });
}

#[test]
fn tiny_limits_end_and_lose_nothing() {
    let input = (document(), 1_usize..40, unit());
    check("tiny", 500, input, |(source, limit, unit)| {
        check_parts(&parse(&source), &PlainDialect { unit }, limit);
    });
}

#[test]
fn a_dialect_with_its_own_marks_is_kept_to() {
    let input = (
        document(),
        prop::sample::select(vec![30_usize, 80, 160, 2000]),
        unit(),
    );
    check("marked", 500, input, |(source, limit, unit)| {
        check_parts(&parse(&source), &Marked(unit), limit);
    });
}

#[test]
fn any_text_is_parsed_and_split() {
    let input = (
        noise(),
        prop::sample::select(vec![1_usize, 2, 5, 20, 160]),
        unit(),
    );
    check("noise", 1500, input, |(source, limit, unit)| {
        let tree = parse(&source);
        check_parts(&tree, &PlainDialect { unit }, limit);
        check_parts(&literal(&source), &PlainDialect { unit }, limit);
        assert_eq!(parse(&source), tree);
    });
}

#[test]
fn trees_survive_serialisation() {
    let input = prop_oneof![document(), noise()];
    check("serde", 800, input, |source| {
        let tree = parse(&source);
        let json = serde_json::to_string(&tree).expect("a tree serialises");
        let back: Markup = serde_json::from_str(&json).expect("what was written can be read");
        assert_eq!(back, tree);
    });
}

#[test]
fn plain_shows_every_letter_and_digit() {
    let input = prop_oneof![document(), noise()].prop_map(|source| unnumbered(&source));
    check("letters", 2000, input, |source| {
        // A definition is shown where it is used, which changes the order.
        let source = source.replace("]:", "] :");
        let mut tree = parse(&source);
        tree.0.iter_mut().for_each(show_language);
        let shown = plain(&tree);
        let expected = source.chars().filter(|c| c.is_alphanumeric());
        assert!(is_subsequence(expected, &shown), "{source:?}\n{shown:?}");
    });
}

#[test]
fn definitions_stay_visible() {
    let line = prop_oneof![
        "\\[[a-c]\\]: /[d-f]",
        "\\[[a-c]\\]",
        "[g-i]{1,3}",
        "> \\[[a-c]\\]: /[j-l]",
        "- \\[[a-c]\\]: /[m-p]",
        ""
    ];
    let input = prop::collection::vec(line, 1..12).prop_map(|lines| lines.join("\n"));
    check("definitions", 1000, input, |source| {
        let shown = plain(&parse(&source));
        for target in source.split('/').skip(1).filter_map(|rest| rest.get(..1)) {
            assert!(
                shown.contains(&format!("/{target}")),
                "{source:?}\n{shown:?}"
            );
        }
    });
}

/// Without list numbers that CommonMark counts anew.
fn unnumbered(source: &str) -> String {
    let mut out = String::new();
    for c in source.chars() {
        if matches!(c, '.' | ')') && out.ends_with(|last: char| last.is_ascii_digit()) {
            out.push('x');
        }
        out.push(c);
    }
    out
}

/// Moves the language of a fence, which plain text does not show, into its text.
fn show_language(block: &mut Block) {
    match block {
        Block::Code { lang, text } => {
            if let Some(lang) = lang.take() {
                *text = format!("{lang}\n{text}");
            }
        }
        Block::Quote(blocks) => blocks.iter_mut().for_each(show_language),
        Block::List { items, .. } => items.iter_mut().flatten().for_each(show_language),
        _ => {}
    }
}

fn inlines() -> impl Strategy<Value = Vec<Inline>> {
    let leaf = prop_oneof![
        words(4).prop_map(Inline::Text),
        "[a-z\\n ]{0,9}".prop_map(Inline::Text),
        words(3).prop_map(Inline::Code),
        Just(Inline::Break),
    ];
    let inline = leaf.prop_recursive(3, 12, 3, |inner| {
        let several = prop::collection::vec(inner, 0..3);
        prop_oneof![
            several.clone().prop_map(Inline::Strong),
            several.clone().prop_map(Inline::Emphasis),
            several.clone().prop_map(Inline::Strike),
            ("[a-z]{0,9}", several).prop_map(|(href, content)| Inline::Link { href, content }),
        ]
    });
    prop::collection::vec(inline, 0..4)
}

/// Trees as nobody's parser makes them: empty and doubled wrappers, line feeds in text.
fn untidy() -> impl Strategy<Value = Markup> {
    let leaf = prop_oneof![
        inlines().prop_map(Block::Paragraph),
        (1..7_u8, inlines()).prop_map(|(level, content)| Block::Heading { level, content }),
        "[a-z\\n ]{0,40}".prop_map(|text| Block::Code { lang: None, text }),
        prop::collection::vec(prop::collection::vec(inlines(), 0..3), 0..4).prop_map(|rows| {
            Block::Table {
                header: Vec::new(),
                rows,
            }
        }),
        Just(Block::Rule),
    ];
    let block = leaf.prop_recursive(4, 16, 3, |inner| {
        let several = prop::collection::vec(inner, 0..3);
        let items = prop::collection::vec(several.clone(), 0..4);
        prop_oneof![
            several.prop_map(Block::Quote),
            (prop::option::of(any::<u64>()), items)
                .prop_map(|(start, items)| Block::List { start, items }),
        ]
    });
    prop::collection::vec(block, 0..4).prop_map(Markup)
}

#[test]
fn untidy_trees_are_split_too() {
    let input = (untidy(), prop_oneof![1_usize..40, Just(160_usize)], unit());
    check("untidy", 800, input, |(tree, limit, unit)| {
        check_parts(&tree, &PlainDialect { unit }, limit);
        check_parts(&tree, &Marked(unit), limit + 10);
    });
}

#[test]
fn large_documents_arrive_whole() {
    let input = (prop::collection::vec(document(), 20..60), unit());
    check("large", 6, input, |(documents, unit)| {
        let mut source = documents.join("\n\n");
        while source.len() < 100_000 {
            source = format!("{source}\n\n{source}");
        }
        let tree = parse(&source);
        for limit in [2000, 4096] {
            let parts = check_parts(&tree, &PlainDialect { unit }, limit);
            assert!(parts.iter().flat_map(styled).eq(styled(&tree)));
        }
    });
}
