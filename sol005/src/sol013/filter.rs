//! Attribute filters (SOL013 5.2): `(eq,nsdName,web);(in,nsdOnboardingState,CREATED,ONBOARDED)`; and those of SOL005 up to 2.4.1:
//! `nsdName=web&nsdVersion.gt=1`. All terms must hold; of a list one entry is enough.

use super::attributes::Attributes;
use jiff::Timestamp;
use models::problem::nearest;
use serde_json::Value;
use std::cmp::Ordering;

/// More terms, or values of one, than any client means.
const TERMS: usize = 100;
const VALUES: usize = 200;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter(Vec<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    path: Vec<String>,
    op: Op,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Eq,
    Neq,
    In,
    Nin,
    Gt,
    Gte,
    Lt,
    Lte,
    Cont,
    Ncont,
}

const OPS: [(&str, Op); 10] = [
    ("eq", Op::Eq),
    ("neq", Op::Neq),
    ("in", Op::In),
    ("nin", Op::Nin),
    ("gt", Op::Gt),
    ("gte", Op::Gte),
    ("lt", Op::Lt),
    ("lte", Op::Lte),
    ("cont", Op::Cont),
    ("ncont", Op::Ncont),
];

impl Op {
    fn named(name: &str) -> Option<Self> {
        OPS.iter().find(|(known, _)| *known == name).map(|(_, op)| *op)
    }

    /// Whether it may have more than one value.
    fn is_multiple(self) -> bool {
        matches!(self, Self::In | Self::Nin | Self::Cont | Self::Ncont)
    }
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of the parameter `filter`. What is wrong is told in one sentence.
    pub fn read(text: &str, of: &Attributes) -> Result<Self, String> {
        let mut terms = Vec::new();
        let mut rest = text;
        loop {
            let (words, after) = words(rest)?;
            terms.push(term(words, of)?);
            if terms.len() > TERMS {
                return Err(format!("it has more than {TERMS} terms; ask for less at a time"));
            }
            match after.strip_prefix(';') {
                Some(more) => rest = more,
                None if after.is_empty() => return Ok(Self(terms)),
                None => return Err(format!("{after:?} stands behind a term; write ';' between terms")),
            }
        }
    }

    /// As up to SOL005 2.4.1: the name of a parameter is the attribute's path with dots, perhaps with an operator at its end;
    /// several values are joined by commas, of which one must hold.
    pub fn read_old(pairs: &[(String, String)], of: &Attributes) -> Result<Self, String> {
        let read = |(name, value): &(String, String)| {
            let mut path: Vec<String> = name.split('.').map(str::to_owned).collect();
            let last = path.last().and_then(|last| Op::named(last)).filter(|_| path.len() > 1);
            let op = match last {
                Some(op) => {
                    path.pop();
                    op
                }
                None => Op::Eq,
            };
            let values: Vec<String> = value.split(',').map(str::to_owned).collect();
            let op = match op {
                Op::Eq if values.len() > 1 => Op::In,
                Op::Neq if values.len() > 1 => Op::Nin,
                other => other,
            };
            checked(Term { path, op, values }, of)
        };
        if pairs.len() > TERMS {
            return Err(format!("it has more than {TERMS} terms; ask for less at a time"));
        }
        pairs.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    pub fn fits(&self, value: &Value) -> bool {
        self.0.iter().all(|term| term.fits(value))
    }
}

/// The words of the first term, and what stands behind it.
fn words(text: &str) -> Result<(Vec<String>, &str), String> {
    let mut rest = text.strip_prefix('(').ok_or_else(|| {
        let begin: String = text.chars().take(20).collect();
        format!("a term begins with '(', and {begin:?} does not; write (eq,attribute,value)")
    })?;
    let mut words = Vec::new();
    loop {
        let (word, after) = word(rest)?;
        words.push(word);
        if words.len() > VALUES + 2 {
            return Err(format!("a term has more than {VALUES} values; ask for less at a time"));
        }
        match after.split_at_checked(1) {
            Some((",", more)) => rest = more,
            Some((")", more)) => return Ok((words, more)),
            _ => return Err("a term ends with ')'; write (eq,attribute,value)".into()),
        }
    }
}

/// What holds ',' ')' or a quote stands in quotes, and a quote in it twice.
fn word(text: &str) -> Result<(String, &str), String> {
    let Some(mut rest) = text.strip_prefix('\'') else {
        let end = text.find([',', ')']).unwrap_or(text.len());
        return Ok((text[..end].to_owned(), &text[end..]));
    };
    let mut word = String::new();
    loop {
        let end = rest.find('\'').ok_or("a quote is not closed; write (eq,attribute,'value')")?;
        word.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => {
                word.push('\'');
                rest = more;
            }
            None => return Ok((word, rest)),
        }
    }
}

fn term(words: Vec<String>, of: &Attributes) -> Result<Term, String> {
    let mut words = words.into_iter();
    let (op, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let values: Vec<String> = words.collect();
    let op = Op::named(&op).ok_or_else(|| {
        let near = nearest(&op, OPS.iter().map(|(name, _)| *name)).map(|near| format!("; did you mean {near}?"));
        let all = || format!("; there are {}", OPS.map(|(name, _)| name).join(", "));
        format!("there is no operator {op:?}{}", near.unwrap_or_else(all))
    })?;
    let path = path.split('/').map(|name| name.strip_prefix('@').unwrap_or(name).to_owned()).collect();
    checked(Term { path, op, values }, of)
}

fn checked(term: Term, of: &Attributes) -> Result<Term, String> {
    of.at(&term.path)?;
    match term.values.len() {
        0 => Err(format!("{} is compared with nothing; write a value behind it", term.path.join("/"))),
        1 => Ok(term),
        _ if term.op.is_multiple() => Ok(term),
        more => {
            Err(format!("{} has {more} values, and only in, nin, cont and ncont take several", term.path.join("/")))
        }
    }
}

impl Term {
    fn fits(&self, value: &Value) -> bool {
        let any = |is: &dyn Fn(&str, &str) -> bool| {
            found(value, &self.path, &|text| self.values.iter().any(|wanted| is(text, wanted)))
        };
        let ordered = |orders: &[Ordering]| any(&|text, wanted| orders.contains(&compared(text, wanted)));
        match self.op {
            Op::Eq | Op::In => any(&|text, wanted| compared(text, wanted).is_eq()),
            Op::Neq | Op::Nin => !any(&|text, wanted| compared(text, wanted).is_eq()),
            Op::Gt => ordered(&[Ordering::Greater]),
            Op::Gte => ordered(&[Ordering::Greater, Ordering::Equal]),
            Op::Lt => ordered(&[Ordering::Less]),
            Op::Lte => ordered(&[Ordering::Less, Ordering::Equal]),
            Op::Cont => any(&|text, wanted| text.contains(wanted)),
            Op::Ncont => !any(&|text, wanted| text.contains(wanted)),
        }
    }
}

/// Whether one of what stands at a path is so.
fn found(value: &Value, path: &[String], is: &dyn Fn(&str) -> bool) -> bool {
    match (value, path) {
        (Value::Array(items), _) => items.iter().any(|item| found(item, path, is)),
        (Value::Object(map), [name, rest @ ..]) => map.get(name).is_some_and(|inner| found(inner, rest, is)),
        (Value::String(text), []) => is(text),
        (Value::Bool(_) | Value::Number(_), []) => is(&value.to_string()),
        _ => false,
    }
}

/// Numbers as numbers, moments as moments, all else by its letters.
fn compared(one: &str, other: &str) -> Ordering {
    if let (Ok(one), Ok(other)) = (one.parse::<f64>(), other.parse::<f64>()) {
        return one.total_cmp(&other);
    }
    match (one.parse::<Timestamp>(), other.parse::<Timestamp>()) {
        (Ok(one), Ok(other)) => one.cmp(&other),
        _ => one.cmp(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::JsonSchema;
    use serde_json::json;

    #[derive(JsonSchema)]
    #[serde(rename_all = "camelCase")]
    #[allow(dead_code)]
    struct Thing {
        name: String,
        size: Option<u32>,
        at: Option<String>,
        parts: Option<Vec<Part>>,
        pairs: Option<serde_json::Map<String, Value>>,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Part {
        kind: String,
    }

    fn of() -> Attributes {
        Attributes::of::<Thing>()
    }

    fn thing() -> Value {
        json!({"name": "it's, (odd)", "size": 10, "at": "2026-01-02T00:00:00Z", "parts": [{"kind": "a"}, {"kind": "b"}],
            "pairs": {"k/l": "v"}})
    }

    #[test]
    fn terms_hold_or_do_not() {
        let check = |text: &str, wanted: bool| {
            let filter = Filter::read(text, &of()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(filter.fits(&thing()), wanted, "{text}");
        };
        check("(eq,name,'it''s, (odd)')", true);
        check("(neq,name,x)", true);
        // Numbers are no letters: 9 is less than 10.
        check("(gt,size,9)", true);
        check("(lt,size,9)", false);
        check("(gte,size,10);(lte,size,10.0)", true);
        check("(gt,at,2026-01-01T23:00:00-02:00)", false);
        check("(lt,at,2026-01-02T01:00:00-02:00)", true);
        // Of a list one entry is enough.
        check("(eq,parts/kind,b)", true);
        check("(neq,parts/kind,b)", false);
        check("(in,parts/kind,x,b)", true);
        check("(nin,parts/kind,x,y)", true);
        check("(cont,name,odd,none)", true);
        check("(ncont,name,odd)", false);
        check("(eq,name,'it''s, (odd)');(eq,size,11)", false);
        check("(eq,pairs/any,x)", false);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let check = |text: &str, words: &str| {
            let error = Filter::read(text, &of()).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        };
        check("", "a term begins with '('");
        check("(eq,name,a", "a term ends with ')'");
        check("(eq,name,'a)", "a quote is not closed");
        check("(eq,name,a)(eq,name,b)", "write ';' between terms");
        check("(equal,name,a)", "there is no operator \"equal\"");
        check("(eq,nam,a)", "did you mean name?");
        check("(eq,parts/knd,a)", "did you mean kind?");
        check("(eq,name/x,a)", "nothing is below a simple attribute");
        check("(eq,name)", "compared with nothing");
        check("(eq,name,a,b)", "only in, nin, cont and ncont take several");
        check(&vec!["(eq,name,a)"; 10_000].join(";"), "more than 100 terms");
        check(&format!("(in,name,{})", vec!["a"; 10_000].join(",")), "more than 200 values");
    }

    #[test]
    fn the_older_form_says_the_same() {
        let check = |name: &str, value: &str, wanted: Result<bool, &str>| {
            let pairs = [(name.to_owned(), value.to_owned())];
            match (Filter::read_old(&pairs, &of()), wanted) {
                (Ok(filter), Ok(wanted)) => assert_eq!(filter.fits(&thing()), wanted, "{name}={value}"),
                (Err(error), Err(words)) => assert!(error.contains(words), "{name}: {error}"),
                (read, wanted) => panic!("{name}={value}: {read:?}, {wanted:?}"),
            }
        };
        check("size", "10", Ok(true));
        check("size.gt", "10", Ok(false));
        check("parts.kind", "x,b", Ok(true));
        check("parts.kind.neq", "a", Ok(false));
        check("sze", "10", Err("did you mean size?"));
    }
}
