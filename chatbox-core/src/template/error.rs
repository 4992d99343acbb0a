//! Why a template cannot be taken, or not be rendered.

use std::fmt;

/// What is wrong with one template. The text is for the person who wrote it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("template `{key}`{}: {fault}", Comma(*.at))]
pub struct TemplateError {
    /// Which template, as it was named.
    pub key: String,
    /// Where in it.
    pub at: Option<Place>,
    /// What is wrong.
    pub fault: Fault,
}

/// A place in a template, both counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

/// What can be wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The template's name means nothing.
    #[error("there is no such template{}", DidYouMean(.meant))]
    UnknownKey {
        /// The nearest name there is.
        meant: Option<String>,
    },
    /// Two templates have one name.
    #[error("it is there twice; keep one of the two")]
    DuplicateKey,
    /// The source is too long.
    #[error("it is longer than {most} bytes")]
    TooLarge {
        /// The limit.
        most: usize,
    },
    /// A name after `$`, or a variable, that means nothing.
    #[error("there is no placeholder {name}{}", DidYouMean(.meant))]
    UnknownPlaceholder {
        /// As it was written.
        name: String,
        /// The nearest there is.
        meant: Option<String>,
    },
    /// It cannot be read.
    #[error("{0}")]
    Syntax(String),
    /// Something of the template language that is switched off here.
    #[error("{0} is not available in a template")]
    NotAvailable(String),
    /// It holds `{{` or `{%`, and this build does not render those.
    #[error("`{{{{` and `{{%` are not rendered by this build; write `$NAME` placeholders")]
    NoJinja,
    /// It takes too many steps.
    #[error("it takes more than {most} steps to render; make its loops shorter")]
    OutOfFuel {
        /// The limit.
        most: u64,
    },
    /// What it renders is too long.
    #[error("it renders to more than {most} bytes; use each long placeholder once")]
    OutputTooLarge {
        /// The limit.
        most: usize,
    },
    /// It failed while it was rendered.
    #[error("it cannot be rendered: {0}")]
    Render(String),
    /// A credential is written into it.
    #[error(
        "it holds one of the mailbox's own secrets; take it out, the receiver gets it another way"
    )]
    Secret,
}

impl Fault {
    /// A stable short name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownKey { .. } => "unknown_event",
            Self::DuplicateKey => "duplicate_key",
            Self::TooLarge { .. } => "template_too_large",
            Self::UnknownPlaceholder { .. } => "unknown_placeholder",
            Self::Syntax(_) => "template_syntax",
            Self::NotAvailable(_) | Self::NoJinja => "template_not_available",
            Self::OutOfFuel { .. } => "render_fuel_exhausted",
            Self::OutputTooLarge { .. } => "render_too_large",
            Self::Render(_) => "render_failed",
            Self::Secret => "secret_in_template",
        }
    }

    /// The fault of a template, without a place.
    pub(super) fn of(self, key: impl ToString) -> TemplateError {
        TemplateError {
            key: key.to_string(),
            at: None,
            fault: self,
        }
    }
}

impl Place {
    /// The place of a byte.
    pub(super) fn of(source: &str, offset: usize) -> Self {
        let before = &source[..source.floor_char_boundary(offset)];
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line..].chars().count() + 1,
        }
    }
}

/// The nearest of some names, if one is near enough to be meant.
pub(super) fn nearest(name: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
    let name = name.to_lowercase();
    names
        .into_iter()
        .map(|it| (strsim::jaro_winkler(&name, &it.to_lowercase()), it))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, it)| it)
}

struct Comma(Option<Place>);

impl fmt::Display for Comma {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Place { line, column }) => write!(f, ", line {line}, column {column}"),
            None => Ok(()),
        }
    }
}

struct DidYouMean<'a>(&'a Option<String>);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(meant) => write!(f, "; did you mean {meant}?"),
            None => Ok(()),
        }
    }
}
