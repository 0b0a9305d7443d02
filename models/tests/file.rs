//! The file as its users meet it: what is taken, and the exact words for what is not.

use models::file::{Document, Parsed, Source, parse};
use models::quantity::{Bandwidth, Latency, Share};

const FACTORY: &str = include_str!("fixtures/factory-7.yaml");

fn one(text: &str) -> Result<Vec<Parsed>, Vec<String>> {
    parse(&[Source { name: "f", text }]).map_err(|all| all.iter().map(ToString::to_string).collect())
}

#[test]
fn dump() {
    let all = one(FACTORY);
    println!("{all:#?}");
    println!("{:#?}", one("kind: Slice\nspec:\n  sites: {a: {}}\n  servers:\n    - name: x\n      name: y\n      sitee: z\n"));
    println!("{:#?}", one("a: &a [1,2]\nb: *a\nkind: !foo Slice\n"));
    println!("{:#?}", one("a: b: c\n"));
    println!("{:#?}", one("\ta: {\n"));
    println!("{:#?}", one(&"[".repeat(200000)));
    println!("{:#?}", one(&"a:\n - ".repeat(100)));
    println!("{:#?}", one("? [a]\n: b"));
    println!("{:#?}", one("3: b\n~: c"));
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for i in 1..10 { bomb += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i-1); 9].join(",")); }
    println!("{:#?}", one(&bomb));
    println!("{:#?}", one("a: &a [*a]"));
}
