//! Descriptors as the standard means them, whatever they are written in: what a manager of services reads to know a
//! function (VNFD, IFA 011), a service of them (NSD, IFA 014), and a slice of services (NST, as OSM has it).
//!
//! What nobody said is absent: a descriptor never holds an invented figure. Pure; SOL001, SOL006 and OSM are its spellings.

mod nsd;
mod nst;
mod vnfd;

pub use nsd::{LinkQuality, Member, NS_FLAVOUR, Nsd, PlacementGroup, VirtualLink};
pub use nst::{Nst, SliceLink, Subnet};
pub use vnfd::{
    Affinity, Amount, Aspect, Compute, ContainerImage, ExternalCp, FLAVOUR, InternalCp, LEVEL, Level, Link, Mciop,
    Measure, Property, Script, SecurityRule, Storage, StorageKind, Vdu, VduProfile, VirtualCp, Vnfd, WorkloadKind,
};
