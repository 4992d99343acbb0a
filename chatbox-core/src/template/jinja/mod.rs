//! Templates with `{{ … }}` and `{% … %}`, for those who need conditions and loops.
//!
//! The engine is given no function, no test, four filters, and fuel; no template sees another, a file or the environment.
//! Fuel bounds steps and not memory, so what could grow a text faster than it grows the template is closed by
//! [`fence`](self::fence).

mod bounded;
mod fence;
mod values;

use super::error::{Fault, Place, nearest};
use super::moment::Moment;
use super::placeholder::Placeholder;
use super::{OUTPUT_MOST, show};
use bounded::Bounded;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use std::collections::HashSet;

/// How many steps a template may take.
const FUEL: u64 = 50_000;
const NAME: &str = "template";

/// A template that was read.
#[derive(Clone, Debug)]
pub(super) struct Jinja {
    engine: Environment<'static>,
    /// The variables that it has from us.
    named: HashSet<String>,
}

impl Jinja {
    /// Reads a template, or says what is wrong and where.
    pub(super) fn parse(source: &str) -> Result<Self, (Option<Place>, Fault)> {
        fence::check(source).map_err(|(at, fault)| (Some(Place::of(source, at)), fault))?;
        let mut engine = engine();
        engine
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| (place(&error, source), fault(&error)))?;
        let template = engine.get_template(NAME).expect("it was just added");
        let named = template.undeclared_variables(false);
        let unknown = |name: &&String| !values::names().any(|known| known == **name);
        match named.iter().filter(unknown).min() {
            None => Ok(Self { engine, named }),
            Some(name) => Err((None, unknown_variable(name))),
        }
    }

    pub(super) fn names(&self, placeholder: Placeholder) -> bool {
        let named = |it: &str| self.named.contains(it);
        named(&variable(placeholder)) || values::also(placeholder).is_some_and(named)
    }

    pub(super) fn render(&self, moment: &Moment<'_>) -> Result<String, Fault> {
        let template = self.engine.get_template(NAME).expect("it was added");
        let mut whole = Bounded::default();
        let rendered = template.render_captured_to(values::of(moment), &mut whole);
        match rendered {
            Ok(_) => Ok(whole.text()),
            Err(_) if whole.is_full() => Err(Fault::OutputTooLarge { most: OUTPUT_MOST }),
            Err(error) => Err(fault(&error)),
        }
    }
}

fn engine() -> Environment<'static> {
    let mut engine = Environment::empty();
    engine.set_debug(true);
    engine.set_fuel(Some(FUEL));
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.add_filter("upper", |text: &str| text.to_uppercase());
    engine.add_filter("lower", |text: &str| text.to_lowercase());
    engine.add_filter("trim", |text: &str| text.trim().to_owned());
    engine.add_filter("length", |value: minijinja::Value| value.len());
    engine
}

fn unknown_variable(name: &str) -> Fault {
    Fault::UnknownPlaceholder {
        name: show::line(name, 40),
        meant: nearest(name, values::names()),
    }
}

fn fault(error: &Error) -> Fault {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::OutOfFuel => Fault::OutOfFuel { most: FUEL },
        ErrorKind::SyntaxError | ErrorKind::BadEscape => Fault::Syntax(show::line(detail, 200)),
        ErrorKind::UnknownFilter
        | ErrorKind::UnknownTest
        | ErrorKind::UnknownFunction
        | ErrorKind::UnknownMethod => Fault::NotAvailable(show::line(&error.to_string(), 200)),
        kind => Fault::Render(show::line(&format!("{kind} {detail}"), 200)),
    }
}

fn place(error: &Error, source: &str) -> Option<Place> {
    match (error.range(), error.line()) {
        (Some(range), _) => Some(Place::of(source, range.start)),
        (None, Some(line)) => Some(Place { line, column: 1 }),
        (None, None) => None,
    }
}

/// The variable that has a placeholder's value.
fn variable(placeholder: Placeholder) -> String {
    placeholder.name().to_ascii_lowercase()
}
