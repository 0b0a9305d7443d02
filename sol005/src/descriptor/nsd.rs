//! A service's descriptor: NSD, IFA 014 6.2.2, of functions that are on-boarded beside it.

/// The one deployment flavour.
pub const NS_FLAVOUR: &str = "default";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nsd {
    pub id: String,
    /// The same over all its versions.
    pub invariant_id: String,
    pub name: String,
    pub designer: String,
    pub version: String,
    pub members: Vec<Member>,
    pub links: Vec<VirtualLink>,
    /// Where the service is reached: `(id, id of a link)`.
    pub saps: Vec<(String, String)>,
    pub groups: Vec<PlacementGroup>,
    /// `(needs, needed)`, by ids of members.
    pub dependencies: Vec<(String, String)>,
}

/// A function as part of the service (VnfProfile, IFA 014 6.3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Unique in the service: OSM's member-vnf-index.
    pub id: String,
    /// [`super::Vnfd::id`]
    pub vnfd: String,
    pub flavour: String,
    pub level: String,
    /// Ids of [`Nsd::groups`].
    pub groups: Vec<String>,
    /// Which of its external connection points is on which link: `(link, connection point)`.
    pub connections: Vec<(String, String)>,
}

/// A network between functions (NsVirtualLinkDesc, IFA 014 6.5.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VirtualLink {
    pub id: String,
    pub description: String,
    /// By it the functions are managed.
    pub management: bool,
    /// Only where it was asked for.
    pub quality: Option<LinkQuality>,
}

/// What traffic on a link is promised. Units: microseconds, bits per second, parts per billion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkQuality {
    pub latency_us: Option<u64>,
    pub bandwidth_bps: Option<u64>,
    pub availability_ppb: Option<u64>,
}

/// Functions that stand together or apart (AffinityOrAntiAffinityGroup, IFA 014 6.3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementGroup {
    pub id: String,
    pub together: bool,
    /// `nfvi-pop`: a cluster; `nfvi-node`: a node.
    pub scope: &'static str,
}
