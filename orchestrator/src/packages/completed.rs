//! A descriptor that tells nothing of what is inside of it (OSM's) is completed from its chart: the ports behind its Services,
//! the chart's own values as what may be said, the ways in which it grows. What the descriptor does tell stays.

use super::drawing::{PLATFORM, ROLE};
use sol005::descriptor::{Link, Vnfd};

/// Whether it leaves to its charts what is inside.
pub fn is_bare(vnfd: &Vnfd) -> bool {
    vnfd.vdus.is_empty() && !vnfd.mciops.is_empty()
}

/// `drawn` is what the chart of the part `chart` makes with its own values.
pub fn complete(vnfd: &mut Vnfd, (chart, mut drawn): (&str, Vnfd)) {
    let alone = vnfd.mciops.len() == 1;
    if !alone {
        named_apart(chart, &mut drawn);
    }
    for cp in vnfd.virtual_cps.iter_mut().filter(|cp| cp.internal.is_empty()) {
        if let Some(own) = drawn.virtual_cps.iter().find(|own| own.service == cp.service) {
            (cp.internal, cp.ports, cp.has_address) = (own.internal.clone(), own.ports.clone(), own.has_address);
        }
    }
    if let Some(mciop) = vnfd.mciops.iter_mut().find(|mciop| mciop.id == chart) {
        mciop.vdus = drawn.vdus.iter().map(|vdu| vdu.id.clone()).collect();
    }
    if !alone {
        drawn.properties.iter_mut().for_each(|property| property.path = format!("{chart}.{}", property.path));
    }
    let told = |path: &str| vnfd.properties.iter().any(|property| property.path == path);
    let new: Vec<_> = drawn.properties.into_iter().filter(|property| !told(&property.path)).collect();
    vnfd.properties.extend(new);
    let noted = |(key, _): &(String, String)| alone && (key == PLATFORM || key == ROLE);
    vnfd.metadata.extend(drawn.metadata.into_iter().filter(noted));
    vnfd.vdus.extend(drawn.vdus);
    vnfd.aspects.extend(drawn.aspects);
    vnfd.levels.extend(drawn.levels.into_iter().filter(|_| alone));
    vnfd.profiles.extend(drawn.profiles);
}

/// Ids are unique in a descriptor, and two charts may have the same.
fn named_apart(chart: &str, drawn: &mut Vnfd) {
    let own = |id: &mut String| *id = format!("{chart}/{id}");
    for vdu in &mut drawn.vdus {
        own(&mut vdu.id);
        vdu.cps.iter_mut().for_each(|cp| own(&mut cp.id));
    }
    for cp in &mut drawn.virtual_cps {
        cp.internal.iter_mut().for_each(own);
    }
    for cp in &mut drawn.external_cps {
        if let Link::Internal(vdu, id) = &mut cp.link {
            own(vdu);
            own(id);
        }
    }
    for aspect in &mut drawn.aspects {
        own(&mut aspect.id);
        aspect.vdus.iter_mut().for_each(own);
    }
    let profiles = std::mem::take(&mut drawn.profiles);
    drawn.profiles = profiles.into_iter().map(|(id, profile)| (format!("{chart}/{id}"), profile)).collect();
}
