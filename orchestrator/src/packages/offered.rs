//! A template with a tenant's words becomes a slice. Pure: the same version and the same words give the same slice.
//!
//! Only what the template declares can be said, within its bounds; everything that is wrong is told at once.

use models::file::{API_VERSION, Document, Source, parse};
use models::problem::nearest;
use models::template::{Change, Parameter, ParameterKind, Template, TemplateUse};
use models::{Name, Problem, SliceSpec};
use serde_json::{Map, Value, json};

/// The value of each parameter of a slice as it stands, by its own version ([`fill`] takes them).
pub fn said_of(template: &Template, said: &TemplateUse) -> Map<String, Value> {
    let value = |parameter: &Parameter| {
        let name = parameter.name.as_str();
        let said = said.set.get(name).or(parameter.default.as_ref())?;
        Some((name.to_owned(), parameter.kind.read(said)?))
    };
    template.spec.parameters.iter().filter_map(value).collect()
}

/// The slice that is called `slice`; `before` are the values that it has of the same template. The use has everything that
/// was said, the version, and what may not be changed any more.
pub fn fill(
    (template, slice): (&Template, &Name),
    (said, before): (&TemplateUse, Option<&Map<String, Value>>),
) -> Result<SliceSpec, Vec<Problem>> {
    let (values, mut problems) = values(template, (said, before));
    let quality = profile(template, said).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut spec = put_in(&Value::Object(template.spec.slice.clone()), &values);
    if let (Some(quality), Some(map)) = (quality, spec.as_object_mut()) {
        map.insert("quality".into(), quality);
    }
    let mut made = read(slice, &spec).map_err(|problems| within(template, problems))?;
    let once = template.spec.parameters.iter().filter(|parameter| parameter.change == Change::Once);
    let kept = said.set.keys().map(String::as_str).chain(once.map(|parameter| parameter.name.as_str()));
    let set = kept.filter_map(|name| Some((name.to_owned(), values.get(name)?.clone()))).collect();
    let only = || template.spec.profiles.keys().next().filter(|_| template.spec.profiles.len() == 1).cloned();
    let profile = said.profile.clone().or_else(only);
    made.template =
        Some(TemplateUse { version: Some(template.spec.version.clone()), profile, set, name: said.name.clone() });
    Ok(made)
}

/// Whether it can become a slice at all: its parameters fit their own types, and with values in them it is one.
pub fn check(template: &Template) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut values = Map::new();
    for (at, parameter) in template.spec.parameters.iter().enumerate() {
        let field = format!("spec.parameters[{at}]");
        if template.spec.parameters[..at].iter().any(|known| known.name == parameter.name) {
            let message = format!("{} is there twice", parameter.name);
            problems.push(Problem::at(format!("{field}.name"), message).mend("name them apart"));
        }
        problems.extend(unfit(parameter, &field));
        values.insert(parameter.name.to_string(), sample(parameter));
    }
    for name in placeholders(&Value::Object(template.spec.slice.clone())) {
        if !values.contains_key(&name) {
            let known = || values.keys().map(String::as_str);
            let mend = match nearest(&name, known()) {
                Some(near) => format!("did you mean ${{{near}}}?"),
                None => "declare it under parameters; $${ is a plain ${".into(),
            };
            problems.push(Problem::at("spec.slice", format!("${{{name}}} is no parameter")).mend(mend));
        }
    }
    if template.spec.slice.contains_key("template") {
        problems.push(Problem::at("spec.slice.template", "a template is made of no other").mend("leave it out"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let spec = put_in(&Value::Object(template.spec.slice.clone()), &values);
    let inside = |problem: Problem| {
        let field =
            problem.field.strip_prefix("spec").map_or(problem.field.clone(), |rest| format!("spec.slice{rest}"));
        Problem { field, file: None, line: None, column: None, ..problem }
    };
    read(&template.name, &spec).map(drop).map_err(|problems| problems.into_iter().map(inside).collect())
}

/// A declaration that contradicts itself.
fn unfit(parameter: &Parameter, field: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let bounds = [("minimum", &parameter.minimum), ("maximum", &parameter.maximum)];
    for (name, bound) in bounds {
        if bound.as_ref().is_some_and(|bound| parameter.kind.measure(bound).is_none()) {
            let message = format!("a {name} wants a number or a quantity of the parameter's type");
            problems.push(
                Problem::at(format!("{field}.{name}"), message).mend(format!("write {}", parameter.kind.allowed())),
            );
        }
    }
    for (at, choice) in parameter.choices.iter().enumerate() {
        if let Err(problem) = judged(parameter, choice) {
            problems.push(Problem { field: format!("{field}.choices[{at}]"), ..problem });
        }
    }
    match &parameter.default {
        Some(default) => {
            if let Err(problem) = judged(parameter, default) {
                problems.push(Problem { field: format!("{field}.default"), ..problem });
            }
        }
        None if parameter.change == Change::Never => {
            let message = "nobody may say it, and it has no default";
            problems
                .push(Problem::at(format!("{field}.default"), message).mend("give it a default, or let it be said"));
        }
        None => {}
    }
    problems
}

/// Any value that fits.
fn sample(parameter: &Parameter) -> Value {
    let said = parameter.default.clone().or(parameter.choices.first().cloned()).or(parameter.minimum.clone());
    let said = said.or(parameter.maximum.clone());
    said.and_then(|value| parameter.kind.read(&value)).unwrap_or_else(|| match parameter.kind {
        ParameterKind::Text | ParameterKind::Name => json!("x"),
        ParameterKind::Integer | ParameterKind::Number => json!(1),
        ParameterKind::Truth => json!(true),
        ParameterKind::Bandwidth => json!("1Mbps"),
        ParameterKind::Latency => json!("1ms"),
        ParameterKind::Memory => json!("1Gi"),
        ParameterKind::Cpu => json!("1"),
    })
}

/// The value of each parameter, and what is wrong.
fn values(
    template: &Template,
    (said, before): (&TemplateUse, Option<&Map<String, Value>>),
) -> (Map<String, Value>, Vec<Problem>) {
    let mut problems = Vec::new();
    let known = || template.spec.parameters.iter().map(|parameter| parameter.name.as_str());
    for name in said.set.keys().filter(|name| known().all(|known| known != name.as_str())) {
        let message = format!("template {} {} has no parameter {name:?}", template.name, template.spec.version);
        let mend = match (nearest(name, known()), known().next()) {
            (Some(near), _) => format!("did you mean {near}?"),
            (None, Some(_)) => format!("its parameters are {}", known().collect::<Vec<_>>().join(", ")),
            (None, None) => "leave it out: it has none".into(),
        };
        problems.push(Problem::at(format!("set.{name}"), message).mend(mend));
    }
    let mut values = Map::new();
    for parameter in &template.spec.parameters {
        match value(parameter, (said, before)) {
            Ok(value) => drop(values.insert(parameter.name.to_string(), value)),
            Err(problem) => problems.push(Problem { field: format!("set.{}", parameter.name), ..problem }),
        }
    }
    (values, problems)
}

fn value(parameter: &Parameter, (said, before): (&TemplateUse, Option<&Map<String, Value>>)) -> Result<Value, Problem> {
    let name = parameter.name.as_str();
    let own = || parameter.default.as_ref().and_then(|default| parameter.kind.read(default));
    // What was said once stays, whatever a newer version takes for it.
    let was = before.and_then(|before| before.get(name)).filter(|_| parameter.change == Change::Once);
    let value = match (said.set.get(name), was) {
        (Some(value), _) => judged(parameter, value)?,
        (None, Some(was)) => was.clone(),
        (None, None) => own().ok_or_else(|| {
            let help = if parameter.help.is_empty() { String::new() } else { format!(": {}", parameter.help) };
            Problem::at("", format!("is missing{help}")).mend(format!("say {}", parameter.kind.allowed()))
        })?,
    };
    // 1Gi is 1024Mi.
    let same = |one: &Value, other: &Value| {
        let measured = parameter.kind.measure(one).zip(parameter.kind.measure(other));
        one == other || measured.is_some_and(|(one, other)| one.total_cmp(&other).is_eq())
    };
    match (parameter.change, was) {
        (Change::Never, _) if own().is_some_and(|own| !same(&own, &value)) => {
            Err(Problem::at("", "is the operator's to say").mend("leave it out"))
        }
        (Change::Once, Some(was)) if !same(was, &value) => {
            Err(Problem::at("", format!("is {was} since the slice was made, and may not be changed"))
                .mend("leave it as it is, or make another slice"))
        }
        (Change::Always | Change::Once | Change::Never, _) => Ok(value),
    }
}

/// A value of the parameter's type and within its bounds.
fn judged(parameter: &Parameter, value: &Value) -> Result<Value, Problem> {
    let unit = if parameter.unit.is_empty() { String::new() } else { format!(" {}", parameter.unit) };
    let Some(read) = parameter.kind.read(value) else {
        return Err(
            Problem::at("", format!("{value} does not fit")).mend(format!("write {}", parameter.kind.allowed()))
        );
    };
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let choices: Vec<Value> = parameter.choices.iter().filter_map(|choice| parameter.kind.read(choice)).collect();
    if !choices.is_empty() && !choices.contains(&read) {
        let mend = choices.iter().map(shown).collect::<Vec<_>>().join(", ");
        return Err(Problem::at("", format!("{} is no choice", shown(&read))).mend(format!("write one of {mend}")));
    }
    let measure = |value: &Value| parameter.kind.measure(value);
    let of = measure(&read);
    let beyond = |bound: &Option<Value>, is: fn(f64, f64) -> bool| {
        let bound = bound.as_ref()?;
        of.zip(measure(bound)).is_some_and(|(of, bound)| is(of, bound)).then(|| shown(bound))
    };
    if let Some(least) = beyond(&parameter.minimum, |of, bound| of < bound) {
        let message = format!("{}{unit} is less than the least", shown(&read));
        return Err(Problem::at("", message).mend(format!("write at least {least}{unit}")));
    }
    if let Some(most) = beyond(&parameter.maximum, |of, bound| of > bound) {
        let message = format!("{}{unit} is more than the most", shown(&read));
        return Err(Problem::at("", message).mend(format!("write at most {most}{unit}")));
    }
    Ok(read)
}

/// The quality of the profile that was chosen; of one alone it is that.
fn profile(template: &Template, said: &TemplateUse) -> Result<Option<Value>, Problem> {
    let profiles = &template.spec.profiles;
    let known = || profiles.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let chosen = match &said.profile {
        Some(name) => match profiles.get(name) {
            Some(quality) => Some(quality),
            None => {
                let message = format!("template {} has no profile {name:?}", template.name);
                let mend =
                    if profiles.is_empty() { "leave it out".into() } else { format!("write one of {}", known()) };
                return Err(Problem::at("profile", message).mend(mend));
            }
        },
        None if profiles.len() > 1 => {
            return Err(Problem::at("profile", "is missing").mend(format!("write one of {}", known())));
        }
        None => profiles.values().next(),
    };
    Ok(chosen.map(|quality| json!(quality)))
}

/// A text that is one placeholder becomes the value with its type; within a text it is written out.
fn put_in(value: &Value, values: &Map<String, Value>) -> Value {
    match value {
        Value::String(text) => written(text, values),
        Value::Array(items) => items.iter().map(|item| put_in(item, values)).collect(),
        Value::Object(map) => {
            let key = |key: &String| match written(key, values) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            map.iter().map(|(name, value)| (key(name), put_in(value, values))).collect()
        }
        plain => plain.clone(),
    }
}

fn written(text: &str, values: &Map<String, Value>) -> Value {
    let pieces = pieces(text);
    if let [Piece::Parameter(name)] = pieces.as_slice() {
        return values.get(*name).cloned().unwrap_or_default();
    }
    let word = |piece: &Piece<'_>| match piece {
        Piece::Text(text) => (*text).to_owned(),
        Piece::Parameter(name) => match values.get(*name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        },
    };
    Value::String(pieces.iter().map(word).collect())
}

enum Piece<'t> {
    Text(&'t str),
    Parameter(&'t str),
}

/// `$${` is a plain `${`.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find("${") {
        let escaped = rest[..at].ends_with('$');
        let end = rest[at..].find('}').map(|end| at + end);
        match end.filter(|_| !escaped) {
            Some(end) => {
                pieces.push(Piece::Text(&rest[..at]));
                pieces.push(Piece::Parameter(rest[at + 2..end].trim()));
                rest = &rest[end + 1..];
            }
            None => {
                let cut = if escaped { at - 1 } else { at };
                pieces.push(Piece::Text(&rest[..cut]));
                pieces.push(Piece::Text("${"));
                rest = &rest[at + 2..];
            }
        }
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| !matches!(piece, Piece::Text("")));
    pieces
}

fn placeholders(value: &Value) -> Vec<String> {
    let of = |text: &str| {
        let named = |piece: Piece<'_>| match piece {
            Piece::Parameter(name) => Some(name.to_owned()),
            Piece::Text(_) => None,
        };
        pieces(text).into_iter().filter_map(named).collect::<Vec<_>>()
    };
    match value {
        Value::String(text) => of(text),
        Value::Array(items) => items.iter().flat_map(placeholders).collect(),
        Value::Object(map) => map.iter().flat_map(|(key, value)| [of(key), placeholders(value)].concat()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => vec![],
    }
}

/// By the check that files go through.
fn read(name: &Name, spec: &Value) -> Result<SliceSpec, Vec<Problem>> {
    let text =
        json!({"apiVersion": API_VERSION, "kind": "Slice", "metadata": {"name": name}, "spec": spec}).to_string();
    let parsed = parse(&[Source { name: "template", text: &text }])?;
    match parsed.into_iter().next().map(|parsed| parsed.document) {
        Some(Document::Slice { spec, .. }) => Ok(*spec),
        _ => Err(vec![Problem::at("spec", "is no slice")]),
    }
}

/// Its author's to mend, whoever meets it.
fn within(template: &Template, problems: Vec<Problem>) -> Vec<Problem> {
    let told = |problem: Problem| {
        let message =
            format!("in template {} {}: {}: {}", template.name, template.spec.version, problem.field, problem.message);
        Problem { field: String::new(), message, file: None, line: None, column: None, mend: problem.mend }
    };
    problems.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_keep_their_type_alone_and_are_written_out_within_a_text() {
        let values = json!({"n": 5, "t": "x"});
        let values = values.as_object().unwrap();
        let check = |text: &str, wanted: Value| assert_eq!(put_in(&json!(text), values), wanted, "{text}");
        check("${n}", json!(5));
        check("${ n }", json!(5));
        check("a-${n}-${t}", json!("a-5-x"));
        check("$${n}", json!("${n}"));
        check("$${n} ${n}", json!("${n} 5"));
        check("${open", json!("${open"));
        check("$", json!("$"));
        assert_eq!(put_in(&json!({"k-${t}": ["${n}"]}), values), json!({"k-x": [5]}));
    }
}
