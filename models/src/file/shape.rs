//! What a field may hold, as data: the one source of both the check of a file and the JSON Schema for editors.
//!
//! It must never hold a rule that only one of the two knows; what a schema cannot say stands in `meaning.rs`.

use crate::quantity::BadQuantity;
use std::str::FromStr;

#[derive(Debug)]
pub(crate) enum Shape {
    /// Known fields and nothing else.
    Map(&'static Fields),
    /// Keys of the user's choice.
    Table {
        key: &'static Form,
        value: &'static Shape,
    },
    List(&'static List),
    Text(&'static Form),
    Word(&'static [&'static str]),
    Integer {
        least: u64,
        most: u64,
    },
    /// `true` or `false`.
    Truth,
    /// A text, a number or a truth value: what a parameter is.
    Scalar,
    /// A map of anything: what a chart takes.
    Free,
    /// Not judged: the kind of the document is not known.
    Any,
}

#[derive(Debug)]
pub(crate) struct Fields {
    pub fields: &'static [Field],
    pub rules: &'static [Rule],
}

#[derive(Debug)]
pub(crate) struct Field {
    pub name: &'static str,
    pub need: Need,
    /// One line that begins small and has no full stop, for editors and for the message when it is missing.
    pub doc: &'static str,
    pub shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
}

/// What the fields of one map owe each other.
#[derive(Debug)]
pub(crate) enum Rule {
    ExactlyOne(&'static [&'static str; 2]),
    AtMostOne(&'static [&'static str; 2]),
    /// The first makes sense only beside the second.
    Needs(&'static str, &'static str),
}

#[derive(Debug)]
pub(crate) struct List {
    pub item: Shape,
    pub least: usize,
    pub most: usize,
    pub twice: Twice,
}

/// Whether one scalar may stand in a list twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twice {
    Allowed,
    Refused,
}

/// A text with a form: a name, a quantity, a port.
#[derive(Debug)]
pub(crate) struct Form {
    pub title: &'static str,
    /// What may be written, after the word "write".
    pub allowed: &'static str,
    /// ECMA-262, for the schema; never stricter than `judge`.
    pub pattern: &'static str,
    pub example: &'static str,
    pub bare: Bare,
    pub judge: fn(&str) -> Result<(), Wrong>,
}

/// Whether a number without quotes is taken as its spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bare {
    Taken,
    Refused,
}

/// Why a text does not fit, and what would.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub message: String,
    pub mend: String,
}

impl Wrong {
    pub fn new(message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { message: message.into(), mend: mend.into() }
    }
}

/// It is a quantity, and more than nothing.
pub(crate) fn positive<T>(text: &str) -> Result<(), Wrong>
where
    T: FromStr<Err = BadQuantity> + Default + PartialEq,
{
    let value: T = quantity(text)?;
    if value == T::default() {
        let message = format!("{} is impossible", super::finding::quoted(text));
        return Err(Wrong::new(message, "write more than 0"));
    }
    Ok(())
}

pub(crate) fn quantity<T: FromStr<Err = BadQuantity>>(text: &str) -> Result<T, Wrong> {
    text.parse().map_err(|bad: BadQuantity| {
        let message = format!("{} is not {}", super::finding::quoted(text), bad.what());
        Wrong::new(message, format!("write {}", bad.allowed()))
    })
}
