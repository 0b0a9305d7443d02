//! A function of a service grows or shrinks by a scaling aspect: to a level, or by steps from the level at which it stands.

use super::composed::Parts;
use models::Problem;
use models::problem::nearest;
use models::slice::ServiceUse;
use sol005::descriptor::{LEVEL, Vnfd};

/// To a level, or by steps (ScaleToLevelData and ScaleByStepData, SOL003 5.5.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    To(u32),
    Out(u32),
    In(u32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaling {
    /// Its id in the service's descriptor.
    pub function: String,
    /// Absent: the only one.
    pub aspect: Option<String>,
    pub step: Step,
}

/// What is said of the service afterwards.
pub fn scaled(parts: &Parts<'_>, scaling: &Scaling) -> Result<ServiceUse, Problem> {
    let known = || parts.functions.keys().map(String::as_str);
    let Some(described) = parts.functions.get(&scaling.function) else {
        let message = format!("the service has no function {:?}", scaling.function);
        let mend = match nearest(&scaling.function, known()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("its functions are {}", known().collect::<Vec<_>>().join(", ")),
        };
        return Err(Problem::at("function", message).mend(mend));
    };
    let aspect = aspect(&described.vnfd, scaling)?;
    let mut said = parts.said.clone();
    let of = said.functions.entry(scaling.function.clone()).or_default();
    let stands = of.scale.get(&aspect).copied();
    let now = stands.unwrap_or_else(|| made(parts, (&described.vnfd, of.level.as_deref()), (scaling, &aspect)));
    let next = match scaling.step {
        Step::To(level) => level,
        Step::Out(steps) => now.saturating_add(steps),
        Step::In(steps) => now.checked_sub(steps).ok_or_else(|| {
            Problem::at("steps", format!("{steps} steps down from level {now} lead below 0")).mend("take fewer steps")
        })?,
    };
    of.scale.insert(aspect, next);
    Ok(said)
}

fn aspect(vnfd: &Vnfd, scaling: &Scaling) -> Result<String, Problem> {
    match (&scaling.aspect, vnfd.aspects.as_slice()) {
        (Some(aspect), _) => Ok(aspect.clone()),
        (None, [only]) => Ok(only.id.clone()),
        (None, []) => {
            let message = format!("the descriptor of {} does not say how it scales", scaling.function);
            Err(Problem::at("function", message).mend("change its parameters: sliceway ns update"))
        }
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|aspect| aspect.id.as_str()).collect();
            Err(Problem::at("aspect", "is missing").mend(format!("name one of {}", names.join(", "))))
        }
    }
}

/// The level at which its instantiation level made it: the one that was said, that the service says, or the chart's own.
fn made(parts: &Parts<'_>, (vnfd, said): (&Vnfd, Option<&str>), (scaling, aspect): (&Scaling, &str)) -> u32 {
    let member = parts.nsd.members.iter().find(|member| member.id == scaling.function);
    let asked = said.or(member.map(|member| member.level.as_str())).unwrap_or(LEVEL);
    let named = |id: &str| vnfd.levels.iter().find(|known| known.id == id);
    let level = named(asked).or_else(|| named(LEVEL));
    level.and_then(|level| level.aspects.iter().find(|(id, _)| id == aspect)).map_or(0, |(_, level)| *level)
}
