//! The interfaces of SOL005 and the versions of them that are spoken here. An answer of one major version has what all of
//! its minor ones know; of the attributes that newer ones added it has those that mean something.

use crate::sol013::Version;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interface {
    Nsd,
    Vnfpkgm,
    Nslcm,
}

impl Interface {
    pub const ALL: [Self; 3] = [Self::Nsd, Self::Vnfpkgm, Self::Nslcm];

    /// The name in its URIs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nsd => "nsd",
            Self::Vnfpkgm => "vnfpkgm",
            Self::Nslcm => "nslcm",
        }
    }

    pub const fn majors(self) -> &'static [u8] {
        &[1, 2]
    }

    /// Of a major version, or, above them (0), of the newest; oldest first: those of SOL005 2.6.1 (and, of nslcm, what followed it in its first major version), and of 2.7.1 to 4.5.1.
    pub const fn versions(self, major: u8) -> &'static [Version] {
        const NSD: [&[Version]; 2] = [
            &[Version(1, 1, 0)],
            &[
                Version(2, 0, 0),
                Version(2, 1, 0),
                Version(2, 2, 0),
                Version(2, 2, 1),
                Version(2, 10, 0),
                Version(2, 12, 0),
            ],
        ];
        const VNFPKGM: [&[Version]; 2] = [
            &[Version(1, 3, 0)],
            &[
                Version(2, 0, 0),
                Version(2, 1, 0),
                Version(2, 2, 0),
                Version(2, 3, 0),
                Version(2, 10, 0),
                Version(2, 12, 0),
            ],
        ];
        const NSLCM: [&[Version]; 2] = [
            &[Version(1, 2, 0), Version(1, 3, 0), Version(1, 4, 0)],
            &[Version(2, 0, 0), Version(2, 1, 0), Version(2, 2, 0), Version(2, 10, 0), Version(2, 12, 0)],
        ];
        let of = match self {
            Self::Nsd => NSD,
            Self::Vnfpkgm => VNFPKGM,
            Self::Nslcm => NSLCM,
        };
        match major {
            1 => of[0],
            0 | 2 => of[1],
            _ => &[],
        }
    }
}
