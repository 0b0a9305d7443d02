//! The objects of a chart while they are drawn, and what is noted of each.

use super::report::{Edge, Gap, Mapped, Report};
use super::text;
use adapters::helm::{Object, Rendered};
use models::removed;
use serde_json::Value;

/// Why an object is part of the chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    Object,
    Definition,
    /// Its events.
    Hook(Vec<String>),
}

#[derive(Debug)]
pub(super) struct Thing<'a> {
    pub(super) object: &'a Value,
    pub(super) source: &'a str,
    pub(super) role: Role,
    represented: Vec<String>,
    not_represented: Vec<Gap>,
}

impl<'a> Thing<'a> {
    fn new(object: &'a Object, role: Role) -> Self {
        Self { object: &object.object, source: &object.source, role, represented: vec![], not_represented: vec![] }
    }

    pub(super) fn kind(&self) -> &'a str {
        text(self.object, "/kind")
    }

    /// What it is called; one whose name the cluster makes is told by its beginning.
    pub(super) fn name(&self) -> String {
        match text(self.object, "/metadata/name") {
            "" => format!("{}*", text(self.object, "/metadata/generateName")),
            name => name.to_owned(),
        }
    }

    pub(super) fn is_hook(&self) -> bool {
        matches!(self.role, Role::Hook(_))
    }

    pub(super) fn is(&mut self, element: impl Into<String>) {
        let element = element.into();
        if !self.represented.contains(&element) {
            self.represented.push(element);
        }
    }

    pub(super) fn lacks(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let gap = Gap { what: what.into(), why: why.into() };
        if !self.not_represented.contains(&gap) {
            self.not_represented.push(gap);
        }
    }

    pub(super) fn is_told(&self) -> bool {
        !self.represented.is_empty() || !self.not_represented.is_empty()
    }
}

pub(super) struct Sheet<'a> {
    pub(super) things: Vec<Thing<'a>>,
    pub(super) values: Vec<Gap>,
    pub(super) edges: Vec<Edge>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Sheet<'a> {
    pub(super) fn of(rendered: &'a Rendered) -> Self {
        let crds = rendered.crds.iter().map(|object| Thing::new(object, Role::Definition));
        let objects = rendered.objects.iter().map(|object| Thing::new(object, Role::Object));
        let hooks = rendered
            .hooks
            .iter()
            .flat_map(|hook| hook.objects.iter().map(|object| Thing::new(object, Role::Hook(hook.events.clone()))));
        let things: Vec<Thing<'a>> = crds.chain(objects).chain(hooks).collect();
        let mut sheet = Self { things, values: vec![], edges: vec![], warnings: vec![] };
        sheet.warn_of_the_past();
        sheet.warn_of_chance(rendered);
        sheet
    }

    /// What runs for as long as the function does: no hooks, no definitions.
    pub(super) fn of_kind(&self, kind: &str) -> Vec<usize> {
        let is = |(_, thing): &(usize, &Thing<'_>)| thing.kind() == kind && !thing.is_hook();
        self.things.iter().enumerate().filter(is).map(|(at, _)| at).collect()
    }

    pub(super) fn warn(&mut self, words: impl Into<String>) {
        let words = words.into();
        if !self.warnings.contains(&words) {
            self.warnings.push(words);
        }
    }

    /// Versions of kinds that Kubernetes dropped.
    fn warn_of_the_past(&mut self) {
        let mut warnings = Vec::new();
        for thing in &mut self.things {
            let kind = format!("{}/{}", text(thing.object, "/apiVersion"), thing.kind());
            let Some(known) = removed::of(&kind) else { continue };
            let end = match known.in_minor {
                Some(minor) => format!("Kubernetes 1.{minor} dropped it"),
                None => "Kubernetes will drop it".to_owned(),
            };
            let instead = if known.instead.is_empty() { "nothing" } else { known.instead };
            let name = thing.name();
            warnings
                .push(format!("{kind} {name} ({}) needs conversion: {end}; {instead} takes its place", thing.source));
        }
        self.warnings.extend(warnings);
    }

    fn warn_of_chance(&mut self, rendered: &Rendered) {
        if rendered.reproducible == Some(false) {
            self.warn("the chart renders differently each time: what is made from this descriptor differs from it");
        }
        for lookup in &rendered.lookups {
            self.warn(format!(
                "a template looks up {} {:?} on its cluster, which there was none of: another answer may change what is made",
                lookup.kind, lookup.name
            ));
        }
        for hook in &rendered.unknown_hooks {
            let (kind, name, events) = (&hook.kind, &hook.name, hook.events.join(", "));
            self.warn(format!(
                "{}: {kind} {name} waits for {events:?}, which Helm does not know: never made",
                hook.path
            ));
        }
    }

    pub(super) fn report(self, rendered: &Rendered) -> Report {
        let mapped = |thing: Thing<'_>| Mapped {
            kind: thing.kind().to_owned(),
            name: thing.name(),
            source: thing.source.to_owned(),
            represented: thing.represented,
            not_represented: thing.not_represented,
        };
        Report {
            chart: rendered.chart.name.clone(),
            version: rendered.chart.version.clone(),
            digest: rendered.chart.digest.clone(),
            objects: self.things.into_iter().map(mapped).collect(),
            values: self.values,
            needs: self.edges,
            warnings: self.warnings,
        }
    }
}
