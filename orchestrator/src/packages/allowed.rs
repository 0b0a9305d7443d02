//! What may be said of a function: the properties, levels and scaling aspects that its descriptor declares, and nothing else.

use models::Problem;
use models::problem::nearest;
use models::slice::FunctionUse;
use serde_json::{Map, Value};
use sol005::descriptor::{Aspect, LEVEL, Mciop, Member, Vnfd};
use std::collections::BTreeMap;

pub(super) struct Allowed<'a> {
    pub(super) vnfd: &'a Vnfd,
    /// What the field of a problem begins with.
    pub(super) field: &'a str,
}

/// Values of a chart, by the chart's id.
pub(super) type Values = BTreeMap<String, Map<String, Value>>;

impl Allowed<'_> {
    pub(super) fn values(&self, member: &Member, said: Option<&FunctionUse>) -> Result<Values, Vec<Problem>> {
        let mut values = Values::new();
        let mut problems = Vec::new();
        let nothing = FunctionUse::default();
        let said = said.unwrap_or(&nothing);
        for (path, value) in &said.parameters {
            match self.parameter(path, value) {
                Ok((chart, path, value)) => set(values.entry(chart).or_default(), &path, value),
                Err(problem) => problems.push(problem),
            }
        }
        let steps = self.level(member, said).unwrap_or_else(|problem| {
            problems.push(problem);
            BTreeMap::new()
        });
        for (id, level) in steps.iter().chain(&said.scale) {
            match self.step(id, *level) {
                Ok((chart, path, count)) => set(values.entry(chart).or_default(), &path, count.into()),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(values) } else { Err(problems) }
    }

    /// The chart and the path of its values.
    fn parameter(&self, said: &str, value: &Value) -> Result<(String, Vec<String>, Value), Problem> {
        let field = format!("{}.parameters.{said}", self.field);
        let (chart, path) = self.chart(said).map_err(|problem| Problem { field: field.clone(), ..problem })?;
        let known = || self.vnfd.properties.iter().map(|property| property.path.as_str());
        let Some(property) = self.vnfd.properties.iter().find(|own| own.path == path || own.path == said) else {
            let message = format!("{} declares no property {path:?}", self.vnfd.product_name);
            let mend = match (nearest(path, known()), known().next()) {
                (Some(near), _) => format!("did you mean {near}?"),
                (None, Some(_)) => format!("its properties are {}", listed(known())),
                (None, None) => "it declares none: only its own values can be used".into(),
            };
            return Err(Problem::at(field, message).mend(mend));
        };
        let value = fits(property.default.as_ref(), value).ok_or_else(|| {
            let default = property.default.as_ref().map(Value::to_string).unwrap_or_default();
            Problem::at(&*field, format!("{value} is of another type than its default {default}"))
                .mend(format!("write a {}", kind(property.default.as_ref())))
        })?;
        Ok((chart.id.clone(), bounded(parts(path), &field)?, value))
    }

    /// Of several charts it is the one that the path begins with.
    fn chart<'s>(&self, said: &'s str) -> Result<(&Mciop, &'s str), Problem> {
        match self.vnfd.mciops.as_slice() {
            [only] => Ok((only, said)),
            several => {
                let begins = |mciop: &&Mciop| said.strip_prefix(&mciop.id).is_some_and(|rest| rest.starts_with('.'));
                let found = several.iter().filter(begins).max_by_key(|mciop| mciop.id.len());
                let known = || several.iter().map(|mciop| mciop.id.as_str()).collect::<Vec<_>>().join(", ");
                let problem = || {
                    Problem::at("", format!("of which of its charts is {said:?}?"))
                        .mend(format!("write CHART.PATH, with one of {}", known()))
                };
                found.map(|mciop| (mciop, &said[mciop.id.len() + 1..])).ok_or_else(problem)
            }
        }
    }

    /// The steps of a level that was asked for; the chart's own values are the level of nobody's asking.
    fn level(&self, member: &Member, said: &FunctionUse) -> Result<BTreeMap<String, u32>, Problem> {
        let known = || self.vnfd.levels.iter().map(|level| level.id.as_str());
        let asked = match &said.level {
            Some(id) if known().any(|known| known == id) => id,
            Some(id) => {
                let message = format!("{} has no instantiation level {id:?}", self.vnfd.product_name);
                let mend = match known().next() {
                    Some(_) => format!("its levels are {}", known().collect::<Vec<_>>().join(", ")),
                    None => "leave it out: it has none".into(),
                };
                return Err(Problem::at(format!("{}.level", self.field), message).mend(mend));
            }
            None => &member.level,
        };
        let level = self.vnfd.levels.iter().find(|level| level.id == *asked && asked != LEVEL);
        let steps = level.into_iter().flat_map(|level| level.aspects.clone());
        // What is said by itself is over what the level says.
        Ok(steps.filter(|(id, _)| !said.scale.contains_key(id)).collect())
    }

    /// The value that makes a step of an aspect.
    fn step(&self, id: &str, level: u32) -> Result<(String, Vec<String>, u32), Problem> {
        let field = format!("{}.scale.{id}", self.field);
        let known = || self.vnfd.aspects.iter().map(|aspect| aspect.id.as_str());
        let Some(aspect) = self.vnfd.aspects.iter().find(|aspect| aspect.id == id) else {
            let message = format!("{} has no scaling aspect {id:?}", self.vnfd.product_name);
            let mend = match known().next() {
                Some(_) => format!("its aspects are {}", known().collect::<Vec<_>>().join(", ")),
                None => "its descriptor does not say how it scales".into(),
            };
            return Err(Problem::at(field, message).mend(mend));
        };
        if level > aspect.max_level {
            let message = format!("level {level} of {id} is more than its highest");
            return Err(Problem::at(field, message).mend(format!("write at most {}", aspect.max_level)));
        }
        let Some(path) = &aspect.property else {
            let message = format!("the descriptor does not say which value of the chart is the number of {id}");
            return Err(
                Problem::at(field, message).mend("the cluster scales it by itself, or the chart cannot be told")
            );
        };
        Ok((self.made_by(aspect), bounded(parts(path), &field)?, aspect.base.saturating_add(level)))
    }

    /// The chart that makes what the aspect scales.
    fn made_by(&self, aspect: &Aspect) -> String {
        let makes = |mciop: &&Mciop| aspect.vdus.iter().any(|vdu| mciop.vdus.contains(vdu));
        let found = self.vnfd.mciops.iter().find(makes).or(self.vnfd.mciops.first());
        found.map(|mciop| mciop.id.clone()).unwrap_or_default()
    }
}

/// A value of the type of its default; a text is taken for what it would be in a file.
fn fits(default: Option<&Value>, value: &Value) -> Option<Value> {
    let same = |value: &Value| match default {
        None | Some(Value::Null) => true,
        Some(default) => value.is_null() || std::mem::discriminant(default) == std::mem::discriminant(value),
    };
    if same(value) {
        return Some(value.clone());
    }
    match value {
        Value::String(text) => serde_json::from_str::<Value>(text).ok().filter(same),
        Value::Number(_) | Value::Bool(_) if default.is_some_and(Value::is_string) => {
            Some(Value::String(value.to_string()))
        }
        _ => None,
    }
}

fn kind(default: Option<&Value>) -> &'static str {
    match default {
        None | Some(Value::Null) => "value",
        Some(Value::Bool(_)) => "truth value: true or false",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "text",
        Some(Value::Array(_)) => "list",
        Some(Value::Object(_)) => "map",
    }
}

/// Deeper values are no chart's, and could not be read back.
const DEEPEST: usize = 32;

fn bounded(path: Vec<String>, field: &str) -> Result<Vec<String>, Problem> {
    if path.len() <= DEEPEST {
        return Ok(path);
    }
    let message = format!("the descriptor's path has {} parts, more than {DEEPEST}", path.len());
    Err(Problem::at(field, message).mend("mend the descriptor"))
}

/// A path as Helm writes it: a dot inside a name has a backslash before it.
fn parts(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        let last = parts.last_mut().expect("there is one from the start");
        match c {
            '\\' => last.extend(chars.next()),
            '.' => parts.push(String::new()),
            c => last.push(c),
        }
    }
    parts
}

fn set(map: &mut Map<String, Value>, path: &[String], value: Value) {
    let [key, rest @ ..] = path else { return };
    if rest.is_empty() {
        map.insert(key.clone(), value);
        return;
    }
    let below = map.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
    if !below.is_object() {
        *below = Value::Object(Map::new());
    }
    if let Some(below) = below.as_object_mut() {
        set(below, rest, value);
    }
}

/// So many are named.
const NAMED: usize = 20;

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let all: Vec<&str> = names.collect();
    let more = all.len().saturating_sub(NAMED);
    let some = all.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{some} and {more} more") } else { some }
}
