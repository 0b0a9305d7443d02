//! A network service becomes a slice: functions by their charts, placement groups as sites, virtual links as access rules,
//! levels and parameters as values of the charts. Pure: the same descriptors and the same words give the same slice.
//!
//! Only what the descriptors declare can be said; everything that is wrong is told at once.

use super::allowed::Allowed;
use super::{reached, service};
use models::problem::nearest;
use models::slice::{
    Bind, Chart, ChartFrom, DEVICES, Function, FunctionUse, Gateway, Platform, Role, Server, ServiceUse, Site, Workload,
};
use models::{Name, Problem, SliceSpec};
use sol005::descriptor::{Member, Nsd, Vnfd};
use std::collections::{BTreeMap, BTreeSet};

/// A function's descriptor, and the package that it came with.
#[derive(Clone)]
pub struct Described {
    pub package: Name,
    pub vnfd: Vnfd,
}

/// A service with everything that it is made of.
pub struct Parts<'a> {
    pub nsd: &'a Nsd,
    /// By the ids of the service's members.
    pub functions: &'a BTreeMap<String, Described>,
    pub said: &'a ServiceUse,
}

/// What became of it: the slice's sites, functions and access rules, and what its owner should know.
#[derive(Debug)]
pub struct Composed {
    pub spec: SliceSpec,
    pub warnings: Vec<String>,
}

/// Fields of the problems are below the service's: `functions.web.scale.replicas`.
pub fn slice(parts: &Parts<'_>) -> Result<Composed, Vec<Problem>> {
    let mut problems = unknown(parts);
    let mut spec = SliceSpec { service: Some(parts.said.clone()), ..SliceSpec::default() };
    let mut made = Made::default();
    let mut warnings = Vec::new();
    for (site, members) in sites(parts.nsd) {
        match place(parts, &members) {
            Ok(place) => drop(spec.sites.insert(site.clone(), place)),
            Err(problem) => problems.push(problem),
        }
        for member in members {
            let Some(described) = parts.functions.get(&member.id) else { continue };
            match functions((member, described), (&site, said(parts, member)), &mut made) {
                Ok(functions) => stand(&mut spec, described, functions),
                Err(more) => problems.extend(more),
            }
        }
    }
    attach(parts, &mut spec, &made.names);
    apart(parts.nsd, &mut spec);
    let (access, notes) = reached::rules(parts, &made.names);
    spec.access = access;
    warnings.extend(notes);
    warnings.extend(unkept(parts.nsd));
    if problems.is_empty() { Ok(Composed { spec, warnings }) } else { Err(problems) }
}

fn said<'a>(parts: &Parts<'a>, member: &Member) -> Option<&'a FunctionUse> {
    parts.said.functions.get(&member.id)
}

/// Names that the service has not.
fn unknown(parts: &Parts<'_>) -> Vec<Problem> {
    let known = || parts.nsd.members.iter().map(|member| member.id.as_str());
    let lost = parts.said.functions.keys().filter(|id| known().all(|known| known != id.as_str()));
    let problem = |id: &String| {
        let message = format!("the service {} has no function {id:?}", parts.nsd.name);
        let mend = match nearest(id, known()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("its functions are {}", known().collect::<Vec<_>>().join(", ")),
        };
        Problem::at(format!("functions.{id}"), message).mend(mend)
    };
    lost.map(problem).collect()
}

/// Functions of a member by the parts of their descriptors, as the slice calls them.
pub(super) type Names = BTreeMap<(String, String), Name>;

#[derive(Default)]
struct Made {
    taken: BTreeSet<Name>,
    names: Names,
}

impl Made {
    /// A name of the slice's for a part: the member's, with the part's where there are several. None is given twice.
    fn name(&mut self, member: &Member, (part, only): (&str, bool)) -> Result<Name, Problem> {
        let words = if only { member.id.clone() } else { format!("{}-{part}", member.id) };
        let name = plain(&words).filter(|name| name.as_str() != DEVICES && !self.taken.contains(name));
        let Some(name) = name else {
            let message = format!("{words:?} cannot be the name of a function, or another is called the same");
            return Err(Problem::at(format!("functions.{}", member.id), message)
                .mend("name it in the descriptor with at most 40 letters, digits and '-'"));
        };
        self.taken.insert(name.clone());
        self.names.insert((member.id.clone(), part.to_owned()), name.clone());
        Ok(name)
    }
}

/// Whether a function of a slice is this member, or a part of it.
pub fn is_of(member: &Member, workload: &Workload<'_>) -> bool {
    let part = format!("{}-{}", member.id, workload.chart.name);
    [member.id.as_str(), &part].into_iter().any(|words| plain(words).as_ref() == Some(workload.name))
}

fn plain(words: &str) -> Option<Name> {
    let plain: String = words.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    plain.trim_matches('-').parse().ok()
}

/// Each chart of a member is a function of the slice.
fn functions(
    (member, described): (&Member, &Described),
    (site, said): (&Name, Option<&FunctionUse>),
    made: &mut Made,
) -> Result<Vec<Function>, Vec<Problem>> {
    let vnfd = &described.vnfd;
    let field = format!("functions.{}", member.id);
    let allowed = Allowed { vnfd, field: &field };
    let mut problems = Vec::new();
    let mut values = allowed.values(member, said).unwrap_or_else(|more| {
        problems.extend(more);
        BTreeMap::new()
    });
    let mut functions = Vec::new();
    for mciop in &vnfd.mciops {
        match made.name(member, (&mciop.id, vnfd.mciops.len() == 1)) {
            Ok(name) => functions.push(Function {
                name,
                site: site.clone(),
                chart: Chart {
                    from: ChartFrom::Package(described.package.clone()),
                    name: mciop.id.clone(),
                    version: None,
                },
                values: values.remove(&mciop.id).unwrap_or_default(),
            }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(functions) } else { Err(problems) }
}

/// As what a member's functions stand in the slice: of a known platform as what their chart says, else by themselves.
fn stand(spec: &mut SliceSpec, described: &Described, functions: Vec<Function>) {
    let played = service::played(&described.vnfd).filter(|_| functions.len() == 1);
    let platform = Some(Platform::Mqtt);
    for Function { name, site, chart, values } in functions {
        let bind = Bind::new();
        match played {
            Some(Role::Server) => {
                spec.servers.push(Server { name, site, chart, values, platform, port: None, bind });
            }
            Some(Role::Gateway) => spec.gateways.push(Gateway {
                name,
                site,
                chart,
                values,
                platform,
                port: None,
                bind,
                server: None,
                servers: vec![],
            }),
            Some(Role::Function) | None => spec.functions.push(Function { name, site, chart, values }),
        }
    }
}

/// A gateway is attached to the servers that are on a virtual link with it.
fn attach(parts: &Parts<'_>, spec: &mut SliceSpec, names: &Names) {
    let links = parts.nsd.links.iter().filter(|link| !link.management);
    let named = |name: &Name| names.iter().find(|(_, known)| *known == name).map(|((member, _), _)| member.clone());
    let on = |member: Option<String>, link: &str| {
        let found = parts.nsd.members.iter().find(|known| Some(&known.id) == member.as_ref());
        found.is_some_and(|found| found.connections.iter().any(|(known, _)| known == link))
    };
    let servers: Vec<Name> = spec.servers.iter().map(|server| server.name.clone()).collect();
    for link in links {
        for gateway in spec.gateways.iter_mut().filter(|gateway| on(named(&gateway.name), &link.id)) {
            let new = servers.iter().filter(|server| on(named(server), &link.id));
            let new: Vec<Name> = new.filter(|server| !gateway.servers.contains(*server)).cloned().collect();
            gateway.servers.extend(new);
        }
    }
}

/// Members that stand together are one site, called after its first; each other has its own.
fn sites(nsd: &Nsd) -> Vec<(Name, Vec<&Member>)> {
    let together = |one: &Member, other: &Member| {
        let groups = nsd.groups.iter().filter(|group| group.together).map(|group| &group.id);
        groups.into_iter().any(|group| one.groups.contains(group) && other.groups.contains(group))
    };
    let mut sites: Vec<Vec<&Member>> = Vec::new();
    for member in &nsd.members {
        let (near, far): (Vec<_>, Vec<_>) =
            sites.into_iter().partition(|site| site.iter().any(|known| together(known, member)));
        sites = far;
        sites.push(near.into_iter().flatten().chain([member]).collect());
    }
    let position = |member: &Member| nsd.members.iter().position(|known| known.id == member.id);
    for site in &mut sites {
        site.sort_by_key(|member| position(member));
    }
    sites.sort_by_key(|site| site.first().and_then(|member| position(member)));
    let mut named: Vec<(Name, Vec<&Member>)> = Vec::new();
    for site in sites {
        let own = site.first().and_then(|member| plain(&member.id));
        let numbered = (1..).map_while(|at| format!("site-{at}").parse::<Name>().ok());
        let free = |name: &Name| named.iter().all(|(taken, _)| taken != name);
        if let Some(name) = own.into_iter().chain(numbered).find(free) {
            named.push((name, site));
        }
    }
    named
}

/// Where a site may be: as was said of one of its members, anywhere where nobody said anything.
fn place(parts: &Parts<'_>, members: &[&Member]) -> Result<Site, Problem> {
    let mut place: Option<(&str, Site)> = None;
    for member in members {
        let Some(said) = said(parts, member).filter(|said| said.cluster.is_some() || said.select.is_some()) else {
            continue;
        };
        let site = Site { cluster: said.cluster.clone(), select: said.select.clone(), ..Site::default() };
        match &place {
            Some((other, known)) if *known != site => {
                let message = format!("{} and {other} stand together, and two places are said", member.id);
                let field =
                    format!("functions.{}.{}", member.id, if said.cluster.is_some() { "cluster" } else { "select" });
                return Err(Problem::at(field, message).mend("say the place of one of them"));
            }
            Some(_) => {}
            None => place = Some((&member.id, site)),
        }
    }
    let anywhere = || Site { select: Some(Default::default()), ..Site::default() };
    Ok(place.map_or_else(anywhere, |(_, site)| site))
}

/// Members that keep apart are on sites that keep apart.
fn apart(nsd: &Nsd, spec: &mut SliceSpec) {
    let all = sites(nsd);
    for group in nsd.groups.iter().filter(|group| !group.together && group.scope == POP) {
        let inside = |members: &[&Member]| members.iter().any(|member| member.groups.contains(&group.id));
        let names: Vec<&Name> = all.iter().filter(|(_, members)| inside(members)).map(|(name, _)| name).collect();
        for (at, name) in names.iter().enumerate() {
            if let Some(site) = spec.sites.get_mut(*name) {
                site.apart.extend(names.iter().skip(at + 1).map(|other| (*other).clone()));
            }
        }
    }
}

/// A cluster, in the standard's words.
const POP: &str = "nfvi-pop";

/// What is asked of nodes and zones, which no cluster is asked for yet.
fn unkept(nsd: &Nsd) -> Vec<String> {
    let fine = nsd.groups.iter().filter(|group| group.scope != POP);
    let words = |group: &sol005::descriptor::PlacementGroup| {
        let (id, scope) = (&group.id, group.scope);
        match group.together {
            true => format!("group {id} stands together on a cluster; that it shares a {scope} is asked, not enforced"),
            false => format!("group {id} keeps apart by {scope}: asked, not enforced"),
        }
    };
    fine.map(words).collect()
}
