//! Makes a set of entities nested, as the platform stores it.
//!
//! Pure. Offsets are taken as already checked.

use super::types::Entity;

/// Kinds that may be cut in pieces to keep the whole nested.
const SPLITTABLE: &[&str] = &["bold", "italic", "underline", "strikethrough", "spoiler"];

/// Outer before inner; over the same stretch code comes before links.
pub(crate) fn sort(entities: &mut [Entity]) {
    entities.sort_by_key(|e| (e.offset, -e.length, !verbatim(e)));
}

fn splittable(entity: &Entity) -> bool {
    SPLITTABLE.contains(&entity.kind.as_str())
}

fn cross(a: &Entity, b: &Entity) -> bool {
    let apart = a.end() <= b.offset || b.end() <= a.offset;
    let inside = |x: &Entity, y: &Entity| y.offset <= x.offset && x.end() <= y.end();
    !apart && !inside(a, b) && !inside(b, a)
}

/// Makes the set nested: of solid entities that overlap the later is dropped, those across a quotation's border too;
/// styles are merged, cut at foreign borders and taken away from `code` and `pre`.
pub(crate) fn nest(entities: Vec<Entity>) -> Vec<Entity> {
    let (styles, rest): (Vec<_>, Vec<_>) = entities.into_iter().partition(splittable);
    let (quotes, solid): (Vec<_>, Vec<_>) = rest.into_iter().partition(quotes);
    let mut kept = apart(quotes);
    let mut solid = apart(solid);
    solid.retain(|entity| !kept.iter().any(|quote| cross(quote, entity)));
    kept.append(&mut solid);
    let styles = merged(styles);
    let borders: Vec<i64> = kept
        .iter()
        .chain(&styles)
        .flat_map(|e| [e.offset, e.end()])
        .collect();
    let in_the_way =
        |k: &Entity, style: &Entity| cross(k, style) || (verbatim(k) && overlaps(k, style));
    let mut all = kept.clone();
    for style in &styles {
        let cut = kept.iter().chain(&styles).any(|k| in_the_way(k, style));
        let pieces = if cut {
            cut_at(style, &borders)
        } else {
            vec![style.clone()]
        };
        let free = |piece: &Entity| !kept.iter().any(|k| in_the_way(k, piece));
        all.extend(pieces.into_iter().filter(free));
    }
    sort(&mut all);
    all
}

/// Those that do not begin inside an earlier one.
fn apart(entities: Vec<Entity>) -> Vec<Entity> {
    let mut kept: Vec<Entity> = Vec::new();
    for entity in entities {
        if kept.last().is_none_or(|last| last.end() <= entity.offset) {
            kept.push(entity);
        }
    }
    kept
}

fn quotes(entity: &Entity) -> bool {
    matches!(entity.kind.as_str(), "blockquote" | "expandable_blockquote")
}

fn verbatim(entity: &Entity) -> bool {
    matches!(entity.kind.as_str(), "code" | "pre")
}

fn overlaps(a: &Entity, b: &Entity) -> bool {
    a.offset < b.end() && b.offset < a.end()
}

/// Joins touching stretches of one style.
fn merged(styles: Vec<Entity>) -> Vec<Entity> {
    let mut joined: Vec<Entity> = Vec::new();
    for style in styles {
        let same = joined
            .iter_mut()
            .find(|j| j.kind == style.kind && style.offset <= j.end());
        match same {
            Some(earlier) => earlier.length = earlier.end().max(style.end()) - earlier.offset,
            None => joined.push(style),
        }
    }
    joined
}

fn cut_at(style: &Entity, borders: &[i64]) -> Vec<Entity> {
    let inner = borders
        .iter()
        .filter(|b| style.offset < **b && **b < style.end());
    let mut points: Vec<i64> = inner.copied().chain([style.offset, style.end()]).collect();
    points.sort_unstable();
    points.dedup();
    let piece = |pair: &[i64]| Entity {
        offset: pair[0],
        length: pair[1] - pair[0],
        ..style.clone()
    };
    points.windows(2).map(piece).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The kinds over each unit.
    fn seen(entities: &[Entity], length: i64) -> Vec<BTreeSet<&str>> {
        let over = |at: i64| {
            let here = entities
                .iter()
                .filter(move |e| e.offset <= at && at < e.end());
            here.map(|e| e.kind.as_str()).collect()
        };
        (0..length).map(over).collect()
    }

    #[test]
    fn styles_come_out_nested_and_cover_the_same_units() {
        let mut random = SEED;
        let mut below = |limit: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            i64::try_from(random % limit).expect("small")
        };
        for case in 0..2_000 {
            let mut entities: Vec<Entity> = (0..6)
                .map(|_| {
                    let kind = SPLITTABLE[usize::try_from(below(5)).expect("small")];
                    Entity::new(kind, below(20), 1 + below(10))
                })
                .collect();
            sort(&mut entities);
            let nested = nest(entities.clone());
            let told = || format!("seed {SEED:#x}, case {case}: {entities:?} became {nested:?}");
            assert_eq!(seen(&nested, 32), seen(&entities, 32), "{}", told());
            let crossing = nested.iter().any(|a| nested.iter().any(|b| cross(a, b)));
            assert!(!crossing, "{}", told());
        }
    }

    #[test]
    fn nothing_stands_inside_code() {
        let entities = vec![Entity::new("bold", 0, 10), Entity::new("code", 2, 3)];
        let kinds: Vec<_> = nest(entities)
            .into_iter()
            .map(|e| (e.kind, e.offset, e.length))
            .collect();
        let bold = |offset: i64, length: i64| ("bold".to_owned(), offset, length);
        assert_eq!(kinds, [bold(0, 2), ("code".to_owned(), 2, 3), bold(5, 5)]);
    }

    #[test]
    fn code_and_links_do_not_mix_and_quotes_hold_all() {
        let kinds = |mut entities: Vec<Entity>| -> Vec<String> {
            sort(&mut entities);
            nest(entities).into_iter().map(|e| e.kind).collect()
        };
        let link = |offset: i64, length: i64| Entity::new("text_link", offset, length);
        let code = |offset: i64, length: i64| Entity::new("code", offset, length);
        assert_eq!(kinds(vec![link(0, 9), code(2, 3)]), ["text_link"]);
        assert_eq!(kinds(vec![link(0, 9), code(0, 9)]), ["code"]);
        let quote = Entity::new("blockquote", 0, 9);
        let all = vec![
            quote.clone(),
            code(0, 3),
            link(4, 2),
            Entity::new("bold", 4, 5),
        ];
        assert_eq!(kinds(all), ["blockquote", "code", "bold", "text_link"]);
        assert_eq!(kinds(vec![quote, link(8, 3)]), ["blockquote"]);
    }
}
