//! Holds a node against its shape and reports everything that does not fit, not only the first thing.

use super::finding::{At, Findings, Path, choice, quoted};
use super::node::{Entry, Node, Tree};
use super::shape::{Bare, Field, Fields, Form, List, Need, Rule, Shape, Twice, Wrong};
use crate::Problem;
use crate::problem::nearest;
use serde_json::{Map, Value};
use std::collections::HashMap;

pub(crate) fn check(node: &Node, shape: &Shape, path: &Path<'_>, findings: &mut Findings) {
    match (shape, &node.value) {
        (Shape::Map(fields), Tree::Map(entries)) => check_fields(node, (fields, entries), path, findings),
        (Shape::Table { key, value }, Tree::Map(entries)) => {
            for entry in entries {
                let path = path.key(&entry.key);
                judge(key, &entry.key, entry.at, (&path, findings));
                check(&entry.node, value, &path, findings);
            }
        }
        (Shape::List(list), Tree::List(items)) => check_list(node, (list, items), path, findings),
        (Shape::Free, Tree::Map(_)) | (Shape::Any, _) | (Shape::Truth, Tree::Bool(_)) => {}
        (Shape::Scalar, Tree::Text(_) | Tree::Number(..) | Tree::Bool(_)) => {}
        (Shape::Text(form), Tree::Text(text)) => judge(form, text, node.at, (path, findings)),
        (Shape::Text(form), Tree::Number(_, spelling)) if form.bare == Bare::Taken => {
            judge(form, spelling, node.at, (path, findings));
        }
        (Shape::Word(words), Tree::Text(text)) if words.contains(&text.as_str()) => {}
        (Shape::Word(words), Tree::Text(text)) => findings.add(node.at, path, || unknown_word(text, words)),
        (Shape::Integer { least, most }, Tree::Number(number, _))
            if number.as_u64().is_some_and(|n| (*least..=*most).contains(&n)) => {}
        _ => findings.add(node.at, path, || unfit(node, shape)),
    }
}

/// The clean node as JSON, with numbers that stand for a text turned into it.
pub(crate) fn json(node: &Node, shape: &Shape) -> Value {
    match (shape, &node.value) {
        (Shape::Map(fields), Tree::Map(entries)) => {
            let shape_of = |key: &str| fields.fields.iter().find(|field| field.name == key).map(|field| &field.shape);
            let pair = |entry: &Entry| {
                let value = shape_of(&entry.key).map_or_else(|| entry.node.json(), |shape| json(&entry.node, shape));
                (entry.key.clone(), value)
            };
            Value::Object(entries.iter().map(pair).collect::<Map<_, _>>())
        }
        (Shape::Table { value, .. }, Tree::Map(entries)) => {
            let pairs = entries.iter().map(|entry| (entry.key.clone(), json(&entry.node, value)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        (Shape::List(list), Tree::List(items)) => {
            Value::Array(items.iter().map(|item| json(item, &list.item)).collect())
        }
        (Shape::Text(_), Tree::Number(_, spelling)) => Value::String(spelling.clone()),
        _ => node.json(),
    }
}

fn check_fields(node: &Node, (shape, entries): (&Fields, &[Entry]), path: &Path<'_>, findings: &mut Findings) {
    for entry in entries {
        let path = path.key(&entry.key);
        match shape.fields.iter().find(|field| field.name == entry.key) {
            Some(field) => check(&entry.node, &field.shape, &path, findings),
            None => findings.add(entry.at, &path, || unknown_field(&entry.key, shape.fields)),
        }
    }
    for field in shape.fields {
        if field.need == Need::Required && node.entry(field.name).is_none() {
            findings.add(node.at, &path.key(field.name), || missing(field));
        }
    }
    for rule in shape.rules {
        check_rule(node, rule, path, findings);
    }
}

fn check_rule(node: &Node, rule: &Rule, path: &Path<'_>, findings: &mut Findings) {
    match rule {
        Rule::ExactlyOne(names @ [one, other]) => {
            if node.entry(one).is_none() && node.entry(other).is_none() {
                let message = || Problem::at("", format!("lacks both {one} and {other}"));
                findings.add(node.at, path, || message().mend(format!("give {}", choice(&names[..]))));
            }
            check_not_both(node, names, path, findings);
        }
        Rule::AtMostOne(names) => check_not_both(node, names, path, findings),
        Rule::Needs(what, beside) => {
            if let (Some(entry), None) = (node.entry(what), node.entry(beside)) {
                findings.add(entry.at, &path.key(what), || {
                    Problem::at("", format!("means nothing without {beside}"))
                        .mend(format!("give {beside} or leave it out"))
                });
            }
        }
    }
}

fn check_not_both(node: &Node, names: &[&str; 2], path: &Path<'_>, findings: &mut Findings) {
    let given: Vec<&Entry> = node.entries().iter().filter(|entry| names.contains(&entry.key.as_str())).collect();
    if let [first, second, ..] = given.as_slice() {
        findings.add(second.at, &path.key(&second.key), || {
            let message = format!("cannot stand beside {}", first.key);
            Problem::at("", message).mend(format!("give only one of {}", choice(&names[..])))
        });
    }
}

fn check_list(node: &Node, (list, items): (&List, &[Node]), path: &Path<'_>, findings: &mut Findings) {
    if items.len() < list.least {
        findings.add(node.at, path, || Problem::at("", "is empty").mend(format!("give at least {}", list.least)));
    }
    if items.len() > list.most {
        let message = || Problem::at("", format!("holds {} items; at most {} are taken", items.len(), list.most));
        findings.add(node.at, path, message);
        return;
    }
    let mut first: HashMap<&str, At> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let path = path.item(index);
        check(item, &list.item, &path, findings);
        let Some(text) = item.text().filter(|_| list.twice == Twice::Refused) else { continue };
        match first.get(text) {
            Some(earlier) => findings.add(item.at, &path, || {
                Problem::at("", format!("{} stands here twice; it stands at {earlier} already", quoted(text)))
            }),
            None => {
                first.insert(text, item.at);
            }
        }
    }
}

fn judge(form: &Form, text: &str, at: At, (path, findings): (&Path<'_>, &mut Findings)) {
    if let Err(Wrong { message, mend }) = (form.judge)(text) {
        findings.add(at, path, || Problem::at("", message).mend(mend));
    }
}

fn unknown_field(key: &str, fields: &[Field]) -> Problem {
    let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let mend = match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => format!("allowed: {}", known.join(", ")),
    };
    Problem::at("", "unknown field").mend(mend)
}

fn unknown_word(text: &str, words: &[&str]) -> Problem {
    let mend = match nearest(text, words.iter().copied()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => format!("write {}", choice(words)),
    };
    Problem::at("", format!("{} is not known here", quoted(text))).mend(mend)
}

fn missing(field: &Field) -> Problem {
    Problem::at("", "is missing").mend(format!("give {}", field.doc))
}

fn unfit(node: &Node, shape: &Shape) -> Problem {
    let mend = match (shape, &node.value) {
        (Shape::Text(form), Tree::Number(_, spelling)) if (form.judge)(spelling).is_ok() => {
            format!("write it in quotes: \"{spelling}\"")
        }
        (Shape::Text(form), _) => format!("write {}", form.allowed),
        (Shape::Word(words), _) => format!("write {}", choice(words)),
        (Shape::Integer { least, most }, _) => format!("write a whole number from {least} to {most}"),
        (Shape::Truth, _) => "write true or false".to_owned(),
        (Shape::Scalar, _) => "write a text, a number, true or false".to_owned(),
        (Shape::Map(fields), _) => {
            let names: Vec<&str> = fields.fields.iter().map(|field| field.name).collect();
            format!("write a map of {}", names.join(", "))
        }
        (Shape::Table { key, .. }, _) => format!("write a map whose keys are each a {}", key.title),
        (Shape::List(_), _) => "write a list".to_owned(),
        (Shape::Free | Shape::Any, _) => "write a map".to_owned(),
    };
    Problem::at("", format!("{} does not fit here", node.what())).mend(mend)
}
